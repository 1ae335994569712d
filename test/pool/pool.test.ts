import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import {
  CallAborted,
  Capability,
  CompileError,
  GasExhausted,
  type Lease,
  PoolUnavailable,
  SandboxDisposed,
  SandboxPool,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { ADD, assemble, COUNTER, I32 } from '../sandbox/modules.ts';
import { CELL, collectUntil, deferred, settle, Workshop } from './help.ts';

afterEach(() => {
  vi.useRealTimers();
});

const grants = (host: (value: number) => unknown = (value) => value) => [Capability.hostFunctions('env', { host })];
const reasonOf = (lease: Promise<unknown>) =>
  lease.then(
    () => 'given',
    (error: unknown) => (error instanceof PoolUnavailable ? error.reason : error),
  );

describe('lending', () => {
  test('a sandbox is made when it is needed, and used again', async () => {
    const pool = await SandboxPool.create({ sandbox: { source: ADD, instanceId: 'worker' }, max: 2 });
    expect(pool.getStats()).toMatchObject({ size: 0, min: 0, max: 2 });
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      const lease = await pool.acquire();
      seen.push(lease.sandbox.instanceId);
      expect(await lease.sandbox.call('add', [i, 1])).toBe(i + 1);
      expect(pool.getStats()).toMatchObject({ leased: 1, idle: 0 });
      await lease.release();
    }
    expect(seen).toEqual(['worker-1', 'worker-1', 'worker-1']);
    expect(pool.getStats()).toMatchObject({ size: 1, idle: 1, leased: 0, created: 1, acquired: 3, released: 3 });
    await pool.drain();
  });

  test('the first ones are made at once', async () => {
    const workshop = new Workshop();
    const pool = await workshop.pool({ min: 3, max: 4 });
    expect([workshop.asked, pool.getStats().idle]).toEqual([3, 3]);
    await pool.drain();
    expect(pool.getStats()).toMatchObject({ size: 0, created: 3, destroyed: 3 });
  });

  test('from options, a builder, or a function', async () => {
    const builder = WasmSandbox.builder().source(ADD).gasLimit(5_000);
    for (const sandbox of [{ source: ADD, gasLimit: 5_000 }, builder, () => builder.build()]) {
      await using pool = await SandboxPool.create({ sandbox });
      const sum = await pool.use((one) => one.call<number>('add', [1, 2]));
      expectTypeOf(sum).toEqualTypeOf<number>();
      expect(sum).toBe(3);
      expect(await pool.use((one) => one.getResourceStats().gasLimit)).toBe(5_000n);
    }
  });

  test('from options the module is decoded once, also where it can be read only once', async () => {
    await using pool = await SandboxPool.create({ sandbox: { source: new Response(COUNTER) }, min: 2 });
    const [one, two] = await Promise.all([pool.acquire(), pool.acquire()]);
    expect(await Promise.all([one.sandbox.call('count'), two.sandbox.call('count')])).toEqual([1, 1]);
    await Promise.all([one.release(), two.release()]);
  });

  test('beyond the maximum callers wait, in the order in which they came', async () => {
    await using pool = await new Workshop().pool({ max: 2 });
    const held = await Promise.all([pool.acquire(), pool.acquire()]);
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (number) => {
      const lease = await pool.acquire();
      order.push(number);
      await lease.release();
    });
    await settle();
    expect(pool.getStats()).toMatchObject({ size: 2, leased: 2, waiting: 3 });
    for (const lease of held) await lease.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    expect(pool.getStats()).toMatchObject({ waiting: 0, peakLeased: 2, peakWaiting: 3, created: 2 });
  });

  test('no more are made than callers want', async () => {
    const workshop = new Workshop();
    const gate = deferred();
    workshop.gate = gate.promise;
    await using pool = await workshop.pool({ max: 10 });
    const leases = [pool.acquire(), pool.acquire(), pool.acquire()];
    await settle();
    expect(pool.getStats()).toMatchObject({ starting: 3, waiting: 3 });
    gate.resolve();
    for (const lease of await Promise.all(leases)) await lease.release();
    expect(workshop.asked).toBe(3);
  });

  test('trim lets go of those beyond the minimum that nobody uses', async () => {
    await using pool = await new Workshop().pool({ min: 1, max: 4 });
    const leases = await Promise.all([1, 2, 3, 4].map(() => pool.acquire()));
    expect(pool.trim()).toBe(0);
    for (const lease of leases.slice(1)) await lease.release();
    expect(pool.trim()).toBe(3);
    expect(pool.getStats()).toMatchObject({ size: 1, idle: 0, leased: 1 });
    await leases[0]?.release();
    expect(pool.trim()).toBe(0);
    expect(pool.getStats()).toMatchObject({ size: 1, idle: 1 });
  });
});

