/**
 * How many operands an instruction takes, and how many values it leaves: for folding alone, which means the same whatever
 * is folded into what.
 */

import type { InstructionReader } from '../../instructions.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../../module.ts';
import { type Mnemonic, OPCODES } from '../../opcodes.ts';
import type { FuncType } from '../../types.ts';

type Arity = readonly [operands: number, values: number];

/** Of rows that have no signature. What is not here is not folded. */
const SPECIAL: Partial<Record<Mnemonic, Arity>> = {
  drop: [1, 0],
  select: [3, 1],
  select_t: [3, 1],
  if: [1, 0],
  br_if: [1, 0],
  br_table: [1, 0],
  throw_ref: [1, 0],
  'local.get': [0, 1],
  'local.set': [1, 0],
  'local.tee': [1, 1],
  'global.get': [0, 1],
  'global.set': [1, 0],
  'table.get': [1, 1],
  'table.set': [2, 0],
  'table.copy': [3, 0],
  'table.grow': [2, 1],
  'table.fill': [3, 0],
  'ref.null': [0, 1],
  'ref.is_null': [1, 1],
  'ref.func': [0, 1],
  'ref.eq': [2, 1],
  'ref.as_non_null': [1, 1],
  br_on_null: [1, 1],
  br_on_non_null: [1, 0],
  br_on_cast: [1, 1],
  br_on_cast_fail: [1, 1],
  'struct.new_default': [0, 1],
  'struct.get': [1, 1],
  'struct.get_s': [1, 1],
  'struct.get_u': [1, 1],
  'struct.set': [2, 0],
  'array.new': [2, 1],
  'array.new_default': [1, 1],
  'array.new_data': [2, 1],
  'array.new_elem': [2, 1],
  'array.get': [2, 1],
  'array.get_s': [2, 1],
  'array.get_u': [2, 1],
  'array.set': [3, 0],
  'array.len': [1, 1],
  'array.fill': [4, 0],
  'array.copy': [5, 0],
  'array.init_data': [4, 0],
  'array.init_elem': [4, 0],
  'ref.test': [1, 1],
  'ref.test null': [1, 1],
  'ref.cast': [1, 1],
  'ref.cast null': [1, 1],
  'any.convert_extern': [1, 1],
  'extern.convert_any': [1, 1],
  'ref.i31': [1, 1],
  'i31.get_s': [1, 1],
  'i31.get_u': [1, 1],
};

const FIXED: readonly (Arity | undefined)[] = OPCODES.map((row) =>
  row.special ? SPECIAL[row.mnemonic] : [row.params.length, row.results.length],
);

/** What calls and constructs of objects take and leave, by what they name. */
const BY_TYPE: Partial<Record<Mnemonic, (module: WasmModule, reader: InstructionReader) => Arity>> = {
  call: (module, { a }) => ofFunction(typeOfFunction(module, a)),
  call_indirect: (module, { a }) => ofFunction(functionTypeAt(module, a), 1),
  call_ref: (module, { a }) => ofFunction(functionTypeAt(module, a), 1),
  return_call: (module, { a }) => [typeOfFunction(module, a).params.length, 0],
  return_call_indirect: (module, { a }) => [functionTypeAt(module, a).params.length + 1, 0],
  return_call_ref: (module, { a }) => [functionTypeAt(module, a).params.length + 1, 0],
  throw: (module, { a }) => [functionTypeAt(module, module.tags[a] as number).params.length, 0],
  'struct.new': (module, { a }) => {
    const type = module.types[a];
    return [type?.kind === 'struct' ? type.fields.length : 0, 1];
  },
  'array.new_fixed': (_, { b }) => [b, 1],
};

const BY_NAMED = OPCODES.map(({ mnemonic }) => BY_TYPE[mnemonic]);

function ofFunction({ params, results }: FuncType, more = 0): Arity {
  return [params.length + more, results.length];
}

const NONE: Arity = [0, 0];

/** Of the instruction that was read last. */
export function arity(row: number, module: WasmModule, reader: InstructionReader): Arity {
  return FIXED[row] ?? BY_NAMED[row]?.(module, reader) ?? NONE;
}
