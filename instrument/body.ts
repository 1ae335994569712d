/** Writes a function body anew, with its edits. */

import { PER_UNIT } from '../wasm/gas.ts';
import { InstructionReader } from '../wasm/instructions.ts';
import { MODULE_LIMITS } from '../wasm/limits.ts';
import { type Mnemonic, OPCODES } from '../wasm/opcodes.ts';
import { STEP_BYTES, type Steps } from '../wasm/steps.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FunctionBody,
  I32,
  I64,
  typeOfFunction,
  V128,
  type ValType,
} from '../wasm/types.ts';
import { Analyser, EDIT, type WeaveOptions } from './analyse.ts';
import { BARRED, type Layout, TRAP_CODES, tooLarge } from './layout.ts';
import { Writer } from './writer.ts';

const EMPTY_BLOCK = 0x40;
const CODES: ReadonlyMap<Mnemonic, number> = new Map(OPCODES.map(({ mnemonic, code }) => [mnemonic, code]));

/** Instructions, by name. */
export class CodeWriter extends Writer {
  op(mnemonic: Mnemonic): void {
    const code = CODES.get(mnemonic) as number;
    if (code > 0xff) {
      this.u8(code >> 16);
      this.u32(code & 0xffff);
    } else this.u8(code);
  }

  /** An instruction with indices. */
  at(mnemonic: Mnemonic, ...indices: readonly number[]): void {
    this.op(mnemonic);
    for (const index of indices) this.u32(index);
  }

  i32(value: number): void {
    this.op('i32.const');
    this.signed(value);
  }

  i64(value: number): void {
    this.op('i64.const');
    this.signed(value);
  }

  /** Opens an `if` without results. */
  if(): void {
    this.op('if');
    this.u8(EMPTY_BLOCK);
  }
}

/** What a scratch local is for: its type, and which of several. */
type Scratch = `${'i32' | 'i64'} ${'a' | 'b' | 'c'}` | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref';

const SCRATCH_TYPE: Readonly<Record<string, ValType>> = {
  i32: I32,
  i64: I64,
  f32: F32,
  f64: F64,
  v128: V128,
  funcref: FUNCREF,
  externref: EXTERNREF,
};

/** Infinity's bits without the sign, shifted to the left by one: signed integers. A NaN has larger ones. */
const TWICE_INFINITY_F32 = -(2 ** 24);
const TWICE_INFINITY_F64 = -(2 ** 53);

/** What a simple loop is put into: see `loopStart`. */
const LOOP_CONSTRUCTS = 3;

const CANONICAL_F32 = [0x00, 0x00, 0xc0, 0x7f];
const CANONICAL_F64 = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f];

/** Constructs that are put around the instructions of a function, and around one of them. */
const ADDED_NESTING = 8;

/** Writes one function body after another. */
export class BodyWeaver {
  private readonly layout: Layout;
  private readonly refills: boolean;
  private readonly analyser: Analyser;
  private readonly code = new CodeWriter();
  private readonly head = new Writer();
  private readonly scratch: Scratch[] = [];
  private body!: FunctionBody;
  private params = 0;
  private results: readonly ValType[] = [];
  private gas = 0;
  private depth = 0;
  /** Up to where the body has been written. */
  private at = 0;

  constructor(layout: Layout, options: WeaveOptions) {
    this.layout = layout;
    this.refills = options.refills;
    this.analyser = new Analyser(layout.module, options);
  }

  /**
   * Writes a body, its size first.
   * @returns what {@link Analyser.noted} says of it
   * @throws CompileError where there is no room for what has to be added
   */
  *weave(body: number, out: Writer): Steps<number> {
    const { code, analyser, layout } = this;
    const { module } = layout;
    const { params, results } = typeOfFunction(module, module.importedFunctions + body);
    this.body = module.bodies.at(body);
    this.params = params.length;
    this.results = results;
    this.gas = params.length;
    this.depth = params.length + 1;
    this.scratch.length = 0;
    this.at = this.body.codeStart;
    yield* analyser.begin(body);
    let isLast = yield* analyser.window();
    this.begin();
    for (;;) {
      yield* this.edits();
      if (code.length > MODULE_LIMITS.functionBytes)
        tooLarge(`function ${module.importedFunctions + body} would have too many bytes`);
      if (isLast) break;
      yield;
      isLast = yield* analyser.window();
    }
    this.end();
    this.declare();
    out.u32(this.head.length + code.length);
    out.append(this.head);
    out.append(code);
    return analyser.noted;
  }

