/** Many guests on one thread, each getting its share of gas. */

import { UsageError } from '../../wasm/errors.ts';
import { GasBudget } from '../../wasm/gas-budget.ts';
import { quote } from '../../wasm/quote.ts';
import { reported } from '../../wasm/reported.ts';
import { Execution } from '../call/execution.ts';
import { gas, list, text } from '../checks/check.ts';
import { checkNamed } from '../checks/named.ts';
import { nextTurn } from '../time/turn.ts';
import { BinaryHeap } from './binary-heap.ts';
import {
  type OnExhausted,
  RUN_CHECKS,
  SCHEDULER_CHECKS,
  type SchedulerOptions,
  type SchedulerRunOptions,
  TASK_CHECKS,
  type TaskOptions,
  TICK_CHECKS,
  type TickOptions,
} from './options.ts';
import {
  checkState,
  RESTORE_CHECKS,
  type RestoreSchedulerOptions,
  type SchedulerState,
  saveScheduler,
} from './state.ts';
import { Task } from './task.ts';

/** A tenant's gas, since the scheduler was made. */
export interface TenantFigures {
  /**
   * Units that its guests have counted. May pass the budget, by the segments at whose beginning they were left: these
   * have not been run, and are paid for before they are.
   */
  readonly gasUsed: bigint;
  /** Units that it was granted in all; undefined is without limit. */
  readonly gasBudget: bigint | undefined;
}

interface Tenant {
  readonly name: string;
  gasUsed: bigint;
  budget: GasBudget | undefined;
  /** Units that it had used before it had a budget, and the budget did not hold. */
  owed: number;
  /** Those that have not ended. */
  readonly tasks: Set<Task>;
}

/**
 * Runs executions in turn. Among those of one priority, gas is shared in proportion to the weights, however much of it
 * each uses between two checkpoints. Which one is next follows from the gas that all have used and the order in which
 * they were added, and from nothing else: the same executions are run in the same order every time, as long as none
 * waits for something from outside, or has a time-out.
 *
 * An execution is the scheduler's until it has ended: nobody else steps or runs it.
 */
export class Scheduler {
  private readonly slice: bigint;
  private readonly yieldEvery: number;
  private readonly gasBudget: GasBudget | undefined;
  private readonly onExhausted: OnExhausted;
  private readonly ready = new BinaryHeap<Task>(isBefore);
  private readonly tenants = new Map<string, Tenant>();
  /** Virtual time by priority: that of the last one that ran. Whoever comes later begins there. */
  private readonly now = new Map<number, bigint>();
  private readonly waiting = new Set<Task>();
  /** Those that a budget keeps from going on, and what ends listening to it. */
  private readonly blocked = new Map<GasBudget, { readonly tasks: Set<Task>; readonly stop: () => void }>();
  /** In the order of addition. */
  private readonly open = new Set<Task>();
  private added = 0;
  private isRunning = false;
  /** Whose slice it is. */
  private running: Task | undefined;
  /** When the event loop went round last, as far as is known. */
  private turnBegan = Number.NEGATIVE_INFINITY;
  /** Ends the wait of {@link run} for something to do. */
  private wake: (() => void) | undefined;

  /** @throws UsageError */
  constructor(options: SchedulerOptions = {}) {
    const given = checkNamed<SchedulerOptions>('a scheduler', options, SCHEDULER_CHECKS);
    this.slice = BigInt(given.slice ?? 100_000n);
    this.yieldEvery = given.yieldEvery ?? 5;
    this.gasBudget = given.gasBudget;
    this.onExhausted = given.onExhausted ?? 'block';
  }

