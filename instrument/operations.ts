/**
 * What the rewritten module has functions of its own for. Instructions whose cost depends on their operands, each of
 * which would take many times the instruction's bytes: they take the gas at hand behind the operands, and return it
 * behind the results. And what stands inline otherwise, for functions that have a lot of it.
 */

import { PER_UNIT } from '../wasm/gas.ts';
import type { WasmModule } from '../wasm/module.ts';
import { accessBytes, type Mnemonic, OPCODES, type Opcode } from '../wasm/opcodes.ts';
import { F32, F64, I32, I64, type ValType } from '../wasm/types.ts';
import { blank, type CodeWriter } from './code.ts';
import { BARRED, type InlineName, type Layout, type Operation, type OperationName, TRAP_CODES } from './layout.ts';

/** What can stand inline. */
interface Inline {
  readonly type: readonly [params: readonly ValType[], results: readonly ValType[]];
  /** Whether it finds its operand on the stack, and not in the local. */
  readonly isPassed?: true;
  write(code: CodeWriter, layout: Layout, local: number): void;
}

export const INLINE: Readonly<Record<InlineName, Inline>> = {
  /** With the gas at hand in the local: looks whether it is used up, and leaves what is at hand then there. */
  check: {
    type: [[I64], [I64]],
    write(code, layout, gas) {
      code.at('local.get', gas);
      code.i64(0);
      code.op('i64.lt_s');
      code.if();
      code.at('local.get', gas);
      code.at('call', layout.helper('check'));
      code.at('local.set', gas);
      code.op('end');
    },
  },
  /** After the host has run: takes up the gas that is there now, and ends the guest if the host wants that. */
  resume: {
    type: [[I64], [I64]],
    write(code, layout, gas) {
      code.at('global.get', layout.gas);
      code.at('local.tee', gas);
      code.i64(layout.endedByCall);
      code.op('i64.lt_s');
      code.if();
      code.op('unreachable');
      code.op('end');
    },
  },
  /** Where an exception was caught: makes sure that it was one, and takes up the gas that was at hand when it was thrown. */
  caught: {
    type: [[I64], [I64]],
    write(code, layout, gas) {
      code.at('global.get', layout.meterGlobal('raised'));
      code.op('i32.eqz');
      code.if();
      code.at('call', layout.meter('overflow'));
      code.op('unreachable');
      code.op('end');
      code.i32(0);
      code.at('global.set', layout.meterGlobal('raised'));
      INLINE.resume.write(code, layout, gas);
    },
  },
  /** Puts a value into the local that is converted next: engines report a NaN and a number out of range as the same trap. */
  f32: {
    type: [[F32], [F32]],
    isPassed: true,
    write: (code, layout, value) => refuseNaN(code, layout, value, 'f32.ne'),
  },
  f64: {
    type: [[F64], [F64]],
    isPassed: true,
    write: (code, layout, value) => refuseNaN(code, layout, value, 'f64.ne'),
  },
};

function refuseNaN(code: CodeWriter, layout: Layout, value: number, differs: 'f32.ne' | 'f64.ne'): void {
  code.at('local.tee', value);
  code.at('local.get', value);
  code.op(differs);
  code.if();
  code.i32(TRAP_CODES.indexOf('invalid-conversion'));
  code.at('call', layout.meter('trap'));
  code.op('unreachable');
  code.op('end');
}

function isInline(name: Operation['name']): name is InlineName {
  return Object.hasOwn(INLINE, name);
}

type Space = 'memory' | 'table' | 'data' | 'elements';
type Waiting = 'memory.atomic.wait32' | 'memory.atomic.wait64';
export type Drop = 'data.drop' | 'elem.drop';
type Bulk = Exclude<OperationName, 'memory.grow' | 'table.grow' | 'atomic' | Waiting | Drop>;

