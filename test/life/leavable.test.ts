/** Sandboxes whose guests run natively and can be left: all that an embedder can do with a guest of the interpreter's. */

import { describe, expect, it, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { acceptArtifact, instrument } from '../../instrument/index.ts';
import { knownFunction } from '../../interpreter/snapshot/arrive-stack.ts';
import { leavableEngine } from '../../src/engines/leavable.ts';
import {
  CallAborted,
  type Caller,
  Capability,
  type GuestMemory,
  HostError,
  type SandboxOptions,
  Scheduler,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { GasExhausted, UsageError } from '../../wasm/errors.ts';
import { GasBudget } from '../../wasm/gas-budget.ts';
import { complete, type Steps } from '../../wasm/steps.ts';
import { deferred } from '../pool/help.ts';
import { assemble, COUNTER, I32, SPIN } from '../sandbox/modules.ts';

const FIB = loadFixture('fib');
const NATIVE = { engine: 'native', leavable: true } as const;

/** Exports `go`, which calls `env.put` so many times and adds what it returns to its second argument, and `peek` of memory. */
const ASKING = assemble({
  imports: [['env', 'put', [[I32], [I32]]]],
  memory: 1,
  functions: [
    {
      name: 'go',
      type: [[I32, I32], [I32]],
      code: [
        ...[0x03, 0x40, 0x20, 1, 0x20, 0, 0x10, 0, 0x6a, 0x21, 1],
        ...[0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 1],
      ],
    },
    { name: 'peek', type: [[I32], [I32]], code: [0x20, 0, 0x28, 2, 0] },
  ],
});

function asking(
  put: (caller: Caller, value: number) => unknown,
  options: Partial<SandboxOptions> = NATIVE,
): Promise<WasmSandbox> {
  const call = (caller: Caller, [value]: readonly unknown[]) => put(caller, value as number) as number;
  const functions = { put: { params: ['i32'], results: ['i32'], call } } as const;
  return WasmSandbox.create({
    source: ASKING,
    capabilities: [Capability.hostFunctions('env', functions, { perByte: 1 })],
    ...options,
  });
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const gasOf = (sandbox: WasmSandbox) => sandbox.getResourceStats().gasUsed;

describe('a guest that runs natively and can be left', () => {
  it('waits for promises, with the gas of one that is interpreted, and says what runs it', async () => {
    const put = (caller: Caller, value: number) => {
      caller.chargeBytes(value);
      return value % 3 === 0 ? Promise.resolve(value) : value;
    };
    const native = await asking(put);
    const interpreted = await asking(put, {});
    expect(native.getResourceStats().engine).toBe('native');
    for (const count of [1, 2, 10, 4]) {
      expect(await native.call('go', [count, 0])).toBe(await interpreted.call('go', [count, 0]));
      expect(gasOf(native)).toBe(gasOf(interpreted));
    }
    expect(native.getResourceStats()).toMatchObject({
      engine: 'interpreter',
      engineReason: 'it was left where it ran natively',
    });
    expect(await native.call('go', [2, 0])).toBe(3);
    expect(native.getResourceStats().engine).toBe('native');
    await native.call('go', [3, 0]);
    await native.reset();
    expect(native.getResourceStats().engine).toBe('native');
  });

  it('leaves the host function its memory while that is at work, and takes it back then', async () => {
    const gate = deferred<number>();
    let kept: { caller: Caller; memory: GuestMemory } | undefined;
    const sandbox = await asking((caller) => {
      kept = { caller, memory: caller.memory as GuestMemory };
      return gate.promise;
    });
    const call = sandbox.call('go', [1, 0]);
    await turn();
    kept?.memory.view(8, 1)?.fill(7);
    kept?.caller.memory?.view(9, 1)?.fill(1);
    const before = kept?.caller.gasUsed() as bigint;
    kept?.caller.chargeBytes(10);
    expect(kept?.caller.gasUsed()).toBe(before + 10n);
    gate.resolve(5);
    expect(await call).toBe(5);
    expect(kept?.memory.byteLength).toBe(0);
    expect(kept?.caller.memory).toBeUndefined();
    expect(() => kept?.caller.chargeBytes(1)).toThrow(UsageError);
    expect(await sandbox.call('peek', [8])).toBe(0x107);
  });

  it('shows views that were kept while it was away nothing of what it is after a reset', async () => {
    const kept: Uint8Array[] = [];
    const sandbox = await asking((caller, value) => {
      const view = caller.memory?.view(8, 4);
      if (view !== undefined && value < 3) kept.push(view);
      return Promise.resolve(value);
    });
    // From the second time on it is reset in place.
    await sandbox.reset();
    const call = sandbox.start('go', [3, 0]);
    expect(call.step(0)).toBe('paused');
    kept.push(sandbox.memory.view(8, 4));
    expect(await call.run()).toBe(6);
    expect(await sandbox.call('peek', [8])).toBe(0);
    expect(sandbox.getResourceStats().engine).toBe('native');
    await sandbox.reset();
    sandbox.memory.write(8, Uint8Array.of(1, 2, 3, 4));
    expect(await sandbox.call('peek', [8])).toBe(0x4030201);
    expect(kept.map((view) => [...view])).toEqual([0, 1, 2].map(() => [0, 0, 0, 0]));
  });

  it('fails with what its host function is rejected with, and can be called again', async () => {
    const sandbox = await asking((_, value) => (value === 2 ? Promise.reject(new Error('no')) : value));
    await expect(sandbox.call('go', [3, 0])).rejects.toThrow(HostError);
    expect(await sandbox.call('go', [1, 0])).toBe(1);
  });

  it('goes in steps, each to the checkpoint of one that is interpreted', async () => {
    const marks = async (options: Partial<SandboxOptions>) => {
      const sandbox = await WasmSandbox.fromBytes(FIB, options);
      const execution = sandbox.start<number>('run', [12]);
      const seen: bigint[] = [];
      while (execution.step(500) !== 'done') seen.push(execution.gasUsed);
      return [...seen, execution.gasUsed, execution.result];
    };
    expect(await marks(NATIVE)).toEqual(await marks({}));
  });

  it('pauses when its host function asks for that, and is cancelled', async () => {
    let execution: ReturnType<WasmSandbox['start']> | undefined;
    const sandbox = await asking((_, value) => {
      if (value === 3) void execution?.pause();
      return value;
    });
    execution = sandbox.start('go', [5, 0]);
    void execution.run();
    await turn();
    expect(execution.state).toBe('paused');
    expect(execution.frames.map(({ functionName }) => functionName)).toEqual(['go']);
    expect(await execution.run()).toBe(15);
    const other = sandbox.start('go', [4, 0]);
    other.step(0);
    other.cancel();
    expect(other.error).toBeInstanceOf(CallAborted);
    expect(await sandbox.call('go', [2, 0])).toBe(3);
  });

  it('lets the event loop go round, and is ended by a signal', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, NATIVE);
    const controller = new AbortController();
    const call = sandbox.call('spin', [], { yieldEvery: 1, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 5);
    await expect(call).rejects.toThrow(CallAborted);
  });

  it('moves from native to interpreted and back, in the middle of a call', async () => {
    const expected = await (await WasmSandbox.fromBytes(FIB)).call('run', [15]);
    const sandbox = await WasmSandbox.fromBytes(FIB, NATIVE);
    sandbox.start('run', [15]).step(2_000);
    const interpreted = await WasmSandbox.restore(await sandbox.snapshot(), { source: FIB });
    interpreted.execution?.step(3_000);
    const back = await WasmSandbox.restore(await interpreted.snapshot(), { source: FIB, ...NATIVE });
    const fork = await back.fork();
    for (const one of [sandbox, interpreted, back, fork]) {
      expect(await one.execution?.run()).toBe(expected);
      expect(gasOf(one)).toBe(gasOf(sandbox));
    }
  });

  it('is saved where nothing of it runs, and stays native', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER, NATIVE);
    await sandbox.call('count');
    const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source: COUNTER });
    const fork = await sandbox.fork();
    for (const one of [sandbox, restored, fork]) expect(await one.call('count')).toBe(2);
    expect(sandbox.getResourceStats().engine).toBe('native');
    expect(gasOf(restored)).toBe(gasOf(sandbox));
  });

  it('is one of many on a scheduler', async () => {
    const scheduler = new Scheduler({ slice: 200 });
    const sandboxes = await Promise.all([1, 2, 3].map(() => WasmSandbox.fromBytes(FIB, NATIVE)));
    const executions = sandboxes.map((sandbox) => sandbox.start('run', [12]));
    for (const execution of executions) scheduler.add(execution);
    await scheduler.run();
    expect(executions.map(({ result }) => result)).toEqual([144, 144, 144]);
    for (const sandbox of sandboxes) expect(gasOf(sandbox)).toBe(gasOf(sandboxes[0] as WasmSandbox));
  });

  it('is held to budgets of gas before and after', async () => {
    const used = async (options: Partial<SandboxOptions>) => {
      const gasBudget = new GasBudget(3_000n);
      const sandbox = await WasmSandbox.fromBytes(FIB, { ...options, gasBudget });
      const execution = sandbox.start('run', [20]);
      execution.step(1_000);
      expect(gasBudget.used).toBe(gasOf(sandbox));
      await expect(execution.run()).rejects.toThrow(GasExhausted);
      return [gasBudget.used, gasOf(sandbox)];
    };
    expect(await used(NATIVE)).toEqual(await used({}));
  });

  it('is not left inside a call that its host function makes', async () => {
    const sandbox: WasmSandbox = await asking(async (_, value) => (value > 1 ? sandbox.call('go', [1, 0]) : value));
    await expect(sandbox.call('go', [2, 0])).rejects.toThrow(HostError);
  });
});

