import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { instrument } from '../../instrument/artifact.ts';
import { decodeEntry, encodeEntry } from '../../src/cache/entry.ts';
import {
  Capability,
  CompileError,
  GasExhausted,
  SandboxCache,
  type SandboxOptions,
  SandboxPool,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import namespace from '../../src/webassembly.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import { ADD, assemble, CALLS_HOST, COUNTER } from '../sandbox/modules.ts';
import { constant, filesIn, temporaryFolder } from './help.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const valueIn = async (options: SandboxOptions) => (await WasmSandbox.create(options)).call('value');

describe('in memory', () => {
  test('a module is made ready once', async () => {
    const cache = SandboxCache.inMemory();
    const sandboxes = [];
    for (let i = 0; i < 3; i++) {
      sandboxes.push(await WasmSandbox.builder().source(COUNTER.slice()).cache(cache).build());
    }
    expect(await Promise.all(sandboxes.map((sandbox) => sandbox.call('count')))).toEqual([1, 1, 1]);
    expect(cache.getStats()).toEqual({
      hits: 2,
      misses: 1,
      entries: 1,
      bytes: sandboxes[0]?.getResourceStats().moduleBytes,
      evictions: 0,
      disk: undefined,
    });
  });

  test('also where many want it at once', async () => {
    const cache = SandboxCache.inMemory();
    const built = Array.from({ length: 50 }, () => valueIn({ source: constant(7), cache }));
    expect(new Set(await Promise.all(built))).toEqual(new Set([7]));
    expect(cache.getStats()).toMatchObject({ hits: 49, misses: 1 });
  });

  test('gas, memory and results are those without a cache', async () => {
    const cache = SandboxCache.inMemory();
    const run = async (options: Partial<SandboxOptions>) => {
      const sandbox = await WasmSandbox.create({
        source: loadFixture('primes'),
        args: ['primes', '100'],
        instanceId: 'x',
        ...options,
      });
      const result = await sandbox.run();
      return [result, { ...sandbox.getResourceStats(), cpuTimeMs: 0, engineReason: '' }];
    };
    for (const engine of ['interpreter', 'native'] as const) {
      const expected = await run({ engine });
      expect(await run({ engine, cache })).toEqual(expected);
      expect(await run({ engine, cache })).toEqual(expected);
    }
    expect(cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
  });

  test('other bytes, another engine or another policy are another entry', async () => {
    const cache = SandboxCache.inMemory();
    expect(await valueIn({ source: constant(1), cache })).toBe(1);
    expect(await valueIn({ source: constant(2), cache })).toBe(2);
    expect(await valueIn({ source: constant(1), cache, engine: 'native' })).toBe(1);
    expect(await valueIn({ source: constant(1), cache, capabilities: [Capability.clock()] })).toBe(1);
    expect(cache.getStats()).toMatchObject({ hits: 0, misses: 4, entries: 4 });
  });

  test('every sandbox has its own policy, also where the entry is the same', async () => {
    const cache = SandboxCache.inMemory();
    const build = (factor: number) =>
      WasmSandbox.create({
        source: CALLS_HOST,
        cache,
        capabilities: [Capability.hostFunctions('env', { host: (n: number) => n * factor })],
      });
    const [twice, thrice] = await Promise.all([build(2), build(3)]);
    expect([await twice.call('call', [5]), await thrice.call('call', [5])]).toEqual([10, 15]);
    expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1 });
  });

  test('what its owner changes afterwards changes nothing', async () => {
    const cache = SandboxCache.inMemory();
    const source = constant(11);
    const building = valueIn({ source, cache });
    source.set(constant(22));
    expect(await building).toBe(11);
    expect(await valueIn({ source: constant(11), cache })).toBe(11);
    expect(await valueIn({ source: constant(22), cache })).toBe(22);
  });

  test('what is no module is told every time, and not kept', async () => {
    const cache = SandboxCache.inMemory();
    const source = Uint8Array.of(0, 97, 115, 109, 9, 9, 9, 9);
    const attempts = await Promise.allSettled([1, 2, 3].map(() => WasmSandbox.create({ source, cache })));
    for (const attempt of attempts) expect(attempt).toMatchObject({ reason: expect.any(CompileError) });
    await expect(WasmSandbox.create({ source: new Uint8Array(), cache })).rejects.toThrow('is empty');
    const text = new TextEncoder().encode('(module)');
    await expect(WasmSandbox.create({ source: text, cache })).rejects.toThrow('is WebAssembly text');
    expect(cache.getStats()).toMatchObject({ entries: 0, bytes: 0 });
  });

  test('nothing larger than the limit is read, whatever is in it', async () => {
    const cache = SandboxCache.inMemory();
    await WasmSandbox.create({ source: ADD, cache });
    const moduleLimit = ADD.length - 1;
    for (const source of [ADD, new Response(ADD), new namespace.Module(ADD)]) {
      const refused = WasmSandbox.create({ source, cache, moduleLimit });
      await expect(refused).rejects.toThrow(`module of more than ${moduleLimit} bytes: too large`);
    }
  });

  test('every kind of source finds the same entry', async () => {
    const cache = SandboxCache.inMemory();
    const bytes = loadFixture('fib');
    const sources = [
      bytes,
      bytes.slice().buffer,
      new Response(bytes.slice()),
      'fixtures/build/fib.wasm',
      new namespace.Module(bytes.slice()),
    ];
    for (const source of sources) {
      expect(await (await WasmSandbox.create({ source, cache })).call('run', [10])).toBe(55);
    }
    expect(cache.getStats()).toMatchObject({ hits: 4, misses: 1 });
    expect(SyncSandbox.fromBytes(bytes, { cache }).call('run', [10])).toBe(55);
    expect(cache.getStats()).toMatchObject({ hits: 5, misses: 1 });
  });

  test('the synchronous sandbox fills it as well', async () => {
    const cache = SandboxCache.inMemory();
    for (let i = 0; i < 2; i++) expect(SyncSandbox.fromBytes(constant(4), { cache }).call('value')).toBe(4);
    expect(await valueIn({ source: constant(4), cache })).toBe(4);
    expect(cache.getStats()).toMatchObject({ hits: 2, misses: 1 });
    expect(() => SyncSandbox.create({ source: 'a.wasm', cache })).toThrow('nothing is waited for here');
  });

  test('a pool asks it once', async () => {
    const cache = SandboxCache.inMemory();
    for (let i = 0; i < 2; i++) {
      await using pool = await SandboxPool.create({ sandbox: { source: constant(5), cache }, min: 3 });
      expect(await pool.use((sandbox) => sandbox.call('value'))).toBe(5);
    }
    expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1 });
  });

  test('bounded: the module used longest ago goes first', async () => {
    const cache = SandboxCache.inMemory({ maxEntries: 2 });
    const use = (number: number) => valueIn({ source: constant(number), cache });
    for (const number of [1, 2, 1, 3, 1, 2]) expect(await use(number)).toBe(number);
    expect(cache.getStats()).toMatchObject({ hits: 2, misses: 4, entries: 2, evictions: 2 });
    const none = SandboxCache.inMemory({ maxBytes: 10 });
    expect(await valueIn({ source: constant(1), cache: none })).toBe(1);
    expect(none.getStats()).toMatchObject({ entries: 0 });
  });

  test('clear forgets, and what was built goes on', async () => {
    const cache = SandboxCache.inMemory();
    const sandbox = await WasmSandbox.create({ source: constant(6), cache });
    await cache.clear();
    expect(cache.getStats()).toMatchObject({ entries: 0, bytes: 0 });
    expect(await sandbox.call('value')).toBe(6);
    expect(await valueIn({ source: constant(6), cache })).toBe(6);
    expect(cache.getStats()).toMatchObject({ misses: 2 });
  });
});

