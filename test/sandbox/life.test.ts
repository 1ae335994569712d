import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, CpuTimeoutExceeded, MiB, SandboxDisposed, Trap, WasmSandbox } from '../../src/index.ts';
import { Budget, Share } from '../../wasm/budget.ts';
import type { Engine, EngineInstance } from '../../wasm/engine.ts';
import { funcType } from '../../wasm/types.ts';
import { ADD, assemble, CALLS_HOST, COUNTER, I32, SPIN } from './modules.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function withHost(module: Uint8Array, host: (value: number) => unknown, cpuTimeout?: number): Promise<WasmSandbox> {
  const capabilities = [Capability.hostFunctions('env', { host })];
  return WasmSandbox.fromBytes(module, { capabilities, cpuTimeout });
}

/** A promise, and how to settle it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('statistics', () => {
  test('name everything', async () => {
    const sandbox = await WasmSandbox.builder()
      .source(COUNTER)
      .instanceId('worker-1')
      .gasLimit(1_000_000)
      .memoryLimit(1 * MiB)
      .stackLimit(4096)
      .build();
    const { cpuTimeMs, gasUsed, moduleBytes, codeBytes, ...rest } = sandbox.getResourceStats();
    expect(moduleBytes).toBeGreaterThan(0);
    expect(codeBytes).toBeGreaterThan(0);
    expect(rest).toEqual({
      instanceId: 'worker-1',
      engine: 'interpreter',
      engineReason: 'asked for',
      gasLimit: 1_000_000n,
      gasVersion: 1,
      memoryBytes: 65_536,
      memoryUsed: 65_536,
      peakMemoryBytes: 65_536,
      growthRefused: false,
      memoryLimit: 1_048_576,
      stackLimit: 4096,
      functionCalls: 0,
    });
    expect(gasUsed).toBeGreaterThan(0n);
    expect(cpuTimeMs).toBeGreaterThanOrEqual(0);
    expect(sandbox.instanceId).toBe('worker-1');
  });

  test('say why it is that engine', async () => {
    const sandbox = await WasmSandbox.fromBytes(ADD, { engine: 'interpreter' });
    expect(sandbox.getResourceStats()).toMatchObject({ engine: 'interpreter', engineReason: 'asked for' });
  });

  test('time is the time of calls, and of instantiation', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const sandbox = await withHost(CALLS_HOST, () => (now += 7));
    expect(sandbox.getResourceStats().cpuTimeMs).toBe(0);
    now += 1_000;
    await sandbox.call('call', [1]);
    expect(sandbox.getResourceStats()).toMatchObject({ cpuTimeMs: 7, functionCalls: 1 });
    await Promise.all([sandbox.call('call', [1]), sandbox.call('call', [1])]);
    expect(sandbox.getResourceStats()).toMatchObject({ cpuTimeMs: 21, functionCalls: 3 });
  });
});

describe('several calls at once', () => {
  test('run one after another, in order', async () => {
    const seen: number[] = [];
    const sandbox = await withHost(CALLS_HOST, (value) => seen.push(value));
    const calls = [1, 2, 3].map((value) => sandbox.call('call', [value]));
    expect(await Promise.all(calls)).toEqual([1, 2, 3]);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('a guest that waits for its host cannot be called, and goes on afterwards', async () => {
    const { promise, resolve } = deferred<number>();
    const sandbox = await withHost(CALLS_HOST, () => promise);
    const first = sandbox.call('call', [1]);
    await expect(sandbox.call('call', [2])).rejects.toThrow(/waits for a promise/);
    resolve(42);
    expect(await first).toBe(42);
    await expect(sandbox.call('call', [3])).resolves.toBe(42);
  });

  test('a call made by a host function has no longer than the call it serves', async () => {
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [
        { name: 'call', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] },
        { name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 0, 0x0b] },
      ],
    });
    let inner: Promise<unknown> | undefined;
    const host = () => {
      inner = sandbox.callWithTimeout('spin', [], 1e9);
      inner.catch(() => undefined);
      return 1;
    };
    const sandbox = await withHost(module, host);
    // The inner call fails when the outer's time is over; the outer one then ends by itself.
    expect(await sandbox.callWithTimeout('call', [1], 20)).toBe(1);
    await expect(inner).rejects.toThrow(/^CPU timeout exceeded: .* 20 ms/);
  });

  test("and the inner call's deadline is gone when it has ended", async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [
        // Calls the host, then loops a million times.
        {
          name: 'call',
          type: [[I32], [I32]],
          code: [
            ...[0x20, 0, 0x10, 0, 0x21, 0],
            ...[0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 0],
          ],
        },
        { name: 'nop', type: [[], []], code: [] },
      ],
    });
    const host = () => {
      void sandbox.callWithTimeout('nop', [], 1);
      now += 50;
      return 1_000_000;
    };
    const sandbox = await withHost(module, host, 100);
    expect(await sandbox.call('call', [1])).toBe(0);
    const slow = () => {
      now += 200;
      return 1_000_000;
    };
    const late = await withHost(module, slow, 100);
    await expect(late.call('call', [1])).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });
});

describe('reset', () => {
  test('gives the instance as it was built: memory, gas, counts', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('grow'));
    const { cpuTimeMs: _, codeBytes: __, ...fresh } = sandbox.getResourceStats();
    expect(await sandbox.call('grow', [7])).toBe(1);
    expect(sandbox.getResourceStats().memoryUsed).toBe(8 * 65_536);
    await sandbox.reset();
    expect(sandbox.getResourceStats()).toMatchObject(fresh);
    expect(await sandbox.call('size')).toBe(1);
  });

  test('restores memory that was written', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    expect(await sandbox.call('count')).toBe(1);
    expect(await sandbox.call('count')).toBe(2);
    await sandbox.reset();
    expect(await sandbox.call('count')).toBe(1);
    expect(sandbox.getResourceStats().functionCalls).toBe(1);
  });

  test('runs the start function again; where that fails, the sandbox has no instance until it succeeds', async () => {
    let broken = false;
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [
        { type: [[], []], code: [0x41, 1, 0x10, 0, 0x1a] },
        { name: 'nop', type: [[], []], code: [] },
      ],
      start: 1,
    });
    const sandbox = await withHost(module, () => {
      if (broken) throw new Error('not today');
      return 1;
    });
    broken = true;
    await expect(sandbox.reset()).rejects.toThrow(/not today/);
    await expect(sandbox.call('nop')).rejects.toThrow(/has no instance/);
    expect(() => sandbox.getResourceStats()).toThrow(/has no instance/);
    broken = false;
    await sandbox.reset();
    await expect(sandbox.call('nop')).resolves.toBeUndefined();
  });

  test('calls a reactor’s _initialize, before anything else, every time', async () => {
    const seen: number[] = [];
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [
        { name: '_initialize', type: [[], []], code: [0x41, 7, 0x10, 0, 0x1a] },
        { name: 'nop', type: [[], []], code: [] },
      ],
    });
    const sandbox = await withHost(module, async (value) => seen.push(value));
    await sandbox.call('nop');
    expect(seen).toEqual([7]);
    expect(sandbox.getResourceStats().functionCalls).toBe(1);
    await sandbox.reset();
    expect(seen).toEqual([7, 7]);
  });
});

describe('dispose', () => {
  test('every use afterwards says so', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { instanceId: 'gone' });
    sandbox.dispose();
    sandbox.dispose();
    for (const use of [
      () => sandbox.call('nop'),
      () => sandbox.callWithTimeout('nop', [], 1),
      () => sandbox.run(),
      () => sandbox.reset(),
      async () => sandbox.getResourceStats(),
      async () => sandbox.memoryUsage(),
      async () => sandbox.output(),
      async () => sandbox.auditEvents(),
    ]) {
      await expect(use()).rejects.toBeInstanceOf(SandboxDisposed);
      await expect(use()).rejects.toThrow(/sandbox gone has been disposed of/);
    }
  });

  test('a reset that is under way does not bring it back', async () => {
    const sandbox = await WasmSandbox.fromBytes(ADD);
    const reset = sandbox.reset();
    sandbox.dispose();
    await expect(reset).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(sandbox.call('add', [1, 2])).rejects.toBeInstanceOf(SandboxDisposed);
  });

  test('await using and using dispose of it', async () => {
    let kept: WasmSandbox;
    {
      await using sandbox = await WasmSandbox.fromBytes(ADD);
      kept = sandbox;
      expect(await sandbox.call('add', [1, 2])).toBe(3);
    }
    await expect(kept.call('add', [1, 2])).rejects.toBeInstanceOf(SandboxDisposed);
    {
      using sandbox = await WasmSandbox.fromBytes(ADD);
      kept = sandbox;
    }
    await expect(kept.call('add', [1, 2])).rejects.toBeInstanceOf(SandboxDisposed);
  });
});

describe('whatever the engine', () => {
  const figures = {
    gasUsed: 5n,
    gasLimit: undefined,
    memoryBytes: 0,
    peakMemoryBytes: 0,
    memoryLimit: 1,
    stackLimit: 1,
    growthRefused: false,
  };

  function fake(parts: Partial<EngineInstance>): { engine: { engine: Engine; reason: string; canLeave: boolean } } {
    const instance: EngineInstance = {
      start: () => undefined,
      call: () => [],
      callAsync: async () => [],
      functionType: (name) => (name === 'add' ? funcType([], []) : undefined),
      exportKind: () => undefined,
      holds: () => true,
      memory: undefined,
      figures: () => figures,
      share: () => new Share(new Budget(0)),
      drawOn: () => () => undefined,
      gasUsed: 0n,
      ...parts,
    };
    return { engine: { engine: { name: 'native', instantiate: () => instance }, reason: 'a test', canLeave: false } };
  }

  test('failures get the figures the engine left out', async () => {
    const callAsync = () => Promise.reject(new Trap('unreachable'));
    const sandbox = await WasmSandbox.create({ source: ADD }, fake({ callAsync }));
    await expect(sandbox.call('add')).rejects.toMatchObject({ resources: figures });
    expect(sandbox.getResourceStats()).toMatchObject({ engine: 'native', engineReason: 'a test', gasUsed: 5n });
  });

  test('and keep those it gave', async () => {
    const resources = { ...figures, gasUsed: 4n };
    const callAsync = () => Promise.reject(new Trap('unreachable', { resources }));
    const sandbox = await WasmSandbox.create({ source: ADD }, fake({ callAsync }));
    await expect(sandbox.call('add')).rejects.toMatchObject({ resources });
  });

  test('an engine that throws where it should reject does not stop the clock', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const callAsync = () => {
      now += 3;
      throw new Trap('unreachable');
    };
    const sandbox = await WasmSandbox.create({ source: ADD }, fake({ callAsync }));
    await expect(sandbox.call('add')).rejects.toBeInstanceOf(Trap);
    now += 1_000;
    expect(sandbox.getResourceStats().cpuTimeMs).toBe(3);
  });
});
