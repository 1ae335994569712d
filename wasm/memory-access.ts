/** Bytes and text in and out of a guest's memory, checked, whoever asks. */

import { viewOf } from './bytes.ts';
import { UsageError } from './errors.ts';
import type { GuestMemory } from './host.ts';
import { describe } from './quote.ts';
import { decodeLossy, encodeUtf8 } from './utf8.ts';

/** Where something is: an unsigned integer, as the guest has it. 64-bit memories give bigints. */
export type Pointer = number | bigint;

/** What would be read or written outside of the memory. @throws always */
export type Outside = (what: string, pointer: number, memory: GuestMemory) => never;

/** The memory at a place, without a copy. @throws UsageError for what is no place, and what `outside` throws */
export function viewAt(memory: GuestMemory, pointer: Pointer, length: number, outside: Outside): Uint8Array {
  const at = placeOf('a pointer', pointer);
  return memory.view(at, placeOf('a length', length)) ?? outside(`${length} bytes`, at, memory);
}

/** Text in UTF-8 of so many bytes, or up to the first zero byte. */
export function textAt(memory: GuestMemory, pointer: Pointer, length: number | undefined, outside: Outside): string {
  const bytes = length === undefined ? untilZero(memory, pointer, outside) : viewAt(memory, pointer, length, outside);
  return decodeLossy(bytes);
}

/** @throws UsageError unless it is bytes of any kind */
export function bytesToWrite(value: unknown): Uint8Array {
  return viewOf(value, 'what is written') ?? refuse('what is written', 'bytes', value);
}

/** @throws UsageError unless it is text */
export function textToWrite(value: unknown): Uint8Array {
  if (typeof value !== 'string') refuse('what is written', 'a string', value);
  return encodeUtf8(value as string);
}

function untilZero(memory: GuestMemory, pointer: Pointer, outside: Outside): Uint8Array {
  const at = placeOf('a pointer', pointer);
  const rest = memory.view(at, memory.byteLength - at) ?? outside('a string', at, memory);
  const end = rest.indexOf(0);
  return end < 0 ? outside('a string that ends with a zero byte', at, memory) : rest.subarray(0, end);
}

function placeOf(what: string, value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) {
    refuse(what, 'an unsigned integer', value);
  }
  return number as number;
}

function refuse(what: string, expected: string, value: unknown): never {
  throw new UsageError(`${what} must be ${expected}, not ${describe(value)}`);
}
