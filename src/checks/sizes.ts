/** Bytes in the binary units, for limits: `64 * MiB`. */

/** 2¹⁰ bytes. */
export const KiB = 1024;
/** 2²⁰ bytes. */
export const MiB = 1024 * KiB;
/** 2³⁰ bytes. */
export const GiB = 1024 * MiB;
