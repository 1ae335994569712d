/** What it takes until a guest runs, and to enter it: paid for however it came about. docs/security.md has the list. */

import { describe, expect, test } from 'vitest';
import { SandboxCache, SandboxPool, Scheduler, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { ENGINES, type EngineName } from './outcome.ts';

const zero: Instruction[] = [['i32.const', 0]];
const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));

/** What a module can have much of, and what one of them costs before the first instruction. */
const PARTS: Readonly<Record<string, readonly [units: number, module: (count: number) => ModuleDescription]>> = {
  functions: [64, (count) => ({ functions: many(count, () => ({ body: [] })) })],
  exports: [
    64,
    (count) => ({
      functions: [{ body: [] }],
      exports: many(count, (i) => ({ name: `${i}`, kind: 'function', index: 0 })),
    }),
  ],
  'letters of the names of exports': [
    2,
    (count) => ({
      functions: [{ body: [] }],
      exports: many(20, (i) => ({ name: `${i}-`.padEnd(64 + count, 'x'), kind: 'function', index: 0 })),
    }),
  ],
  tables: [64, (count) => ({ tables: many(count, () => ({ min: 0 })) })],
  'elements of a table': [16, (count) => ({ tables: [{ min: count }] })],
  'elements of a table that begins with something': [
    16,
    (count) => ({ tables: [{ min: count, init: [['ref.null', FUNCREF]] }] }),
  ],
  'pages of memory': [2_048, (count) => ({ memories: [{ min: count }] })],
  globals: [192, (count) => ({ globals: many(count, () => ({ type: I32, init: zero })) })],
  'active segments that write one function again and again': [
    4,
    (count) => ({
      functions: [{ body: [] }],
      tables: [{ min: count }],
      elements: [{ offset: zero, items: many(count, () => 0) }],
    }),
  ],
  'passive segments of functions': [
    4,
    (count) => ({ functions: [{ body: [] }], elements: [{ items: many(count, () => 0) }] }),
  ],
  'active segments without anything': [
    64 + 192,
    (count) => ({ memories: [{ min: 1 }], data: many(count, () => ({ offset: zero, bytes: [] })) }),
  ],
  'bytes of data': [
    1 / 32,
    (count) => ({ memories: [{ min: 1 }], data: [{ offset: zero, bytes: new Uint8Array(count) }] }),
  ],
  'bytes of passive data': [1 / 32, (count) => ({ memories: [{ min: 1 }], data: [{ bytes: new Uint8Array(count) }] })],
};

/** Units until the sandbox is ready. */
const costOf = (module: ModuleDescription, engine: EngineName) =>
  Number(SyncSandbox.create({ source: encodeModule(module), engine }).getResourceStats().gasUsed);

describe('a module pays for what it has, before anything of it runs', () => {
  test.each(Object.entries(PARTS))('%s', (name, [units, module]) => {
    const [few, much] = name.startsWith('bytes') ? [64, 60_000] : [2, 400];
    const begins = name.includes('begins with');
    const costs = (begins ? ENGINES.slice(0, 1) : ENGINES).map((engine) => [
      costOf(module(few), engine),
      costOf(module(much), engine),
    ]);
    const [first, ...others] = costs as [[number, number], ...[number, number][]];
    for (const other of others) expect(other).toEqual(first);
    expect(first[1] - first[0]).toBeGreaterThanOrEqual(Math.floor((much - few) * units));
  });

  test.each(ENGINES)('and is refused, with nothing done, where it cannot (%s)', (engine) => {
    const module: ModuleDescription = { memories: [{ min: 100 }], functions: [{ body: [], export: 'run' }], start: 0 };
    const cost = costOf(module, engine);
    const source = encodeModule(module);
    expect(() => SyncSandbox.create({ source, engine, gasLimit: cost - 1 })).toThrow(/Gas limit exceeded/);
    expect(SyncSandbox.create({ source, engine, gasLimit: cost }).getResourceStats().gasUsed).toBe(BigInt(cost));
  });
});

const GUEST = encodeModule({
  memories: [{ min: 2 }],
  tables: [{ min: 9 }],
  globals: [{ type: I32, mutable: true, init: zero }],
  data: [{ offset: zero, bytes: new Uint8Array(1_000) }],
  elements: [{ offset: zero, items: [0, 1] }],
  functions: [
    { body: ['loop', ['global.get', 0], ['i32.const', 1], 'i32.add', ['global.set', 0], 'end'] },
    {
      results: [I32],
      body: [
        ['call', 0],
        ['global.get', 0],
      ],
      export: 'run',
    },
  ],
  start: 0,
});

