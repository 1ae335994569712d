/** Calls of a guest that was left, which go on interpreted, and natively again in the middle of them. */

import type { LeavableInstance } from '../../instrument/leave/instance.ts';
import type { GoneOn, LeftCall } from '../../instrument/leave/leaving.ts';
import type { WasmExecution } from '../../interpreter/machine/index.ts';
import { followFrames, followState, stateOf } from '../../interpreter/snapshot/arrive.ts';
import { departure, giveResults, removeFrame } from '../../interpreter/snapshot/depart.ts';
import type { Instance } from '../../interpreter/store/index.ts';
import type { Stop } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';

/** A guest that is interpreted, and was not. */
export interface Away {
  /** What it is natively; undefined where there is no code for that yet. */
  readonly native: LeavableInstance | undefined;
  /** What it is meanwhile. */
  readonly instance: Instance | undefined;
  /** Whether what goes on with it has to be given its tables. */
  readonly givesTables: boolean;
  /** What it draws on that nobody knows of natively. */
  readonly drawnLater: readonly GasBudget[];
  /** Whether it has come back in the middle of a call, for the time being. */
  isBack: boolean;
  /** It is what it is natively from now on. */
  disinherit(): void;
  /** It has been interpreted for so many milliseconds: makes code for it, little by little. */
  warm(milliseconds: number): void;
  /** Makes {@link native}, where there is code for it. */
  becomeNative(): LeavableInstance | undefined;
}

/** When a guest that is interpreted is to come back in the middle of a call. */
export const PATIENCE = {
  /** Milliseconds for which it is interpreted first. What takes less is over before anything is made for it. */
  first: 2,
  /** And for each byte of the function that code is made for. */
  perByte: 0.001,
  /** So many are to be spent on what it runs in, for each that is spent on the change. */
  perChange: 4,
  /** Milliseconds that it would have been interpreted for, for one natively, at least. */
  faster: 8,
  /** Units of gas for which it is interpreted whenever a call goes on: to go native takes about as long. */
  again: 1_000,
  /** Units between two looks at whether that pays. */
  units: 10_000,
  /** So many are a millisecond at least: clocks stand still in some places. */
  unitsPerMillisecond: 200_000,
};

/** Most times as long as usual that somebody waits who has changed in vain. */
const MOST_CAUTION = 1_024;

/** The stack of a call that goes on; undefined where what it waited for has failed. */
function threadOf(execution: WasmExecution) {
  try {
    return execution.left()?.thread;
  } catch (error) {
    if (error instanceof SnapshotError) return undefined;
    throw error;
  }
}

export class GoingOn {
  private readonly guest: Away;
  /** Milliseconds that it has run for, beyond what changes have cost. */
  private credit = 0;
  /** How many times as long it is interpreted first: twice as long each time that a change was in vain. */
  private caution = 1;
  /** Milliseconds for which it has run natively since the last change began. */
  private gained = 0;
  /** When the change began that is under way, or what it is done in. */
  private since = 0;

  constructor(guest: Away) {
    this.guest = guest;
  }

  /** Whether it has been interpreted for long enough that something else may pay. */
  get isWorthIt(): boolean {
    return this.credit >= PATIENCE.first * this.caution;
  }

  /** It has run since it was asked last, or somebody was busy with a change. */
  private spent(ran: boolean): void {
    const now = performance.now();
    const took = now - this.since;
    this.since = now;
    this.credit += ran ? took : -PATIENCE.perChange * took;
    if (ran) this.gained += took;
  }

  /** Interprets a piece of it. */
  private interpret(execution: WasmExecution, until: bigint | undefined, isShort: boolean): Stop {
    const { tank } = this.guest.instance as Instance;
    const before = tank.total();
    // To look at the clock would take as long as what is short.
    const begun = isShort ? 0 : performance.now();
    const stop = execution.advanceTo(until);
    const least = Number(tank.total() - before) / PATIENCE.unitsPerMillisecond;
    const took = isShort ? least : Math.max(performance.now() - begun, least);
    this.credit += took;
    if (this.guest.native === undefined) this.guest.warm(took);
    return stop;
  }