  private begin(): void {
    const { code, analyser } = this;
    if (!this.refills) {
      // What ends the guest stands behind everything else, where it is in nobody's way.
      code.op('block');
      code.u8(EMPTY_BLOCK);
    }
    this.enter();
    if (analyser.branchesToEnd) {
      // Branches to the function's label end here, where the gas is put on top of the results.
      code.op('block');
      this.blockType();
    }
  }

  /** Writes what the edits of a window change, and what is before them. */
  private *edits(): Steps<void> {
    const { code, analyser, layout } = this;
    const { bytes } = layout.module;
    const { edits } = analyser;
    const { length } = edits;
    let pause = this.at + STEP_BYTES;
    for (let i = 0; i < length; i++) {
      const start = edits.start(i);
      if (start > pause) {
        yield;
        pause = start + STEP_BYTES;
      }
      code.copy(bytes, this.at, start);
      this.edit(i);
      this.at = edits.end(i);
    }
  }

  private end(): void {
    const { code, body, analyser, layout } = this;
    code.copy(layout.module.bytes, this.at, body.end - 1);
    if (analyser.branchesToEnd) code.op('end');
    code.at('local.get', this.gas);
    if (!this.refills) {
      code.op('return');
      code.op('end');
      this.callEnter();
      code.op('unreachable');
    }
    code.op('end');
  }

  private declare(): void {
    const { head, body, scratch, params, analyser } = this;
    if (params + 2 + body.localCount + scratch.length > MODULE_LIMITS.locals) tooLarge('too many locals of a function');
    if (analyser.depth + ADDED_NESTING > MODULE_LIMITS.nesting) tooLarge('constructs nested too deep');
    head.u32(body.locals.length + scratch.length);
    for (const { count, type } of body.locals) {
      head.u32(count);
      head.u8(type);
    }
    for (const name of scratch) {
      head.u8(1);
      head.u8(SCRATCH_TYPE[name.split(' ')[0] as string] as ValType);
    }
  }

  private blockType(): void {
    const { code, results } = this;
    const [only] = results;
    if (only === undefined) code.u8(EMPTY_BLOCK);
    else if (results.length === 1) code.u8(only);
    else code.signed(this.layout.type([], results));
  }

  /** A local of the meter's own, for values that have to be put aside. */
  private local(name: Scratch): number {
    let place = this.scratch.indexOf(name);
    if (place < 0) place = this.scratch.push(name) - 1;
    return this.params + 2 + this.body.localCount + place;
  }

  private enter(): void {
    const { code, gas, depth } = this;
    const { entryCost, weight } = this.analyser.plan;
    code.at('local.get', depth);
    code.i64(weight);
    code.op('i64.sub');
    code.at('local.tee', depth);
    code.at('local.get', gas);
    code.i64(entryCost);
    code.op('i64.sub');
    code.at('local.tee', gas);
    // Either being negative shows in the sign of both together.
    code.op('i64.or');
    code.i64(0);
    code.op('i64.lt_s');
    if (this.refills) {
      code.if();
      this.callEnter();
      code.at('local.set', gas);
      code.op('end');
    } else code.at('br_if', 0);
    if (this.analyser.publishesEntry) this.publish();
  }

  /** Where gas or depth are used up: leaves the gas at hand then, if the guest may go on. */
  private callEnter(): void {
    const { code, gas, depth, layout, analyser } = this;
    code.at('local.get', gas);
    code.i64(analyser.plan.entryCost);
    code.at('local.get', depth);
    code.at('call', layout.helper('enter'));
  }

  private publish(): void {
    this.code.at('local.get', this.gas);
    this.code.at('global.set', this.layout.gas);
  }

  /** Adds to what has been used: takes from the gas at hand. */
  private charge(amount: number): void {
    if (amount === 0) return;
    const { code, gas } = this;
    code.at('local.get', gas);
    code.i64(amount);
    code.op('i64.sub');
    code.at('local.set', gas);
  }

