/**
 * What a host's compiler must keep track of. Fast compilers note at every branch where each local and each operand is,
 * which takes them time and memory that grow with the square of a function's size if somebody wants it to: a second
 * and 700 megabytes for 33 kilobytes. What compilers of languages make stays far below the limits: docs/limits.md has
 * the figures.
 */

import type { WasmModule } from '../wasm/module.ts';
import { tooLarge } from './layout.ts';

/** Locals and operands at branches: `base`, and `perByte` for each byte of the module. One takes some 12 bytes. */
const MOST_NOTED = {
  inFunction: { base: 1_000_000, perByte: 4 },
  inModule: { base: 1_000_000, perByte: 16 },
} as const;

/** Calls are places at which only what is in registers has to be looked for: a fraction of what branches cost. */
export const CALLS_PER_BRANCH = 8;

/** An arm of a `try` is a place where each of the exceptions below takes as much as so many locals. */
export const NOTED_PER_CATCH = 2;

/**
 * Bytes that V8's fast compiler takes for one of these in a function, about, until it has compiled it: constructs count by how
 * many are within one another at most.
 */
export const HOST_BYTES = { branch: 350, call: 250, trap: 450, nested: 1_350 } as const;
/** Most of them in a function: `base`, and `perByte` for each byte of the module. */
const MOST_HOST_BYTES = { base: 8 << 20, perByte: 32 } as const;

/** Types that engines look through one by one, and tables, each of which takes them 600 bytes. */
const MOST_TYPES = { base: 2_000, perByte: 1 / 1_000 } as const;
const MOST_TABLES = 10_000;
/** To begin with, in all tables: of a function one takes engines up to 30 bytes, and some 20 nanoseconds without a pause. */
const MOST_ELEMENTS = { base: 250_000, perByte: 1 / 64 } as const;

/** Engines look each up in turn, and take longer for each the more there are: 150 nanoseconds with 5,000, 380 with 50,000. */
const MOST_IMPORTS = { base: 5_000, perByte: 1 / 256 } as const;

/** A function of no instructions takes as long as 70 bytes of others. */
const MOST_FUNCTIONS = { base: 10_000, perByte: 1 / 16 } as const;

/** Operands at a time, and these times the bytes of the function's code, which have to be passed both. */
const HIGH_STACK = 500;
const HIGH_STACK_BYTES = 2 ** 26;

interface Bound {
  readonly base: number;
  readonly perByte: number;
}

export const most = ({ base, perByte }: Bound, bytes: number): number => base + perByte * bytes;

function isBeyond(value: number, bound: Bound, bytes: number): boolean {
  return value > most(bound, bytes);
}

/**
 * @throws CompileError where a module has more imports, tables or elements of them than engines carry well, or functions
 *   with nearly nothing in them
 */
export function checkItems({ bytes, tables, bodies, imports }: WasmModule): void {
  if (tables.length > MOST_TABLES) tooLarge(`too many tables (${tables.length} of at most ${MOST_TABLES})`);
  for (const [what, count, bound] of [
    ['imports', imports.length, MOST_IMPORTS],
    ['elements of tables', tables.reduce((sum, { limits }) => sum + limits.min, 0), MOST_ELEMENTS],
    ['functions', bodies.length, MOST_FUNCTIONS],
  ] as const) {
    if (isBeyond(count, bound, bytes.length)) tooLarge(`too many ${what} (${count}) for its ${bytes.length} bytes`);
  }
}

/** @throws CompileError where there are more types, the meter's included, than engines carry well */
export function checkTypes({ bytes }: WasmModule, types: number): void {
  if (isBeyond(types, MOST_TYPES, bytes.length)) tooLarge(`too many types (${types})`);
}

/** What engines keep at the places of a function, and what they make of it. */
interface Found {
  readonly noted: number;
  readonly weight: number;
  /** Constructs within one another, at most. */
  readonly depth: number;
}

export class Tracking {
  private readonly module: WasmModule;
  private noted = 0;

  constructor(module: WasmModule) {
    this.module = module;
  }

  /** Counts what was found out about a function, all of it. */
  add({ noted }: Found): void {
    this.noted += noted;
  }

  /** @throws CompileError where what was found out so far, in a function that has not been counted, is too much */
  check(body: number, { noted, weight, depth }: Found): void {
    const { bytes, bodies, importedFunctions } = this.module;
    const { maxHeight, codeStart, end } = bodies.at(body);
    const { inFunction, inModule } = MOST_NOTED;
    const where = `at the branches of function ${importedFunctions + body}`;
    for (const [count, bound] of [
      [noted, inFunction],
      [this.noted + noted, inModule],
    ] as const) {
      if (!isBeyond(count, bound, bytes.length)) continue;
      const limit = Math.floor(most(bound, bytes.length));
      tooLarge(`too many locals and operands ${where} (${Math.ceil(count)}, and at most ${limit})`);
    }
    if (maxHeight > HIGH_STACK && maxHeight * (end - codeStart) > HIGH_STACK_BYTES) {
      tooLarge(`too many locals and operands ${where} (up to ${maxHeight} operands at a time)`);
    }
    if (isBeyond(weight + HOST_BYTES.nested * depth, MOST_HOST_BYTES, bytes.length)) {
      const what = `branches, calls, instructions that may trap and constructs within one another (${depth})`;
      tooLarge(`too many ${what} in function ${importedFunctions + body}`);
    }
  }
}
