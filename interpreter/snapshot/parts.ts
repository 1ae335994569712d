/** What few guests need of snapshots. */

import { Part } from '../../wasm/part.ts';

/** What takes the threads of a guest that has some. */
export const threadImages = new Part<typeof import('./threads.ts')>(
  'snapshots of threads',
  () => import('./threads.ts'),
);

/** What makes an image of an instance. */
export const images = new Part<typeof import('./image.ts')>('snapshots', () => import('./image.ts'));

/** What restores a snapshot, which most guests never are. */
export const snapshots = new Part<typeof import('./install.ts')>('snapshots', () => import('./install.ts'));