  /** Looks whether the gas at hand is used up. */
  private check(): void {
    const { code, gas } = this;
    code.at('local.get', gas);
    code.i64(0);
    code.op('i64.lt_s');
    code.if();
    code.at('local.get', gas);
    code.at('call', this.layout.helper('check'));
    code.at('local.set', gas);
    code.op('end');
  }

  /**
   * The same at a loop header, so many constructs deep. A call in a loop, though it is hardly ever made, keeps V8 from
   * holding the loop's values in registers: it stands outside.
   */
  private checkLoop(isSimple: boolean, constructs: number): void {
    if (this.refills && !isSimple) {
      this.check();
      return;
    }
    const { code, gas, analyser } = this;
    code.at('local.get', gas);
    code.i64(0);
    code.op('i64.lt_s');
    code.at('br_if', this.refills ? 1 : constructs + (analyser.branchesToEnd ? 1 : 0));
  }

  /**
   * A simple loop stands in two blocks and another loop, with which it begins anew when it has got more gas:
   *
   *     block, result of the loop
   *       loop, result of the loop
   *         block
   *           the loop, which leaves the block when its gas is used up
   *           br 2
   *         end
   *         get gas, take back what the header will take again
   *         br 0
   *       end
   *     end
   */
  private loopStart(offset: number): void {
    const { code, layout } = this;
    const reader = new InstructionReader(layout.module.bytes, offset, this.body.end);
    reader.next();
    for (const mnemonic of ['block', 'loop'] as const) {
      code.op(mnemonic);
      code.copy(layout.module.bytes, offset + 1, reader.pos);
    }
    code.op('block');
    code.u8(EMPTY_BLOCK);
  }

  private loopEnd(amount: number): void {
    const { code, gas, layout } = this;
    code.at('br', 2);
    code.op('end');
    code.at('local.get', gas);
    code.at('call', layout.helper('check'));
    code.at('local.set', gas);
    this.charge(-amount);
    code.at('br', 0);
    code.op('end');
    code.op('end');
  }

  /** A branch out of a simple loop. */
  private branch(start: number, end: number, outside: number): void {
    const { code, layout } = this;
    const { bytes } = layout.module;
    const reader = new InstructionReader(bytes, start, end);
    const mnemonic = OPCODES[reader.next()]?.mnemonic as Mnemonic;
    const shifted = (label: number) => (label < outside ? label : label + LOOP_CONSTRUCTS);
    if (mnemonic === 'br_table') {
      code.at(mnemonic, reader.a);
      for (let i = 0; i <= reader.a; i++) code.u32(shifted(reader.labels[i] as number));
    } else code.at(mnemonic, shifted(reader.a));
  }

  /** After the host has run: takes up the gas that is there now, and ends the guest if the host wants that. */
  private resume(): void {
    const { code, gas } = this;
    code.at('global.get', this.layout.gas);
    code.at('local.tee', gas);
    code.i64(BARRED);
    code.op('i64.lt_s');
    code.if();
    code.op('unreachable');
    code.op('end');
  }

  private edit(i: number): void {
    const { code, layout, analyser } = this;
    const { edits, amounts } = analyser;
    const a = edits.a(i);
    const b = edits.b(i);
    const mnemonic = OPCODES[edits.row(i)]?.mnemonic as Mnemonic;
    const publishes = edits.publishes(i);
    switch (edits.kind(i)) {
      case EDIT.slot:
        this.charge(amounts[a] as number);
        return;
      case EDIT.loop:
        this.charge(amounts[a] as number);
        if (publishes) this.publish();
        this.checkLoop(edits.isSimple(i), b);
        return;
      case EDIT.loopStart:
        if (edits.isSimple(a)) this.loopStart(edits.start(i));
        return;
      case EDIT.loopEnd:
        if (edits.isSimple(a)) this.loopEnd(amounts[edits.a(a)] as number);
        return;
      case EDIT.branch:
        if (edits.isSimple(a)) this.branch(edits.start(i), edits.end(i), b);
        else code.copy(layout.module.bytes, edits.start(i), edits.end(i));
        return;
      case EDIT.local:
        code.at(mnemonic, a + 2);
        return;
      case EDIT.global:
        code.at(mnemonic, layout.global(a));
        return;
      case EDIT.call:
        code.at('local.get', this.gas);
        code.at('local.get', this.depth);
        code.at('call', layout.inner(a));
        this.returned(publishes);
        return;
      case EDIT.callIndirect:
        this.callIndirect(a, b, publishes);
        return;
      case EDIT.return:
        code.at('local.get', this.gas);
        code.op('return');
        return;
      case EDIT.functionReference:
        layout.references.add(a);
        code.at('ref.func', layout.referred(a));
        return;
      case EDIT.remove:
        if (a === 1) code.op('unreachable');
        return;
      case EDIT.conversion:
        this.conversion(a as ValType);
        return;
      case EDIT.canonical:
        this.canonical(a, b as ValType);
        return;
      case EDIT.memoryGrow:
        this.growMemory();
        return;
      case EDIT.tableGrow:
        this.growTable(a);
        return;
      case EDIT.bulk:
        this.bulk(mnemonic as Bulk, a, b);
        return;
      case EDIT.drop: {
        code.at(mnemonic, a);
        const length = layout.lengthGlobal(mnemonic === 'data.drop' ? 'data' : 'elements', a);
        if (length === undefined) return;
        code.i32(0);
        code.at('global.set', length);
        return;
      }
    }
  }

