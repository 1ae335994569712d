/** How the instructions that are neither computations nor accesses are lowered: a handler for each mnemonic. */

import { functionTypeAt, typeOfFunction } from '../../wasm/module.ts';
import { type Handled, type Mnemonic, OPCODES, type Opcode } from '../../wasm/opcodes.ts';
import { definedRef, F32, F64, I32, I64 } from '../../wasm/types.ts';
import { op } from './isa.ts';
import type { Handler } from './lowering.ts';
import { laterLowering } from './parts.ts';

/** The mnemonics of what is loaded later. */
type Later = keyof typeof import('./lower-later.ts')['LATER'];

/** `i32.eqz` is a comparison with zero, for which there are instructions. A missing one is a type error. */
const SPECIAL: Readonly<Record<Exclude<Handled, Later> | 'i32.eqz', Handler>> = {
  unreachable: (l) => {
    l.trap('unreachable');
    l.die();
  },
  nop: () => undefined,
  block: (l) => l.enterBlock(),
  loop: (l) => l.enterLoop(),
  if: (l) => l.enterIf(),
  else: (l) => l.otherwise(),
  end: (l) => l.end(),
  br: (l) => {
    l.branch(l.reader.a);
    l.die();
  },
  br_if: (l) => l.branchIf(l.reader.a),
  br_table: (l) => {
    l.branchTable();
    l.die();
  },
  return: (l) => {
    l.leave();
    l.die();
  },
  call: (l) => l.call(),
  call_indirect: (l) => l.callIndirect(),
  drop: (l) => {
    l.operands.pop();
    l.operands.open = -1;
  },
  select: (l) => l.select(),
  select_t: (l) => l.select(l.reader.a),
  'local.get': (l) => l.operands.pushLocal(l.locals.type(l.reader.a), l.reader.a),
  'local.set': (l) => l.setLocal(l.reader.a, false),
  'local.tee': (l) => l.setLocal(l.reader.a, true),
  'global.get': (l) => {
    const { index, type, suffix } = l.global();
    l.produce(op(`global.get${suffix}`), type, index);
  },
  'global.set': (l) => {
    const { index, suffix } = l.global();
    l.emit(op(`global.set${suffix}`), index, l.operands.register(l.operands.pop()));
  },
  'i32.const': (l) => l.operands.pushConstant(I32, l.reader.low, 0),
  'i64.const': (l) => l.operands.pushConstant(I64, l.reader.low, l.reader.high),
  'f32.const': (l) => l.operands.pushConstant(F32, l.reader.low, 0),
  'f64.const': (l) => l.operands.pushConstant(F64, l.reader.low, l.reader.high),
  'i32.eqz': (l) => l.eqz(),
  'ref.null': (l) => l.produce(op('null.ref'), l.reader.a),
  'ref.is_null': (l) => l.produce(op('ref.is_null'), I32, l.operands.register(l.operands.pop())),
  'ref.func': (l) => l.produce(op('ref.func'), definedRef(l.module.functions[l.reader.a] as number, false), l.reader.a),
  'table.get': (l) => {
    l.narrow(0, l.tableIs64(l.reader.a));
    l.system('table.get', [l.reader.a], 1, l.tableType(l.reader.a));
  },
  'table.set': (l) => {
    l.narrow(1, l.tableIs64(l.reader.a));
    l.system('table.set', [l.reader.a], 2);
  },
  'table.size': (l) => {
    l.system('table.size', [l.reader.a], 0, I32);
    l.widen(l.tableIs64(l.reader.a));
  },
  'table.grow': (l) => {
    const is64 = l.tableIs64(l.reader.a);
    l.narrow(0, is64);
    l.system('table.grow', [l.reader.a], 2, I32);
    l.widen(is64);
  },
  'table.fill': (l) => {
    const is64 = l.tableIs64(l.reader.a);
    l.narrow(0, is64);
    l.narrow(2, is64);
    l.system('table.fill', [l.reader.a], 3);
  },
  'table.copy': (l) => {
    l.narrowCopy(l.tableIs64(l.reader.a), l.tableIs64(l.reader.b));
    l.system('table.copy', [l.reader.a, l.reader.b], 3);
  },
  'table.init': (l) => {
    l.narrow(2, l.tableIs64(l.reader.b));
    l.system('table.init', [l.reader.a, l.reader.b], 3);
  },
  'elem.drop': (l) => l.system('elem.drop', [l.reader.a], 0),
  'memory.size': (l) => {
    l.system('memory.size', [l.reader.a], 0, I32);
    l.widen(l.memoryIs64(l.reader.a));
  },
  'memory.grow': (l) => {
    const is64 = l.memoryIs64(l.reader.a);
    l.narrow(0, is64);
    l.system('memory.grow', [l.reader.a], 1, I32);
    l.widen(is64);
  },
  'memory.fill': (l) => {
    const is64 = l.memoryIs64(l.reader.a);
    l.narrow(0, is64);
    l.narrow(2, is64);
    l.system('memory.fill', [l.reader.a], 3);
  },
  'memory.copy': (l) => {
    l.narrowCopy(l.memoryIs64(l.reader.a), l.memoryIs64(l.reader.b));
    l.system('memory.copy', [l.reader.a, l.reader.b], 3);
  },
  'memory.init': (l) => {
    l.narrow(2, l.memoryIs64(l.reader.b));
    l.system('memory.init', [l.reader.a, l.reader.b], 3);
  },
  'data.drop': (l) => l.system('data.drop', [l.reader.a], 0),
  return_call: (l) => {
    const index = l.reader.a;
    l.tailCall(typeOfFunction(l.module, index), op('return_call'), index);
  },
  return_call_indirect: (l) => {
    const { a: typeIndex, b: table } = l.reader;
    l.narrow(0, l.tableIs64(table));
    const element = l.operands.register(l.operands.pop());
    l.tailCall(functionTypeAt(l.module, typeIndex), op('return_call_indirect'), table, typeIndex, element);
  },
};

/** Those that lower-later.ts has. */
function later({ mnemonic, gas, feature }: Opcode): Handler | undefined {
  if (feature === undefined || gas === 'vector' || gas === 'atomic') return undefined;
  return (l) => (laterLowering.now.LATER[mnemonic] as Handler)(l);
}

/** By place in the opcode table. */
export const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map(
  (row) => (SPECIAL as Partial<Record<Mnemonic, Handler>>)[row.mnemonic] ?? later(row),
);
