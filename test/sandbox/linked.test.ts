/** Guests that are linked with other modules: on both engines, under the limits of one. */

import { describe, expect, test } from 'vitest';
import {
  Capability,
  CompileError,
  CpuTimeoutExceeded,
  GasExhausted,
  LinkError,
  MemoryLimitExceeded,
  SandboxCache,
  SandboxPool,
  StackLimitExceeded,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { parse } from '../../src/text.ts';
import { GUEST, LIBRARY } from './linked-modules.ts';

const ENGINES = ['interpreter', 'native'] as const;

function options(engine: (typeof ENGINES)[number], logs: unknown[] = []) {
  return {
    engine,
    source: GUEST,
    modules: { library: LIBRARY },
    capabilities: [
      Capability.hostFunctions('env', {
        log: { params: ['i32'], results: [], call: (_caller, [value]) => void logs.push(value) },
      }),
    ],
  } as const;
}

test('functions, memories, tables and globals are shared, and gas is the same on both engines', async () => {
  const figures = await Promise.all(
    ENGINES.map(async (engine) => {
      const logs: unknown[] = [];
      await using sandbox = await WasmSandbox.create(options(engine, logs));
      expect(await sandbox.call('state')).toEqual([42, 99, 8, 42]);
      expect(await sandbox.call('quadruple', [3])).toBe(12);
      expect(await sandbox.call('at', [1, 9])).toBe(18);
      expect(await sandbox.call('state')).toEqual([42, 99, 11, 42]);
      expect(logs).toEqual([3]);
      expect(String.fromCharCode(...sandbox.memory.read(0, 7), ...sandbox.memory.read(100, 5))).toBe('libraryguest');
      await expect(sandbox.call('at', [0, 9])).rejects.toMatchObject({ kind: 'uninitialized-element' });
      await expect(sandbox.call('at', [4, 9])).rejects.toMatchObject({ kind: 'undefined-element' });
      const { gasUsed, memoryBytes, peakMemoryBytes } = sandbox.getResourceStats();
      return { gasUsed, memoryBytes, peakMemoryBytes };
    }),
  );
  expect(figures[0]).toEqual(figures[1]);
  expect(figures[0]?.memoryBytes).toBe(65_536 + 4 * 8);
});

describe.each(ENGINES)('limits of all modules together, on %s', (engine) => {
  test('gas ends wherever it is used up', async () => {
    const whole = await WasmSandbox.create(options(engine));
    await whole.call('quadruple', [3]);
    const { gasUsed } = whole.getResourceStats();
    const enough = await WasmSandbox.create({ ...options(engine), gasLimit: gasUsed });
    expect(await enough.call('quadruple', [3])).toBe(12);
    const short = await WasmSandbox.create({ ...options(engine), gasLimit: gasUsed - 1n });
    await expect(short.call('quadruple', [3])).rejects.toBeInstanceOf(GasExhausted);
    await expect(short.call('state')).rejects.toBeInstanceOf(GasExhausted);
    const spinning = await WasmSandbox.create({ ...options(engine), gasLimit: 1_000_000n });
    const error = await spinning.call('spin').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GasExhausted);
    expect((error as GasExhausted).resources?.gasUsed).toBeGreaterThan(999_000n);
  });

  test('memory', async () => {
    const sandbox = await WasmSandbox.create({ ...options(engine), memoryLimit: 4 * 65_536 });
    expect(await sandbox.call('grow', [2])).toBe(1);
    expect(await sandbox.call('grow', [1])).toBe(-1);
    expect(sandbox.getResourceStats()).toMatchObject({ growthRefused: true, memoryBytes: 3 * 65_536 + 32 });
    const none = WasmSandbox.create({ ...options(engine), memoryLimit: 65_536 + 31 });
    await expect(none).rejects.toBeInstanceOf(MemoryLimitExceeded);
  });

  test('stack', async () => {
    const sandbox = await WasmSandbox.create({ ...options(engine), stackLimit: 20_000 });
    expect(await sandbox.call('down', [10])).toBe(5);
    await expect(sandbox.call('down', [10_000])).rejects.toBeInstanceOf(StackLimitExceeded);
    expect(await sandbox.call('down', [10])).toBe(5);
  });

  test('time', async () => {
    const sandbox = await WasmSandbox.create(options(engine));
    await expect(sandbox.callWithTimeout('spin', [], 50)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    expect(await sandbox.call('quadruple', [1])).toBe(4);
  });

  test('a reset starts all of them over', async () => {
    const sandbox = await WasmSandbox.create(options(engine));
    const before = sandbox.getResourceStats().gasUsed;
    await sandbox.call('quadruple', [3]);
    await sandbox.call('grow', [3]);
    sandbox.memory.write(0, Uint8Array.of(1));
    await sandbox.reset();
    expect(sandbox.getResourceStats()).toMatchObject({ gasUsed: before, memoryBytes: 65_536 + 32 });
    expect(await sandbox.call('state')).toEqual([42, 99, 8, 42]);
    expect(await sandbox.call('at', [1, 9])).toBe(18);
    expect(sandbox.memory.read(0, 1)).toEqual(Uint8Array.of('l'.charCodeAt(0)));
  });

  test('pools and caches make such sandboxes', async () => {
    const cache = SandboxCache.inMemory();
    await using pool = await SandboxPool.create({ sandbox: { ...options(engine), cache }, max: 2 });
    for (let i = 0; i < 3; i++) {
      expect(await pool.use((sandbox) => sandbox.call('quadruple', [i]))).toBe(4 * i);
    }
    await using other = await WasmSandbox.create({ ...options(engine), cache });
    expect(await other.call('quadruple', [2])).toBe(8);
    expect(cache.getStats()).toMatchObject({ entries: 2, hits: 2 });
  });

  test('nothing is waited for in the synchronous sandbox', () => {
    const modules = { library: parse(LIBRARY) };
    const sandbox = SyncSandbox.create({ ...options(engine), source: parse(GUEST), modules });
    expect(sandbox.call('quadruple', [3])).toBe(12);
    sandbox.reset();
    expect(sandbox.call('state')).toEqual([42, 99, 8, 42]);
  });
});

describe.each(ENGINES)('what cannot be linked, on %s', (engine) => {
  const create = (source: string, modules: Readonly<Record<string, string>>) =>
    WasmSandbox.create({ source, modules, engine }).catch((error: unknown) => error);
  const wants = (item: string) => `(module (import "a" "x" ${item}))`;

  test.each([
    ['(func)', '(module)', /"a" exports nothing of that name/],
    ['(func)', '(module (memory (export "x") 1))', /it is a memory/],
    ['(func (param i32))', '(module (func (export "x")))', /incompatible import type/],
    ['(memory 2)', '(module (memory (export "x") 1))', /import "a" "x"|memory/],
    ['(global i64)', '(module (global (export "x") i32 (i32.const 0)))', /import|global/],
    ['(func)', '(module (import "a" "x" (func)) (export "x" (func 0)))', /passed on in a circle/],
    ['(func)', '(module (import "b" "x" (func)) (export "x" (func 0)))', /import "b" "x"|unknown import/],
  ])('%s of %s', async (item, library, message) => {
    const error = await create(wants(item), { a: library });
    expect(error).toBeInstanceOf(LinkError);
    expect((error as Error).message).toMatch(message);
  });

  test('memories that two need of each other', async () => {
    const guest = '(module (import "a" "x" (func)) (memory (export "memory") 1))';
    const error = await create(guest, { a: '(module (import "main" "memory" (memory 1)) (func (export "x")))' });
    expect(error).toBeInstanceOf(LinkError);
    expect((error as Error).message).toMatch(/both ways/);
  });

  test('what was loaded and is no module', async () => {
    expect(await create(wants('(func)'), { a: '(module (func (export "x") i32.add))' })).toBeInstanceOf(CompileError);
  });

  test('a start function that fails', async () => {
    const error = await create(wants('(func)'), { a: '(module (func (export "x") unreachable) (start 0))' });
    expect(error).toBeInstanceOf(Trap);
  });

  test('a segment beyond a memory of another module', async () => {
    const guest = '(module (import "a" "x" (memory 1)) (data (i32.const 65536) "x"))';
    expect(await create(guest, { a: '(module (memory (export "x") 1))' })).toMatchObject({
      kind: 'memory-out-of-bounds',
    });
  });
});

describe('who is asked for modules', () => {
  test('a function, once for each name, and only for those that are imported from', async () => {
    const asked: string[] = [];
    const sandbox = await WasmSandbox.create({
      source: '(module (import "b" "f" (func)) (import "env" "g" (func)) (import "b" "h" (func)))',
      modules: async (name) => {
        asked.push(name);
        if (name === 'b') return '(module (import "c" "f" (func)) (export "f" (func 0)) (func (export "h")))';
        return name === 'c' ? '(module (func (export "f")))' : undefined;
      },
      capabilities: [Capability.hostFunctions('env', { g: { params: [], results: [], call: () => undefined } })],
    });
    expect(asked).toEqual(['b', 'env', 'c']);
    sandbox.dispose();
  });

  test('a module of the record that nobody imports from is not loaded', async () => {
    const source = '(module (func (export "f") (result i32) (i32.const 1)))';
    const sandbox = await WasmSandbox.create({ source, modules: { unused: '(module' } });
    expect(await sandbox.call('f')).toBe(1);
  });

  test('all of them count towards the limit on modules', async () => {
    const library = parse(LIBRARY);
    const guest = parse(GUEST);
    const moduleLimit = guest.length + library.length - 1;
    const error = await WasmSandbox.create({
      ...options('interpreter'),
      source: guest,
      modules: { library },
      moduleLimit,
    }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CompileError);
    expect((error as Error).message).toMatch(/together: too large, moduleLimit/);
  });

  test('bytes are copied at once', async () => {
    const library = parse('(module (func (export "x") (result i32) (i32.const 7)))');
    const source = '(module (import "a" "x" (func (result i32))) (export "x" (func 0)))';
    const building = WasmSandbox.create({ source, modules: { a: library } });
    library.fill(0);
    expect(await (await building).call('x')).toBe(7);
  });

  test.each([
    [7, /modules must be an object/],
    [{ a: 7 }, /the source must be/],
    [{ a: '' }, /the source must be/],
    [() => 7, /the source must be/],
  ])('%s is refused', async (modules, message) => {
    const create = () => WasmSandbox.create({ source: '(module (import "a" "x" (func)))', modules: modules as never });
    const error = await create().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(message);
  });

  test('more than a hundred', async () => {
    const chain = (name: string) => `(module (import "${Number(name) + 1}" "f" (func)) (export "f" (func 0)))`;
    const error = await WasmSandbox.create({ source: chain('0'), modules: chain }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(/100 modules at most/);
  });
});

test('a host function that several modules import is charged to the one budget, and sees the memory of who calls it', async () => {
  const source = `(module (import "a" "run" (func $run)) (import "env" "see" (func $see))
    (memory (export "memory") 1) (data (i32.const 0) "G")
    (func (export "both") (call $see) (call $run)))`;
  const library = `(module (import "env" "see" (func $see)) (memory 1) (data (i32.const 0) "L") (func (export "run") (call $see)))`;
  for (const engine of ENGINES) {
    const seen: number[] = [];
    const functions = {
      see: { params: [], results: [], call: (caller) => void seen.push(caller.read(0, 1)[0] as number) },
    } as const satisfies Parameters<typeof Capability.hostFunctions>[1];
    const capabilities = [Capability.hostFunctions('env', functions)];
    const sandbox = await WasmSandbox.create({ source, modules: { a: library }, capabilities, engine });
    await sandbox.call('both');
    expect(String.fromCharCode(...seen), engine).toBe('GL');
  }
});

test('a guest that waits in another module is awaited', async () => {
  const source =
    '(module (import "a" "wait" (func $wait (result i32))) (func (export "run") (result i32) (call $wait)))';
  const library =
    '(module (import "env" "later" (func $later (result i32))) (func (export "wait") (result i32) (i32.add (call $later) (i32.const 1))))';
  const later = { params: [], results: ['i32'], call: async () => 41 } as const;
  const capabilities = [Capability.hostFunctions('env', { later })];
  const sandbox = await WasmSandbox.create({ source, modules: { a: library }, capabilities });
  expect(await sandbox.call('run')).toBe(42);
});
