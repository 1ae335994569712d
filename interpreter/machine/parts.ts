/** What runs instructions on vectors: the loop for them, and what that leaves out. For modules that have some. */

import { Part } from '../../wasm/part.ts';

type Vectors = typeof import('./vector-part.ts');

export const vectors = new Part<Vectors>('instructions on vectors', () => import('./vector-part.ts'));
