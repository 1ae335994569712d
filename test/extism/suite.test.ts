/** Plug-ins that nobody here wrote: each does what its name says, for the same gas on both engines. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CurrentPlugin, createPlugin, Plugin, type PluginOptions } from '../../src/extism.node.ts';
import { CpuTimeoutExceeded, UsageError } from '../../src/index.node.ts';
import { parse } from '../../src/text.ts';
import { folderOf, SUITES } from '../suites.ts';
import { ENGINES, gasOf } from './plugins.ts';

const pathOf = (name: string) => join(folderOf(SUITES.plugins), `${name}.wasm`);
const words = (number: bigint) => new Uint8Array(BigUint64Array.of(number).buffer);
const utf8 = (text: string) => new TextEncoder().encode(text);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'plug-ins-'));
  writeFileSync(join(folder, 'test.txt'), 'hello world!');
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Case {
  readonly name: string;
  readonly call: string;
  readonly input?: string;
  readonly options?: () => PluginOptions;
  /** The output; undefined where there is none. */
  readonly gives?: Uint8Array;
}

const logged: string[] = [];
const log = (level: string) => (message: string) => void logged.push(`${level}: ${message}`);
const logger = { trace: log('trace'), debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
const reflected: (string | undefined)[] = [];
const reflect = (plugin: CurrentPlugin, address: bigint) => {
  const name = plugin.read(address)?.text() ?? '';
  reflected.push(name, plugin.getVariable(name)?.text());
};

const CASES: readonly Case[] = [
  { name: '02-var-reflected', call: 'test', options: () => ({ functions: { user: { test: reflect } } }) },
  { name: 'alloc', call: 'run_test' },
  {
    name: 'code',
    call: 'count_vowels',
    input: 'hello world',
    gives: utf8('{"count":3,"total":3,"vowels":"aeiouAEIOU"}'),
  },
  { name: 'config', call: 'run_test', options: () => ({ config: { thing: 'ä' } }), gives: utf8('{"config": "ä"}') },
  { name: 'consume', call: 'consume', input: '9:;<=>?@ABC'.repeat(1_000), gives: new Uint8Array(0) },
  { name: 'exit', call: '_start', options: () => ({ config: { code: '0' } }) },
  { name: 'fs', call: 'run_test', options: () => ({ allowedPaths: { '/mnt': folder } }), gives: utf8('hello world!') },
  { name: 'hello', call: 'run_test', gives: utf8('Hello, world!') },
  { name: 'input_offset', call: 'input_offset_length', input: 'hello world', gives: words(11n) },
  { name: 'log', call: 'run_test', options: () => ({ logger, logLevel: 'trace' }) },
  { name: 'var', call: 'run_test', gives: utf8('a: 0') },
  { name: 'wasistdout', call: 'say_hello' },
];

test.each(CASES)('$name', async ({ name, call, input, options, gives }) => {
  const gas = [];
  for (const engine of ENGINES) {
    const plugin = await Plugin.create(pathOf(name), { ...options?.(), engine });
    const output = await plugin.call(call, input);
    expect(output?.bytes(), engine).toEqual(gives);
    if (name === 'wasistdout') expect(plugin.sandbox.output().stdout).toBe('hello world\n');
    gas.push(gasOf(plugin));
  }
  expect(gas[0]).toBe(gas[1]);
});

test('what they logged, and what a function of the host’s saw of a variable', () => {
  const once = [
    'trace: this is a trace log',
    'debug: this is a debug log',
    'info: this is an info log',
    'warn: this is a warning log',
    'error: this is an error log',
  ];
  expect(logged.sort()).toEqual([...once, ...once].sort());
  expect(reflected).toEqual(['hi there', 'hi there', 'hi there', 'hi there']);
});

describe.each(ENGINES)('those that fail, on the %s engine', (engine) => {
  test('fail', async () => {
    const plugin = await Plugin.create(pathOf('fail'), { engine });
    await expect(plugin.call('run_test')).rejects.toMatchObject({ status: 1, reason: 'Some error message' });
  });

  test('exit', async () => {
    const plugin = await Plugin.create(pathOf('exit'), { engine, config: { code: '3' } });
    await expect(plugin.call('_start')).rejects.toMatchObject({ code: 'PLUGIN', status: 3, reason: undefined });
  });

  test('loop-forever', async () => {
    const plugin = await Plugin.create(pathOf('loop-forever'), { engine });
    await expect(plugin.call('loop', '', { timeout: 20 })).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    const metered = await Plugin.create(pathOf('loop-forever'), { engine, gasLimit: 100_000n });
    await expect(metered.call('loop')).rejects.toMatchObject({
      code: 'GAS_EXHAUSTED',
      resources: { gasUsed: 100_001n },
    });
  });

  test('loop-forever-init', async () => {
    const options = { engine, timeoutMs: 20 };
    await expect(Plugin.create(pathOf('loop-forever-init'), options)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });

  test('fs, where nothing was granted', async () => {
    const plugin = await Plugin.create(pathOf('fs'), { engine });
    await expect(plugin.call('run_test')).rejects.toMatchObject({ code: 'PLUGIN' });
  });

  test('circular, which is linked with two that need each other', async () => {
    const modules = { lhs: 'circular-lhs', rhs: 'circular-rhs', main: 'circular' };
    const wasm = Object.entries(modules).map(([name, file]) => ({ name, path: pathOf(file) }));
    for (const order of [wasm, [...wasm].reverse()]) {
      const plugin = await Plugin.create({ wasm: order }, { engine });
      for (let i = 0; i < 2; i++) {
        // 1 · 2 + 1, and so on until it is above a hundred.
        const output = await plugin.call('encalculate', '', { as: 'bytes' });
        expect(new DataView(output.buffer, output.byteOffset).getBigUint64(0, true)).toBe(127n);
        await plugin.reset();
      }
    }
    const unlinked = Plugin.create({ wasm: wasm.filter(({ name }) => name !== 'rhs') }, { engine });
    await expect(unlinked).rejects.toMatchObject({ code: 'LINK' });
  });

  test('upper, by whom another plug-in changes its input', async () => {
    const plugin = parse(`(module
      (import "upper" "host_reflect" (func $upper (param i64) (result i64)))
      (import "extism:host/env" "input_offset" (func $input (result i64)))
      (import "extism:host/env" "input_length" (func $length (result i64)))
      (import "extism:host/env" "output_set" (func $output (param i64 i64)))
      (func (export "shout") (call $output (call $upper (call $input)) (call $length))))`);
    const wasm = [{ name: 'upper', path: pathOf('upper') }, { data: plugin }];
    const linked = await Plugin.create({ wasm }, { engine });
    expect(await linked.call('shout', 'hello there, plug-in', { as: 'text' })).toBe('HELLO THERE, PLUG-IN');
  });

  test('circular and upper by themselves', async () => {
    await expect(Plugin.create(pathOf('circular'), { engine })).rejects.toMatchObject({ code: 'LINK' });
    expect((await Plugin.create(pathOf('upper'), { engine })).functionExists('host_reflect')).toBe(true);
  });
});

test('http_headers', async () => {
  const server = createServer((_, response) =>
    response.setHeader('x-answer', 'forty-two \x80é').end(Buffer.from('body')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const request = { url: `http://localhost:${port}/`, method: 'GET', headers: {} };
    const options = { allowedHosts: ['localhost'], allowHttpResponseHeaders: true };
    const plugin = await Plugin.create(pathOf('http_headers'), options);
    expect(await plugin.call('http_get', request, { as: 'json' })).toMatchObject({ 'x-answer': 'forty-two \x80é' });
    const other = await Plugin.create(pathOf('http_headers'));
    await expect(other.call('http_get', request)).rejects.toMatchObject({ code: 'SECURITY' });
  } finally {
    server.close();
  }
});

describe('createPlugin', () => {
  test('finds, calls and describes', async () => {
    const plugin = await createPlugin({ wasm: [{ data: readFileSync(pathOf('code')) }] });
    expect(await plugin.functionExists('count_vowels')).toBe(true);
    expect((await plugin.getExports()).map(({ name }) => name)).toContain('count_vowels');
    expect((await plugin.getImports()).map(({ name }) => name)).toContain('var_set');
    expect((await plugin.call('count_vowels', 'hello world'))?.json()).toMatchObject({ count: 3, total: 3 });
    expect((await plugin.call('count_vowels', 'hello world'))?.json()).toMatchObject({ total: 6 });
    await expect(plugin.call('count_sheep')).rejects.toThrow('Plugin error: function "count_sheep" does not exist');
    expect([plugin.isActive(), await plugin.reset()]).toEqual([false, true]);
    await plugin.close();
  });

  test('fails with the messages that its users know', async () => {
    await expect(createPlugin(pathOf('var'))).rejects.toThrow(/WASI is not enabled/);
    const plugin = await createPlugin(pathOf('fail'));
    await expect(plugin.call('run_test')).rejects.toThrow(/^Plugin-originated error: Some error message$/);
    const late = await createPlugin(pathOf('loop-forever'), { timeoutMs: 200, runInWorker: true });
    await expect(late.call('loop')).rejects.toThrow(/^EXTISM: call canceled due to timeout$/);
    const never = createPlugin(pathOf('loop-forever-init'), { timeoutMs: 20 });
    await expect(never).rejects.toThrow(/^EXTISM: timed out while waiting for plugin to instantiate$/);
    await expect(createPlugin(pathOf('code'), { fetch } as object)).rejects.toBeInstanceOf(UsageError);
  });

  test('gives what a function of the embedder’s threw', async () => {
    const cause = new Error('0.123');
    const test = () => {
      throw cause;
    };
    const plugin = await createPlugin(pathOf('02-var-reflected'), { functions: { user: { test } } });
    await expect(plugin.call('test')).rejects.toBe(cause);
  });

  test('sends what a program writes to the logger where that is asked for', async () => {
    logged.length = 0;
    const plugin = await createPlugin(pathOf('wasistdout'), { useWasi: true, enableWasiOutput: true, logger });
    await plugin.call('say_hello');
    expect(logged).toEqual(['info: hello world']);
  });
});
