/**
 * The register machine's own instructions, derived from the opcode table: their names, and from these their numbers.
 * Lowering picks them by name; the generator writes the dispatch loop for them in the same order.
 *
 * An instruction is a run of 32-bit words: its number, then operands in the order in which they stand here. Registers are
 * offsets from the frame pointer in 32-bit units; every value takes an 8-byte slot, so they are even.
 */

import { TRAPS, type TrapKind } from '../../wasm/errors.ts';
import { OPCODES, type Opcode, PREFIX_VECTOR } from '../../wasm/opcodes.ts';

/** What an operand is, and how many words it takes. */
const WORDS = {
  // A register that holds a value of the type; of any type; the first of several values.
  i32: 1,
  i64: 1,
  f32: 1,
  f64: 1,
  v128: 1,
  reference: 1,
  value: 1,
  values: 1,
  // The value itself.
  constant: 1,
  constant64: 2,
  constant128: 4,
  // Indices of the module.
  func: 1,
  table: 1,
  memory: 1,
  global: 1,
  tag: 1,
  type: 1,
  data: 1,
  element: 1,
  /** A reference's type, as numbers stand for it. */
  'reference type': 1,
  /** Index of the cell that a global of the instance's has. */
  cell: 1,
  /** Where to go, and the gas that it costs to go there. */
  label: 2,
  /** Number of labels that follow, and one more behind them. */
  labels: 1,
  gas: 1,
  word: 1,
} as const;

export type Kind = keyof typeof WORDS;
/** Those whose word is a register. */
export type Register = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'reference' | 'value' | 'values';

/** Kinds by name. The register that is written is `result`, and comes before those that are read. */
export type Operands = Readonly<Record<string, Kind>>;

/** Where an operand is: words from the instruction's number. */
export type Place<K extends Kind = Kind> = number & { readonly read: K };
/** The same of the register that is written. */
export type Target<K extends Kind = Kind> = number & { readonly written: K };

export type Places<O extends Operands> = {
  readonly [Name in keyof O]: Name extends 'result' ? Target<O[Name]> : Place<O[Name]>;
};

