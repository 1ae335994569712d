/** The instruction at hand, as the handlers outside of the main loop see it. */

import type { DefinedType } from '../../wasm/types.ts';
import {
  EXIT,
  type Kind,
  lengthOf,
  MACHINE_OPS,
  type Name,
  type Place,
  type PlacesOf,
  placesOf,
  type Register,
  type Target,
} from '../code/index.ts';
import type { GlobalInstance, Instance, LinearMemory, TableInstance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import type { Thread } from './thread.ts';

/** One object for all of them, as they are too many to make one for each. Operands are asked for by their places. */
export class Instruction {
  thread!: Thread;
  instance!: Instance;

  word(place: Place<Exclude<Kind, Register>>): number {
    return this.at(place);
  }

  private at(place: number): number {
    return this.thread.code[this.thread.pc + place] as number;
  }

  /** Index of an operand's register. */
  register(place: Place<Register> | Target): number {
    return this.thread.fp + this.at(place);
  }

  /** The same from the frame pointer. */
  inFrame(place: Place<'values'>): number {
    return this.at(place);
  }

  signed(place: Place<'i32'>): number {
    return this.thread.registers[this.register(place)] as number;
  }

  unsigned(place: Place<'i32'>): number {
    return this.signed(place) >>> 0;
  }

  set(place: Target<'i32'>, value: number): void {
    this.thread.registers[this.register(place)] = value;
  }

  reference(place: Place<'reference'>): Reference {
    return this.thread.references.get(this.register(place) >> 1);
  }

  setReference(place: Target<'reference'>, value: Reference): void {
    this.thread.references.set(this.register(place) >> 1, value);
  }

  copyVector(to: Target<'v128'>, from: Place<'v128'>): void {
    const source = this.register(from);
    this.thread.registers.copyWithin(this.register(to), source, source + 4);
  }

  table(place: Place<'table'>): TableInstance {
    return this.instance.tables[this.at(place)] as TableInstance;
  }

  memory(place: Place<'memory'>): LinearMemory {
    return this.instance.memories[this.at(place)] as LinearMemory;
  }

  global(place: Place<'global'>): GlobalInstance {
    return this.instance.globals[this.at(place)] as GlobalInstance;
  }

  type(place: Place<'type'>): DefinedType {
    return this.instance.module.types[this.at(place)] as DefinedType;
  }

  /** Bytes of a data segment; none once it has been dropped. */
  data(place: Place<'data'>): Uint8Array {
    return this.instance.data(this.at(place));
  }

  /** Length of a data segment; 0 once it has been dropped. */
  dataLength(place: Place<'data'>): number {
    const index = this.at(place);
    if (this.instance.droppedData.has(index)) return 0;
    const { start, end } = this.instance.module.data.bytesOf(index);
    return end - start;
  }

  /** Length of an element segment; 0 once it has been dropped. */
  elementCount(place: Place<'element'>): number {
    const index = this.at(place);
    return this.instance.droppedElements.has(index) ? 0 : this.instance.module.elements.count(index);
  }
}

/** Publishes the count, and comes back later if the gas at hand is used up. */
export const checkpoint =
  <At>(run: Work<At>): Work<At> =>
  (it, at) => {
    it.thread.published = it.thread.gas;
    return it.thread.gas < 0 ? EXIT.gas : run(it, at);
  };

/** Does the instruction at hand, whose operands are at these places; returns 0, or an exit. */
export type Work<At> = (it: Instruction, at: At) => number;
/** One for each instruction: none can be missing, and none has other operands than isa.ts says. */
export type Handlers<N extends Name> = { readonly [One in N]: Work<PlacesOf<One>> };

/** Those that set `pc` themselves. */
const JUMPS: ReadonlySet<string> = new Set<Name>([
  'return_call',
  'return_call_indirect',
  'call_ref',
  'return_call_ref',
]);

const instruction = new Instruction();

/** What carries out the instructions of a table, each left behind: by number, from that of the first on. */
export function carriedOut<N extends Name>(
  handlers: Handlers<N>,
  first: number,
  end: number,
): readonly ((thread: Thread) => number)[] {
  return MACHINE_OPS.slice(first, end).map(({ name, operands }) => {
    const run = handlers[name as N] as Work<unknown>;
    const places = placesOf(name as N);
    const length = JUMPS.has(name) ? 0 : lengthOf(operands);
    return (thread) => {
      instruction.thread = thread;
      instruction.instance = thread.instance as Instance;
      const exit = run(instruction, places);
      if (exit === 0) thread.pc += length;
      return exit;
    };
  });
}
