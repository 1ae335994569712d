/** Modules written by hand that together use every section, every form of a segment and every instruction. */

import { type Immediates, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128 } from '../../wasm/types.ts';
import { encodeModule, type Immediate, type Instruction, type ModuleDescription } from './encode.ts';

const BYTES_16 = Array.from({ length: 16 }, (_, i) => i);

/** The rows of release 2.0: every host has them. */
export const CORE: readonly Opcode[] = OPCODES.filter(({ feature }) => feature === undefined);

/** Immediates that are valid in {@link everything}. */
const IMMEDIATES: Readonly<Record<Immediates, readonly Immediate[]>> = {
  none: [],
  zero: [],
  block: [],
  label: [0],
  labels: [[0, 0], 0],
  function: [0],
  'type table': [{ params: [I32], results: [I64] }, 0],
  local: [0],
  global: [1],
  table: [0],
  'table table': [0, 0],
  memarg: [{ offset: 8 }],
  'memarg lane': [{ offset: 8 }, 0],
  memory: [],
  'memory memory': [],
  data: [0],
  'data memory': [0],
  element: [0],
  'element table': [0, 0],
  i32: [-1],
  i64: [-1],
  f32: [0.5],
  f64: [0.5],
  v128: [BYTES_16],
  shuffle: [BYTES_16],
  lane: [0],
  types: [[I32]],
  'heap type': [FUNCREF],
  type: [0],
  'type field': [0, 0],
  'type type': [0, 0],
  'type count': [0, 0],
  'type data': [0, 0],
  'type element': [0, 0],
  tag: [0],
  'block catches': [undefined as never, []],
  'label casts': [0, FUNCREF, FUNCREF],
};

/** The instruction alone in unreachable code, where it finds any operands. */
export function alone(row: Opcode): Instruction[] {
  const instruction: Instruction = [row.mnemonic, ...IMMEDIATES[row.immediates]];
  const around: Instruction[] = ['unreachable', instruction];
  if (row.immediates === 'block') return [...around, 'end', 'unreachable'];
  if (row.mnemonic === 'else') return ['unreachable', 'if', instruction, 'end', 'unreachable'];
  if (row.mnemonic === 'end') return ['block', instruction];
  return [...around, 'unreachable'];
}

/** One of everything; the functions hold the instructions of `rows`. */
export function everything(rows: readonly Opcode[] = CORE): ModuleDescription {
  return {
    imports: [
      { module: 'host', name: 'f', function: { params: [I32, F64], results: [] } },
      { module: 'host', name: 't', table: { min: 1, max: 20 } },
      { module: 'host', name: 'g', global: { type: I32 } },
    ],
    functions: [
      {
        params: [I32, I64],
        results: [I32],
        locals: [I32, F32, F32, V128, FUNCREF],
        body: rows.flatMap(alone).concat('unreachable'),
        export: 'f',
      },
      { body: [] },
    ],
    tables: [
      { min: 0, export: 't' },
      { element: EXTERNREF, min: 2, max: 2 },
    ],
    memories: [{ min: 1, max: 2, export: 'm' }],
    globals: [
      { type: I32, mutable: true, init: [['i32.const', 1]], export: 'g' },
      { type: I64, init: [['i64.const', 1n << 40n]] },
      { type: F32, init: [['f32.const', 1]] },
      { type: F64, mutable: true, init: [['f64.const', 1]] },
      { type: FUNCREF, init: [['ref.func', 1]] },
      { type: EXTERNREF, init: [['ref.null', EXTERNREF]] },
      { type: I32, init: [['global.get', 0]] },
    ],
    start: 2,
    elements: [
      { offset: [['i32.const', 0]], items: [0, 1] },
      { items: [1] },
      { table: 1, offset: [['i32.const', 0]], items: [2] },
      { declarative: true, items: [0] },
      { offset: [['i32.const', 0]], items: [[['ref.func', 0]], [['ref.null', FUNCREF]]] },
      { items: [[['ref.null', FUNCREF]]] },
      { table: 2, type: EXTERNREF, offset: [['global.get', 0]], items: [[['ref.null', EXTERNREF]]] },
      { declarative: true, type: EXTERNREF, items: [[['ref.null', EXTERNREF]]] },
    ],
    data: [
      { offset: [['i32.const', 0]], bytes: [1, 2, 3] },
      { bytes: [] },
      { offset: [['global.get', 0]], bytes: [7] },
    ],
    custom: [{ name: 'note', bytes: [1, 2, 3] }],
    names: { 0: 'host', 1: 'first', 2: 'second' },
  };
}

const ROWS_PER_MODULE = 24;

/** The gallery: modules that are small, and valid. */
export const GALLERY: readonly Uint8Array[] = Array.from({ length: Math.ceil(CORE.length / ROWS_PER_MODULE) }, (_, i) =>
  encodeModule(everything(CORE.slice(i * ROWS_PER_MODULE, (i + 1) * ROWS_PER_MODULE))),
);
