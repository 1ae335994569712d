/** Snapshots of instances: {@link capture} takes one, `install` of {@link snapshots} puts it into a fresh instance. */

export { capture } from './capture.ts';
export { images, snapshots, threadImages } from './parts.ts';
