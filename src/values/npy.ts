/**
 * NumPy's format for an array in a file (NEP 1): a magic word, a version, a header that is a dictionary of Python's, and the
 * elements.
 */

import { UsageError } from '../../wasm/errors.ts';
import { describe, quote } from '../../wasm/quote.ts';
import { decodeLossy } from '../../wasm/utf8.ts';
import { fromFloat16, toFloat16 } from './float16.ts';
import { contiguous, type DType, type NdArray, type NdData, ndArrayIn, type ReadNdArray } from './ndarray.ts';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
/** Where elements begin is a multiple of it. */
const ALIGNMENT = 64;
/** As NumPy has it. */
const MOST_DIMENSIONS = 64;
const MOST_HEADER = 1 << 16;

interface Type {
  readonly dtype: DType;
  /** In the header, behind the sign for the order of bytes. */
  readonly code: string;
  /** What has elements of it in JavaScript. */
  readonly array: { new (length: number): NdData; readonly BYTES_PER_ELEMENT: number; readonly name: string };
  /** Of an element in the file, where that is not what it has here. */
  readonly bytes?: number;
}

const TYPES: readonly Type[] = [
  { dtype: 'bool', code: 'b1', array: Uint8Array },
  { dtype: 'int8', code: 'i1', array: Int8Array },
  { dtype: 'int16', code: 'i2', array: Int16Array },
  { dtype: 'int32', code: 'i4', array: Int32Array },
  { dtype: 'bigint64', code: 'i8', array: BigInt64Array },
  { dtype: 'uint8', code: 'u1', array: Uint8Array },
  { dtype: 'uint16', code: 'u2', array: Uint16Array },
  { dtype: 'uint32', code: 'u4', array: Uint32Array },
  { dtype: 'biguint64', code: 'u8', array: BigUint64Array },
  { dtype: 'float16', code: 'f2', array: Float32Array, bytes: 2 },
  { dtype: 'float32', code: 'f4', array: Float32Array },
  { dtype: 'float64', code: 'f8', array: Float64Array },
];
const BY_CODE = new Map(TYPES.map((type) => [type.code, type]));
/** The names that others have. */
const ALIASES: Readonly<Record<string, DType>> = {
  int64: 'bigint64',
  uint64: 'biguint64',
  uint8_clamped: 'uint8',
  uint8c: 'uint8',
  array: 'float64',
  generic: 'float64',
};

const sizeOf = ({ bytes, array }: Type): number => bytes ?? array.BYTES_PER_ELEMENT;

/** The type of an array's elements. @throws UsageError where its data is of another */
function typeOf({ data, dtype }: NdArray): Type {
  const bytes = data.BYTES_PER_ELEMENT;
  // By name, as classes differ between realms.
  const name = data[Symbol.toStringTag] === 'Uint8ClampedArray' ? 'Uint8Array' : data[Symbol.toStringTag];
  const fits = ({ array }: Type): boolean => array.name === name;
  const wanted = dtype && (ALIASES[dtype] ?? dtype);
  const type = TYPES.find(
    (each) => (wanted === undefined ? each.dtype !== 'bool' && !each.bytes : each.dtype === wanted) && fits(each),
  );
  if (type !== undefined) return type;
  const known = TYPES.map((each) => each.dtype).join(', ');
  throw new UsageError(
    `an array of ${dtype === undefined ? `elements of ${bytes} bytes` : quote(dtype)} cannot be written, or its data is of another type: there are ${known}`,
  );
}

interface Strided {
  readonly data: NdData;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
  /** Elements. */
  readonly count: number;
}

/** @throws UsageError for what is no array, or reaches outside of its data */
function checked(array: NdArray): Strided {
  const { data, shape, offset = 0 } = array;
  const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (shape.length > MOST_DIMENSIONS || !shape.every(isIndex)) {
    throw new UsageError(
      `the shape of an array must be up to ${MOST_DIMENSIONS} numbers of elements, got ${describe(shape)}`,
    );
  }
  const stride = array.stride ?? contiguous(shape);
  if (stride.length !== shape.length || !stride.every(Number.isSafeInteger) || !isIndex(offset)) {
    throw new UsageError('the strides of an array must be integers, one for each dimension, and its offset an index');
  }
  const count = shape.reduce((product, length) => product * length, 1);
  let [first, last] = [offset, offset];
  shape.forEach((length, axis) => {
    const reach = (length - 1) * (stride[axis] as number);
    if (reach < 0) first += reach;
    else last += reach;
  });
  if (count > 0 && (first < 0 || last >= data.length)) {
    throw new UsageError(`an array of the shape (${shape.join(', ')}) reaches outside of its ${data.length} elements`);
  }
  // Strides of 0 could make very much of little.
  if (count > data.length) throw new UsageError('an array has more elements than its data: copy it before');
  return { data, shape, stride, offset, count };
}

