/** Texts that keep an access to memory in bounds. */

const WIDTHS = [1, 2, 4, 8, 16];

/** For every width, the last address at which an access may begin; negative where there is none. */
export const BOUNDS: readonly string[] = WIDTHS.map(
  (bytes) => `const last${bytes} = thread.memory.byteLength - ${bytes} | 0;`,
);

/** Computes `ea`, and goes to `out` unless so many bytes from there are in memory. */
export function bounded(bytes: number, base: string, offset: string, out: string): string[] {
  return [
    `const base = ${base};`,
    `const ea = base + ${offset} | 0;`,
    // No offset is negative, and every limit is below 2^31: a sum that does not fit is negative.
    `if ((base | ea) < 0 || ea > last${bytes}) { ${out} }`,
  ];
}
