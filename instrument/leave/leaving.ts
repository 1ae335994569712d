/**
 * Leaves a guest: has its frames say what they hold while they return, one by one, and takes down what is outside of
 * them. What comes of it is for whoever goes on with the guest; it names nothing of the engine's but its memory.
 */

import type { Budget } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { HostError, type ResourceFigures } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { HostGas, WasmValue } from '../../wasm/host.ts';
import type { PendingResult } from '../../wasm/host-call.ts';
import {
  type LeftFrame,
  type LeftGuest,
  type LeftValue,
  type LeftWait,
  passiveSegments,
  type ReturningGuest,
} from '../../wasm/left.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { planFunction } from '../../wasm/plan.ts';
import type { FuncType, ValType } from '../../wasm/types.ts';
import { type Continuation, continuationsOf } from '../continue/continuation.ts';
import { Continued, frameAt } from '../continue/continued.ts';
import type { RawFunction } from '../host.ts';
import type { HostCaller } from '../host-caller.ts';
import { METER_EXPORTS, savedGlobals, segmentKey, segmentLength } from '../layout.ts';
import type { Leavable, MeteredInstance } from '../metered-instance.ts';
import { LeavableCaller } from './caller.ts';
import { LeavableMeter } from './meter.ts';
import type { LeavePoint } from './points.ts';
import { type SlotPlace, slotPlaces } from './slots.ts';
import { FunctionNumbers, Values } from './values.ts';

const PROMISE = 'a host function returned a promise';

/** A call that was left. */
export interface LeftCall {
  /** Number of its function. */
  readonly index: number;
  readonly type: FuncType;
  readonly budgets?: readonly GasBudget[] | undefined;
}

/** A call that can be left. */
export interface Call extends LeftCall {
  /** Undefined: the start function. */
  readonly name: string | undefined;
  readonly args: readonly WasmValue[];
}

/** A frame to go on with. */
export interface FrameToGoOn {
  readonly body: number;
  /** What goes on where it stands. */
  readonly continuation: Continuation;
  /** Locals that may still be read, operands, and results of the call that it is behind. */
  readonly values: readonly LeftValue[];
}

/** What it is a frame of. */
export interface CallToGoOn {
  /** Number of the function that was called from outside. */
  readonly entered: number;
  /** Of the stack, with the frame. */
  readonly weight: number;
  /** Parameters and results of that function. */
  readonly values: number;
  readonly budgets: readonly GasBudget[] | undefined;
  /** The count beyond which it is left; undefined: where it has to wait, or the clock says so. */
  readonly stopAt: bigint | undefined;
}

/** How it went on: what the guest is then, and the results of the frame where it was not left. */
export interface GoneOn {
  readonly state: LeftGuest;
  readonly results: readonly LeftValue[] | undefined;
  /** Whether somebody wished meanwhile that it be left. */
  readonly wasAsked: boolean;
}

/** Of functions that were called from outside, by their number. */
const entryCosts = new WeakMap<WasmModule, Map<number, bigint>>();

function entryCost(module: WasmModule, index: number): bigint {
  let ofModule = entryCosts.get(module);
  if (ofModule === undefined) {
    ofModule = new Map();
    entryCosts.set(module, ofModule);
  }
  let cost = ofModule.get(index);
  if (cost === undefined) {
    cost = BigInt(planFunction(module, index - module.importedFunctions).entryCost);
    ofModule.set(index, cost);
  }
  return cost;
}

/** How a call has ended that can be left. */
export type Ending = { readonly results: readonly WasmValue[] } | { readonly left: LeftGuest };

export class Leaving implements Leavable {
  private readonly limits: InstanceLimits;
  private readonly slices: Slices | undefined;
  private guest!: MeteredInstance;
  private now!: LeavableMeter;
  /** The one call that can be left, while it is under way. */
  private isUnderWay = false;
  hasLeft = false;
  /** The count at which the function that was called from outside is entered: nobody is left there. */
  private enteredAt: bigint | undefined;
  private frames: LeftFrame[] = [];
  private functions!: FunctionNumbers;
  private values!: Values;
  /** Of functions that go on for others. */
  private readonly continued = new Map<Continuation, Continued>();
  private waits: (LeftWait & { readonly caller: LeavableCaller }) | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(limits: InstanceLimits, slices: Slices | undefined) {
    this.limits = limits;
    this.slices = slices;
  }

  meter(budget?: Budget): LeavableMeter {
    this.now = new LeavableMeter(this.limits, this.slices, budget);
    return this.now;
  }

