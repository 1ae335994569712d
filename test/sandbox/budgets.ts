/** Random histories of guests that draw on one budget: never a unit more than was granted, and none lost. */

import fc from 'fast-check';
import type { Caller } from '../../policy/index.ts';
import { Capability, type EngineName, type Execution, GasBudget, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import type { Property } from '../property/runner.ts';
import { LOOP } from './loop.ts';

/** Which of what there is, by a number; and an amount. */
type Action = readonly [name: ActionName, which: number, amount: number];

type ActionName =
  | 'create'
  | 'start'
  | 'step'
  | 'run'
  | 'settle'
  | 'call'
  | 'cancel'
  | 'fork'
  | 'grant'
  | 'reserve'
  | 'release'
  | 'charge'
  | 'dispose'
  | 'reset';

/** How often each is done, among the others. */
const WEIGHTS: Record<ActionName, number> = {
  ...{ create: 3, start: 3, step: 4, run: 2, settle: 3, call: 3, cancel: 1 },
  ...{ fork: 1, grant: 1, reserve: 1, release: 1, charge: 1, dispose: 1, reset: 1 },
};

export interface BudgetHistory {
  readonly units: number;
  readonly actions: readonly Action[];
}

/** More than what a guest counts of a segment that it does not run, behind the end of a budget. */
const SEGMENT = 400n;

const HOST = { gas: 20, perByte: 1 };

/** A sandbox of either kind, and what it draws on. */
interface Guest {
  readonly sandbox: WasmSandbox | SyncSandbox;
  readonly budget: GasBudget;
  /** What it had counted that was not drawn from the budget. */
  base: bigint;
}

class World {
  private readonly root: GasBudget;
  private readonly budgets: GasBudget[];
  private readonly guests: Guest[] = [];
  private readonly executions: Execution[] = [];
  private readonly pending: (() => void)[] = [];
  /** What each budget is known to have had used by its own guests and charges. */
  private readonly used = new Map<GasBudget, bigint>();
  /** What guests that are gone had counted, and what was charged. */
  private readonly gone = new Map<GasBudget, bigint>();

  constructor(units: number) {
    this.root = new GasBudget(units);
    this.budgets = [this.root];
  }

  async take([name, which, amount]: Action): Promise<void> {
    const pick = <T>(list: readonly T[]): T | undefined => list[which % Math.max(1, list.length)];
    try {
      await this.act(name, pick, amount);
    } catch (error) {
      // Whatever ends a guest, and what cannot be done just now.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
    // What is ready goes on.
    for (let i = 0; i < 20; i++) await null;
    this.check(name);
  }

  private async act(name: ActionName, pick: <T>(list: readonly T[]) => T | undefined, amount: number): Promise<void> {
    const guest = pick(this.guests);
    const execution = pick(this.executions);
    const budget = pick(this.budgets) as GasBudget;
    switch (name) {
      case 'create':
        if (this.guests.length < 6) await this.create(budget, amount % 3);
        return;
      case 'start':
        if (guest?.sandbox instanceof WasmSandbox) {
          const options = amount % 2 === 0 ? {} : { gasLimit: amount * 3 };
          this.executions.push(guest.sandbox.start('run', [amount % 40, 0], options));
        }
        return;
      case 'step':
        execution?.step(amount);
        return;
      case 'run':
        execution?.run().catch(() => undefined);
        return;
      case 'settle':
        for (const settle of this.pending.splice(0, 1 + (amount % 3))) settle();
        return;
      case 'call':
        await this.call(guest, amount);
        return;
      case 'cancel':
        execution?.cancel();
        return;
      case 'fork':
        if (guest?.sandbox instanceof WasmSandbox && this.guests.length < 6) {
          const { gasUsed } = guest.sandbox.getResourceStats();
          const { used } = guest.budget;
          const fork = await guest.sandbox.fork().catch((error: unknown) => {
            // It was made, and then could not be what the other is.
            if (guest.budget.used > used) this.add(this.gone, guest.budget, READY);
            throw error;
          });
          this.guests.push({ sandbox: fork, budget: guest.budget, base: gasUsed - READY });
          if (fork.execution !== undefined) this.executions.push(fork.execution);
        }
        return;
      case 'grant':
        this.root.grant(amount);
        return;
      case 'reserve':
        if (this.budgets.length < 5) {
          const reservation = budget.reserve(amount * 5);
          parents.set(reservation, budget);
          this.budgets.push(reservation);
        }
        return;
      case 'release':
        budget.release();
        return;
      case 'charge':
        budget.charge(amount);
        this.add(this.gone, budget, BigInt(amount));
        return;
      case 'dispose':
        if (guest !== undefined) {
          this.forget(guest);
          this.guests.splice(this.guests.indexOf(guest), 1);
        }
        return;
      case 'reset':
        if (guest !== undefined) {
          this.guests.splice(this.guests.indexOf(guest), 1);
          const before = guest.sandbox.getResourceStats().gasUsed;
          this.add(this.gone, guest.budget, before - guest.base);
          await guest.sandbox.reset();
          this.guests.push({ ...guest, base: 0n });
        }
    }
  }

  private async call(guest: Guest | undefined, amount: number): Promise<void> {
    if (guest === undefined) return;
    const n = amount % 30;
    const options = amount % 3 === 0 ? {} : { gasLimit: amount * 2 };
    const result = guest.sandbox.call('run', [n, 0], options);
    // One that waits goes on when what it waits for is settled.
    if (result instanceof Promise) {
      void result.catch(() => undefined);
      return;
    }
    if (result !== (n * (n + 1)) / 2) throw new Error(`the sum of 1 to ${n} was ${String(result)}`);
  }

  private forget(guest: Guest): void {
    this.add(this.gone, guest.budget, guest.sandbox.getResourceStats().gasUsed - guest.base);
    guest.sandbox.dispose();
  }

  private async create(gasBudget: GasBudget, kind: number): Promise<void> {
    const engine: EngineName = kind === 1 ? 'native' : 'interpreter';
    const isSync = kind === 2;
    const call = (caller: Caller, [n]: readonly unknown[]) => this.work(caller, n as number, isSync || kind === 1);
    const functions = { work: { params: ['i32'], results: ['i32'], call } } as const;
    const capabilities = [Capability.hostFunctions('env', functions, HOST)];
    const options = { source: LOOP, engine, capabilities, gasBudget };
    const sandbox = isSync ? SyncSandbox.create(options) : await WasmSandbox.create(options);
    this.guests.push({ sandbox, budget: gasBudget, base: 0n });
  }

  /** What guests ask of their host: gives back the number, by way of charges, waits and other guests. */
  private work(caller: Caller, n: number, isHurried: boolean): number | Promise<number> {
    const charge = (bytes: number) => {
      try {
        caller.chargeBytes(bytes);
      } catch {
        // The guest ends all the same.
      }
    };
    switch (n % 5) {
      case 1:
        charge(n * 37);
        return n;
      case 2: {
        const other = this.guests.find(({ sandbox }) => sandbox instanceof SyncSandbox);
        try {
          other?.sandbox.call('run', [1, 0], n % 2 === 0 ? {} : { gasLimit: 300 });
        } catch {
          // As above.
        }
        return n;
      }
      case 3:
        if (isHurried) return n;
        return new Promise((resolve) => {
          this.pending.push(() => {
            charge(n * 11);
            resolve(n);
          });
        });
      default:
        return n;
    }
  }

  private add(to: Map<GasBudget, bigint>, budget: GasBudget, units: bigint): void {
    to.set(budget, (to.get(budget) ?? 0n) + units);
  }

  private check(what: string): void {
    const demanded = new Map(this.gone);
    for (const { sandbox, budget, base } of this.guests) {
      this.add(demanded, budget, sandbox.getResourceStats().gasUsed - base);
    }
    for (const budget of this.budgets) {
      const { granted, used, remaining } = budget;
      const fail = (why: string): never => {
        throw new Error(`behind ${what}, ${why}: ${used} used, ${remaining} remaining of ${granted}`);
      };
      if (used > granted || remaining < 0n || used + remaining > granted) fail('more was used than granted');
      const children = this.budgets.filter((other) => parents.get(other) === budget);
      const own = used - children.reduce((sum, child) => sum + child.used, 0n);
      const before = this.used.get(budget) ?? 0n;
      const since = (demanded.get(budget) ?? 0n) - (this.counted.get(budget) ?? 0n);
      const taken = own - before;
      const isShort = remaining === 0n && taken < since && since - taken < SEGMENT * BigInt(this.guests.length + 1);
      if (taken !== since && !isShort) fail(`${since} units were counted and ${taken} taken`);
      this.used.set(budget, own);
      this.counted.set(budget, demanded.get(budget) ?? 0n);
    }
  }

  private readonly counted = new Map<GasBudget, bigint>();

  end(): void {
    for (const guest of this.guests) this.forget(guest);
    this.guests.length = 0;
    this.check('the end');
  }
}

/** The budget that a reservation is of. */
const parents = new WeakMap<GasBudget, GasBudget>();

/** What instantiating the guest costs. */
const READY = SyncSandbox.create({
  source: LOOP,
  capabilities: [Capability.hostFunctions('env', { work: () => 0 })],
}).getResourceStats().gasUsed;

const anyName = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => ({ arbitrary: fc.constant(name as ActionName), weight })),
);

export const budgets: Property<BudgetHistory> = {
  name: 'guests on one budget',
  runs: 200,
  arbitrary: fc.record({
    units: fc.integer({ min: 0, max: 60_000 }),
    actions: fc.array(
      fc.tuple(anyName, fc.nat({ max: 50 }), fc.integer({ min: 1, max: 6_000 })) as fc.Arbitrary<Action>,
      { minLength: 4, maxLength: 40 },
    ),
  }),
  async check({ units, actions }) {
    const world = new World(units);
    for (const action of actions) await world.take(action);
    world.end();
  },
  keep: (history, note) => ({ history, note }),
};
