/** Half precision (IEEE 754 binary16), which not every JavaScript has an array for. */

const [SINGLE, BITS] = (() => {
  const single = new Float32Array(1);
  return [single, new Uint32Array(single.buffer)];
})();

/** The nearest, ties to even; NaN stays one, quiet. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(values, toHalf);
}

export function fromFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(halves, fromHalf);
}

function toHalf(value: number): number {
  SINGLE[0] = value;
  const bits = BITS[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  // From half way to what would be 2¹⁶ on.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  if (magnitude >= 0x3880_0000) return sign | round(magnitude - 0x3800_0000, 13);
  // Subnormal: the leading one is written out, and all of it moved to where they count in 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  return shift > 24 ? sign : sign | round((magnitude & 0x7f_ffff) | 0x80_0000, shift);
}

/** Without so many bits, to the nearest, ties to even. */
function round(bits: number, count: number): number {
  const kept = Math.floor(bits / 2 ** count);
  const rest = bits - kept * 2 ** count;
  const half = 2 ** (count - 1);
  return rest > half || (rest === half && kept % 2 === 1) ? kept + 1 : kept;
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