export interface MachineOp {
  readonly name: string;
  readonly operands: Operands;
  /** The row whose meaning it has. */
  readonly row: Opcode | undefined;
  readonly form: Form;
  /** Of a fused instruction: those that it executes at once. */
  readonly parts?: readonly MachineOp[];
  /** For each part, the name of the operand that takes the result of the part before; empty for none. */
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

/** The kinds of register by the letters of signatures. */
const KINDS: Readonly<Record<string, Register>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

/** Registers read, by names. */
function registers(types: string, names: readonly string[]): Operands {
  return Object.fromEntries([...types].map((type, i) => [names[i], KINDS[type] as Register]));
}

function resultOf(types: string): Operands {
  return types === '' ? {} : { result: KINDS[types] as Register };
}

function computations(row: Opcode): MachineOp[] {
  const { mnemonic, params, hot, branches, byConstant, opposite } = row;
  const sources = registers(params, ['a', 'b', 'c']);
  const result = resultOf(row.results);
  const ops: MachineOp[] = [{ name: mnemonic, operands: { ...result, ...sources }, row, form: 'value' }];
  if (!hot) return ops;
  const isInteger = params === 'ii' || params === 'll';
  const hasConstant = isInteger && byConstant === undefined;
  const withConstant: Operands = { ...sources, b: params === 'ii' ? 'constant' : 'constant64' };
  if (hasConstant) ops.push({ name: `${mnemonic}.k`, operands: { ...result, ...withConstant }, row, form: 'constant' });
  if (branches) {
    ops.push({ name: `br.${mnemonic}`, operands: { ...sources, ...WAYS }, row, form: 'branch' });
    if (hasConstant) {
      ops.push({ name: `br.${mnemonic}.k`, operands: { ...withConstant, ...WAYS }, row, form: 'branch constant' });
    } else if (opposite === undefined) {
      ops.push({ name: `br_unless.${mnemonic}`, operands: { ...sources, ...WAYS }, row, form: 'branch unless' });
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
    if (ops.has(name)) continue;
    const [base, value] = [...row.params].map((type) => KINDS[type] as Register) as [Register, Register];
    const operands: Operands = isLoad
      ? { ...resultOf(row.results), base, offset: 'word' }
      : { base, offset: 'word', value };
    ops.set(name, { name, operands, row, form: isLoad ? 'load' : 'store' });
  }
  return [...ops.values()];
}

const rows = OPCODES.filter(isComputation);

/** Both ways out of a branch: the label, and what it costs to go on instead. */
const WAYS = { target: 'label', onward: 'gas' } as const;

/** What the main loop executes itself, one by one, and has no row. */
const LOOP_OPS = {
  halt: {},
  leave: {},
  trap: { exit: 'word' },
  br: { target: 'label' },
  br_nz: { condition: 'i32', ...WAYS },
  br_z: { condition: 'i32', ...WAYS },
  br_table: { index: 'i32', labels: 'labels' },
  loop: { cost: 'gas' },
  charge: { cost: 'gas' },
  // The last operand of every call is `base`, which is looked for behind a return address.
  call: { entry: 'word', base: 'values' },
  call_lazy: { func: 'func', base: 'values' },
  call_import: { func: 'func', base: 'values' },
  call_indirect: { table: 'table', type: 'type', index: 'i32', base: 'values' },
  return: { weight: 'word' },
  return32: { weight: 'word', value: 'i32' },
  return64: { weight: 'word', value: 'i64' },
  copy32: { result: 'i32', source: 'i32' },
  copy64: { result: 'i64', source: 'i64' },
  'copy.f64': { result: 'f64', source: 'f64' },
  const32: { result: 'i32', value: 'constant' },
  const64: { result: 'i64', value: 'constant64' },
  'const.f64': { result: 'f64', value: 'constant64' },
  select32: { result: 'i32', first: 'i32', second: 'i32', condition: 'i32' },
  select64: { result: 'i64', first: 'i64', second: 'i64', condition: 'i32' },
  'global.get32': { result: 'i32', cell: 'cell' },
  'global.get64': { result: 'i64', cell: 'cell' },
  'global.set32': { cell: 'cell', value: 'i32' },
  'global.set64': { cell: 'cell', value: 'i64' },
  address: { result: 'i32', address: 'i64' },
} as const satisfies Readonly<Record<string, Operands>>;

/** What machine/system.ts does, on whole instances rather than on registers; first what machine/rare.ts does many of at once. */
const SYSTEM_OPS = {
  'copy.ref': { result: 'reference', source: 'reference' },
  'null.ref': { result: 'reference' },
  'null.refs': { first: 'values' },
  'select.ref': { result: 'reference', first: 'reference', second: 'reference', condition: 'i32' },
  'copy.v128': { result: 'v128', source: 'v128' },
  'select.v128': { result: 'v128', first: 'v128', second: 'v128', condition: 'i32' },
  'global.get.far': { result: 'value', global: 'global' },
  'global.set.far': { global: 'global', value: 'value' },
  'ref.is_null': { result: 'i32', reference: 'reference' },
  'ref.func': { result: 'reference', func: 'func' },
  'table.get': { table: 'table', result: 'reference', index: 'i32' },
  'table.set': { table: 'table', index: 'i32', value: 'reference' },
  'table.size': { table: 'table', result: 'i32' },
  'table.grow': { table: 'table', result: 'i32', value: 'reference', delta: 'i32' },
  'table.fill': { table: 'table', target: 'i32', value: 'reference', length: 'i32' },
  'table.copy': { to: 'table', from: 'table', target: 'i32', source: 'i32', length: 'i32' },
  'table.init': { element: 'element', table: 'table', target: 'i32', source: 'i32', length: 'i32' },
  'elem.drop': { element: 'element' },
  'memory.use': { memory: 'memory' },
  'memory.size': { memory: 'memory', result: 'i32' },
  'memory.grow': { memory: 'memory', result: 'i32', delta: 'i32' },
  'memory.fill': { memory: 'memory', target: 'i32', value: 'i32', length: 'i32' },
  'memory.copy': { to: 'memory', from: 'memory', target: 'i32', source: 'i32', length: 'i32' },
  'memory.init': { data: 'data', memory: 'memory', target: 'i32', source: 'i32', length: 'i32' },
  'data.drop': { data: 'data' },
  return_call: { func: 'func', base: 'values', words: 'word', weight: 'word' },
  return_call_indirect: {
    table: 'table',
    type: 'type',
    index: 'i32',
    base: 'values',
    words: 'word',
    weight: 'word',
  },
  call_ref: { func: 'reference', base: 'values' },
  return_call_ref: { func: 'reference', base: 'values', words: 'word', weight: 'word' },
  throw: { tag: 'tag', base: 'values' },
  throw_ref: { exception: 'reference' },
} as const satisfies Readonly<Record<string, Operands>>;

/** What machine/system-atomics.ts does. `access` is the place of the row in the opcode table. */
const ATOMIC_OPS = {
  'atomic.load': { result: 'value', memory: 'memory', offset: 'word', access: 'word', base: 'i32' },
  'atomic.store': { memory: 'memory', offset: 'word', access: 'word', base: 'i32', value: 'value' },
  'atomic.rmw': { result: 'value', memory: 'memory', offset: 'word', access: 'word', base: 'i32', value: 'value' },
  'atomic.cmpxchg': {
    result: 'value',
    memory: 'memory',
    offset: 'word',
    access: 'word',
    base: 'i32',
    expected: 'value',
    value: 'value',
  },
  'atomic.notify': { result: 'i32', memory: 'memory', offset: 'word', access: 'word', base: 'i32', count: 'i32' },
  'atomic.wait': {
    result: 'i32',
    memory: 'memory',
    offset: 'word',
    access: 'word',
    base: 'i32',
    expected: 'value',
    timeout: 'i64',
  },
  'atomic.fence': {},
} as const satisfies Readonly<Record<string, Operands>>;

/** What machine/system-objects.ts does. */
const OBJECT_OPS = {
  'struct.new': { result: 'reference', type: 'type', base: 'values' },
  'struct.new_default': { result: 'reference', type: 'type' },
  'struct.get': { result: 'value', struct: 'reference', type: 'type', field: 'word', isSigned: 'word' },
  'struct.set': { type: 'type', field: 'word', struct: 'reference', value: 'value' },
  'array.new': { result: 'reference', type: 'type', value: 'value', length: 'i32' },
  'array.new_default': { result: 'reference', type: 'type', length: 'i32' },
  'array.new_fixed': { result: 'reference', type: 'type', count: 'word', base: 'values' },
  'array.new_data': { result: 'reference', type: 'type', data: 'data', source: 'i32', length: 'i32' },
  'array.new_elem': { result: 'reference', type: 'type', element: 'element', source: 'i32', length: 'i32' },
  'array.get': { result: 'value', array: 'reference', index: 'i32', isSigned: 'word' },
  'array.set': { array: 'reference', index: 'i32', value: 'value' },
  'array.len': { result: 'i32', array: 'reference' },
  'array.fill': { array: 'reference', target: 'i32', value: 'value', length: 'i32' },
  'array.copy': { to: 'reference', target: 'i32', from: 'reference', source: 'i32', length: 'i32' },
  'array.init_data': { data: 'data', array: 'reference', target: 'i32', source: 'i32', length: 'i32' },
  'array.init_elem': { element: 'element', array: 'reference', target: 'i32', source: 'i32', length: 'i32' },
  'ref.test': { result: 'i32', reference: 'reference', type: 'reference type' },
  'ref.cast': { result: 'reference', reference: 'reference', type: 'reference type' },
  'ref.eq': { result: 'i32', first: 'reference', second: 'reference' },
  'ref.as_non_null': { result: 'reference', reference: 'reference' },
  'ref.i31': { result: 'reference', value: 'i32' },
  'i31.get_s': { result: 'i32', i31: 'reference' },
  'i31.get_u': { result: 'i32', i31: 'reference' },
} as const satisfies Readonly<Record<string, Operands>>;

const NAMED = { ...LOOP_OPS, ...SYSTEM_OPS, ...OBJECT_OPS, ...ATOMIC_OPS };

export type LoopName = keyof typeof LOOP_OPS;
export type SystemName = keyof typeof SYSTEM_OPS;
export type ObjectName = keyof typeof OBJECT_OPS;
export type AtomicName = keyof typeof ATOMIC_OPS;
/** The instructions whose operands have names of their own. */
export type Name = keyof typeof NAMED;
export type OperandsOf<N extends Name> = (typeof NAMED)[N];
export type PlacesOf<N extends Name> = Places<OperandsOf<N>>;

/** Checkpoints, as what they cost depends on an operand; or they may have a function to lower first. */
const LEFT: ReadonlySet<string> = new Set<Name>([
  'call',
  'call_lazy',
  'call_indirect',
  'table.grow',
  'table.fill',
  'table.copy',
  'table.init',
  'memory.grow',
  'memory.fill',
  'memory.copy',
  'memory.init',
  'atomic.wait',
  'return_call',
  'return_call_indirect',
  'call_ref',
  'return_call_ref',
  'struct.new',
  'struct.new_default',
  'array.new',
  'array.new_default',
  'array.new_fixed',
  'array.new_data',
  'array.new_elem',
  'array.fill',
  'array.copy',
  'array.init_data',
  'array.init_elem',
]);

function own(table: Readonly<Record<string, Operands>>): MachineOp[] {
  return Object.entries(table).map(([name, operands]) => ({ name, operands, row: undefined, form: 'own' }));
}

/** What the main loop executes itself, one by one. */
const SINGLE_OPS: readonly MachineOp[] = [
  ...own(LOOP_OPS),
  ...accesses(),
  ...rows.filter(({ hot }) => hot).flatMap(computations),
];

/**
 * Instructions that often follow one another, as counted in real programs, and that the main loop executes at once, up
 * to the first that jumps. After `>name` stands one that alone reads the result of the one before, as the
 * operand of that name: it is handed on, and its register left as it is.
 */
const SEQUENCES: readonly string[] = [
  'br.i32.ge_s.k > return32',
  'const.f64 > f64.lt >a i32.xor.k',
  'const.f64 >b f64.mul >b f64.add > const32',
  'const32 >b f32.mul',
  'const32 >b f32.mul >b f32.add',
  'const32 > i32.add.k',
  'const32 > i32.add.k >a i32.and.k >a br.i32.lt_u.k',
  'const32 >a i32.sub',
  'const32 >base load64.f64',
  'const32 > select32',
  'const32 >value store32.i32',
  'const32 >value store32.i8',
  'const64 > select64',
  'copy32 > br',
  'copy32 > br_nz',
  'copy32 > copy32',
  'copy32 > copy32 > copy32',
  'copy32 > copy32 > copy32 > br',
  'copy32 > i32.add.k',
  'copy32 > load32.i32 > store32.i32 > copy32 > br_nz',
  'copy32 >value return32',
  'f32.lt >condition select32',
  'f64.add > const.f64',
  'f64.add >b f64.mul >b f64.add',
  'f64.mul > const.f64',
  'f64.mul >b f64.add',
  'f64.mul > f64.mul',
  'f64.mul >a f64.mul > load64.f64 >b f64.add',
  'f64.mul >b f64.sub > store64.f64 > i32.add.k',
  'f64.sub >b f64.add',
  'global.get32 >a i32.add.k > global.set32',
  'global.get32 >a i32.add.k >value global.set32',
  'global.get32 >a i32.add.k >value global.set32 > global.get32 >a br.i32.ge_s.k',
  'global.get32 >base store32.i32',
  'i32.add > const32 >value store32.i8 > i32.add',
  'i32.add > const32 >value store32.i8 > i32.add > br.i32.lt_u',
  'i32.add > i32.add.k',
  'i32.add > i32.add.k > br_nz',
  'i32.add >base load32.u8',
  'i32.add >base load32.u8 >condition br_nz > i32.shl.k >a i32.or.k',
  'i32.add > load64.f64 > load64.f64 >b f64.mul >b f64.add',
  'i32.add >value return32',
  'i32.add.k > br',
  'i32.add.k > br.i32.eq > br',
  'i32.add.k > br.i32.eq.k > load32.u8 > copy32 > br_nz',
  'i32.add.k > br_nz',
  'i32.add.k >value global.set32',
  'i32.add.k > i32.add.k',
  'i32.add.k > i32.add.k > br.i32.ne.k',
  'i32.add.k > i32.add.k > i32.add.k',
  'i32.add.k >a i32.and.k',
  'i32.add.k > load32.i32',
  'i32.add.k >base load32.i32 >b i32.add',
  'i32.add.k >base load32.u8',
  'i32.add.k >base load32.u8 >b i32.xor',
  'i32.add.k >base load64.f64',
  'i32.add.k >base load64.f64 >b f64.mul >b f64.add',
  'i32.add.k >base load64.f64 >b f64.sub',
  'i32.add.k >value store32.i32',
  'i32.and >b i32.add',
  'i32.and.k >a br.i32.eq.k',
  'i32.and.k >condition select32 > i32.shr_u.k >a i32.and.k > i32.xor.k',
  'i32.mul >b i32.add > i32.shr_u.k >b i32.xor > br',
  'i32.mul.k >a i32.add.k > i32.shr_u.k',
  'i32.mul.k >a i32.add.k > i32.shr_u.k >value store32.i8 > i32.add.k',
  'i32.rotl.k > i32.rotl.k >b i32.xor',
  'i32.rotl.k > i32.rotl.k >b i32.xor > i32.rotl.k >b i32.xor',
  'i32.rotl.k >b i32.xor',
  'i32.shl.k >b i32.add',
  'i32.shl.k >a i32.add.k',
  'i32.shl.k >a i32.add.k >base load32.i32',
  'i32.shl.k >a i32.xor > i32.shr_u.k',
  'i32.shr_u.k >a i32.add >a i32.and.k > copy32',
  'i32.shr_u.k >a i32.and.k',
  'i32.shr_u.k >a i32.and.k >b i32.mul',
  'i32.shr_u.k >a i32.and.k >b i32.mul >b i32.add > i32.add.k',
  'i32.shr_u.k >b i32.xor',
  'i32.sub >value return32',
  'i64.shr_u.k >a i64.or.k',
  'load32.i16 >b i32.mul >a i32.add > i32.add.k',
  'load32.i32 > br',
  'load32.i32 > br_nz',
  'load32.i32 >index br_table',
  'load32.i32 >a i32.add.k >value store32.i32',
  'load32.i32 >a i32.shr_u.k >b br.i32.lt_u',
  'load32.i32 > load32.i32',
  'load32.i32 >base load32.u16 > i32.and.k >b br.i32.eq',
  'load32.i32 >base load32.u8',
  'load32.i32 >base load32.u8 > i32.and.k >b i32.xor >a br.i32.eq.k',
  'load32.u16 > load32.u16 >b i32.mul > copy32 > copy32',
  'store32.i8 > i32.add.k',
];

const FUSED_OPS: readonly MachineOp[] = SEQUENCES.map((name) => {
  const parts: MachineOp[] = [];
  const links: string[] = [];
  name.split(/ (?=>)/).forEach((text, i) => {
    const [, link = '', single] = (i === 0 ? /^()(.*)$/ : /^>(\w*) (.*)$/).exec(text) as RegExpExecArray;
    parts.push(SINGLE_OPS.find((one) => one.name === single) as MachineOp);
    links.push(link);
  });
  // Those of the first: whoever walks over code finds the others behind it.
  return { name, operands: parts[0]?.operands ?? {}, row: undefined, form: 'fused', parts, links };
});

const HOT_OPS: readonly MachineOp[] = [...SINGLE_OPS, ...FUSED_OPS];

/** Computations that of the loops only the main one has, and a generated function of their own has for the others. */
const WARM_COMPUTATIONS: readonly MachineOp[] = rows.filter(({ warm }) => warm).flatMap(computations);

/** Computations outside of all loops, in the same function. */
const RARE_COMPUTATIONS: readonly MachineOp[] = rows.filter(({ hot, warm }) => !hot && !warm).flatMap(computations);

/** What vector/ does, one instruction for every row. */
const VECTOR_OPS: readonly MachineOp[] = OPCODES.filter((row) => row.code >> 16 === PREFIX_VECTOR).map((row) => {
  const { immediates, params } = row;
  const isAccess = immediates.startsWith('memarg');
  const operands: Operands = {
    ...resultOf(row.results),
    ...registers(params, isAccess ? ['base', 'a'] : ['a', 'b', 'c']),
    ...(isAccess ? { offset: 'word' } : {}),
    ...(immediates.endsWith('lane') ? { lane: 'word' } : {}),
    ...(immediates === 'v128' || immediates === 'shuffle' ? { bytes: 'constant128' } : {}),
  };
  return { name: row.mnemonic, operands, row, form: 'own' };
});

const UNLOOPED_OPS = own({ ...SYSTEM_OPS, ...OBJECT_OPS, ...ATOMIC_OPS });

export const MACHINE_OPS: readonly MachineOp[] = [
  ...HOT_OPS,
  ...WARM_COMPUTATIONS,
  ...RARE_COMPUTATIONS,
  ...UNLOOPED_OPS,
  ...VECTOR_OPS,
];

const IS_LEFT = MACHINE_OPS.map(({ name }) => LEFT.has(name));

/** Whether a guest can be left at an instruction, given by its number, before it has done anything. */
export function isLeft(instruction: number): boolean {
  return IS_LEFT[instruction] === true;
}

export const FIRST_WARM: number = HOT_OPS.length;
export const FIRST_RARE: number = FIRST_WARM + WARM_COMPUTATIONS.length;
export const FIRST_SYSTEM: number = FIRST_RARE + RARE_COMPUTATIONS.length;
export const FIRST_OBJECT: number = FIRST_SYSTEM + Object.keys(SYSTEM_OPS).length;
export const FIRST_ATOMIC: number = FIRST_OBJECT + Object.keys(OBJECT_OPS).length;
export const FIRST_VECTOR: number = FIRST_SYSTEM + UNLOOPED_OPS.length;

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

/** Words an instruction takes before any table of labels. */
export function lengthOf(operands: Operands): number {
  let length = 1;
  for (const kind of Object.values(operands)) length += WORDS[kind];
  return length;
}

/** Where operands are, by name. */
export function placesIn(operands: Operands): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  let at = 1;
  for (const [name, kind] of Object.entries(operands)) {
    places.set(name, at as Place);
    at += WORDS[kind];
  }
  return places;
}

/** Where the operands of an instruction are: for those who read its words, to be computed once. */
export function placesOf<N extends Name>(name: N): PlacesOf<N> {
  return Object.fromEntries(placesIn(NAMED[name])) as PlacesOf<N>;
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
  /** The guest waits for a notification: `thread.wait` says where. */
  wait: 15,
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

/** The instruction for an atomic row. */
export function atomicName({ mnemonic, atomic }: Opcode): AtomicName {
  if (atomic !== undefined)
    return atomic === 'load' || atomic === 'store' || atomic === 'cmpxchg' ? `atomic.${atomic}` : 'atomic.rmw';
  if (mnemonic === 'atomic.fence') return mnemonic;
  return mnemonic === 'memory.atomic.notify' ? 'atomic.notify' : 'atomic.wait';
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
