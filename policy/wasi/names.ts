/** What guests call WASI. */

export const PREVIEW1 = 'wasi_snapshot_preview1';
/** The snapshot before. Its functions have the same types; `ABI` of abi.ts says in what they differ. */
export const UNSTABLE = 'wasi_unstable';
