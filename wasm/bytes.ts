/**
 * Bytes that come from outside, recognised by what they are: classes differ between realms, `instanceof` and tags can be
 * forged, subclasses override, and Node's `Buffer` shares where a `Uint8Array` copies (`slice`).
 */

import { UsageError } from './errors.ts';

/** Every kind of bytes that the public API takes, of any realm; `Uint8Array` and Node's `Buffer` are views. */
export type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** Reads an internal slot. Throws a TypeError where the value has none. */
type Getter<T> = (value: unknown) => T;

/** Reads where a view lies. */
type Place = (value: unknown) => readonly [buffer: ArrayBufferLike, at: number, length: number];

const TYPED_ARRAY: object = Object.getPrototypeOf(Uint8Array.prototype);
/** The class's name; undefined where the value is no typed array. */
const typedArrayName = getterOf<string | undefined>(TYPED_ARRAY, Symbol.toStringTag);
const placeOfArray = placeGetter(TYPED_ARRAY);
const placeOfDataView = placeGetter(DataView.prototype);
const lengthOfBuffer = getterOf<number>(ArrayBuffer.prototype, 'byteLength');
/** Where the class is hidden, buffers of it are only found behind views. */
const lengthOfShared =
  typeof SharedArrayBuffer === 'undefined'
    ? lengthOfBuffer
    : getterOf<number>(SharedArrayBuffer.prototype, 'byteLength');
/** Throws where the array is detached, or out of the bounds of its buffer. */
const iterate: () => unknown = Uint8Array.prototype.values;

function getterOf<T>(prototype: object, name: PropertyKey): Getter<T> {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as () => T;
  return (value) => Reflect.apply(get, value, []);
}

function placeGetter(prototype: object): Place {
  const buffer = getterOf<ArrayBufferLike>(prototype, 'buffer');
  const offset = getterOf<number>(prototype, 'byteOffset');
  const length = getterOf<number>(prototype, 'byteLength');
  return (value) => [buffer(value), offset(value), length(value)];
}

/** Whether the value is any kind of bytes, usable or detached. */
export function isBytes(value: unknown): value is Bytes {
  return ArrayBuffer.isView(value) || has(value, lengthOfBuffer) || has(value, lengthOfShared);
}

function has(value: unknown, length: Getter<number>): boolean {
  if (typeof value !== 'object' || value === null || isPlain(value)) return false;
  try {
    length(value);
    return true;
  } catch {
    return false;
  }
}

/** An object of options, say: what is thrown for it below would take longer than a short call of a guest. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || prototype === Array.prototype;
}

/**
 * The same bytes as a plain array, which shares their memory; undefined where the value is no bytes.
 * @param what they are called in an error
 * @throws UsageError where they are detached, or their buffer was made too small for them
 */
export function viewOf(value: unknown, what = 'the bytes'): Uint8Array | undefined {
  if (!isBytes(value)) return undefined;
  try {
    if (!ArrayBuffer.isView(value)) return new Uint8Array(value);
    const isArray = typedArrayName(value) !== undefined;
    if (isArray) Reflect.apply(iterate, value, []);
    return new Uint8Array(...(isArray ? placeOfArray : placeOfDataView)(value));
  } catch (cause) {
    throw new UsageError(`${what} cannot be read: the buffer is detached, or has become too small`, { cause });
  }
}

/**
 * A copy that nobody else can change, over an `ArrayBuffer` of its own; undefined where the value is no bytes.
 * @throws UsageError as {@link viewOf}
 */
export function copyOf(value: unknown, what?: string): Uint8Array<ArrayBuffer> | undefined {
  const view = viewOf(value, what);
  if (view === undefined) return undefined;
  const copy = new Uint8Array(view.length);
  copy.set(view);
  return copy;
}

/** Pieces one behind the other, in bytes of their own. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const NOTHING = new Uint8Array(0);

/**
 * A view of what the JavaScript API of WebAssembly takes: no shared buffer but behind a view, and a detached one as empty
 * (Web IDL, `BufferSource`).
 * @throws TypeError
 */
export function viewOfBufferSource(value: unknown): Uint8Array {
  if (!ArrayBuffer.isView(value) && !has(value, lengthOfBuffer)) {
    throw new TypeError('an ArrayBuffer or a view of one was expected');
  }
  try {
    return viewOf(value) ?? NOTHING;
  } catch {
    return NOTHING;
  }
}