it('however many places its frames are at, a function is lowered once where it is left', async () => {
  const places = 40;
  const calls = Array.from(
    { length: places },
    (_, i) => `(if (i32.eq (local.get 0) (i32.const ${i})) (then (call $f (i32.const ${i + 1})) (call $count)))`,
  );
  const source = `(module (import "env" "wait" (func $wait)) (global $n (mut i32) (i32.const 0))
    (func $count (global.set $n (i32.add (global.get $n) (i32.const 1))))
    (func $f (param i32) (if (i32.eq (local.get 0) (i32.const ${places})) (then (call $wait))) ${calls.join('\n')})
    (func (export "run") (result i32) (call $f (i32.const 0)) (global.get $n)))`;
  const functions = { wait: { params: [], results: [], call: () => turn() } } as const;
  const capabilities = [Capability.hostFunctions('env', functions)];
  const sandbox = await WasmSandbox.create({ source, capabilities, ...NATIVE });
  const lowering = vi.spyOn(Object.getPrototypeOf(knownFunction(decode(FIB), 0)), 'lower');
  expect(await sandbox.call('run')).toBe(places);
  // Two are on the stack: each where it is left, and perhaps once more where it comes back.
  expect(lowering.mock.calls.length).toBeLessThanOrEqual(4);
  lowering.mockRestore();
});