describe('on disk', () => {
  const source = loadFixture('json');
  const native = (cache?: SandboxCache): SandboxOptions => ({
    source,
    engine: 'native',
    args: ['json', '5'],
    instanceId: 'x',
    ...(cache && { cache }),
  });

  async function run(cache?: SandboxCache) {
    const sandbox = await WasmSandbox.create(native(cache));
    const result = await sandbox.run();
    return { result, stats: { ...sandbox.getResourceStats(), cpuTimeMs: 0 }, exports: sandbox.exports };
  }

  /** The one entry in the folder. */
  function entryIn(folder: string): { path: string; key: string } {
    const [name] = filesIn(folder, '.entry');
    if (name === undefined) throw new Error('there is no entry');
    return { path: join(folder, name), key: name.slice(0, 64) };
  }

  test('the module with its meter is taken from there by the next process, and is the same', async () => {
    const folder = temporaryFolder();
    const expected = await run();
    const first = await SandboxCache.onDisk(folder);
    expect(await run(first)).toEqual(expected);
    expect(first.getStats().disk).toMatchObject({ hits: 0, misses: 1, written: 1, entries: 1, failures: 0 });
    const second = await SandboxCache.onDisk(folder);
    expect(await run(second)).toEqual(expected);
    expect(await run(second)).toEqual(expected);
    expect(second.getStats()).toMatchObject({ hits: 1, misses: 1, disk: { hits: 1, misses: 0, written: 0 } });
  });

  test('limits are those of each sandbox', async () => {
    const folder = temporaryFolder();
    await run(await SandboxCache.onDisk(folder));
    const cache = await SandboxCache.onDisk(folder);
    const sandbox = await WasmSandbox.create({ ...native(cache), gasLimit: 100_000 });
    await expect(sandbox.run()).rejects.toBeInstanceOf(GasExhausted);
    expect((await run(cache)).result.exitCode).toBe(0);
    expect(cache.getStats().disk).toMatchObject({ hits: 1, written: 0 });
  });

  test('for the interpreter nothing is stored: its modules are decoded from their bytes', async () => {
    const folder = temporaryFolder();
    const cache = await SandboxCache.onDisk(folder);
    for (let i = 0; i < 2; i++) expect(await valueIn({ source: constant(3), cache })).toBe(3);
    expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1, disk: { entries: 0, written: 0, misses: 0 } });
    expect(filesIn(folder, '')).toEqual([]);
  });

  test('an entry that is damaged is made again', async () => {
    const folder = temporaryFolder();
    const expected = await run(await SandboxCache.onDisk(folder));
    const { path } = entryIn(folder);
    const bytes = readFileSync(path);
    const spoiled = Buffer.from(bytes);
    spoiled.writeUInt8(bytes.readUInt8(20_000) ^ 1, 20_000);
    writeFileSync(path, spoiled);
    const cache = await SandboxCache.onDisk(folder);
    expect(await run(cache)).toEqual(expected);
    expect(cache.getStats().disk).toMatchObject({ hits: 0, misses: 1, corrupt: 1, written: 1 });
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test.each<[string, () => Promise<Uint8Array>]>([
    ['of another module', () => instrument(loadFixture('fib'))],
    ['made for other limits', () => instrument(source, { limits: { gas: 5n } })],
    ['without time slices', () => instrument(source, { timeSlices: false })],
    ['with other NaNs', () => instrument(source, { canonicalNaN: false })],
    ['that is no artifact', async () => source],
    ['that is no module', async () => new TextEncoder().encode('nothing')],
    [
      'of another version of the schedule',
      async () => {
        const artifact = Buffer.from(await instrument(source));
        const from = `"gasVersion":${GAS_VERSION}`;
        const at = artifact.lastIndexOf(from);
        artifact.write(from.replace(String(GAS_VERSION), '9'), at);
        return new Uint8Array(artifact);
      },
    ],
  ])('an entry in good order with an artifact %s is not used', async (_, make) => {
    const folder = temporaryFolder();
    const expected = await run(await SandboxCache.onDisk(folder));
    const { path, key } = entryIn(folder);
    const good = readFileSync(path);
    const other = await make();
    writeFileSync(path, await encodeEntry(key, other));
    expect(await decodeEntry(key, readFileSync(path))).toEqual(new Uint8Array(other));
    const cache = await SandboxCache.onDisk(folder);
    expect(await run(cache)).toEqual(expected);
    expect(cache.getStats().disk).toMatchObject({ hits: 0, misses: 1, corrupt: 1, written: 1, failures: 0 });
    expect(readFileSync(path).equals(good)).toBe(true);
  });

  test('a disk that cannot be written to is a cache that has nothing', async () => {
    const folder = temporaryFolder();
    const cache = await SandboxCache.onDisk(folder, { maxDiskBytes: 100 });
    const small = await SandboxCache.onDisk(folder, { maxDiskEntries: 0 });
    const expected = await run();
    expect(await run(cache)).toEqual(expected);
    expect(await run(small)).toEqual(expected);
    expect(filesIn(folder, '')).toEqual([]);
  });

  test('what says that it has been instrumented is refused as without a cache', async () => {
    const cache = await SandboxCache.onDisk(temporaryFolder());
    const artifact = await instrument(constant(1));
    for (let i = 0; i < 2; i++) {
      const refused = WasmSandbox.create({ source: artifact, engine: 'native', cache });
      await expect(refused).rejects.toThrow('anybody can say');
    }
    expect(cache.getStats().disk).toMatchObject({ written: 0, entries: 0 });
  });

  test('a Module of the caller’s is not made another one', async () => {
    const folder = temporaryFolder();
    const module = new namespace.Module(constant(9));
    for (let i = 0; i < 2; i++) {
      const cache = await SandboxCache.onDisk(folder);
      expect(await valueIn({ source: module, engine: 'native', cache })).toBe(9);
      expect(cache.getStats().disk).toMatchObject({ hits: i });
    }
    const plain = await WasmSandbox.create({ source: module });
    const fresh = await WasmSandbox.create({ source: constant(9) });
    await Promise.all([plain.call('value'), fresh.call('value')]);
    expect(plain.getResourceStats().gasUsed).toBe(fresh.getResourceStats().gasUsed);
    expect(plain.exports).toEqual(fresh.exports);
  });
});

