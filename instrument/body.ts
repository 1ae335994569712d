/** Writes a function body anew, with its edits. */

import { EMPTY_BLOCK } from '../wasm/encoding.ts';
import { InstructionReader } from '../wasm/instructions.ts';
import { MODULE_LIMITS } from '../wasm/limits.ts';
import { typeOfFunction } from '../wasm/module.ts';
import { type Mnemonic, OPCODES } from '../wasm/opcodes.ts';
import { STEP_BYTES, type Steps } from '../wasm/steps.ts';
import { F32, F64, type FunctionBody, I32, V128, type ValType } from '../wasm/types.ts';
import { Writer } from '../wasm/writer.ts';
import { Analyser, EDIT, type Pads, type WeaveOptions } from './analyse.ts';
import { CodeWriter } from './code.ts';
import { type Continues, type InlineName, type Layout, type OperationName, tooLarge } from './layout.ts';
import type { LeaveWriter, WrittenBody } from './leave/writer.ts';
import { type Drop, INLINE, sayCaller, writeDrop } from './operations.ts';
import { NOWHERE, type Trace } from './trace.ts';
import { most, Tracking } from './tracking.ts';

/** Infinity's bits without the sign, shifted to the left by one: signed integers. A NaN has larger ones. */
const TWICE_INFINITY_F32 = -(2 ** 24);
const TWICE_INFINITY_F64 = -(2 ** 53);

/** What a simple loop is put into: see `loopStart`. */
const LOOP_CONSTRUCTS = 3;

const CANONICAL_F32 = [0x00, 0x00, 0xc0, 0x7f];
const CANONICAL_F64 = [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f];

/**
 * Things in a function that stand inline: each takes a compiler about a kilobyte, and a call a third of that. What has
 * more of them is nothing that a compiler of a language made.
 */
const MOST_INLINED = 1_000;

/**
 * Simple loops of a function that are put into another: `base`, and `perByte` for each byte of its code. V8 allocates
 * registers in time that grows with the square of the loops, in the background: with twice as many, eight times as long.
 * What has more of them is nothing that a compiler of a language made either.
 */
const MOST_WRAPPED = { base: 16, perByte: 1 / 64 } as const;

/** Constructs that are put around the instructions of a function, and around one of them. */
const ADDED_NESTING = 8;

/** Writes one function body after another. */
export class BodyWeaver implements WrittenBody {
  private readonly layout: Layout;
  private readonly refills: boolean;
  private readonly analyser: Analyser;
  private readonly tracking: Tracking;
  readonly code: CodeWriter = new CodeWriter();
  private readonly head = new Writer();
  private readonly scratch: ValType[] = [];
  /** Places among these, by name. */
  private readonly scratchPlaces = new Map<string, number>();
  private readonly leaves: LeaveWriter | undefined;
  private readonly continues: Continues | undefined;
  private readonly trace: Trace | undefined;
  /** Bytes of the last body before its first instruction, with its size. */
  codeOffset = 0;
  /** How many things stand inline that can be called. */
  private inlined = 0;
  /** Simple loops that can still be put into another. */
  private wraps = 0;
  private body!: FunctionBody;
  params = 0;
  results: readonly ValType[] = [];
  gas = 0;
  private depth = 0;
  /** Up to where the body has been written. */
  private at = 0;

  /** @param trace where it is written down which instruction each place is of, if somebody asks */
  constructor(layout: Layout, options: WeaveOptions, trace?: Trace) {
    this.layout = layout;
    this.trace = trace;
    this.refills = options.refills;
    this.leaves = options.leaves?.(layout);
    this.continues = options.continues;
    this.analyser = new Analyser(layout.module, options);
    this.tracking = new Tracking(layout.module);
  }

