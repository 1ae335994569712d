/**
 * The places of a function at which a guest can be left, and what its registers hold there: found by lowering the
 * function once more, which always gives the same words, and by following the few moves before an instruction.
 */

import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type Mnemonic, OPENS, opcode } from '../../wasm/opcodes.ts';
import { isDefaultable, isReference, nullable, type RefType, slotsOf, type ValType } from '../../wasm/types.ts';
import {
  CodeBuffer,
  HEADER_WORDS,
  isLeft,
  LEAVE_PC,
  type Lowering,
  lengthOf,
  MACHINE_OPS,
  op,
  placesOf,
} from '../code/index.ts';
import type { Instance } from '../store/index.ts';
import { fingerprint, lowerAlone } from './fingerprint.ts';
import type { Numbering, Place } from './numbering.ts';

/** Types of the references in a frame, by slot. */
export type References = ReadonlyMap<number, RefType>;

/** A call that has been made, as the place that it returns to has it. */
export interface PendingCall {
  /** First register of arguments and results, from the caller's first. */
  readonly base: number;
  readonly results: readonly ValType[];
  /** Index of the function, where the instruction names it; else -1. */
  readonly callee: number;
}

/** A place where a frame may stand. */
export interface FramePlace {
  /** With the results of the call that returns there, if there is one. */
  readonly references: References;
  readonly call: PendingCall | undefined;
  /** Whether the innermost frame may stand there without a call having returned. */
  readonly isCheckpoint: boolean;
}

export interface FunctionPlaces {
  readonly fingerprint: number;
  /** By offset in words from the entry, of those that were asked for and where a frame may stand. */
  readonly places: ReadonlyMap<number, FramePlace>;
}

const CALLS: readonly number[] = (['call', 'call_lazy', 'call_import', 'call_indirect', 'call_ref'] as const).map(op);
const NAMES_CALLEE: readonly number[] = [op('call_lazy'), op('call_import')];
/** Both of these. */
const IN_CALL = placesOf('call_lazy');
const COPY_REFERENCE = op('copy.ref');
const IN_COPY_REFERENCE = placesOf('copy.ref');
const IN_BR_TABLE = placesOf('br_table');
const LOOP = op('loop');

const indexOf = (mnemonic: Mnemonic) => opcode(mnemonic).index;
const ASSIGNS: readonly number[] = (['local.set', 'local.tee'] as const).map(indexOf);
const ENDS: readonly number[] = (['end', 'delegate'] as const).map(indexOf);
const BEGIN_ARMS: readonly number[] = (['else', 'catch', 'catch_all'] as const).map(indexOf);

/** What lowering knows of the registers before an instruction. */
interface State {
  /** Whether a clause of a `try_table`, or an arm of a `try`, is entered there by an exception. */
  readonly isClause: boolean;
  readonly locals: References;
  readonly operands: readonly {
    readonly home: number;
    readonly type: ValType;
    /** Register of a reference; -1 for a number. */
    readonly register: number;
  }[];
}

/** An instruction whose words are still to come. */
interface Begun {
  readonly state: State;
  readonly offset: number;
}

/** Notes states at offsets, and which instructions other offsets are in the middle of. */
class Watcher {
  readonly states = new Map<number, State>();
  /** By offset, the instruction whose words it is among, counted from the function's first. */
  readonly within = new Map<number, number>();
  private readonly offsets: readonly number[];
  /** Instructions to note, by their number. */
  private readonly instructions: ReadonlySet<number>;
  readonly byInstruction = new Map<number, Begun>();
  private next = 0;
  private count = 0;
  /** Locals without a default that have got a value, and how many had when each open construct began. */
  private readonly assigned: number[] = [];
  private readonly isAssigned = new Set<number>();
  private readonly before: number[] = [0];

  /** @param offsets in ascending order */
  constructor(offsets: readonly number[], instructions: ReadonlySet<number> = new Set()) {
    this.offsets = offsets;
    this.instructions = instructions;
  }

  see(lowering: Lowering, index: number, entry: number): void {
    if (!lowering.isDead) this.note(lowering, index, lowering.code.length - entry);
    if (OPENS[index]) this.before.push(this.assigned.length);
    else if (ENDS.includes(index)) this.forget(this.before.pop() as number);
    else if (BEGIN_ARMS.includes(index)) this.forget(this.before.at(-1) as number);
    else if (ASSIGNS.includes(index)) this.assign(lowering);
  }

