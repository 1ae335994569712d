/** Calls of a guest that was left, which go on interpreted, and natively again in the middle of them. */

import type { LeavableInstance, LeftCall } from '../../instrument/leave/instance.ts';
import type { GoneOn } from '../../instrument/leave/leaving.ts';
import type { WasmExecution } from '../../interpreter/machine/index.ts';
import { followFrames, followState, stateOf } from '../../interpreter/snapshot/arrive.ts';
import { departure, giveResults, removeFrame } from '../../interpreter/snapshot/depart.ts';
import type { Instance } from '../../interpreter/store/index.ts';
import type { Stop } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';

/** A guest that is interpreted, and was not. */
export interface Away {
  readonly native: LeavableInstance;
  /** What it is meanwhile. */
  readonly instance: Instance | undefined;
  /** What it draws on that nobody knows of natively. */
  readonly drawnLater: readonly GasBudget[];
  /** Whether it has come back in the middle of a call, for the time being. */
  isBack: boolean;
  /** It is what it is natively from now on. */
  disinherit(): void;
}

/** When a guest that is interpreted is to come back in the middle of a call. */
export const PATIENCE = {
  /** Units of gas that are interpreted first. What takes fewer is over before anything is made for it. */
  units: 50_000,
  /** Units that have to be interpreted for each byte of the function that code is made for. */
  perByte: 20,
  /** Of units natively, so many count as one of these. */
  timesFaster: 20,
};

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
  /** Units that it has been interpreted for, as {@link PATIENCE} counts them, beyond what code was made for. */
  private credit = 0;

  constructor(guest: Away) {
    this.guest = guest;
  }

  /** Advances a call, which is interpreted unless and until more than that pays. */
  advance(execution: WasmExecution, call: LeftCall, gas: bigint | undefined): Stop {
    const { native } = this.guest;
    const { tank } = this.guest.instance as Instance;
    const stopAt = execution.countAfter(gas);
    for (;;) {
      if (!execution.isReady) return 'waiting';
      const mayPay = this.credit >= PATIENCE.units || !native.continuations.isEmpty;
      const stop = mayPay ? this.goOn(execution, call, stopAt) : undefined;
      if (stop !== undefined) return stop;
      const before = tank.total();
      const patience = before + BigInt(PATIENCE.units);
      const until = stopAt === undefined || patience < stopAt ? patience : stopAt;
      const interpreted = execution.advanceTo(until);
      this.credit += Number(tank.total() - before);
      if (interpreted !== 'paused' || execution.wasAsked || until === stopAt) return interpreted;
      // It may have been left for a function that is being lowered.
      if (tank.total() <= until) return interpreted;
    }
  }

  /**
   * Goes on natively, frame by frame, with a call that is interpreted, as long as that pays.
   * @returns how the call was stopped; undefined where it is to be interpreted
   */
  private goOn(execution: WasmExecution, call: LeftCall, stopAt: bigint | undefined): Stop | undefined {
    const { guest } = this;
    const { native } = guest;
    const instance = guest.instance as Instance;
    const { continuations } = native;
    const thread = threadOf(execution);
    if (thread === undefined) return undefined;
    for (;;) {
      const leaving = departure(thread, (body) => continuations.points(body));
      if (leaving === undefined) return undefined;
      const { body, point } = leaving;
      const price = PATIENCE.perByte * continuations.costs(body, point);
      if (price > 0 && this.credit < Math.max(price, PATIENCE.units)) return undefined;
      this.credit -= price;
      if (continuations.at(body, point) === undefined) return undefined;
      const state = stateOf(instance, native.madeMemory, instance.module.changesTables);
      if (state === undefined || !native.comeBack(state)) return undefined;
      const weight = thread.depth;
      removeFrame(thread);
      const budgets = [...(call.budgets ?? []), ...guest.drawnLater];
      const { values } = call.type;
      const portion = continuations.portion(body, point);
      const mark = Number.isFinite(portion) ? state.gasUsed + BigInt(portion) : undefined;
      const until = mark === undefined || (stopAt !== undefined && stopAt < mark) ? stopAt : mark;
      let gone: GoneOn;
      guest.isBack = true;
      try {
        gone = native.goOn(leaving, { entered: call.index, weight, values, budgets, stopAt: until }) as GoneOn;
      } catch (error) {
        guest.isBack = false;
        guest.disinherit();
        throw execution.end(error);
      }
      guest.isBack = false;
      this.credit += Number(gone.state.gasUsed - state.gasUsed) / PATIENCE.timesFaster;
      followState(instance, gone.state);
      if (gone.results === undefined) {
        followFrames(execution, instance, thread, gone.state);
        if (gone.state.wait !== undefined) return 'waiting';
        if (gone.wasAsked || until === stopAt) return 'paused';
      } else if (giveResults(thread, gone.results)) return execution.advanceTo(stopAt);
    }
  }
}