  /**
   * Takes an execution in.
   * @throws UsageError where it is running, or has ended, or draws on the budget itself
   */
  add<T>(execution: Execution<T>, options: TaskOptions = {}): Task<T> {
    if (!(execution instanceof Execution)) throw new UsageError('a scheduler takes executions, as start() makes them');
    const given = checkNamed<TaskOptions>('a task', options, TASK_CHECKS);
    if (execution.state === 'running' || execution.state === 'done' || execution.state === 'failed') {
      throw new UsageError(
        `the execution of ${quote(execution.name)} is ${execution.state}: only others can be scheduled`,
      );
    }
    const tenant = given.tenant === undefined ? undefined : this.tenantOf(given.tenant);
    for (const budget of [this.gasBudget, tenant?.budget, given.gasBudget]) requireForeign(execution, budget);
    const task = new Task(execution, this.added++, given, this.onExhausted) as Task;
    if (this.gasBudget !== undefined) task.accounts.add(this.gasBudget);
    if (tenant?.budget !== undefined) task.accounts.add(tenant.budget);
    if (given.gasBudget !== undefined) task.accounts.add(given.gasBudget);
    tenant?.tasks.add(task);
    this.open.add(task);
    execution.onCharge(() => this.count(task));
    execution.onEnd(() => this.close(task, tenant));
    this.place(task);
    this.wake?.();
    return task as Task<T>;
  }

  /** Whoever has ended it: it is not waited for any more, and no longer in anybody's way. */
  private close(task: Task, tenant: Tenant | undefined): void {
    this.count(task);
    for (const [budget, { tasks }] of this.blocked) if (tasks.delete(task)) this.forget(budget);
    task.enter('ended');
    this.open.delete(task);
    tenant?.tasks.delete(task);
    if (this.waiting.delete(task)) this.wake?.();
  }

  /**
   * Gives a tenant gas beside what it was given before; the first time it is then limited to that. Or says what budget
   * the tenant draws on from now on, which others may draw on too.
   * @throws UsageError, also for another budget where it has one
   */
  grant(tenant: string, gasGranted: bigint | number | GasBudget): void {
    const found = this.tenantOf(text('tenant', tenant));
    if (found.budget === undefined) {
      const budget = gasGranted instanceof GasBudget ? gasGranted : new GasBudget(gas('the gas granted', gasGranted));
      for (const { execution } of found.tasks) requireForeign(execution, budget);
      // What it has used before counts, unless others have a part in the budget.
      if (budget !== gasGranted) found.owed = budget.take(Number(found.gasUsed));
      found.budget = budget;
      for (const task of found.tasks) task.accounts.add(budget);
      return;
    }
    if (gasGranted instanceof GasBudget) {
      if (gasGranted === found.budget) return;
      throw new UsageError(`the tenant ${quote(tenant)} has a budget already: grant it more gas`);
    }
    const units = gas('the gas granted', gasGranted);
    const first = units < BigInt(found.owed) ? Number(units) : found.owed;
    found.owed -= first;
    found.budget.grant(units);
    found.budget.take(first);
  }

  /** Undefined for a tenant that it has never heard of. */
  tenant(name: string): TenantFigures | undefined {
    if (this.running !== undefined) this.count(this.running);
    const found = this.tenants.get(name);
    return found && reported({ gasUsed: found.gasUsed, gasBudget: found.budget?.granted });
  }

  /** Tasks that have not ended. */
  get size(): number {
    return this.open.size;
  }

  /** Those, in the order in which they were added. */
  get tasks(): readonly Task[] {
    return [...this.open];
  }

  /**
   * Runs the next task for one slice.
   * @returns it, or undefined where none can run
   */
  step(): Task | undefined {
    for (;;) {
      const task = this.ready.pop();
      if (task === undefined) return undefined;
      if (!this.mayRun(task)) continue;
      this.now.set(task.priority, task.virtualTime);
      this.runFor(task, this.slice);
      return task;
    }
  }

  /**
   * Gives each task that can run its share of some gas, by its weight, and returns: those of a higher priority first, and
   * then in the order in which they were added. What a guest uses beyond its share, to its next checkpoint, is taken off
   * the next tick's; what it leaves, since it has to wait, is nobody's. For programs that have a clock of their own, such
   * as a game's; what guests wait for comes between two ticks.
   * @returns the tasks that have run
   * @throws UsageError
   */
  tick(options: TickOptions): readonly Task[] {
    const { gas: units } = checkNamed<TickOptions>('a tick', options, TICK_CHECKS);
    if (units === undefined) throw new UsageError('a tick needs the option "gas": units for all tasks together');
    const able: Task[] = [];
    for (let task = this.ready.pop(); task !== undefined; task = this.ready.pop())
      if (this.mayRun(task)) able.push(task);
    able.sort((a, b) => b.priority - a.priority || a.number - b.number);
    const weights = BigInt(able.reduce((sum, { weight }) => sum + weight, 0));
    const ran: Task[] = [];
    for (const task of able) {
      task.credit += (BigInt(units) * BigInt(task.weight)) / weights;
      // Another one's host function may have ended it meanwhile, or used up its budget.
      if (task.credit <= 0n || !this.mayRun(task)) {
        if (task.state === 'ready') this.place(task);
        continue;
      }
      const before = task.gasUsed;
      this.runFor(task, task.credit);
      const left = task.credit - (task.gasUsed - before);
      task.credit = left < 0n ? left : 0n;
      ran.push(task);
    }
    return ran;
  }

