/**
 * Makes frames of the machine of those that another engine has left. Where each stands, and in which registers its values
 * are, is found by lowering its function once more.
 */

import type { LeftFrame, LeftGuest, LeftPlace, LeftValue } from '../../wasm/left.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { FUNCREF, isReference } from '../../wasm/types.ts';
import { CodeBuffer, HALT_PC, HEADER_WORDS, isLeft, LEAVE_PC, type Lowering } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import type { Instance, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { fingerprint, lowerAlone } from './fingerprint.ts';
import { wordsOf } from './held.ts';
import { planStack, type StackPlan } from './install-stack.ts';
import { Numbering } from './numbering.ts';
import { stepAt } from './places.ts';

/** A place in the machine's code. */
export interface Arrival {
  /** Words from the function's entry. */
  readonly offset: number;
  /** Register in which the callee's frame begins, where it stands behind a call. */
  readonly base: number;
  /** By position: the register of an operand, which may be that of a local. Constants may have none. */
  readonly registers: ReadonlyMap<number, number>;
  /** And the words of these. */
  readonly constants: ReadonlyMap<number, readonly [low: number, high: number]>;
}

export interface Lowered {
  readonly fingerprint: number;
  /** Registers of the locals. */
  readonly locals: readonly number[];
  readonly arrivals: ReadonlyMap<string, Arrival>;
}

export const keyOf = ({ kind, offset }: LeftPlace): string => `${kind} ${offset}`;

function constantsOf({ operands }: Lowering): Map<number, readonly [number, number]> {
  const constants = new Map<number, readonly [number, number]>();
  for (let position = 0; position < operands.height; position++) {
    if (operands.isConstant(position)) constants.set(position, [operands.low(position), operands.high(position)]);
  }
  return constants;
}

/** @param withConstants whether those have been put into registers, as the instruction at hand takes them */
function registersOf({ operands }: Lowering, withConstants: boolean): Map<number, number> {
  const registers = new Map<number, number>();
  for (let position = 0; position < operands.height; position++) {
    if (!operands.isConstant(position)) registers.set(position, operands.place(position));
    else if (withConstants) registers.set(position, operands.home(position));
  }
  return registers;
}

const NONE = new Map<never, never>();

/** Finds places of a function in the machine's code. */
export function lower(module: WasmModule, body: number, places: Iterable<LeftPlace>): Lowered {
  const code = new CodeBuffer();
  const entry = LEAVE_PC + 1 + HEADER_WORDS;
  const wanted = new Map<number, LeftPlace>();
  const arrivals = new Map<string, Arrival>();
  for (const place of places) {
    if (place.kind === 'entry') arrivals.set(keyOf(place), { offset: 0, base: 0, registers: NONE, constants: NONE });
    else wanted.set(place.offset, place);
  }
  let locals: number[] | undefined;
  /** The instruction before, where it is a place: it has just been lowered. And where its words begin. */
  let open: (Pick<Arrival, 'registers' | 'constants'> & { place: LeftPlace; start: number }) | undefined;
  const close = (lowering: Lowering, { place, start, registers, constants }: NonNullable<typeof open>) => {
    const end = code.length;
    if (place.kind === 'operation') {
      let pc = start;
      while (pc < end && !isLeft(stepAt(code, pc).here)) pc = stepAt(code, pc).next;
      arrivals.set(keyOf(place), { offset: pc - entry, base: 0, registers, constants });
    } else {
      const base = place.kind === 'call' ? (code.words[end - 1] as number) : 0;
      const registers = registersOf(lowering, false);
      arrivals.set(keyOf(place), { offset: end - entry, base, registers, constants: constantsOf(lowering) });
    }
  };
  lowerAlone(code, module, body, (lowering) => {
    const { operands, reader, locals: all } = lowering;
    locals ??= Array.from({ length: all.count }, (_, local) => operands.local(local));
    if (open !== undefined) close(lowering, open);
    const place = lowering.isDead ? undefined : wanted.get(reader.offset);
    open = place && {
      place,
      start: code.length,
      registers: registersOf(lowering, true),
      constants: constantsOf(lowering),
    };
  });
  return { fingerprint: fingerprint(code), locals: locals ?? [], arrivals };
}

/** Puts values into the registers of a stack. */
class Registers {
  readonly words: Int32Array;
  readonly references: Int32Array;
  readonly objects: Reference[] = [null];
  private readonly instance: Instance;

  constructor(words: number, instance: Instance) {
    this.words = new Int32Array(words);
    this.references = new Int32Array(words / 2);
    this.instance = instance;
  }

  set(register: number, { type, words, reference }: LeftValue): void {
    if (!isReference(type)) this.words.set(words, register);
    else if (reference !== null) {
      this.references[register >> 1] = this.objects.push(referenceOf({ type, reference }, this.instance)) - 1;
    }
  }
}

/** A reference as the interpreter has it. */
export function referenceOf({ type, reference }: Pick<LeftValue, 'type' | 'reference'>, instance: Instance): Reference {
  if (reference === null || typeof reference !== 'number' || type !== FUNCREF) return reference;
  return instance.function(reference);
}

/** The stack that a call has which was left. */
export function planArrival(instance: Instance, { entered, frames }: Pick<LeftGuest, 'entered' | 'frames'>): StackPlan {
  const { module } = instance;
  const numbering = new Numbering([instance]);
  const func = instance.function(entered) as WasmFunction;
  const places = new Map<number, Map<string, LeftPlace>>();
  let depth = 0;
  for (const frame of frames) {
    let own = places.get(frame.body);
    if (own === undefined) {
      own = new Map();
      places.set(frame.body, own);
    }
    own.set(keyOf(frame), frame);
    const { type } = instance.function(module.importedFunctions + frame.body);
    depth += frameWeight(type, module.bodies.at(frame.body));
  }
  const lowered = new Map(Array.from(places, ([body, own]) => [body, lower(module, body, own.values())] as const));
  const registers = new Registers(wordsOf(depth, func), instance);
  let fp = 0;
  const positions = frames.map((frame) => {
    const { locals, arrivals } = lowered.get(frame.body) as Lowered;
    const { offset, base, registers: own } = arrivals.get(keyOf(frame)) as Arrival;
    for (const [local, value] of frame.locals) registers.set(fp + (locals[local] as number), value);
    frame.operands.forEach((value, position) => {
      const register = own.get(position);
      if (register !== undefined) registers.set(fp + register, value);
    });
    fp += base;
    return { body: frame.body, offset };
  });
  const fingerprints = Array.from(lowered, ([body, { fingerprint }]) => [body, fingerprint] as const);
  const { words, references, objects } = registers;
  return planStack(numbering, { entered, positions, fingerprints, registers: words, references }, objects, func);
}

/** Puts frames onto the stack of a call that goes on in the first of them, in place of the one that it was to go on with. */
export function pushFrames(instance: Instance, thread: Thread, frames: readonly LeftFrame[]): void {
  const { code, module } = instance;
  const places = new Map<number, LeftPlace[]>();
  for (const frame of frames) {
    const own = places.get(frame.body);
    if (own === undefined) places.set(frame.body, [frame]);
    else own.push(frame);
  }
  const lowered = new Map(Array.from(places, ([body, own]) => [body, lower(module, body, own)] as const));
  for (const frame of frames) {
    const { type } = instance.function(module.importedFunctions + frame.body);
    const weight = frameWeight(type, module.bodies.at(frame.body));
    while (thread.depthLimit < thread.depth + weight) thread.grow();
    // A function that is new here moves the code.
    const entry = code.entry(frame.body);
    thread.frames[thread.sp++] = thread.pc;
    thread.fp += thread.pc === HALT_PC ? 0 : (code.words[thread.pc - 1] as number);
    thread.depth += weight;
    const { locals, arrivals } = lowered.get(frame.body) as Lowered;
    const { offset, registers } = arrivals.get(keyOf(frame)) as Arrival;
    thread.pc = entry + offset;
    const end = thread.fp + 2 * Math.ceil(weight / 8);
    thread.registers.fill(0, thread.fp, Math.min(end, thread.registers.length));
    for (const [local, value] of frame.locals) {
      writeValue(thread, thread.fp + (locals[local] as number), value, instance);
    }
    frame.operands.forEach((value, position) => {
      const register = registers.get(position);
      if (register !== undefined) writeValue(thread, thread.fp + register, value, instance);
    });
  }
  thread.bind(instance);
}

export function writeValue(thread: Thread, register: number, value: LeftValue, instance: Instance): void {
  const { type, words } = value;
  if (isReference(type)) thread.references.set(register >> 1, referenceOf(value, instance));
  else thread.registers.set(words, register);
}
