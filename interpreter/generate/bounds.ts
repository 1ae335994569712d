/** What keeps an access to memory in bounds. */

import { type Block, type Expression, name } from './syntax.ts';
import { code } from './template.ts';

const WIDTHS = [1, 2, 4, 8, 16];

const last = (bytes: number) => name(`last${bytes}`);

/** For every width, of a memory of so many `bytes`, the last address at which an access may begin; negative where there is none. */
export const BOUNDS: Block = WIDTHS.flatMap((bytes) => code`const ${last(bytes)} = bytes - ${bytes} | 0;`);

/** Computes `ea`, and goes to `out` unless so many bytes from there are in memory. */
export function bounded(bytes: number, base: Expression, offset: Expression, out: Block): Block {
  // No offset is negative, and every limit is below 2^31: a sum that does not fit is negative.
  return code`
    base = ${base};
    ea = base + ${offset} | 0;
    if ((base | ea) < 0 || ea > ${last(bytes)}) { ${out} }`;
}
