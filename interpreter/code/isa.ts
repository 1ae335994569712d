/**
 * The register machine's own instructions, derived from the opcode table: their names, and from these their numbers.
 * Lowering picks them by name; the generator writes the dispatch loop for them in the same order.
 *
 * An instruction is a run of 32-bit words: its number, then operands. Registers are offsets from the frame pointer in
 * 32-bit units; every value takes an 8-byte slot, so they are even. The letters in `operands`:
 *
 * - `d` register written; `a b c` registers read
 * - `k` 32-bit constant, `K` two words of a 64-bit constant
 * - `o` offset of a memory access
 * - `t` target, followed by the gas charged when the branch is taken; `f` the gas charged when it is not
 * - `n` number of entries that follow, each a target with its gas
 * - `q` four words, the 16 bytes of a vector
 * - `e g` more registers read; `x y z u w` indices, counts, gas: plain words
 */

import { TRAPS, type TrapKind } from '../../wasm/errors.ts';
import { OPCODES, type Opcode, PREFIX_VECTOR } from '../../wasm/opcodes.ts';

export interface MachineOp {
  readonly name: string;
  readonly operands: string;
  /** The row whose meaning it has. */
  readonly row: Opcode | undefined;
  readonly form: Form;
  /** A checkpoint, as what it costs depends on an operand; or it may have a function to lower first. */
  readonly isLeft?: true;
  /** Of a fused instruction: those that it executes at once. */
  readonly parts?: readonly MachineOp[];
  /** For each part, the letter of the operand that takes the result of the part before; empty for none. */
  readonly links?: readonly string[];
}

/**
 * How an instruction uses its row's meaning: on registers, with a constant on the right, as a branch when it holds,
 * as a branch when it does not, as an access to memory; `own` where the generator has the text; `fused` where it
 * executes several, each where it stands in the code.
 */
export type Form =
  | 'value'
  | 'constant'
  | 'branch'
  | 'branch constant'
  | 'branch unless'
  | 'load'
  | 'store'
  | 'own'
  | 'fused';

function isComputation({ meaning, immediates, alias, exchanged }: Opcode): boolean {
  return meaning !== undefined && immediates === 'none' && !alias && exchanged === undefined;
}

const LEFT = { isLeft: true } as const;

function own(name: string, operands: string, left?: typeof LEFT): MachineOp {
  return { name, operands, row: undefined, form: 'own', ...left };
}

function computations(row: Opcode): MachineOp[] {
  const { mnemonic, params, hot, branches, byConstant, opposite } = row;
  const sources = 'abc'.slice(0, params.length);
  const ops: MachineOp[] = [{ name: mnemonic, operands: `d${sources}`, row, form: 'value' }];
  if (!hot) return ops;
  const constant = params === 'ii' ? 'k' : 'K';
  const isInteger = params === 'ii' || params === 'll';
  const hasConstant = isInteger && byConstant === undefined;
  if (hasConstant) ops.push({ name: `${mnemonic}.k`, operands: `da${constant}`, row, form: 'constant' });
  if (branches) {
    ops.push({ name: `br.${mnemonic}`, operands: `${sources}tf`, row, form: 'branch' });
    if (hasConstant) {
      ops.push({ name: `br.${mnemonic}.k`, operands: `a${constant}tf`, row, form: 'branch constant' });
    } else if (opposite === undefined) {
      ops.push({ name: `br_unless.${mnemonic}`, operands: `${sources}tf`, row, form: 'branch unless' });
    }
  }
  return ops;
}

/**
 * The instruction that performs a memory access. Several rows share one: an f32 is loaded as the bits of an i32. An f64
 * is moved whole where it can be: read as 8 bytes soon after it was written as twice 4, it would keep the processor waiting.
 */
export function accessName(row: Opcode): string {
  const isLoad = row.results !== '';
  if (isLoad ? row.results === 'd' : row.params === 'id') return isLoad ? 'load64.f64' : 'store64.f64';
  const wide = isLoad ? /[ld]/.test(row.results) : row.meaning === 'i64';
  return `${isLoad ? 'load' : 'store'}${wide ? '64' : '32'}.${row.meaning}`;
}

function accesses(): MachineOp[] {
  const ops = new Map<string, MachineOp>();
  for (const row of OPCODES) {
    if (row.immediates !== 'memarg' || row.meaning === undefined) continue;
    const name = accessName(row);
    const isLoad = row.results !== '';
    if (!ops.has(name)) ops.set(name, { name, operands: isLoad ? 'dao' : 'aob', row, form: isLoad ? 'load' : 'store' });
  }
  return [...ops.values()];
}

const rows = OPCODES.filter(isComputation);