  private note(lowering: Lowering, index: number, offset: number): void {
    const { offsets } = this;
    for (; this.next < offsets.length && (offsets[this.next] as number) < offset; this.next++) {
      this.within.set(offsets[this.next] as number, this.count - 1);
    }
    const isWanted = offsets[this.next] === offset && !this.states.has(offset);
    const isAsked = this.instructions.has(this.count);
    if (isWanted || isAsked) {
      const state = this.stateOf(lowering, index === -1);
      if (isWanted) this.states.set(offset, state);
      if (isAsked) this.byInstruction.set(this.count, { state, offset });
    }
    this.count++;
  }

  /** When the function is lowered. */
  finish(): void {
    for (; this.next < this.offsets.length; this.next++) {
      this.within.set(this.offsets[this.next] as number, this.count - 1);
    }
  }

  private assign({ locals, reader: { a: local } }: Lowering): void {
    if (isDefaultable(locals.type(local)) || this.isAssigned.has(local)) return;
    this.isAssigned.add(local);
    this.assigned.push(local);
  }

  /** What got a value within a construct has none behind it. */
  private forget(count: number): void {
    while (this.assigned.length > count) this.isAssigned.delete(this.assigned.pop() as number);
  }

  private stateOf({ operands, locals: all, params }: Lowering, isClause: boolean): State {
    const locals = new Map<number, RefType>();
    for (let local = 0; local < all.count; local++) {
      const type = all.type(local);
      if (!isReference(type)) continue;
      const hasValue = local < params || this.isAssigned.has(local);
      locals.set(operands.local(local) >> 1, hasValue ? type : nullable(type));
    }
    const stack = Array.from({ length: operands.height }, (_, position) => {
      const type = operands.type(position);
      const register = isReference(type) ? operands.place(position) : -1;
      return { home: operands.home(position), type, register };
    });
    return { isClause, locals, operands: stack };
  }
}

/** By slot. */
function referencesOf({ locals, operands }: State): Map<number, RefType> {
  const references = new Map(locals);
  for (const { register, type } of operands) {
    // What stands for a local is what that holds, also where it has been converted to the other hierarchy.
    if (register >= 0 && !locals.has(register >> 1)) references.set(register >> 1, type);
  }
  return references;
}

/** The words around an offset, where an instruction begins. */
interface Around {
  readonly here: number;
  /** First word of the instruction before; there is none before the first of the function, at which nobody asks. */
  readonly before: number;
}

/** The number of an instruction, and the place of the one behind it. */
interface Step {
  readonly here: number;
  readonly next: number;
}

/** Of those that are fused, each stands where it stood. */
export function stepAt({ words }: CodeBuffer, pc: number): Step {
  const instruction = MACHINE_OPS[words[pc] as number] as (typeof MACHINE_OPS)[number];
  const { name, operands } = instruction.parts?.[0] ?? instruction;
  // Entries for that many labels, and one for the rest.
  const entries = name === 'br_table' ? 2 * ((words[pc + IN_BR_TABLE.labels] as number) + 1) : 0;
  return { here: op(name), next: pc + lengthOf(operands) + entries };
}

/** Finds the places of functions on a stack. */
export class PlaceFinder {
  private readonly module: WasmModule;
  private readonly code = new CodeBuffer();
  private readonly entry = LEAVE_PC + 1 + HEADER_WORDS;

  private readonly look: () => void;

  /** @param look called between steps; throws to end it */
  constructor(module: WasmModule, look: () => void) {
    this.module = module;
    this.look = look;
  }

  /** Takes as long as lowering the function does, and for each offset as its frame has slots. */
  find(body: number, offsets: Iterable<number>): FunctionPlaces {
    const wanted = new Set(offsets);
    const sorted = [...wanted].sort((a, b) => a - b);
    const watcher = this.lower(body, new Watcher(sorted));
    const described = fingerprint(this.code);
    const around = this.around(wanted);
    const places = new Map<number, FramePlace>();
    const inner: number[] = [];
    for (const offset of sorted) {
      const words = around.get(offset);
      if (words === undefined) continue;
      const state = watcher.states.get(offset);
      if (offset === 0) places.set(0, this.entryOf(body));
      else if (state !== undefined) this.add(places, offset, words, state);
      else if (isLeft(words.here)) inner.push(offset);
    }
    this.addInner(places, body, inner, watcher.within);
    return { fingerprint: described, places };
  }