  /** After a call that returns the gas on top of its results. */
  private returned(publishes: boolean): void {
    const { code, gas, layout } = this;
    if (publishes) {
      code.at('local.tee', gas);
      code.at('global.set', layout.gas);
    } else code.at('local.set', gas);
  }

  private callIndirect(type: number, table: number, publishes: boolean): void {
    const { code, layout } = this;
    this.publish();
    const element = this.local('i32 a');
    code.at('local.tee', element);
    code.op('i64.extend_i32_u');
    if (table !== 0) {
      code.i64(table * 2 ** 32);
      code.op('i64.or');
    }
    code.at('global.set', layout.element);
    if (layout.closed) {
      code.at('local.get', this.gas);
      code.at('local.get', this.depth);
      code.at('local.get', element);
      code.at('call_indirect', layout.threadedType(type), table);
      this.returned(publishes);
      return;
    }
    code.at('local.get', this.depth);
    code.at('global.set', layout.depth);
    code.at('local.get', element);
    code.at('call_indirect', type, table);
    // What was called has written the count out.
    this.resume();
  }

  /** Engines report a NaN and a number out of range as the same trap. */
  private conversion(type: ValType): void {
    const { code } = this;
    const value = this.local(type === F32 ? 'f32' : 'f64');
    code.at('local.tee', value);
    code.at('local.get', value);
    code.op(type === F32 ? 'f32.ne' : 'f64.ne');
    code.if();
    code.i32(TRAP_CODES.indexOf('invalid-conversion'));
    code.at('call', this.layout.meter('trap'));
    code.op('unreachable');
    code.op('end');
    code.at('local.get', value);
  }

  private canonical(source: number, type: ValType): void {
    const shape = this.analyser.canonical[source];
    if (shape === 0) return;
    if (type === V128) this.canonicalLanes(shape === F32);
    else this.canonicalFloat(shape === F32);
  }

  private canonicalLanes(isSingle: boolean): void {
    const { code } = this;
    const constant = isSingle ? CANONICAL_F32 : CANONICAL_F64;
    const value = this.local('v128');
    code.at('local.tee', value);
    code.op('v128.const');
    for (let i = 0; i < 16; i += constant.length) code.raw(...constant);
    code.at('local.get', value);
    code.at('local.get', value);
    code.op(isSingle ? 'f32x4.eq' : 'f64x2.eq');
    code.op('v128.bitselect');
  }

  /** Compares the bits: on x64, where a NaN shows in a flag of its own, engines need two branches to compare floats. */
  private canonicalFloat(isSingle: boolean): void {
    const { code } = this;
    const value = this.local(isSingle ? 'f32' : 'f64');
    code.at('local.set', value);
    code.op(isSingle ? 'f32.const' : 'f64.const');
    code.raw(...(isSingle ? CANONICAL_F32 : CANONICAL_F64));
    code.at('local.get', value);
    code.at('local.get', value);
    if (isSingle) {
      code.op('i32.reinterpret_f32');
      code.i32(1);
      code.op('i32.shl');
      code.i32(TWICE_INFINITY_F32);
      code.op('i32.gt_u');
    } else {
      code.op('i64.reinterpret_f64');
      code.i64(1);
      code.op('i64.shl');
      code.i64(TWICE_INFINITY_F64);
      code.op('i64.gt_u');
    }
    code.op('select');
  }

