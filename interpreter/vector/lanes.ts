/** The 16 bytes of a vector, seen as lanes of every shape. Little-endian, as all hosts of JavaScript are. */

export class Lanes {
  readonly u8 = new Uint8Array(16);
  readonly i8 = new Int8Array(this.u8.buffer);
  readonly i16 = new Int16Array(this.u8.buffer);
  readonly u16 = new Uint16Array(this.u8.buffer);
  readonly i32 = new Int32Array(this.u8.buffer);
  readonly u32 = new Uint32Array(this.u8.buffer);
  readonly i64 = new BigInt64Array(this.u8.buffer);
  readonly u64 = new BigUint64Array(this.u8.buffer);
  readonly f32 = new Float32Array(this.u8.buffer);
  readonly f64 = new Float64Array(this.u8.buffer);
}

/** Views whose lanes are numbers. */
export type NumberView = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64';
export type BigView = 'i64' | 'u64';

/** The operands and the result of the instruction at hand. Nothing of them outlives it. */
export interface Scratch {
  readonly a: Lanes;
  readonly b: Lanes;
  readonly c: Lanes;
  readonly d: Lanes;
  /** The 16 bytes that follow a shuffle or a constant. */
  readonly immediate: Lanes;
  /** The operand that is no vector: an i32, an address, or the words of an i64, f32 or f64, as lanes of its own. */
  readonly scalar: Lanes;
  /** A lane index. */
  lane: number;
  /** The instance's memory, and the place in it that was found in bounds. */
  memory: DataView;
  at: number;
}

/** Computes `d`, or the scalar result, from the operands. */
export type Compute = (s: Scratch) => void;
