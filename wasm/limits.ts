/**
 * Implementation limits on modules: checked while decoding, before anything is allocated for what is declared.
 * Where the WebAssembly JavaScript API (section "Implementation-defined Limits") names a number, it is that number.
 */
export const MODULE_LIMITS = {
  moduleBytes: 1 << 30,
  types: 1_000_000,
  functions: 1_000_000,
  imports: 1_000_000,
  exports: 1_000_000,
  globals: 1_000_000,
  dataSegments: 100_000,
  elementSegments: 10_000_000,
  tables: 100_000,
  memories: 100,
  tags: 1_000_000,
  structFields: 10_000,
  /** Types above one another in a hierarchy. */
  subtypeDepth: 63,
  arrayElements: 10_000,
  catches: 65_520,
  operands: 1 << 20,
  tableElements: 10_000_000,
  functionBytes: 7_654_321,
  locals: 50_000,
  parameters: 1_000,
  results: 1_000,
  /** Structured constructs inside one another. The largest switch of a real compiler stays far below. */
  nesting: 10_000,
  nameBytes: 100_000,
  brTableTargets: 65_520,
} as const;

/**
 * Limits on sums over a module, at any place in it: `base`, and `perByte` for each byte before the place. A few bytes
 * can ask for a thousand values or for 50,000 locals, as often as they like; what prepares a module would spend time and
 * memory on each. Modules that compilers made stay below a value, and a local, for every byte; docs/limits.md has the
 * figures.
 */
export const SUM_LIMITS = {
  /**
   * Results of functions, parameters and results of imported and exported functions, of calls and of blocks, and values of
   * the labels of branches and catch clauses.
   */
  carriedValues: { base: 50_000, perByte: 1 },
  /** Parameters and locals of functions. */
  declaredLocals: { base: 250_000, perByte: 1 },
} as const;

/** Bytes in a page of linear memory (specification 4.2.8). */
export const PAGE_BYTES = 65_536;

/** Pages a memory may declare, by the type of its addresses (specification 3.2.16). */
export const MAX_PAGES = 65_536;
export const MAX_PAGES_64: number = 2 ** 48;

/** Pages, and elements of a table, that may be declared, by the byte of the type of addresses: i32 and i64. */
export const MEMORY_BOUNDS = { 0x7f: MAX_PAGES, 0x7e: MAX_PAGES_64 } as const;
export const TABLE_BOUNDS = { 0x7f: 0xffff_ffff, 0x7e: 2 ** 64 } as const;

/**
 * Pages an instance can really have, whatever its budget: below 2 GiB, every valid address is a non-negative
 * 32-bit integer, and bounds checks stay in integer arithmetic. The same on every engine.
 */
export const MAX_INSTANCE_PAGES = 32_767;

/**
 * Calls into guests that may stand on the host's own stack at a time: one from the embedder, the others from host
 * functions, each inside the one before. Far fewer than fill it.
 */
export const MAX_NESTED_CALLS = 100;

/**
 * Parameters and results that the functions called so, and the host functions between them, may have together: engines
 * pass them on the host's own stack, several times over. More than one function can have.
 */
export const MAX_NESTED_VALUES = 4_000;

/** Limits where the embedder names none. */
export const DEFAULT_LIMITS = {
  memoryBytes: 256 * 1024 * 1024,
  /** Stack weight; a small function weighs about 160, so this is some 5,000 calls deep. RATIONALE.md has how it was chosen. */
  stackBytes: 768 * 1024,
  /** Of a module, as it comes. */
  moduleBytes: 128 * 1024 * 1024,
  /** Of what a module holds outside of its instances. */
  codeBytes: 512 * 1024 * 1024,
  /** Of a namespace whose instances have the limits together. */
  instances: 10_000,
} as const;
