/** Limits on what is behind WASI that are needed where nothing of it is. */

/** Of a file system, unless the policy says others. */
export const DEFAULT_FILE_LIMITS = { maxBytes: 64 * 1024 * 1024, maxFiles: 10_000, maxDescriptors: 256 } as const;

/** Bytes of a path, and of what a symbolic link says; as on Linux. */
export const MAX_PATH_BYTES = 4_096;

/** Most directory entries kept for listings that have begun, over all descriptors. */
export const MAX_LISTED = 262_144;
