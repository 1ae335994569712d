/** What host functions keep of a guest: it reaches nothing once their call has ended, least of all the next tenant. */

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  CallAborted,
  type Caller,
  type CallingGuest,
  Capability,
  type GuestMemory,
  SandboxPool,
  Scheduler,
  SecurityPolicy,
  UsageError,
  WasmSandbox,
  type WasmSandboxError,
} from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import { HostFunction } from '../../wasm/host.ts';
import { deferred } from '../pool/help.ts';
import { assemble, I32 } from '../sandbox/modules.ts';
import { coreOf, instantiate } from './programs.ts';

/** `put` hands its argument on to `env.put`; `set` stores at 4096, `get` reads there, `grow` grows by a page. */
const MODULE = assemble({
  imports: [['env', 'put', [[I32], [I32]]]],
  memory: 1,
  functions: [
    { name: 'put', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] },
    { name: 'set', type: [[I32], []], code: [0x41, 0x80, 0x20, 0x20, 0, 0x36, 2, 0] },
    { name: 'get', type: [[], [I32]], code: [0x41, 0x80, 0x20, 0x28, 2, 0] },
    { name: 'grow', type: [[], [I32]], code: [0x41, 1, 0x40, 0] },
  ],
});

const SECRET = 0x5ec;

/** What a host function had in its hands. */
interface Kept {
  readonly caller: Caller;
  readonly memory: GuestMemory;
  readonly view: Uint8Array;
}

class Keeper {
  readonly kept: Kept[] = [];
  /** What the calls wait for, where they do. */
  gate: Promise<void> | undefined;
  readonly policy: SecurityPolicy;

  constructor() {
    const call = (caller: Caller): number | Promise<number> => {
      const memory = caller.memory as GuestMemory;
      this.kept.push({ caller, memory, view: memory.view(4_096, 4) as Uint8Array });
      return this.gate === undefined ? 0 : this.gate.then(() => 0);
    };
    this.policy = SecurityPolicy.strict().with(
      Capability.hostFunctions('env', { put: { params: ['i32'], results: ['i32'], call } }, { perByte: 1 }),
    );
  }

  /** Tries all that can be tried with what was kept. */
  misuse(): void {
    expect(this.kept.length).toBeGreaterThan(0);
    for (const { caller, memory, view } of this.kept) {
      expect(caller.memory).toBeUndefined();
      expect(memory.byteLength).toBe(0);
      expect(memory.view(0, 1)).toBeUndefined();
      expect(memory.view(0, 0)).toBeUndefined();
      expect(() => caller.chargeBytes(1_000)).toThrow(UsageError);
      expect(new DataView(view.buffer, view.byteOffset, view.byteLength).getInt32(0, true)).not.toBe(SECRET);
      view.fill(0xaa);
    }
  }
}

const BOTH = ['interpreter', 'native'] as const;

