/** Arrays of several dimensions, in the shapes that JavaScript has for them. */

/** What an element is: NumPy's names, which are those of `ndarray` and `@stdlib/ndarray` too but for `bool`. */
export type DType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'bigint64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'biguint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'bool';

/** Elements one after another. */
export type NdData =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/**
 * As `ndarray` has it: the element at an index is in `data` at `offset` and, for each dimension, the index times its
 * stride. Strides and the offset are numbers of elements.
 */
export interface NdArray {
  readonly data: NdData;
  readonly shape: readonly number[];
  /** Row by row unless given. */
  readonly stride?: readonly number[] | undefined;
  /** 0 unless given. */
  readonly offset?: number | undefined;
  /** That of `data` unless given: `float16` for a Float32Array, and `bool` for a Uint8Array, say more. */
  readonly dtype?: string | undefined;
}

/** What is read: elements row by row, or column by column where they were written so. */
export interface ReadNdArray extends NdArray {
  readonly stride: readonly number[];
  readonly offset: 0;
  readonly dtype: DType;
}

/** The same of `@stdlib/ndarray`, which gives them by other names. */
interface StdlibNdArray extends Omit<NdArray, 'stride'> {
  readonly strides: readonly number[];
}

/** Undefined for what is no array of several dimensions. */
export function ndArrayIn(value: unknown): NdArray | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { data, shape, stride, strides, offset, dtype } = value as Partial<NdArray & StdlibNdArray>;
  if (!ArrayBuffer.isView(data) || data instanceof DataView || !Array.isArray(shape)) return undefined;
  // There, a type is an object that says its name.
  const name = dtype === undefined ? undefined : String(dtype);
  return { data, shape, stride: stride ?? strides, offset, dtype: name };
}

/** Strides of elements row by row, or column by column. */
export function contiguous(shape: readonly number[], isByColumn = false): number[] {
  const stride = new Array<number>(shape.length);
  let elements = 1;
  for (let k = 0; k < shape.length; k++) {
    const axis = isByColumn ? k : shape.length - 1 - k;
    stride[axis] = elements;
    elements *= shape[axis] as number;
  }
  return stride;
}
