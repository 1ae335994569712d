/** What is computed lane by lane here, and written into the loops by the generator (generate/meaning.ts). */

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

export function truncSatS32(a: number): number {
  if (a >= 2147483647) return 2147483647;
  return a <= -2147483648 ? -2147483648 : a | 0;
}

export function truncSatU32(a: number): number {
  if (a >= 4294967295) return -1;
  return a > 0 ? a | 0 : 0;
}