/** What the work of an instruction is counted in, where it writes, and where it reads. */
const BULK: Readonly<Record<Bulk, { unit: number; target: Space; source?: Space }>> = {
  'memory.fill': { unit: PER_UNIT.bytes, target: 'memory' },
  'memory.copy': { unit: PER_UNIT.bytes, target: 'memory', source: 'memory' },
  'memory.init': { unit: PER_UNIT.bytes, target: 'memory', source: 'data' },
  'table.fill': { unit: PER_UNIT.tableElements, target: 'table' },
  'table.copy': { unit: PER_UNIT.tableElements, target: 'table', source: 'table' },
  'table.init': { unit: PER_UNIT.tableElements, target: 'table', source: 'elements' },
};

for (const { unit } of Object.values(BULK)) {
  if (!Number.isInteger(Math.log2(unit))) throw new TypeError('the meter divides by shifting');
}

function isBulk(name: OperationName): name is Bulk {
  return Object.hasOwn(BULK, name);
}

/** The type of what is waited for, and how it is loaded and compared. */
const WAITED = {
  'memory.atomic.wait32': { type: I32, bytes: 4, load: 'i32.atomic.load', differs: 'i32.ne' },
  'memory.atomic.wait64': { type: I64, bytes: 8, load: 'i64.atomic.load', differs: 'i64.ne' },
} as const;
/** What the guest gets where another value is there than it expected. */
const DIFFERS = 1;

function isDrop(name: OperationName): name is Drop {
  return name === 'data.drop' || name === 'elem.drop';
}

function isWaiting(name: OperationName): name is Waiting {
  return Object.hasOwn(WAITED, name);
}

function elementType(module: WasmModule, table: number): ValType {
  return module.tables[table]?.element as ValType;
}

const VALUE_TYPES: Readonly<Record<string, ValType>> = { i: I32, l: I64 };

/** How what is not aligned is looked at, to find out whether it is out of bounds: by its bytes. */
const PLAIN_LOADS: Readonly<Record<number, 'i32.load16_u' | 'i32.load' | 'i64.load'>> = {
  2: 'i32.load16_u',
  4: 'i32.load',
  8: 'i64.load',
};

/** Parameters and results of the function, with the gas. */
export function operationType(
  module: WasmModule,
  { name, a, row }: Operation,
): readonly [params: readonly ValType[], results: readonly ValType[]] {
  if (isInline(name)) return INLINE[name].type;
  if (isDrop(name)) return [[I64], [I64]];
  if (name === 'atomic') {
    const { params, results } = OPCODES[row as number] as Opcode;
    const types = (letters: string) => [...letters].map((letter) => VALUE_TYPES[letter] as ValType);
    return [types(params), types(results)];
  }
  const growth = [I32, I64];
  if (name === 'memory.grow') return [growth, growth];
  if (name === 'table.grow') return [[elementType(module, a), ...growth], growth];
  if (isWaiting(name)) return [[I32, WAITED[name].type, I64, I64], growth];
  const middle = name === 'table.fill' ? elementType(module, a) : I32;
  return [[I32, middle, I32, I64], [I64]];
}

/** Says whose code makes the call that follows and may reach the host, where that is not plain. */
export function sayCaller(code: CodeWriter, layout: Layout): void {
  if (!layout.meterGlobals.includes('caller')) return;
  code.at('global.get', layout.meterGlobal('self'));
  code.at('global.set', layout.meterGlobal('caller'));
}

/** Writes the function's locals and code, without its end. */
export function writeOperation(code: CodeWriter, layout: Layout, operation: Operation): void {
  const { name, a, b, row } = operation;
  if (name === 'atomic') {
    code.raw(0);
    writeAtomic(code, layout, OPCODES[row as number] as Opcode, a >>> 0, b);
    return;
  }
  const last = operationType(layout.module, operation)[0].length - 1;
  if (isInline(name)) {
    code.raw(0);
    const inline: Inline = INLINE[name];
    if (inline.isPassed) code.at('local.get', last);
    inline.write(code, layout, last);
  } else if (isDrop(name)) {
    code.raw(0);
    writeDrop(code, layout, name, a);
  } else {
    const writer = new OperationWriter(code, layout, last);
    if (isBulk(name)) writer.bulk(name, a, b);
    else if (isWaiting(name)) writer.wait(name, a >>> 0, b);
    else if (name === 'memory.grow') writer.growMemory(a);
    else writer.growTable(a);
  }
  code.at('local.get', last);
}

