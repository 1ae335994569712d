/** What is left of a sandbox that has been disposed of: an error, for whoever uses it and for its own guest. */

import type { ImportResolver } from '../../wasm/engine.ts';
import { type ResourceFigures, SandboxDisposed } from '../../wasm/errors.ts';
import { ignore } from '../../wasm/thenable.ts';
import { failureOf } from './failures.ts';

export function disposedError(instanceId: string): SandboxDisposed {
  return new SandboxDisposed(`the sandbox ${instanceId} has been disposed of: build a new one`);
}

/** What a call of a sandbox that has been disposed of meanwhile is to throw, whatever ended its guest. */
export function disposedFailure(instanceId: string, cause: unknown, figures: () => ResourceFigures): unknown {
  return failureOf('', cause instanceof SandboxDisposed ? cause : disposedError(instanceId), figures);
}

/**
 * Host functions behind which a guest does not go on, if one of them has disposed of the guest's sandbox.
 * @param refuse throws SandboxDisposed if that is so
 */
export function untilDisposed(resolve: ImportResolver, refuse: () => void): ImportResolver {
  return (module, name, type) => {
    const host = resolve(module, name, type);
    if (host === undefined) return undefined;
    return host.with((caller, args) => {
      let value: unknown;
      try {
        value = host.call(caller, args);
      } catch (error) {
        refuse();
        throw error;
      }
      try {
        refuse();
      } catch (error) {
        // Nobody will look at it any more.
        ignore(value);
        throw error;
      }
      return value;
    });
  };
}
