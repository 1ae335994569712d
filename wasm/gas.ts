/**
 * The gas schedule: every number that decides what a guest pays, what its calls weigh, and what its objects count for.
 * docs/gas.md explains it; a test holds the two
 * together. A change of any number, or of the rules in plan.ts, raises the version.
 */

import { type GasClass, OPCODES } from './opcodes.ts';

/** Recorded in artifacts, caches and snapshots; a mismatch is an error. */
export const GAS_VERSION = 1;

/** Most units there can be: where no limit is given, this is one. A count that is written down has 64 bits. */
export const HIGHEST_GAS: bigint = 2n ** 63n - 1n;

/** Units an instruction of a class costs. The sum over a segment is rounded down. */
export const CLASS_COST: Readonly<Record<GasClass, number>> = {
  free: 0,
  push: 1 / 4,
  simple: 1,
  branch: 1,
  memory: 2,
  multiply64: 2,
  divide: 3,
  divide64: 12,
  float: 2,
  convert64: 4,
  vector: 16,
  reference: 4,
  cast: 16,
  allocation: 20,
  throw: 64,
  call: 4,
  indirect: 6,
  bulk: 10,
  table: 32,
  atomic: 16,
};

/** Units an instruction costs before any share that depends on its operands, by place in the opcode table. */
export const INSTRUCTION_COST: readonly number[] = OPCODES.map((row) => CLASS_COST[row.gas]);

/** Entering a function costs so many units. */
export const ENTRY_COST = 4;
/** And a unit more for every so many declared locals, of which vectors count twice, rounded up. */
export const LOCALS_PER_UNIT = 4;

/**
 * A branch costs a unit more for every so many values that it carries, beyond the first, rounded up; and entering a
 * function for its results, of which vectors and references count twice.
 */
export const CARRIED_PER_UNIT = 2;

/** Throwing an exception costs so many units more for every value of it. */
export const THROWN_VALUE_COST = 8;
/** And a unit more for every so many bytes of the function's code before it, rounded down: hosts look for its place there. */
export const CODE_PER_THROW_UNIT = 4;

/** Entering the body of a `try_table` costs a unit for every so many clauses, rounded up: an exception tries each. */
export const CLAUSES_PER_UNIT = 2;

/** A `br_table` costs a unit more for every so many labels, rounded down: large tables are in no cache. */
export const LABELS_PER_UNIT = 16_384;

/** An access to a memory that is not the first costs so many units more. */
export const OTHER_MEMORY_COST = 6;

/** Writing a local that is a reference costs so many units more. */
export const REFERENCE_LOCAL_COST = 3;

/** Work that depends on an operand costs a unit for every so many of what is moved, rounded up. */
export const PER_UNIT = {
  /** Bytes of `memory.fill`, `memory.copy`, `memory.init`, and of data segments at instantiation. */
  bytes: 32,
  /** Elements of `table.fill`, `table.copy`, `table.init`, `table.grow`, and of tables at instantiation. */
  tableElements: 1 / 16,
  /** Elements of `array.fill`, `array.copy`, `array.init_data`, `array.init_elem`. */
  elements: 1,
  /** Bytes that an object counts for in the memory budget. */
  objectBytes: 8,
} as const;

/** Units for every `memory.grow` and `table.grow` beside what they add, also for one that fails or adds nothing. */
export const GROWTH_COST = 640;

/** Units for every page of memory, at instantiation and in `memory.grow`; a memory without any costs as much as one. */
export const PAGE_COST = 2_048;

/** Units for every export, function, table, tag and segment at instantiation. */
export const INSTANCE_ITEM_COST = 64;

/** Units for every global, and for every constant expression elsewhere; and for each byte beyond those it covers. */
export const EVALUATED_COST = 192;
export const EVALUATED_BYTES = { covered: 32, each: 4 } as const;

/** Units for each UTF-16 code unit of the name of an import or export beyond those that are covered. */
export const NAME_UNITS = { covered: 64, each: 2 } as const;

/** Units for every element of a segment at instantiation. */
export const SEGMENT_ELEMENT_COST = 4;

/** What a call to a host function costs where it declares nothing else. */
export const HOST_CALL = { base: 200, perByte: 0 } as const;

/** What a call of a builtin for strings costs: `base`, and a unit for every code unit, of two bytes, that it copies or compares. */
export const STRING_CALL = { base: 200, perByte: 1 / 2 } as const;

/** What a WASI call costs: `base` units and a unit for every 32 bytes moved. */
export const WASI_CALL = { base: 400, perByte: 1 / 32 } as const;

