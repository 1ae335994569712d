/** What makes objects that constant expressions have: loaded for modules with some. */

import { Part } from '../../wasm/part.ts';

export const constantObjects = new Part<typeof import('./constant-objects.ts')>(
  'objects of constant expressions',
  () => import('./constant-objects.ts'),
);