/** What the main loop executes itself, one by one. */
const SINGLE_OPS: readonly MachineOp[] = [
  own('halt', ''),
  own('leave', ''),
  own('trap', 'x'),
  own('br', 't'),
  own('br_nz', 'atf'),
  own('br_z', 'atf'),
  own('br_table', 'an'),
  own('loop', 'x'),
  own('charge', 'x'),
  own('call', 'xy', LEFT),
  own('call_lazy', 'xy', LEFT),
  own('call_import', 'xy'),
  own('call_indirect', 'xyaz', LEFT),
  own('return', 'x'),
  own('return32', 'xa'),
  own('return64', 'xa'),
  own('copy32', 'da'),
  own('copy64', 'da'),
  own('copy.f64', 'da'),
  own('const32', 'dk'),
  own('const64', 'dK'),
  own('const.f64', 'dK'),
  own('select32', 'dabc'),
  own('select64', 'dabc'),
  own('global.get32', 'dx'),
  own('global.get64', 'dx'),
  own('global.set32', 'xa'),
  own('global.set64', 'xa'),
  own('address', 'da'),
  ...accesses(),
  ...rows.filter(({ hot }) => hot).flatMap(computations),
];

/**
 * Instructions that often follow one another, as counted in real programs, and that the main loop executes at once, up
 * to the first that jumps. After `>a`, `>b` or `>c` stands one that alone reads the result of the one before, as that
 * operand: it is handed on, and its register left as it is.
 */
const SEQUENCES: readonly string[] = [
  'br.i32.ge_s.k > return32',
  'const.f64 > f64.lt >a i32.xor.k',
  'const.f64 >b f64.mul >b f64.add > const32',
  'const32 > f32.mul',
  'const32 > i32.add.k',
  'const32 > i32.add.k >a i32.and.k >a br.i32.lt_u.k',
  'const32 > select32',
  'const32 >a i32.sub',
  'const32 >a load64.f64',
  'const32 >b store32.i32',
  'const32 >b store32.i8',
  'copy32 > br',
  'copy32 > br_nz',
  'copy32 > copy32',
  'copy32 > copy32 > copy32',
  'copy32 > i32.add.k',
  'copy32 > load32.i32 > store32.i32 > copy32 > br_nz',
  'copy32 >a return32',
  'f64.add > const.f64',
  'f64.add >b f64.mul >b f64.add',
  'f64.mul > f64.mul',
  'f64.mul >b f64.add',
  'f64.mul >b f64.sub > store64.f64 > i32.add.k',
  'f64.sub >b f64.add',
  'global.get32 >a i32.add.k > global.set32',
  'global.get32 >a i32.add.k >a global.set32',
  'global.get32 >a i32.add.k >a global.set32 > global.get32 >a br.i32.ge_s.k',
  'global.get32 >a store32.i32',
  'i32.add > const32 >b store32.i8 > i32.add',
  'i32.add > i32.add.k',
  'i32.add > i32.add.k > br_nz',
  'i32.add >a load32.u8',
  'i32.add >a load32.u8 >a br_nz > i32.shl.k >a i32.or.k',
  'i32.add >a return32',
  'i32.add.k > br',
  'i32.add.k > br.i32.eq > br',
  'i32.add.k > br.i32.eq.k > load32.u8',
  'i32.add.k > br_nz',
  'i32.add.k > i32.add.k',
  'i32.add.k > load32.i32',
  'i32.add.k >a global.set32',
  'i32.add.k >a i32.and.k',
  'i32.add.k >a load32.u8',
  'i32.add.k >a load32.u8 >b i32.xor',
  'i32.add.k >a load64.f64',
  'i32.add.k >a load64.f64 >b f64.mul >b f64.add',
  'i32.add.k >b store32.i32',
  'i32.and >b i32.add',
  'i32.and.k >a br.i32.eq.k',
  'i32.and.k >b i32.xor >a br.i32.eq.k',
  'i32.and.k >c select32 > i32.shr_u.k >a i32.and.k > i32.xor.k',
  'i32.mul >b i32.add > i32.shr_u.k >b i32.xor > br',
  'i32.mul.k >a i32.add.k > i32.shr_u.k',
  'i32.rotl.k >b i32.xor',
  'i32.shl.k >a i32.add.k',
  'i32.shl.k >a i32.add.k >a load32.i32',
  'i32.shl.k >a i32.xor > i32.shr_u.k',
  'i32.shl.k >b i32.add',
  'i32.shr_u.k >a i32.add >a i32.and.k > copy32',
  'i32.shr_u.k >a i32.and.k',
  'i32.shr_u.k >a i32.and.k >b i32.mul >b i32.add > i32.add.k',
  'i32.shr_u.k >b i32.xor',
  'i32.sub >a return32',
  'load32.i16 >b i32.mul >a i32.add > i32.add.k',
  'load32.i32 > br',
  'load32.i32 > br_nz',
  'load32.i32 > load32.i32',
  'load32.i32 >a br_table',
  'load32.i32 >a i32.add.k >b store32.i32',
  'load32.i32 >a i32.shr_u.k >b br.i32.lt_u',
  'load32.i32 >a load32.u16 > i32.and.k >b br.i32.eq',
  'load32.i32 >a load32.u8',
  'load32.u16 > load32.u16 >b i32.mul > copy32 > copy32',
  'store32.i8 > i32.add.k',
];

