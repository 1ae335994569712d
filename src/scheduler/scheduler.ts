/** Many guests on one thread, each getting its share of gas. */

import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import { Execution } from '../call/execution.ts';
import { gas, integer, milliseconds, refuse, text } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { nextTurn } from '../time/turn.ts';
import { BinaryHeap } from './binary-heap.ts';

/** How often a scheduler changes guests, and lets the event loop go round. */
export interface SchedulerOptions {
  /** Units of gas a guest may use before it is another's turn, at least 1; 100,000 unless given. */
  readonly slice?: bigint | number | undefined;
  /** Milliseconds after which {@link Scheduler.run} lets the event loop go round; 5 unless given. Changes no order. */
  readonly yieldEvery?: number | undefined;
}

/** The share and the turn of an execution. */
export interface TaskOptions {
  /** Share of gas among those of the same priority, in proportion: 1 to 1,000,000; 1 unless given. */
  readonly weight?: number | undefined;
  /** Those of a higher one always go first, and may keep all others from running: -100 to 100; 0 unless given. */
  readonly priority?: number | undefined;
  /** Whose gas budget it uses up; without one it has none. */
  readonly tenant?: string | undefined;
}

/** `ready` for its turn; `waiting` for a promise; `blocked`: its tenant's budget is used up; `ended`. */
export type TaskState = 'ready' | 'waiting' | 'blocked' | 'ended';

/** A tenant's gas, since the scheduler was made. */
export interface TenantFigures {
  /** Units that its guests have used. May pass the budget, by what lies between two checkpoints of a guest. */
  readonly gasUsed: bigint;
  /** Units that it was given in all; undefined is without limit. */
  readonly gasBudget: bigint | undefined;
}

const MAX_WEIGHT = 1_000_000;
const MAX_PRIORITY = 100;
/** Virtual time for a unit of gas of a guest of weight 1: divisible without loss by most weights. */
const UNIT = 720_720_000_000n;

const SCHEDULER_CHECKS: Checks<SchedulerOptions> = {
  slice: (value) => gas('slice', value) || refuse('slice', 'at least 1 unit of gas', value),
  yieldEvery: (value) => milliseconds('yieldEvery', value),
};

const TASK_CHECKS: Checks<TaskOptions> = {
  weight: (value) => integer('weight', value, 'share of gas', 1, MAX_WEIGHT),
  priority: (value) => integer('priority', value, 'higher goes first', -MAX_PRIORITY, MAX_PRIORITY),
  tenant: (value) => text('tenant', value),
};

interface Tenant {
  readonly name: string;
  gasUsed: bigint;
  gasBudget: bigint | undefined;
  /** In the order in which they were blocked. */
  readonly blocked: Task[];
}

/** Made by {@link Scheduler.add}. */
export class Task<T = unknown> {
  readonly execution: Execution<T>;
  /** What the execution ends with. Whoever does not look at it does not have to see it rejected. */
  readonly result: Promise<T>;
  readonly weight: number;
  readonly priority: number;
  readonly tenant: string | undefined;
  /** @internal Order of addition. */
  readonly number: number;
  /** @internal Gas it has had, by its weight: whoever has least is next. */
  virtualTime = 0n;
  /** @internal Units that its tenant has been told of. */
  counted: bigint;
  /** @internal */
  phase: TaskState = 'ready';

  /** @internal */
  constructor(execution: Execution<T>, number: number, weight: number, priority: number, tenant: string | undefined) {
    this.execution = execution;
    this.counted = execution.gasUsed;
    this.number = number;
    this.weight = weight;
    this.priority = priority;
    this.tenant = tenant;
    this.result = new Promise<T>((resolve, reject) => {
      execution.onEnd(() => {
        if (execution.state === 'failed') reject(execution.error);
        else resolve(execution.result);
      });
    });
    this.result.catch(() => undefined);
  }

  /** Whether its turn can come. */
  get state(): TaskState {
    return this.phase;
  }

  /** Units of gas it has used. */
  get gasUsed(): bigint {
    return this.execution.gasUsed;
  }
}

/**
 * Runs executions in turn. Among those of one priority, gas is shared in proportion to the weights, however much of it
 * each uses between two checkpoints. Which one is next follows from the gas that all have used and the order in which
 * they were added, and from nothing else: the same executions are run in the same order every time, as long as none
 * waits for something from outside.
 *
 * An execution is the scheduler's until it has ended: nobody else steps or runs it.
 */
export class Scheduler {
  private readonly slice: bigint;
  private readonly yieldEvery: number;
  private readonly ready = new BinaryHeap<Task>(isBefore);
  private readonly tenants = new Map<string, Tenant>();
  /** Virtual time by priority: that of the last one that ran. Whoever comes later begins there. */
  private readonly now = new Map<number, bigint>();
  private readonly waiting = new Set<Task>();
  private added = 0;
  private ended = 0;
  private isRunning = false;
  /** Whose slice it is. */
  private running: Task | undefined;
  /** Ends the wait of {@link run} for something to do. */
  private wake: (() => void) | undefined;

  /** @throws UsageError */
  constructor(options: SchedulerOptions = {}) {
    const { slice = 100_000n, yieldEvery = 5 } = checkNamed<SchedulerOptions>('a scheduler', options, SCHEDULER_CHECKS);
    this.slice = BigInt(slice);
    this.yieldEvery = yieldEvery;
  }

