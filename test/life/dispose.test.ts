import { describe, expect, it, vi } from 'vitest';
import {
  CallAborted,
  Capability,
  type EngineChoice,
  SandboxDisposed,
  type SandboxOptions,
  SandboxPool,
  Scheduler,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { assemble, CALLS_HOST, COUNTER, I32, SPIN } from '../sandbox/modules.ts';

const ENGINES = ['interpreter', 'native'] as const;
const GONE = 'the sandbox gone has been disposed of: build a new one';

function withHost(
  host: (value: number) => unknown,
  options: Partial<SandboxOptions> = {},
  source = CALLS_HOST,
): Promise<WasmSandbox> {
  const capabilities = [Capability.hostFunctions('env', { host })];
  return WasmSandbox.create({ source, capabilities, instanceId: 'gone', ...options });
}

const never = () => new Promise<number>(() => undefined);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Calls the host with 0, then for ever with 1. */
const ASKS_AND_SPINS = assemble({
  imports: [['env', 'host', [[I32], [I32]]]],
  functions: [
    {
      name: 'run',
      type: [[], []],
      code: [0x41, 0, 0x10, 0, 0x1a, 0x03, 0x40, 0x41, 1, 0x10, 0, 0x1a, 0x0c, 0, 0x0b],
    },
    { name: 'nop', type: [[], []], code: [] },
  ],
});

describe('dispose ends', () => {
  it('a call that waits, at once, and what its host function gives later is ignored', async () => {
    let resolve: (value: number) => void = () => undefined;
    const host = () => new Promise<number>((settle) => (resolve = settle));
    const sandbox = await withHost(host);
    const { gasUsed } = sandbox.getResourceStats();
    const call = sandbox.call('call', [1]);
    sandbox.dispose();
    await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(call).rejects.toMatchObject({ code: 'DISPOSED', message: GONE });
    const { resources } = (await call.catch((error: unknown) => error)) as SandboxDisposed;
    expect(resources?.gasUsed).toBeGreaterThan(gasUsed);
    resolve(5);
    await turn();
    await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
  });

  it('a call that has let the event loop go round', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { yieldEvery: 1 });
    const call = sandbox.call('spin');
    setImmediate(() => sandbox.dispose());
    await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
  });

  it('executions that are paused, and those that were never begun', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER, { instanceId: 'gone' });
    const [stepped, run, paused] = [sandbox.start('count'), sandbox.start('count'), sandbox.start('count')];
    expect(paused.step(0)).toBe('paused');
    sandbox.dispose();
    expect(paused.state).toBe('failed');
    expect(paused.error).toMatchObject({ code: 'DISPOSED', message: GONE });
    expect(stepped.step(1_000)).toBe('failed');
    expect(stepped.error).toBeInstanceOf(SandboxDisposed);
    await expect(run.run()).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(run.run()).rejects.toBeInstanceOf(SandboxDisposed);
  });

  it('executions of a scheduler, which goes on with the others', async () => {
    const ends = await WasmSandbox.fromBytes(SPIN);
    const waits = await withHost(never);
    const stays = await WasmSandbox.fromBytes(COUNTER);
    const scheduler = new Scheduler({ slice: 1_000 });
    const spinning = scheduler.add(ends.start('spin'));
    const waiting = scheduler.add(waits.start('call', [1]));
    const short = scheduler.add(stays.start<number>('count'));
    setImmediate(() => {
      ends.dispose();
      waits.dispose();
    });
    await scheduler.run();
    expect(await short.result).toBe(1);
    await expect(spinning.result).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(waiting.result).rejects.toBeInstanceOf(SandboxDisposed);
    expect(scheduler.size).toBe(0);
  });

  it('what is left of a batch, as failures in its results', async () => {
    let calls = 0;
    const sandbox = await withHost((value) => (++calls === 2 ? never() : value));
    const batch = sandbox.callBatch(
      [1, 2, 3].map((value) => ({ name: 'call', args: [value] })),
      { onFailure: 'collect' },
    );
    await turn();
    sandbox.dispose();
    const [first, ...others] = await batch;
    expect(first).toMatchObject({ ok: true, value: 1 });
    expect(others).toEqual([
      expect.objectContaining({ ok: false, error: expect.any(SandboxDisposed) }),
      expect.objectContaining({ ok: false, error: expect.any(SandboxDisposed) }),
    ]);
    expect(calls).toBe(2);
  });

  it('the initialisation of a reset that waits', async () => {
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [{ name: '_initialize', type: [[], []], code: [0x41, 7, 0x10, 0, 0x1a] }],
    });
    let calls = 0;
    const sandbox = await withHost((value) => (++calls === 1 ? value : never()), {}, module);
    const reset = sandbox.reset();
    sandbox.dispose();
    await expect(reset).rejects.toBeInstanceOf(SandboxDisposed);
    expect(calls).toBe(2);
  });

  it('nothing of a fork', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    sandbox.start('count').step(0);
    const fork = await sandbox.fork();
    sandbox.dispose();
    expect(await fork.execution?.run()).toBe(1);
  });
});