  /** Leaves the function's code in `code`, and no other. */
  private lower(body: number, watcher: Watcher): Watcher {
    const { code, module, entry, look } = this;
    lowerAlone(code, module, body, (lowering, index) => watcher.see(lowering, index, entry), look);
    watcher.finish();
    return watcher;
  }

  private step(pc: number): Step {
    return stepAt(this.code, pc);
  }

  private around(wanted: ReadonlySet<number>): ReadonlyMap<number, Around> {
    const { code, entry } = this;
    const found = new Map<number, Around>();
    let before = entry;
    for (let pc = entry; pc < code.length; ) {
      const { here, next } = this.step(pc);
      if (wanted.has(pc - entry)) found.set(pc - entry, { here, before });
      before = pc;
      pc = next;
    }
    return found;
  }

  /** Behind the header: arguments are there, and locals are still to be set to null. */
  private entryOf(body: number): FramePlace {
    const { params } = typeOfFunction(this.module, this.module.importedFunctions + body);
    const references = new Map<number, RefType>();
    let slot = 0;
    for (const type of params) {
      if (isReference(type)) references.set(slot, type);
      slot += slotsOf([type]);
    }
    return { references, call: undefined, isCheckpoint: true };
  }

  private add(places: Map<number, FramePlace>, offset: number, { here, before }: Around, state: State): void {
    const number = this.step(before).here;
    const call = CALLS.includes(number) ? this.callAt(before, number, offset, state) : undefined;
    const isCheckpoint = state.isClause || number === LOOP || isLeft(here);
    if (call === undefined && !isCheckpoint) return;
    places.set(offset, { references: referencesOf(state), call, isCheckpoint });
  }

  private callAt(before: number, number: number, offset: number, { operands }: State): PendingCall {
    const { words } = this.code;
    const base = words[this.entry + offset - 1] as number;
    const results = operands.filter(({ home }) => home >= base).map(({ type }) => type);
    return { base, results, callee: NAMES_CALLEE.includes(number) ? (words[before + IN_CALL.func] as number) : -1 };
  }

  /** Instructions at which a guest can be left, and which come behind moves of their operands. */
  private addInner(
    places: Map<number, FramePlace>,
    body: number,
    offsets: readonly number[],
    within: ReadonlyMap<number, number>,
  ): void {
    if (offsets.length === 0) return;
    const instructions = new Set(offsets.map((offset) => within.get(offset) as number));
    const { byInstruction } = this.lower(body, new Watcher([], instructions));
    const { words } = this.code;
    for (const offset of offsets) {
      const begun = byInstruction.get(within.get(offset) as number) as Begun;
      const references = referencesOf(begun.state);
      for (let pc = this.entry + begun.offset; pc < this.entry + offset; ) {
        const { here, next } = this.step(pc);
        if (here === COPY_REFERENCE) {
          const type = references.get((words[pc + IN_COPY_REFERENCE.source] as number) >> 1) as RefType;
          references.set((words[pc + IN_COPY_REFERENCE.result] as number) >> 1, type);
        }
        pc = next;
      }
      places.set(offset, { references, call: undefined, isCheckpoint: true });
    }
  }
}

/**
 * The places of the functions on a stack, by the numbers of their bodies. Takes as long as lowering each of them does.
 * @param positions return addresses, and where the guest stands
 * @param look called between steps; throws to end it
 */
export function findPlaces(
  numbering: Numbering,
  positions: readonly { readonly body: number; readonly offset: number }[],
  look: (instance: Instance) => void,
): ReadonlyMap<number, FunctionPlaces> {
  const offsets = new Map<number, Set<number>>();
  for (const { body, offset } of positions) {
    const known = offsets.get(body);
    if (known === undefined) offsets.set(body, new Set([offset]));
    else known.add(offset);
  }
  const finders = new Map<Instance, PlaceFinder>();
  const found = new Map<number, FunctionPlaces>();
  for (const [body, wanted] of offsets) {
    const { instance, index } = numbering.find('bodies', body) as Place;
    let finder = finders.get(instance);
    if (finder === undefined) {
      finder = new PlaceFinder(instance.module, () => look(instance));
      finders.set(instance, finder);
    }
    found.set(body, finder.find(index, wanted));
  }
  return found;
}