  /** Advances a call, which is interpreted unless and until more than that pays. */
  advance(execution: WasmExecution, call: LeftCall, gas: bigint | undefined): Stop {
    const { guest } = this;
    const { tank } = guest.instance as Instance;
    const stopAt = execution.countAfter(gas);
    for (let isShort = PATIENCE.again > 0; ; isShort = false) {
      if (!execution.isReady) return 'waiting';
      const mayPay =
        !isShort &&
        (this.isWorthIt || (this.credit >= 0 && this.caution === 1 && guest.native?.continuations.isEmpty === false));
      const stop = mayPay ? this.goOn(execution, call, stopAt) : undefined;
      if (stop !== undefined) return stop;
      const patience = tank.total() + BigInt(isShort ? PATIENCE.again : PATIENCE.units);
      const until = stopAt === undefined || patience < stopAt ? patience : stopAt;
      const interpreted = this.interpret(execution, until, isShort);
      if (interpreted !== 'paused' || execution.wasAsked || until === stopAt) return interpreted;
      const total = tank.total();
      // It may have been left for a function that is being lowered, or where the next checkpoint is far away.
      if (total <= until || (stopAt !== undefined && total > stopAt)) return interpreted;
    }
  }

  /**
   * Goes on natively, frame by frame, with a call that is interpreted, as long as that pays.
   * @returns how the call was stopped; undefined where it is to be interpreted
   */
  private goOn(execution: WasmExecution, call: LeftCall, stopAt: bigint | undefined): Stop | undefined {
    if (this.guest.becomeNative() === undefined) return undefined;
    const begun = performance.now();
    this.since = begun;
    this.gained = 0;
    try {
      return this.change(execution, call, stopAt);
    } finally {
      this.spent(false);
      const isInVain = this.gained * PATIENCE.faster < this.since - begun - this.gained;
      this.caution = isInVain ? Math.min(2 * this.caution, MOST_CAUTION) : Math.max(this.caution / 2, 1);
    }
  }

  private change(execution: WasmExecution, call: LeftCall, stopAt: bigint | undefined): Stop | undefined {
    const { guest } = this;
    const native = guest.becomeNative();
    if (native === undefined) return undefined;
    const instance = guest.instance as Instance;
    const { continuations } = native;
    const thread = threadOf(execution);
    if (thread === undefined) return undefined;
    for (;;) {
      const leaving = departure(thread, (body) => continuations.points(body));
      if (leaving === undefined || !native.knows(leaving.values)) return undefined;
      const { body, point, values: held } = leaving;
      this.spent(false);
      const price = PATIENCE.perByte * continuations.costs(body, point);
      if (this.credit < PATIENCE.perChange * price) return undefined;
      const continuation = continuations.at(body, point);
      if (continuation === undefined) return undefined;
      const state = stateOf(instance, native.madeMemories, guest.givesTables);
      if (state === undefined || !native.comeBack(state)) return undefined;
      const weight = thread.depth;
      removeFrame(thread);
      const budgets = [...(call.budgets ?? []), ...guest.drawnLater];
      const { values } = call.type;
      const portion = continuations.portion(continuation);
      const mark = Number.isFinite(portion) ? state.gasUsed + BigInt(portion) : undefined;
      const until = mark === undefined || (stopAt !== undefined && stopAt < mark) ? stopAt : mark;
      let gone: GoneOn;
      this.spent(false);
      guest.isBack = true;
      try {
        gone = native.goOn(
          { body, continuation, values: held },
          { entered: call.index, weight, values, budgets, stopAt: until },
        );
      } catch (error) {
        guest.isBack = false;
        this.spent(true);
        guest.disinherit();
        throw execution.end(error);
      }
      guest.isBack = false;
      this.spent(true);
      followState(instance, gone.state);
      execution.goneOn();
      if (gone.results === undefined) {
        followFrames(execution, instance, thread, gone.state);
        if (gone.state.wait !== undefined) return 'waiting';
        const isAt = until === stopAt || (stopAt !== undefined && gone.state.gasUsed > stopAt);
        if (gone.wasAsked || isAt) return 'paused';
      } else if (giveResults(thread, gone.results)) {
        this.spent(false);
        return execution.advanceTo(stopAt);
      }
    }
  }
}
