/** Puts the stack of a call that was left into a thread, if it can be one of the program's. */

import { SnapshotError } from '../../wasm/errors.ts';
import { STACK_WEIGHT } from '../../wasm/gas.ts';
import { matches } from '../../wasm/matching.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { opcode } from '../../wasm/opcodes.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { type DefinedType, type Feature, isReference, slotsOf, type ValType } from '../../wasm/types.ts';
import { damaged, type WireReader } from '../../wasm/wire.ts';
import { HALT_PC, LEAVE_PC } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import { type GuestFunction, type Instance, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { wordsOf } from './held.ts';
import type { Numbering, Place } from './numbering.ts';
import { type FramePlace, findPlaces } from './places.ts';
import { referenceAt, requireType } from './read-references.ts';
import type { StackImage } from './stack.ts';

/** @throws SnapshotError where it has more frames than the instances allow */
export function readStack(from: WireReader, instances: readonly Instance[]): StackImage {
  const [{ store }] = instances as readonly [Instance];
  const entered = from.u32();
  const count = from.count(8, 'return addresses');
  if (count * STACK_WEIGHT.frame > store.stackBytes) throw tooDeep(count * STACK_WEIGHT.frame, store.stackBytes);
  const positions = Array.from({ length: count }, () => ({ body: from.u32(), offset: from.u32() }));
  const bodies = instances.reduce((sum, { module }) => sum + module.bodies.length, 0);
  const functions = from.count(8, 'functions on the stack', Math.min(count, bodies));
  const fingerprints = Array.from({ length: functions }, () => [from.u32(), from.u32()] as const);
  return { entered, positions, fingerprints, registers: from.words(), references: from.words() };
}

function tooDeep(weight: number, limit: number): SnapshotError {
  return new SnapshotError(`the stack in the snapshot weighs ${weight} bytes, the limit is ${limit}: raise stackLimit`);
}

/** A frame of a function. */
interface Frame {
  readonly instance: Instance;
  /** Counted from the module's first body. */
  readonly body: number;
  readonly offset: number;
}

/** A stack that fits the program. */
export interface StackPlan {
  readonly func: WasmFunction;
  readonly stack: StackImage;
  readonly frames: readonly Frame[];
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
  numbering: Numbering,
  stack: StackImage,
  objects: readonly Reference[],
  entered: GuestFunction | undefined,
): StackPlan {
  const called = numbering.find('functions', stack.entered);
  const func = called?.instance.function(called.index);
  if (!(func instanceof WasmFunction)) return damaged('it names no function that could have been called');
  if (entered !== undefined && func !== entered) damaged('its stack is of another call');
  const frames = stack.positions.map(({ body, offset }): Frame => {
    const found = numbering.find('bodies', body);
    if (found === undefined) return damaged('the stack names a function that the module does not have');
    return { instance: found.instance, body: found.index, offset };
  });
  const depth = weigh(func.instance.store.stackBytes, frames);
  const words = wordsOf(depth, func);
  if (stack.registers.length !== words || stack.references.length > words / 2) {
    damaged('its registers do not fit its stack');
  }
  const references = new Array<Reference>(words / 2).fill(null);
  stack.references.forEach((id, slot) => {
    references[slot] = referenceAt(objects, id);
  });
  const mayReplace = numbering.instances.some(({ module }) => mayCallInPlace(module));
  const fp =
    frames.length === 0
      ? requireResults(func, references)
      : requireFrames(func, frames, references, placesOn(numbering, stack), mayReplace);
  return { func, stack, frames, references, fp, depth };
}

/** The stack's weight. @throws SnapshotError where it is beyond the limit */
function weigh(limit: number, frames: readonly Frame[]): number {
  const weights = new Map<WasmFunction, number>();
  let depth = 0;
  for (const frame of frames) {
    const func = functionOf(frame);
    let weight = weights.get(func);
    if (weight === undefined) {
      weight = frameWeight(func.type, frame.instance.module.bodies.at(frame.body));
      weights.set(func, weight);
    }
    depth += weight;
  }
  if (depth > limit) throw tooDeep(depth, limit);
  return depth;
}

function functionOf({ instance, body }: Frame): WasmFunction {
  return instance.function(instance.module.importedFunctions + body) as WasmFunction;
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

/** What a call is of, and gives. */
interface Expected {
  readonly results: readonly ValType[];
  /** Whose types these are. */
  readonly types: readonly DefinedType[];
  /** The function, where the instruction names it. */
  readonly callee: GuestFunction | undefined;
}

/**
 * Every frame holds what its function has there, and returns what the frame before waits for. Returns the last's place.
 * @param mayReplace whether a function that was called may have called another in its place, which returns the same
 */
function requireFrames(
  func: WasmFunction,
  frames: readonly Frame[],
  references: readonly Reference[],
  placeOf: (frame: Frame) => FramePlace | undefined,
  mayReplace: boolean,
): number {
  let fp = 0;
  let expected: Expected = { results: func.type.results, types: func.types, callee: func };
  frames.forEach((frame, i) => {
    const { instance } = frame;
    const isInnermost = i === frames.length - 1;
    const place = placeOf(frame);
    requireCallee(functionOf(frame), expected, mayReplace);
    const call = place?.call;
    if (place === undefined || !(isInnermost ? mayBeLeft(instance.module, place, mayReplace) : call !== undefined)) {
      damaged(isInnermost ? 'the guest stands where it cannot be left' : 'a return address is not behind a call');
    }
    const end = isInnermost || call === undefined ? Number.POSITIVE_INFINITY : call.base >> 1;
    for (const [slot, type] of (place as FramePlace).references) {
      if (slot < end) requireType(type, references[(fp >> 1) + slot], instance);
    }
    if (isInnermost || call === undefined) return;
    fp += call.base;
    const callee = call.callee === -1 ? undefined : instance.function(call.callee);
    expected = { results: call.results, types: instance.module.types, callee };
  });
  return fp;
}

/** What a module needs that has a tail call. */
const TAIL_CALLS = (['return_call', 'return_call_indirect', 'return_call_ref'] as const).map(
  (mnemonic) => opcode(mnemonic).feature as Feature,
);
const mayCallInPlace = ({ features }: WasmModule) => TAIL_CALLS.some((feature) => features.includes(feature));

function requireCallee(found: WasmFunction, { results, types, callee }: Expected, mayReplace: boolean): void {
  if (callee !== undefined && callee !== found && !mayReplace) {
    damaged('a function on its stack is not the one that was called');
  }
  const given = found.type.results;
  const fits =
    given.length === results.length &&
    given.every((type, i) => matches(type, found.types, results[i] as ValType, types));
  if (!fits) damaged('a function on its stack returns other results than the one that was called');
}

/** Behind a call the guest can be left where the host has returned, or somebody has called it in its place. */
function mayBeLeft(module: WasmModule, { call, isCheckpoint }: FramePlace, mayReplace: boolean): boolean {
  if (isCheckpoint) return true;
  return call !== undefined && (call.callee < module.importedFunctions || mayReplace);
}

/** @throws SnapshotError where the code is not that of the version that made the snapshot */
function placesOn(
  numbering: Numbering,
  { positions, fingerprints }: StackImage,
): (frame: Frame) => FramePlace | undefined {
  const described = new Map(fingerprints);
  const bodies = new Set(positions.map(({ body }) => body));
  if (described.size !== fingerprints.length || described.size !== bodies.size) {
    damaged('functions on its stack are not described, or others are');
  }
  const places = new Map<WasmFunction, ReadonlyMap<number, FramePlace>>();
  for (const [body, found] of findPlaces(numbering, positions, ({ patron }) => patron.look())) {
    if (described.get(body) !== found.fingerprint) {
      throw new SnapshotError(
        'the snapshot was made in the middle of a call by another version of wasm-sandbox, whose code for the function was another',
      );
    }
    const { instance, index } = numbering.find('bodies', body) as Place;
    places.set(functionOf({ instance, body: index, offset: 0 }), found.places);
  }
  return (frame) => places.get(functionOf(frame))?.get(frame.offset);
}

/** Puts the stack into a thread that has nothing on its own. */
export function applyStack(thread: Thread, { func, stack, frames, references, fp, depth }: StackPlan): void {
  while (thread.depthLimit < depth) thread.grow();
  const pcs: number[] = [];
  frames.forEach(({ instance, body, offset }, i) => {
    pcs.push(instance.code.entry(body) + offset);
    const next = frames[i + 1];
    if (next === undefined || next.instance === instance) return;
    // As a call leaves them that leads to another instance.
    pcs.push(LEAVE_PC);
    thread.callers.push(instance);
  });
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
  thread.bind(frames.at(-1)?.instance ?? func.instance);
}
