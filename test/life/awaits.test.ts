/** What host functions charge, before and after they wait: the clock, steps, budgets and counts see all of it. */

import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CallAborted,
  type Caller,
  Capability,
  CpuTimeoutExceeded,
  GasExhausted,
  Scheduler,
  SecurityPolicy,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import type { SandboxOptions } from '../../src/sandbox/options.ts';
import { deferred } from '../pool/help.ts';
import { assemble, I32 } from '../sandbox/modules.ts';

/** Exports `go`, which calls `env.put` so many times, and `once`, which hands its argument on to it. */
const MODULE = assemble({
  imports: [['env', 'put', [[I32], [I32]]]],
  memory: 1,
  functions: [
    {
      name: 'go',
      type: [[I32], []],
      code: [0x03, 0x40, 0x41, 0, 0x10, 0, 0x1a, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
    },
    { name: 'once', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] },
  ],
});

/** What a call fails with. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call was expected to fail');
}

const BOTH = ['interpreter', 'native'] as const;

/** A byte costs a unit. */
function policyWith(put: (caller: Caller) => unknown): SecurityPolicy {
  const call = (caller: Caller) => put(caller) as number;
  return SecurityPolicy.strict().with(
    Capability.hostFunctions('env', { put: { params: ['i32'], results: ['i32'], call } }, { perByte: 1 }),
  );
}

function build(put: (caller: Caller) => unknown, options: Partial<SandboxOptions> = {}): Promise<WasmSandbox> {
  return WasmSandbox.create({ source: MODULE, securityPolicy: policyWith(put), ...options });
}

