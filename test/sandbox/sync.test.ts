import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { WasmSandbox as AsyncSandbox } from '../../src/index.ts';
import { provide } from '../../src/runtime/provided.ts';
import {
  auditOf,
  Capability,
  CompileError,
  CpuTimeoutExceeded,
  GasExhausted,
  HostError,
  LinkError,
  SandboxDisposed,
  SecurityPolicy,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/sync.ts';
import namespace from '../../src/webassembly.ts';
import { ADD, assemble, CALLS_HOST, COUNTER, SPIN } from './modules.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const withHost = (host: (value: number) => unknown) =>
  WasmSandbox.fromBytes(CALLS_HOST, { capabilities: [Capability.hostFunctions('env', { host })] });

test('a call returns its value, of the type that was named', () => {
  const sandbox = WasmSandbox.builder().source(ADD).instanceId('here').build();
  const sum = sandbox.call<number>('add', [5, 3]);
  expectTypeOf(sum).toEqualTypeOf<number>();
  expect(sum).toBe(8);
  expect(sandbox.instanceId).toBe('here');
  expect(sandbox.exports).toEqual([{ name: 'add', kind: 'function', params: ['i32', 'i32'], results: ['i32'] }]);
});

describe('results, traps, gas and memory are those of the asynchronous sandbox', () => {
  const fixtures = manifest.flatMap((fixture) => {
    const calls = fixture.kind !== 'wasi' && fixture.name !== 'simd' ? (fixture.expect?.calls ?? []) : [];
    return calls.length === 0 ? [] : [{ name: fixture.name, calls }];
  });

  test.each(fixtures)('$name', async ({ name, calls }) => {
    const asynchronous = await AsyncSandbox.fromBytes(loadFixture(name), { instanceId: 'x' });
    const synchronous = WasmSandbox.fromBytes(loadFixture(name), { instanceId: 'x' });
    for (const { export: called, args, result, trap } of calls) {
      await asynchronous.call(called, args).catch(() => undefined);
      if (trap === undefined) expect(synchronous.call(called, args)).toEqual(result);
      else expect(() => synchronous.call(called, args)).toThrow(trap);
    }
    const { cpuTimeMs: _, ...stats } = synchronous.getResourceStats();
    expect(asynchronous.getResourceStats()).toMatchObject(stats);
    expect(synchronous.memoryUsage()).toEqual(asynchronous.memoryUsage());
  });

  test('a WASI command', async () => {
    const options = { args: ['primes', '1000'], instanceId: 'x' };
    const asynchronous = await AsyncSandbox.fromBytes(loadFixture('primes'), options);
    const synchronous = WasmSandbox.fromBytes(loadFixture('primes'), options);
    expect(synchronous.run()).toEqual(await asynchronous.run());
    expect(synchronous.output().stdout).toContain('168 primes');
    expect(synchronous.getResourceStats().gasUsed).toBe(asynchronous.getResourceStats().gasUsed);
    expect(() => synchronous.run()).toThrow('the program has run');
    synchronous.reset();
    expect(synchronous.run().exitCode).toBe(0);
  });

  test('on the native engine', () => {
    const run = (engine: 'interpreter' | 'native') => {
      const sandbox = WasmSandbox.fromBytes(loadFixture('fib'), { engine });
      return [sandbox.call('run', [15]), sandbox.getResourceStats().gasUsed];
    };
    expect(run('native')).toEqual(run('interpreter'));
    expect(WasmSandbox.fromBytes(loadFixture('fib'), { engine: 'auto' }).getResourceStats().engine).toBe('native');
  });
});

describe('sources', () => {
  test('a Module serves several sandboxes, of both kinds', async () => {
    const module = new namespace.Module(COUNTER);
    const [one, two] = [WasmSandbox.fromBytes(module), WasmSandbox.builder().source(module).build()];
    expect([one.call('count'), one.call('count'), two.call('count')]).toEqual([1, 2, 1]);
    const three = await AsyncSandbox.create({ source: module });
    expect(await three.call('count')).toBe(1);
    expect(() => WasmSandbox.fromBytes(module, { moduleLimit: 20 })).toThrow(CompileError);
    await expect(AsyncSandbox.create({ source: module, moduleLimit: 20 })).rejects.toBeInstanceOf(CompileError);
  });

  test.each([
    ['a path', 'fixtures/build/fib.wasm'],
    ['a URL', new URL('file:///nowhere.wasm')],
    ['a response', new Response(ADD)],
  ])('%s would have to be waited for', (_, source) => {
    expect(() => WasmSandbox.create({ source })).toThrow(/the source must be bytes, an ArrayBuffer or a Module/);
  });

  test('what is no module', () => {
    expect(() => WasmSandbox.fromBytes(new Uint8Array())).toThrow('the module is empty');
    expect(() => WasmSandbox.fromBytes(new TextEncoder().encode('(module)'))).toThrow('is WebAssembly text');
    expect(() => WasmSandbox.fromBytes(ADD.subarray(0, 19))).toThrow(CompileError);
    expect(() => WasmSandbox.fromBytes(CALLS_HOST)).toThrow(LinkError);
    expect(() => WasmSandbox.fromBytes(ADD, { gasLimt: 5 } as never)).toThrow('did you mean "gasLimit"?');
  });
});

test('what needs others to have a turn is refused', () => {
  expect(() => WasmSandbox.fromBytes(ADD, { yieldEvery: 5 })).toThrow('yieldEvery is for guests that are called');
  expect(() => WasmSandbox.fromBytes(ADD, { record: true })).toThrow('record is for guests that are called');
  expect(WasmSandbox.fromBytes(ADD, { record: false }).call('add', [1, 2])).toBe(3);
});

describe('host functions', () => {
  test('return at once, or the call fails', () => {
    expect(withHost((value) => value * 2).call('call', [21])).toBe(42);
    const sandbox = withHost((value) => (value === 1 ? Promise.resolve(1) : value));
    expect(() => sandbox.call('call', [1])).toThrow(HostError);
    expect(() => sandbox.call('call', [1])).toThrow(/returned a promise/);
    expect(sandbox.call('call', [2])).toBe(2);
  });

  test('a promise that is rejected later is nobody else’s failure', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const sandbox = withHost(() => Promise.reject(new Error('later')));
    expect(() => sandbox.call('call', [1])).toThrow(HostError);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('a call with its record, also where it fails', () => {
    const sandbox = withHost((value) => {
      if (value === 0) throw new RangeError('no zero');
      return value;
    });
    const { output, events, stats } = sandbox.callWithAudit<number>('call', [7]);
    expect([output, events.length, stats.functionCalls]).toEqual([7, 1, 1]);
    let caught: unknown;
    try {
      sandbox.callWithAudit('call', [0]);
    } catch (error) {
      caught = error;
    }
    expect(auditOf(caught)?.events).toHaveLength(1);
    expect(sandbox.auditEvents()).toEqual([]);
    expect(sandbox.violations()).toEqual([]);
  });
});

describe('limits', () => {
  test('time, of a call and of the sandbox', () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 10));
    const sandbox = WasmSandbox.fromBytes(SPIN, { cpuTimeout: 500 });
    expect(() => sandbox.callWithTimeout('spin', [], 100)).toThrow(CpuTimeoutExceeded);
    expect(() => sandbox.callWithTimeout('spin', [], 100)).toThrow('within 100 ms');
    expect(() => sandbox.callWithTimeout('spin', [], 1_000)).toThrow('within 500 ms');
    expect(() => sandbox.call('spin')).toThrow('within 500 ms');
    sandbox.call('nop');
    expect(() => sandbox.callWithTimeout('nop', [], 0)).toThrow(UsageError);
    expect(sandbox.getResourceStats()).toMatchObject({ functionCalls: 5 });
  });

  test('gas, which a reset gives back', () => {
    const sandbox = WasmSandbox.fromBytes(SPIN, { gasLimit: 10_000 });
    expect(() => sandbox.call('spin')).toThrow(GasExhausted);
    expect(() => sandbox.call('nop')).toThrow(GasExhausted);
    sandbox.reset();
    sandbox.call('nop');
    expect(sandbox.getResourceStats().functionCalls).toBe(1);
  });

  test('a failed call carries its figures, and leaves its memory', () => {
    const sandbox = WasmSandbox.fromBytes(COUNTER);
    let caught: unknown;
    try {
      sandbox.call('fail');
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(Trap);
    expect((caught as Trap).resources?.gasUsed).toBe(sandbox.getResourceStats().gasUsed);
    expect(sandbox.call('count')).toBe(2);
    sandbox.reset();
    expect(sandbox.call('count')).toBe(1);
  });
});

