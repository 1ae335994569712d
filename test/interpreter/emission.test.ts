/** Lowering emits the operands that isa.ts says: as many, in that order, of that kind. */

import { expect, test } from 'vitest';
import { CodeBuffer } from '../../interpreter/code/buffer.ts';
import {
  HEADER_WORDS,
  type Kind,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  placesIn,
} from '../../interpreter/code/isa.ts';
import { lowerFunction } from '../../interpreter/code/lower.ts';
import { decode } from '../../wasm/decode.ts';
import { STACK_WEIGHT } from '../../wasm/gas.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { definedRef, EXNREF, F32, F64, FUNCREF, I31REF, I32, I64, V128 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { alone } from '../generate/gallery.ts';

const STRUCT = 0;
const ARRAY = 1;
const FUNCREFS = 2;
const CALLEE = 3;
const STRUCT_REF = definedRef(STRUCT, true);
const ARRAY_REF = definedRef(ARRAY, true);
const FUNCREFS_REF = definedRef(FUNCREFS, true);
const CALLEE_REF = definedRef(CALLEE, true);

/** By the letters of signatures, then the others: which local holds one. */
const LOCAL = { i: 0, l: 1, f: 2, d: 3, v: 4, func: 5, struct: 6, array: 7, funcs: 8, callee: 9, exn: 10, i31: 11 };
const LOCALS = [I32, I64, F32, F64, V128, FUNCREF, STRUCT_REF, ARRAY_REF, FUNCREFS_REF, CALLEE_REF, EXNREF, I31REF];

const get = (name: keyof typeof LOCAL): Instruction => ['local.get', LOCAL[name]];
const ONE: Readonly<Record<string, Instruction>> = {
  i: ['i32.const', 1],
  l: ['i64.const', 1],
  f: ['f32.const', 1],
  d: ['f64.const', 1],
};

/** A row on locals, and on a constant on the right; as a value, and as what is branched on. */
function uses(row: Opcode): Instruction[] {
  const letters = [...row.params] as (keyof typeof LOCAL)[];
  const instruction = alone(row)[1] as Instruction;
  const last = ONE[letters.at(-1) ?? ''];
  const ways = [letters.map(get)];
  if (last !== undefined) ways.push([...letters.slice(0, -1).map(get), last]);
  return ways.flatMap((operands) => {
    const computed = [...operands, instruction];
    const dropped: Instruction[] = [...computed, ...[...row.results].map((): Instruction => 'drop')];
    if (row.results !== 'i') return dropped;
    return [...dropped, ...computed, 'if', 'end', 'block', ...computed, ['br_if', 0], 'end'];
  });
}

const isPlain = ({ special, params, results }: Opcode) =>
  !special && /^[ilfdv]*:[ilfdv]*$/.test(`${params}:${results}`);

const NOTHING = { params: [], results: [] };
const elsewhere = (name: keyof typeof LOCAL): Instruction => ['local.set', LOCALS.length + LOCAL[name]];
const drop = (...body: Instruction[]): Instruction[] => [...body, 'drop'];
const KINDS_OF_VALUES = ['i', 'l', 'f', 'd', 'v', 'func'] as const;

/** What rows do not say by themselves. */
const BODIES: readonly (readonly Instruction[])[] = [
  ['unreachable'],
  KINDS_OF_VALUES.flatMap((one) => [get(one), elsewhere(one)]),
  (['i', 'l', 'f', 'd'] as const).flatMap((one) => [ONE[one] as Instruction, elsewhere(one)]),
  (['i', 'l', 'f', 'd', 'v'] as const).flatMap((one) => drop(get(one), get(one), get('i'), 'select')),
  drop(get('func'), get('func'), get('i'), ['select_t', [FUNCREF]]),
  [0, 1, 2, 3, 4].flatMap((index): Instruction[] => [
    ['global.get', index],
    ['global.set', index],
  ]),
  [...drop(['ref.null', FUNCREF]), ...drop(get('func'), 'ref.is_null'), ...drop(['ref.func', 0])],
  [...drop(get('i'), ['table.get', 0]), get('i'), get('func'), ['table.set', 0]],
  drop(get('func'), get('i'), ['table.grow', 0]),
  [get('i'), get('func'), get('i'), ['table.fill', 0], get('i'), get('i'), get('i'), ['table.copy', 0, 0]],
  [...drop(get('l'), ['i32.load', { memory: 2 }]), ...drop(get('i'), ['i32.load', { memory: 1 }])],
  [get('i'), get('d'), ['call', 0], ['call', 1], get('i'), ['call_indirect', NOTHING, 0]],
  [get('callee'), ['call_ref', CALLEE]],
  [['return_call', 1]],
  [get('i'), ['return_call_indirect', NOTHING, 0]],
  [get('callee'), ['return_call_ref', CALLEE]],
  [get('i'), ['throw', 0]],
  [get('exn'), 'throw_ref'],
  ['block', ['try_table', NOTHING, [[2, 0]]], get('i'), ['throw', 0], 'end', 'end'],
  ['block', ['br', 0], 'end', 'block', get('i'), ['br_table', [0, 0], 0], 'end'],
  ['block', get('i'), ['br_if', 0], 'end', get('i'), 'if', 'else', 'end', 'loop', get('i'), ['br_if', 0], 'end'],
  [get('i'), 'if', ['call', 1], 'end', get('i'), elsewhere('i')],
  [...drop(get('i'), ['struct.new', STRUCT]), ...drop(['struct.new_default', STRUCT])],
  [...drop(get('struct'), ['struct.get', STRUCT, 0]), get('struct'), get('i'), ['struct.set', STRUCT, 0]],
  [...drop(get('i'), get('i'), ['array.new', ARRAY]), ...drop(get('i'), ['array.new_default', ARRAY])],
  drop(get('i'), get('i'), ['array.new_fixed', ARRAY, 2]),
  [
    ...drop(get('i'), get('i'), ['array.new_data', ARRAY, 0]),
    ...drop(get('i'), get('i'), ['array.new_elem', FUNCREFS, 0]),
  ],
  [...drop(get('array'), get('i'), ['array.get', ARRAY]), get('array'), get('i'), get('i'), ['array.set', ARRAY]],
  [...drop(get('array'), 'array.len'), get('array'), get('i'), get('i'), get('i'), ['array.fill', ARRAY]],
  [get('array'), get('i'), get('array'), get('i'), get('i'), ['array.copy', ARRAY, ARRAY]],
  [get('array'), get('i'), get('i'), get('i'), ['array.init_data', ARRAY, 0]],
  [get('funcs'), get('i'), get('i'), get('i'), ['array.init_elem', FUNCREFS, 0]],
  [...drop(get('struct'), ['ref.test', STRUCT_REF]), ...drop(get('struct'), ['ref.cast', STRUCT_REF])],
  [...drop(get('struct'), get('struct'), 'ref.eq'), ...drop(get('struct'), 'ref.as_non_null')],
  [...drop(get('i'), 'ref.i31'), ...drop(get('i31'), 'i31.get_s'), ...drop(get('i31'), 'i31.get_u')],
];

