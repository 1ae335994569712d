/** Instances on the interpreter, for tests. */

import { interpreter } from '../../interpreter/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineInstance, InstanceLimits, InstantiateOptions, Slices } from '../../wasm/engine.ts';

export const MiB = 1024 * 1024;

interface Options extends Partial<InstanceLimits> {
  readonly imports?: InstantiateOptions['imports'];
  readonly slices?: Slices;
}

export const LIMITS: InstanceLimits = { gas: undefined, memoryBytes: 64 * MiB, stackBytes: 512 * 1024 };

/** An instance whose start function has not run yet. */
export function prepare(bytes: Uint8Array, { imports, slices, ...limits }: Options = {}): EngineInstance {
  return interpreter.instantiate(decode(bytes), {
    limits: { ...LIMITS, ...limits },
    imports: imports ?? (() => undefined),
    slices,
  });
}

export function instantiate(bytes: Uint8Array, options?: Options): EngineInstance {
  const instance = prepare(bytes, options);
  instance.start();
  return instance;
}

/** What a call throws. */
export function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to fail');
}
