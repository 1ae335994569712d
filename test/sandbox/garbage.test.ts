import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { MiB, SandboxDisposed, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { ADD, assemble } from './modules.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

test('nothing is collected where the runtime cannot be asked', async () => {
  vi.stubGlobal('gc', undefined);
  vi.stubGlobal('Bun', undefined);
  expect((await WasmSandbox.fromBytes(ADD)).collectGarbage()).toBe(false);
});

test("V8's collector is asked", async () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  expect((await WasmSandbox.fromBytes(ADD)).collectGarbage()).toBe(true);
  expect(gc).toHaveBeenCalledOnce();
});

test("Bun's is asked to collect before it returns", async () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', undefined);
  vi.stubGlobal('Bun', { gc });
  expect((await WasmSandbox.fromBytes(ADD)).collectGarbage()).toBe(true);
  expect(gc).toHaveBeenCalledWith(true);
});

test('the memory of a guest that is in use stays', async () => {
  const sandbox = await WasmSandbox.fromBytes(ADD);
  sandbox.collectGarbage();
  expect(await sandbox.call<number>('add', [1, 2])).toBe(3);
  sandbox.dispose();
  expect(() => sandbox.collectGarbage()).toThrow(SandboxDisposed);
});

// What a WeakRef refers to lives as long as the job does that has made it.
test('sandboxes that are made and forgotten one after another do not pile up before the event loop turns', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const source = assemble({ memory: 256, functions: [] });
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 10; i++) SyncSandbox.create({ source });
  // What the first has found is freed by another thread, for which the second waits.
  collect();
  collect();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * 16 * MiB);
});