const around = { params: LOCALS, locals: LOCALS };

const MODULE: ModuleDescription = {
  types: [
    { struct: [{ type: I32, mutable: true }] },
    { array: { type: I32, mutable: true } },
    { array: { type: FUNCREF, mutable: true } },
    NOTHING,
  ],
  imports: [{ module: 'host', name: 'f', function: { params: [I32, F64], results: [] } }],
  tables: [{ min: 4, max: 20 }],
  memories: [{ min: 1, max: 2 }, { min: 1 }, { min: 1, is64: true }],
  tags: [{ params: [I32] }],
  globals: [
    { type: I32, mutable: true, init: [['i32.const', 1]] },
    { type: I64, mutable: true, init: [['i64.const', 1]] },
    { type: F64, mutable: true, init: [['f64.const', 1]] },
    { type: V128, mutable: true, init: [['v128.const', Array(16).fill(0)]] },
    { type: FUNCREF, mutable: true, init: [['ref.null', FUNCREF]] },
  ],
  elements: [{ items: [0] }],
  data: [{ bytes: [1, 2, 3] }],
  functions: [
    { body: [] },
    ...BODIES.map((body) => ({ ...around, body })),
    ...OPCODES.filter(isPlain).map((row) => ({ ...around, body: uses(row) })),
    ...(['i', 'l', 'f', 'd', 'v'] as const).map((one) => ({
      ...around,
      results: [LOCALS[LOCAL[one]] as typeof I32],
      body: [get(one)],
    })),
  ],
};

interface Emitted {
  readonly at: number;
  readonly op: MachineOp;
  readonly words: Int32Array;
}

/** The instructions of a function, one behind the other, and how many words of registers its frame has. */
function lowered(module: WasmModule, body: number): { found: Emitted[]; registers: number; end: number } {
  const code = new CodeBuffer();
  const entry = code.length + HEADER_WORDS;
  const steps = lowerFunction(code, module, body);
  while (steps.next().done !== true);
  const { words, length } = code;
  const found: Emitted[] = [];
  let at = entry;
  while (at < length) {
    const fused = MACHINE_OPS[words[at] as number] as MachineOp;
    const op = fused.parts?.[0] ?? fused;
    let next = at + lengthOf(op.operands);
    if (op.name === 'br_table') next += 2 * ((words[next - 1] as number) + 1);
    found.push({ at, op, words: words.slice(at, next) });
    at = next;
  }
  expect(at).toBe(length);
  const weight = words[entry - HEADER_WORDS] as number;
  return { found, registers: (2 * (weight - STACK_WEIGHT.frame)) / STACK_WEIGHT.slot, end: length };
}

const REGISTERS: ReadonlySet<Kind> = new Set(['i32', 'i64', 'f32', 'f64', 'v128', 'reference', 'value', 'values']);

test('what is lowered are the operands of isa.ts', () => {
  const module = decode(encodeModule(MODULE));
  const { importedFunctions, types, tables, memories, globals, tags, data, elements, bodies } = module;
  const sizes: Partial<Record<Kind, number>> = {
    func: importedFunctions + bodies.length,
    type: types.length,
    table: tables.length,
    memory: memories.length,
    global: globals.length,
    tag: tags.length,
    data: data.length,
    element: elements.length,
  };
  const seen = new Set<string>();
  for (let body = 0; body < bodies.length; body++) {
    const { found, registers } = lowered(module, body);
    const starts = new Set(found.map(({ at }) => at));
    for (const { op, words } of found) {
      seen.add(op.name);
      for (const [name, place] of placesIn(op.operands)) {
        const kind = op.operands[name] as Kind;
        const word = words[place] as number;
        const size = REGISTERS.has(kind) ? registers + (kind === 'values' ? 1 : 0) : sizes[kind];
        const isRight =
          size === undefined
            ? kind !== 'label' || starts.has(word)
            : word >= 0 && word < size && (!REGISTERS.has(kind) || word % 2 === 0);
        expect(isRight, `${op.name}: ${name} is ${word}`).toBe(true);
      }
    }
  }
  // The two places that calls return to are in no function, calls are linked while they run, and `i32.eqz` is a
  // comparison with zero.
  const unseen = MACHINE_OPS.filter(({ name, form }) => form !== 'fused' && !seen.has(name)).map(({ name }) => name);
  expect(unseen).toEqual(['halt', 'leave', 'call', 'i32.eqz']);
});
