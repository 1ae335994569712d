import { afterEach, expect, test, vi } from 'vitest';
import { SandboxDisposed, WasmSandbox } from '../../src/index.ts';
import { ADD } from './modules.ts';

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
