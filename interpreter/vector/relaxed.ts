/** The relaxed instructions, each with the choice of the deterministic profile (specification 4.3.6). */

import { DETERMINISTIC } from '../../wasm/relaxed.ts';
import type { Compute } from './lanes.ts';
import { canonical } from './lanewise.ts';

type Table = Readonly<Record<string, Compute>>;

/** The product is rounded before the sum, as no fused operation does. `sign` is that of the product. */
function multiplyAdd(view: 'f32' | 'f64', sign: 1 | -1): Compute {
  return ({ a, b, c, d }) => {
    const to = d[view];
    for (let i = 0; i < to.length; i++) to[i] = sign * (a[view][i] as number) * (b[view][i] as number);
    for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + (c[view][i] as number);
    canonical(d, view);
  };
}

const dot: Compute = ({ a, b, d }) => {
  const product = (i: number) => (a.i8[i] as number) * (b.i8[i] as number);
  // The one sum that does not fit is that of two squares of -128: it saturates.
  for (let i = 0; i < 8; i++) d.i16[i] = Math.min(product(2 * i) + product(2 * i + 1), 0x7fff);
};

/** From the instructions that have their meaning, and those that have one of their own. */
export function relaxed(others: Table): Table {
  return {
    ...Object.fromEntries(Object.entries(DETERMINISTIC).map(([name, same]) => [name, others[same] as Compute])),
    'f32x4.relaxed_madd': multiplyAdd('f32', 1),
    'f32x4.relaxed_nmadd': multiplyAdd('f32', -1),
    'f64x2.relaxed_madd': multiplyAdd('f64', 1),
    'f64x2.relaxed_nmadd': multiplyAdd('f64', -1),
    'i16x8.relaxed_dot_i8x16_i7x16_s': dot,
    'i32x4.relaxed_dot_i8x16_i7x16_add_s': (s) => {
      dot(s);
      for (let i = 0; i < 4; i++) {
        s.d.i32[i] = (s.d.i16[2 * i] as number) + (s.d.i16[2 * i + 1] as number) + (s.c.i32[i] as number);
      }
    },
  };
}
