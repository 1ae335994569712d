/** Snapshots of instances: {@link capture} takes one, `install` of {@link snapshots} puts it into a fresh instance. */

export { capture } from './image.ts';
export { snapshots, threadImages } from './parts.ts';
