/** How the instructions that are neither computations nor accesses are lowered: a handler for each mnemonic. */

import { functionTypeAt, typeOfFunction } from '../../wasm/module.ts';
import { type Handled, type Mnemonic, OPCODES } from '../../wasm/opcodes.ts';
import {
  ANYREF,
  definedRef,
  EXTERNREF,
  F32,
  F64,
  I31REF,
  I32,
  I64,
  nonNull,
  nullable,
  type StructType,
} from '../../wasm/types.ts';
import { op } from './isa.ts';
import type { Lowering } from './lowering.ts';

export type Handler = (l: Lowering) => void;

/** `i32.eqz` is a comparison with zero, for which there are instructions. A missing one is a type error. */
const SPECIAL: Readonly<Record<Handled | 'i32.eqz', Handler>> = {
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
  call_ref: (l) => l.callReference(),
  return_call_ref: (l) => {
    const target = l.operands.register(l.operands.pop());
    l.tailCall(functionTypeAt(l.module, l.reader.a), op('return_call_ref'), target);
  },
  try_table: (l) => l.enterTry(),
  try: (l) => l.enterLegacyTry(),
  catch: (l) => {
    const { a: tag } = l.reader;
    l.catch(tag, functionTypeAt(l.module, l.module.tags[tag] as number).params);
  },
  catch_all: (l) => l.catch(-1, []),
  rethrow: (l) => l.rethrow(),
  delegate: (l) => l.delegate(),
  throw: (l) => {
    const { params } = functionTypeAt(l.module, l.module.tags[l.reader.a] as number);
    const base = l.gather(params.length);
    l.emit(op('throw'), l.reader.a, base);
    l.die();
  },
  throw_ref: (l) => {
    l.emit(op('throw_ref'), l.operands.register(l.operands.pop()));
    l.die();
  },
  'ref.eq': (l) => l.system('ref.eq', [], 2, I32),
  'ref.as_non_null': (l) => l.system('ref.as_non_null', [], 1, nonNull(l.operands.type(l.operands.height - 1))),
  br_on_null: (l) => {
    const label = l.reader.a;
    l.branchOn(label, [op('ref.is_null'), l.operands.register(l.operands.height - 1)], true, true, nonNull);
  },
  br_on_non_null: (l) => {
    const label = l.reader.a;
    l.branchOn(label, [op('ref.is_null'), l.operands.register(l.operands.height - 1)], false, false, nullable);
    l.operands.pop();
  },
  br_on_cast: (l) => l.branchOnCast(true),
  br_on_cast_fail: (l) => l.branchOnCast(false),
  'struct.new': (l) => {
    const index = l.reader.a;
    const base = l.gather((l.module.types[index] as StructType).fields.length);
    l.object('struct.new', index, [index, base]);
  },
  'struct.new_default': (l) => l.object('struct.new_default', l.reader.a, [l.reader.a]),
  'struct.get': (l) => l.getField(0),
  'struct.get_s': (l) => l.getField(1),
  'struct.get_u': (l) => l.getField(0),
  'struct.set': (l) => l.system('struct.set', [l.reader.a, l.reader.b], 2),
  'array.new': (l) => {
    const [value, length] = l.registers(2) as [number, number];
    l.object('array.new', l.reader.a, [l.reader.a, value, length]);
  },
  'array.new_default': (l) => l.object('array.new_default', l.reader.a, [l.reader.a, ...l.registers(1)]),
  'array.new_fixed': (l) => {
    const { a: index, b: count } = l.reader;
    const base = l.gather(count);
    l.object('array.new_fixed', index, [index, count, base]);
  },
  'array.new_data': (l) => l.object('array.new_data', l.reader.a, [l.reader.a, l.reader.b, ...l.registers(2)]),
  'array.new_elem': (l) => l.object('array.new_elem', l.reader.a, [l.reader.a, l.reader.b, ...l.registers(2)]),
  'array.get': (l) => l.getElement(0),
  'array.get_s': (l) => l.getElement(1),
  'array.get_u': (l) => l.getElement(0),
  'array.set': (l) => l.system('array.set', [], 3),
  'array.len': (l) => l.system('array.len', [], 1, I32),
  'array.fill': (l) => l.system('array.fill', [], 4),
  'array.copy': (l) => l.system('array.copy', [], 5),
  'array.init_data': (l) => l.system('array.init_data', [l.reader.b], 4),
  'array.init_elem': (l) => l.system('array.init_elem', [l.reader.b], 4),
  'ref.test': (l) => l.produce(op('ref.test'), I32, ...l.registers(1), nonNull(l.reader.a)),
  'ref.test null': (l) => l.produce(op('ref.test'), I32, ...l.registers(1), l.reader.a),
  'ref.cast': (l) => l.produce(op('ref.cast'), nonNull(l.reader.a), ...l.registers(1), nonNull(l.reader.a)),
  'ref.cast null': (l) => l.produce(op('ref.cast'), l.reader.a, ...l.registers(1), l.reader.a),
  'any.convert_extern': (l) => l.convert(ANYREF),
  'extern.convert_any': (l) => l.convert(EXTERNREF),
  'ref.i31': (l) => l.system('ref.i31', [], 1, nonNull(I31REF)),
  'i31.get_s': (l) => l.system('i31.get_s', [], 1, I32),
  'i31.get_u': (l) => l.system('i31.get_u', [], 1, I32),
};

/** By place in the opcode table. */
export const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map(
  (row) => (SPECIAL as Partial<Record<Mnemonic, Handler>>)[row.mnemonic],
);
