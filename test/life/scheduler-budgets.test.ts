import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  Capability,
  CpuTimeoutExceeded,
  GasBudget,
  GasExhausted,
  Scheduler,
  type Task,
  type TaskOptions,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { CALLS_HOST } from '../sandbox/modules.ts';

const SPIN = loadFixture('spin');
const FIB = loadFixture('fib');

const sandboxes = new WeakMap<Task, WasmSandbox>();

async function add(
  scheduler: Scheduler,
  options: TaskOptions = {},
  source = SPIN,
  ...args: readonly number[]
): Promise<Task> {
  const sandbox = await WasmSandbox.create({ source });
  const task = scheduler.add(sandbox.start('run', args), options);
  sandboxes.set(task, sandbox);
  return task;
}

describe('a budget', () => {
  test('of a tenant that others draw on too is never passed, and whoever is blocked goes on when there is more', async () => {
    const gasBudget = new GasBudget(50_000);
    const [scheduler, other] = [new Scheduler({ slice: 3_000 }), new Scheduler({ slice: 3_000 })];
    scheduler.grant('a', gasBudget);
    other.grant('a', gasBudget);
    const tasks = [
      await add(scheduler, { tenant: 'a' }),
      await add(scheduler, { tenant: 'a' }),
      await add(other, { tenant: 'a' }),
    ];
    while (tasks.some(({ state }) => state === 'ready')) {
      scheduler.step();
      other.step();
      expect(gasBudget.used + gasBudget.remaining).toBe(50_000n);
    }
    expect(tasks.map(({ state }) => state)).toEqual(['blocked', 'blocked', 'blocked']);
    expect(gasBudget.remaining).toBe(0n);
    const used = () => tasks.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
    const before = used();
    expect(before - 50_000n).toBeLessThan(30n);
    gasBudget.grant(30_000);
    expect(tasks.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    await Promise.all([scheduler.run(), other.run()]);
    // What had been counted and not run has been paid for first.
    expect(used() - 80_000n).toBeLessThan(30n);
    expect(used()).toBeGreaterThanOrEqual(80_000n);
    expect(gasBudget.used).toBe(80_000n);
  });

  test('of the scheduler is drawn on by all tasks, beside those of tenants and their own', async () => {
    const [all, own] = [new GasBudget(40_000), new GasBudget(10_000)];
    const scheduler = new Scheduler({ slice: 1_000, gasBudget: all });
    scheduler.grant('a', 5_000);
    const tasks = [
      await add(scheduler, { tenant: 'a' }),
      await add(scheduler, { gasBudget: own }),
      await add(scheduler),
    ];
    await scheduler.run();
    expect(tasks.map(({ state }) => state)).toEqual(['blocked', 'blocked', 'blocked']);
    expect([all.remaining, own.remaining]).toEqual([0n, 0n]);
    const over = tasks.map(({ gasUsed }, i) => Number(gasUsed) - [5_000, 10_000, 25_000][i]!);
    // The first segment behind the end of a budget is paid for by the others that have some left.
    for (const units of over) expect(Math.abs(units)).toBeLessThan(30);
  });

  test('fails those that are to fail, with what they used', async () => {
    const scheduler = new Scheduler({ slice: 1_000, onExhausted: 'fail' });
    scheduler.grant('a', 5_000);
    const failing = await add(scheduler, { tenant: 'a' });
    const patient = await add(scheduler, { tenant: 'a', onExhausted: 'block' });
    await scheduler.run();
    await expect(failing.result).rejects.toBeInstanceOf(GasExhausted);
    await expect(failing.result).rejects.toMatchObject({ scope: 'budget' });
    expect([failing.state, patient.state, scheduler.size]).toEqual(['ended', 'blocked', 1]);
  });

  test('holds a tenant that had none to what it has used before', async () => {
    const scheduler = new Scheduler({ slice: 1_000 });
    const task = await add(scheduler, { tenant: 'a' });
    for (let i = 0; i < 10; i++) scheduler.step();
    const { gasUsed } = scheduler.tenant('a')!;
    scheduler.grant('a', 4_000);
    expect(scheduler.step()).toBeUndefined();
    expect(task.state).toBe('blocked');
    scheduler.grant('a', gasUsed - 4_000n);
    expect(scheduler.step()).toBeUndefined();
    scheduler.grant('a', 1_000);
    while (scheduler.step() !== undefined);
    expect(scheduler.tenant('a')!.gasUsed - gasUsed - 1_000n).toBeLessThan(10n);
  });

  test('says when its tasks are blocked', async () => {
    const scheduler = new Scheduler({ slice: 1_000 });
    scheduler.grant('a', 2_500);
    const task = await add(scheduler, { tenant: 'a' });
    const quick = await add(scheduler, { tenant: 'b' }, FIB, 5);
    const seen: string[] = [];
    void task.whenBlocked.then((state) => seen.push(`first ${state}`));
    void quick.whenBlocked.then((state) => seen.push(`second ${state}`));
    await scheduler.run();
    expect(seen).toEqual(['second ended', 'first blocked']);
    expect(await task.whenBlocked).toBe('blocked');
    scheduler.grant('a', 1_000);
    const again = task.whenBlocked;
    expect(task.state).toBe('ready');
    await scheduler.run();
    expect(await again).toBe('blocked');
    task.execution.cancel();
    expect(await task.whenBlocked).toBe('ended');
  });

  test('is not paid from twice', async () => {
    const gasBudget = new GasBudget(100_000);
    const scheduler = new Scheduler({ gasBudget });
    const sandbox = await WasmSandbox.create({ source: SPIN, gasBudget });
    expect(() => scheduler.add(sandbox.start('run'))).toThrow('draws on this budget itself');
    const other = await WasmSandbox.create({ source: SPIN });
    expect(() => scheduler.add(other.start('run', [], { gasBudget }))).toThrow(UsageError);
    expect(scheduler.size).toBe(0);
    scheduler.grant('a', 5);
    expect(() => scheduler.grant('a', gasBudget)).toThrow('the tenant "a" has a budget already');
  });
});

test('tasks that are blocked keep no timer from firing, however the scheduler is driven', async () => {
  const scheduler = new Scheduler();
  scheduler.grant('a', 10);
  await add(scheduler, { tenant: 'a' });
  let fired = false;
  setTimeout(() => {
    fired = true;
  }, 1);
  let rounds = 0;
  while (!fired && rounds++ < 100_000) await scheduler.run();
  expect(fired).toBe(true);
});

test('nor does a scheduler that is given a short task again and again', async () => {
  const scheduler = new Scheduler({ yieldEvery: 1 });
  const sandbox = await WasmSandbox.create({ source: FIB });
  let fired = false;
  setTimeout(() => {
    fired = true;
  }, 1);
  let rounds = 0;
  while (!fired && rounds++ < 100_000) {
    scheduler.add(sandbox.start('run', [1]));
    await scheduler.run();
  }
  expect(fired).toBe(true);
});

describe('a tick', () => {
  test('gives each its share, by weight, whatever it went beyond before', async () => {
    const scheduler = new Scheduler();
    const tasks = [];
    for (const weight of [1, 1, 2]) tasks.push(await add(scheduler, { weight }));
    for (let i = 1; i <= 50; i++) {
      expect(scheduler.tick({ gas: 4_000 })).toEqual(tasks);
      const used = tasks.map(({ gasUsed }) => Number(gasUsed));
      for (const [at, share] of [1_000, 1_000, 2_000].entries()) {
        expect(used[at]! - share * i).toBeGreaterThanOrEqual(0);
        expect(used[at]! - share * i).toBeLessThan(20);
      }
    }
  });

  test('leaves out who waits, is blocked or has ended, and takes the others in order', async () => {
    const scheduler = new Scheduler();
    let answer: (value: number) => void = () => undefined;
    const host = () => new Promise<number>((resolve) => (answer = resolve));
    const capabilities = [Capability.hostFunctions('env', { host })];
    const waits = await WasmSandbox.create({ source: CALLS_HOST, capabilities });
    const waiting = scheduler.add(waits.start<number>('call', [1]));
    scheduler.grant('poor', 100);
    const poor = await add(scheduler, { tenant: 'poor' });
    const short = await add(scheduler, {}, FIB, 3);
    const high = await add(scheduler, { priority: 1 });
    expect(scheduler.tick({ gas: 4_000 })).toEqual([high, waiting, poor, short]);
    expect([waiting, poor, short, high].map(({ state }) => state)).toEqual(['waiting', 'ready', 'ended', 'ready']);
    // All of it is for the one that can use it.
    const before = high.gasUsed;
    expect(scheduler.tick({ gas: 4_000n })).toEqual([high]);
    expect(poor.state).toBe('blocked');
    expect(high.gasUsed - before).toBeGreaterThan(3_990n);
    answer(5);
    expect(await waiting.execution.whenReady()).toBeUndefined();
    await null;
    expect(scheduler.tick({ gas: 100_000 })).toEqual([high, waiting]);
    expect(await waiting.result).toBe(5);
  });

  test('is the same at every run', async () => {
    const trace = async () => {
      const scheduler = new Scheduler();
      const tasks = [];
      for (const n of [12, 9, 15]) tasks.push(await add(scheduler, { weight: n }, FIB, n));
      const seen: string[] = [];
      while (scheduler.size > 0) {
        scheduler.tick({ gas: 2_000 });
        seen.push(tasks.map(({ gasUsed, state }) => `${gasUsed} ${state}`).join());
      }
      return seen;
    };
    expect(await trace()).toEqual(await trace());
  });

  test('wants to know how far', () => {
    const scheduler = new Scheduler();
    expect(() => scheduler.tick({} as never)).toThrow('a tick needs the option "gas"');
    expect(() => scheduler.tick({ gas: -1 })).toThrow('the gas of a tick must be');
    expect(scheduler.tick({ gas: 1 })).toEqual([]);
  });
});

describe('a time-out', () => {
  test('of running counts what the task runs alone', async () => {
    const scheduler = new Scheduler();
    const task = await add(scheduler, { runningTimeout: 3 });
    const other = await add(scheduler);
    while (task.state !== 'ended') scheduler.step();
    await expect(task.result).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    await expect(task.result).rejects.toThrow('the task did not end within 3 ms of running');
    expect(other.state).toBe('ready');
  });

  test('by the clock on the wall ends a task that waits, or never has its turn', async () => {
    const scheduler = new Scheduler();
    const capabilities = [Capability.hostFunctions('env', { host: () => new Promise(() => undefined) })];
    const sandbox = await WasmSandbox.create({ source: CALLS_HOST, capabilities });
    const waiting = scheduler.add(sandbox.start('call', [1]), { wallClockTimeout: 5 });
    const idle = await add(scheduler, { priority: -1, tenant: 'a', wallClockTimeout: 5 });
    scheduler.grant('a', 0);
    await scheduler.run();
    await expect(waiting.result).rejects.toThrow('the task did not end within 5 ms by the clock on the wall');
    await expect(idle.result).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    expect(scheduler.size).toBe(0);
  });
});

describe('a scheduler that is saved', () => {
  const tick = (scheduler: Scheduler, times: number) => {
    for (let i = 0; i < times; i++) scheduler.tick({ gas: 3_000 });
  };
  const stand = (scheduler: Scheduler) => [
    ...scheduler.tasks.map(({ gasUsed, state, weight, tenant }) => [gasUsed, state, weight, tenant]),
    scheduler.tenant('a'),
    scheduler.tenant('__proto__'),
  ];

  async function filled(): Promise<Scheduler> {
    const scheduler = new Scheduler({ slice: 700, onExhausted: 'block' });
    scheduler.grant('a', 9_000);
    await add(scheduler, { tenant: 'a', weight: 3 });
    await add(scheduler, { tenant: '__proto__', priority: 1, runningTimeout: 1_000_000 });
    await add(scheduler, { weight: 2 }, FIB, 14);
    await add(scheduler, { tenant: 'a', onExhausted: 'block' });
    return scheduler;
  }

  async function moved(scheduler: Scheduler): Promise<Scheduler> {
    const state = JSON.parse(JSON.stringify(scheduler.save()));
    const executions = [];
    for (const task of scheduler.tasks) {
      const sandbox = sandboxes.get(task)!;
      const source = sandbox.exports.length === 1 && task.weight === 2 ? FIB : SPIN;
      const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source });
      executions.push(restored.execution!);
    }
    const next = Scheduler.restore(state, executions);
    for (const [i, task] of next.tasks.entries()) sandboxes.set(task, sandboxes.get(scheduler.tasks[i]!)!);
    return next;
  }

  test.each([3, 5, 9])('behind %i ticks goes on with its guests as if it had not been', async (ticks) => {
    const [one, other] = [await filled(), await filled()];
    tick(one, ticks);
    tick(other, ticks);
    const restored = await moved(other);
    const gas = (scheduler: Scheduler) => scheduler.tasks.map(({ gasUsed }) => gasUsed);
    expect(gas(restored)).toEqual(gas(one));
    for (const scheduler of [one, restored]) {
      tick(scheduler, 3);
      for (let i = 0; i < 20; i++) scheduler.step();
      scheduler.grant('a', 2_000);
      for (let i = 0; i < 20; i++) scheduler.step();
    }
    expect(stand(restored)).toEqual(stand(one));
  });

  test('takes nothing else for a state', async () => {
    const scheduler = await filled();
    tick(scheduler, 2);
    const state = scheduler.save();
    const restore = (change: object, executions: never[] = []) =>
      Scheduler.restore({ ...state, ...change } as never, executions);
    expect(() => restore({})).toThrow('there were 4 tasks, and there are 0 executions');
    expect(() => restore({ tasks: undefined })).toThrow('the state of a scheduler has no "tasks"');
    expect(() => restore({ tasks: [{ ...state.tasks[0], weight: 0 }] })).toThrow('weight must be');
    expect(() => restore({ now: { 200: '1' } })).toThrow('priority must be');
    expect(() => restore({ now: { 1: 'x' } })).toThrow('a time must be an integer in decimal digits');
    expect(() => restore({ tenants: { a: { gasUsed: '1' } } })).toThrow('the state of a tenant has no "owed"');
    expect(() => restore({ tasks: [], tenants: { a: { gasUsed: '1', owed: 0, budget: {} } } })).toThrow('"granted"');
    expect(() => restore({ other: 1 })).toThrow('has no option "other"');
    const { execution } = scheduler.tasks[0]!;
    expect(() => restore({ tasks: [{ ...state.tasks[0], name: 'other' }] }, [execution as never])).toThrow(
      'task 1 was of "other", and the execution is of "run"',
    );
  });

  test('has no budgets that others have a part in', async () => {
    const scheduler = new Scheduler();
    await add(scheduler, { gasBudget: new GasBudget(5) });
    expect(() => scheduler.save()).toThrow('the task of "run" has a budget of its own');
  });
});
