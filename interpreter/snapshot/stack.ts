/** The stack of a call that was left. Only return addresses are kept: all else follows from the code they are in. */

import { SnapshotError } from '../../wasm/errors.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import { HALT_PC, LEAVE_PC } from '../code/index.ts';
import type { Instance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { type LeftStack, wordsOf } from './held.ts';
import { type Used, type UsedRegisters, usedRegisters } from './in-use.ts';
import type { Numbering, Place } from './numbering.ts';
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

type LeftThread = LeftStack['thread'];

/** @throws SnapshotError */
export function captureStack({ thread, func }: LeftStack, table: ReferenceTable, numbering: Numbering): StackImage {
  const positions = positionsOf(thread, numbering);
  const words = wordsOf(thread.depth, func);
  const entered = numbering.of('functions', func.instance, func.index);
  if (positions.length === 0) {
    const references = table.idsOf(usedReferences(thread, words / 2));
    return { entered, positions, fingerprints: [], registers: thread.registers.slice(0, words), references };
  }
  const { fingerprints, registers, references } = usedBy(thread, positions, numbering, words);
  return { entered, positions, fingerprints, registers, references: table.idsOf(references) };
}

/**
 * What will be read again, and zeros and nulls in place of all else: what was computed there may have been handed on without
 * its register, or not, as the loop or the engine has it that ran the guest.
 */
function usedBy(thread: LeftThread, positions: readonly Position[], numbering: Numbering, words: number) {
  const offsets = new Map<number, Set<number>>();
  for (const { body, offset } of positions) {
    const known = offsets.get(body);
    if (known === undefined) offsets.set(body, new Set([offset]));
    else known.add(offset);
  }
  const found = new Map<number, UsedRegisters & Place>();
  for (const [body, wanted] of offsets) {
    const place = numbering.find('bodies', body) as Place;
    found.set(body, { ...usedRegisters(place.instance.module, place.index, wanted), ...place });
  }
  const registers = new Int32Array(words);
  const references: Reference[] = [];
  let fp = 0;
  positions.forEach(({ body, offset }, i) => {
    const { at, instance, index } = found.get(body) as UsedRegisters & Place;
    const isInnermost = i === positions.length - 1;
    // The word before a return address is where the callee's frame begins.
    const { words: code } = instance.code;
    const end = isInnermost ? Number.POSITIVE_INFINITY : (code[instance.code.entry(index) + offset - 1] as number);
    for (const [register, count] of at.get(offset) as readonly Used[]) {
      if (register >= end) continue;
      const first = fp + register;
      if (count > 0) registers.set(thread.registers.subarray(first, first + count), first);
      else setReference(references, first >> 1, thread.references.get(first >> 1));
    }
    fp += isInnermost ? 0 : end;
  });
  return {
    fingerprints: Array.from(found, ([body, { fingerprint }]) => [body, fingerprint] as const),
    registers,
    references,
  };
}

/** @throws SnapshotError where an instance on the stack is none of the program's */
function positionsOf(thread: LeftThread, numbering: Numbering): readonly Position[] {
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

/** Of a list that has no nulls at its end. */
function setReference(references: Reference[], slot: number, reference: Reference): void {
  if (reference === null) return;
  while (references.length < slot) references.push(null);
  references[slot] = reference;
}

/** Without the nulls at the end. */
function usedReferences(thread: LeftThread, slots: number): Reference[] {
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
