/**
 * The suite's host module as a module of WebAssembly: its functions have the types that link errors are about, which
 * host functions of JavaScript have not. Nothing is printed.
 */

import { EXTERNAL, SECTION } from './byte-reader.ts';
import type { Bytes } from './byte-writer.ts';
import { ascii, funcType, list, module, section, sized, unsigned } from './byte-writer.ts';
import { floatBits } from './floats.ts';

const I32 = [0x7f];
const I64 = [0x7e];
const F32 = [0x7d];
const F64 = [0x7c];
const FUNCREF = [0x70];
const END = 0x0b;

const FUNCTIONS: Readonly<Record<string, readonly Bytes[]>> = {
  print: [],
  print_i32: [I32],
  print_i64: [I64],
  print_f32: [F32],
  print_f64: [F64],
  print_i32_f32: [I32, F32],
  print_f64_f64: [F64, F64],
};

function littleEndian(bits: bigint, length: number): Bytes {
  return Array.from({ length }, (_, i) => Number((bits >> BigInt(i * 8)) & 0xffn));
}

const GLOBALS: Readonly<Record<string, readonly [type: Bytes, value: Bytes]>> = {
  global_i32: [I32, [0x41, 0x9a, 0x05]],
  global_i64: [I64, [0x42, 0x9a, 0x05]],
  global_f32: [F32, [0x43, ...littleEndian(floatBits('666.6', 'f32'), 4)]],
  global_f64: [F64, [0x44, ...littleEndian(floatBits('666.6', 'f64'), 8)]],
};

const MIN_MAX = 1;
const MIN_MAX_64 = 5;
const MIN_MAX_SHARED = 3;

/** `table64` needs 64-bit tables, `shared_memory` shared memories and several of them, which an implementation may lack. */
export function spectestModule(options: { readonly table64: boolean; readonly sharedMemory?: boolean }): Uint8Array {
  const tables: Record<string, Bytes> = { table: [...FUNCREF, MIN_MAX, 10, 20] };
  if (options.table64) tables.table64 = [...FUNCREF, MIN_MAX_64, 10, 20];

  const memories: Record<string, Bytes> = { memory: [MIN_MAX, 1, 2] };
  if (options.sharedMemory) memories.shared_memory = [MIN_MAX_SHARED, 1, 2];

  const exported = (names: readonly string[], kind: number) =>
    names.map((field, index) => [...ascii(field), kind, ...unsigned(index)]);
  const functions = Object.keys(FUNCTIONS);
  return module(
    section(SECTION.type, list(Object.values(FUNCTIONS).map((params) => funcType(params, [])))),
    section(SECTION.function, list(functions.map((_, index) => unsigned(index)))),
    section(SECTION.table, list(Object.values(tables))),
    section(SECTION.memory, list(Object.values(memories))),
    section(SECTION.global, list(Object.values(GLOBALS).map(([type, value]) => [...type, 0, ...value, END]))),
    section(
      SECTION.export,
      list([
        ...exported(functions, EXTERNAL.function),
        ...exported(Object.keys(tables), EXTERNAL.table),
        ...exported(Object.keys(memories), EXTERNAL.memory),
        ...exported(Object.keys(GLOBALS), EXTERNAL.global),
      ]),
    ),
    section(SECTION.code, list(functions.map(() => sized([0, END])))),
  );
}
