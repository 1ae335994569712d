import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  type CallOptions,
  Capability,
  GasBudget,
  GasExhausted,
  replay,
  type SandboxOptions,
  SandboxPool,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { assertProperty } from '../property/runner.ts';
import { budgets } from './budgets.ts';
import { LOOP, loopOf } from './loop.ts';

const SPIN = loadFixture('spin');

const scopeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof GasExhausted ? error.scope : String(error)),
  );

describe('an amount of gas', () => {
  test('is granted, charged, reserved and given back', () => {
    const budget = new GasBudget(100);
    budget.charge(30n);
    const part = budget.reserve(50);
    expect([budget.granted, budget.used, budget.remaining]).toEqual([100n, 30n, 20n]);
    part.charge(5);
    const inner = part.reserve(10);
    inner.charge(1);
    expect([budget.used, budget.remaining, part.remaining, inner.remaining]).toEqual([36n, 20n, 35n, 9n]);
    expect(() => budget.charge(21)).toThrow('all 100 units that were granted are used or reserved');
    expect(() => budget.reserve(21)).toThrow(GasExhausted);
    part.release();
    part.release();
    inner.release();
    expect([budget.used, budget.remaining, part.remaining, inner.remaining]).toEqual([36n, 64n, 0n, 0n]);
    expect([part.granted, part.used, inner.granted, inner.used]).toEqual([6n, 6n, 1n, 1n]);
    budget.grant(2n ** 62n);
    expect(budget.remaining).toBe(64n + 2n ** 62n);
  });

  test('is saved as JSON, and taken up again', () => {
    const budget = new GasBudget(2n ** 63n - 1n);
    budget.charge(2n ** 61n + 1n);
    const reserved = budget.reserve(1_000);
    reserved.charge(1);
    const text = JSON.stringify({ budget });
    expect(text).toBe('{"budget":{"granted":"9223372036854775807","used":"2305843009213693954"}}');
    const again = GasBudget.from(JSON.parse(text).budget);
    expect([again.granted, again.used]).toEqual([budget.granted, budget.used]);
  });

  test.each([
    [
      () => new GasBudget(-1),
      'the units of a budget must be a bigint or a safe integer, at least 0 and below 2^63, not -1',
    ],
    [() => new GasBudget(1.5), 'not 1.5'],
    [() => new GasBudget(2n ** 63n), 'below 2^63'],
    [() => new GasBudget(undefined as never), 'not undefined'],
    [() => new GasBudget(1).grant(2n ** 63n - 1n), 'all that is granted to a budget must be'],
    [() => new GasBudget(1).charge('5' as never), 'a charge must be'],
    [() => new GasBudget(1).release(), 'not reserved from another'],
    [() => new GasBudget(9).reserve(1).grant(1), 'a reservation is granted nothing'],
    [() => GasBudget.from({ granted: '1', used: '2' }), '2 units used of 1 granted'],
    [() => GasBudget.from({ granted: '-1', used: '0' }), 'has "granted" in decimal digits, not "-1"'],
    [() => GasBudget.from({ granted: '9'.repeat(19), used: '0' }), '"granted" of a budget must be'],
    [() => GasBudget.from(null as never), 'has "granted" in decimal digits, not undefined'],
  ])('%# is refused in words', (make, message) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow(message);
  });
});

