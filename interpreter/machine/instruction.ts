/** The instruction at hand, as the handlers outside of the main loop see it. */

import type { FuncType } from '../../wasm/types.ts';
import type { GlobalInstance } from '../store/global.ts';
import type { Instance } from '../store/instance.ts';
import type { LinearMemory } from '../store/memory.ts';
import type { TableInstance } from '../store/table.ts';
import type { Reference } from '../values/reference.ts';
import type { Thread } from './thread.ts';

/** Operands are named by their place: 1 is that of the first letter in isa.ts. */
export class Operands {
  thread!: Thread;
  instance!: Instance;

  word(place: number): number {
    return this.thread.code[this.thread.pc + place] as number;
  }

  /** Index of an operand's register. */
  register(place: number): number {
    return this.thread.fp + this.word(place);
  }

  signed(place: number): number {
    return this.thread.registers[this.register(place)] as number;
  }

  unsigned(place: number): number {
    return this.signed(place) >>> 0;
  }

  set(place: number, value: number): void {
    this.thread.registers[this.register(place)] = value;
  }

  reference(place: number): Reference {
    return this.thread.references.get(this.register(place) >> 1);
  }

  setReference(place: number, value: Reference): void {
    this.thread.references.set(this.register(place) >> 1, value);
  }

  /** Sets the references to null that are in the operand's register, and in all behind it. */
  clearReferences(place: number): void {
    this.thread.references.cut(this.register(place) >> 1);
  }

  /** Copies a vector to the first operand's register. */
  copyVector(from: number): void {
    const source = this.register(from);
    this.thread.registers.copyWithin(this.register(1), source, source + 4);
  }

  table(place: number): TableInstance {
    return this.instance.tables[this.word(place)] as TableInstance;
  }

  memory(place: number): LinearMemory {
    return this.instance.memories[this.word(place)] as LinearMemory;
  }

  global(place: number): GlobalInstance {
    return this.instance.globals[this.word(place)] as GlobalInstance;
  }

  functionType(place: number): FuncType {
    return this.instance.module.types[this.word(place)] as FuncType;
  }

  /** Bytes of a data segment; none once it has been dropped. */
  data(place: number): Uint8Array {
    return this.instance.data(this.word(place));
  }

  /** Length of a data segment; 0 once it has been dropped. */
  dataLength(place: number): number {
    const index = this.word(place);
    if (this.instance.droppedData.has(index)) return 0;
    const { start, end } = this.instance.module.data.bytesOf(index);
    return end - start;
  }

  /** Length of an element segment; 0 once it has been dropped. */
  elementCount(place: number): number {
    const index = this.word(place);
    return this.instance.droppedElements.has(index) ? 0 : this.instance.module.elements.count(index);
  }
}

/** Does an instruction; returns 0, or an exit. */
export type Handler = (o: Operands) => number;
