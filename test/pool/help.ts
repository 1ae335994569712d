/** What the tests of the pool have in common. */

import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SandboxPool, WasmSandbox } from '../../src/index.ts';
import type { PoolOptions } from '../../src/pool/options.ts';
import { assemble, I32 } from '../sandbox/modules.ts';

/**
 * Exports `set`, which stores its argument in memory, `get`, which gives what is stored there, `grow`, `fail`, a trap,
 * and `wait`, which calls `env.host`.
 */
export const CELL = assemble({
  imports: [['env', 'host', [[I32], [I32]]]],
  memory: 1,
  functions: [
    { name: 'set', type: [[I32], []], code: [0x41, 0, 0x20, 0, 0x36, 2, 0] },
    { name: 'get', type: [[], [I32]], code: [0x41, 0, 0x28, 2, 0] },
    { name: 'grow', type: [[], [I32]], code: [0x41, 1, 0x40, 0] },
    { name: 'fail', type: [[], []], code: [0x00] },
    { name: 'wait', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] },
    { name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 0, 0x0b] },
  ],
});

/** `set` and `get` alone, without an import. */
const PLAIN_CELL = assemble({
  memory: 1,
  functions: [
    { name: 'set', type: [[I32], []], code: [0x41, 0, 0x20, 0, 0x36, 2, 0] },
    { name: 'get', type: [[], [I32]], code: [0x41, 0, 0x28, 2, 0] },
  ],
});

/** A promise, and how to settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => undefined;
  let reject: Deferred<T>['reject'] = () => undefined;
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

/** A pool whose sandboxes are made when the test says so, and fail when it says so. */
export class Workshop {
  /** Sandboxes asked for so far. */
  asked = 0;
  /** Of those that were made. */
  readonly made: WasmSandbox[] = [];
  /** What the next sandboxes fail with; undefined is none. */
  readonly failures: (Error | undefined)[] = [];
  /** Where set, making a sandbox waits for it. */
  gate: Promise<void> | undefined;

  readonly make = async (): Promise<WasmSandbox> => {
    this.asked++;
    const failure = this.failures.shift();
    await this.gate;
    if (failure !== undefined) throw failure;
    const sandbox = await WasmSandbox.fromBytes(PLAIN_CELL, { instanceId: `made-${this.asked}` });
    this.made.push(sandbox);
    return sandbox;
  };

  pool(options: Omit<PoolOptions, 'sandbox'> = {}): Promise<SandboxPool> {
    return SandboxPool.create({ sandbox: this.make, ...options });
  }
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Collects garbage until something has come of it; false where nothing does. */
export async function collectUntil(condition: () => boolean): Promise<boolean> {
  for (let i = 0; i < 50 && !condition(); i++) {
    // What a condition has looked at through a WeakRef stays until the turn has ended.
    await turn();
    collect();
    await turn();
  }
  return condition();
}

/** Lets everything run that is ready. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}