/** A clock that stands still unless the test moves it. */
function standStill(): { now: number } {
  const clock = { now: 0 };
  vi.spyOn(performance, 'now').mockImplementation(() => clock.now);
  return clock;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(BOTH)('the clock, on the %s engine', (engine) => {
  it('is looked at sooner for what host functions charge', async () => {
    const clock = standStill();
    let calls = 0;
    const sandbox = await build(
      (caller) => {
        calls++;
        clock.now += 10;
        caller.chargeBytes(400_000);
        return 0;
      },
      { engine, cpuTimeout: 100 },
    );
    expect(await failureOf(sandbox.call('go', [1_000]))).toBeInstanceOf(CpuTimeoutExceeded);
    expect(calls).toBeLessThanOrEqual(12);
  });

  it('is looked at for what a call itself costs', async () => {
    const clock = standStill();
    let calls = 0;
    const call = () => {
      calls++;
      clock.now += 10;
      return 0;
    };
    const sandbox = await WasmSandbox.create({
      source: MODULE,
      capabilities: [Capability.hostFunctions('env', { put: call }, { gas: 1_000_000 })],
      engine,
      cpuTimeout: 100,
    });
    expect(await failureOf(sandbox.call('go', [1_000]))).toBeInstanceOf(CpuTimeoutExceeded);
    expect(calls).toBeLessThanOrEqual(11);
  });

  it('is looked at in the middle of a host call, also where that is the last thing a guest does', async () => {
    const clock = standStill();
    let charges = 0;
    const sandbox = await build(
      (caller) => {
        for (let i = 0; i < 1_000; i++) {
          caller.chargeBytes(500_000);
          charges++;
          clock.now += 10;
        }
        return 0;
      },
      { engine, cpuTimeout: 100 },
    );
    expect(await failureOf(sandbox.call('once', [1]))).toBeInstanceOf(CpuTimeoutExceeded);
    expect(charges).toBeLessThanOrEqual(11);
    // What is thrown into a host function and caught there only puts the end off.
    const patient = await build(
      (caller) => {
        clock.now += 200;
        try {
          caller.chargeBytes(500_000);
        } catch {
          caller.chargeBytes(500_000);
        }
        return 0;
      },
      { engine, cpuTimeout: 100 },
    );
    expect(await failureOf(patient.call('once', [1]))).toBeInstanceOf(CpuTimeoutExceeded);
  });

  it('makes no figure depend on it', async () => {
    const figures = [];
    for (const cpuTimeout of [undefined, 1_000_000]) {
      const sandbox = await build(
        (caller) => {
          caller.chargeBytes(300_001);
          return 0;
        },
        { engine, cpuTimeout, gasLimit: 5_000_000n },
      );
      const error = await failureOf(sandbox.call('go', [100]));
      expect(error).toBeInstanceOf(GasExhausted);
      figures.push(sandbox.getResourceStats().gasUsed);
    }
    expect(figures[0]).toBe(figures[1]);
  });
});

describe('promises that settle at once', () => {
  it('do not keep the event loop from going round', async () => {
    const clock = standStill();
    let calls = 0;
    const sandbox = await build(
      async () => {
        calls++;
        clock.now += 1;
        await null;
        return 0;
      },
      { yieldEvery: 5 },
    );
    const controller = new AbortController();
    const call = sandbox.call('go', [10_000], { signal: controller.signal });
    await turn();
    controller.abort();
    expect(await failureOf(call)).toBeInstanceOf(CallAborted);
    expect(calls).toBeLessThan(20);
  });

  it('do not keep a call from ending in time', async () => {
    const clock = standStill();
    let calls = 0;
    const sandbox = await build(
      async () => {
        calls++;
        clock.now += 10;
        await null;
        return 0;
      },
      { cpuTimeout: 100 },
    );
    expect(await failureOf(sandbox.call('go', [10_000]))).toBeInstanceOf(CpuTimeoutExceeded);
    expect(calls).toBeLessThan(20);
  });

  it('do not keep a scheduler from letting it go round', async () => {
    const clock = standStill();
    let calls = 0;
    const sandbox = await build(async () => {
      calls++;
      clock.now += 1;
      await null;
      return 0;
    });
    const scheduler = new Scheduler({ yieldEvery: 5 });
    scheduler.add(sandbox.start('go', [10_000]));
    const controller = new AbortController();
    const running = scheduler.run({ signal: controller.signal });
    await turn();
    controller.abort();
    await running;
    expect(calls).toBeLessThan(20);
  });
});

/** What an execution says of its gas, and what is left of the instance's when what came before is taken off. */
describe('what is charged behind an await', () => {
  it('is in every figure as soon as it is charged', async () => {
    const first = deferred();
    const second = deferred();
    const sandbox = await build(async (caller) => {
      await first.promise;
      caller.chargeBytes(700);
      await second.promise;
      caller.chargeBytes(7);
      return 0;
    });
    const before = sandbox.getResourceStats().gasUsed;
    const scheduler = new Scheduler();
    const execution = sandbox.start('once', [1]);
    const task = scheduler.add(execution, { tenant: 't' });
    const agree = () => {
      const used = sandbox.getResourceStats().gasUsed - before;
      expect([execution.gasUsed, task.gasUsed, scheduler.tenant('t')?.gasUsed]).toEqual([used, used, used]);
      return used;
    };
    expect(agree()).toBe(0n);
    scheduler.step();
    const called = agree();
    first.resolve();
    await turn();
    expect(agree()).toBe(called + 700n);
    second.resolve();
    await turn();
    expect(agree()).toBe(called + 707n);
    await scheduler.run();
    expect(execution.state).toBe('done');
    expect(agree()).toBe(called + 707n);
    // What others use afterwards is theirs.
    await sandbox.call('once', [1]);
    expect(execution.gasUsed).toBe(called + 707n);
  });

  it('is seen by whoever looks in the middle of a slice', async () => {
    const scheduler = new Scheduler();
    const seen: unknown[] = [];
    const sandbox = await build((caller) => {
      caller.chargeBytes(1_000);
      seen.push(scheduler.tenant('t')?.gasUsed, execution.gasUsed);
      return 0;
    });
    const execution = sandbox.start('once', [1]);
    scheduler.add(execution, { tenant: 't' });
    scheduler.step();
    expect(seen[0]).toBe(seen[1]);
    expect(seen[0]).toBeGreaterThan(1_000n);
  });

  it('counts for the step that follows', async () => {
    const sandbox = await build(async (caller) => {
      await null;
      caller.chargeBytes(1_000);
      return 0;
    });
    const execution = sandbox.start('go', [3]);
    const states: string[] = [];
    for (let i = 0; i < 20 && execution.state !== 'done'; i++) {
      states.push(execution.step(1_000));
      await turn();
    }
    // Each promise brings more than a step may use: the guest stands at the loop header behind it.
    expect(states).toEqual(['waiting', 'paused', 'waiting', 'paused', 'waiting', 'done']);
  });

  it.each([
    ['before', 0],
    ['behind', 1],
    ['behind two of them', 2],
  ])('and %s is held against a budget to the unit', async (_when, awaits) => {
    const policy = policyWith(async (caller) => {
      for (let i = 0; i < awaits; i++) await null;
      caller.chargeBytes(1_000_000);
      return 0;
    });
    const sandbox = await WasmSandbox.create({ source: MODULE, securityPolicy: policy });
    const before = sandbox.getResourceStats().gasUsed;
    const scheduler = new Scheduler();
    scheduler.grant('t', 5_000_000n);
    const task = scheduler.add(sandbox.start('go', [1_000]), { tenant: 't' });
    await scheduler.run();
    expect(task.state).toBe('blocked');
    const { gasUsed } = scheduler.tenant('t') ?? {};
    expect(gasUsed).toBeGreaterThanOrEqual(5_000_000n);
    expect(gasUsed).toBeLessThan(5_010_000n);
    expect([task.gasUsed, sandbox.getResourceStats().gasUsed - before]).toEqual([gasUsed, gasUsed]);
    scheduler.grant('t', 2_000_000n);
    await scheduler.run();
    expect(scheduler.tenant('t')?.gasUsed).toBeLessThan(7_010_000n);
    expect(scheduler.tenant('t')?.gasUsed).toBeGreaterThanOrEqual(7_000_000n);
  });

  it('is held against the budget of others of the tenant at once', async () => {
    const gate = deferred();
    const hold = deferred();
    const waiting = await build(async (caller) => {
      await gate.promise;
      caller.chargeBytes(1_000_000);
      await hold.promise;
      return 0;
    });
    const busy = await build(() => 0);
    const scheduler = new Scheduler({ slice: 1_000 });
    scheduler.grant('t', 100_000n);
    scheduler.add(waiting.start('once', [1]), { tenant: 't' });
    const other = scheduler.add(busy.start('go', [1_000_000]), { tenant: 't' });
    for (let i = 0; i < 5; i++) scheduler.step();
    gate.resolve();
    await turn();
    const used = other.gasUsed;
    expect(scheduler.step()).toBeUndefined();
    expect(other.gasUsed).toBe(used);
    expect(other.state).toBe('blocked');
    hold.resolve();
  });

  it('makes others go first', async () => {
    const dear = await build(async (caller) => {
      await null;
      caller.chargeBytes(1_000_000);
      return 0;
    });
    const cheap = await build(() => 0);
    const scheduler = new Scheduler({ slice: 1_000 });
    const first = scheduler.add(dear.start('go', [100]));
    const second = scheduler.add(cheap.start('go', [100_000]));
    for (let i = 0; i < 3_000; i++) {
      scheduler.step();
      await null;
      await null;
      await null;
    }
    expect(Number(first.gasUsed) / Number(second.gasUsed)).toBeLessThan(1.6);
  });

  it('is counted where the call is cancelled', async () => {
    const gate = deferred();
    const sandbox = await build(async (caller) => {
      await gate.promise;
      caller.chargeBytes(1_000);
      await deferred().promise;
      return 0;
    });
    const before = sandbox.getResourceStats().gasUsed;
    const scheduler = new Scheduler();
    const task = scheduler.add(sandbox.start('once', [1]), { tenant: 't' });
    scheduler.step();
    gate.resolve();
    await turn();
    task.execution.cancel();
    const used = sandbox.getResourceStats().gasUsed - before;
    expect([task.gasUsed, scheduler.tenant('t')?.gasUsed]).toEqual([used, used]);
    expect((task.execution.error as CallAborted).resources?.gasUsed).toBe(before + used);
  });
});

describe('gas that runs out in a host function', () => {
  const overspend = (caller: Caller) => caller.chargeBytes(10_000_000);

  it('ends the guest behind an await as before it, with the same figure', async () => {
    const figures = [];
    for (const waits of [false, true]) {
      const sandbox = await build(
        async (caller) => {
          if (waits) await null;
          overspend(caller);
          return 0;
        },
        { gasLimit: 1_000_000n },
      );
      const error = (await failureOf(sandbox.call('once', [1]))) as GasExhausted;
      expect(error).toBeInstanceOf(GasExhausted);
      expect(error.resources?.gasUsed).toBe(sandbox.getResourceStats().gasUsed);
      figures.push(error.resources?.gasUsed);
      expect(await failureOf(sandbox.call('once', [1]))).toBeInstanceOf(GasExhausted);
    }
    expect(figures[0]).toBe(figures[1]);
  });

  it.each([
    ['returns', () => 0],
    [
      'throws something else',
      () => {
        throw new Error('another');
      },
    ],
  ])('ends the guest where the host function catches it and %s', async (_what, end) => {
    const figures = [];
    for (const engine of BOTH) {
      const put = (caller: Caller) => {
        for (let i = 0; i < 2; i++) expect(() => overspend(caller)).toThrow(GasExhausted);
        expect(() => caller.chargeBytes(1)).toThrow(GasExhausted);
        return end();
      };
      const sandbox = await build(put, { engine, gasLimit: 1_000_000n });
      const error = (await failureOf(sandbox.call('go', [5]))) as GasExhausted;
      expect(error).toBeInstanceOf(GasExhausted);
      figures.push(error.resources?.gasUsed);
    }
    expect(figures[0]).toBe(figures[1]);
    const late = await build(
      async (caller) => {
        await null;
        expect(() => overspend(caller)).toThrow(GasExhausted);
        return end();
      },
      { gasLimit: 1_000_000n },
    );
    expect(await failureOf(late.call('go', [5]))).toBeInstanceOf(GasExhausted);
    expect(late.getResourceStats().gasUsed).toBe(figures[0]);
  });
});

it.each(BOTH)('what is no count cannot be charged, on the %s engine', async (engine) => {
  const sandbox = await build(
    (caller) => {
      for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, 2 ** 53]) {
        expect(() => caller.chargeBytes(wrong)).toThrow(UsageError);
      }
      return Number(caller.gasUsed());
    },
    { engine },
  );
  const before = Number(sandbox.getResourceStats().gasUsed);
  expect(await sandbox.call<number>('once', [1])).toBeLessThan(before + 300);
});
