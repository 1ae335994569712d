/** What is left of a sandbox that has been disposed of: an error, for whoever uses it and for its own guest. */

import { type ResourceFigures, SandboxDisposed } from '../../wasm/errors.ts';
import { failureOf } from './failures.ts';

export function disposedError(instanceId: string): SandboxDisposed {
  return new SandboxDisposed(`the sandbox ${instanceId} has been disposed of: build a new one`);
}

/** What a call of a sandbox that has been disposed of meanwhile is to throw, whatever ended its guest. */
export function disposedFailure(instanceId: string, cause: unknown, figures: () => ResourceFigures): unknown {
  return failureOf('', cause instanceof SandboxDisposed ? cause : disposedError(instanceId), figures);
}
