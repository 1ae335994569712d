/** What is taken of a guest before what makes images is loaded is what is taken of it then, whatever the guest does meanwhile. */

import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { images } from '../../interpreter/index.ts';
import { WasmSandbox } from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineExecution, EngineImage, EngineInstance } from '../../wasm/engine.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { SEED } from '../property/runner.ts';
import { anyLifeProgram, begin, instantiate, type LifeProgram, sequence } from './programs.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 100);
/** Of modules that have none of these, nothing is loaded before. */
const LOADED = ['gc', 'function-references', 'exception-handling', 'legacy-exception-handling', 'threads'];

const unloaded = () => vi.spyOn(images, 'isLoaded', 'get').mockReturnValue(false);
afterEach(() => void vi.restoreAllMocks());

function written(image: EngineImage): Uint8Array {
  const to = new WireWriter();
  image.write(to);
  return to.written.slice();
}

/** A guest at rest, or in the middle of a call. */
function hold(instance: EngineInstance, left: EngineExecution | undefined) {
  const expected = written(instance.capture!(left, 'write'));
  const isLoaded = unloaded();
  const image = instance.capture!(left, 'write');
  isLoaded.mockRestore();
  expect(image.ready).toBeDefined();
  return async () => {
    await image.ready?.();
    expect(written(image)).toEqual(expected);
  };
}

/** Every call of a program in pieces, with what is held at the end of each looked at a few pieces later. */
async function inPieces({ bytes, calls }: LifeProgram, next: () => number): Promise<void> {
  const module = decode(bytes);
  const instance = instantiate(module);
  try {
    instance.start();
  } catch {
    return;
  }
  for (const call of calls) {
    const checks = [hold(instance, undefined)];
    try {
      const execution = begin(instance, call);
      for (let i = 0; execution.advance(BigInt(next() % 20_000)) !== 'done'; i++) {
        if (i < 20 && execution.isReady) checks.push(hold(instance, execution));
      }
    } catch {
      // What it fails with is another test's.
    }
    for (const check of checks) await check();
  }
}

describe('what is held of a guest', () => {
  it('random programs', async () => {
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.integer({ min: 1 }), async (program, seed) => {
        const module = decode(program.bytes);
        fc.pre(module.start === undefined && !module.features.some((feature) => LOADED.includes(feature)));
        await inPieces(program, sequence(seed));
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  const programs = manifest.filter((fixture) => fixture.kind === 'exports');
  it.each(programs.map(({ name }) => name))('%s', async (name) => {
    const fixture = programs.find((item) => item.name === name)!;
    await inPieces({ bytes: loadFixture(name), calls: fixture.expect.calls }, sequence(11));
  });
});

const source = `(module (memory (export "memory") 1) (global $count (mut i32) (i32.const 0))
  (table 2 funcref) (elem declare func $run)
  (func $run (export "run") (param $n i32) (result i32)
    (loop $more
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (i32.store (i32.const 64) (global.get $count))
      (table.set (i32.and (global.get $count) (i32.const 1)) (ref.func $run))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (global.get $count)))`;

it('a snapshot is of the moment at which it was asked for, though nobody waits for it', async () => {
  const sandbox = await WasmSandbox.create({ source, engine: 'interpreter' });
  const execution = sandbox.start('run', [100]);
  execution.step(200);
  const expected = await sandbox.snapshot();
  unloaded();
  const snapshot = sandbox.snapshot();
  execution.step(200);
  sandbox.memory.write(0, new Uint8Array([1, 2, 3]));
  expect(await snapshot).toEqual(expected);
  const restored = await WasmSandbox.restore(await snapshot, { source, engine: 'interpreter' });
  expect(await restored.execution?.run()).toBe(100);
});

it('what cannot be saved is refused as ever', async () => {
  const text =
    '(module (table (export "table") 1 externref) (func (export "put") (param externref) (table.set (i32.const 0) (local.get 0))))';
  const sandbox = await WasmSandbox.create({ source: text, engine: 'interpreter' });
  await sandbox.call('put', [{}]);
  unloaded();
  await expect(sandbox.snapshot()).rejects.toThrow('host');
});