test('auto takes the engine that it would without', async () => {
  const folder = temporaryFolder();
  const engineOf = async (options: Partial<SandboxOptions>) => {
    const sandbox = await WasmSandbox.create({ source: constant(1), engine: 'auto', ...options });
    expect(await sandbox.call('value')).toBe(1);
    return sandbox.getResourceStats().engine;
  };
  for (const cache of [SandboxCache.inMemory(), await SandboxCache.onDisk(folder)]) {
    expect(await engineOf({})).toBe('native');
    expect(await engineOf({ cache })).toBe('native');
    for (const [leavable, engine] of [
      [undefined, 'native'],
      [false, 'interpreter'],
    ] as const) {
      expect(await engineOf({ cache, yieldEvery: 5, leavable })).toBe(engine);
      expect(await engineOf({ yieldEvery: 5, leavable })).toBe(engine);
    }
  }
});

test('auto stores nothing of what can be left, and finds nothing for it', async () => {
  const folder = temporaryFolder();
  for (const options of [{ engine: 'auto' }, { engine: 'auto', leavable: false }, { engine: 'auto' }] as const) {
    const cache = await SandboxCache.onDisk(folder);
    expect(await valueIn({ source: constant(1), ...options, cache })).toBe(1);
    expect(cache.getStats().disk).toMatchObject({ hits: 0, misses: 'leavable' in options ? 1 : 0 });
  }
});