  /** Says whose it is. */
  of(guest: MeteredInstance): void {
    this.guest = guest;
    this.functions = new FunctionNumbers(guest);
    this.values = new Values(
      (kind, place) => guest.meterExport(`${METER_EXPORTS.slot}${kind} ${place}`) as WebAssembly.Global,
      this.functions,
    );
    this.continued.clear();
  }

  caller(guest: MeteredInstance, gas: HostGas, keepsViews: boolean): LeavableCaller {
    return new LeavableCaller(guest, gas, keepsViews);
  }

  /** Has the guest that runs be left at the next checkpoint beyond a count. */
  stop(beyond: bigint): void {
    if (this.isUnderWay) this.now.stop(beyond);
  }

  /**
   * Calls a function of the guest's that can be left.
   * @param raw the function
   * @param gas units beyond which it is; undefined: where it has to wait, or the clock says so
   * @param withTables whether whoever goes on with it then has to be given the tables
   * @throws RuntimeError, and whatever a host function threw
   */
  call(raw: RawFunction, { index, type, args, budgets }: Call, gas: bigint | undefined, withTables: boolean): Ending {
    const { guest, now } = this;
    const { module } = guest.metered;
    if (guest.store.isEntered) return { results: guest.invoke(raw, index, type, args, budgets) };
    this.enteredAt = index < module.importedFunctions ? undefined : now.total() + entryCost(module, index);
    this.isUnderWay = true;
    now.allow(true, gas === undefined ? undefined : now.total() + gas);
    try {
      const results = guest.invoke(raw, index, type, args, budgets);
      if (this.failure !== undefined) throw this.failure.error;
      return this.hasLeft ? { left: this.state(index, withTables) } : { results };
    } finally {
      this.isUnderWay = false;
      if (!this.hasLeft) now.allow(false);
    }
  }

  /**
   * Goes on with a frame, of a guest that is as it is here.
   * @param weight of the stack, with this frame
   * @param values parameters and results of the function that was called from outside
   * @throws RuntimeError, and whatever a host function threw
   */
  goOn(
    { body, continuation, values: held }: FrameToGoOn,
    { entered, weight, values, budgets, stopAt }: CallToGoOn,
  ): GoneOn {
    const { guest, now } = this;
    let continued = this.continued.get(continuation);
    if (continued === undefined) {
      continued = new Continued(guest, this.functions, body, continuation, (point) =>
        this.take(() => (continued as Continued).frame(point)),
      );
      this.continued.set(continuation, continued);
    }
    continued.load(held);
    this.enteredAt = undefined;
    this.isUnderWay = true;
    now.allow(true, stopAt);
    try {
      guest.goOn(continued.run, weight, values, budgets);
      if (this.failure !== undefined) throw this.failure.error;
      const results = this.hasLeft ? undefined : continued.results();
      const wasAsked = now.stopAt !== stopAt;
      return { wasAsked, state: this.state(entered, guest.metered.module.changesTables), results };
    } finally {
      this.isUnderWay = false;
      if (!this.hasLeft) now.allow(false);
    }
  }

  /** Whether the call under way can be left now: no host function stands on the stack that has called the guest. */
  private get isFree(): boolean {
    return this.isUnderWay && this.guest.store.isAlone;
  }

  atCheckpoint(): void {
    const { enteredAt, now } = this;
    this.enteredAt = undefined;
    if (!now.isDue || !this.isFree || now.total() === enteredAt) return;
    this.hasLeft = true;
    now.leave();
  }

  wait(index: number, result: PendingResult, caller: HostCaller): void {
    if (!this.isFree) {
      caller.giveUp();
      const where = this.isUnderWay
        ? 'inside a call that another host function made'
        : ', but the guest was called synchronously: use an asynchronous call';
      throw new HostError(`${PROMISE}${this.isUnderWay ? ' ' : ''}${where}`);
    }
    this.waits = { index, result, caller: caller as LeavableCaller };
    this.hasLeft = true;
    this.now.leave();
  }

  left(body: number, point: number): void {
    this.take(() => this.frame(body, point));
  }

  private take(frame: () => LeftFrame): void {
    if (this.failure !== undefined) return;
    try {
      this.frames.unshift(frame());
    } catch (error) {
      this.failure = { error };
    }
  }

  figures(): ResourceFigures {
    return this.now.figures();
  }

  private frame(body: number, number: number): LeftFrame {
    const { store, metered } = this.guest;
    const points = continuationsOf(store.host, metered).points(body);
    return frameAt(body, points.points[number] as LeavePoint, points.locals, this.values);
  }