describe.each(ENGINES)('by a host function of its own, on the %s engine', (engine: EngineChoice) => {
  it('ends the guest when that function returns', async () => {
    const seen: number[] = [];
    const host = (value: number) => {
      seen.push(value);
      sandbox.dispose();
      return 9;
    };
    const sandbox: WasmSandbox = await withHost(host, { engine }, ASKS_AND_SPINS);
    const error: unknown = await sandbox.call('run').catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(SandboxDisposed);
    expect(error).toMatchObject({ message: GONE, resources: { gasLimit: undefined } });
    expect(seen).toEqual([0]);
  });

  it('or throws, or returns a promise', async () => {
    for (const ending of [
      () => {
        throw new Error('as well');
      },
      () => Promise.reject(new Error('later')),
    ]) {
      const host = () => {
        sandbox.dispose();
        return ending();
      };
      const sandbox: WasmSandbox = await withHost(host, { engine }, ASKS_AND_SPINS);
      await expect(sandbox.call('run')).rejects.toBeInstanceOf(SandboxDisposed);
    }
  });

  it('ends every call that is on the stack', async () => {
    let inner: Promise<unknown> | undefined;
    const host = (value: number) => {
      if (value === 0) sandbox.dispose();
      else inner = sandbox.call('call', [0]);
      inner?.catch(() => undefined);
      return value;
    };
    const sandbox: WasmSandbox = await withHost(host, { engine });
    await expect(sandbox.call('call', [1])).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(inner).rejects.toBeInstanceOf(SandboxDisposed);
  });

  it('uses as much gas as on the other engine', async () => {
    const gas = await Promise.all(
      ENGINES.map(async (each) => {
        const sandbox: WasmSandbox = await withHost(() => sandbox.dispose(), { engine: each }, ASKS_AND_SPINS);
        const error = (await sandbox.call('run').catch((failure: unknown) => failure)) as SandboxDisposed;
        return error.resources?.gasUsed;
      }),
    );
    expect(gas[0]).toBeGreaterThan(0n);
    expect(gas[1]).toBe(gas[0]);
  });

  it('of the synchronous class too', () => {
    let calls = 0;
    const host = () => {
      calls++;
      sandbox.dispose();
    };
    const capabilities = [Capability.hostFunctions('env', { host })];
    const sandbox = SyncSandbox.fromBytes(ASKS_AND_SPINS, { capabilities, engine, instanceId: 'gone' });
    expect(() => sandbox.call('run')).toThrow(GONE);
    expect(() => sandbox.call('nop')).toThrow(SandboxDisposed);
    expect(calls).toBe(1);
  });

  it('a call that has ended before is what it was', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER, { engine });
    const call = sandbox.call('count');
    sandbox.dispose();
    expect(await call).toBe(1);
  });
});

describe('nothing is left behind', () => {
  it('of timers and listeners', async () => {
    const begun = vi.spyOn(globalThis, 'setTimeout');
    const ended = vi.spyOn(globalThis, 'clearTimeout');
    try {
      const { signal } = new AbortController();
      const added = vi.spyOn(signal, 'addEventListener');
      const removed = vi.spyOn(signal, 'removeEventListener');
      const sandbox = await withHost(never, { cpuTimeout: 1e6 });
      const call = sandbox.call('call', [1], { signal });
      sandbox.dispose();
      await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
      await turn();
      const timers = begun.mock.results.map(({ value }: { value?: unknown }) => value);
      expect(timers.length).toBeGreaterThan(0);
      expect(timers.filter((timer) => !ended.mock.calls.some(([cleared]) => cleared === timer))).toEqual([]);
      expect(removed).toHaveBeenCalledTimes(added.mock.calls.length);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('and await using ends what is under way', async () => {
    let call: Promise<unknown>;
    {
      await using sandbox = await withHost(never);
      call = sandbox.call('call', [1]);
      call.catch(() => undefined);
    }
    await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
  });
});

describe('a reset', () => {
  it('keeps what was begun before it, and what was not, from the sandbox as it is now', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const ready = sandbox.start('count');
    const paused = sandbox.start('count');
    paused.step(0);
    const refused = sandbox.start('count');
    expect(refused.step(0)).toBe('failed');
    expect(sandbox.execution).toBe(paused);
    await sandbox.reset();
    expect(paused.error).toBeInstanceOf(CallAborted);
    expect(ready.step(1_000)).toBe('failed');
    expect(ready.error).toMatchObject({ message: 'Call aborted: the sandbox was reset' });
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
    expect(await sandbox.call('count')).toBe(1);
  });

  it('of a pool: nobody runs in the next caller’s sandbox what he had prepared before', async () => {
    await using pool = await SandboxPool.create({ sandbox: { source: COUNTER }, max: 1 });
    const first = await pool.acquire();
    const kept = first.sandbox.start('count');
    await first.release();
    const second = await pool.acquire();
    await expect(kept.run()).rejects.toBeInstanceOf(CallAborted);
    expect(await second.sandbox.call('count')).toBe(1);
    await second.release();
  });

  it('of a pool that gives up a lease ends the call that its guest waits in', async () => {
    const capabilities = [Capability.hostFunctions('env', { host: never })];
    const pool = await SandboxPool.create({ sandbox: { source: CALLS_HOST, capabilities }, max: 1 });
    const lease = await pool.acquire();
    const call = lease.sandbox.call('call', [1]);
    await pool.drain({ timeout: 1 });
    await expect(call).rejects.toBeInstanceOf(SandboxDisposed);
  });
});

describe('a call that a host function made', () => {
  it('that has ended does not hide the one that runs', async () => {
    let found: unknown;
    const host = (value: number) => {
      if (value === 0) return 3;
      const inner = sandbox.start('call', [0]);
      inner.step(0);
      expect(inner.result).toBe(3);
      found = sandbox.execution;
      return value;
    };
    const sandbox: WasmSandbox = await withHost(host);
    const outer = sandbox.start('call', [5]);
    expect(await outer.run()).toBe(5);
    expect(found).toBe(outer);
  });
});
