/** The stack of a call that was left. Only return addresses are kept: all else follows from the code they are in. */

import { SnapshotError } from '../../wasm/errors.ts';
import { slotsOf } from '../../wasm/types.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import { HALT_PC } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import type { WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { fingerprintOf } from './fingerprint.ts';
import { CodeMap, type Position } from './positions.ts';
import type { ReferenceTable } from './references.ts';

export interface StackImage {
  /** Index of the function that was called from outside. */
  readonly entered: number;
  /** Return addresses from the outermost on, and where the guest stands; none if it has only to return its results. */
  readonly positions: readonly Position[];
  /** By body, of every function on the stack. */
  readonly fingerprints: readonly (readonly [body: number, fingerprint: number])[];
  /** Registers of all frames. */
  readonly registers: Int32Array;
  /** Numbers of the references beside them, slot by slot. */
  readonly references: Int32Array;
}

/** Registers, in words, that a stack of a weight can have in use; without a frame these are the results. */
export const wordsOf = (depth: number, { type }: WasmFunction) =>
  2 * (depth === 0 ? slotsOf(type.results) : Math.ceil(depth / 8));

/** @throws SnapshotError */
export function captureStack(
  { thread, func }: { readonly thread: Thread; readonly func: WasmFunction },
  table: ReferenceTable,
): StackImage {
  const instance = func.instance;
  if (thread.callers.length > 0 || thread.instance !== instance) {
    throw new SnapshotError('the call has gone from one instance to another, which a snapshot cannot hold');
  }
  const map = new CodeMap(instance.code);
  const addresses = thread.pc === HALT_PC ? [] : [...thread.frames.subarray(1, thread.sp), thread.pc];
  const positions = addresses.map((pc) => map.positionOf(pc));
  const bodies = new Set(positions.map(({ body }) => body));
  const words = wordsOf(thread.depth, func);
  return {
    entered: func.index,
    positions,
    fingerprints: [...bodies].map((body) => [body, fingerprintOf(instance.module, body)] as const),
    registers: thread.registers.slice(0, words),
    references: table.idsOf(usedReferences(thread, words / 2)),
  };
}

/** Without the nulls at the end. */
function usedReferences(thread: Thread, slots: number): Reference[] {
  const references = thread.references.before(slots);
  while (references.at(-1) === null) references.pop();
  return references;
}

export function writeStack(to: WireWriter, stack: StackImage): void {
  to.u32(stack.entered);
  to.u32(stack.positions.length);
  for (const { body, offset } of stack.positions) {
    to.u32(body);
    to.u32(offset);
  }
  to.u32(stack.fingerprints.length);
  for (const [body, fingerprint] of stack.fingerprints) {
    to.u32(body);
    to.u32(fingerprint);
  }
  to.words(stack.registers);
  to.words(stack.references);
}