  /** Whether its turn has come; where it has not, it is put where it belongs. */
  private mayRun(task: Task): boolean {
    if (task.state === 'ended') return false;
    task.endIfLate();
    // Its time was over.
    if (task.execution.error !== undefined) return false;
    const budget = task.accounts.settle();
    if (budget === undefined) return true;
    if (task.onExhausted === 'fail') task.execution.abort(budget.exhausted());
    else this.block(task, budget);
    return false;
  }

  private block(task: Task, budget: GasBudget): void {
    let found = this.blocked.get(budget);
    if (found === undefined) {
      found = { tasks: new Set(), stop: budget.onMore(() => this.unblock(budget)) };
      this.blocked.set(budget, found);
    }
    found.tasks.add(task);
    task.enter('blocked');
  }

  private unblock(budget: GasBudget): void {
    const found = this.blocked.get(budget);
    if (found === undefined || budget.remaining === 0n) return;
    for (const task of found.tasks) this.place(task);
    found.tasks.clear();
    this.forget(budget);
    this.wake?.();
  }

  /** Does not listen where nobody is blocked. */
  private forget(budget: GasBudget): void {
    const found = this.blocked.get(budget);
    if (found === undefined || found.tasks.size > 0) return;
    found.stop();
    this.blocked.delete(budget);
  }

  /** Runs a task for so many units, or as many as its budgets have, and puts it where it then belongs. */
  private runFor(task: Task, units: bigint): void {
    const before = task.virtualTime;
    const outer = this.running;
    this.running = task;
    const began = performance.now();
    try {
      task.execution.step(task.accounts.within(units));
    } finally {
      this.running = outer;
      task.ran += performance.now() - began;
    }
    this.count(task);
    // A guest that waits without using anything would else be the next one again and again.
    if (task.virtualTime === before) task.age(1n);
    task.endIfLate();
    this.place(task);
  }

  /** Takes note of the gas that a task has used, in its slice or while it waits. */
  private count(task: Task): void {
    const used = task.gasUsed - task.counted;
    if (used === 0n) return;
    task.counted += used;
    if (task.tenant !== undefined) this.tenantOf(task.tenant).gasUsed += used;
    task.accounts.take(Number(used));
    task.age(used);
  }

  /** Puts a task where its state belongs. */
  private place(task: Task): void {
    const { execution } = task;
    switch (execution.state) {
      case 'done':
      case 'failed':
        break;
      case 'waiting':
        task.enter('waiting');
        this.waiting.add(task);
        void execution.whenReady().then(() => {
          if (!this.waiting.delete(task)) return;
          this.place(task);
          this.wake?.();
        });
        break;
      default: {
        task.enter('ready');
        // Nobody saves up gas by being away.
        const now = this.now.get(task.priority) ?? 0n;
        if (task.virtualTime < now) task.virtualTime = now;
        this.ready.push(task);
      }
    }
  }

  private tenantOf(name: string): Tenant {
    let tenant = this.tenants.get(name);
    if (tenant === undefined) {
      tenant = { name, gasUsed: 0n, budget: undefined, owed: 0, tasks: new Set() };
      this.tenants.set(name, tenant);
    }
    return tenant;
  }

