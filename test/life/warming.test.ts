/** Sandboxes that begin interpreted and go native by themselves: nothing shows it but the statistics. */

import { describe, expect, it } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, replay, type SandboxOptions, WasmSandbox } from '../../src/index.ts';
import { parse } from '../../src/text.ts';
import { GasExhausted } from '../../wasm/errors.ts';

const AUTO = { engine: 'auto' } as const;
const INTERPRETED = { engine: 'interpreter' } as const;

/** Bytes of code that make a module large, none of which is ever executed. */
const BALLAST = `(func (param i32) (result i32) ${'(local.set 0 (i32.add (local.get 0) (i32.const 1)))'.repeat(6_000)} (local.get 0))`;

/** `spin` goes round so many times, asks `env.tick` now and then, and leaves a sum in memory, a global and its result. */
const LARGE = parse(`(module
  (import "env" "tick" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $sum (mut i64) (i64.const 0))
  (func $mix (param i32) (result i32) (i32.rotl (i32.mul (local.get 0) (i32.const 0x9e3779b1)) (i32.const 7)))
  (func (export "spin") (param $n i32) (result i64) (local $x i32) (local $f f64)
    (loop $l
      (local.set $x (call $mix (i32.add (local.get $x) (local.get $n))))
      (local.set $f (f64.add (local.get $f) (f64.convert_i32_s (local.get $x))))
      (if (i32.eqz (i32.and (local.get $n) (i32.const 0xffff)))
        (then (local.set $x (i32.add (local.get $x) (call $tick (local.get $n))))))
      (global.set $sum (i64.add (global.get $sum) (i64.extend_i32_u (local.get $x))))
      (i32.store (i32.and (local.get $x) (i32.const 0xfffc)) (local.get $x))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i64.xor (global.get $sum) (i64.trunc_sat_f64_s (local.get $f))))
  ${BALLAST})`);

const ticking = (tick: (n: unknown) => unknown) =>
  ({
    tick: { params: ['i32'], results: ['i32'], call: (_: unknown, [n]: readonly unknown[]) => tick(n) as number },
  }) as const;

function make(
  options: Partial<SandboxOptions>,
  tick: (n: unknown) => unknown = (n) => Number(n) & 7,
): Promise<WasmSandbox> {
  return WasmSandbox.create({
    source: LARGE,
    capabilities: [Capability.hostFunctions('env', ticking(tick))],
    ...options,
  });
}

const seen = (sandbox: WasmSandbox) => {
  const { gasUsed, memoryBytes } = sandbox.getResourceStats();
  return { gasUsed, memoryBytes, bytes: sandbox.memory.read(0, 65_536).join() };
};

