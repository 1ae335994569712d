import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CallAborted,
  Capability,
  CpuTimeoutExceeded,
  GasExhausted,
  LinkError,
  MemoryLimitExceeded,
  MiB,
  StackLimitExceeded,
  WasmSandbox,
  type WasmSandboxError,
} from '../../src/index.ts';
import { ADD, assemble, CALLS_HOST, I32, locals, SPIN } from './modules.ts';

function failureOf(promise: Promise<unknown>): Promise<WasmSandboxError> {
  return promise.then(
    () => expect.fail('the call succeeded'),
    (error: unknown) => error as WasmSandboxError,
  );
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('gas', () => {
  test('ends an endless loop, at the same count every time', async () => {
    const used = new Set<bigint>();
    for (let i = 0; i < 3; i++) {
      const sandbox = await WasmSandbox.fromBytes(SPIN, { gasLimit: 1_000_000n });
      const error = await failureOf(sandbox.call('spin'));
      expect(error).toBeInstanceOf(GasExhausted);
      expect(error.message).toMatch(/^Gas limit exceeded/);
      expect(error.resources).toMatchObject({ gasLimit: 1_000_000n, gasUsed: sandbox.getResourceStats().gasUsed });
      used.add(sandbox.getResourceStats().gasUsed);
    }
    expect(used.size).toBe(1);
  });

  test('exhausts the instance until it is reset', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { gasLimit: 10_000 });
    await failureOf(sandbox.call('spin'));
    const again = await failureOf(sandbox.call('nop'));
    expect(again).toBeInstanceOf(GasExhausted);
    expect(again.message).toMatch(/exhausted/);
    await sandbox.reset();
    await expect(sandbox.call('nop')).resolves.toBeUndefined();
  });

  test('is counted over calls, and is the same for the same calls', async () => {
    const build = () => WasmSandbox.fromBytes(ADD, { gasLimit: 10_000 });
    const [a, b] = [await build(), await build()];
    const start = a.getResourceStats().gasUsed;
    await a.call('add', [1, 2]);
    const one = a.getResourceStats().gasUsed - start;
    await a.call('add', [2 ** 31 - 1, 1]);
    await b.call('add', [0, 0]);
    await b.call('add', [0, 0]);
    expect(one).toBeGreaterThan(0n);
    expect(a.getResourceStats().gasUsed).toBe(start + 2n * one);
    expect(b.getResourceStats().gasUsed).toBe(a.getResourceStats().gasUsed);
  });

  test('exactly enough is enough, one unit less is not', async () => {
    const free = await WasmSandbox.fromBytes(loadFixture('fib'));
    await free.call('run', [15]);
    const { gasUsed } = free.getResourceStats();
    const exact = await WasmSandbox.fromBytes(loadFixture('fib'), { gasLimit: gasUsed });
    expect(await exact.call('run', [15])).toBe(610);
    const short = await WasmSandbox.fromBytes(loadFixture('fib'), { gasLimit: gasUsed - 1n });
    expect(await failureOf(short.call('run', [15]))).toBeInstanceOf(GasExhausted);
  });

  test('is not changed by time slices', async () => {
    const [timed, free] = [
      await WasmSandbox.fromBytes(loadFixture('fib'), { cpuTimeout: 1e9 }),
      await WasmSandbox.fromBytes(loadFixture('fib')),
    ];
    await timed.call('run', [22]);
    await free.call('run', [22]);
    expect(timed.getResourceStats().gasUsed).toBe(free.getResourceStats().gasUsed);
  });

  test('for instantiation: a build that cannot pay fails with its figures', async () => {
    const error = await failureOf(WasmSandbox.fromBytes(ADD, { gasLimit: 0 }));
    expect(error).toBeInstanceOf(GasExhausted);
    expect(error.resources?.gasLimit).toBe(0n);
  });

  test('in a start function: the build fails with its figures', async () => {
    const error = await failureOf(WasmSandbox.fromBytes(loadFixture('start-loop'), { gasLimit: 50_000n }));
    expect(error).toBeInstanceOf(GasExhausted);
    expect(error.resources?.gasUsed).toBeGreaterThan(50_000n);
  });
});

describe('time', () => {
  test('ends an endless loop on the main thread', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { cpuTimeout: 20 });
    const error = await failureOf(sandbox.call('spin'));
    expect(error).toBeInstanceOf(CpuTimeoutExceeded);
    expect(error.message).toMatch(/^CPU timeout exceeded: .* 20 ms/);
    expect(error.resources?.gasUsed).toBe(sandbox.getResourceStats().gasUsed);
    expect(error.resources?.gasUsed).toBeGreaterThan(0n);
  });

  test('leaves the instance usable', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { cpuTimeout: 20 });
    await failureOf(sandbox.call('spin'));
    await expect(sandbox.call('nop')).resolves.toBeUndefined();
    expect(await failureOf(sandbox.call('spin'))).toBeInstanceOf(CpuTimeoutExceeded);
  });

  test('a start function yields, and its signal ends it', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const making = WasmSandbox.fromBytes(loadFixture('start-loop'), { yieldEvery: 1, signal });
    setTimeout(() => controller.abort(new Error('enough')), 5);
    const error = await failureOf(making);
    expect(error).toBeInstanceOf(CallAborted);
    expect(error.message).toBe('Call aborted: its start was ended by its caller: enough');
    expect(error.resources?.gasUsed).toBeGreaterThan(1_000n);
  });

  test('ends a start function', async () => {
    const error = await failureOf(WasmSandbox.fromBytes(loadFixture('start-loop'), { cpuTimeout: 20 }));
    expect(error).toBeInstanceOf(CpuTimeoutExceeded);
    expect(error.resources?.gasUsed).toBeGreaterThan(0n);
  });

  test('callWithTimeout ends one call alone', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN);
    const error = await failureOf(sandbox.callWithTimeout('spin', [], 15));
    expect(error.message).toMatch(/^CPU timeout exceeded: .* 15 ms/);
    expect(await sandbox.callWithTimeout('nop', [], 15)).toBeUndefined();
    await expect(sandbox.callWithTimeout('nop', [], 0)).rejects.toThrow(
      'the timeout must be a finite number of milliseconds',
    );
  });

  test('callWithTimeout cannot give more than the sandbox does', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { cpuTimeout: 15 });
    expect((await failureOf(sandbox.callWithTimeout('spin', [], 1e9))).message).toContain('15 ms');
  });

  test('is for each call: waiting between them does not count', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const sandbox = await WasmSandbox.fromBytes(loadFixture('fib'), { cpuTimeout: 10 });
    now += 1_000;
    expect(await sandbox.call('run', [20])).toBe(6765);
    const calls = Promise.all([sandbox.call('run', [20]), sandbox.call('run', [20])]);
    now += 1_000;
    expect(await calls).toEqual([6765, 6765]);
  });
});

