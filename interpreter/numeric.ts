/**
 * What the opcode table's meanings call, save what the generator puts into the loops (generate/meaning.ts). 64-bit
 * integers are pairs of 32-bit halves; helpers with such a result store it at `registers[at]` (low) and
 * `registers[at + 1]` (high).
 */

export function popcnt32(a: number): number {
  let x = a - ((a >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/** Rounds to the nearest integer, ties to even (specification 4.3.3, fnearest). */
export function nearest(a: number): number {
  // Adding and taking away 2^52 leaves no room for a fraction; the sign of a zero has to be put back.
  if (!(Math.abs(a) < 4503599627370496)) return a;
  const rounded = a < 0 ? a - 4503599627370496 + 4503599627370496 : a + 4503599627370496 - 4503599627370496;
  return rounded === 0 && (a < 0 || Object.is(a, -0)) ? -0 : rounded;
}

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

/** Stores an integer of magnitude below 2^53. */
function storeExact(registers: Int32Array, at: number, value: number): void {
  registers[at] = value | 0;
  registers[at + 1] = Math.floor(value / TWO_32) | 0;
}

function isExact(high: number): boolean {
  return high >>> 0 <= EXACT_HIGH;
}

function storeNegative(registers: Int32Array, at: number): void {
  const low = registers[at] as number;
  const high = registers[at + 1] as number;
  registers[at] = -low;
  registers[at + 1] = low === 0 ? -high : ~high;
}

/** Whether the first of two unsigned integers is at least the second. */
function reaches(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 >= bl >>> 0 : ah >>> 0 > bh >>> 0;
}

/** Stores the quotient of unsigned integers, or what remains. */
function divide(
  registers: Int32Array,
  at: number,
  al: number,
  ah: number,
  bl: number,
  bh: number,
  wantsRest: boolean,
): void {
  const b = (bh >>> 0) * TWO_32 + (bl >>> 0);
  if (isExact(ah) && isExact(bh)) {
    const a = ah * TWO_32 + (al >>> 0);
    const rest = a % b;
    storeExact(registers, at, wantsRest ? rest : (a - rest) / b);
    return;
  }
  if (b <= EXACT_HIGH) {
    // In two steps, as on paper: the rest of the first, with 32 bits more, is still exact.
    const high = (ah >>> 0) % b;
    const a = high * TWO_32 + (al >>> 0);
    const rest = a % b;
    if (wantsRest) storeExact(registers, at, rest);
    else {
      registers[at] = (a - rest) / b;
      registers[at + 1] = ((ah >>> 0) - high) / b;
    }
    return;
  }
  // An estimate, which is off by one at most: the quotient has at most 43 bits, and is computed to 51. Where the divisor
  // has 63 or more bits, the rest of a wrong estimate would not fit: the quotient is then found by subtracting.
  let quotient = bh >>> 0 < 0x40000000 ? Math.floor(((ah >>> 0) * TWO_32 + (al >>> 0)) / b) : 0;
  mul64(registers, at, quotient | 0, (quotient / TWO_32) | 0, bl, bh);
  const productLow = registers[at] as number;
  let low = (al - productLow) | 0;
  let high = (ah - (registers[at + 1] as number) - (al >>> 0 < productLow >>> 0 ? 1 : 0)) | 0;
  if (high < 0 && quotient > 0) {
    quotient--;
    low = (low + bl) | 0;
    high = (high + bh + (low >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
  }
  while (reaches(low, high, bl, bh)) {
    quotient++;
    high = (high - bh - (low >>> 0 < bl >>> 0 ? 1 : 0)) | 0;
    low = (low - bl) | 0;
  }
  if (!wantsRest) storeExact(registers, at, quotient);
  else {
    registers[at] = low;
    registers[at + 1] = high;
  }
}

/** The same with signs: the quotient is rounded towards zero, and the rest has the sign of the dividend. */
function divideSigned(
  registers: Int32Array,
  at: number,
  al: number,
  ah: number,
  bl: number,
  bh: number,
  wantsRest: boolean,
): void {
  const isNegative = ah < 0 !== (!wantsRest && bh < 0);
  const low = ah < 0 ? -al | 0 : al;
  const high = ah < 0 ? (al === 0 ? -ah | 0 : ~ah) : ah;
  if (bh < 0) divide(registers, at, low, high, -bl | 0, bl === 0 ? -bh | 0 : ~bh, wantsRest);
  else divide(registers, at, low, high, bl, bh, wantsRest);
  if (isNegative) storeNegative(registers, at);
}

export function divU64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  divide(registers, at, al, ah, bl, bh, false);
}

export function remU64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  divide(registers, at, al, ah, bl, bh, true);
}

export function divS64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  divideSigned(registers, at, al, ah, bl, bh, false);
}

export function remS64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  divideSigned(registers, at, al, ah, bl, bh, true);
}

/** Truncates a number that is known to fit the signed or unsigned 64-bit integers. */
export function trunc64(registers: Int32Array, at: number, a: number): void {
  const whole = Math.trunc(a);
  // Powers of two scale exactly, so both halves are exact; ToInt32 takes them modulo 2^32.
  const high = Math.floor(whole / TWO_32);
  registers[at] = (whole - high * TWO_32) | 0;
  registers[at + 1] = high | 0;
}

export function truncSatS32(a: number): number {
  if (a >= 2147483647) return 2147483647;
  return a <= -2147483648 ? -2147483648 : a | 0;
}

export function truncSatU32(a: number): number {
  if (a >= 4294967295) return -1;
  return a > 0 ? a | 0 : 0;
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