  /**
   * Runs tasks until every one has ended, or is blocked by a budget; those that are added meanwhile too. The event loop
   * goes round whenever `yieldEvery` is over, also between one run and the next, and before it returns where tasks are
   * blocked.
   * @throws UsageError where it is running already
   */
  async run(options: SchedulerRunOptions = {}): Promise<void> {
    const { signal } = checkNamed<SchedulerRunOptions>('a run', options, RUN_CHECKS);
    if (this.isRunning) throw new UsageError('the scheduler is running already');
    this.isRunning = true;
    const stop = () => this.wake?.();
    signal?.addEventListener('abort', stop);
    try {
      while (!signal?.aborted) {
        if (this.step() === undefined) {
          if (this.waiting.size === 0) {
            if (this.open.size > 0) await this.turn();
            return;
          }
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
          this.wake = undefined;
        }
        // Promises that settle at once, one after another, would keep the event loop from going round.
        if (performance.now() - this.turnBegan >= this.yieldEvery) await this.turn();
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.isRunning = false;
    }
  }

  private async turn(): Promise<void> {
    await nextTurn();
    this.turnBegan = performance.now();
  }

  /**
   * How everything stands but the guests themselves, for JSON: `sandbox.snapshot()` saves those. Between two steps, ticks
   * or runs.
   * @throws UsageError while a task runs, and for tasks with a budget of their own: others may have a part in it
   */
  save(): SchedulerState {
    if (this.running !== undefined) throw new UsageError('a task is running: save the scheduler between two steps');
    return saveScheduler({
      slice: this.slice,
      yieldEvery: this.yieldEvery,
      onExhausted: this.onExhausted,
      tasks: [...this.open],
      tenants: this.tenants.values(),
      now: this.now,
    });
  }

  /**
   * A scheduler that goes on where another was saved.
   * @param executions of the guests as they were restored, in the order in which {@link Scheduler.tasks} had them
   * @throws UsageError where they do not fit, or it is no state of a scheduler
   */
  static restore(
    state: SchedulerState,
    executions: readonly Execution[],
    options: RestoreSchedulerOptions = {},
  ): Scheduler {
    const saved = checkState(state);
    const { gasBudget, tenants = {} } = checkNamed<RestoreSchedulerOptions>('restoring', options, RESTORE_CHECKS);
    if (list('the executions', executions).length !== saved.tasks.length) {
      throw new UsageError(`there were ${saved.tasks.length} tasks, and there are ${executions.length} executions`);
    }
    const { slice, yieldEvery, onExhausted } = saved;
    const scheduler = new Scheduler({ slice: BigInt(slice), yieldEvery, onExhausted, gasBudget });
    for (const [name, { gasUsed, budget, owed }] of Object.entries(saved.tenants)) {
      const own = Object.hasOwn(tenants, name) ? tenants[name] : undefined;
      const tenant = scheduler.tenantOf(name);
      tenant.gasUsed = BigInt(gasUsed);
      tenant.budget = own ?? (budget === undefined ? undefined : GasBudget.from(budget));
      tenant.owed = own === undefined ? owed : 0;
    }
    for (const [priority, time] of Object.entries(saved.now)) scheduler.now.set(Number(priority), BigInt(time));
    for (const [i, { name, virtualTime, credit, owed, ...settings }] of saved.tasks.entries()) {
      const execution = executions[i] as Execution;
      if (execution instanceof Execution && execution.name !== name) {
        throw new UsageError(`task ${i + 1} was of ${quote(name)}, and the execution is of ${quote(execution.name)}`);
      }
      const task = scheduler.add(execution, settings);
      task.virtualTime = BigInt(virtualTime);
      task.credit = BigInt(credit);
      task.accounts.owed = owed;
    }
    // They were placed before it was known when their turn is.
    const placed: Task[] = [];
    for (let task = scheduler.ready.pop(); task !== undefined; task = scheduler.ready.pop()) placed.push(task);
    for (const task of placed) scheduler.ready.push(task);
    return scheduler;
  }
}

/** @throws UsageError where an execution draws on a budget already: it would pay twice */
function requireForeign(execution: Execution, budget: GasBudget | undefined): void {
  if (budget === undefined || !execution.drawsOn(budget)) return;
  throw new UsageError(
    `the execution of ${quote(execution.name)} draws on this budget itself: give it to the sandbox and the call, or to the scheduler`,
  );
}

function isBefore(a: Task, b: Task): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.virtualTime !== b.virtualTime) return a.virtualTime < b.virtualTime;
  return a.number < b.number;
}
