/** A scheduler as JSON, without its guests: these are saved by their sandboxes. */

import { UsageError } from '../../wasm/errors.ts';
import type { GasBudget, GasBudgetState } from '../../wasm/gas-budget.ts';
import { quote } from '../../wasm/quote.ts';
import { checkGasBudget } from '../call/options.ts';
import { integer, list, milliseconds, record, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { type OnExhausted, SCHEDULER_CHECKS, TASK_CHECKS } from './options.ts';
import type { Task } from './task.ts';

/** Of a task: what it was added with, and how it stands. Gas and virtual time are decimal digits. */
export interface TaskSaved {
  /** Of the exported function that it calls. */
  readonly name: string;
  readonly weight: number;
  readonly priority: number;
  readonly tenant?: string | undefined;
  readonly onExhausted: OnExhausted;
  /** What is left of its times, in milliseconds. */
  readonly runningTimeout?: number | undefined;
  readonly wallClockTimeout?: number | undefined;
  readonly virtualTime: string;
  readonly credit: string;
  /** Units for which budgets have still to pay: the scheduler's, then the tenant's. */
  readonly owed: readonly number[];
}

/** Of a tenant. */
export interface TenantSaved {
  readonly gasUsed: string;
  readonly budget?: GasBudgetState | undefined;
  readonly owed: number;
}

/** As {@link Scheduler.save} gives it, and JSON has it. */
export interface SchedulerState {
  readonly slice: string;
  readonly yieldEvery: number;
  readonly onExhausted: OnExhausted;
  /** In the order in which {@link Scheduler.tasks} has them. */
  readonly tasks: readonly TaskSaved[];
  readonly tenants: Readonly<Record<string, TenantSaved>>;
  /** Virtual time by priority. */
  readonly now: Readonly<Record<string, string>>;
}

/** What is no part of a scheduler's state, since others have a part in it. */
export interface RestoreSchedulerOptions {
  /** What the gas of all tasks is drawn from. */
  readonly gasBudget?: GasBudget | undefined;
  /** What tenants draw on, in the place of what was saved for them. */
  readonly tenants?: Readonly<Record<string, GasBudget>> | undefined;
}

export const RESTORE_CHECKS: Checks<RestoreSchedulerOptions> = {
  gasBudget: checkGasBudget,
  tenants: (value) => mapped('tenants', value, (budget) => checkGasBudget(budget)),
};

/** What is saved of a scheduler. */
export interface SavedParts {
  readonly slice: bigint;
  readonly yieldEvery: number;
  readonly onExhausted: OnExhausted;
  readonly tasks: readonly Task[];
  readonly tenants: Iterable<{ name: string; gasUsed: bigint; budget: GasBudget | undefined; owed: number }>;
  readonly now: ReadonlyMap<number, bigint>;
}

/** @throws UsageError where a task has a budget of its own */
export function saveScheduler({ slice, yieldEvery, onExhausted, tasks, tenants, now }: SavedParts): SchedulerState {
  return {
    slice: String(slice),
    yieldEvery,
    onExhausted,
    tasks: tasks.map((task) => ({
      name: task.execution.name,
      weight: task.weight,
      priority: task.priority,
      ...(task.tenant === undefined ? {} : { tenant: task.tenant }),
      onExhausted: task.onExhausted,
      ...task.timesLeft,
      virtualTime: String(task.virtualTime),
      credit: String(task.credit),
      owed: task.hasOwnBudget ? refuseOwn(task) : task.accounts.owed,
    })),
    tenants: Object.fromEntries(
      [...tenants].map(({ name, gasUsed, budget, owed }) => [
        name,
        { gasUsed: String(gasUsed), ...(budget === undefined ? {} : { budget: budget.toJSON() }), owed },
      ]),
    ),
    now: Object.fromEntries([...now].map(([priority, time]) => [String(priority), String(time)])),
  };
}

function refuseOwn({ execution: { name } }: Task): never {
  throw new UsageError(
    `the task of ${quote(name)} has a budget of its own, which the scheduler cannot save: give it to a tenant`,
  );
}

/** An integer in as many digits as 64 bits of gas in virtual time have. */
function digits(what: string, value: unknown): string {
  if (typeof value === 'string' && /^-?\d{1,40}$/.test(value)) return value;
  return refuse(what, 'an integer in decimal digits', value);
}

/** An object with its values checked; without a prototype, as tenants are named by anybody. */
function mapped<T>(what: string, value: unknown, check: (value: unknown, name: string) => T): Record<string, T> {
  const checked: Record<string, T> = Object.create(null);
  for (const [name, item] of Object.entries(record(what, value))) checked[name] = check(item, name);
  return checked;
}

const TASK_STATE: Checks<TaskSaved> = {
  name: (value) => text('name', value),
  weight: TASK_CHECKS.weight,
  priority: TASK_CHECKS.priority,
  tenant: TASK_CHECKS.tenant,
  onExhausted: TASK_CHECKS.onExhausted,
  runningTimeout: (value) => milliseconds('runningTimeout', value),
  wallClockTimeout: (value) => milliseconds('wallClockTimeout', value),
  virtualTime: (value) => digits('virtualTime', value),
  credit: (value) => digits('credit', value),
  owed: (value) => list('owed', value).map((units) => integer('owed', units, 'units', 0)),
};

const TENANT_STATE: Checks<TenantSaved> = {
  gasUsed: (value) => digits('gasUsed', value),
  // GasBudget.from looks at it.
  budget: (value) => value as GasBudgetState,
  owed: (value) => integer('owed', value, 'units', 0),
};

const SCHEDULER_STATE: Checks<SchedulerState> = {
  slice: (value) => String(SCHEDULER_CHECKS.slice(BigInt(digits('slice', value)))),
  yieldEvery: SCHEDULER_CHECKS.yieldEvery,
  onExhausted: SCHEDULER_CHECKS.onExhausted,
  tasks: (value) => list('tasks', value).map((task) => complete<TaskSaved>('a task', task, TASK_STATE)),
  tenants: (value) => mapped('tenants', value, (tenant) => complete<TenantSaved>('a tenant', tenant, TENANT_STATE)),
  now: (value) =>
    mapped('now', value, (time, priority) => {
      TASK_CHECKS.priority(Number(priority));
      return digits('a time', time);
    }),
};

const OPTIONAL = new Set(['tenant', 'runningTimeout', 'wallClockTimeout', 'budget']);

function complete<T>(what: string, value: unknown, checks: Checks<T>): T {
  const given = checkNamed<T>(`the state of ${what}`, value, checks);
  for (const name of Object.keys(checks)) {
    if (!Object.hasOwn(given, name) && !OPTIONAL.has(name)) {
      throw new UsageError(`the state of ${what} has no ${quote(name)}`);
    }
  }
  return given as T;
}

/** @throws UsageError where it is no state of a scheduler */
export function checkState(state: unknown): SchedulerState {
  return complete('a scheduler', state, SCHEDULER_STATE);
}
