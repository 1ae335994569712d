import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SandboxCache, type SandboxOptions, SandboxPool, WasmSandbox } from '../../src/index.ts';
import { constant, filesIn, temporaryFolder } from './help.ts';

/** Builds a sandbox of a module whose value is the number, and asks for the value. */
async function ask(number: number, cache: SandboxCache, options: Partial<SandboxOptions> = {}): Promise<unknown> {
  await using sandbox = await WasmSandbox.create({ source: constant(number), cache, ...options });
  return sandbox.call('value');
}

test('thousands of sandboxes at once, of more modules than there is room for', async () => {
  const cache = SandboxCache.inMemory({ maxEntries: 16 });
  const numbers = Array.from({ length: 4_000 }, (_, i) => (i * 7) % 60);
  expect(await Promise.all(numbers.map((number) => ask(number, cache)))).toEqual(numbers);
  const { hits, misses, entries, evictions, bytes } = cache.getStats();
  expect(hits + misses).toBe(4_000);
  expect(misses).toBeGreaterThanOrEqual(60);
  expect(entries).toBe(16);
  expect(evictions).toBe(misses - 16);
  await using largest = await WasmSandbox.create({ source: constant(59) });
  expect(bytes).toBeLessThanOrEqual(16 * largest.getResourceStats().moduleBytes);
});

test('several caches on one folder, which somebody spoils meanwhile', async () => {
  const folder = temporaryFolder();
  const open = () => SandboxCache.onDisk(folder, { maxEntries: 2, maxDiskEntries: 10 });
  const caches = await Promise.all([open(), open(), open()]);
  let rounds = 0;
  const spoil = () => {
    const names = filesIn(folder, '.entry');
    names.forEach((name, i) => {
      const path = join(folder, name);
      const what = (rounds + i) % 4;
      if (what === 0) rmSync(path, { force: true });
      // Another process may have evicted it since.
      else if (what === 1) writeFileSync(path, readFileSync(path).subarray(0, 300));
      else if (what === 2) writeFileSync(path, 'nothing of the kind');
    });
    rounds++;
  };
  for (let round = 0; round < 12; round++) {
    const numbers = Array.from({ length: 60 }, (_, i) => (i + round) % 25);
    const asked = numbers.map((number, i) => ask(number, caches[i % 3] as SandboxCache, { engine: 'native' }));
    expect(await Promise.all(asked)).toEqual(numbers);
    spoil();
  }
  const stats = caches.map((cache) => cache.getStats().disk);
  const sum = (name: 'corrupt' | 'written' | 'hits' | 'failures') =>
    stats.reduce((total, one) => total + (one?.[name] ?? 0), 0);
  expect(sum('corrupt')).toBeGreaterThan(0);
  expect(sum('hits')).toBeGreaterThan(0);
  expect(sum('written')).toBeGreaterThan(25);
  expect(filesIn(folder, '.entry').length).toBeLessThanOrEqual(10);
  expect(filesIn(folder, '.unfinished')).toEqual([]);
});

test('pools of one cache do not meet', async () => {
  const cache = SandboxCache.inMemory();
  const pools = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      SandboxPool.create({ sandbox: { source: constant(i % 5), cache, gasLimit: 10_000 + i }, min: 1, max: 3 }),
    ),
  );
  const calls = Array.from({ length: 500 }, (_, i) =>
    (pools[i % 10] as SandboxPool).use(async (sandbox) => {
      expect(sandbox.getResourceStats().gasLimit).toBe(10_000n + BigInt(i % 10));
      return sandbox.call('value');
    }),
  );
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 500 }, (_, i) => i % 5));
  expect(cache.getStats()).toMatchObject({ misses: 5, hits: 5 });
  await Promise.all(pools.map((pool) => pool.drain()));
});