describe('what cannot be left is refused by name', () => {
  it('code that uses more than release 2.0', async () => {
    const source = parse('(module (memory 1 1 shared) (func (export "f") (drop (i32.atomic.load (i32.const 0)))))');
    await expect(WasmSandbox.fromBytes(source, NATIVE)).rejects.toThrow(/code with threads cannot be left/);
    const automatic = await WasmSandbox.fromBytes(source, { engine: 'auto', leavable: true });
    expect(automatic.getResourceStats()).toMatchObject({
      engine: 'interpreter',
      engineReason: expect.stringMatching(/cannot be left/),
    });
  });

  it('modules that are linked with others', async () => {
    const linked = assemble({
      imports: [['other', 'count', [[], [I32]]]],
      functions: [{ name: 'twice', type: [[], [I32]], code: [0x10, 0, 0x1a, 0x10, 0] }],
    });
    await expect(WasmSandbox.fromBytes(linked, { ...NATIVE, modules: { other: COUNTER } })).rejects.toThrow(
      /linked with others cannot be left/,
    );
  });

  it('artifacts, and sandboxes in which nothing is waited for', async () => {
    const artifact = decode(await instrument(FIB));
    acceptArtifact(artifact);
    expect(() => complete(leavableEngine().prepare?.(artifact, {}) as Steps<void>)).toThrow(/instrumented before/);
    expect(() => SyncSandbox.fromBytes(FIB, NATIVE as never)).toThrow(/leavable is for guests/);
  });
});
