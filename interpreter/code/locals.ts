/** The locals of a function, parameters first: their types and registers, where a few bytes may declare thousands. */

import { type LocalRun, V128, type ValType } from '../../wasm/types.ts';

/** Locals whose types and registers are at hand; those behind them are looked up in their runs. */
const AT_HAND = 64;

export class Locals {
  readonly count: number;
  /** Slots that all of them take. */
  readonly slots: number;
  private readonly types: ValType[] = [];
  private readonly registers: number[] = [];
  /** Of every run: its first local, the slot of that, and the type. Parameters are runs of one. */
  private readonly firsts: number[] = [];
  private readonly firstSlots: number[] = [];
  private readonly runTypes: ValType[] = [];

  constructor(params: readonly ValType[], runs: readonly LocalRun[]) {
    let count = 0;
    let slot = 0;
    const add = (type: ValType, length: number) => {
      const width = type === V128 ? 2 : 1;
      this.firsts.push(count);
      this.firstSlots.push(slot);
      this.runTypes.push(type);
      for (let i = 0; i < length && count + i < AT_HAND; i++) {
        this.types.push(type);
        this.registers.push(2 * (slot + i * width));
      }
      count += length;
      slot += length * width;
    };
    for (const type of params) add(type, 1);
    for (const run of runs) add(run.type, run.count);
    this.count = count;
    this.slots = slot;
  }

  type(local: number): ValType {
    return (local < AT_HAND ? this.types[local] : this.runTypes[this.run(local)]) as ValType;
  }

  register(local: number): number {
    if (local < AT_HAND) return this.registers[local] as number;
    const run = this.run(local);
    const width = this.runTypes[run] === V128 ? 2 : 1;
    return 2 * ((this.firstSlots[run] as number) + (local - (this.firsts[run] as number)) * width);
  }

  private run(local: number): number {
    const { firsts } = this;
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((firsts[middle] as number) <= local) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
