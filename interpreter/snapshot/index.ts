/** Snapshots of instances: {@link capture} takes one, `install` of {@link snapshots} puts it into a fresh instance. */

import { Part } from '../../wasm/part.ts';

type Install = typeof import('./install.ts');

export { capture } from './image.ts';

/** What restores one, which most guests never are. */
export const snapshots = new Part<Install>('snapshots', () => import('./install.ts'));
