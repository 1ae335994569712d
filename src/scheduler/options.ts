/** What a scheduler and its tasks are told. */

import type { GasBudget } from '../../wasm/gas-budget.ts';
import { checkGasBudget } from '../call/options.ts';
import { gas, integer, milliseconds, refuse, text } from '../checks/check.ts';
import type { Checks } from '../checks/named.ts';
import { checkSignal } from '../time/signal.ts';

/** What becomes of a task when a budget that it draws on is used up. */
export type OnExhausted = 'block' | 'fail';

/** How often a scheduler changes guests, and lets the event loop go round. */
export interface SchedulerOptions {
  /** Units of gas a guest may use before it is another's turn, at least 1; 100,000 unless given. */
  readonly slice?: bigint | number | undefined;
  /** Milliseconds after which {@link Scheduler.run} lets the event loop go round; 5 unless given. Changes no order. */
  readonly yieldEvery?: number | undefined;
  /** What the gas of all tasks is drawn from; nothing unless given. */
  readonly gasBudget?: GasBudget | undefined;
  /**
   * `'block'` unless given: a task whose budget is used up goes on when more is granted. `'fail'` ends it with
   * GasExhausted.
   */
  readonly onExhausted?: OnExhausted | undefined;
}

/** The share and the turn of an execution, and what ends it. */
export interface TaskOptions {
  /** Share of gas among those of the same priority, in proportion: 1 to 1,000,000; 1 unless given. */
  readonly weight?: number | undefined;
  /** Those of a higher one always go first, and may keep all others from running: -100 to 100; 0 unless given. */
  readonly priority?: number | undefined;
  /** Whose gas budget it uses up; without one it has none. */
  readonly tenant?: string | undefined;
  /** What its gas is drawn from too; its sandbox and its call must not draw on the same. */
  readonly gasBudget?: GasBudget | undefined;
  /** The scheduler's own unless given. */
  readonly onExhausted?: OnExhausted | undefined;
  /** Milliseconds for which the guest may run, its turns taken together; no limit unless given. */
  readonly runningTimeout?: number | undefined;
  /** Milliseconds of wall-clock time from when it was added, waiting and the turns of others included; no limit unless given. */
  readonly wallClockTimeout?: number | undefined;
}

/** How far {@link Scheduler.tick} goes. */
export interface TickOptions {
  /** Units of gas for all tasks together, of which each gets its share. */
  readonly gas: bigint | number;
}

/** How {@link Scheduler.run} ends. */
export interface SchedulerRunOptions {
  /** Makes it return early, with the tasks as they stand. */
  readonly signal?: AbortSignal | undefined;
}

const MAX_WEIGHT = 1_000_000;
const MAX_PRIORITY = 100;

function onExhausted(value: unknown): OnExhausted {
  return value === 'block' || value === 'fail' ? value : refuse('onExhausted', "'block' or 'fail'", value);
}

export const SCHEDULER_CHECKS: Checks<SchedulerOptions> = {
  slice: (value) => gas('slice', value) || refuse('slice', 'at least 1 unit of gas', value),
  yieldEvery: (value) => milliseconds('yieldEvery', value),
  gasBudget: checkGasBudget,
  onExhausted,
};

export const TASK_CHECKS: Checks<TaskOptions> = {
  weight: (value) => integer('weight', value, 'share of gas', 1, MAX_WEIGHT),
  priority: (value) => integer('priority', value, 'higher goes first', -MAX_PRIORITY, MAX_PRIORITY),
  tenant: (value) => text('tenant', value),
  gasBudget: checkGasBudget,
  onExhausted,
  runningTimeout: (value) => milliseconds('runningTimeout', value),
  wallClockTimeout: (value) => milliseconds('wallClockTimeout', value),
};

export const TICK_CHECKS: Checks<TickOptions> = {
  gas: (value) => gas('the gas of a tick', value),
};

export const RUN_CHECKS: Checks<SchedulerRunOptions> = {
  signal: checkSignal,
};
