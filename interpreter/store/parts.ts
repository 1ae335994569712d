/** What few instances need. */

import { Part } from '../../wasm/part.ts';
import type { SharedBuffer } from './shared-buffer.ts';

/** Makes objects that constant expressions have: loaded for modules with some. */
export const constantObjects = new Part<typeof import('./constant-objects.ts')>(
  'objects of constant expressions',
  () => import('./constant-objects.ts'),
);

/** Memories that several threads of JavaScript have: whoever shows guests' memories as objects provides it. */
export const sharing = new Part<{ readonly SharedBuffer: typeof SharedBuffer }>('shared buffers');
