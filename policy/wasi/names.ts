/** What guests call WASI. */

export const PREVIEW1 = 'wasi_snapshot_preview1';
/** The snapshot before. Its functions have the same types, but some lay out structures differently. */
export const UNSTABLE = 'wasi_unstable';
