/**
 * Leaves a guest: has its frames say what they hold while they return, one by one, and takes down what is outside of
 * them. What comes of it is for whoever goes on with the guest; it names nothing of the engine's but its memory.
 */

import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { HostError, type ResourceFigures } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { HostGas, WasmValue } from '../../wasm/host.ts';
import type { PendingResult } from '../../wasm/host-call.ts';
import type { LeftFrame, LeftGuest, LeftValue, LeftWait, ReturningGuest } from '../../wasm/left.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { planFunction } from '../../wasm/plan.ts';
import { FUNCREF, type FuncType, V128, type ValType } from '../../wasm/types.ts';
import type { RawFunction } from '../host.ts';
import type { HostCaller } from '../host-caller.ts';
import { METER_EXPORTS, savedGlobals, segmentLength } from '../layout.ts';
import type { Leavable, MeteredInstance } from '../metered-instance.ts';
import { LeavableCaller } from './caller.ts';
import { LeavableMeter } from './meter.ts';
import { type LeavePoints, leavePoints } from './points.ts';
import { type SlotPlace, slotPlaces } from './slots.ts';

const PROMISE = 'a host function returned a promise';

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
  private readonly points = new Map<number, LeavePoints>();
  private waits: (LeftWait & { readonly caller: LeavableCaller }) | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(limits: InstanceLimits, slices: Slices | undefined) {
    this.limits = limits;
    this.slices = slices;
  }

  meter(): LeavableMeter {
    this.now = new LeavableMeter(this.limits, this.slices);
    return this.now;
  }

  /** Says whose it is. */
  of(guest: MeteredInstance): void {
    this.guest = guest;
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
   * @param gas units beyond which it is; undefined: where it has to wait, or the clock says so
   * @throws RuntimeError, and whatever a host function threw
   */
  call(
    raw: RawFunction,
    index: number,
    type: FuncType,
    args: readonly WasmValue[],
    budgets: readonly GasBudget[] | undefined,
    gas: bigint | undefined,
  ): Ending {
    const { guest, now } = this;
    const { module } = guest.metered;
    if (guest.store.isEntered) return { results: guest.invoke(raw, index, type, args, budgets) };
    const body = index - module.importedFunctions;
    this.enteredAt = body < 0 ? undefined : now.total() + BigInt(planFunction(module, body).entryCost);
    this.isUnderWay = true;
    now.allow(true, gas === undefined ? undefined : now.total() + gas);
    try {
      const results = guest.invoke(raw, index, type, args, budgets);
      if (this.failure !== undefined) throw this.failure.error;
      return this.hasLeft ? { left: this.state(index) } : { results };
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
    if (this.failure !== undefined) return;
    try {
      this.frames.unshift(this.frame(body, point));
    } catch (error) {
      this.failure = { error };
    }
  }

  figures(): ResourceFigures {
    return this.now.figures();
  }

  private frame(body: number, number: number): LeftFrame {
    let points = this.points.get(body);
    if (points === undefined) {
      points = leavePoints(this.guest.metered.module, body);
      this.points.set(body, points);
    }
    const { kind, offset, locals, operands } = points.points[number] as LeavePoints['points'][number];
    const types = points.locals;
    const places = slotPlaces([...locals.map((local) => types[local] as ValType), ...operands]);
    const values = places.map((place) => this.slot(place));
    return {
      body,
      kind,
      offset,
      locals: locals.map((local, i) => [local, values[i] as LeftValue] as const),
      operands: values.slice(locals.length),
    };
  }

  private slot({ type, kind, first }: SlotPlace): LeftValue {
    const at = (place: number) => this.global(`${METER_EXPORTS.slot}${kind} ${place}`).value;
    const value = at(first);
    if (kind === 'i32') return { type, words: [value as number], reference: null };
    if (kind === 'i64') {
      const halves = type === V128 ? [value, at(first + 1)] : [value];
      return { type, words: halves.flatMap((half) => wordsOf(half as bigint)), reference: null };
    }
    return { type, words: [], reference: this.referenceOf(type, value) };
  }

  private global(name: string): WebAssembly.Global {
    return this.guest.meterExport(name) as WebAssembly.Global;
  }

  private functions: Map<unknown, number> | undefined;

  /** A function is named by its number. */
  private referenceOf(type: ValType, value: unknown): unknown {
    if (type !== FUNCREF || value === null) return value;
    this.functions ??= this.referable();
    const number = this.functions.get(value);
    if (number === undefined) throw new HostError('the guest holds a function that is none of its module');
    return number;
  }

  private referable(): Map<unknown, number> {
    const found = new Map<unknown, number>();
    const table = this.guest.meterExport(METER_EXPORTS.functions) as WebAssembly.Table | undefined;
    const { referable = [] } = this.guest.metered;
    for (const [place, number] of referable.entries()) found.set(table?.get(place), number);
    return found;
  }

  /** All that the guest is, where it was left. */
  state(entered: number): LeftGuest {
    const { guest, frames, waits, now } = this;
    const { module } = guest.metered;
    this.hasLeft = false;
    this.frames = [];
    this.waits = undefined;
    this.functions = undefined;
    this.points.clear();
    const { rawMemory } = guest;
    return {
      entered,
      frames,
      gasUsed: now.total(),
      exhausted: now.exhausted,
      memory: rawMemory && { raw: rawMemory, growth: guest.growthOf(rawMemory) },
      globals: this.globals(module),
      tables: module.tables.map(({ element }, i) => this.elements(i, element)),
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
    (this.guest.meterExport(METER_EXPORTS.save) as RawFunction)();
    return savedGlobals(module).map(([global, place]) => [global, this.slot(place)] as const);
  }

  /**
   * Makes the guest what another engine has made of it.
   * @returns false, and nothing changed, where it has dropped a segment there
   */
  comeBack(from: ReturningGuest): boolean {
    const { guest, now } = this;
    const { module, referable = [] } = guest.metered;
    for (const [kind, there] of [
      ['data', from.droppedData],
      ['elements', from.droppedElements],
    ] as const) {
      if (there.join() !== this.dropped(module, kind).join()) return false;
    }
    const { rawMemory } = guest;
    if (from.bytes !== undefined && rawMemory !== undefined) {
      rawMemory.grow((from.bytes.length - rawMemory.buffer.byteLength) / PAGE_BYTES);
      new Uint8Array(rawMemory.buffer).set(from.bytes);
    }
    const functions = guest.meterExport(METER_EXPORTS.functions) as WebAssembly.Table | undefined;
    const rawOf = (type: ValType, reference: unknown) =>
      type === FUNCREF && reference !== null ? functions?.get(referable.indexOf(reference as number)) : reference;
    from.tables.forEach((elements, i) => {
      const table = guest.meterExport(METER_EXPORTS.table + i) as WebAssembly.Table;
      table.grow(elements.length - table.length);
      const type = module.tables[i]?.element as ValType;
      elements.forEach((reference, at) => {
        table.set(at, rawOf(type, reference));
      });
    });
    const places = slotPlaces(from.globals.map(([, { type }]) => type));
    from.globals.forEach(([, { type, words, reference }], i) => {
      const { kind, first } = places[i] as SlotPlace;
      const put = (place: number, content: unknown) => {
        this.global(`${METER_EXPORTS.slot}${kind} ${place}`).value = content;
      };
      if (kind === 'i32') put(first, words[0]);
      else if (kind !== 'i64') put(first, rawOf(type, reference));
      else for (let word = 0; word < words.length; word += 2) put(first + word / 2, bigintOf(words, word));
    });
    (guest.meterExport(METER_EXPORTS.restore) as RawFunction)();
    now.comeBack(from.gasUsed, from.exhausted);
    return true;
  }

  private elements(number: number, type: ValType): readonly unknown[] {
    const table = this.guest.meterExport(METER_EXPORTS.table + number) as WebAssembly.Table;
    return Array.from({ length: table.length }, (_, i) => this.referenceOf(type, table.get(i)));
  }

  private dropped(module: WasmModule, kind: 'data' | 'elements'): readonly number[] {
    const found: number[] = [];
    for (let i = 0; i < module[kind].length; i++) {
      const length = this.guest.meterExport(`${METER_EXPORTS.length}${kind} ${i}`) as WebAssembly.Global | undefined;
      const after = segmentLength(module, kind, i) === 0 ? -1 : 0;
      const isActive = module[kind].mode(i) !== 'passive';
      if (isActive || length?.value === after) found.push(i);
    }
    return found;
  }
}

function bigintOf(words: readonly number[], at: number): bigint {
  return (BigInt(words[at + 1] as number) << 32n) | BigInt((words[at] as number) >>> 0);
}

function wordsOf(value: bigint): readonly number[] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}
