import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CallAborted,
  Capability,
  Scheduler,
  type Task,
  type TaskOptions,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { BinaryHeap } from '../../src/scheduler/binary-heap.ts';
import { CALLS_HOST, COUNTER } from '../sandbox/modules.ts';

const SPIN_WORK = loadFixture('spin-work');
const SPIN = loadFixture('spin');
const FIB = loadFixture('fib');

async function endless(scheduler: Scheduler, options: TaskOptions = {}, bytes = SPIN_WORK): Promise<Task> {
  return scheduler.add((await WasmSandbox.fromBytes(bytes)).start('run'), options);
}

async function fib(scheduler: Scheduler, n: number, options: TaskOptions = {}): Promise<Task<number>> {
  return scheduler.add((await WasmSandbox.fromBytes(FIB)).start<number>('run', [n]), options);
}

/** The share of each in the gas of all. */
function shares(tasks: readonly Task[]): number[] {
  const total = tasks.reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
  return tasks.map(({ gasUsed }) => Number((gasUsed * 1_000_000n) / total) / 1_000_000);
}

describe('two endless guests and a short one', () => {
  it('the short one ends on time, and the endless ones share within 2%', async () => {
    const scheduler = new Scheduler({ slice: 10_000 });
    const first = await endless(scheduler);
    const second = await endless(scheduler, {}, SPIN);
    const short = await fib(scheduler, 15);
    let slices = 0;
    while (short.state !== 'ended') {
      scheduler.step();
      slices++;
    }
    expect(await short.result).toBe(610);
    // It has had every third slice, from its first one on.
    expect(slices).toBeLessThanOrEqual(3 * Math.ceil(Number(short.gasUsed) / 10_000) + 1);
    for (let i = 0; i < 300; i++) scheduler.step();
    for (const share of shares([first, second])) expect(Math.abs(share - 0.5)).toBeLessThan(0.01);
  });

  it('also by way of run(), which leaves the thread to others', async () => {
    const scheduler = new Scheduler({ slice: 20_000, yieldEvery: 1 });
    const tasks = [await endless(scheduler), await endless(scheduler)];
    const short = await fib(scheduler, 20);
    const controller = new AbortController();
    let turns = 0;
    const running = scheduler.run({ signal: controller.signal });
    await expect(scheduler.run()).rejects.toBeInstanceOf(UsageError);
    expect(await short.result).toBe(6_765);
    while (turns++ < 20) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await running;
    for (const share of shares(tasks)) expect(Math.abs(share - 0.5)).toBeLessThan(0.02);
  });
});

describe('gas is shared', () => {
  it('by weight', async () => {
    const scheduler = new Scheduler({ slice: 5_000 });
    const tasks: Task[] = [];
    for (const weight of [1, 2, 5]) tasks.push(await endless(scheduler, { weight }));
    for (let i = 0; i < 800; i++) scheduler.step();
    const [one, two, five] = shares(tasks) as [number, number, number];
    expect(Math.abs(one - 1 / 8)).toBeLessThan(0.02);
    expect(Math.abs(two - 2 / 8)).toBeLessThan(0.02);
    expect(Math.abs(five - 5 / 8)).toBeLessThan(0.02);
  });

  it('however far apart the checkpoints of a guest are', async () => {
    // `spin-work` does more than a slice between two checkpoints, `spin` next to nothing.
    const scheduler = new Scheduler({ slice: 1 });
    const tasks = [await endless(scheduler), await endless(scheduler, {}, SPIN)];
    for (let i = 0; i < 20_000; i++) scheduler.step();
    for (const share of shares(tasks)) expect(Math.abs(share - 0.5)).toBeLessThan(0.02);
  });

  it('with whoever comes late from then on, and no one is owed anything for the time before', async () => {
    const scheduler = new Scheduler({ slice: 1_000 });
    const early = await endless(scheduler);
    for (let i = 0; i < 500; i++) scheduler.step();
    const before = early.gasUsed;
    const late = await endless(scheduler);
    for (let i = 0; i < 500; i++) scheduler.step();
    expect(Math.abs(Number(late.gasUsed) / Number(early.gasUsed - before) - 1)).toBeLessThan(0.02);
  });
});

it('a higher priority goes first, until it has ended', async () => {
  const scheduler = new Scheduler({ slice: 500 });
  const low = await endless(scheduler, { priority: -1 });
  const high = await fib(scheduler, 12, { priority: 3 });
  while (high.state !== 'ended') expect(scheduler.step()).toBe(high);
  expect(low.gasUsed).toBe(0n);
  expect(scheduler.step()).toBe(low);
});

