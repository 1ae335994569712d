/**
 * Makes frames of the machine of those that another engine has left. Where each stands, and in which registers its values
 * are, is found by lowering its function once more.
 */

import type { LeftGuest, LeftPlace, LeftValue } from '../../wasm/left.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { frameWeight } from '../../wasm/plan.ts';
import { FUNCREF, isReference } from '../../wasm/types.ts';
import { CodeBuffer, HEADER_WORDS, isLeft, LEAVE_PC, type Lowering } from '../code/index.ts';
import type { Instance, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { fingerprint, lowerAlone } from './fingerprint.ts';
import { planStack, type StackPlan } from './install-stack.ts';
import { Numbering } from './numbering.ts';
import { stepAt } from './places.ts';
import { wordsOf } from './stack.ts';

/** A place in the machine's code. */
interface Arrival {
  /** Words from the function's entry. */
  readonly offset: number;
  /** Register in which the callee's frame begins, where it stands behind a call. */
  readonly base: number;
  /** By position: the register of an operand, which may be that of a local. Constants may have none. */
  readonly registers: ReadonlyMap<number, number>;
}

interface Lowered {
  readonly fingerprint: number;
  /** Registers of the locals. */
  readonly locals: readonly number[];
  readonly arrivals: ReadonlyMap<string, Arrival>;
}

const keyOf = ({ kind, offset }: LeftPlace): string => `${kind} ${offset}`;

/** @param withConstants whether those have been put into registers, as the instruction at hand takes them */
function registersOf({ operands }: Lowering, withConstants: boolean): Map<number, number> {
  const registers = new Map<number, number>();
  for (let position = 0; position < operands.height; position++) {
    if (!operands.isConstant(position)) registers.set(position, operands.place(position));
    else if (withConstants) registers.set(position, operands.home(position));
  }
  return registers;
}

function lower(module: WasmModule, body: number, places: Iterable<LeftPlace>): Lowered {
  const code = new CodeBuffer();
  const entry = LEAVE_PC + 1 + HEADER_WORDS;
  const wanted = new Map<number, LeftPlace>();
  const arrivals = new Map<string, Arrival>();
  for (const place of places) {
    if (place.kind === 'entry') arrivals.set(keyOf(place), { offset: 0, base: 0, registers: new Map() });
    else wanted.set(place.offset, place);
  }
  let locals: number[] | undefined;
  /** The instruction before, where it is a place: it has just been lowered. And where its words begin. */
  let open: { place: LeftPlace; start: number; registers: ReadonlyMap<number, number> } | undefined;
  const close = (lowering: Lowering, { place, start, registers }: NonNullable<typeof open>) => {
    const end = code.length;
    if (place.kind === 'operation') {
      let pc = start;
      while (pc < end && !isLeft(stepAt(code, pc).here)) pc = stepAt(code, pc).next;
      arrivals.set(keyOf(place), { offset: pc - entry, base: 0, registers });
    } else {
      const base = place.kind === 'call' ? (code.words[end - 1] as number) : 0;
      arrivals.set(keyOf(place), { offset: end - entry, base, registers: registersOf(lowering, false) });
    }
  };
  lowerAlone(code, module, body, (lowering) => {
    const { operands, reader, locals: all } = lowering;
    locals ??= Array.from({ length: all.count }, (_, local) => operands.local(local));
    if (open !== undefined) close(lowering, open);
    const place = lowering.isDead ? undefined : wanted.get(reader.offset);
    open = place && { place, start: code.length, registers: registersOf(lowering, true) };
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
