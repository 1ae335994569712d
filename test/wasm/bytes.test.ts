import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { copyOf, isBytes, viewOf } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { everythingOf, KINDS_OF_BYTES, overwrite } from './kinds-of-bytes.ts';

const CONTENT = Uint8Array.of(1, 2, 3, 4, 5);
const CHANGED = new Uint8Array(5).fill(0x58);

describe.each(KINDS_OF_BYTES)('$kind', ({ make }) => {
  test('is bytes', () => {
    expect(isBytes(make(CONTENT))).toBe(true);
  });

  test('as a plain view shares its memory', () => {
    const bytes = make(CONTENT);
    const view = viewOf(bytes);
    expect(Object.getPrototypeOf(view)).toBe(Uint8Array.prototype);
    expect(view).toEqual(CONTENT);
    overwrite(bytes);
    expect(view).toEqual(CHANGED);
  });

  test('as a copy shares nothing', () => {
    const bytes = make(CONTENT);
    const before = everythingOf(bytes);
    const copy = copyOf(bytes) as Uint8Array;
    expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype);
    expect(Object.getPrototypeOf(copy.buffer)).toBe(ArrayBuffer.prototype);
    expect(copy.buffer.byteLength).toBe(CONTENT.length);
    copy.fill(9);
    expect(everythingOf(bytes)).toBe(before);
    const other = copyOf(bytes);
    overwrite(bytes);
    expect(other).toEqual(CONTENT);
  });
});

test.each([
  ['nothing', undefined],
  ['null', null],
  ['text', 'bytes'],
  ['a list of numbers', [1, 2]],
  ['a list with the class of bytes', Object.setPrototypeOf([1], Uint8Array.prototype)],
  ['an object with the class of bytes', Object.create(Uint8Array.prototype)],
  ['an object with the class of buffers', Object.create(ArrayBuffer.prototype)],
  [
    'an object with the tag of bytes',
    { [Symbol.toStringTag]: 'Uint8Array', byteLength: 1, buffer: new ArrayBuffer(1) },
  ],
  ['an object with the tag of a buffer', { [Symbol.toStringTag]: 'ArrayBuffer', byteLength: 1 }],
  ['a proxy', new Proxy(new Uint8Array(1), {})],
  ['a prototype', Uint8Array.prototype],
])('%s is no bytes', (_, value) => {
  expect([isBytes(value), viewOf(value), copyOf(value)]).toEqual([false, undefined, undefined]);
});

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function detachedBehind<T>(view: (buffer: ArrayBuffer) => T): T {
  const buffer = new ArrayBuffer(8);
  const made = view(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return made;
}

interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}

function shrunkBehind<T>(view: (buffer: ArrayBuffer) => T): T {
  const maker = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable;
  const buffer = new maker(8, { maxByteLength: 16 });
  const made = view(buffer);
  buffer.resize(2);
  return made;
}

test.each<[string, () => unknown]>([
  ['a detached buffer', detached],
  ['an array of a detached buffer', () => detachedBehind((buffer) => new Uint8Array(buffer))],
  ['a view of a detached buffer', () => detachedBehind((buffer) => new DataView(buffer))],
  ['a foreign array of a detached buffer', () => detachedBehind((b) => new (runInNewContext('Uint8Array'))(b))],
  ['an array beyond a buffer that shrank', () => shrunkBehind((buffer) => new Uint8Array(buffer, 4, 4))],
  ['an array that follows a buffer, beyond its end', () => shrunkBehind((buffer) => new Uint8Array(buffer, 4))],
  ['a view beyond a buffer that shrank', () => shrunkBehind((buffer) => new DataView(buffer, 4, 4))],
])('%s is refused, and said to be unreadable', (_, make) => {
  const value = make();
  expect(isBytes(value)).toBe(true);
  expect(() => viewOf(value)).toThrow(UsageError);
  expect(() => viewOf(value, 'the file')).toThrow('the file cannot be read');
  expect(() => copyOf(value)).toThrow(/the bytes cannot be read: the buffer is detached, or has become too small/);
});

test('what follows a buffer that changed its size is read at its size of now', () => {
  expect(viewOf(shrunkBehind((buffer) => new Uint8Array(buffer)))).toHaveLength(2);
  expect(copyOf(shrunkBehind((buffer) => buffer))).toHaveLength(2);
});
