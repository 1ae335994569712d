/** What Web IDL says of the JavaScript API's arguments and classes, on every engine: numbers, descriptors, members. */

import { type AddressType, I32, I64, type Limits } from './types.ts';

/** An integer for a size or an index (`[EnforceRange] unsigned long`). @throws TypeError */
export function index(value: unknown, what: string): number {
  const number = Math.trunc(+(value as number));
  if (!(number >= 0 && number <= 0xffff_ffff)) throw new TypeError(`${what} must be an integer from 0 to 4294967295`);
  return number + 0;
}

/** The same, as the address type has it: a bigint for 64 bits, which need not be exact beyond 2^53. @throws TypeError */
export function addressValue(address: AddressType, value: unknown, what: string): number {
  if (address === I32) return index(value, what);
  // BigInt takes numbers as well, which conversion to a bigint does not.
  const bigint = typeof value === 'number' ? -1n : BigInt(value as bigint | boolean | string);
  if (bigint < 0n || bigint >= 1n << 64n) throw new TypeError(`${what} must be a bigint from 0 to 2^64 - 1`);
  return Number(bigint);
}

/** A size as JavaScript sees it: a bigint where addresses are of 64 bits. */
export function shownSize(address: AddressType, size: number): number | bigint {
  return address === I32 ? size : BigInt(size);
}

/** A dictionary that has to be there. @throws TypeError */
export function dictionary(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new TypeError(`a descriptor of a ${what} was expected`);
  return value;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

/** The values of a sequence, which texts are not. @throws TypeError */
export function sequence(value: unknown, what: string): unknown[] {
  if (!isObject(value)) throw new TypeError(`${what} must be a list`);
  return [...(value as unknown as Iterable<unknown>)];
}

/** The address type and the limits of a memory or table. */
export interface Sizes {
  readonly address: AddressType;
  readonly limits: Limits;
}

/**
 * Reads them of a descriptor, in the order in which V8 does, which others see.
 * @throws TypeError, RangeError
 */
export function readSizes(
  descriptor: Readonly<Record<string, unknown>>,
  bounds: Readonly<Record<AddressType, number>>,
  what: string,
): Sizes {
  const named = descriptor['address'];
  const name = named === undefined ? 'i32' : String(named);
  if (name !== 'i32' && name !== 'i64') throw new TypeError(`the address type of a ${what} is i32 or i64`);
  const address = name === 'i64' ? I64 : I32;
  const bound = bounds[address];
  const read = (key: 'initial' | 'maximum'): number | undefined => {
    const value = descriptor[key];
    if (value === undefined) return undefined;
    const size = addressValue(address, value, `the ${key} size of a ${what}`);
    if (size > bound) throw new RangeError(`the ${key} size of a ${what} must be at most ${bound}`);
    return size;
  };
  const min = read('initial');
  if (min === undefined) throw new TypeError(`the descriptor of a ${what} needs an initial size`);
  const max = read('maximum');
  if (max !== undefined && max < min) throw new RangeError('the maximum size is smaller than the initial size');
  return { address, limits: { min, max } };
}

/** Whether a memory is to be shared, which is read behind its sizes. @throws TypeError where it has no maximum then */
export function readShared(descriptor: Readonly<Record<string, unknown>>, { limits }: Sizes): boolean {
  if (!descriptor['shared']) return false;
  if (limits.max === undefined) throw new TypeError('a shared memory needs a maximum size');
  return true;
}

type Class = { readonly name: string; readonly prototype: object };

/** Makes the members of a class enumerable, as those of the host's are, and gives its objects a tag. */
export function shapeClass(Class: Class, name: string = Class.name): void {
  const { prototype } = Class;
  for (const [object, hidden] of [
    [prototype, ['constructor']],
    [Class, ['name', 'length', 'prototype']],
  ] as const) {
    for (const member of Object.getOwnPropertyNames(object)) {
      if (!(hidden as readonly string[]).includes(member)) Object.defineProperty(object, member, { enumerable: true });
    }
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true });
}