describe('a tenant', () => {
  it('has its guests stopped when its gas is used up, and going on when it is given more', async () => {
    const scheduler = new Scheduler({ slice: 1_000 });
    scheduler.grant('a', 20_000);
    const tasks = [
      await endless(scheduler, { tenant: 'a' }, SPIN),
      await endless(scheduler, { tenant: 'a' }, SPIN),
      await fib(scheduler, 18, { tenant: 'b' }),
    ] as const;
    await scheduler.run();
    expect(await tasks[2].result).toBe(2_584);
    expect(tasks.map(({ state }) => state)).toEqual(['blocked', 'blocked', 'ended']);
    const { gasUsed } = scheduler.tenant('a')!;
    expect(gasUsed).toBe(tasks[0].gasUsed + tasks[1].gasUsed);
    expect(gasUsed).toBeGreaterThanOrEqual(20_000n);
    expect(gasUsed).toBeLessThan(20_010n);
    expect(scheduler.tenant('b')).toEqual({ gasUsed: tasks[2].gasUsed, gasBudget: undefined });
    expect(scheduler.tenant('c')).toBeUndefined();
    expect(scheduler.size).toBe(2);
    scheduler.grant('a', 5_000n);
    await scheduler.run();
    expect(scheduler.tenant('a')!.gasUsed).toBeGreaterThanOrEqual(25_000n);
    expect(scheduler.tenant('a')!.gasUsed).toBeLessThan(25_010n);
  });
});

describe('the order', () => {
  it('is the same for the same guests, whoever else they are and however long they take', async () => {
    const order = async () => {
      const scheduler = new Scheduler({ slice: 3_000 });
      const tasks: Task[] = [];
      for (const [i, n] of [14, 9, 17, 3, 12].entries()) {
        tasks.push((await fib(scheduler, n, { weight: 1 + (i % 3), priority: i === 4 ? 1 : 0 })) as Task);
      }
      const seen: number[] = [];
      for (let task = scheduler.step(); task !== undefined; task = scheduler.step()) seen.push(tasks.indexOf(task));
      return seen;
    };
    const first = await order();
    expect(first.length).toBeGreaterThan(10);
    expect(await order()).toEqual(first);
  });
});

describe('guests that wait', () => {
  it('keep nobody else waiting, and go on when they can', async () => {
    const release: ((value: number) => void)[] = [];
    const host = () => new Promise<number>((resolve) => release.push(resolve));
    const options = { capabilities: [Capability.hostFunctions('env', { host })] };
    const scheduler = new Scheduler();
    const waiting = await Promise.all(
      [1, 2, 3].map(async (n) =>
        scheduler.add((await WasmSandbox.fromBytes(CALLS_HOST, options)).start<number>('call', [n])),
      ),
    );
    const busy = await fib(scheduler, 15);
    const running = scheduler.run();
    expect(await busy.result).toBe(610);
    expect(waiting.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
    release[2]!(30);
    expect(await waiting[2]!.result).toBe(30);
    release[0]!(10);
    // Whoever is cancelled is not waited for any more.
    waiting[1]!.execution.cancel(new Error('never mind'));
    await expect(waiting[1]!.result).rejects.toBeInstanceOf(CallAborted);
    await running;
    expect(await waiting[0]!.result).toBe(10);
    expect(scheduler.size).toBe(0);
  });

  it('may be joined by others meanwhile', async () => {
    let release: (value: number) => void = () => undefined;
    const host = () =>
      new Promise<number>((resolve) => {
        release = resolve;
      });
    const scheduler = new Scheduler();
    const sandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
      capabilities: [Capability.hostFunctions('env', { host })],
    });
    const waiting = scheduler.add(sandbox.start<number>('call', [1]));
    const running = scheduler.run();
    const late = await fib(scheduler, 10);
    expect(await late.result).toBe(55);
    release(4);
    await running;
    expect(await waiting.result).toBe(4);
  });
});

it('failures are the tasks’ own', async () => {
  const scheduler = new Scheduler();
  const bad = scheduler.add((await WasmSandbox.fromBytes(COUNTER)).start('fail'));
  const good = await fib(scheduler, 5);
  await scheduler.run();
  await expect(bad.result).rejects.toThrow(/unreachable/);
  expect(await good.result).toBe(5);
});

it('wrong options are refused', async () => {
  expect(() => new Scheduler({ slice: 0 })).toThrow(/at least 1 unit/);
  expect(() => new Scheduler({ sliec: 5 } as never)).toThrow(/has no option "sliec"; did you mean/);
  const scheduler = new Scheduler();
  const execution = (await WasmSandbox.fromBytes(COUNTER)).start('count');
  expect(() => scheduler.add(execution, { weight: 0 })).toThrow(UsageError);
  expect(() => scheduler.add(execution, { priority: 0.5 })).toThrow(UsageError);
  expect(() => scheduler.add({} as never)).toThrow(/takes executions/);
  await execution.run();
  expect(() => scheduler.add(execution)).toThrow(/is done/);
});

it('the heap gives the least first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new BinaryHeap<number>((a, b) => a < b);
      for (const number of numbers) heap.push(number);
      const taken = numbers.map(() => heap.pop());
      expect(taken).toEqual([...numbers].sort((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});
