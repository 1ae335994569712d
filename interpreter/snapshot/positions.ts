/** Places in a module's code, in a form that does not depend on which functions have been lowered, or where to. */

import { SnapshotError } from '../../wasm/errors.ts';
import { damaged } from '../../wasm/wire.ts';
import { ModuleCode } from '../code.ts';
import { HEADER_WORDS, LEAVE_PC, lengthOf, MACHINE_OPS } from '../isa.ts';

export interface Position {
  /** Counted from the module's first body. */
  readonly body: number;
  /** Words from the function's entry. */
  readonly offset: number;
}

/** Finds the functions that words belong to. */
export class CodeMap {
  private readonly code: ModuleCode;
  /** Bodies that have been lowered, by where they begin. */
  private readonly bodies: readonly number[];

  constructor(code: ModuleCode) {
    this.code = code;
    const { entries } = code;
    const lowered: number[] = [];
    entries.forEach((entry, body) => {
      if (entry !== 0) lowered.push(body);
    });
    this.bodies = lowered.sort((a, b) => (entries[a] as number) - (entries[b] as number));
  }

  positionOf(pc: number): Position {
    const { bodies } = this;
    const { entries } = this.code;
    let low = 0;
    let high = bodies.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[bodies[middle] as number] as number) <= pc) low = middle + 1;
      else high = middle;
    }
    const body = bodies[low - 1] as number;
    return { body, offset: pc - (entries[body] as number) };
  }
}

/** What there is to know of one function's code. */
export interface Layout {
  /** Tells one lowering from another: the places of a snapshot mean nothing in other code. */
  readonly fingerprint: number;
  /** Stack weight. */
  readonly weight: number;
  /** By the offset at which an instruction begins: the one that ends there, and its last word. */
  readonly before: ReadonlyMap<number, { readonly name: string; readonly last: number }>;
  /** Behind the last instruction. */
  readonly end: number;
}

/** Lowers a function apart from all others, which always gives the same words, and walks over them. */
export function layoutOf(code: ModuleCode, body: number): Layout {
  const scratch = new ModuleCode(code.module);
  const entry = scratch.entry(body);
  const { words, length } = scratch;
  const before = new Map<number, { name: string; last: number }>([[0, { name: '', last: 0 }]]);
  let fingerprint = 0x811c9dc5;
  for (let i = LEAVE_PC + 1; i < length; i++) {
    fingerprint = Math.imul(fingerprint ^ (words[i] as number), 0x01000193);
    fingerprint ^= fingerprint >>> 15;
  }
  for (let pc = entry; pc < length; ) {
    const instruction = MACHINE_OPS[words[pc] as number] as (typeof MACHINE_OPS)[number];
    // Of those that are fused, each stands where it stood.
    const { name, operands } = instruction.parts?.[0] ?? instruction;
    const table = operands.indexOf('n');
    // Entries for that many labels, and one for the rest.
    const entries = table < 0 ? 0 : 2 * ((words[pc + 1 + table] as number) + 1);
    pc += lengthOf(operands) + entries;
    before.set(pc - entry, { name, last: words[pc - 1] as number });
  }
  return { fingerprint: fingerprint >>> 0, weight: words[entry - HEADER_WORDS] as number, before, end: length - entry };
}

const CALL = /^call/;

/** Layouts of the functions on a stack. */
export class Layouts {
  private readonly code: ModuleCode;
  private readonly layouts = new Map<number, Layout>();

  constructor(code: ModuleCode) {
    this.code = code;
  }

  of(body: number): Layout {
    let layout = this.layouts.get(body);
    if (layout === undefined) {
      if (body >= this.code.module.bodies.length) damaged('the stack names a function that the module does not have');
      layout = layoutOf(this.code, body);
      this.layouts.set(body, layout);
    }
    return layout;
  }

  /** By body. */
  get fingerprints(): readonly (readonly [body: number, fingerprint: number])[] {
    return [...this.layouts].map(([body, { fingerprint }]) => [body, fingerprint] as const);
  }

  /** @throws SnapshotError where the code is not that of the version that made the snapshot */
  check(body: number, fingerprint: number): void {
    if (this.of(body).fingerprint !== fingerprint) {
      throw new SnapshotError(
        'the snapshot was made in the middle of a call by another version of wasm-sandbox, whose code for the function was another',
      );
    }
  }

  /** The first register of what is called, relative to the caller's. @throws SnapshotError */
  baseBehindCall({ body, offset }: Position): number {
    const { name = '', last = 0 } = this.of(body).before.get(offset) ?? {};
    if (!CALL.test(name)) damaged('a return address is not behind a call');
    return last;
  }

  /** @throws SnapshotError where no instruction begins there */
  requireInstruction({ body, offset }: Position): void {
    const { before, end } = this.of(body);
    if (!before.has(offset) || offset === end) damaged('the guest does not stand at an instruction');
  }
}