describe.each(BOTH)('on the %s engine', (engine) => {
  it('the memory and the caller are gone behind the call, for the same guest too', async () => {
    const keeper = new Keeper();
    const sandbox = await WasmSandbox.create({ source: MODULE, securityPolicy: keeper.policy, engine });
    await sandbox.call('put', [1]);
    await sandbox.call('put', [2]);
    const { gasUsed } = sandbox.getResourceStats();
    keeper.misuse();
    for (const { caller } of keeper.kept) expect(() => caller.gasUsed()).toThrow(UsageError);
    expect(sandbox.getResourceStats().gasUsed).toBe(gasUsed);
  });

  it('they are there during the call, also around a call of the guest', async () => {
    const seen: unknown[] = [];
    const call = async (caller: Caller) => {
      const { memory } = caller;
      seen.push(memory === caller.memory, memory?.byteLength, memory?.view(65_536, 1));
      memory?.view(4_096, 1)?.fill(7);
      return 0;
    };
    const sync = (caller: Caller) => {
      void call(caller);
      return 0;
    };
    const policy = SecurityPolicy.strict().with(
      Capability.hostFunctions('env', { put: { call: engine === 'native' ? sync : call } }),
    );
    const sandbox = await WasmSandbox.create({ source: MODULE, securityPolicy: policy, engine });
    await sandbox.call('put', [1]);
    expect(seen).toEqual([true, 65_536, undefined]);
    expect(await sandbox.call('get')).toBe(7);
  });

  it.each(['reset', 'release', 'dispose'] as const)('nothing reaches whoever comes behind a %s', async (how) => {
    const keeper = new Keeper();
    const options = { source: MODULE, securityPolicy: keeper.policy, engine };
    const check = async (next: WasmSandbox) => {
      await next.call('set', [SECRET]);
      const { gasUsed } = next.getResourceStats();
      keeper.misuse();
      expect(await next.call('get')).toBe(SECRET);
      expect(next.getResourceStats().gasUsed - gasUsed).toBeLessThan(100n);
    };
    if (how === 'release') {
      const pool = await SandboxPool.create({ sandbox: options, min: 1, max: 1 });
      await pool.use((sandbox) => sandbox.call('put', [1]));
      await pool.use(check);
      await pool.drain();
      return;
    }
    const sandbox = await WasmSandbox.create(options);
    await sandbox.call('put', [1]);
    if (how === 'reset') {
      await sandbox.reset();
      return check(sandbox);
    }
    sandbox.dispose();
    return check(await WasmSandbox.create(options));
  });

  it('a promise that comes to nothing charges and writes nothing any more', async () => {
    const gate = deferred();
    const late: unknown[] = [];
    const call = async (caller: Caller) => {
      const { memory } = caller;
      const view = memory?.view(4_096, 4);
      await gate.promise;
      for (const attempt of [() => caller.chargeBytes(1), () => memory?.view(0, 4), () => caller.memory]) {
        try {
          late.push(attempt());
        } catch (error) {
          late.push(error);
        }
      }
      view?.fill(0xaa);
      late.push(typeof caller.gasUsed());
      throw new Error('late');
    };
    const policy = SecurityPolicy.strict().with(
      Capability.hostFunctions('env', { put: { params: ['i32'], results: ['i32'], call } }, { perByte: 1 }),
    );
    const events: unknown[] = [];
    const audited = SecurityPolicy.builder(policy)
      .enableAuditLogging({ sink: (event) => events.push(event) })
      .build();
    const pool = await SandboxPool.create({ sandbox: { source: MODULE, securityPolicy: audited, engine }, max: 1 });
    const lease = await pool.acquire();
    const ended = lease.sandbox.call('put', [1]).catch((error: unknown) => error);
    await turn();
    await lease.release();
    expect(await ended).toMatchObject({ code: engine === 'native' ? 'HOST' : 'ABORTED' });
    await pool.use(async (next) => {
      await next.call('set', [SECRET]);
      const before = next.getResourceStats();
      events.length = 0;
      gate.resolve();
      await turn();
      expect(late).toEqual([expect.any(UsageError), undefined, undefined, 'bigint']);
      expect(next.getResourceStats()).toEqual({ ...before, cpuTimeMs: expect.any(Number) });
      expect(await next.call('get')).toBe(SECRET);
      expect([events, next.auditEvents()]).toEqual([[], []]);
    });
    await pool.drain();
  });
});

describe('a guest that waits', () => {
  it('goes on with its memory, and the host function without it, as soon as the promise has settled', async () => {
    const keeper = new Keeper();
    const gate = deferred();
    keeper.gate = gate.promise;
    const sandbox = await WasmSandbox.create({ source: MODULE, securityPolicy: keeper.policy });
    const execution = sandbox.start('put', [1]);
    execution.step(100_000);
    expect(keeper.kept[0]?.memory.byteLength).toBe(65_536);
    gate.resolve();
    await turn();
    expect(execution.state).toBe('paused');
    keeper.misuse();
    expect(execution.step(100_000)).toBe('done');
  });

  it('that was aborted, restored or forked elsewhere is reached by nobody', async () => {
    const keeper = new Keeper();
    const options = { source: MODULE, securityPolicy: keeper.policy };
    const sandbox = await WasmSandbox.create(options);
    keeper.gate = deferred().promise;
    const execution = sandbox.start('put', [1]);
    execution.step(100_000);
    execution.cancel();
    keeper.misuse();
    await sandbox.call('set', [1]);
    keeper.gate = undefined;
    await sandbox.call('put', [1]);
    for (const other of [await sandbox.fork(), await WasmSandbox.restore(await sandbox.snapshot(), options)]) {
      await other.call('set', [SECRET]);
      keeper.misuse();
      expect(await other.call('get')).toBe(SECRET);
    }
  });

  it('and a view of it do not keep a memory from being used again by others, unless the embedder had one', () => {
    const views: Uint8Array[] = [];
    const take = (keepsViews: boolean) =>
      instantiate(decode(MODULE), (_module, _name, type) => {
        const call = ({ memory }: CallingGuest) => {
          const view = memory?.view(0, 1);
          if (view !== undefined) views.push(view);
          return 0;
        };
        return new HostFunction(type, { base: 1, perByte: 0 }, call, { keepsViews });
      });
    for (const keepsViews of [false, true]) {
      const instance = take(keepsViews);
      const core = coreOf(instance);
      instance.start();
      instance.call('put', [1]);
      const before = core.memory?.bytes.buffer;
      instance.reset?.();
      expect(core.memory?.bytes.buffer === before).toBe(!keepsViews);
      // Once is enough.
      const after = core.memory?.bytes.buffer;
      instance.reset?.();
      expect(core.memory?.bytes.buffer).toBe(after);
      expect(core.memory?.byteLength).toBe(65_536);
    }
  });
});

