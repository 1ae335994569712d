/** What the decoder needs for few modules: loaded when it meets what they have. */

import { Part } from './part.ts';

/** Validates references, objects and exceptions, and makes the keys of types that name others. */
export const laterValidation = new Part<typeof import('./validation-part.ts')>(
  'validation of references, objects and exceptions',
  () => import('./validation-part.ts'),
);