  /**
   * Takes an execution in.
   * @throws UsageError where it is running, or has ended
   */
  add<T>(execution: Execution<T>, options: TaskOptions = {}): Task<T> {
    if (!(execution instanceof Execution)) throw new UsageError('a scheduler takes executions, as start() makes them');
    const { weight = 1, priority = 0, tenant } = checkNamed<TaskOptions>('a task', options, TASK_CHECKS);
    if (execution.state === 'running' || execution.state === 'done' || execution.state === 'failed') {
      throw new UsageError(
        `the execution of ${quote(execution.name)} is ${execution.state}: only others can be scheduled`,
      );
    }
    const task = new Task(execution, this.added++, weight, priority, tenant);
    if (tenant !== undefined) this.tenantOf(tenant);
    execution.onCharge(() => this.count(task as Task));
    // Whoever ends it: it is not waited for any more, and no longer in anybody's way.
    execution.onEnd(() => {
      this.count(task as Task);
      task.phase = 'ended';
      this.ended++;
      if (this.waiting.delete(task as Task)) this.wake?.();
    });
    this.place(task as Task);
    this.wake?.();
    return task;
  }

  /**
   * Gives a tenant gas beside what it was given before; the first time it is then limited to that.
   * @throws UsageError
   */
  grant(tenant: string, units: bigint | number): void {
    const found = this.tenantOf(text('tenant', tenant));
    found.gasBudget = (found.gasBudget ?? 0n) + gas('the gas granted', units);
    if (!hasGas(found)) return;
    for (const task of found.blocked.splice(0)) if (task.phase === 'blocked') this.place(task);
    this.wake?.();
  }

  /** Undefined for a tenant that it has never heard of. */
  tenant(name: string): TenantFigures | undefined {
    if (this.running !== undefined) this.count(this.running);
    const found = this.tenants.get(name);
    return found && { gasUsed: found.gasUsed, gasBudget: found.gasBudget };
  }

  /** Tasks that have not ended. */
  get size(): number {
    return this.added - this.ended;
  }

  /**
   * Runs the next task for one slice.
   * @returns it, or undefined where none can run
   */
  step(): Task | undefined {
    for (;;) {
      const task = this.ready.pop();
      if (task === undefined) return undefined;
      if (task.phase === 'ended') continue;
      const tenant = task.tenant === undefined ? undefined : this.tenantOf(task.tenant);
      if (tenant !== undefined && !hasGas(tenant)) {
        task.phase = 'blocked';
        tenant.blocked.push(task);
        continue;
      }
      this.runSlice(task, tenant);
      return task;
    }
  }

  private runSlice(task: Task, tenant: Tenant | undefined): void {
    this.now.set(task.priority, task.virtualTime);
    const before = task.virtualTime;
    const outer = this.running;
    this.running = task;
    try {
      task.execution.step(this.sliceOf(tenant));
    } finally {
      this.running = outer;
    }
    this.count(task);
    // A guest that waits without using anything would else be the next one again and again.
    if (task.virtualTime === before) this.age(task, 1n);
    this.place(task);
  }

  /** Takes note of the gas that a task has used, in its slice or while it waits. */
  private count(task: Task): void {
    const used = task.gasUsed - task.counted;
    if (used === 0n) return;
    task.counted += used;
    if (task.tenant !== undefined) this.tenantOf(task.tenant).gasUsed += used;
    this.age(task, used);
  }

  private age(task: Task, units: bigint): void {
    task.virtualTime += (units * UNIT) / BigInt(task.weight);
  }

  private sliceOf(tenant: Tenant | undefined): bigint {
    if (tenant?.gasBudget === undefined) return this.slice;
    const left = tenant.gasBudget - tenant.gasUsed;
    return left < this.slice ? left : this.slice;
  }

  /** Puts a task where its state belongs. */
  private place(task: Task): void {
    const { execution } = task;
    switch (execution.state) {
      case 'done':
      case 'failed':
        break;
      case 'waiting':
        task.phase = 'waiting';
        this.waiting.add(task);
        void execution.whenReady().then(() => {
          if (!this.waiting.delete(task)) return;
          this.place(task);
          this.wake?.();
        });
        break;
      default: {
        task.phase = 'ready';
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
      tenant = { name, gasUsed: 0n, gasBudget: undefined, blocked: [] };
      this.tenants.set(name, tenant);
    }
    return tenant;
  }

  /**
   * Runs tasks until every one has ended, or is blocked by its tenant's budget; those that are added meanwhile too.
   * @param options a signal that makes it return early, with the tasks as they stand
   * @throws UsageError where it is running already
   */
  async run({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.isRunning) throw new UsageError('the scheduler is running already');
    this.isRunning = true;
    const stop = () => this.wake?.();
    signal?.addEventListener('abort', stop);
    try {
      let turnBegan = performance.now();
      while (!signal?.aborted) {
        if (this.step() === undefined) {
          if (this.waiting.size === 0) return;
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
          this.wake = undefined;
        }
        // Promises that settle at once, one after another, would keep the event loop from going round.
        if (performance.now() - turnBegan >= this.yieldEvery) {
          await nextTurn();
          turnBegan = performance.now();
        }
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.isRunning = false;
    }
  }
}

function hasGas({ gasUsed, gasBudget }: Tenant): boolean {
  return gasBudget === undefined || gasUsed < gasBudget;
}

function isBefore(a: Task, b: Task): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.virtualTime !== b.virtualTime) return a.virtualTime < b.virtualTime;
  return a.number < b.number;
}