describe('an execution of a tenant that is gone', () => {
  const build = () =>
    SandboxPool.create({
      sandbox: { source: MODULE, securityPolicy: new Keeper().policy, gasLimit: 1_000_000n },
      min: 1,
      max: 1,
    });

  it.each([
    ['run', async (execution: { run(): Promise<unknown> }) => execution.run().catch((error: unknown) => error)],
    [
      'step',
      async (execution: { step(gas: number): unknown; error: unknown }) => {
        execution.step(10);
        return execution.error;
      },
    ],
    [
      'cancel',
      async (execution: { cancel(): void; error: unknown }) => {
        execution.cancel();
        return execution.error;
      },
    ],
  ])('ends with its own figures, by %s', async (_how, end) => {
    const pool = await build();
    const lease = await pool.acquire();
    await lease.sandbox.call('set', [1]);
    const stats = lease.sandbox.getResourceStats();
    const never = lease.sandbox.start('get');
    const late = lease.sandbox.start('get');
    await lease.release();
    await pool.use(async (next) => {
      for (let i = 0; i < 10; i++) await next.call('get');
      const before = next.getResourceStats();
      const error = (await end(never)) as WasmSandboxError;
      expect(error).toBeInstanceOf(CallAborted);
      expect(error.resources).toMatchObject({ gasUsed: stats.gasUsed, peakMemoryBytes: stats.peakMemoryBytes });
      expect(never.gasUsed).toBe(0n);
      expect(next.getResourceStats()).toEqual({ ...before, cpuTimeMs: expect.any(Number) });
    });
    await pool.drain();
    // Whatever has happened to the sandbox since.
    const error = (await end(late)) as WasmSandboxError;
    expect(error).toBeInstanceOf(CallAborted);
    expect(error.resources?.gasUsed).toBe(stats.gasUsed);
  });

  it('counts for nothing in a scheduler', async () => {
    const pool = await build();
    const lease = await pool.acquire();
    const scheduler = new Scheduler();
    const task = scheduler.add(lease.sandbox.start('get'), { tenant: 't' });
    await lease.release();
    await pool.use(async (next) => {
      await next.call('get');
      await scheduler.run();
      expect(task.state).toBe('ended');
      expect([task.gasUsed, scheduler.tenant('t')?.gasUsed]).toEqual([0n, 0n]);
    });
    await pool.drain();
  });

  it('that had begun keeps the count it had', async () => {
    const keeper = new Keeper();
    const pool = await SandboxPool.create({ sandbox: { source: MODULE, securityPolicy: keeper.policy }, max: 1 });
    const lease = await pool.acquire();
    const before = lease.sandbox.getResourceStats().gasUsed;
    keeper.gate = deferred().promise;
    const execution = lease.sandbox.start('put', [1]);
    expect(execution.step(0)).toBe('waiting');
    const { gasUsed } = execution;
    expect(gasUsed).toBeGreaterThan(0n);
    await lease.release();
    keeper.gate = undefined;
    await pool.use((next) => next.call('put', [1]));
    expect(execution.gasUsed).toBe(gasUsed);
    expect((execution.error as WasmSandboxError).resources?.gasUsed).toBe(before + gasUsed);
    await pool.drain();
  });
});