const FUSED_OPS: readonly MachineOp[] = SEQUENCES.map((name) => {
  const parts: MachineOp[] = [];
  const links: string[] = [];
  name.split(/ (?=>)/).forEach((text, i) => {
    const [, link = '', single] = (i === 0 ? /^()(.*)$/ : /^>(\w?) (.*)$/).exec(text) as RegExpExecArray;
    parts.push(SINGLE_OPS.find((one) => one.name === single) as MachineOp);
    links.push(link);
  });
  // Those of the first: whoever walks over code finds the others behind it.
  return { name, operands: parts[0]?.operands ?? '', row: undefined, form: 'fused', parts, links };
});

const HOT_OPS: readonly MachineOp[] = [...SINGLE_OPS, ...FUSED_OPS];

/** Computations outside of the main loop, in a generated function of their own. */
const RARE_COMPUTATIONS: readonly MachineOp[] = rows.filter(({ hot }) => !hot).flatMap(computations);

/** What system.ts does, on whole instances rather than on registers. Operands as lowering emits them. */
const SYSTEM_OPS = [
  own('copy.ref', 'da'),
  own('null.ref', 'd'),
  own('null.refs', 'd'),
  own('select.ref', 'dabc'),
  own('copy.v128', 'da'),
  own('select.v128', 'dabc'),
  own('global.get.far', 'dx'),
  own('global.set.far', 'xa'),
  own('ref.is_null', 'da'),
  own('ref.func', 'dx'),
  own('table.get', 'xda'),
  own('table.set', 'xab'),
  own('table.size', 'xd'),
  own('table.grow', 'xdab', LEFT),
  own('table.fill', 'xabc', LEFT),
  own('table.copy', 'xyabc', LEFT),
  own('table.init', 'xyabc', LEFT),
  own('elem.drop', 'x'),
  own('memory.use', 'x'),
  own('memory.size', 'xd'),
  own('memory.grow', 'xda', LEFT),
  own('memory.fill', 'xabc', LEFT),
  own('memory.copy', 'xyabc', LEFT),
  own('memory.init', 'xyabc', LEFT),
  own('data.drop', 'x'),
  own('return_call', 'xyzw', LEFT),
  own('return_call_indirect', 'xyazuw', LEFT),
  own('call_ref', 'ay', LEFT),
  own('return_call_ref', 'ayzw', LEFT),
  own('throw', 'xa'),
  own('throw_ref', 'a'),
  own('struct.new', 'dxa', LEFT),
  own('struct.new_default', 'dx', LEFT),
  own('struct.get', 'daxyz'),
  own('struct.set', 'xyab'),
  own('array.new', 'dxab', LEFT),
  own('array.new_default', 'dxa', LEFT),
  own('array.new_fixed', 'dxya', LEFT),
  own('array.new_data', 'dxyab', LEFT),
  own('array.new_elem', 'dxyab', LEFT),
  own('array.get', 'dabz'),
  own('array.set', 'abc'),
  own('array.len', 'da'),
  own('array.fill', 'abce', LEFT),
  own('array.copy', 'abceg', LEFT),
  own('array.init_data', 'xabce', LEFT),
  own('array.init_elem', 'xabce', LEFT),
  own('ref.test', 'dax'),
  own('ref.cast', 'dax'),
  own('ref.eq', 'dab'),
  own('ref.as_non_null', 'da'),
  own('ref.i31', 'da'),
  own('i31.get_s', 'da'),
  own('i31.get_u', 'da'),
] as const;

/** What vector.ts does, one instruction for every row. */
const VECTOR_OPS: readonly MachineOp[] = OPCODES.filter((row) => row.code >> 16 === PREFIX_VECTOR).map((row) => {
  const { immediates } = row;
  const offset = immediates.startsWith('memarg') ? 'o' : '';
  const lane = immediates.endsWith('lane') ? 'x' : '';
  const bytes = immediates === 'v128' || immediates === 'shuffle' ? 'q' : '';
  const operands = `${row.results === '' ? '' : 'd'}${'abc'.slice(0, row.params.length)}${offset}${lane}${bytes}`;
  return { name: row.mnemonic, operands, row, form: 'own' };
});