  /** All that the guest is, where it was left. @param withTables else it has none, as whoever gets it has them */
  state(entered: number, withTables = true): LeftGuest {
    const { guest, frames, waits, now } = this;
    const { module } = guest.metered;
    this.hasLeft = false;
    this.frames = [];
    this.waits = undefined;
    return {
      entered,
      frames,
      gasUsed: now.total(),
      exhausted: now.exhausted,
      memories: guest.rawMemories.map((raw) => ({ raw, growth: guest.growthOf(raw) })),
      globals: this.globals(module),
      tables: withTables ? module.tables.map(({ element }, i) => this.elements(i, element)) : [],
      droppedData: this.dropped(module, 'data'),
      droppedElements: this.dropped(module, 'elements'),
      budget: now.budget,
      wait: waits && { index: waits.index, result: waits.result },
      moved(caller) {
        waits?.caller.moveTo(caller);
        return () => waits?.caller.end();
      },
    };
  }

  private globals(module: WasmModule): LeftGuest['globals'] {
    this.saved ??= savedGlobals(module);
    if (this.saved.length === 0) return [];
    (this.guest.meterExport(METER_EXPORTS.save) as RawFunction)();
    return this.saved.map(([global, place]) => [global, this.values.get(place)] as const);
  }

  private saved: ReturnType<typeof savedGlobals> | undefined;

  /**
   * Makes the guest what another engine has made of it.
   * @returns false, and nothing changed, where it is without a segment that no code drops, or holds a function that nothing in
   *   the module refers to
   */
  comeBack(from: ReturningGuest): boolean {
    const { guest, now } = this;
    const { module } = guest.metered;
    const drops = this.dropsFor(module, from);
    if (drops === undefined) return false;
    // What no code changes would stay so where the guest is reset.
    if (from.tables.length > 0 && !module.changesTables) guest.lendMemory();
    const areKnown = from.tables.every((elements, i) => {
      const type = module.tables[i]?.element as ValType;
      return elements.every((reference) => this.functions.has(type, reference));
    });
    if (!areKnown || !this.knows(from.globals.map(([, value]) => value))) return false;
    for (const drop of drops) drop(0n);
    guest.rawMemories.forEach((raw, i) => {
      const bytes = from.bytes[i];
      if (bytes === undefined) return;
      raw.grow((bytes.length - raw.buffer.byteLength) / PAGE_BYTES);
      new Uint8Array(raw.buffer).set(bytes);
    });
    from.tables.forEach((elements, i) => {
      const table = guest.meterExport(METER_EXPORTS.table + i) as WebAssembly.Table;
      table.grow(elements.length - table.length);
      const type = module.tables[i]?.element as ValType;
      elements.forEach((reference, at) => {
        table.set(at, this.functions.toRaw(type, reference));
      });
    });
    if (from.globals.length > 0) {
      const places = slotPlaces(from.globals.map(([, { type }]) => type));
      from.globals.forEach(([, value], i) => {
        this.values.set(places[i] as SlotPlace, value);
      });
      (guest.meterExport(METER_EXPORTS.restore) as RawFunction)();
    }
    now.comeBack(from.gasUsed, from.exhausted);
    return true;
  }

  /** What drops the segments that have been dropped elsewhere; undefined where that cannot be done, or others have been dropped. */
  private dropsFor(module: WasmModule, { droppedData, droppedElements }: ReturningGuest): RawFunction[] | undefined {
    const drops: (RawFunction | undefined)[] = [];
    for (const [kind, name, there] of [
      ['data', 'data.drop', droppedData],
      ['elements', 'elem.drop', droppedElements],
    ] as const) {
      const here = new Set(this.dropped(module, kind));
      for (const segment of there) {
        if (here.delete(segment)) continue;
        const key = segmentKey({ name, a: segment, b: 0 });
        drops.push(this.guest.meterExport(METER_EXPORTS.operation + key) as RawFunction | undefined);
      }
      if (here.size > 0) return undefined;
    }
    return drops.includes(undefined) ? undefined : (drops as RawFunction[]);
  }

  /** Whether values can be given to it. */
  knows(values: readonly LeftValue[]): boolean {
    return values.every(({ type, reference }) => this.functions.has(type, reference));
  }

  private elements(number: number, type: ValType): readonly unknown[] {
    const table = this.guest.meterExport(METER_EXPORTS.table + number) as WebAssembly.Table;
    return Array.from({ length: table.length }, (_, i) => this.functions.toNumber(type, table.get(i)));
  }

  private dropped(module: WasmModule, kind: 'data' | 'elements'): readonly number[] {
    return passiveSegments(module)[kind].filter((i) => {
      const length = this.guest.meterExport(`${METER_EXPORTS.length}${kind} ${i}`) as WebAssembly.Global | undefined;
      return length?.value === (segmentLength(module, kind, i) === 0 ? -1 : 0);
    });
  }
}
