/** The meanings of the opcode table's rows, read once. */

import type { TrapKind } from '../../wasm/errors.ts';
import { OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { type Block, type Expression, name, namesIn, replaced } from './syntax.ts';
import { code, expression, halves } from './template.ts';

/** A row's result: a value; the bits of one; the halves of an i64 or f64; or what a helper stores. */
export type Result =
  | { readonly is: 'value' | 'bits'; readonly value: Expression }
  | { readonly is: 'halves'; readonly low: Expression; readonly high: Expression }
  | { readonly is: 'stored'; readonly helper: string; readonly args: readonly Expression[] };

export interface Meaning {
  readonly result: Result;
  /** Tested in order before. */
  readonly traps: readonly (readonly [condition: Expression, kind: TrapKind])[];
  /** The names of operands, and of parts of them, that are read. */
  readonly uses: ReadonlySet<string>;
}

/** Helpers of interpreter/numeric.ts that are called, by instructions outside of the main loops. */
export const CALLED: readonly string[] = ['roundS64ToF32', 'roundU64ToF32', 'trunc64', 'truncSatS64', 'truncSatU64'];

/** What of a row is read. */
type RowText = Pick<Opcode, 'params' | 'meaning' | 'traps'> & { readonly mnemonic: string };

interface Inlined {
  readonly params: readonly string[];
  /** Leaves the result in `lo` and `hi`; or does what comes before {@link goes}. */
  readonly body: Block;
  /** The label of what does the rest behind the `switch`, and stores the result from `d` on. */
  readonly goes?: string;
}

const DIVIDED = ['al', 'ah', 'bl', 'bh'];

/**
 * Helpers whose statements are put into the loop: a call there would cost more than they do. Shifts by 32 - n are in two
 * steps, as JavaScript takes shift counts modulo 32.
 */
export const INLINED: Readonly<Record<string, Inlined>> = {
  mul64: {
    params: ['al', 'ah', 'bl', 'bh'],
    body: code`
      const a0 = al & 65535;
      const a1 = al >>> 16;
      const b0 = bl & 65535;
      const b1 = bl >>> 16;
      const middle = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16) >>> 0;
      const cross = Math.imul(a0, b1) + (middle & 65535) >>> 0;
      lo = Math.imul(al, bl);
      hi = Math.imul(a1, b1) + (middle >>> 16) + (cross >>> 16) + Math.imul(al, bh) + Math.imul(ah, bl) | 0;`,
  },
  shl64: {
    params: ['al', 'ah', 'count'],
    body: code`
      const n = count & 63;
      if (n >= 32) { lo = 0; hi = al << n; }
      else { lo = al << n; hi = ah << n | al >>> 1 >>> 31 - n; }`,
  },
  shrS64: {
    params: ['al', 'ah', 'count'],
    body: code`
      const n = count & 63;
      if (n >= 32) { lo = ah >> n; hi = ah >> 31; }
      else { lo = al >>> n | ah << 1 << 31 - n; hi = ah >> n; }`,
  },
  shrU64: {
    params: ['al', 'ah', 'count'],
    body: code`
      const n = count & 63;
      if (n >= 32) { lo = ah >>> n; hi = 0; }
      else { lo = al >>> n | ah << 1 << 31 - n; hi = ah >>> n; }`,
  },
  rotl64: {
    params: ['al', 'ah', 'count'],
    body: code`
      const n = count & 63;
      const low = n >= 32 ? ah : al;
      const high = n >= 32 ? al : ah;
      lo = low << n | high >>> 1 >>> 31 - n;
      hi = high << n | low >>> 1 >>> 31 - n;`,
  },
  divU64: { params: DIVIDED, body: code`count = 0;`, goes: 'divide' },
  remU64: { params: DIVIDED, body: code`count = 1;`, goes: 'divide' },
  divS64: { params: DIVIDED, body: code`count = 2;`, goes: 'divide' },
  remS64: { params: DIVIDED, body: code`count = 3;`, goes: 'divide' },
  popcnt: { params: ['al', 'ah'], body: [], goes: 'popcnt' },
};

/** What stands for calls, of one name each. */
const FORMULAS: Readonly<Record<string, Expression>> = {
  ctz32: expression`(a === 0 ? 32 : 31 - Math.clz32(a & -a))`,
  // Adding and taking away 2^52 leaves no room for a fraction. Multiplied by 0, what is left is a zero with the sign of `a`.
  nearest: expression`
    (Math.abs(a) < 4503599627370496
      ? (a < 0 ? a - 4503599627370496 + 4503599627370496 : a + 4503599627370496 - 4503599627370496) || a * 0
      : a)`,
  truncSatS32: expression`(a >= 2147483647 ? 2147483647 : a <= -2147483648 ? -2147483648 : a | 0)`,
  truncSatU32: expression`(a >= 4294967295 ? -1 : a > 0 ? a | 0 : 0)`,
};

function inlined(part: Expression): Expression | undefined {
  if (part.is !== 'call' || part.of.is !== 'name') return undefined;
  const { name: called } = part.of;
  if (!Object.hasOwn(FORMULAS, called)) return undefined;
  const [argument] = part.args;
  if (argument?.is !== 'name' || part.args.length > 1) throw new TypeError(`${called} is of one name`);
  return replaced(FORMULAS[called] as Expression, (inner) =>
    inner.is === 'name' && inner.name === 'a' ? argument : undefined,
  );
}

const read = (text: string) => halves(text).map((half) => replaced(half, inlined));

/** What is read of operands, behind their names: by type. */
const PARTS: Readonly<Record<string, readonly string[]>> = { i: [''], l: ['l', 'h'], f: ['', 'i'], d: ['', 'l', 'h'] };

function resultOf(text: string): Result {
  if (text.startsWith('=> ')) {
    const [call, rest] = read(text.slice(3));
    if (call?.is !== 'call' || call.of.is !== 'name' || rest !== undefined)
      throw new TypeError('=> has a call behind it');
    return { is: 'stored', helper: call.of.name, args: call.args };
  }
  const isBits = text.startsWith('bits ');
  const [low, high] = read(isBits ? text.slice(5) : text) as [Expression, Expression | undefined];
  if (high !== undefined) return { is: 'halves', low, high };
  return { is: isBits ? 'bits' : 'value', value: low };
}

function expressionsOf(result: Result): readonly Expression[] {
  switch (result.is) {
    case 'halves':
      return [result.low, result.high];
    case 'stored':
      return [name(result.helper), ...result.args];
    default:
      return [result.value];
  }
}

/** Reads a meaning, and conditions for traps. @throws TypeError where it is not understood, or names what is not known */
export function readMeaning({ mnemonic, params, meaning, traps }: RowText): Meaning {
  try {
    const result = resultOf(meaning as string);
    const conditions = traps.map(([condition, kind]) => [expression([condition]), kind] as const);
    const uses = namesIn(...expressionsOf(result), ...conditions.map(([condition]) => condition));
    const operands = [...params].flatMap((type, i) => (PARTS[type] ?? []).map((part) => `${'abc'[i]}${part}`));
    const known = new Set([...operands, 'lo', 'Math', ...CALLED, ...Object.keys(INLINED)]);
    for (const one of uses) if (!known.has(one)) throw new TypeError(`${one} is no operand and no helper`);
    return { result, traps: conditions, uses };
  } catch (error) {
    throw new TypeError(`the meaning of ${mnemonic}: ${(error as Error).message}`);
  }
}

const MEANINGS = new Map(
  OPCODES.filter(({ meaning, immediates }) => meaning !== undefined && immediates === 'none').map((row) => [
    row.mnemonic,
    readMeaning(row),
  ]),
);

export function meaningOf(row: Opcode | undefined): Meaning {
  const meaning = row && MEANINGS.get(row.mnemonic);
  if (meaning === undefined) throw new TypeError(`${row?.mnemonic} has no meaning`);
  return meaning;
}
