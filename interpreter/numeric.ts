/**
 * What the opcode table's meanings call, save what the generator puts into the loops (generate/meaning.ts). 64-bit
 * integers are pairs of 32-bit halves; helpers with such a result store it at `registers[at]` (low) and
 * `registers[at + 1]` (high).
 */

/** The same as what is in the loops. */
export function mul64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  const a0 = al & 0xffff;
  const a1 = al >>> 16;
  const b0 = bl & 0xffff;
  const b1 = bl >>> 16;
  const middle = (Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16)) >>> 0;
  const cross = (Math.imul(a0, b1) + (middle & 0xffff)) >>> 0;
  registers[at] = Math.imul(al, bl);
  registers[at + 1] =
    (Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16) + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
}

const TWO_32 = 4294967296;
const TWO_63 = 2 ** 63;
const TWO_64 = 2 ** 64;
/** Halves of at most 2^21 - 1 keep the whole below 2^53, where numbers are exact. */
const EXACT_HIGH = 0x1fffff;

/** Truncates a number that is known to fit the signed or unsigned 64-bit integers. */
export function trunc64(registers: Int32Array, at: number, a: number): void {
  const whole = Math.trunc(a);
  // Powers of two scale exactly, so both halves are exact; ToInt32 takes them modulo 2^32.
  const high = Math.floor(whole / TWO_32);
  registers[at] = (whole - high * TWO_32) | 0;
  registers[at + 1] = high | 0;
}

export function truncSatS64(registers: Int32Array, at: number, a: number): void {
  if (a >= TWO_63) {
    registers[at] = -1;
    registers[at + 1] = 2147483647;
  } else if (a <= -TWO_63) {
    registers[at] = 0;
    registers[at + 1] = -2147483648;
  } else trunc64(registers, at, Number.isNaN(a) ? 0 : a);
}

export function truncSatU64(registers: Int32Array, at: number, a: number): void {
  if (a >= TWO_64) {
    registers[at] = -1;
    registers[at + 1] = -1;
  } else trunc64(registers, at, a > 0 ? a : 0);
}

/**
 * The f32 nearest to an unsigned 64-bit integer. Going through f64 would round twice; folding the bits that f64 would
 * lose into one sticky bit makes the first rounding harmless.
 */
export function roundU64ToF32(al: number, ah: number): number {
  const high = ah >>> 0;
  if (high <= EXACT_HIGH) return Math.fround(high * TWO_32 + (al >>> 0));
  const sticky = (al & 0xfff) !== 0 ? 0x1000 : 0;
  return Math.fround(high * TWO_32 + (((al & ~0xfff) | sticky) >>> 0));
}

/** The f32 nearest to a signed 64-bit integer. */
export function roundS64ToF32(al: number, ah: number): number {
  if (ah >= 0) return roundU64ToF32(al, ah);
  const low = -al | 0;
  return -roundU64ToF32(low, al === 0 ? -ah | 0 : ~ah);
}