describe('a guest that begins interpreted', () => {
  it('goes native in the middle of its first call, with the same result, memory and gas', async () => {
    const auto = await make(AUTO);
    const expected = await make(INTERPRETED);
    expect(auto.getResourceStats()).toMatchObject({
      engine: 'interpreter',
      engineReason: 'it has been interpreted since it began, and goes native where that pays',
    });
    for (const n of [1_500_000, 100_000]) {
      expect(await auto.call('spin', [n])).toBe(await expected.call('spin', [n]));
      expect(seen(auto)).toEqual(seen(expected));
    }
    expect(auto.getResourceStats().engine).toBe('native');
  });

  it('waits for promises on its way', async () => {
    const later = async (n: unknown) => Number(n) & 7;
    const auto = await make(AUTO, later);
    const expected = await make(INTERPRETED, later);
    expect(await auto.call('spin', [2_000_000])).toBe(await expected.call('spin', [2_000_000]));
    expect(seen(auto)).toEqual(seen(expected));
  });

  it('ends at the same unit', async () => {
    const ends = await Promise.all(
      [AUTO, INTERPRETED].map(async (options) => {
        const sandbox = await make({ ...options, gasLimit: 40_000_000n });
        await expect(sandbox.call('spin', [4_000_000])).rejects.toThrow(GasExhausted);
        return seen(sandbox);
      }),
    );
    expect(ends[0]).toEqual(ends[1]);
  });

  it('is saved in the middle of a call, with the same bytes, and goes on elsewhere', async () => {
    const halves = await Promise.all(
      [AUTO, INTERPRETED].map(async (options) => {
        const sandbox = await make(options);
        const execution = sandbox.start('spin', [2_000_000]);
        execution.step(30_000_000n);
        return { sandbox, bytes: await sandbox.snapshot(), execution };
      }),
    );
    const [auto, expected] = halves as [(typeof halves)[0], (typeof halves)[0]];
    expect(Buffer.compare(auto.bytes, expected.bytes)).toBe(0);
    expect(await auto.execution.run()).toBe(await expected.execution.run());
    expect(seen(auto.sandbox)).toEqual(seen(expected.sandbox));
  });

  it('goes on from a snapshot, and in a fork, which may be recorded', async () => {
    const source = await make(AUTO);
    source.start('spin', [2_000_000]).step(20_000_000n);
    const expected = await (await make(INTERPRETED)).call('spin', [2_000_000]);
    const capabilities = [
      Capability.hostFunctions(
        'env',
        ticking((n) => Number(n) & 7),
      ),
    ];
    const restored = await WasmSandbox.restore(await source.snapshot(), { source: LARGE, capabilities, ...AUTO });
    const fork = await source.fork();
    const recorded = await source.fork({ record: true });
    for (const one of [restored, fork, recorded, source]) {
      expect(await one.execution?.run()).toBe(expected);
      expect(seen(one)).toEqual(seen(restored));
    }
    expect((await replay(await recorded.recording())).same).toBe(true);
  });

  it('that is recorded goes native as others do, and is replayed', async () => {
    const sandbox = await make({ ...AUTO, record: true });
    const undisturbed = await make({});
    for (const rounds of [1_500_000, 10]) {
      expect(await sandbox.call('spin', [rounds])).toBe(await undisturbed.call('spin', [rounds]));
    }
    expect(sandbox.getResourceStats().engine).toBe('native');
    const report = await replay(await sandbox.recording());
    expect(report).toMatchObject({ same: true, calls: 2, gasUsed: undisturbed.getResourceStats().gasUsed });
  });

  it('stays interpreted where native code would be beyond the limit on code', async () => {
    const bounded = await make({ ...AUTO, codeLimit: 80_000 });
    const expected = await make(INTERPRETED);
    expect(await bounded.call('spin', [1_500_000])).toBe(await expected.call('spin', [1_500_000]));
    expect(seen(bounded)).toEqual(seen(expected));
    const { moduleBytes, codeBytes, ...rest } = bounded.getResourceStats();
    expect(moduleBytes + codeBytes).toBeGreaterThan(80_000);
    expect(rest).toMatchObject({
      engine: 'interpreter',
      engineReason: 'it has been interpreted since it began, and goes native where that pays',
    });
  });

  it('is native at once where its code is small, and interpreted where it cannot be left', async () => {
    const fib = await WasmSandbox.fromBytes(loadFixture('fib'), AUTO);
    expect(fib.getResourceStats().engine).toBe('native');
    const tail = parse('(module (func $f (export "f") (param i32) (result i32) (return_call $f (local.get 0))))');
    expect((await WasmSandbox.fromBytes(tail, { ...AUTO, leavable: true })).getResourceStats().engine).toBe('native');
    const catching = parse('(module (tag $e) (func (export "f") (try (do (throw $e)) (catch_all))))');
    const { engine, engineReason } = (
      await WasmSandbox.fromBytes(catching, { ...AUTO, leavable: true })
    ).getResourceStats();
    expect(engine).toBe('interpreter');
    expect(engineReason).toContain('legacy-exception-handling');
  });

  it('is as it began after a reset, wherever it was', async () => {
    const auto = await make(AUTO);
    const first = await auto.call('spin', [1_500_000]);
    const after = seen(auto);
    await auto.reset();
    expect(await auto.call('spin', [1_500_000])).toBe(first);
    expect(seen(auto)).toEqual(after);
  });
});
