/** Puts the stack of a call that was left into a thread, if it can be one of the module's. */

import { SnapshotError } from '../../wasm/errors.ts';
import { STACK_WEIGHT } from '../../wasm/gas.ts';
import { matchesAll } from '../../wasm/matching.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { opcode } from '../../wasm/opcodes.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { type Feature, isReference, slotsOf } from '../../wasm/types.ts';
import { damaged, type WireReader } from '../../wasm/wire.ts';
import { HALT_PC } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import { type GuestFunction, type Instance, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { type FramePlace, type PendingCall, PlaceFinder } from './places.ts';
import { referenceAt, requireType } from './read-references.ts';
import { type StackImage, wordsOf } from './stack.ts';

/** @throws SnapshotError where it has more frames than the instance allows */
export function readStack(from: WireReader, { store, module }: Instance): StackImage {
  const entered = from.u32();
  const count = from.count(8, 'return addresses');
  if (count * STACK_WEIGHT.frame > store.stackBytes) throw tooDeep(count * STACK_WEIGHT.frame, store.stackBytes);
  const positions = Array.from({ length: count }, () => ({ body: from.u32(), offset: from.u32() }));
  const functions = from.count(8, 'functions on the stack', Math.min(count, module.bodies.length));
  const fingerprints = Array.from({ length: functions }, () => [from.u32(), from.u32()] as const);
  return { entered, positions, fingerprints, registers: from.words(), references: from.words() };
}

function tooDeep(weight: number, limit: number): SnapshotError {
  return new SnapshotError(`the stack in the snapshot weighs ${weight} bytes, the limit is ${limit}: raise stackLimit`);
}

/** A stack that fits the module. */
interface StackPlan {
  readonly func: WasmFunction;
  readonly stack: StackImage;
  readonly references: readonly Reference[];
  /** Of the innermost frame. */
  readonly fp: number;
  readonly depth: number;
}

/**
 * @param entered the function that the call has to be of, if that is known
 * @throws SnapshotError where a stack cannot be that of the call
 */
export function planStack(
  instance: Instance,
  stack: StackImage,
  objects: readonly Reference[],
  entered: GuestFunction | undefined,
): StackPlan {
  const func = stack.entered < instance.module.functions.length ? instance.function(stack.entered) : undefined;
  if (!(func instanceof WasmFunction)) return damaged('it names no function that could have been called');
  if (entered !== undefined && func !== entered) damaged('its stack is of another call');
  const depth = weigh(instance, stack);
  const words = wordsOf(depth, func);
  if (stack.registers.length !== words || stack.references.length > words / 2) {
    damaged('its registers do not fit its stack');
  }
  const references = new Array<Reference>(words / 2).fill(null);
  stack.references.forEach((id, slot) => {
    references[slot] = referenceAt(objects, id);
  });
  const fp = stack.positions.length === 0 ? requireResults(func, references) : requireFrames(func, stack, references);
  return { func, stack, references, fp, depth };
}

/** The stack's weight. @throws SnapshotError where it is beyond the limit */
function weigh({ module, store }: Instance, { positions }: StackImage): number {
  const weights = new Map<number, number>();
  let depth = 0;
  for (const { body } of positions) {
    let weight = weights.get(body);
    if (weight === undefined) {
      if (body >= module.bodies.length) damaged('the stack names a function that the module does not have');
      weight = frameWeight(typeOfFunction(module, module.importedFunctions + body).params, module.bodies.at(body));
      weights.set(body, weight);
    }
    depth += weight;
  }
  if (depth > store.stackBytes) throw tooDeep(depth, store.stackBytes);
  return depth;
}

/** The call has only to return its results. */
function requireResults(func: WasmFunction, references: readonly Reference[]): number {
  let slot = 0;
  for (const type of func.type.results) {
    if (isReference(type)) requireType(type, references[slot], func.instance);
    slot += slotsOf([type]);
  }
  return 0;
}

/** Every frame holds what its function has there, and returns what the frame before waits for. Returns the last's place. */
function requireFrames(func: WasmFunction, stack: StackImage, references: readonly Reference[]): number {
  const { instance } = func;
  const { module } = instance;
  const { positions } = stack;
  const places = findPlaces(instance, stack);
  let fp = 0;
  let expected: Expected = { results: func.type.results, callee: func.index };
  positions.forEach((position, i) => {
    const isInnermost = i === positions.length - 1;
    const place = places.get(position.body)?.get(position.offset);
    requireCallee(module, module.importedFunctions + position.body, expected);
    const call = place?.call;
    if (place === undefined || !(isInnermost ? mayBeLeft(module, place) : call !== undefined)) {
      damaged(isInnermost ? 'the guest stands where it cannot be left' : 'a return address is not behind a call');
    }
    const end = isInnermost || call === undefined ? Number.POSITIVE_INFINITY : call.base >> 1;
    for (const [slot, type] of (place as FramePlace).references) {
      if (slot < end) requireType(type, references[(fp >> 1) + slot], instance);
    }
    if (isInnermost || call === undefined) return;
    fp += call.base;
    expected = call;
  });
  return fp;
}

/** What a call is of, and gives. */
type Expected = Pick<PendingCall, 'results' | 'callee'>;

/** What a module needs that has a tail call. */
const TAIL_CALLS = (['return_call', 'return_call_indirect', 'return_call_ref'] as const).map(
  (mnemonic) => opcode(mnemonic).feature as Feature,
);
const mayCallInPlace = ({ features }: WasmModule) => TAIL_CALLS.some((feature) => features.includes(feature));

/** A function that was called may have called another in its place, which returns the same. */
function requireCallee(module: WasmModule, index: number, { results, callee }: Expected): void {
  if (callee !== -1 && callee !== index && !mayCallInPlace(module)) {
    damaged('a function on its stack is not the one that was called');
  }
  if (!matchesAll(module.types, typeOfFunction(module, index).results, results)) {
    damaged('a function on its stack returns other results than the one that was called');
  }
}

/** Behind a call the guest can be left where the host has returned, or somebody has called it in its place. */
function mayBeLeft(module: WasmModule, { call, isCheckpoint }: FramePlace): boolean {
  if (isCheckpoint) return true;
  return call !== undefined && (call.callee < module.importedFunctions || mayCallInPlace(module));
}

/** By body and offset. @throws SnapshotError where the code is not that of the version that made the snapshot */
function findPlaces({ module, patron }: Instance, { positions, fingerprints }: StackImage) {
  const offsets = new Map<number, Set<number>>();
  for (const { body, offset } of positions) {
    const known = offsets.get(body);
    if (known === undefined) offsets.set(body, new Set([offset]));
    else known.add(offset);
  }
  const described = new Map(fingerprints);
  if (described.size !== fingerprints.length || described.size !== offsets.size) {
    damaged('functions on its stack are not described, or others are');
  }
  const finder = new PlaceFinder(module, () => patron.look());
  const places = new Map<number, ReadonlyMap<number, FramePlace>>();
  for (const [body, wanted] of offsets) {
    const found = finder.find(body, wanted);
    if (described.get(body) !== found.fingerprint) {
      throw new SnapshotError(
        'the snapshot was made in the middle of a call by another version of wasm-sandbox, whose code for the function was another',
      );
    }
    places.set(body, found.places);
  }
  return places;
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
  thread.nestedValues = func.type.values;
  thread.frames[0] = HALT_PC;
  thread.frames.set(pcs, 1);
  thread.sp = pc === undefined ? 0 : pcs.length + 1;
  thread.registers.set(stack.registers);
  for (const [slot, reference] of references.entries()) {
    if (reference !== null) thread.references.set(slot, reference);
  }
  thread.bind(func.instance);
}