describe('nothing passes from one caller to the next', () => {
  test('memory, growth, gas, counts and output', async () => {
    await using pool = await SandboxPool.create({ sandbox: { source: CELL, capabilities: grants() }, max: 1 });
    const fresh = await pool.use((sandbox) => sandbox.getResourceStats());
    await pool.use(async (sandbox) => {
      await sandbox.call('set', [77]);
      await sandbox.call('grow');
      expect(sandbox.memoryUsage().usedBytes).toBe(131_072);
    });
    await pool.use(async (sandbox) => {
      expect(sandbox.getResourceStats()).toEqual({
        ...fresh,
        cpuTimeMs: expect.any(Number),
        codeBytes: expect.any(Number),
      });
      expect(await sandbox.call('get')).toBe(0);
    });
    expect(pool.getStats().created).toBe(1);
  });

  test('a guest that has trapped, or used up its gas, is as good as new', async () => {
    const sandbox = { source: CELL, capabilities: grants(), gasLimit: 100_000 };
    await using pool = await SandboxPool.create({ sandbox, max: 1 });
    await expect(pool.use((one) => one.call('fail'))).rejects.toBeInstanceOf(Trap);
    await expect(pool.use((one) => one.call('spin'))).rejects.toBeInstanceOf(GasExhausted);
    expect(await pool.use((one) => one.call('get'))).toBe(0);
    expect(pool.getStats()).toMatchObject({ created: 1, failedResets: 0 });
  });

  test('whoever keeps a sandbox has nothing of it after the release', async () => {
    await using pool = await new Workshop().pool({ max: 1 });
    const first = await pool.acquire();
    const kept = first.sandbox;
    await first.release();
    const second = await pool.acquire();
    await expect(kept.call('set', [5])).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(kept.reset()).rejects.toBeInstanceOf(SandboxDisposed);
    kept.dispose();
    expect(await second.sandbox.call('get')).toBe(0);
    await second.release();
  });

  test('nor has whoever made it', async () => {
    const workshop = new Workshop();
    await using pool = await workshop.pool({ min: 1 });
    await expect(workshop.made[0]?.call('get')).rejects.toBeInstanceOf(SandboxDisposed);
    expect(await pool.use((sandbox) => sandbox.call('get'))).toBe(0);
  });

  test('a call that was still waiting when its sandbox was released touches nobody else', async () => {
    const answer = deferred<number>();
    const sandbox = { source: CELL, capabilities: grants((value) => (value === 1 ? answer.promise : value)) };
    await using pool = await SandboxPool.create({ sandbox, max: 1 });
    const first = await pool.acquire();
    const pending = first.sandbox.call('wait', [1]).catch((error: unknown) => error);
    await settle();
    await first.release();
    await pool.use(async (next) => {
      expect(await next.call('wait', [2])).toBe(2);
      await next.call('set', [8]);
      answer.resolve(9);
      await settle();
      expect(await next.call('get')).toBe(8);
    });
    expect(await pending).toBeInstanceOf(CallAborted);
  });

  test.each(['interpreter', 'native'] as const)(
    'nor does a guest whose host function releases the lease under it (%s)',
    async (engine) => {
      const held: { lease?: Lease; released?: Promise<void> | undefined } = {};
      const host = (value: number) => {
        if (value === 1) held.released = held.lease?.release();
        return value;
      };
      // Calls the host, and then writes.
      const source = assemble({
        imports: [['env', 'host', [[I32], [I32]]]],
        memory: 1,
        functions: [
          { name: 'run', type: [[I32], []], code: [0x41, 0, 0x20, 0, 0x10, 0, 0x36, 2, 0] },
          { name: 'get', type: [[], [I32]], code: [0x41, 0, 0x28, 2, 0] },
        ],
      });
      await using pool = await SandboxPool.create({ sandbox: { source, capabilities: grants(host), engine }, max: 1 });
      held.lease = await pool.acquire();
      await held.lease.sandbox.call('run', [1]).catch(() => undefined);
      await held.released;
      for (const value of [2, 3]) {
        await pool.use(async (next) => {
          expect(await next.call('get')).toBe(0);
          await next.call('run', [value]);
          expect(await next.call('get')).toBe(value);
        });
      }
    },
  );

  test('a reset that was under way at the release touches nobody else', async () => {
    await using pool = await new Workshop().pool({ max: 1 });
    const lease = await pool.acquire();
    const reset = lease.sandbox.reset().catch((error: unknown) => error);
    await lease.release();
    expect(await reset).toBeInstanceOf(SandboxDisposed);
    expect(await pool.use((sandbox) => sandbox.call('get'))).toBe(0);
  });
});