describe.each(ENGINES)('whichever way a guest is made ready and called (%s)', (engine) => {
  const options = { source: GUEST, engine };
  const gas = (sandbox: Pick<WasmSandbox, 'getResourceStats'>) => sandbox.getResourceStats().gasUsed;
  const reference = SyncSandbox.create(options);
  const ready = gas(reference);
  reference.call('run');
  const call = gas(reference) - ready;

  const cache = SandboxCache.inMemory();
  const leaves = engine === 'interpreter';
  const ways: Readonly<Record<string, () => Promise<WasmSandbox>>> = {
    'create()': () => WasmSandbox.create(options),
    'a builder': () => WasmSandbox.builder().source(GUEST).engine(engine).build(),
    'a cache that has nothing': () => WasmSandbox.create({ ...options, cache }),
    'a cache that has it': () => WasmSandbox.create({ ...options, cache }),
    'a reset': async () => {
      const sandbox = await WasmSandbox.create(options);
      for (let i = 0; i < 3; i++) await sandbox.call('run');
      await sandbox.reset();
      return sandbox;
    },
    ...(leaves && {
      'a fork': async () => (await WasmSandbox.create(options)).fork(),
      'a snapshot': async () => WasmSandbox.restore(await (await WasmSandbox.create(options)).snapshot(), options),
      'a recording': () => WasmSandbox.create({ ...options, record: true }),
    }),
  };

  test.each(Object.entries(ways))('%s costs the same', async (_, make) => {
    const sandbox = await make();
    expect(gas(sandbox)).toBe(ready);
    await sandbox.call('run');
    expect(gas(sandbox)).toBe(ready + call);
  });

  test('a lease of a pool costs the same, however often it was lent', async () => {
    const pool = await SandboxPool.create({ sandbox: options, min: 1, max: 1 });
    for (let i = 0; i < 3; i++) {
      await pool.use(async (sandbox) => {
        expect(gas(sandbox)).toBe(ready);
        await sandbox.call('run');
        expect(gas(sandbox)).toBe(ready + call);
      });
    }
    await pool.drain();
  });

  const calls: Readonly<Record<string, (sandbox: WasmSandbox) => Promise<unknown>>> = {
    'call()': (sandbox) => sandbox.call('run'),
    'callWithTimeout()': (sandbox) => sandbox.callWithTimeout('run', [], 10_000),
    'callBatch()': (sandbox) => sandbox.callBatch([{ name: 'run' }]),
    'callWithAudit()': (sandbox) => sandbox.callWithAudit('run'),
    ...(leaves && {
      'start()': (sandbox) => sandbox.start('run').run(),
      'step() by step()': async (sandbox) => {
        const execution = sandbox.start('run');
        while (execution.state !== 'done') await execution.step(1);
      },
      'a scheduler': async (sandbox) => {
        const scheduler = new Scheduler();
        scheduler.add(sandbox.start('run'));
        await scheduler.run();
      },
    }),
  };

  test.each(Object.entries(calls))('%s costs the same', async (_, make) => {
    const sandbox = await WasmSandbox.create(options);
    for (let i = 1n; i <= 3n; i++) {
      await make(sandbox);
      expect(gas(sandbox)).toBe(ready + i * call);
    }
  });
});

describe('functions that are lowered when they are called first', () => {
  const FUNCTIONS = 200;
  const long: Instruction[] = many(300, (): Instruction[] => [['local.get', 0], 'i32.eqz', ['local.set', 0]]).flat();
  const source = encodeModule({
    functions: [
      {
        body: many(FUNCTIONS, (i): Instruction[] => [
          ['i32.const', 0],
          ['call', i + 2],
        ]).flat(),
        export: 'run',
      },
      { body: [['i32.const', 0], ['call', 2], 'unreachable'], export: 'trap' },
      ...many(FUNCTIONS, () => ({ params: [I32], body: long })),
    ],
  });

  test('are lowered once, whatever they end with, and cost the same every time', () => {
    const sandbox = SyncSandbox.create({ source });
    const seen = many(4, (i) => {
      const before = sandbox.getResourceStats().gasUsed;
      if (i < 2) sandbox.call('run');
      else expect(() => sandbox.call('trap')).toThrow(expect.objectContaining({ code: 'TRAP' }));
      const { gasUsed, codeBytes } = sandbox.getResourceStats();
      return { gas: gasUsed - before, codeBytes };
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[3]).toEqual(seen[2]);
    expect(seen[0]?.codeBytes).toBeGreaterThan(source.length);
  });

  test('are bounded together by codeLimit, and those that are lowered go on', () => {
    const whole = SyncSandbox.create({ source });
    whole.call('run');
    const { codeBytes, moduleBytes } = whole.getResourceStats();
    const sandbox = SyncSandbox.create({ source, codeLimit: moduleBytes + Math.floor(codeBytes / 2) });
    for (let i = 0; i < 3; i++) {
      expect(() => sandbox.call('run')).toThrow(expect.objectContaining({ code: 'MEMORY_LIMIT' }));
      expect(() => sandbox.call('trap')).toThrow(expect.objectContaining({ code: 'TRAP' }));
      expect(sandbox.getResourceStats().codeBytes).toBeLessThanOrEqual(Math.ceil(codeBytes / 2));
    }
  });
});