/** Elements row by row. */
function rowByRow({ data, shape, stride, offset, count }: Strided): NdData {
  const plain = contiguous(shape);
  if (stride.every((step, axis) => step === plain[axis] || (shape[axis] as number) <= 1)) {
    return data.subarray(offset, offset + count) as NdData;
  }
  const elements = new (data.constructor as new (length: number) => NdData)(count) as {
    [index: number]: number | bigint;
  };
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    elements[i] = data[at] as number | bigint;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis] as number;
      if (++(index[axis] as number) < (shape[axis] as number)) break;
      at -= (shape[axis] as number) * (stride[axis] as number);
      index[axis] = 0;
    }
  }
  return elements as NdData;
}

const IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * An array as a `.npy` file: its elements row by row, whatever its strides are.
 * @throws UsageError for what is no array, reaches outside of its data, or has elements that NumPy does not
 */
export function encodeNpy(value: NdArray): Uint8Array<ArrayBuffer> {
  const array = ndArrayIn(value);
  if (array === undefined) throw new UsageError(`an array of { data, shape } expected, got ${describe(value)}`);
  const type = typeOf(array);
  const plain = checked(array);
  const { shape } = plain;
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const order = sizeOf(type) === 1 ? '|' : '<';
  const text = `{'descr': '${order}${type.code}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const prefix = MAGIC.length + 4;
  const start = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(start + plain.count * sizeOf(type));
  bytes.set(MAGIC);
  bytes.set([1, 0, (start - prefix) & 0xff, (start - prefix) >> 8], MAGIC.length);
  bytes.fill(0x20, prefix, start);
  for (let i = 0; i < text.length; i++) bytes[prefix + i] = text.charCodeAt(i);
  bytes[start - 1] = 0x0a;
  const elements = rowByRow(plain);
  const stored = type.bytes === 2 ? toFloat16(elements as Float32Array) : elements;
  bytes.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), start);
  if (!IS_LITTLE) swap(bytes.subarray(start), sizeOf(type));
  return bytes;
}

/** The bytes of each element, the other way round. */
function swap(bytes: Uint8Array, size: number): void {
  for (let at = 0; size > 1 && at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

const HEADER =
  /^\{\s*'descr':\s*'([<>|=])([a-z]\d{1,2})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d\s,L]*)\),?\s*\}\s*$/;

/** An array that was read, and where its file ends. */
interface Read {
  readonly array: ReadNdArray;
  readonly end: number;
}

/** @throws SyntaxError where the bytes do not begin with such a file */
function readNpy(bytes: Uint8Array, from: number): Read {
  const fail = (what: string): never => {
    throw new SyntaxError(`no .npy file: ${what}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length - from < 10 || MAGIC.some((byte, i) => bytes[from + i] !== byte)) fail('it does not begin like one');
  const major = bytes[from + 6] as number;
  if (major < 1 || major > 3) fail(`its format is of version ${major}`);
  const at = from + (major === 1 ? 10 : 12);
  if (bytes.length < at) fail('it is cut off');
  const length = major === 1 ? view.getUint16(from + 8, true) : view.getUint32(from + 8, true);
  if (length > MOST_HEADER) fail(`its header has ${length} bytes`);
  const start = at + length;
  if (bytes.length < start) fail('it is cut off');
  const header = HEADER.exec(decodeLossy(bytes.slice(at, start)));
  if (header === null) return fail('its header is none that is known: descr, fortran_order and shape, in this order');
  const [, order, code = '', fortran, tuple = ''] = header;
  const type = BY_CODE.get(code) ?? fail(`elements of type ${quote(code)} have none here`);
  const shape = tuple
    .split(',')
    .map((part) => part.replace('L', '').trim())
    .filter((part) => part !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const size = sizeOf(type);
  const end = start + count * size;
  if (shape.length > MOST_DIMENSIONS || !Number.isSafeInteger(count)) fail('its shape is beyond what can be');
  if (bytes.length < end) fail(`it has ${bytes.length - start} of ${count * size} bytes of elements`);
  // A copy, as elements have to be aligned, and their owner may change them. slice() of Node's Buffer makes none.
  const raw = new Uint8Array(bytes.subarray(start, end));
  if ((order === '>') === IS_LITTLE && order !== '=') swap(raw, size);
  const data =
    type.bytes === 2
      ? fromFloat16(new Uint16Array(raw.buffer))
      : new (type.array as unknown as new (buffer: ArrayBuffer) => NdData)(raw.buffer as ArrayBuffer);
  const array = { data, shape, stride: contiguous(shape, fortran === 'True'), offset: 0, dtype: type.dtype } as const;
  return { array, end };
}

/**
 * The array in a `.npy` file of versions 1 to 3. Of `float16`, elements are in a Float32Array; of `bool`, 0 and 1 in a
 * Uint8Array.
 * @throws SyntaxError where the bytes are no such file, or have elements that JavaScript has no array for
 */
export function decodeNpy(bytes: Uint8Array): ReadNdArray {
  const { array, end } = readNpy(bytes, 0);
  if (end !== bytes.length) throw new SyntaxError(`no .npy file: ${bytes.length - end} bytes are behind it`);
  return array;
}

/** The arrays of files one behind the other, as `numpy.save` to one file leaves them; none of no bytes. @throws SyntaxError */
export function decodeAllNpy(bytes: Uint8Array): ReadNdArray[] {
  const arrays: ReadNdArray[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { array, end } = readNpy(bytes, at);
    arrays.push(array);
    at = end;
  }
  return arrays;
}
