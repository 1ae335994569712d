import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/index.ts';
import { decodeAllNpy, decodeNpy, encodeNpy, type NdArray, type NdData } from '../../src/ndarray.ts';
import { SEED } from '../property/runner.ts';
import { NUMPY } from './numpy.ts';

const numpy = (what: string) => NUMPY.get(what) as Uint8Array<ArrayBuffer>;

describe('what NumPy writes', () => {
  test.each<[string, Partial<NdArray>]>([
    ['float64', { dtype: 'float64', shape: [2, 2], stride: [2, 1], data: Float64Array.of(1.5, -2, 3, 4e300) }],
    ['float32 column', { dtype: 'float32', shape: [2, 3], stride: [1, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) }],
    ['bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ['int64 big endian', { dtype: 'bigint64', shape: [3], data: BigInt64Array.of(1n, -2n, 2n ** 62n) }],
    ['uint16', { dtype: 'uint16', shape: [1, 2, 1], data: Uint16Array.of(1, 65_535) }],
    ['scalar', { dtype: 'int8', shape: [], stride: [], data: Int8Array.of(7) }],
    ['empty', { dtype: 'uint8', shape: [0, 3], data: new Uint8Array(0) }],
    ['version 2', { dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) }],
  ])('%s is read', (what, expected) => {
    expect(decodeNpy(numpy(what))).toMatchObject({ offset: 0, ...expected });
  });

  test('float16 is read as float32', () => {
    const { data, dtype } = decodeNpy(numpy('float16'));
    expect(dtype).toBe('float16');
    const [tiny, small] = [2 ** -24, 1023 * 2 ** -24];
    expect([...data]).toEqual([0, 1, -2, 65_504, tiny, small, Number.POSITIVE_INFINITY, Number.NaN]);
  });

  test.each(['float64', 'bool', 'uint16', 'scalar', 'empty', 'float16'])('%s is written byte for byte', (what) => {
    expect(encodeNpy(decodeNpy(numpy(what)))).toEqual(numpy(what));
  });

  test('elements without an array here are refused', () => {
    expect(() => decodeNpy(numpy('complex64'))).toThrow(/elements of type "c8" have none here/);
  });
});

const arrays: readonly (readonly [(numbers: readonly number[]) => NdData, string | undefined])[] = [
  [(numbers) => Int8Array.from(numbers), undefined],
  [(numbers) => Uint8ClampedArray.from(numbers), undefined],
  [(numbers) => Uint8Array.from(numbers, (x) => x & 1), 'bool'],
  [(numbers) => Int32Array.from(numbers), 'int32'],
  [(numbers) => BigUint64Array.from(numbers, (x) => BigInt.asUintN(64, BigInt(x))), 'uint64'],
  [(numbers) => Float32Array.from(numbers), 'float16'],
  [(numbers) => Float64Array.from(numbers, (x) => x / 3), undefined],
];

/** Any array, strided in any way, negative steps included. */
const anyArray = fc
  .tuple(
    fc.constantFrom(...arrays),
    fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    fc.array(fc.tuple(fc.boolean(), fc.nat()), { minLength: 4, maxLength: 4 }),
    fc.nat({ max: 3 }),
  )
  .map(([[make, dtype], shape, axes, gap]): NdArray => {
    // In any order of dimensions.
    const order = shape.map((_, axis) => axis).sort((a, b) => (axes[a]?.[1] ?? 0) - (axes[b]?.[1] ?? 0));
    const stride: number[] = [];
    let step = 1;
    let offset = gap;
    for (const axis of order) {
      const length = shape[axis] as number;
      const isBackwards = axes[axis]?.[0] === true;
      stride[axis] = isBackwards ? -step : step;
      if (isBackwards) offset += step * Math.max(0, length - 1);
      step *= Math.max(1, length);
    }
    const count = step + 2 * gap;
    return { data: make(Array.from({ length: count }, (_, i) => i - 3)), shape, stride, offset, dtype };
  });

/** The elements, row by row. */
function elementsOf({ data, shape, stride = [], offset = 0 }: NdArray): (number | bigint)[] {
  const elements: (number | bigint)[] = [];
  const walk = (axis: number, at: number): void => {
    if (axis === shape.length) elements.push(data[at] as number | bigint);
    else for (let i = 0; i < (shape[axis] as number); i++) walk(axis + 1, at + i * (stride[axis] as number));
  };
  walk(0, offset);
  return elements;
}

