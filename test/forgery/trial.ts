/** Restores forged snapshots, and runs what comes of them to its end under its limits. */

import { SandboxCache, type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { pack } from '../../src/snapshot/container.ts';
import { GasExhausted, HostError, MemoryLimitExceeded, SnapshotError, WasmSandboxError } from '../../wasm/errors.ts';
import { forge, type Random } from './forger.ts';
import type { Guest } from './guests.ts';
import { Fault, inspect } from './inspect.ts';

/** What restoring is documented to throw. */
const REFUSALS = [SnapshotError, GasExhausted, MemoryLimitExceeded] as const;
/** What JavaScript throws where something is not what it was taken for. */
const ACCIDENTS = [TypeError, RangeError, ReferenceError, SyntaxError] as const;

/** Keeps modules ready: the same few are restored very often. */
const cache = SandboxCache.inMemory();

/** Gas between two inspections, and inspections after which a guest is left alone. */
const STEP = 20_000;
const MOST_STEPS = 200;

function describe(error: unknown): string {
  if (!(error instanceof WasmSandboxError)) return `${error}`;
  return `${error.constructor.name}: ${error.message.replaceAll(/\d+/g, 'N').slice(0, 100)}`;
}

/** @throws Fault for what no guest within its types ends with */
function requireDocumented(error: unknown): void {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (ACCIDENTS.some((accident) => cause instanceof accident)) throw new Fault(`${cause.stack}`, { cause });
    if (cause === error && !(cause instanceof WasmSandboxError)) throw new Fault(`${cause.stack}`, { cause });
    if (!(cause instanceof HostError)) break;
  }
}

/** What came of a forged snapshot, in words. @throws Fault */
export async function tryContents(contents: Uint8Array, options: SandboxOptions): Promise<string> {
  const bytes = await pack(contents, false, { kind: 'snapshot' });
  let sandbox: WasmSandbox;
  try {
    sandbox = await WasmSandbox.restore(bytes, { ...options, cache });
  } catch (error) {
    if (REFUSALS.some((refusal) => error instanceof refusal)) return `refused, ${describe(error)}`;
    throw new Fault(`refused with ${error instanceof Error ? error.stack : error}`, { cause: error });
  }
  try {
    inspect(sandbox);
    return `restored, ${await end(sandbox)}`;
  } finally {
    sandbox.dispose();
  }
}

async function end(sandbox: WasmSandbox): Promise<string> {
  const { execution } = sandbox;
  if (execution === undefined) return 'and nothing was left to do';
  for (let i = 0; i < MOST_STEPS; i++) {
    const state = execution.step(STEP);
    inspect(sandbox);
    if (state === 'done') return again(sandbox);
    if (state === 'failed') {
      requireDocumented(execution.error);
      return `and failed, ${(execution.error as Error).constructor.name}`;
    }
    if (state === 'waiting') await execution.whenReady();
  }
  return 'and ran on';
}

/** A snapshot of what has ended can be made and restored. */
async function again(sandbox: WasmSandbox): Promise<string> {
  try {
    await sandbox.snapshot({ compress: false });
  } catch (error) {
    if (!(error instanceof SnapshotError)) requireDocumented(error);
  }
  return 'and ran to its end';
}

/** xorshift32. */
export function randomFrom(seed: number): Random {
  let state = Math.imul(seed, 0x9e37_79b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One forgery, which the number alone decides. */
export async function attempt(guests: readonly Guest[], number: number): Promise<string> {
  const random = randomFrom(number + 1);
  for (let i = 0; i < 4; i++) random(2);
  // Of most guests, the one that has everything.
  const guest = guests[random(3) === 0 ? random(guests.length) : 0] as Guest;
  const genuine = guest.trees[random(guest.trees.length)] as Guest['trees'][number];
  return tryContents(forge(genuine, guest.trees, random), guest.options);
}