  /**
   * Writes a body, its size first.
   * @throws CompileError where there is no room for what has to be added
   */
  *weave(body: number, out: Writer): Steps<void> {
    const { code, analyser, layout } = this;
    const { module } = layout;
    const { params, results } = typeOfFunction(module, module.importedFunctions + body);
    this.body = module.bodies.at(body);
    this.params = params.length;
    this.results = results;
    this.gas = params.length;
    this.depth = params.length + 1;
    if (this.scratch.length > 0) {
      this.scratch.length = 0;
      this.scratchPlaces.clear();
    }
    this.inlined = 0;
    this.wraps = most(MOST_WRAPPED, this.body.end - this.body.codeStart);
    this.at = this.body.codeStart;
    yield* analyser.begin(body);
    if (this.leaves !== undefined) analyser.leaves = this.leaves.begin(body, this);
    let isLast = yield* analyser.window();
    this.begin();
    for (;;) {
      // Before much is written in vain.
      this.tracking.check(body, analyser);
      if (analyser.depth + ADDED_NESTING > MODULE_LIMITS.nesting) tooLarge('constructs nested too deep');
      yield* this.edits();
      if (code.length > MODULE_LIMITS.functionBytes)
        tooLarge(`function ${module.importedFunctions + body} would have too many bytes`);
      if (isLast) break;
      yield;
      isLast = yield* analyser.window();
    }
    this.end();
    this.declare();
    const before = out.length;
    out.u32(this.head.length + code.length);
    this.codeOffset = out.length - before + this.head.length;
    out.append(this.head);
    out.append(code);
    this.tracking.add(analyser);
  }