/** A random byte costs as much as so many that are moved. */
export const RANDOM_BYTE = 8;

/** A byte of a path, or of what a symbolic link says, costs as much as so many that are moved. */
export const PATH_BYTE = 32;

/** A byte of a URL, or of the name or value of a header, costs as much as so many that are moved. */
export const HEADER_BYTE = 8;

/** Units that a WASI call costs for what it looks at, beside what it moves. */
export const LOOK = {
  /** An entry of a list of buffers. */
  buffer: 32,
  /** A subscription of `poll_oneoff`. */
  subscription: 96,
  /** An argument, or a variable of the environment. */
  string: 4,
} as const;

/** Units for work on files, by where they are. */
export interface FileWork {
  /** A call on a file or a directory, and a buffer that is read or written. */
  readonly call: number;
  /** A component of a path that is looked up. */
  readonly component: number;
  /** Opening what a path leads to. */
  readonly open: number;
  /** Making, removing or renaming an entry of a directory. */
  readonly change: number;
  /** An entry of a directory that is listed. */
  readonly entry: number;
  /** Making sure that what was written is on the disk. */
  readonly sync: number;
  /** A directory on the way up to the root, when one is renamed. */
  readonly level: number;
}

export const FILE_WORK: { readonly memory: FileWork; readonly folder: FileWork } = {
  memory: { call: 0, component: 32, open: 300, change: 800, entry: 64, sync: 0, level: 2 },
  folder: { call: 1_000, component: 1_000, open: 3_000, change: 16_000, entry: 1_000, sync: 100_000, level: 0 },
};

/** What a call of an HTTP function costs: `base` units and a unit for every 32 bytes moved. */
export const HTTP_CALL = { base: 1_000, perByte: 1 / 32 } as const;

/**
 * Threads of a guest without threads of the host's: units for which one runs before the next does; what spawning one costs
 * beside another instance of the module; what waiting costs where it is not over at once, and more for every thread that there
 * is; and how many there may be.
 */
export const THREADS = {
  turn: 20_000,
  spawn: { base: 1_000, perByte: 0 },
  wait: { base: 40, perThread: 4 },
  most: 1_000,
} as const;

/**
 * Stack weight, in bytes: a frame weighs `frame`, and `slot` for every parameter, local and operand at its highest, and for
 * what engines pass in memory and not in registers: parameters beyond the first `params`, and results beyond the first. A
 * call that a host function makes weighs `hostCall` for the functions of JavaScript in between.
 */
export const STACK_WEIGHT = { frame: 128, slot: 8, params: 8, results: 1, hostCall: 4096 } as const;

/** Bytes that an element of a table counts for in the memory budget. */
export const TABLE_ELEMENT_BYTES = 8;

/**
 * Bytes that an instance counts for in the memory budget beside its memories and tables, where its module has another instance
 * on the same account: the first is bounded by the bytes of the module.
 */
export const INSTANCE_BYTES = {
  function: 8,
  global: 128,
  /** With the object of a function, which there may be. */
  export: 128,
  /** An element of a segment: the object of a function. */
  element: 64,
  /** A table, a tag, a segment. */
  part: 64,
} as const;

/** Bytes that objects count for in the memory budget. */
export const OBJECT_BYTES = {
  /** A struct, beside its fields; and where it has numbers, and where it has references. */
  struct: 64,
  kind: 48,
  /** A reference in a struct, and each 32 bits of its numbers. Elements of an array are rounded up to as many. */
  field: 8,
  /** An array, beside its elements: one of numbers takes so much of the host's memory even where it is empty. */
  array: 256,
  /** An exception, beside its values; and each of them. */
  exception: 96,
  value: 64,
  /** A string that a builtin has made, beside its code units; and each of them. */
  string: 64,
  codeUnit: 2,
} as const;

/**
 * Exceptions of no more values count for nothing where no module of the guest's can refer to one: then only the frames
 * hold them that have caught them.
 */
export const FREE_EXCEPTION_VALUES = 4;

/** No object counts for more, whatever the budget: JavaScript's arrays end not far above, and differently by host. */
export const MOST_OBJECT_BYTES: number = 2 ** 29;

/** Least bytes of objects that are made between two traces. */
export const BETWEEN_TRACES: number = 2 ** 20;

/** Bytes that a trace for want of memory looks at for a unit; a global, or an element, is as many. */
export const TRACED_PER_UNIT = 8;

/** Units for `count` things at one unit for every `perUnit`. */
export function share(count: number, perUnit: number): number {
  return Math.ceil(count / perUnit);
}
