/**
 * Writes what a function does when it is left: it saves what it needs to go on, says where it is, and returns. The gas at
 * hand tells it: below what any that runs has.
 */

import { EMPTY_BLOCK } from '../../wasm/encoding.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { V128, type ValType } from '../../wasm/types.ts';
import { blank, CodeWriter } from '../code.ts';
import { BARRED, type Layout, tooLarge } from '../layout.ts';
import { saveValue } from './globals.ts';
import { type LeavePoint, type LeavePoints, leavePoints } from './points.ts';
import { type SlotPlace, slotPlaces } from './slots.ts';

/** Values that are saved at all places of a module: `base`, and `perByte` for each of its bytes. Each takes 5 bytes of code. */
const MOST_SAVED = { base: 1 << 18, perByte: 16 } as const;
/** So much more where its NaN is made canonical. */
const CANONICAL_AS_SAVED = 6;

/** The function that is being written. */
export interface WrittenBody {
  readonly code: CodeWriter;
  /** Its local with the gas at hand. */
  readonly gas: number;
  readonly params: number;
  readonly results: readonly ValType[];
  /** A local of the meter's own. */
  local(name: string, type: ValType): number;
  /**
   * Makes the NaN on the stack canonical that a place saves, where that has not been done: by the number of the place and of
   * the value, locals first. Returns whether that took code.
   */
  canonicalSaved(leave: number, value: number, type: ValType): boolean;
}

/** Looks whether the gas on the stack says so. */
const IS_TOLD = (() => {
  const code = new CodeWriter(16);
  code.i64(BARRED);
  code.op('i64.lt_s');
  return code.take();
})();

/** Of one function after another. */
export class LeaveWriter {
  private readonly layout: Layout;
  private readonly module: WasmModule;
  private readonly mostSaved: number;
  private saved = 0;
  /** Numbers of types with one value. */
  private readonly ofOne = new Map<ValType, number>();
  private body = 0;
  private written!: WrittenBody;
  private points!: LeavePoints;
  /** By the place behind a loop's instruction, or the offset of another's: the number of the point. */
  private loops = new Map<number, number>();
  private others = new Map<number, number>();

  constructor(layout: Layout) {
    this.layout = layout;
    this.module = layout.module;
    this.mostSaved = MOST_SAVED.base + MOST_SAVED.perByte * layout.module.bytes.length;
  }

  /** Returns the places where it can be left, in the order of the code. */
  begin(body: number, written: WrittenBody): readonly LeavePoint[] {
    this.body = body;
    this.written = written;
    this.points = leavePoints(this.module, body);
    this.loops = new Map();
    this.others = new Map();
    this.points.points.forEach(({ kind, offset, next }, number) => {
      if (kind === 'loop') this.loops.set(next, number);
      else if (kind !== 'entry') this.others.set(offset, number);
    });
    return this.points.points;
  }

  /** At the beginning of the function, after a checkpoint. */
  atEntry(): void {
    this.leaveIfTold(0);
  }

  /** At the header of a loop, after a checkpoint. `next`: behind its instruction. */
  atLoop(next: number): void {
    this.leaveIfTold(this.loops.get(next) as number);
  }

  /** Begins what is done at a loop's header only where the gas is used up. To be ended. */
  ifAtLoop(next: number): void {
    this.if(this.inner(this.loops.get(next) as number));
  }

  /** Behind a call, or an instruction that became one. */
  after(offset: number): void {
    this.leaveIfTold(this.others.get(offset) as number);
  }

  /** Before an instruction that becomes a call: keeps its operands. */
  before(offset: number): void {
    const { operands, taken } = this.points.points[this.others.get(offset) as number] as LeavePoint;
    const first = operands.length - taken;
    this.keep(operands.slice(first), first, []);
  }

  /** Before a construct: puts what is below it where code in it can reach it. */
  bury(offset: number): void {
    const buried = this.points.buried.get(offset);
    if (buried !== undefined) this.keep(buried.operands, buried.height, buried.above);
  }

  /** Puts operands into their homes, and leaves them where they are. */
  private keep(operands: readonly ValType[], height: number, above: readonly ValType[]): void {
    const { code } = this.written;
    this.count(operands.length + above.length);
    const places = [
      ...operands.map((type, i) => this.home(height + i, type)),
      ...above.map((type, i) => this.written.local(`above ${type} ${i}`, type)),
    ];
    for (let i = places.length - 1; i >= 0; i--) code.at('local.set', places[i] as number);
    for (const place of places) code.at('local.get', place);
  }

  private home(height: number, type: ValType): number {
    return this.written.local(`home ${type} ${height}`, type);
  }

  private count(values: number): void {
    this.saved += values;
    if (this.saved > this.mostSaved || this.written.code.length > MODULE_LIMITS.functionBytes) {
      tooLarge(`function ${this.module.importedFunctions + this.body} has too much to save wherever it is left`);
    }
  }

  /** Types on the stack that an `if` has to take along. */
  private inner(number: number): readonly ValType[] {
    const { operands, outer, taken, results } = this.points.points[number] as LeavePoint;
    return [...operands.slice(outer, operands.length - taken), ...results];
  }

  private if(types: readonly ValType[]): void {
    const { code } = this.written;
    code.op('if');
    if (types.length === 0) code.u8(EMPTY_BLOCK);
    else code.signed(this.typeOf(types));
  }

  /** That takes these, and gives them. */
  private typeOf(types: readonly ValType[]): number {
    const [only] = types;
    if (only === undefined || types.length > 1) return this.layout.type(types, types);
    let number = this.ofOne.get(only);
    if (number === undefined) {
      number = this.layout.type(types, types);
      this.ofOne.set(only, number);
    }
    return number;
  }

  private leaveIfTold(number: number): void {
    const { code, gas } = this.written;
    code.at('local.get', gas);
    code.copy(IS_TOLD);
    this.if(this.inner(number));
    this.leave(number);
    code.op('end');
  }

  private leave(number: number): void {
    const { layout, written, points } = this;
    const { code, params } = written;
    const { operands, outer, taken, results, locals } = points.points[number] as LeavePoint;
    this.count(locals.length + operands.length + results.length);
    const places = slotPlaces([...locals.map((local) => points.locals[local] as ValType), ...operands]);
    const save = (value: number) => {
      const place = places[value] as SlotPlace;
      if (written.canonicalSaved(number, value, place.type)) this.count(CANONICAL_AS_SAVED);
      saveValue(code, layout, place, () => written.local('v128', V128));
    };
    for (let i = 0; i < results.length; i++) code.op('drop');
    for (let i = operands.length - taken - 1; i >= outer; i--) save(locals.length + i);
    for (let i = 0; i < operands.length; i++) {
      if (i >= outer && i < operands.length - taken) continue;
      code.at('local.get', this.home(i, operands[i] as ValType));
      save(locals.length + i);
    }
    locals.forEach((local, i) => {
      code.at('local.get', local < params ? local : local + 2);
      save(i);
    });
    code.i32(this.body);
    code.i32(number);
    code.at('call', layout.meter('left'));
    for (const type of written.results) blank(code, type);
    code.at('local.get', written.gas);
    code.op('return');
  }
}
