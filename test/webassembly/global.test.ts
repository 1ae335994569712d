import { expect, test } from 'vitest';
import { createWebAssembly, withWebAssembly } from '../../src/webassembly.ts';

const ours = await createWebAssembly();
const host = globalThis.WebAssembly;

test('replaces the global until the load has ended, and gives what it gave', async () => {
  const seen: unknown[] = [];
  const result = await withWebAssembly(ours, async () => {
    seen.push(globalThis.WebAssembly);
    await Promise.resolve();
    seen.push(globalThis.WebAssembly);
    return 5;
  });
  expect(result).toBe(5);
  expect(seen.every((each) => (each as unknown) === ours)).toBe(true);
  expect(seen).toHaveLength(2);
  expect(globalThis.WebAssembly).toBe(host);
});

test('puts it back as it was after a failure, and goes on with the next', async () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
  const error = new Error('mine');
  const failing = withWebAssembly(ours, () => {
    throw error;
  });
  const next = withWebAssembly(ours, () => (globalThis.WebAssembly as unknown) === ours);
  await expect(failing).rejects.toBe(error);
  await expect(withWebAssembly(ours, () => Promise.reject(error))).rejects.toBe(error);
  expect(await next).toBe(true);
  expect(Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly')).toEqual(before);
});

test('loads at the same time have their own namespaces, one after another', async () => {
  const other = await createWebAssembly();
  const seen: string[] = [];
  const load = (name: string, namespace: object) =>
    withWebAssembly(namespace, async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} ends ${(globalThis.WebAssembly as unknown) === namespace}`);
    });
  await Promise.all([load('one', ours), load('other', other)]);
  expect(seen).toEqual(['one begins', 'one ends true', 'other begins', 'other ends true']);
  expect(globalThis.WebAssembly).toBe(host);
});

test('a host that has none has none afterwards', async () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly') as PropertyDescriptor;
  Reflect.deleteProperty(globalThis, 'WebAssembly');
  try {
    await withWebAssembly(ours, () => expect('WebAssembly' in globalThis).toBe(true));
    expect('WebAssembly' in globalThis).toBe(false);
  } finally {
    Object.defineProperty(globalThis, 'WebAssembly', before);
  }
});

test('what is no namespace, or no function', async () => {
  await expect(withWebAssembly(null as never, () => 1)).rejects.toMatchObject({ code: 'USAGE' });
  await expect(withWebAssembly(ours, import('node:path') as never)).rejects.toMatchObject({ code: 'USAGE' });
});
