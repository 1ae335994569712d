import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { CallAborted, Capability, CpuTimeoutExceeded, UsageError, WasmSandbox } from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import { SEED } from '../property/runner.ts';
import { CALLS_HOST, COUNTER } from '../sandbox/modules.ts';
import { programOptions } from './elsewhere.ts';
import { anyLifeProgram, begin, instantiate, stateOf, trace, whole } from './programs.ts';

describe('an instance that was reset', () => {
  it('is a fresh one in all that can be seen, whatever was done with it', async () => {
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.nat(300), async (program, gas) => {
        const module = decode(program.bytes);
        const used = instantiate(module);
        try {
          used.start();
          for (const call of program.calls) {
            const execution = begin(used, call);
            if (execution.advance(BigInt(gas)) === 'paused') execution.abort(new UsageError('not needed any more'));
          }
        } catch {
          // However it ended.
        }
        used.reset?.();
        expect(stateOf(used)).toEqual(stateOf(instantiate(module)));
        expect(await trace(program, whole, () => used)).toEqual(await trace(program, whole));
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: SEED },
    );
  });

  it('has given back what its memory has grown by', () => {
    const instance = instantiate(decode(loadFixture('grow')));
    instance.start();
    instance.call('grow', [500]);
    instance.reset?.();
    instance.start();
    expect(instance.figures()).toMatchObject({ memoryBytes: 65_536, peakMemoryBytes: 65_536 });
    expect(instance.call('size', [])).toEqual([1]);
  });

  it('cannot be while a call was left, or runs', () => {
    const instance = instantiate(decode(loadFixture('fib')));
    instance.start();
    const execution = begin(instance, { export: 'run', args: [20] });
    execution.advance(100n);
    expect(() => instance.reset?.()).toThrow(/while a call of it has not ended/);
    execution.abort(new UsageError('enough'));
    instance.reset?.();
  });
});

describe('a sandbox that was reset', () => {
  it.each([
    ['hello', 'one'],
    ['json', '50'],
    ['files', 'write', '/new.txt', 'text'],
    ['files', 'cat', '/in.txt'],
  ])('runs %s as a fresh one does', async (fixture, ...args) => {
    const options = programOptions(fixture, args);
    const observe = async (sandbox: WasmSandbox) => {
      const run = await sandbox.run();
      const { cpuTimeMs: _, instanceId: __, ...stats } = sandbox.getResourceStats();
      return { run, stats, files: sandbox.files() };
    };
    const sandbox = await WasmSandbox.create(options);
    const fresh = await observe(await WasmSandbox.create(options));
    for (let i = 0; i < 3; i++) {
      expect(await observe(sandbox)).toEqual(fresh);
      await sandbox.reset();
      expect(sandbox.output().stdout).toBe('');
    }
    sandbox.start('_start').step(5_000);
    await sandbox.reset();
    expect(sandbox.execution).toBeUndefined();
    expect(await observe(sandbox)).toEqual(fresh);
  });

  it('has ended the calls that were left in it', async () => {
    const host = () => new Promise<number>(() => undefined);
    const sandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
      capabilities: [Capability.hostFunctions('env', { host })],
    });
    const waiting = sandbox.call('call', [1]);
    await sandbox.reset();
    await expect(waiting).rejects.toBeInstanceOf(CallAborted);
    await expect(waiting).rejects.toThrow(/the sandbox was reset/);
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
  });

  it('by a host function of its own leaves the running call to end where it was', async () => {
    let resets: Promise<void> | undefined;
    const host = (value: number) => {
      resets = sandbox.reset();
      return value + 1;
    };
    const sandbox: WasmSandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
      capabilities: [Capability.hostFunctions('env', { host })],
    });
    expect(await sandbox.call('call', [1])).toBe(2);
    await resets;
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
  });

  it('has as much time to be instantiated again as it had at first', async () => {
    // Empty data segments, of which so many are made between two looks at the clock.
    const segments = Array.from({ length: 40_000 }, () => [1, 0]).flat();
    const [count, size] = [
      [0xc0, 0xb8, 2],
      [0x83, 0xf1, 4],
    ];
    const source = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 11, ...size, ...count, ...segments]);
    const sandbox = await WasmSandbox.fromBytes(source, { cpuTimeout: 10_000 });
    await sandbox.reset();
    const { now } = performance;
    let late = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + (late += 6_000));
    try {
      await expect(sandbox.reset()).rejects.toThrow(CpuTimeoutExceeded);
    } finally {
      clock.mockRestore();
    }
  });

  it('and none but the running one: others are ended as by any reset', async () => {
    let resets: Promise<void> | undefined;
    const host = (value: number) => {
      if (value === 1) resets = sandbox.reset();
      return value;
    };
    const sandbox: WasmSandbox = await WasmSandbox.fromBytes(CALLS_HOST, {
      capabilities: [Capability.hostFunctions('env', { host })],
    });
    const never = sandbox.start('call', [2]);
    const { gasUsed } = sandbox.getResourceStats();
    expect(await sandbox.call('call', [1])).toBe(1);
    await resets;
    expect(never.step(1_000)).toBe('failed');
    expect(never.error).toBeInstanceOf(CallAborted);
    expect(never.gasUsed).toBe(0n);
    expect(sandbox.getResourceStats().gasUsed).toBe(gasUsed);
  });

  it('costs little', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const ROUNDS = 2_000;
    let start = 0;
    for (let i = -500; i < ROUNDS; i++) {
      if (i === 0) start = performance.now();
      await sandbox.reset();
    }
    console.log(`reset of one page: ${((1_000 * (performance.now() - start)) / ROUNDS).toFixed(1)} µs`);
    expect(await sandbox.call('count')).toBe(1);
  });
});
