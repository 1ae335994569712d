/** What runs what few guests have: loaded for those (../parts.ts). */

import { Part } from '../../wasm/part.ts';

/** The loop for instructions on vectors, and what that leaves out. */
export const vectors = new Part<typeof import('./vectors-part.ts')>(
  'instructions on vectors',
  () => import('./vectors-part.ts'),
);

/** Instructions on structs, arrays, i31 and casts. */
export const objects = new Part<typeof import('./system-objects.ts')>(
  'instructions on objects',
  () => import('./system-objects.ts'),
);

/** Atomic instructions, guests that wait for notifications, and threads. */
export const threads = new Part<typeof import('./threads-part.ts')>('threads', () => import('./threads-part.ts'));

/** Instances of modules that are linked with one another. */
export const linking = new Part<typeof import('./linked.ts')>('linking', () => import('./linked.ts'));

/** What finds the clauses that catch exceptions. */
export const catching = new Part<typeof import('./catching.ts')>('exceptions', () => import('./catching.ts'));