describe('the end', () => {
  test('using disposes of it', () => {
    let kept: WasmSandbox;
    {
      using sandbox = WasmSandbox.fromBytes(ADD);
      kept = sandbox;
    }
    expect(() => kept.call('add', [1, 2])).toThrow(SandboxDisposed);
    expect(() => kept.reset()).toThrow(SandboxDisposed);
    kept.dispose();
  });

  test('a start that fails leaves nothing behind, and a reset that fails no instance', () => {
    const module = assemble({
      imports: [['env', 'go', [[], []]]],
      functions: [{ name: 'start', type: [[], []], code: [0x10, 0] }],
      start: 1,
    });
    let fails = false;
    const go = () => {
      if (fails) throw new Error('not now');
    };
    const sandbox = WasmSandbox.fromBytes(module, { capabilities: [Capability.hostFunctions('env', { go })] });
    fails = true;
    expect(() => sandbox.reset()).toThrow(HostError);
    expect(() => sandbox.call('start')).toThrow('the sandbox has no instance: its reset has not ended, or has failed');
    fails = false;
    sandbox.reset();
    sandbox.call('start');
  });
});

describe('what the runtime provides', () => {
  const policy = (folder: string) =>
    SecurityPolicy.builder(SecurityPolicy.strict())
      .allow(Capability.filesystemAccess([{ host: folder, guest: '/data' }], { readOnly: false }))
      .build();

  test('files in memory are there everywhere', () => {
    const sandbox = WasmSandbox.create({
      source: loadFixture('files'),
      args: ['files', 'cat', '/in.txt'],
      capabilities: [Capability.filesystemAccess({ memory: { 'in.txt': 'hello' } })],
    });
    expect(sandbox.run()).toMatchObject({ stdout: 'hello', exitCode: 0 });
    expect([...sandbox.files().keys()]).toEqual(['/in.txt']);
  });

  test('folders are not, and variables of the host’s are none', () => {
    const source = loadFixture('files');
    expect(() => WasmSandbox.create({ source, securityPolicy: policy('.') })).toThrow(
      /no folders that could be opened/,
    );
    expect(() => WasmSandbox.create({ source, securityPolicy: policy('.') })).toThrow(UsageError);
  });

  test('in Node they are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sync-'));
    try {
      const entry = await import('../../src/sync.node.ts');
      writeFileSync(join(folder, 'a.txt'), 'from the folder');
      const sandbox = entry.WasmSandbox.create({
        source: loadFixture('files'),
        securityPolicy: policy(folder),
        args: ['files', 'cat', '/data/a.txt'],
      });
      expect(sandbox.run().stdout).toBe('from the folder');
      expect(entry.WasmSandbox).toBe(WasmSandbox);
    } finally {
      provide({ openFolder: undefined } as never);
      rmSync(folder, { recursive: true });
    }
  });

  test('the manifest leads Node to them, and everybody else past them', () => {
    const { exports } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(exports['./sync']).toMatchObject({
      import: { workerd: './dist/sync.js', node: './dist/sync.node.js', default: './dist/sync.js' },
      require: { browser: './dist/sync.cjs', node: './dist/sync.node.cjs', default: './dist/sync.cjs' },
    });
  });
});
