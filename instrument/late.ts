/**
 * Functions that instances import before those exist that define them: a module of functions, each of which calls what
 * stands at its place in a table. They are not metered; what they call is.
 */

import { PREAMBLE, SECTION_IDS } from '../wasm/encoding.ts';
import { FUNCREF, type FuncType } from '../wasm/types.ts';
import { Writer } from '../wasm/writer.ts';
import { CodeWriter } from './code.ts';
import type { RawFunction, WasmHost } from './host.ts';
import { writeFuncType } from './sections.ts';

const KIND = { function: 0, table: 1 } as const;
const TABLE = 'table';

export class LateFunctions {
  private readonly table: WebAssembly.Table;
  private readonly exports: WebAssembly.Exports;

  constructor(host: WasmHost, types: readonly FuncType[]) {
    const { exports } = new host.Instance(new host.Module(moduleOf(types)), {});
    this.exports = exports;
    this.table = exports[TABLE] as WebAssembly.Table;
  }

  /** What is imported. */
  at(place: number): RawFunction {
    return this.exports[`${place}`] as RawFunction;
  }

  /** Says what it is. To be done before anybody calls it. */
  define(place: number, raw: RawFunction): void {
    this.table.set(place, raw);
  }
}

function moduleOf(types: readonly FuncType[]): Uint8Array<ArrayBuffer> {
  const count = types.length;
  const type = new Writer();
  const functions = new Writer();
  const table = new Writer();
  const exports = new Writer();
  const bodies = new Writer();
  for (const list of [type, functions, bodies]) list.u32(count);
  table.raw(1, FUNCREF, 0);
  table.u32(count);
  exports.u32(count + 1);
  exports.name(TABLE);
  exports.raw(KIND.table, 0);
  types.forEach((declared, i) => {
    writeFuncType(type, declared);
    functions.u32(i);
    exports.name(`${i}`);
    exports.u8(KIND.function);
    exports.u32(i);
    const code = new CodeWriter();
    code.raw(0);
    for (let param = 0; param < declared.params.length; param++) code.at('local.get', param);
    code.i32(i);
    code.at('call_indirect', i, 0);
    code.op('end');
    bodies.u32(code.length);
    bodies.append(code);
  });
  const out = new Writer();
  out.raw(...PREAMBLE);
  out.section(SECTION_IDS.type, type);
  out.section(SECTION_IDS.function, functions);
  out.section(SECTION_IDS.table, table);
  out.section(SECTION_IDS.export, exports);
  out.section(SECTION_IDS.code, bodies);
  return out.take();
}
