/**
 * Makes frames of the machine of those that another engine has left. Where each stands, and in which registers its values
 * are, is found by lowering its function once more.
 */

import type { LeftFrame, LeftPlace, LeftValue } from '../../wasm/left.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { FUNCREF, isReference } from '../../wasm/types.ts';
import { CodeBuffer, HALT_PC, HEADER_WORDS, isLeft, LEAVE_PC, type Lowering } from '../code/index.ts';
import type { Thread } from '../machine/index.ts';
import type { Instance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { lowerAlone } from './fingerprint.ts';
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

interface Lowered {
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
function lower(module: WasmModule, body: number, places: Iterable<LeftPlace>): Lowered {
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
  return { locals: locals ?? [], arrivals };
}

/** A function, lowered once more to see where its places are. */
class KnownFunction {
  /** Registers of the locals. */
  locals: readonly number[] = [];
  private readonly module: WasmModule;
  private readonly body: number;
  private readonly arrivals = new Map<string, Arrival>();
  private points: readonly LeftPlace[] = [];
  /** Which of these is where, by words from the function's entry. */
  private readonly byOffset = new Map<number, LeftPlace>();

  constructor(module: WasmModule, body: number) {
    this.module = module;
    this.body = body;
  }

  /** Lowers it once for all of the places that are not known yet. */
  learn(places: readonly LeftPlace[]): void {
    const unknown = places.filter((place) => !this.arrivals.has(keyOf(place)));
    if (unknown.length > 0) this.lower(unknown);
  }

  /** Of a place that it has been told of. */
  at(place: LeftPlace): Arrival {
    return this.arrivals.get(keyOf(place)) as Arrival;
  }

  /** The one of its points that is so many words from its entry. @param points all that it has; always the same */
  find<P extends LeftPlace>(offset: number, points: readonly P[]): P | undefined {
    if (points !== this.points) {
      this.points = points;
      this.lower(points);
      this.byOffset.clear();
      for (const point of points) {
        const arrival = this.arrivals.get(keyOf(point));
        if (arrival !== undefined) this.byOffset.set(arrival.offset, point);
      }
    }
    return this.byOffset.get(offset) as P | undefined;
  }

  private lower(places: readonly LeftPlace[]): void {
    const { locals, arrivals } = lower(this.module, this.body, places);
    this.locals = locals;
    for (const [key, arrival] of arrivals) this.arrivals.set(key, arrival);
  }
}

const known = new WeakMap<WasmModule, Map<number, KnownFunction>>();
/** Functions of a module of which that is kept. */
const MOST_KNOWN = 100;

export function knownFunction(module: WasmModule, body: number): KnownFunction {
  let ofModule = known.get(module);
  if (ofModule === undefined) {
    ofModule = new Map();
    known.set(module, ofModule);
  }
  let found = ofModule.get(body);
  if (found === undefined) {
    found = new KnownFunction(module, body);
    if (ofModule.size >= MOST_KNOWN) ofModule.clear();
    ofModule.set(body, found);
  }
  return found;
}

/** The functions of frames, by their bodies: however many frames and places there are, each is lowered at most once. */
function functionsOf(module: WasmModule, frames: readonly LeftFrame[]): ReadonlyMap<number, KnownFunction> {
  const places = new Map<number, LeftPlace[]>();
  for (const frame of frames) {
    const own = places.get(frame.body);
    if (own === undefined) places.set(frame.body, [frame]);
    else own.push(frame);
  }
  const functions = new Map<number, KnownFunction>();
  for (const [body, own] of places) {
    const known = knownFunction(module, body);
    known.learn(own);
    functions.set(body, known);
  }
  return functions;
}

/** A reference as the interpreter has it. */
export function referenceOf({ type, reference }: Pick<LeftValue, 'type' | 'reference'>, instance: Instance): Reference {
  if (reference === null || typeof reference !== 'number' || type !== FUNCREF) return reference;
  return instance.function(reference);
}

/** Puts frames onto the stack of a call that goes on in the first of them, in place of the one that it was to go on with. */
export function pushFrames(instance: Instance, thread: Thread, frames: readonly LeftFrame[]): void {
  const { code, module } = instance;
  const functions = functionsOf(module, frames);
  for (const frame of frames) {
    const { type } = instance.function(module.importedFunctions + frame.body);
    const weight = frameWeight(type, module.bodies.at(frame.body));
    while (thread.depthLimit < thread.depth + weight) thread.grow();
    // A function that is new here moves the code.
    const entry = code.entry(frame.body);
    thread.frames[thread.sp++] = thread.pc;
    thread.fp += thread.pc === HALT_PC ? 0 : (code.words[thread.pc - 1] as number);
    thread.depth += weight;
    const known = functions.get(frame.body) as KnownFunction;
    const { offset, registers } = known.at(frame);
    thread.pc = entry + offset;
    const end = thread.fp + 2 * Math.ceil(weight / 8);
    thread.registers.fill(0, thread.fp, Math.min(end, thread.registers.length));
    for (const [local, value] of frame.locals) {
      writeValue(thread, thread.fp + (known.locals[local] as number), value, instance);
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
