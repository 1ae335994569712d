/** What a pool does where something ends early, or fails where nobody waits for it. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CallAborted,
  Capability,
  type PoolFailure,
  SandboxDisposed,
  SandboxPool,
  WasmSandbox,
} from '../../src/index.ts';
import { wat } from '../../src/text.ts';
import { ADD } from '../sandbox/modules.ts';
import { collectUntil, deferred, settle, Workshop } from './help.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a signal', () => {
  test('ends the making of a pool', async () => {
    const signal = AbortSignal.abort(new Error('no'));
    for (const options of [
      { sandbox: { source: ADD }, signal },
      { sandbox: { source: ADD, signal } },
      { sandbox: () => WasmSandbox.fromBytes(ADD), signal },
    ]) {
      await expect(SandboxPool.create({ ...options, min: 1 })).rejects.toBeInstanceOf(CallAborted);
    }
  });

  test('that comes while the first sandboxes are made gives them up, and all that were made are disposed of', async () => {
    const controller = new AbortController();
    const workshop = new Workshop();
    const gate = deferred();
    workshop.gate = gate.promise;
    const making = workshop.pool({ min: 2, signal: controller.signal });
    controller.abort(new Error('too late'));
    gate.resolve();
    await expect(making).rejects.toThrow('Call aborted: making the pool was ended by its caller: too late');
    for (const sandbox of workshop.made) expect(() => sandbox.output()).toThrow(SandboxDisposed);
  });

  test('of a pool that was made ends nothing any more', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const source = loadFixture('fib');
    const pool = await SandboxPool.create({ sandbox: { source }, signal, min: 1 });
    controller.abort();
    await using _ = pool;
    const leases = await Promise.all([pool.acquire(), pool.acquire()]);
    for (const lease of leases) expect(await lease.sandbox.call('run', [5])).toBe(5);
    for (const lease of leases) await lease.release();
  });

  test('that is aborted already gets no sandbox, though one is there', async () => {
    await using pool = await new Workshop().pool({ min: 1 });
    await expect(pool.acquire({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(CallAborted);
    expect(pool.getStats()).toMatchObject({ idle: 1, acquired: 0, aborted: 1, peakWaiting: 0 });
    await (await pool.acquire()).release();
    // Whoever finds one that is free has not waited.
    expect(pool.getStats()).toMatchObject({ acquired: 1, peakWaiting: 0 });
  });
});

test('where one of the first sandboxes cannot be made, the others are disposed of and nothing else fails', async () => {
  const workshop = new Workshop();
  workshop.failures.push(undefined, new Error('no clay'), undefined);
  const failures: PoolFailure[] = [];
  const dispose = vi.spyOn(WasmSandbox.prototype, 'dispose');
  await expect(workshop.pool({ min: 3, onFailure: (failure) => failures.push(failure) })).rejects.toThrow('no clay');
  expect(failures).toEqual([]);
  expect(dispose).toHaveBeenCalledTimes(2);
});

test('a sandbox that cannot be disposed of is reported, and the pool closes all the same', async () => {
  const failures: PoolFailure[] = [];
  const pool = await new Workshop().pool({ min: 2, onFailure: (failure) => failures.push(failure) });
  const error = new Error('stuck');
  vi.spyOn(WasmSandbox.prototype, 'dispose').mockImplementationOnce(() => {
    throw error;
  });
  await pool.drain();
  expect(failures).toEqual([{ during: 'close', error }]);
  expect(pool.getStats()).toMatchObject({ size: 0, destroyed: 2 });
});

test('a pool that closes makes up for nothing', async () => {
  const workshop = new Workshop();
  const pool = await workshop.pool({ min: 1, healthCheck: () => false });
  const lease = await pool.acquire();
  const closed = pool.drain();
  await lease.release();
  await closed;
  expect(workshop.asked).toBe(1);
  expect(pool.getStats()).toMatchObject({ size: 0, unhealthy: 1 });
});

test('a lease that is still out when the pool is closed is good for nothing any more', async () => {
  const pool = await new Workshop().pool();
  const { sandbox } = await pool.acquire();
  await pool.drain({ signal: AbortSignal.abort() });
  expect(() => sandbox.output()).toThrow(SandboxDisposed);
});

test('a lease that was lost is closed without a failure', async () => {
  const failures: PoolFailure[] = [];
  const pool = await new Workshop().pool({ onFailure: (failure) => failures.push(failure) });
  await (async () => {
    await pool.acquire();
  })();
  expect(await collectUntil(() => pool.getStats().leaked === 1)).toBe(true);
  expect(failures).toEqual([]);
  await pool.drain();
});

test('a pool that goes out of scope is closed', async () => {
  const workshop = new Workshop();
  const pool = await workshop.pool({ min: 1 });
  await pool[Symbol.asyncDispose]();
  await settle();
  await expect(pool.acquire()).rejects.toMatchObject({ reason: 'draining' });
  expect(pool.getStats()).toMatchObject({ size: 0, destroyed: 1 });
});

test('the signal of a pool ends the start functions of the sandboxes that it begins with', async () => {
  const controller = new AbortController();
  const wait = () => {
    controller.abort();
    return new Promise<void>(() => undefined);
  };
  const source = wat`(module (import "e" "wait" (func $wait)) (start $wait))`;
  const sandbox = { source, capabilities: [Capability.hostFunctions('e', { wait })] };
  await expect(SandboxPool.create({ sandbox, min: 1, signal: controller.signal })).rejects.toBeInstanceOf(CallAborted);
});