/** With the address in the first local: traps where it is not aligned, unless it is out of bounds as well. */
function checkAligned(code: CodeWriter, layout: Layout, bytes: number, offset: number, memory: number): void {
  code.at('local.get', 0);
  code.i32(offset | 0);
  code.op('i32.add');
  code.i32(bytes - 1);
  code.op('i32.and');
  code.if();
  code.at('local.get', 0);
  code.access(PLAIN_LOADS[bytes] as Mnemonic, 0, offset, memory);
  code.op('drop');
  code.i32(TRAP_CODES.indexOf('unaligned-atomic'));
  code.at('call', layout.meter('trap'));
  code.op('unreachable');
  code.op('end');
}

/** Engines do not agree on what an access is that is neither aligned nor within bounds. */
function writeAtomic(code: CodeWriter, layout: Layout, row: Opcode, offset: number, memory: number): void {
  const bytes = accessBytes(row);
  checkAligned(code, layout, bytes, offset, memory);
  for (let i = 0; i < row.params.length; i++) code.at('local.get', i);
  code.access(row.mnemonic, Math.log2(bytes), offset, memory);
}

class OperationWriter {
  private readonly code: CodeWriter;
  private readonly layout: Layout;
  private readonly gas: number;

  constructor(code: CodeWriter, layout: Layout, gas: number) {
    this.code = code;
    this.layout = layout;
    this.gas = gas;
  }

  /** A checkpoint at which the count is written out. Where the guest is left there, `result` is what comes back. */
  private checkpoint(result?: ValType): void {
    const { code, gas, layout } = this;
    code.at('local.get', gas);
    code.at('global.set', layout.gas);
    INLINE.check.write(code, layout, gas);
    if (!layout.isLeavable) return;
    code.at('local.get', gas);
    code.i64(BARRED);
    code.op('i64.lt_s');
    code.if();
    if (result !== undefined) blank(code, result);
    code.at('local.get', gas);
    code.op('return');
    code.op('end');
  }

  private resume(): void {
    INLINE.resume.write(this.code, this.layout, this.gas);
  }

  growMemory(memory: number): void {
    const { code, layout } = this;
    code.raw(0);
    this.checkpoint(I32);
    if (memory !== 0) code.i32(memory);
    code.at('local.get', 0);
    code.at('call', layout.meter(memory === 0 ? 'growMemory' : 'growOther'));
    this.resume();
  }

  growTable(table: number): void {
    const { code, layout } = this;
    code.raw(0);
    this.checkpoint(I32);
    code.i32(table);
    code.at('local.get', 1);
    code.at('table.size', table);
    code.at('call', layout.meter('growTable'));
    this.resume();
    code.op('if');
    code.u8(I32);
    code.at('local.get', 0);
    code.at('local.get', 1);
    code.at('table.grow', table);
    code.op('else');
    code.i32(-1);
    code.op('end');
  }

  /** The access traps where waiting would; what is there is what the host is asked to wait for. */
  wait(mnemonic: Waiting, offset: number, memory: number): void {
    const { code, layout } = this;
    const { bytes, load, differs, type } = WAITED[mnemonic];
    code.raw(0);
    this.checkpoint();
    checkAligned(code, layout, bytes, offset, memory);
    code.at('local.get', 0);
    code.access(load, Math.log2(bytes), offset, memory);
    if (layout.module.memories[memory]?.isShared !== true) {
      code.op('drop');
      code.i32(TRAP_CODES.indexOf('expected-shared-memory'));
      code.at('call', layout.meter('trap'));
      code.op('unreachable');
      return;
    }
    code.at('local.get', 1);
    code.op(differs);
    code.op('if');
    code.u8(I32);
    code.i32(DIFFERS);
    code.op('else');
    code.i32(memory);
    // In bounds, and so without a carry.
    code.at('local.get', 0);
    code.i32(offset | 0);
    code.op('i32.add');
    code.at('local.get', 1);
    if (type === I32) code.op('i64.extend_i32_s');
    code.at('local.get', 2);
    code.i32(bytes);
    code.at('call', layout.meter('wait'));
    this.resume();
    code.op('end');
  }