describe.each(['interpreter', 'native'] as const)('on the %s engine', (engine) => {
  const create = (options: Partial<SandboxOptions> = {}) => WasmSandbox.create({ source: SPIN, engine, ...options });
  const gasOf = (sandbox: WasmSandbox) => sandbox.getResourceStats().gasUsed;
  const loop = (work: (n: number) => unknown, options: Partial<SandboxOptions> = {}) =>
    create({ source: LOOP, capabilities: [Capability.hostFunctions('env', { work: loopOf(work) })], ...options });

  test('a call has a limit of its own, behind which the sandbox goes on', async () => {
    const sandbox = await create();
    const before = gasOf(sandbox);
    const failure = await sandbox.call('run', [], { gasLimit: 10_000 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GasExhausted);
    expect(failure).toMatchObject({ scope: 'call' });
    expect(String(failure)).toContain('Gas limit exceeded: the limit of this call is 10000 units');
    // The checkpoint that failed is counted by the sandbox, as with its own limit.
    const used = gasOf(sandbox) - before;
    expect(used >= 10_000n && used < 10_100n).toBe(true);
    expect(await scopeOf(sandbox.call('run', [], { gasLimit: 5_000n }))).toBe('call');
    expect(gasOf(sandbox) - before < 15_200n).toBe(true);
  });

  test('the limit of a call is exact: what it uses is enough, and one unit less is not', async () => {
    const sandbox = await loop((n) => n * 2);
    const before = gasOf(sandbox);
    expect(await sandbox.call('run', [5, 0])).toBe(30);
    const used = gasOf(sandbox) - before;
    expect(await sandbox.call('run', [5, 0], { gasLimit: used })).toBe(30);
    expect(await scopeOf(sandbox.call('run', [5, 0], { gasLimit: used - 1n }))).toBe('call');
    expect(await sandbox.call('run', [5, 0], { gasLimit: used })).toBe(30);
  });

  test('the limit on the sandbox is told apart, and is final', async () => {
    const sandbox = await create({ gasLimit: 50_000 });
    expect(await scopeOf(sandbox.call('run', [], { gasLimit: 100_000 }))).toBe('sandbox');
    expect(await scopeOf(sandbox.call('run', [], { gasLimit: 100_000 }))).toBe('sandbox');
  });

  test('two sandboxes draw on one budget, making them ready included', async () => {
    const alone = await create();
    const gasBudget = new GasBudget(100_000);
    const [one, other] = await Promise.all([create({ gasBudget }), create({ gasBudget })]);
    expect(gasBudget.used).toBe(2n * gasOf(alone));
    expect(await scopeOf(one.call('run', [], { gasLimit: 30_000 }))).toBe('call');
    expect(await scopeOf(other.call('run'))).toBe('budget');
    expect([gasBudget.used, gasBudget.remaining]).toEqual([100_000n, 0n]);
    expect(await scopeOf(one.call('run'))).toBe('budget');
    gasBudget.grant(1_000);
    const failure = await one.call('run').catch((error: unknown) => error);
    expect(String(failure)).toContain('Gas budget exhausted: all 101000 units that were granted are used or reserved');
    expect(await scopeOf(create({ gasBudget }))).toBe('budget');
  });

  test('a budget can be given to a call alone, and twice is not paid twice', async () => {
    const gasBudget = new GasBudget(1_000_000);
    const sandbox = await loop(() => 1, { gasBudget });
    const other = new GasBudget(1_000_000);
    const before = gasOf(sandbox);
    await sandbox.call('run', [3, 0], { gasBudget });
    expect(gasBudget.used).toBe(gasOf(sandbox));
    await sandbox.call('run', [3, 0], { gasBudget: other });
    expect(other.used).toBe((gasOf(sandbox) - before) / 2n);
    await sandbox.call('run', [3, 0]);
    expect(gasBudget.used).toBe(gasOf(sandbox));
    expect(other.used).toBe((gasOf(sandbox) - before) / 3n);
  });

  test('calls of a batch have the limit each', async () => {
    const sandbox = await loop(() => 1);
    const results = await sandbox.callBatch(
      [1, 50, 2].map((n) => ({ name: 'run', args: [n, 0] })),
      { onFailure: 'collect', gasLimit: 3_000 },
    );
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
  });

  test('a guest that calls another through its host, on one budget, uses no unit twice', async () => {
    const gasBudget = new GasBudget(10_000_000);
    const inner = SyncSandbox.create({
      source: LOOP,
      engine,
      gasBudget,
      capabilities: [Capability.hostFunctions('env', { work: loopOf((n) => n) })],
    });
    const outer = await loop((n) => inner.call('run', [n, 0]), { gasBudget });
    const total = () => gasOf(outer) + inner.getResourceStats().gasUsed;
    expect(await outer.call('run', [9, 0])).toBe(165);
    expect(gasBudget.used).toBe(total());
    // What the inner one has used is not there for the outer one any more; a call of the host that is refused costs nothing.
    expect(await scopeOf(outer.call('run', [2_000, 0]))).toBe('budget');
    expect(gasBudget.remaining < 1_000n).toBe(true);
    expect(total() >= gasBudget.used && total() < gasBudget.used + 400n).toBe(true);
  });

  test('a host function that catches what ran out ends its guest all the same, and the limit of an inner call does not', async () => {
    let failure: unknown;
    const self: WasmSandbox = await loop(
      (n) => {
        if (n !== 2) return n;
        const inner = SyncSandbox.create({ source: SPIN, engine });
        try {
          inner.call('run', [], { gasLimit: 1_000 });
        } catch (error) {
          failure = error;
        }
        return n;
      },
      { gasBudget: new GasBudget(1_000_000) },
    );
    expect(await self.call('run', [3, 0])).toBe(6);
    expect(failure).toMatchObject({ scope: 'call' });
  });

  test('charges of host functions are drawn, and refused where there is not enough', async () => {
    const gasBudget = new GasBudget(10_000_000);
    const caught: unknown[] = [];
    const work = {
      params: ['i32'],
      results: ['i32'],
      call: (caller: { chargeBytes(bytes: number): void }, [n]: readonly number[]) => {
        try {
          caller.chargeBytes(n! * 1_000_000);
        } catch (error) {
          caught.push(error);
        }
        return 1;
      },
    } as never;
    const sandbox = await create({
      source: LOOP,
      gasBudget,
      capabilities: [Capability.hostFunctions('env', { work }, { perByte: 1 })],
    });
    // 4 + 3 + 2 million, and not one million more.
    expect(await scopeOf(sandbox.call('run', [4, 0]))).toBe('budget');
    expect(caught).toHaveLength(1);
    const { remaining } = gasBudget;
    expect(remaining < 1_000_000n && remaining > 900_000n).toBe(true);
    expect(gasBudget.used).toBe(gasOf(sandbox));
    expect(await sandbox.call('run', [0, 7])).toBe(7);
  });

  test('whoever borrows a sandbox of a pool pays for it from its own budget', async () => {
    const alone = await create();
    await using pool = await SandboxPool.create({ sandbox: { source: SPIN, engine }, min: 1, max: 1 });
    const gasBudget = new GasBudget(100_000);
    const spin = (sandbox: WasmSandbox) => sandbox.call('run', [], { gasLimit: 20_000 });
    expect(await scopeOf(pool.use(spin, { gasBudget }))).toBe('call');
    const { used } = gasBudget;
    // The checkpoint behind which the call's limit lay is paid for, the budget did not end there.
    expect(used).toBe(gasOf(alone) + 20_001n);
    // The next user is somebody else.
    expect(await scopeOf(pool.use(spin))).toBe('call');
    expect(gasBudget.used).toBe(used);
    const empty = new GasBudget(10);
    expect(await scopeOf(pool.use(spin, { gasBudget: empty }))).toBe('budget');
    expect(empty.used).toBe(0n);
    expect(pool.getStats()).toMatchObject({ leased: 0, created: 1 });
  });

  test('a recording of it is replayed the same', async () => {
    const work = (n: number) => n + 1;
    const sandbox = await loop(work, { record: true, gasBudget: new GasBudget(60_000) });
    await sandbox.call('run', [2, 0], { gasLimit: 100_000 });
    for (const gasLimit of [1, 400, 401, 500, 2_000, 9_999]) await scopeOf(sandbox.call('run', [9, 0], { gasLimit }));
    await scopeOf(sandbox.call('run', [1_000, 0]));
    const report = await replay(await sandbox.recording());
    expect(report).toMatchObject({ same: true, difference: undefined, gasUsed: gasOf(sandbox) });
  });

  test('of the synchronous sandbox too', () => {
    const gasBudget = new GasBudget(50_000);
    const sandbox = SyncSandbox.create({ source: SPIN, engine, gasBudget });
    const call = (options?: CallOptions) => {
      try {
        sandbox.call('run', [], options);
        return 'none';
      } catch (error) {
        return (error as GasExhausted).scope;
      }
    };
    expect(call({ gasLimit: 1_000 })).toBe('call');
    expect(call()).toBe('budget');
    expect(gasBudget.remaining).toBe(0n);
    expect(() => sandbox.call('run', [], { signal: new AbortController().signal } as never)).toThrow(
      'a call has no option "signal"',
    );
  });
});

describe('a call that is left', () => {
  const create = (options: Partial<SandboxOptions> = {}) => WasmSandbox.create({ source: SPIN, ...options });

  test('is counted as it goes, in steps, forks and snapshots, and keeps its limit', async () => {
    const gasBudget = new GasBudget(1_000_000);
    const sandbox = await create({ gasBudget });
    const ready = gasBudget.used;
    const execution = sandbox.start('run', [], { gasLimit: 50_000 });
    execution.step(10_000);
    expect(gasBudget.used).toBe(ready + execution.gasUsed);
    const used = execution.gasUsed;
    const fork = await sandbox.fork();
    const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source: SPIN });
    // A fork pays for being made, and not for what has been paid for.
    expect(gasBudget.used).toBe(2n * ready + used);
    expect(await scopeOf(fork.execution!.run())).toBe('call');
    expect(gasBudget.used).toBe(2n * ready + 50_001n);
    expect(await scopeOf(restored.execution!.run())).toBe('call');
    expect(restored.getResourceStats().gasUsed).toBe(ready + 50_001n);
    expect(await scopeOf(execution.run())).toBe('call');
    expect(gasBudget.used).toBe(2n * ready + 2n * 50_001n - used);
  });

  test('shares one budget with others that overlap', async () => {
    const gasBudget = new GasBudget(1_000_000);
    const sandboxes = await Promise.all([1, 2, 3].map(() => create()));
    const executions = sandboxes.map((sandbox) => sandbox.start('run', [], { gasBudget }));
    for (let i = 0; executions.some(({ state }) => state !== 'failed'); i++) executions[i % 3]!.step(7_001);
    for (const { error } of executions) expect(error).toMatchObject({ scope: 'budget' });
    expect([gasBudget.used, gasBudget.remaining]).toEqual([1_000_000n, 0n]);
  });

  test('that was given up is paid for as far as it went', async () => {
    const gasBudget = new GasBudget(1_000_000);
    const sandbox = await create();
    const execution = sandbox.start('run', [], { gasBudget });
    execution.step(20_000);
    execution.cancel();
    expect(gasBudget.used).toBe(execution.gasUsed);
    await sandbox.call('run', [], { gasLimit: 10 }).catch(() => undefined);
    expect(gasBudget.used).toBe(execution.gasUsed);
  });
});

test('whatever guests do at the same time, a budget never gives more than was granted, and loses nothing', async () => {
  await assertProperty(budgets);
});
