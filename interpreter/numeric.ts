/**
 * What the opcode table's meanings call. 64-bit integers are pairs of 32-bit halves; helpers with such a result store
 * it at `registers[at]` (low) and `registers[at + 1]` (high).
 */

export function ctz32(a: number): number {
  return a === 0 ? 32 : 31 - Math.clz32(a & -a);
}

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

export function shl64(registers: Int32Array, at: number, al: number, ah: number, count: number): void {
  const n = count & 63;
  if (n >= 32) {
    registers[at] = 0;
    registers[at + 1] = al << n;
  } else {
    registers[at] = al << n;
    // Shifting by 32 - n in two steps, as JavaScript takes shift counts modulo 32.
    registers[at + 1] = (ah << n) | ((al >>> 1) >>> (31 - n));
  }
}

export function shrS64(registers: Int32Array, at: number, al: number, ah: number, count: number): void {
  const n = count & 63;
  if (n >= 32) {
    registers[at] = ah >> n;
    registers[at + 1] = ah >> 31;
  } else {
    registers[at] = (al >>> n) | ((ah << 1) << (31 - n));
    registers[at + 1] = ah >> n;
  }
}

export function shrU64(registers: Int32Array, at: number, al: number, ah: number, count: number): void {
  const n = count & 63;
  if (n >= 32) {
    registers[at] = ah >>> n;
    registers[at + 1] = 0;
  } else {
    registers[at] = (al >>> n) | ((ah << 1) << (31 - n));
    registers[at + 1] = ah >>> n;
  }
}

export function rotl64(registers: Int32Array, at: number, al: number, ah: number, count: number): void {
  const n = count & 63;
  const low = n >= 32 ? ah : al;
  const high = n >= 32 ? al : ah;
  registers[at] = (low << n) | ((high >>> 1) >>> (31 - n));
  registers[at + 1] = (high << n) | ((low >>> 1) >>> (31 - n));
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

function storeBig(registers: Int32Array, at: number, value: bigint): void {
  registers[at] = Number(BigInt.asIntN(32, value));
  registers[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** The signed 64-bit integer of two halves. */
export function signed64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** The unsigned 64-bit integer of two halves. */
export function unsigned64(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function isExact(high: number): boolean {
  return high >>> 0 <= EXACT_HIGH;
}

export function divU64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  if (isExact(ah) && isExact(bh)) {
    const a = ah * TWO_32 + (al >>> 0);
    const b = bh * TWO_32 + (bl >>> 0);
    storeExact(registers, at, (a - (a % b)) / b);
  } else storeBig(registers, at, unsigned64(al, ah) / unsigned64(bl, bh));
}

export function remU64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  if (isExact(ah) && isExact(bh)) {
    storeExact(registers, at, (ah * TWO_32 + (al >>> 0)) % (bh * TWO_32 + (bl >>> 0)));
  } else storeBig(registers, at, unsigned64(al, ah) % unsigned64(bl, bh));
}

function isExactSigned(high: number): boolean {
  return high >= -EXACT_HIGH && high <= EXACT_HIGH;
}

export function divS64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  if (isExactSigned(ah) && isExactSigned(bh)) {
    const a = ah * TWO_32 + (al >>> 0);
    const b = bh * TWO_32 + (bl >>> 0);
    storeExact(registers, at, (a - (a % b)) / b);
  } else storeBig(registers, at, signed64(al, ah) / signed64(bl, bh));
}

export function remS64(registers: Int32Array, at: number, al: number, ah: number, bl: number, bh: number): void {
  if (isExactSigned(ah) && isExactSigned(bh)) {
    storeExact(registers, at, (ah * TWO_32 + (al >>> 0)) % (bh * TWO_32 + (bl >>> 0)));
  } else storeBig(registers, at, signed64(al, ah) % signed64(bl, bh));
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