describe('options', () => {
  test.each<[options: unknown, message: string]>([
    [null, 'the options of a cache must be an object, not null'],
    [{ maxBytes: -1 }, 'maxBytes must be an integer of at least 0 (bytes), not -1'],
    [{ maxEntries: 1.5 }, 'maxEntries must be an integer of at least 0 (entries), not 1.5'],
    [{ maxByte: 5 }, 'a cache has no option "maxByte"; did you mean "maxBytes"'],
    [{ maxDiskBytes: 5 }, 'a cache has no option "maxDiskBytes"'],
  ])('%j', (options, message) => {
    expect(() => SandboxCache.inMemory(options as never)).toThrow(UsageError);
    expect(() => SandboxCache.inMemory(options as never)).toThrow(message);
  });

  test('of one on disk, and of a sandbox', async () => {
    await expect(SandboxCache.onDisk(5 as never)).rejects.toThrow(
      'the folder of a cache must be a path or a file: URL',
    );
    await expect(SandboxCache.onDisk('x', { maxDiskByte: 1 } as never)).rejects.toThrow('did you mean "maxDiskBytes"');
    expect(() => WasmSandbox.builder().cache({} as never)).toThrow('cache must be a SandboxCache');
    const start = assemble({ functions: [{ name: 'f', type: [[], []], code: [] }], start: 0 });
    await expect(WasmSandbox.create({ source: start, cache: new Map() as never })).rejects.toThrow(UsageError);
  });
});