  private begin(): void {
    const { code, analyser } = this;
    if (!this.refills) {
      // What ends the guest stands behind everything else, where it is in nobody's way.
      code.op('block');
      code.u8(EMPTY_BLOCK);
    }
    // What goes on with a frame has been entered long since.
    if (this.continues === undefined) this.enter();
    else this.charge(-this.continues.refund);
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
      this.trace?.add(code.length, this.at, true);
      code.copy(bytes, this.at, start);
      this.trace?.add(code.length, this.originOf(i), false);
      this.edit(i);
      this.at = edits.end(i);
    }
  }

  /** The instruction that an edit is of. */
  private originOf(i: number): number {
    const { edits } = this.analyser;
    const kind = edits.kind(i);
    const header = kind === EDIT.loopEnd ? edits.a(i) : i;
    return edits.start(header) - (kind === EDIT.loop || kind === EDIT.loopEnd ? edits.row(header) : 0);
  }

  private end(): void {
    const { code, body, analyser, layout } = this;
    this.trace?.add(code.length, this.at, true);
    code.copy(layout.module.bytes, this.at, body.end - 1);
    // Behind it stands what many places lead to.
    this.trace?.add(code.length, this.refills ? body.end - 1 : NOWHERE, false);
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
    const { head, body, scratch, params } = this;
    if (params + 2 + body.localCount + scratch.length > MODULE_LIMITS.locals) tooLarge('too many locals of a function');
    head.u32(body.locals.length + scratch.length);
    for (const { count, type } of body.locals) {
      head.u32(count);
      head.u8(type);
    }
    for (const type of scratch) {
      head.u8(1);
      head.u8(type);
    }
  }

  private blockType(): void {
    this.blockOf([], this.results);
  }

  private blockOf(params: readonly ValType[], results: readonly ValType[]): void {
    const { code } = this;
    const [only] = results;
    if (params.length > 0 || results.length > 1) code.signed(this.layout.type(params, results));
    else code.u8(only ?? EMPTY_BLOCK);
  }

  /** A local of the meter's own, for values that have to be put aside. */
  local(name: string, type: ValType): number {
    let place = this.scratchPlaces.get(name);
    if (place === undefined) {
      place = this.scratch.push(type) - 1;
      this.scratchPlaces.set(name, place);
    }
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
      this.leaves?.atEntry();
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

  /** What is called where the function has a lot of it already; undefined where it stands inline. */
  private outlined(name: InlineName): number | undefined {
    return this.inlined++ < MOST_INLINED ? undefined : this.layout.outlined(name);
  }

  /** Looks whether the gas at hand is used up. */
  private check(): void {
    this.onGas('check');
  }

  private onGas(name: 'check' | 'resume'): void {
    const { code, gas, layout } = this;
    const outlined = this.outlined(name);
    if (outlined === undefined) {
      INLINE[name].write(code, layout, gas);
      return;
    }
    code.at('local.get', gas);
    code.at('call', outlined);
    code.at('local.set', gas);
  }

  /**
   * The same at a loop header, so many constructs deep. A call in a loop, though it is hardly ever made, keeps V8 from
   * holding the loop's values in registers: it stands outside.
   */
  private checkLoop(isSimple: boolean, constructs: number, next: number): void {
    const { code, gas, analyser, leaves, layout } = this;
    if (this.refills && !isSimple) {
      if (leaves === undefined) this.check();
      else {
        code.at('local.get', gas);
        code.i64(0);
        code.op('i64.lt_s');
        leaves.ifAtLoop(next);
        code.at('local.get', gas);
        code.at('call', layout.helper('check'));
        code.at('local.set', gas);
        leaves.atLoop(next);
        code.op('end');
      }
      return;
    }
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
    this.inlined++;
    this.wraps--;
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

  private loopEnd(amount: number, next: number): void {
    const { code, gas, layout } = this;
    code.at('br', 2);
    code.op('end');
    code.at('local.get', gas);
    code.at('call', layout.helper('check'));
    code.at('local.set', gas);
    this.leaves?.atLoop(next);
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

  /** Takes up the gas behind what has thrown. */
  private caught(): void {
    const { code, gas, layout } = this;
    code.at('local.get', gas);
    code.at('call', layout.operation({ name: 'caught', a: 0, b: 0 }));
    code.at('local.set', gas);
  }

  /** A branch with other labels: they begin at a place of the analyser's list. */
  private relabelled(start: number, end: number, place: number): void {
    const { code, layout, analyser } = this;
    const { values } = analyser.labels;
    const reader = new InstructionReader(layout.module.bytes, start, end);
    const mnemonic = OPCODES[reader.next()]?.mnemonic as Mnemonic;
    if (mnemonic === 'br_table') {
      code.at(mnemonic, reader.a);
      for (let i = 0; i <= reader.a; i++) code.u32(values[place + i] as number);
    } else code.at(mnemonic, values[place] as number);
  }

  /**
   * A `try_table` stands in a block for each of its clauses, and one for all:
   *
   *     block, type of the try_table
   *       block, values of the last clause
   *         block, values of the first clause
   *           the try_table, whose clauses lead to these blocks
   *           br 2
   *         end
   *         take up the gas, br to the first clause's label
   *       end
   *       take up the gas, br to the last clause's label
   *     end
   */
  private tryTable({ type, typeStart, typeEnd, clauses }: Pads): void {
    const { code, layout } = this;
    const { bytes } = layout.module;
    code.op('block');
    code.copy(bytes, typeStart, typeEnd);
    for (const { values } of clauses.toReversed()) {
      code.op('block');
      this.blockOf(type.params, values);
    }
    code.op('try_table');
    code.copy(bytes, typeStart, typeEnd);
    code.u32(clauses.length);
    clauses.forEach(({ kind, tag }, pad) => {
      code.u8(kind);
      if (tag >= 0) code.u32(tag);
      code.u32(pad);
    });
  }

  private tryTableEnd({ clauses }: Pads): void {
    const { code } = this;
    const { length } = clauses;
    code.at('br', length);
    clauses.forEach(({ label }, pad) => {
      code.op('end');
      this.caught();
      // Out of the pads around this one, and the block around all.
      code.at('br', label + length - pad);
    });
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
        this.checkLoop(edits.isSimple(i), b, edits.start(i));
        return;
      case EDIT.loopStart:
        if (this.inlined >= MOST_INLINED || this.wraps < 1) edits.complicate(a);
        else if (edits.isSimple(a)) this.loopStart(edits.start(i));
        return;
      case EDIT.loopEnd:
        if (edits.isSimple(a)) this.loopEnd(amounts[edits.a(a)] as number, edits.start(a));
        return;
      case EDIT.construct:
        this.leaves?.bury(edits.start(i));
        return;
      case EDIT.caught:
        this.caught();
        return;
      case EDIT.throw:
        this.publish();
        code.i32(1);
        code.at('global.set', layout.meterGlobal('raised'));
        return;
      case EDIT.labels:
        this.relabelled(edits.start(i), edits.end(i), a);
        return;
      case EDIT.tryTable:
        this.tryTable(analyser.pads[a] as Pads);
        return;
      case EDIT.tryTableEnd:
        this.tryTableEnd(analyser.pads[a] as Pads);
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
        code.at('call', layout.callee(a));
        this.returned(publishes);
        this.leaves?.after(edits.start(i));
        return;
      case EDIT.callIndirect:
        this.callIndirect(a, b, publishes);
        this.leaves?.after(edits.start(i));
        return;
      case EDIT.tailCall:
        layout.checkTailCall(a);
        this.giveBackFrame();
        code.at('return_call', layout.inner(a));
        return;
      case EDIT.tailCallIndirect: {
        layout.checkTailCall();
        const element = this.noteElement(b);
        this.giveBackFrame();
        code.at('local.get', element);
        code.at('return_call_indirect', layout.threadedType(a), b);
        return;
      }
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
      case EDIT.operation:
        this.leaves?.before(edits.start(i));
        code.at('local.get', this.gas);
        code.at('call', layout.operation({ name: mnemonic as OperationName, a, b }));
        code.at('local.set', this.gas);
        this.leaves?.after(edits.start(i));
        return;
      case EDIT.atomic:
        code.at('call', layout.operation({ name: 'atomic', a, b, row: edits.row(i) }));
        return;
      case EDIT.drop:
        if (!layout.isLeavable) {
          writeDrop(code, layout, mnemonic as Drop, a);
          return;
        }
        // So that it can be done from outside, too.
        code.at('local.get', this.gas);
        code.at('call', layout.operation({ name: mnemonic as Drop, a, b: 0 }));
        code.at('local.set', this.gas);
        return;
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

  /** The gas, and the depth that there will be when the frame at hand has been left. */
  private giveBackFrame(): void {
    const { code, gas, depth, analyser } = this;
    code.at('local.get', gas);
    code.at('local.get', depth);
    code.i64(analyser.plan.weight);
    code.op('i64.add');
  }

  /** Writes down which element is called, with its number on the stack. Returns the local that has it then. */
  private noteElement(table: number): number {
    const { code, layout } = this;
    this.publish();
    const element = this.local('i32', I32);
    code.at('local.tee', element);
    code.op('i64.extend_i32_u');
    if (table !== 0) {
      code.i64(table * 2 ** 32);
      code.op('i64.or');
    }
    if (layout.meterGlobals.includes('origin')) {
      code.at('global.get', layout.meterGlobal('origin'));
      code.op('i64.or');
    }
    code.at('global.set', layout.element);
    return element;
  }

  private callIndirect(type: number, table: number, publishes: boolean): void {
    const { code, layout } = this;
    const element = this.noteElement(table);
    if (layout.closed) {
      code.at('local.get', this.gas);
      code.at('local.get', this.depth);
      code.at('local.get', element);
      code.at('call_indirect', layout.threadedType(type), table);
      this.returned(publishes);
      return;
    }
    code.at('local.get', this.depth);
    code.at('global.set', layout.meterGlobal('depth'));
    sayCaller(code, layout);
    code.at('local.get', element);
    code.at('call_indirect', type, table);
    // What was called has written the count out.
    this.onGas('resume');
  }

  private conversion(type: ValType): void {
    const { code, layout } = this;
    const name = type === F32 ? 'f32' : 'f64';
    const outlined = this.outlined(name);
    if (outlined !== undefined) {
      code.at('call', outlined);
      return;
    }
    const value = this.local(name, type);
    INLINE[name].write(code, layout, value);
    code.at('local.get', value);
  }

  /** A value that is saved where the function is left; returns whether that took code. */
  canonicalSaved(leave: number, value: number, type: ValType): boolean {
    const source = this.analyser.savedAt(leave, value);
    if (source < 0) return false;
    this.canonical(source, type);
    return this.analyser.canonical[source] !== 0;
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
    const value = this.local('v128', V128);
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
    const value = this.local(isSingle ? 'f32' : 'f64', isSingle ? F32 : F64);
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
}
