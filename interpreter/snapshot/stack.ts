/** The stack of a call that was left. Only return addresses are kept: all else follows from the code they are in. */

import { SnapshotError } from '../../wasm/errors.ts';
import { slotsOf } from '../../wasm/types.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import { HALT_PC, LEAVE_PC } from '../code/index.ts';
import { returnToCaller, type Thread } from '../machine/index.ts';
import type { Instance, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import type { Numbering } from './numbering.ts';
import { type FunctionPlaces, findPlaces } from './places.ts';
import { CodeMap } from './positions.ts';
import type { ReferenceTable } from './references.ts';

/** A place in the code of a program, in a form that does not depend on which functions have been lowered, or where to. */
export interface Position {
  /** Number of the body. */
  readonly body: number;
  /** Words from the function's entry. */
  readonly offset: number;
}

export interface StackImage {
  /** Number of the function that was called from outside. */
  readonly entered: number;
  /** Return addresses from the outermost on, and where the guest stands; none if it has only to return its results. */
  readonly positions: readonly Position[];
  /** By body, of every function on the stack. */
  readonly fingerprints: readonly (readonly [body: number, fingerprint: number])[];
  /** Registers of all frames; zero where nothing will be read. */
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
  numbering: Numbering,
): StackImage {
  // After a tail call nothing of the last instance may be left.
  if (thread.pc === LEAVE_PC) {
    returnToCaller(thread);
    thread.returnGas(thread.gas);
  }
  const positions = positionsOf(thread, numbering);
  const places = findPlaces(numbering, positions, () => undefined);
  const words = wordsOf(thread.depth, func);
  return {
    entered: numbering.of('functions', func.instance, func.index),
    positions,
    fingerprints: Array.from(places, ([body, { fingerprint }]) => [body, fingerprint] as const),
    registers: registersOf(thread, words, positions, places),
    references: table.idsOf(usedReferences(thread, words / 2)),
  };
}

/**
 * What will be read again, and zeros in place of all else: what was computed there may have been handed on without its
 * register, or not, as the loop has it that ran the guest.
 */
function registersOf(
  { registers: all }: Thread,
  words: number,
  positions: readonly Position[],
  places: ReadonlyMap<number, FunctionPlaces>,
): Int32Array {
  if (positions.length === 0) return all.slice(0, words);
  const registers = new Int32Array(words);
  let fp = 0;
  positions.forEach(({ body, offset }, i) => {
    const place = places.get(body)?.places.get(offset);
    // It could not be restored either.
    if (place === undefined) return;
    const { locals, operands, call } = place;
    // What is called has its frame where its arguments were.
    const own = call === undefined || i === positions.length - 1 ? words - fp : call.base;
    registers.set(all.subarray(fp, fp + Math.min(locals, own)), fp);
    for (const slot of operands) {
      const at = fp + 2 * slot;
      if (2 * slot < own) registers.set(all.subarray(at, at + 2), at);
    }
    fp += call?.base ?? 0;
  });
  return registers;
}

/** @throws SnapshotError where an instance on the stack is none of the program's */
function positionsOf(thread: Thread, numbering: Numbering): readonly Position[] {
  if (thread.pc === HALT_PC) return [];
  const instances = [...thread.callers, thread.instance as Instance].values();
  const maps = new Map<Instance, CodeMap>();
  const positions: Position[] = [];
  let instance = instances.next().value as Instance;
  for (const pc of [...thread.frames.subarray(1, thread.sp), thread.pc]) {
    if (pc === LEAVE_PC) {
      instance = instances.next().value as Instance;
      continue;
    }
    let map = maps.get(instance);
    if (map === undefined) {
      map = new CodeMap(instance.code);
      maps.set(instance, map);
    }
    const { body, offset } = map.positionOf(pc);
    const number = numbering.of('bodies', instance, body);
    if (number < 0) {
      throw new SnapshotError(
        'the call has gone to an instance that it is not linked with, which a snapshot cannot hold',
      );
    }
    positions.push({ body: number, offset });
  }
  return positions;
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
