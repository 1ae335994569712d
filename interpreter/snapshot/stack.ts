/** The stack of a call that was left. Only return addresses are kept: all else follows from the code they are in. */

import { SnapshotError } from '../../wasm/errors.ts';
import { slotsOf } from '../../wasm/types.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { Reference, WasmFunction } from '../function.ts';
import type { Instance } from '../instance.ts';
import { HALT_PC } from '../isa.ts';
import type { Thread } from '../thread.ts';
import { CodeMap, Layouts, type Position } from './positions.ts';
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
const wordsOf = (depth: number, { type }: WasmFunction) =>
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
  const layouts = new Layouts(instance.code);
  for (const { body } of positions) layouts.of(body);
  const words = wordsOf(thread.depth, func);
  return {
    entered: func.index,
    positions,
    fingerprints: layouts.fingerprints,
    registers: thread.registers.slice(0, words),
    references: table.idsOf(usedReferences(thread, words / 2)),
  };
}

/** Without the empty places at the end. */
function usedReferences({ references }: Thread, slots: number): Reference[] {
  let end = Math.min(references.length, slots);
  while (end > 0 && references[end - 1] === undefined) end--;
  return Array.from({ length: end }, (_, i) => references[i]);
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

/** @throws SnapshotError */
export function readStack(from: WireReader): StackImage {
  return {
    entered: from.u32(),
    positions: Array.from({ length: from.count(8, 'return addresses') }, () => ({
      body: from.u32(),
      offset: from.u32(),
    })),
    fingerprints: Array.from(
      { length: from.count(8, 'functions on the stack') },
      () => [from.u32(), from.u32()] as const,
    ),
    registers: from.words(),
    references: from.words(),
  };
}

/** A stack that fits the module. */
export interface StackPlan {
  readonly func: WasmFunction;
  readonly stack: StackImage;
  readonly references: readonly Reference[];
  /** Of the innermost frame. */
  readonly fp: number;
  readonly depth: number;
}

/** @throws SnapshotError where a stack cannot be that of a call in the instance */
export function planStack(instance: Instance, stack: StackImage, objects: readonly Reference[]): StackPlan {
  const { module } = instance;
  const { positions, fingerprints, entered } = stack;
  const func = entered < module.functions.length ? instance.function(entered) : undefined;
  if (func === undefined || !('instance' in func)) return damaged('it names no function that could have been called');
  const layouts = new Layouts(instance.code);
  for (const [body, fingerprint] of fingerprints) layouts.check(body, fingerprint);
  const innermost = positions.at(-1);
  if (innermost !== undefined) layouts.requireInstruction(innermost);
  let fp = 0;
  let depth = 0;
  for (const position of positions) {
    depth += layouts.of(position.body).weight;
    if (position !== innermost) fp += layouts.baseBehindCall(position);
  }
  if (layouts.fingerprints.length !== fingerprints.length) damaged('functions on its stack are not described');
  const limit = instance.store.stackBytes;
  if (depth > limit) {
    throw new SnapshotError(`the stack in the snapshot weighs ${depth} bytes, the limit is ${limit}: raise stackLimit`);
  }
  const words = wordsOf(depth, func);
  if (stack.registers.length !== words || stack.references.length > words / 2)
    damaged('its registers do not fit its stack');
  for (const id of stack.references) if (id < 0 || id >= objects.length) damaged('a reference has no object');
  const references = Array.from(stack.references, (id) => objects[id]);
  return { func, stack, references, fp, depth };
}

/** Puts the stack into a thread that has nothing on its own. */
export function applyStack(thread: Thread, { func, stack, references, fp, depth }: StackPlan): void {
  const { code } = func.instance;
  while (thread.depthLimit < depth) thread.grow();
  const pcs = stack.positions.map(({ body, offset }) => code.entry(body) + offset);
  const pc = pcs.pop();
  thread.pc = pc ?? HALT_PC;
  thread.fp = fp;
  thread.depth = depth;
  thread.frames[0] = HALT_PC;
  thread.frames.set(pcs, 1);
  thread.sp = pc === undefined ? 0 : pcs.length + 1;
  thread.registers.set(stack.registers);
  for (const reference of references) thread.references.push(reference);
  thread.bind(func.instance);
}
