/** Values at the boundary in a recording. What is an object is a token: the same number wherever it is the same. */

import { UsageError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { F32, F64, I32, I64, type ValType } from '../../wasm/types.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';

const TAGS = { null: 0, undefined: 1, boolean: 2, number: 3, bigint: 4, string: 5, token: 6 } as const;

/** Objects that a recording may have. */
export const MAX_TOKENS = 1_000_000;

/** Objects by number, in the order in which they were first seen. */
export class Tokens {
  private readonly numbers = new Map<unknown, number>();
  private readonly objects: unknown[] = [];

  get areTooMany(): boolean {
    return this.objects.length > MAX_TOKENS;
  }

  numberOf(object: unknown): number {
    let number = this.numbers.get(object);
    if (number === undefined) {
      number = this.objects.length;
      this.numbers.set(object, number);
      this.objects.push(object);
    }
    return number;
  }

  /**
   * What stands for an object of the run that was recorded.
   * @param candidate stands for one that is new, if it is an object that stands for none
   */
  objectOf(number: number, candidate?: unknown): unknown {
    if (number > this.objects.length || number >= MAX_TOKENS) damaged('a value has no number');
    if (number === this.objects.length) {
      const isObject = typeof candidate === 'function' || (typeof candidate === 'object' && candidate !== null);
      this.numberOf(isObject && !this.numbers.has(candidate) ? candidate : Object.freeze({ token: number }));
    }
    return this.objects[number];
  }
}

/**
 * @throws UsageError where the value is not of the type
 */
export function writeValue(to: WireWriter, type: ValType, value: WasmValue, tokens: Tokens): void {
  switch (type) {
    case I32:
      to.u32(+(value as number) >>> 0);
      return;
    case F32:
    case F64:
      to.number(+(value as number));
      return;
    case I64:
      if (typeof value !== 'bigint') throw new UsageError('a host function returned no bigint for an i64');
      to.u64(value);
      return;
    default:
      writeReference(to, value, tokens);
  }
}

function writeReference(to: WireWriter, value: WasmValue, tokens: Tokens): void {
  if (value === null) {
    to.u8(TAGS.null);
    return;
  }
  switch (typeof value) {
    case 'undefined':
      to.u8(TAGS.undefined);
      break;
    case 'boolean':
      to.u8(TAGS.boolean);
      to.flag(value);
      break;
    case 'number':
      to.u8(TAGS.number);
      to.number(value);
      break;
    case 'bigint':
      to.u8(TAGS.bigint);
      to.text(String(value));
      break;
    case 'string':
      to.u8(TAGS.string);
      to.text(value);
      break;
    default:
      to.u8(TAGS.token);
      to.u32(tokens.numberOf(value));
  }
}

/**
 * @param candidate what may stand for an object that is new
 * @throws SnapshotError
 */
export function readValue(from: WireReader, type: ValType, tokens: Tokens, candidate?: WasmValue): WasmValue {
  switch (type) {
    case I32:
      return from.u32() | 0;
    case F32:
    case F64:
      return from.number();
    case I64:
      return BigInt.asIntN(64, from.u64());
    default:
      return readReference(from, tokens, candidate);
  }
}

function readReference(from: WireReader, tokens: Tokens, candidate: WasmValue): WasmValue {
  switch (from.u8()) {
    case TAGS.null:
      return null;
    case TAGS.undefined:
      return undefined;
    case TAGS.boolean:
      return from.flag();
    case TAGS.number:
      return from.number();
    case TAGS.bigint: {
      const text = from.text();
      return /^-?\d{1,20000}$/.test(text) ? BigInt(text) : damaged('a bigint is none');
    }
    case TAGS.string:
      return from.text();
    case TAGS.token:
      return tokens.objectOf(from.u32(), candidate);
    default:
      return damaged('a value is of no known type');
  }
}
