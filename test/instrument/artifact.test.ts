/** Instrumented modules as files. */

import { createHash } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { interpreter } from '../../interpreter/index.ts';
import { createHost, SecurityPolicy } from '../../policy/index.ts';
import { chooseEngine } from '../../src/engines/choose.ts';
import { acceptArtifact, type InstrumentOptions, instrument, readArtifact } from '../../src/instrument.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError, UsageError } from '../../wasm/errors.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { ModuleGraph } from '../../wasm/module-graph.ts';
import { sha256 } from '../../wasm/sha256.ts';
import { encodeModule } from '../generate/encode.ts';
import { chainedOperators, REFUSED } from './hostile-bytes.ts';
import { trace } from './triangle.ts';

const CALLS = [
  { export: 'run', args: [10] },
  { export: 'run', args: [20] },
];

async function artifactOf(name: string, options?: InstrumentOptions): Promise<WasmModule> {
  return decode(await instrument(loadFixture(name), options));
}

describe('an artifact', () => {
  test('says what it is', async () => {
    const limits = { gas: 5_000_000n, memoryBytes: 65_536 };
    const info = readArtifact(await artifactOf('fib', { limits }));
    expect(info).toMatchObject({ format: 1, gasVersion: GAS_VERSION, timeSlices: true, canonicalNaN: true, limits });
    expect(info?.planDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(info?.sourceDigest).toBe(createHash('sha256').update(loadFixture('fib')).digest('hex'));
  });

  test('is the same whenever it is made', async () => {
    expect(await instrument(loadFixture('json'))).toEqual(await instrument(decode(loadFixture('json'))));
  });

  test.each([
    ['as it is', {}],
    ['after binaryen', { optimise: true }],
  ] as const)('runs on both engines as the original does, %s', async (_, options) => {
    for (const name of ['fib', 'sort', 'strings']) {
      const expected = trace(interpreter, decode(loadFixture(name)), CALLS);
      for (const engine of ['interpreter', 'native'] as const) {
        const module = await artifactOf(name, options);
        acceptArtifact(module);
        expect(trace(chooseEngine(engine, ModuleGraph.of(module)).engine, module, CALLS), engine).toEqual(expected);
      }
    }
  });

  test('runs after binaryen where it has imports, which come in another order then', async () => {
    const original = loadFixture('json');
    const module = decode(await instrument(original, { optimise: true }));
    expect(module.bytes.length).toBeLessThan((await instrument(original)).length);
    acceptArtifact(module);
    const imports = () => createHost(SecurityPolicy.strict(), { args: ['json', '3'] }).resolve;
    const calls = [{ export: '_start', args: [] }];
    const expected = trace(interpreter, decode(original), calls, { imports });
    for (const engine of ['interpreter', 'native'] as const) {
      expect(trace(chooseEngine(engine, ModuleGraph.of(module)).engine, module, calls, { imports }), engine).toEqual(
        expected,
      );
    }
  });

  test('keeps the limits it was made for', async () => {
    const module = await artifactOf('fib', { limits: { gas: 10_000n, stackBytes: 4_096 } });
    acceptArtifact(module);
    const expected = trace(interpreter, decode(loadFixture('fib')), CALLS, {
      limits: { gas: 10_000n, stackBytes: 4_096 },
    });
    expect(expected.join()).toMatch(/GAS_EXHAUSTED/);
    expect(
      trace(chooseEngine('native', ModuleGraph.of(module)).engine, module, CALLS, { limits: { gas: 1_000_000n } }),
    ).toEqual(expected);
  });

  test('cannot be given a time limit when it was made without slices', async () => {
    const module = await artifactOf('fib', { timeSlices: false });
    acceptArtifact(module);
    const { engine } = chooseEngine('native', ModuleGraph.of(module));
    const slices = { gas: 1_000, onSlice: () => undefined };
    expect(trace(engine, module, CALLS)).toEqual(trace(interpreter, decode(loadFixture('fib')), CALLS));
    expect(trace(engine, module, CALLS, { slices })).toEqual(['instantiate: COMPILE']);
  });
});

describe('is refused', () => {
  const code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

  function claiming(claim: string): WasmModule {
    return decode(
      encodeModule({ custom: [{ name: 'wasm-sandbox.artifact', bytes: new TextEncoder().encode(claim) }] }),
    );
  }

  test('where nobody has accepted it', async () => {
    const module = await artifactOf('fib');
    for (const engine of ['interpreter', 'native'] as const) {
      const options = { limits: { gas: 1n, memoryBytes: 1, stackBytes: 1 }, imports: () => undefined };
      expect(() => chooseEngine(engine, ModuleGraph.of(module)).engine.instantiate(module, options)).toThrow(
        /anybody can say/,
      );
    }
  });

  test('where it is none', () => {
    expect(() => acceptArtifact(decode(loadFixture('fib')))).toThrow(UsageError);
    expect(readArtifact(decode(loadFixture('fib')))).toBeUndefined();
  });

  test.each([
    ['text of someone else', 'hello', /no text that this version writes/],
    ['another format', JSON.stringify({ format: 99, cost: '1', limits: {} }), /format 99/],
    [
      'another schedule',
      JSON.stringify({ format: 1, gasVersion: GAS_VERSION + 1, cost: '1', limits: {} }),
      /version \d+ of the gas schedule/,
    ],
    [
      'code that is not what was instrumented',
      JSON.stringify({
        format: 1,
        gasVersion: GAS_VERSION,
        codeDigest: sha256(Uint8Array.of(1)),
        cost: '1',
        limits: {},
      }),
      /its code is not/,
    ],
    [
      'a module that does not meter itself',
      JSON.stringify({
        format: 1,
        gasVersion: GAS_VERSION,
        codeDigest: sha256(Uint8Array.from(code)),
        cost: '1',
        limits: {},
        importName: 'meter',
        exportPrefix: 'meter',
      }),
      /does not meter itself/,
    ],
  ])('with %s', (_, claim, message) => {
    const accept = () => acceptArtifact(claiming(claim));
    expect(accept).toThrow(CompileError);
    expect(accept).toThrow(message);
  });

  test('when a byte of it changed', async () => {
    const bytes = await instrument(loadFixture('fib'));
    const module = decode(bytes);
    const body = module.bodies.at(2).codeStart;
    // A charge in the entry of a function: the module stays valid.
    const at = bytes.findIndex((byte, i) => i > body && byte === 0x42) + 1;
    bytes[at] = ((bytes[at] as number) + 1) & 0x3f;
    expect(() => acceptArtifact(decode(bytes))).toThrow(/its code is not what was instrumented/);
  });

  test('when it would be instrumented again', async () => {
    await expect(instrument(await instrument(loadFixture('fib')))).rejects.toThrow(/already/);
  });
});

test.each([0, 3, 55, 56, 63, 64, 65, 1000])('SHA-256 of %s bytes', (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
  expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
});

describe('binaryen', () => {
  test('is loaded only for optimising', async () => {
    let loads = 0;
    vi.resetModules();
    vi.doMock('binaryen', () => {
      loads++;
      return { default: {} };
    });
    const { WasmSandbox } = await import('../../src/index.ts');
    const { instrument: fresh } = await import('../../src/instrument.node.ts');
    for (const engine of ['interpreter', 'native'] as const) {
      const sandbox = await WasmSandbox.fromBytes(loadFixture('fib'), { engine });
      expect(await sandbox.call('run', [10])).toBe(55);
    }
    await fresh(loadFixture('fib'));
    expect(loads).toBe(0);
    await fresh(loadFixture('fib'), { optimise: true });
    expect(loads).toBe(1);
    vi.doUnmock('binaryen');
    vi.resetModules();
  });

  test('is named where it is missing', async () => {
    vi.resetModules();
    vi.doMock('binaryen', () => {
      throw new Error('Cannot find package');
    });
    const { instrument: fresh } = await import('../../src/instrument.node.ts');
    await expect(fresh(loadFixture('fib'), { optimise: true })).rejects.toThrow(/npm install binaryen/);
    vi.doUnmock('binaryen');
    vi.resetModules();
  });
});

describe('hostile modules end with a clear error, or are carried', () => {
  test.each(Object.entries(REFUSED))('%s', async (_, { bytes, message }) => {
    const made = instrument(bytes());
    await expect(made).rejects.toThrow(CompileError);
    await expect(made).rejects.toThrow(message);
  });

  test('five million locals are declared in 29 bytes', () => {
    expect(REFUSED['29 bytes that declare five million locals']?.bytes()).toHaveLength(29);
  });

  test('ten thousand chained operators', async () => {
    const bytes = chainedOperators();
    expect((await instrument(bytes)).length).toBeGreaterThan(bytes.length);
  });

  test('five million locals fit into 29 bytes', () => {
    expect(REFUSED['29 bytes that declare five million locals']?.bytes().length).toBeLessThanOrEqual(29);
  });
});
