/** Values of frames in the globals of an instance, as the host reads and writes them. */

import { HostError } from '../../wasm/errors.ts';
import type { LeftValue } from '../../wasm/left.ts';
import { FUNCREF, V128, type ValType } from '../../wasm/types.ts';
import { METER_EXPORTS } from '../layout.ts';
import type { MeteredInstance } from '../metered-instance.ts';
import type { SlotKind, SlotPlace } from './slots.ts';

/** The functions of an instance, by the numbers that they have in its module. */
export class FunctionNumbers {
  private readonly guest: MeteredInstance;
  private numbers: Map<unknown, number> | undefined;

  constructor(guest: MeteredInstance) {
    this.guest = guest;
  }

  private get table(): WebAssembly.Table | undefined {
    return this.guest.meterExport(METER_EXPORTS.functions) as WebAssembly.Table | undefined;
  }

  /** Of a reference as the engine has it: a function's number, any other as it is. */
  toNumber(type: ValType, raw: unknown): unknown {
    if (type !== FUNCREF || raw === null) return raw;
    if (this.numbers === undefined) {
      const { table } = this;
      const { referable = [] } = this.guest.metered;
      this.numbers = new Map(referable.map((number, place) => [table?.get(place) as unknown, number]));
    }
    const number = this.numbers.get(raw);
    if (number === undefined) throw new HostError('the guest holds a function that is none of its module');
    return number;
  }

  /** Whether a reference can be given to it: of its functions, those that something in the module refers to. */
  has(type: ValType, reference: unknown): boolean {
    return type !== FUNCREF || reference === null || this.places.has(reference as number);
  }

  /** The other way round. */
  toRaw(type: ValType, reference: unknown): unknown {
    if (type !== FUNCREF || reference === null) return reference;
    return this.table?.get(this.places.get(reference as number) as number);
  }

  private known: ReadonlyMap<number, number> | undefined;

  private get places(): ReadonlyMap<number, number> {
    this.known ??= new Map(this.guest.metered.referable?.map((number, place) => [number, place]));
    return this.known;
  }
}

/** The globals that have values. */
export class Values {
  private readonly globals = new Map<string, WebAssembly.Global>();
  private readonly globalOf: (kind: SlotKind, place: number) => WebAssembly.Global;
  private readonly functions: FunctionNumbers;

  constructor(globalOf: (kind: SlotKind, place: number) => WebAssembly.Global, functions: FunctionNumbers) {
    this.globalOf = globalOf;
    this.functions = functions;
  }

  private global(kind: SlotKind, place: number): WebAssembly.Global {
    const key = `${kind} ${place}`;
    let found = this.globals.get(key);
    if (found === undefined) {
      found = this.globalOf(kind, place);
      this.globals.set(key, found);
    }
    return found;
  }

  get({ type, kind, first }: SlotPlace): LeftValue {
    const { value } = this.global(kind, first);
    if (kind === 'i32') return { type, words: [value as number], reference: null };
    if (kind === 'i64') {
      const halves = type === V128 ? [value, this.global(kind, first + 1).value] : [value];
      return { type, words: halves.flatMap((half) => wordsOf(half as bigint)), reference: null };
    }
    return { type, words: [], reference: this.functions.toNumber(type, value) };
  }

  set({ type, kind, first }: SlotPlace, { words, reference }: LeftValue): void {
    if (kind === 'i32') this.global(kind, first).value = words[0];
    else if (kind !== 'i64') this.global(kind, first).value = this.functions.toRaw(type, reference);
    else {
      for (let half = 0; half < (type === V128 ? 2 : 1); half++) {
        this.global(kind, first + half).value = bigintOf(words, 2 * half);
      }
    }
  }
}

function bigintOf(words: readonly number[], at: number): bigint {
  return (BigInt(words[at + 1] as number) << 32n) | BigInt((words[at] as number) >>> 0);
}

function wordsOf(value: bigint): readonly number[] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}