export const MACHINE_OPS: readonly MachineOp[] = [...HOT_OPS, ...RARE_COMPUTATIONS, ...SYSTEM_OPS, ...VECTOR_OPS];

const IS_LEFT = MACHINE_OPS.map(({ isLeft }) => isLeft === true);

/** Whether a guest can be left at an instruction, given by its number, before it has done anything. */
export function isLeft(instruction: number): boolean {
  return IS_LEFT[instruction] === true;
}

export const FIRST_RARE: number = HOT_OPS.length;
export const FIRST_SYSTEM: number = HOT_OPS.length + RARE_COMPUTATIONS.length;
export const FIRST_VECTOR: number = FIRST_SYSTEM + SYSTEM_OPS.length;

const numbers = new Map(MACHINE_OPS.map((op, index) => [op.name, index]));

/** The number of an instruction, or -1 where there is none of that name. */
export function find(name: string): number {
  return numbers.get(name) ?? -1;
}

/** The number of an instruction that is known to exist. */
export function op(name: string): number {
  const index = find(name);
  if (index < 0) throw new TypeError(`no machine instruction ${name}`);
  return index;
}

const WORDS: Readonly<Record<string, number>> = { K: 2, t: 2, q: 4 };

/** Words an instruction takes before any table of targets. */
export function lengthOf(operands: string): number {
  let length = 1;
  for (const letter of operands) length += WORDS[letter] ?? 1;
  return length;
}

/** Words an instruction takes, by its name. */
export function wordsOf(name: string): number {
  return lengthOf((MACHINE_OPS[op(name)] as MachineOp).operands);
}

/** Why the loop returned; traps are `EXIT.trap` plus their place in the list of kinds. */
export const EXIT = {
  /** Nothing: go on. */
  none: 0,
  /** The function that was entered from outside has returned. */
  done: 1,
  /** The gas at hand is used up at a checkpoint. */
  gas: 2,
  /** The next frame would exceed the stack limit. */
  stack: 3,
  /** The instruction at `pc` calls a function that has not been lowered, an import, or a table's element. */
  lazy: 4,
  import: 5,
  indirect: 6,
  /** A call leads out of this instance: `thread.target` is called with arguments at `thread.argBase`. */
  call: 7,
  /** The innermost frames of this instance have returned to another instance. */
  leave: 8,
  /** A charge for dynamic work does not fit into what is left: the limit is reached. */
  exhausted: 9,
  /** Gas at hand is far below zero; it must be settled before it could wrap. */
  settle: 10,
  /** The instruction at `pc` is not one of the main loop's. */
  rare: 11,
  /** `thread.exception` is thrown by the instruction at `pc`. */
  throw: 12,
  /** The memory budget does not hold an object. */
  memory: 13,
  /** The guest is to be left before the instruction at `pc`, whose function is being lowered. */
  lowering: 14,
  trap: 16,
} as const;

const TRAP_KINDS = Object.keys(TRAPS) as TrapKind[];

/** The exit of a trap. */
export function trapExit(kind: TrapKind): number {
  return EXIT.trap + TRAP_KINDS.indexOf(kind);
}

/** The trap of an exit; undefined where it is none. */
export function trapOfExit(exit: number): TrapKind | undefined {
  return TRAP_KINDS[exit - EXIT.trap];
}

/** Words at the start of every module's code: the return addresses that stand for leaving it. */
export const HALT_PC = 2;
export const LEAVE_PC = 4;

/** Words before a function's first instruction: weight, entry cost, first and last word of locals to zero. */
export const HEADER_WORDS = 4;

/**
 * Gas at hand below this is settled where a frame ends, by a return or an exception, so that it never leaves 32 bits:
 *
 * - It is filled to this at least, and only sinks until the next checkpoint, which fills it or ends the guest. Calls and
 *   loops are checkpoints, so that until then the guest passes once through the rest of a function, or of several, one
 *   behind the end of the other. Where one ends, this holds again.
 * - The dearest instructions cost 32 units for a byte of theirs, values that branches carry half a unit each, and of
 *   those a module has no more than 250,000 and one for every byte. A function of 7,654,321 bytes in a module of 1 GiB
 *   charges less than 2^30 units on one way through it, even if all of it were one segment. What depends on operands is
 *   not part of that: it is charged behind a checkpoint, in numbers that hold it.
 *
 * test/interpreter/wrap.test.ts holds the bound against the schedule.
 */
export const SETTLE_BELOW: number = -(1 << 24);

/** 32-bit words of a global's cell: enough for a vector. */
export const GLOBAL_WORDS = 4;