describe('releasing', () => {
  test('a second time is an error, and changes nothing', async () => {
    await using pool = await new Workshop().pool({ max: 2 });
    const lease = await pool.acquire();
    expect(lease.isReleased).toBe(false);
    await lease.release();
    expect(lease.isReleased).toBe(true);
    await expect(lease.release()).rejects.toBeInstanceOf(UsageError);
    await expect(lease.release()).rejects.toThrow('the lease of the sandbox made-1 has been released already');
    expect(pool.getStats()).toMatchObject({ size: 1, idle: 1, released: 1 });
  });

  test('await using releases, once', async () => {
    await using pool = await new Workshop().pool();
    {
      await using lease = await pool.acquire();
      await lease.sandbox.call('set', [1]);
    }
    {
      await using lease = await pool.acquire();
      await lease.release();
    }
    expect(pool.getStats()).toMatchObject({ leased: 0, acquired: 2, released: 2 });
  });

  test('use releases also where the function fails', async () => {
    await using pool = await new Workshop().pool({ max: 1 });
    const failure = new Error('mine');
    await expect(
      pool.use(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    await expect(pool.use(() => Promise.reject(failure))).rejects.toBe(failure);
    await expect(pool.use('work' as never)).rejects.toThrow('the function to run must be a function');
    await settle();
    expect(pool.getStats()).toMatchObject({ leased: 0, idle: 1, acquired: 2, released: 2 });
  });
});

describe('waiting', () => {
  test('no more callers than the limit wait', async () => {
    const gate = deferred();
    const workshop = new Workshop();
    workshop.gate = gate.promise;
    await using pool = await workshop.pool({ max: 2, maxWaiting: 1 });
    const leases = [1, 2, 3].map(() => pool.acquire());
    const refused = pool.acquire();
    await expect(refused).rejects.toMatchObject({ reason: 'full', code: 'POOL' });
    await expect(refused).rejects.toThrow('the pool is full: all 2 sandboxes are in use, and 1 callers wait');
    gate.resolve();
    for (const lease of leases) await (await lease).release();
    expect(pool.getStats()).toMatchObject({ refused: 1, acquired: 3 });
  });

  test('nobody waits where nobody may, but room is used', async () => {
    await using pool = await new Workshop().pool({ max: 1, maxWaiting: 0 });
    const lease = await pool.acquire();
    expect(await reasonOf(pool.acquire())).toBe('full');
    const released = lease.release();
    await pool.use(() => undefined);
    await released;
  });

  test('for as long as the pool says, or the caller', async () => {
    vi.useFakeTimers();
    await using pool = await new Workshop().pool({ max: 1, acquireTimeout: 1_000 });
    const lease = await pool.acquire();
    const outcomes: unknown[] = [];
    const note = (name: string, waiting: Promise<unknown>) =>
      void reasonOf(waiting).then((reason) => outcomes.push([name, reason]));
    note('long', pool.acquire({ timeout: 5_000 }));
    note('usual', pool.acquire());
    note('short', pool.acquire({ timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    expect(outcomes).toEqual([['short', 'timeout']]);
    await vi.advanceTimersByTimeAsync(990);
    expect(outcomes).toEqual([
      ['short', 'timeout'],
      ['usual', 'timeout'],
    ]);
    expect(pool.getStats()).toMatchObject({ waiting: 1, timedOut: 2 });
    await lease.release();
    await vi.advanceTimersByTimeAsync(0);
    expect(outcomes[2]).toEqual(['long', 'given']);
    expect(vi.getTimerCount()).toBe(0);
    await pool.drain({ signal: AbortSignal.abort() });
  });

  test('until the signal says otherwise', async () => {
    await using pool = await new Workshop().pool({ max: 1 });
    const lease = await pool.acquire();
    const controller = new AbortController();
    const remove = vi.spyOn(controller.signal, 'removeEventListener');
    const waiting = pool.acquire({ signal: controller.signal });
    const behind = pool.acquire();
    controller.abort(new Error('no longer wanted'));
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'no longer wanted' } });
    await expect(waiting).rejects.toBeInstanceOf(CallAborted);
    await expect(pool.acquire({ signal: controller.signal })).rejects.toBeInstanceOf(CallAborted);
    expect(remove).toHaveBeenCalled();
    await lease.release();
    await (await behind).release();
    expect(pool.getStats()).toMatchObject({ aborted: 2, waiting: 0, acquired: 2 });
  });

  test('an answered caller leaves no timer and no listener behind', async () => {
    vi.useFakeTimers();
    await using pool = await new Workshop().pool({ max: 1, acquireTimeout: 1_000 });
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const lease = await pool.acquire({ signal });
    const waiting = pool.acquire({ signal });
    expect(vi.getTimerCount()).toBe(1);
    await lease.release();
    await (await waiting).release();
    expect(vi.getTimerCount()).toBe(0);
    expect(remove.mock.calls.length).toBe(add.mock.calls.length);
  });
});

describe('failures', () => {
  test('of the first sandboxes are the failure of the pool, and none of the others stays', async () => {
    const workshop = new Workshop();
    workshop.failures.push(undefined, new Error('no room'), undefined);
    await expect(workshop.pool({ min: 3 })).rejects.toThrow('no room');
    for (const sandbox of workshop.made) await expect(sandbox.call('get')).rejects.toBeInstanceOf(SandboxDisposed);
    await expect(SandboxPool.create({ sandbox: { source: Uint8Array.of(0, 1) } })).rejects.toBeInstanceOf(CompileError);
  });

  test('of making one go to the caller who waits longest; the next is served by the next attempt', async () => {
    const workshop = new Workshop();
    const failures: unknown[] = [];
    await using pool = await workshop.pool({ max: 1, onFailure: (failure) => failures.push(failure) });
    const error = new Error('not now');
    workshop.failures.push(error, error);
    const leases = [1, 2, 3].map(() => pool.acquire());
    await expect(leases[0]).rejects.toBe(error);
    await expect(leases[1]).rejects.toBe(error);
    await (await (leases[2] as Promise<Lease>)).release();
    expect(pool.getStats()).toMatchObject({ failedStarts: 2, created: 1, waiting: 0 });
    expect(failures).toEqual([
      { during: 'start', error },
      { during: 'start', error },
    ]);
  });

  test('turn nobody away for whom another sandbox is on its way', async () => {
    const workshop = new Workshop();
    await using pool = await workshop.pool({ max: 2 });
    const held = await pool.acquire();
    const gate = deferred();
    workshop.gate = gate.promise;
    workshop.failures.push(new Error('not now'));
    const waiting = pool.acquire();
    const released = held.release();
    gate.resolve();
    await released;
    await (await waiting).release();
    await settle();
    expect(pool.getStats()).toMatchObject({ failedStarts: 1, waiting: 0, size: 1 });
  });

  test('of a reset lose no caller: another sandbox is made', async () => {
    const failures: string[] = [];
    let isLate = false;
    const factory = () => WasmSandbox.fromBytes(ADD, { instanceId: isLate ? 'late' : 'early' });
    await using pool = await SandboxPool.create({
      sandbox: factory,
      max: 1,
      onFailure: ({ during }) => failures.push(during),
    });
    const lease = await pool.acquire();
    const waiting = [pool.acquire(), pool.acquire()];
    isLate = true;
    // What its user has disposed of cannot be reset.
    lease.sandbox.dispose();
    await lease.release();
    for (const next of waiting) {
      const { sandbox } = await next;
      expect(sandbox.instanceId).toBe('late');
      await (await next).release();
    }
    expect(failures).toEqual(['reset']);
    expect(pool.getStats()).toMatchObject({ failedResets: 1, created: 2, destroyed: 1, size: 1 });
  });

  test('of a start function at the reset, too', async () => {
    let fails = false;
    const source = assemble({
      imports: [['env', 'go', [[], []]]],
      functions: [{ name: 'start', type: [[], []], code: [0x10, 0] }],
      start: 1,
    });
    const go = () => {
      if (fails) throw new Error('not at the reset');
    };
    const capabilities = [Capability.hostFunctions('env', { go })];
    await using pool = await SandboxPool.create({ sandbox: { source, capabilities }, max: 1 });
    const lease = await pool.acquire();
    const waiting = pool.acquire();
    fails = true;
    const released = lease.release();
    // The one that is made instead fails as well, and that is what the caller is told.
    await expect(waiting).rejects.toThrow('not at the reset');
    await released;
    fails = false;
    await pool.use((sandbox) => sandbox.call('start'));
    expect(pool.getStats()).toMatchObject({ failedResets: 1, failedStarts: 1, size: 1 });
  });

  test('the minimum is made up for, without trying again and again', async () => {
    const workshop = new Workshop();
    await using pool = await workshop.pool({ min: 2, max: 3 });
    const lease = await pool.acquire();
    lease.sandbox.dispose();
    await lease.release();
    await settle();
    expect(pool.getStats()).toMatchObject({ size: 2, idle: 2 });
    const next = await pool.acquire();
    workshop.failures.push(new Error('not now'));
    next.sandbox.dispose();
    await next.release();
    await settle();
    expect(workshop.asked).toBe(4);
    expect(pool.getStats()).toMatchObject({ size: 1, idle: 1, failedStarts: 1 });
  });

  test('what makes no sandbox, or one that is known already', async () => {
    const same = await WasmSandbox.fromBytes(ADD);
    await using pool = await SandboxPool.create({ sandbox: () => same, max: 2 });
    const lease = await pool.acquire();
    await expect(pool.acquire()).rejects.toBeInstanceOf(SandboxDisposed);
    await lease.release();
    await using none = await SandboxPool.create({ sandbox: (() => 5) as never });
    await expect(none.acquire()).rejects.toThrow("the pool's function must make a WasmSandbox, but it gave 5");
    await using failing = await SandboxPool.create({
      sandbox: () => {
        throw new RangeError('at once');
      },
    });
    await expect(failing.acquire()).rejects.toThrow('at once');
  });
});

describe('the health check', () => {
  test('sees what a user left, and replaces what does not pass', async () => {
    const workshop = new Workshop();
    const failures: { during: string; error: unknown }[] = [];
    await using pool = await workshop.pool({
      max: 1,
      healthCheck: async (sandbox) => (await sandbox.call<number>('get')) < 10,
      onFailure: (failure) => failures.push(failure),
    });
    const use = (value: number) => pool.use((sandbox) => sandbox.call('set', [value]));
    await use(5);
    await use(6);
    expect(workshop.asked).toBe(1);
    await use(50);
    await use(7);
    expect(workshop.asked).toBe(2);
    expect(pool.getStats()).toMatchObject({ unhealthy: 1, failedResets: 0 });
    expect(failures).toMatchObject([{ during: 'health', error: expect.any(UsageError) }]);
  });

  test('what it does to the guest is reset as well', async () => {
    await using pool = await new Workshop().pool({
      max: 1,
      healthCheck: async (sandbox) => {
        await sandbox.call('set', [99]);
        return true;
      },
    });
    await pool.use(() => undefined);
    expect(await pool.use((sandbox) => sandbox.call('get'))).toBe(0);
  });

  test.each<[string, () => boolean | Promise<boolean>]>([
    [
      'throws',
      () => {
        throw new Error('ill');
      },
    ],
    ['is rejected', () => Promise.reject(new Error('ill'))],
    ['gives something else than true', () => 1 as never],
  ])('one that %s is not passed, and nobody is lost', async (_, healthCheck) => {
    await using pool = await new Workshop().pool({ max: 1, healthCheck });
    const lease = await pool.acquire();
    const waiting = pool.acquire();
    await lease.release();
    await (await waiting).release();
    expect(pool.getStats()).toMatchObject({ unhealthy: 2, created: 2, size: 0 });
  });
});

describe('draining', () => {
  test('lets nobody in, serves whoever waits, and waits for the last lease', async () => {
    const pool = await new Workshop().pool({ min: 2, max: 2 });
    const leases = await Promise.all([pool.acquire(), pool.acquire()]);
    const waiting = pool.acquire();
    let isDrained = false;
    const drained = pool.drain().then(() => {
      isDrained = true;
    });
    expect(await reasonOf(pool.acquire())).toBe('draining');
    await leases[0]?.release();
    const last = await waiting;
    await leases[1]?.release();
    await settle();
    expect(isDrained).toBe(false);
    expect(pool.getStats()).toMatchObject({ leased: 1, idle: 0 });
    await last.release();
    await drained;
    expect(pool.getStats()).toMatchObject({ size: 0, created: 2, destroyed: 2, leaked: 0, refused: 1 });
    await pool.drain();
  });

  test('makes sandboxes for whoever waits, where there is none left', async () => {
    const workshop = new Workshop();
    const pool = await workshop.pool({ max: 1 });
    const lease = await pool.acquire();
    const waiting = pool.acquire();
    const drained = pool.drain();
    lease.sandbox.dispose();
    await lease.release();
    await (await waiting).release();
    await drained;
    expect(workshop.asked).toBe(2);
  });

  test('ends when the last caller that waits gives up', async () => {
    const pool = await new Workshop().pool({ max: 1 });
    const lease = await pool.acquire();
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal });
    const drained = pool.drain();
    await lease.release().then(() => undefined);
    await (await waiting).release();
    await drained;

    const gate = deferred();
    const workshop = new Workshop();
    workshop.gate = gate.promise;
    const other = await workshop.pool({ max: 1 });
    const caller = other.acquire({ signal: controller.signal });
    const end = other.drain();
    controller.abort();
    await expect(caller).rejects.toBeInstanceOf(CallAborted);
    gate.resolve();
    await end;
    expect(other.getStats()).toMatchObject({ size: 0, created: 1, destroyed: 1 });
  });

  test('gives up after its time: what is out is reported, and disposed of', async () => {
    vi.useFakeTimers();
    const leaks: unknown[] = [];
    const pool = await new Workshop().pool({ max: 1, drainTimeout: 500, onLeak: (leak) => leaks.push(leak) });
    const lease = await pool.acquire();
    const waiting = reasonOf(pool.acquire());
    const drained = pool.drain();
    await vi.advanceTimersByTimeAsync(500);
    await drained;
    expect(await waiting).toBe('draining');
    expect(leaks).toEqual([{ instanceId: 'made-1', found: 'drain' }]);
    await expect(lease.sandbox.call('get')).rejects.toBeInstanceOf(SandboxDisposed);
    // Whoever comes late is not told off: it is the first release.
    await lease.release();
    expect(pool.getStats()).toMatchObject({ size: 0, leaked: 1, created: 1, destroyed: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('or at once, and what is still being made or reset is disposed of when it comes', async () => {
    const gate = deferred();
    const workshop = new Workshop();
    const pool = await workshop.pool({ min: 1, max: 2 });
    const lease = await pool.acquire();
    workshop.gate = gate.promise;
    const waiting = reasonOf(pool.acquire());
    await pool.drain({ signal: AbortSignal.abort() });
    expect(await waiting).toBe('draining');
    await lease.release();
    gate.resolve();
    await settle();
    expect(pool.getStats()).toMatchObject({ size: 0, created: 2, destroyed: 2, leaked: 1 });
  });

  test('leaves no timer behind', async () => {
    vi.useFakeTimers();
    const pool = await new Workshop().pool({ min: 1 });
    await Promise.all([pool.drain(), pool.drain({ timeout: 10 })]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a pool that was never drained does not keep its process alive', () => {
    const program = `
      import { SandboxPool } from './src/index.ts';
      const source = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
      const pool = await SandboxPool.create({ sandbox: { source }, min: 2, acquireTimeout: 1e6 });
      await pool.use(() => undefined);
      const lease = await pool.acquire();
      console.log('end of the program');`;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const args = ['--import', './test/typescript.mjs', '--input-type=module', '-e', program];
    expect(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 60_000 })).toContain('end of');
  });
});

describe('a lease that is never released', () => {
  test('is found when it is collected, reported and made up for', async () => {
    const leaks: unknown[] = [];
    const pool = await new Workshop().pool({ max: 1, onLeak: (leak) => leaks.push(leak) });
    const forget = async () => {
      const { sandbox } = await pool.acquire();
      await sandbox.call('set', [3]);
    };
    await forget();
    const waiting = pool.acquire();
    expect(await collectUntil(() => pool.getStats().leaked === 1)).toBe(true);
    const lease = await waiting;
    expect(await lease.sandbox.call('get')).toBe(0);
    await lease.release();
    expect(leaks).toEqual([{ instanceId: 'made-1', found: 'collected' }]);
    expect(pool.getStats()).toMatchObject({ size: 1, created: 2, destroyed: 1 });
    await pool.drain();
  });

  test('is none while anybody has the lease or its sandbox, or after it was released', async () => {
    await using pool = await new Workshop().pool({ max: 3 });
    const lease = await pool.acquire();
    const { sandbox } = await pool.acquire();
    await (await pool.acquire()).release();
    expect(await collectUntil(() => pool.getStats().leaked > 0)).toBe(false);
    expect(await sandbox.call('get')).toBe(0);
    await lease.release();
    await pool.drain({ signal: AbortSignal.abort() });
    expect(pool.getStats()).toMatchObject({ leaked: 1 });
  });

  test('is found at the drain where the runtime tells nothing of its garbage', async () => {
    vi.stubGlobal('FinalizationRegistry', undefined);
    vi.stubGlobal('WeakRef', undefined);
    try {
      const found: string[] = [];
      const pool = await new Workshop().pool({ onLeak: (leak) => found.push(leak.found) });
      const { sandbox } = await pool.acquire();
      await pool.drain({ signal: AbortSignal.abort() });
      expect(found).toEqual(['drain']);
      await expect(sandbox.call('get')).rejects.toBeInstanceOf(SandboxDisposed);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('options', () => {
  test.each<[options: unknown, message: string]>([
    [undefined, 'the options of a pool must be an object'],
    [{}, 'a pool needs the option "sandbox"'],
    [{ sandbox: 5 }, 'sandbox must be an object, not 5'],
    [{ sandbox: { source: ADD }, maximum: 2 }, 'a pool has no option "maximum"'],
    [{ sandbox: { source: ADD }, mx: 2 }, 'did you mean "max"'],
    [{ sandbox: { source: ADD }, max: 0 }, 'max must be an integer of at least 1'],
    [{ sandbox: { source: ADD }, min: 3, max: 2 }, 'min is 3 and max is 2'],
    [{ sandbox: { source: ADD }, maxWaiting: -1 }, 'maxWaiting must be an integer of at least 0'],
    [{ sandbox: { source: ADD }, acquireTimeout: Number.POSITIVE_INFINITY }, 'acquireTimeout must be a finite number'],
    [{ sandbox: { source: ADD }, onLeak: true }, 'onLeak must be a function, not true'],
    [{ sandbox: { source: ADD, gasLimt: 5 } }, 'did you mean "gasLimit"?'],
  ])('%j', async (options, message) => {
    const made = SandboxPool.create(options as never);
    await expect(made).rejects.toBeInstanceOf(UsageError);
    await expect(made).rejects.toThrow(message);
  });

  test('of a caller', async () => {
    await using pool = await new Workshop().pool();
    await expect(pool.acquire({ timeout: 0 })).rejects.toThrow('the timeout must be a finite number of milliseconds');
    await expect(pool.acquire({ signal: {} as never })).rejects.toThrow('signal must be an AbortSignal');
    await expect(pool.acquire({ time: 5 } as never)).rejects.toThrow('acquire has no option "time"');
    await expect(pool.drain({ timeout: -1 })).rejects.toThrow('the timeout must be');
    expect(pool.getStats()).toMatchObject({ size: 0, acquired: 0 });
  });
});