describe('stack', () => {
  test('recursion without end stops at the same depth and gas every time', async () => {
    const outcomes = [];
    for (let i = 0; i < 2; i++) {
      const sandbox = await WasmSandbox.fromBytes(loadFixture('recurse'), { stackLimit: 100_000 });
      const error = await failureOf(sandbox.call('run'));
      expect(error).toBeInstanceOf(StackLimitExceeded);
      expect(error.message).toMatch(/^Stack limit exceeded/);
      outcomes.push(error.resources?.gasUsed);
    }
    expect(outcomes[0]).toBe(outcomes[1]);
  });

  test('a lower limit is reached sooner, and the instance stays usable', async () => {
    const gas = async (stackLimit: number) => {
      const sandbox = await WasmSandbox.fromBytes(loadFixture('recurse'), { stackLimit });
      await failureOf(sandbox.call('run'));
      const { gasUsed } = sandbox.getResourceStats();
      expect(await failureOf(sandbox.call('run'))).toBeInstanceOf(StackLimitExceeded);
      return gasUsed;
    };
    expect(await gas(50_000)).toBeLessThan(await gas(100_000));
  });
});

describe('memory', () => {
  test('a module that asks for too much is not built', async () => {
    const error = await failureOf(WasmSandbox.fromBytes(loadFixture('hugemem'), { memoryLimit: 16 * MiB }));
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect(error.message).toMatch(/^Memory limit exceeded/);
    expect(error.resources).toMatchObject({ memoryLimit: 16 * MiB });
  });

  test('growth beyond the limit is refused, growth up to it is not', async () => {
    const grow = assemble({
      memory: 1,
      functions: [{ name: 'grow', type: [[I32], [I32]], code: [...locals(1), 0x40, 0] }],
    });
    const sandbox = await WasmSandbox.fromBytes(grow, { memoryLimit: 4 * 65_536 });
    expect(await sandbox.call('grow', [4])).toBe(-1);
    expect(sandbox.memoryUsage()).toEqual({ usedBytes: 65_536, peakBytes: 65_536, limitBytes: 262_144 });
    expect(sandbox.getResourceStats().growthRefused).toBe(true);
    expect(await sandbox.call('grow', [3])).toBe(1);
    expect(sandbox.memoryUsage()).toEqual({ usedBytes: 262_144, peakBytes: 262_144, limitBytes: 262_144 });
    expect(sandbox.getResourceStats()).toMatchObject({ memoryUsed: 262_144, peakMemoryBytes: 262_144 });
  });
});

describe('memory that was refused', () => {
  test.each(['interpreter', 'native'] as const)(
    'is told of where the guest goes on, on the %s engine',
    async (engine) => {
      const grow = assemble({
        memory: 1,
        functions: [{ name: 'grow', type: [[I32], [I32]], code: [...locals(1), 0x40, 0] }],
      });
      const sandbox = await WasmSandbox.fromBytes(grow, { memoryLimit: 2 * 65_536, engine });
      const isRefused = () => sandbox.getResourceStats().growthRefused;
      expect([await sandbox.call('grow', [1]), isRefused()]).toEqual([1, false]);
      expect([await sandbox.call('grow', [1]), isRefused()]).toEqual([-1, true]);
      expect(await failureOf(sandbox.call('grow', [1, 2]))).toMatchObject({ resources: { growthRefused: true } });
      await sandbox.reset();
      expect(isRefused()).toBe(false);
    },
  );

  test('names the limit when a trap follows', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('grow'), { memoryLimit: 10 * 65_536 });
    const error = await failureOf(sandbox.call('run'));
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect(error).toMatchObject({ functionName: 'run', resources: { memoryBytes: 10 * 65_536 } });
  });
});

describe('imports', () => {
  test('what nothing grants is a LinkError naming it', async () => {
    const error = await failureOf(WasmSandbox.fromBytes(CALLS_HOST));
    expect(error).toBeInstanceOf(LinkError);
    expect(error.message).toMatch(/"env" "host"/);
  });

  test.each([
    ['toString', 'constructor'],
    ['__proto__', 'constructor'],
    ['env', 'toString'],
  ])('%s %s is not found on any prototype', async (module, name) => {
    const bytes = assemble({
      imports: [[module, name, [[], []]]],
      functions: [{ name: 'call', type: [[], []], code: [0x10, 0] }],
    });
    const capabilities = [Capability.hostFunctions('env', { host: () => 1 })];
    expect(await failureOf(WasmSandbox.fromBytes(bytes, { capabilities }))).toBeInstanceOf(LinkError);
  });
});