  /** A checkpoint; the gas the work costs, if that much is left and it is within bounds; the work. */
  bulk(mnemonic: Bulk, a: number, b: number): void {
    const { code, layout, gas } = this;
    const { unit, target, source } = BULK[mnemonic];
    const [first, middle, length, cost] = [0, 1, 2, gas + 1];
    code.raw(1, 1, I64);
    this.checkpoint();
    code.at('local.get', length);
    code.op('i64.extend_i32_u');
    if (unit >= 1) {
      code.i64(unit - 1);
      code.op('i64.add');
      code.i64(Math.log2(unit));
      code.op('i64.shr_u');
    } else {
      code.i64(-Math.log2(unit));
      code.op('i64.shl');
    }
    code.at('local.tee', cost);
    code.at('local.get', gas);
    code.op('i64.gt_s');
    code.if();
    // Out of bounds it traps, and costs nothing.
    this.within(first, length, target, mnemonic.endsWith('.init') ? b : a);
    if (source !== undefined) {
      this.within(middle, length, source, mnemonic.endsWith('.copy') ? b : a);
      code.op('i32.and');
    }
    code.if();
    code.at('local.get', cost);
    code.at('call', layout.meter('need'));
    this.resume();
    code.op('end');
    code.op('end');

    // Hosts fill with the C library's `memset`, which on some processors takes 25 times as long for nothing as for a little.
    const isSlowWhenEmpty = mnemonic === 'memory.fill';
    if (isSlowWhenEmpty) {
      code.at('local.get', length);
      code.op('i32.eqz');
      this.within(first, length, target, a);
      code.op('i32.and');
      code.op('i32.eqz');
      code.if();
    }
    for (const operand of [first, middle, length]) code.at('local.get', operand);
    code.at(mnemonic, a, mnemonic === 'memory.fill' || mnemonic === 'table.fill' ? undefined : b);
    if (isSlowWhenEmpty) code.op('end');
    code.at('local.get', gas);
    code.at('local.get', cost);
    code.op('i64.sub');
    code.at('local.tee', gas);
    code.at('global.set', layout.gas);
  }

  /** Leaves whether `length` things from `start` on are there. */
  private within(start: number, length: number, space: Space, index: number): void {
    const { code, layout } = this;
    code.at('local.get', start);
    code.op('i64.extend_i32_u');
    code.at('local.get', length);
    code.op('i64.extend_i32_u');
    code.op('i64.add');
    if (space === 'memory') code.at('memory.size', index);
    else if (space === 'table') code.at('table.size', index);
    else {
      const global = layout.lengthGlobal(space, index);
      // Active and declarative segments have been dropped before any code runs.
      if (global === undefined || (layout.isLeavable && layout.isEmpty(space, index))) code.i32(0);
      else code.at('global.get', global);
    }
    code.op('i64.extend_i32_u');
    if (space === 'memory') {
      code.i64(16);
      code.op('i64.shl');
    }
    code.op('i64.le_u');
  }
}

/** A segment is dropped, and its length is known to be. */
export function writeDrop(code: CodeWriter, layout: Layout, mnemonic: Drop, segment: number): void {
  code.at(mnemonic, segment);
  const kind = mnemonic === 'data.drop' ? 'data' : 'elements';
  const length = layout.lengthGlobal(kind, segment);
  if (length === undefined) return;
  code.i32(layout.droppedLength(kind, segment));
  code.at('global.set', length);
}
