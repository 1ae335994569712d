/** What few guests need of objects. */

import { Part } from '../../wasm/part.ts';

/** What finds the objects that can still be reached. */
export const tracing = new Part<typeof import('./trace.ts')>('objects', () => import('./trace.ts'));
