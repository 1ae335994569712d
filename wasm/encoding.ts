/** Bytes and flags of the binary format that are read in one place and written in another (specification 5). */

/** What every module begins with (5.5.16): the smallest there is has nothing else. */
export const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const;

/** Ids of sections (5.5.2), in the order of the format. */
export const SECTION_IDS = {
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  tag: 13,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  dataCount: 12,
  code: 10,
  data: 11,
} as const;

/** What a member of the type section begins with (5.3.9 to 5.3.13): a group, a subtype, or the kind of a type. */
export const GROUP = 0x4e;
export const FINAL = 0x4f;
export const OPEN = 0x50;
export const FUNCTION = 0x60;
export const STRUCT = 0x5f;
export const ARRAY = 0x5e;

/** A reference type in its long form (5.3.5). */
export const REF_NULL = 0x63;
export const REF = 0x64;

/** Type of a block without parameters and results (5.4.1). */
export const EMPTY_BLOCK = 0x40;

/** Flags of limits (5.3.15). */
export const HAS_MAX = 1;
export const IS_SHARED = 2;
export const IS_64 = 4;

/** Flag of a memory access, beside its alignment: a memory that is not the first follows (5.4.5). */
export const HAS_MEMORY = 0x40;

/** First byte of a table that says what its elements are to begin with (5.5.7). */
export const WITH_INIT = 0x40;