  private growMemory(): void {
    const { code, layout } = this;
    this.publish();
    this.check();
    code.at('call', layout.meter('growMemory'));
    this.resume();
  }

  private growTable(table: number): void {
    const { code, layout } = this;
    const delta = this.local('i32 a');
    const value = this.local(this.elementOf(table));
    this.publish();
    this.check();
    code.at('local.set', delta);
    code.at('local.set', value);
    code.i32(table);
    code.at('local.get', delta);
    code.at('table.size', table);
    code.at('call', layout.meter('growTable'));
    this.resume();
    code.op('if');
    code.u8(I32);
    code.at('local.get', value);
    code.at('local.get', delta);
    code.at('table.grow', table);
    code.op('else');
    code.i32(-1);
    code.op('end');
  }

  private elementOf(table: number): 'funcref' | 'externref' {
    return this.layout.module.tables[table]?.element === FUNCREF ? 'funcref' : 'externref';
  }

  /** A checkpoint; the gas the work costs, if that much is left and it is within bounds; the work. */
  private bulk(mnemonic: Bulk, a: number, b: number): void {
    const { code, layout } = this;
    const { unit, target, source } = BULK[mnemonic];
    this.publish();
    this.check();
    const middle = mnemonic === 'table.fill' ? this.local(this.elementOf(a)) : this.local('i32 b');
    const operands = [this.local('i32 a'), middle, this.local('i32 c')] as const;
    const [first, , length] = operands;
    for (const operand of operands.toReversed()) code.at('local.set', operand);

    const cost = this.local('i64 a');
    code.at('local.get', length);
    code.op('i64.extend_i32_u');
    code.i64(unit - 1);
    code.op('i64.add');
    code.i64(Math.log2(unit));
    code.op('i64.shr_u');
    code.at('local.tee', cost);
    code.at('local.get', this.gas);
    code.op('i64.gt_s');
    code.if();
    // Out of bounds it traps, and costs nothing.
    this.within(first, length, target, target === 'memory' ? 0 : mnemonic === 'table.init' ? b : a);
    if (source !== undefined) {
      this.within(middle, length, source, mnemonic === 'table.copy' ? b : a);
      code.op('i32.and');
    }
    code.if();
    code.at('local.get', cost);
    code.at('call', layout.meter('need'));
    this.resume();
    code.op('end');
    code.op('end');

    for (const operand of operands) code.at('local.get', operand);
    code.at(mnemonic, ...(mnemonic === 'memory.fill' || mnemonic === 'table.fill' ? [a] : [a, b]));
    code.at('local.get', this.gas);
    code.at('local.get', cost);
    code.op('i64.sub');
    code.at('local.tee', this.gas);
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
    if (space === 'memory') code.at('memory.size', 0);
    else if (space === 'table') code.at('table.size', index);
    else {
      const global = layout.lengthGlobal(space, index);
      // Active and declarative segments have been dropped before any code runs.
      if (global === undefined) code.i32(0);
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

type Space = 'memory' | 'table' | 'data' | 'elements';
type Bulk = 'memory.fill' | 'memory.copy' | 'memory.init' | 'table.fill' | 'table.copy' | 'table.init';

/** What the work of an instruction is counted in, where it writes, and where it reads. */
const BULK: Readonly<Record<Bulk, { unit: number; target: Space; source?: Space }>> = {
  'memory.fill': { unit: PER_UNIT.bytes, target: 'memory' },
  'memory.copy': { unit: PER_UNIT.bytes, target: 'memory', source: 'memory' },
  'memory.init': { unit: PER_UNIT.bytes, target: 'memory', source: 'data' },
  'table.fill': { unit: PER_UNIT.elements, target: 'table' },
  'table.copy': { unit: PER_UNIT.elements, target: 'table', source: 'table' },
  'table.init': { unit: PER_UNIT.elements, target: 'table', source: 'elements' },
};

for (const { unit } of Object.values(BULK)) {
  if (!Number.isInteger(Math.log2(unit))) throw new TypeError('the meter divides by shifting');
}