test('any array is read as it was written, however it lies in memory', () => {
  fc.assert(
    fc.property(anyArray, (array) => {
      const read = decodeNpy(encodeNpy(array));
      expect(read.shape).toEqual(array.shape);
      expect(elementsOf(read)).toEqual(elementsOf(array));
    }),
    { numRuns: 500, seed: SEED },
  );
});

test('every half is read as it was written, and what lies between becomes the nearest', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const header = encodeNpy({ data: new Float32Array(65_536), shape: [65_536], dtype: 'float16' });
  header.set(new Uint8Array(halves.buffer), header.length - 2 * 65_536);
  const values = decodeNpy(header);
  const again = encodeNpy(values).subarray(header.length - 2 * 65_536);
  const found = new Uint16Array(again.slice().buffer);
  const wrong = [...halves].filter((half) => !Number.isNaN(values.data[half] as number) && found[half] !== half);
  expect(wrong).toEqual([]);

  const nearest = (value: number) => {
    const { data } = decodeNpy(encodeNpy({ data: Float32Array.of(value), shape: [1], dtype: 'float16' }));
    return data[0];
  };
  // Ties to even, and over the largest and under the smallest.
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519.99, 65_520, 2 ** -25, 3 * 2 ** -25].map(nearest)).toEqual([
    1,
    1 + 2 ** -9,
    65_504,
    Number.POSITIVE_INFINITY,
    0,
    2 ** -23,
  ]);
});

describe('what is no array', () => {
  const data = new Float64Array(6);
  test.each<[string, unknown, RegExp]>([
    ['nothing of the kind', { data: [1], shape: [1] }, /an array of \{ data, shape \} expected/],
    ['shape', { data, shape: [2, -1] }, /the shape of an array must be/],
    ['shape of fractions', { data, shape: [1.5] }, /the shape of an array must be/],
    ['more than there is', { data, shape: [7] }, /reaches outside of its 6 elements/],
    ['strides', { data, shape: [2], stride: [1, 1] }, /the strides of an array/],
    ['steps outside', { data, shape: [3], stride: [3] }, /reaches outside/],
    ['steps before', { data, shape: [3], stride: [-1], offset: 1 }, /reaches outside/],
    ['much of little', { data, shape: [1e6], stride: [0] }, /more elements than its data/],
    ['another type', { data, shape: [6], dtype: 'int8' }, /or its data is of another type/],
    ['an unknown type', { data, shape: [6], dtype: 'complex128' }, /"complex128" cannot be written/],
  ])('%s is refused', (_, array, message) => {
    expect(() => encodeNpy(array as NdArray)).toThrow(message);
    expect(() => encodeNpy(array as NdArray)).toThrow(UsageError);
  });

  const file = encodeNpy({ data: Int32Array.of(1, 2), shape: [2] });
  const withHeader = (header: string) => {
    const bytes = file.slice();
    bytes.fill(0x20, 10, bytes.length - 9);
    bytes.set(new TextEncoder().encode(header), 10);
    return bytes;
  };
  test.each<[string, Uint8Array, RegExp]>([
    ['no bytes', new Uint8Array(0), /does not begin like one/],
    ['another file', new TextEncoder().encode('{"data": [1, 2]}'), /does not begin like one/],
    ['another version', file.with(6, 9), /version 9/],
    ['a header that is cut off', file.subarray(0, 40), /cut off/],
    ['elements that are cut off', file.subarray(0, -1), /has 7 of 8 bytes/],
    ['more behind it', Uint8Array.of(...file, 0), /1 bytes are behind it/],
    [
      'a shape beyond what can be',
      withHeader("{'descr': '<i4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }"),
      /beyond|bytes of elements/,
    ],
    [
      'a header of something else',
      withHeader("{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,), }"),
      /its header is none/,
    ],
    ['a header that is no text', withHeader('\u00ff'.repeat(9)), /its header is none/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => decodeNpy(bytes)).toThrow(message);
    expect(() => decodeNpy(bytes)).toThrow(Error);
  });

  test('any changed byte is an array, or an error of the documented class', () => {
    fc.assert(
      fc.property(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        try {
          decodeAllNpy(file.with(at, byte));
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });
});

test('of a Buffer, the elements are a copy as of any bytes', () => {
  const file = encodeNpy({ data: Float64Array.of(1, 2), shape: [2] });
  // Node gives small ones a place in memory that they share.
  const buffer = Buffer.from(file);
  expect(buffer.buffer.byteLength).toBeGreaterThan(buffer.length);
  const { data } = decodeNpy(buffer);
  buffer.fill(0);
  expect(data).toEqual(Float64Array.of(1, 2));
  expect(data.buffer.byteLength).toBe(16);
});
