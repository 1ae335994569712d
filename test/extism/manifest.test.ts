import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ManifestLike, Plugin, type PluginOptions } from '../../src/extism.node.ts';
import { CompileError, SecurityPolicy, UsageError } from '../../src/index.node.ts';
import { create, PLUGIN, SHOUT } from './plugins.ts';

const path = 'fixtures/build/plugin.wasm';
const hash = createHash('sha256').update(PLUGIN).digest('hex');
const load = (manifest: unknown, options: PluginOptions = {}) =>
  Plugin.create(manifest as ManifestLike, { functions: SHOUT, ...options });
const greets = async (plugin: Plugin) => plugin.call('greet', 'you', { as: 'text' });

let served: Record<string, string | Uint8Array> = {};
let base = '';
const server = createServer((request, response) => response.end(served[request.url ?? '']));
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

describe('where a module comes from', () => {
  test.each<[string, () => unknown]>([
    ['bytes', () => PLUGIN],
    ['a buffer', () => PLUGIN.buffer],
    ['a path', () => path],
    ['a promise', () => Promise.resolve(path)],
    ['bytes in a manifest', () => ({ wasm: [{ data: PLUGIN }] })],
    ['base64 in a manifest', () => JSON.stringify({ wasm: [{ data: Buffer.from(PLUGIN).toString('base64') }] })],
    ['a path in a manifest', () => ({ wasm: [{ path, name: 'main', hash }] })],
    ['a URL in JSON', () => `  {"wasm": [{"url": "${base}/plugin", "hash": "${hash.toUpperCase()}"}]}`],
    ['a response', () => fetch(`${base}/plugin`)],
    ['a response in a manifest', async () => ({ wasm: [{ response: await fetch(`${base}/plugin`) }] })],
    ['a manifest at a URL', () => `${base}/manifest`],
  ])('%s', async (_, manifest) => {
    served = { '/plugin': PLUGIN, '/manifest': `{"wasm": [{"url": "${base}/plugin"}], "config": null}` };
    expect(await greets(await load(manifest()))).toBe('Hello, you');
  });

  test.each<[string, unknown, RegExp]>([
    ['a module of the host’s', new WebAssembly.Module(PLUGIN), /does not give its bytes/],
    ['the same in a manifest', { wasm: [{ module: new WebAssembly.Module(PLUGIN) }] }, /does not give its bytes/],
    ['no object', 5, /the source must be/],
    ['null', null, /the source must be/],
    ['no module', {}, /the modules of a manifest \("wasm"\) must be an array/],
    ['an empty list', { wasm: [] }, /must have 1 to 100 modules, and this one has 0/],
    [
      'two of one name',
      {
        wasm: [
          { path, name: 'main' },
          { path, name: 'main' },
        ],
      },
      /two modules of the name "main"/,
    ],
    ['a module from nowhere', { wasm: [{}] }, /needs one of data, url, path, response, module/],
    ['a module from two places', { wasm: [{ path, data: PLUGIN }] }, /needs one of/],
    ['a name that is none', { wasm: [{ path }], allowedHost: [] }, /a manifest has no option "allowedHost"/],
    ['a setting that is no text', { wasm: [{ path }], config: { a: 1 } }, /config: a must be a string/],
    ['another hash', { wasm: [{ path, hash: '00'.repeat(32) }] }, /hash mismatch/],
    ['no hash', { wasm: [{ path, hash: 'not a good hash' }] }, /hash mismatch/],
    ['no JSON', '{"wasm": [', /the manifest is no JSON/],
    ['no base64', { wasm: [{ data: '!' }] }, /base64/],
    ['a host that is none', { wasm: [{ path }], allowed_hosts: ['a?.example'] }, /is not a host/],
  ])('refused: %s', async (_, manifest, message) => {
    const refused = load(manifest);
    await expect(refused).rejects.toBeInstanceOf(UsageError);
    await expect(refused).rejects.toThrow(message);
  });

  test('a signal ends the wait for it', async () => {
    const pending = new Promise<string>(() => undefined);
    const refused = load(pending, { signal: AbortSignal.abort('enough') });
    await expect(refused).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await expect(load(path, { signal: {} as AbortSignal })).rejects.toBeInstanceOf(UsageError);
  });

  test('the limit on modules holds for what is loaded', async () => {
    await expect(load(path, { moduleLimit: 100 })).rejects.toBeInstanceOf(CompileError);
    await expect(load(new Uint8Array(0))).rejects.toBeInstanceOf(CompileError);
  });
});

test.each([
  ['hosts', { allowed_hosts: ['*'] }],
  ['folders', { allowedPaths: { '/': '/' } }],
  ['a path', { wasm: [{ path: '/etc/passwd' }] }],
  ['a file', { wasm: [{ url: 'file:///etc/passwd' }] }],
])('a manifest that was fetched cannot grant itself, or name, %s', async (_, more) => {
  served = { '/manifest': JSON.stringify({ wasm: [{ url: `${base}/plugin` }], ...more }) };
  for (const manifest of [`${base}/manifest`, new URL(`${base}/manifest`), await fetch(`${base}/manifest`)]) {
    await expect(load(manifest)).rejects.toThrow(/a manifest that was fetched cannot/);
  }
});

test('what the options say comes before the manifest', async () => {
  const manifest = { wasm: [{ path }], config: { greeting: 'Hej' } };
  expect(await greets(await load(manifest))).toBe('Hej, you');
  expect(await greets(await load(manifest, { config: { greeting: 'Hi' } }))).toBe('Hi, you');
});

test('limits of a manifest, a policy and options hold together', async () => {
  const memory = { max_var_bytes: 3 };
  const plugin = await load(JSON.stringify({ wasm: [{ path }], memory }));
  await expect(plugin.call('keep', 'four')).rejects.toThrow(/4 bytes requested, 3 allowed/);
  const securityPolicy = SecurityPolicy.builder().maxGas(100_000n).build();
  const poor = await load(path, { securityPolicy });
  await expect(poor.call('echo', 'x'.repeat(10_000))).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
});

test.each<[string, object, RegExp]>([
  ['an option of nobody’s', { gasLimits: 5 }, /there is no option "gasLimits"; did you mean "gasLimit"/],
  ['a recording', { record: true }, /cannot be recorded/],
  ['a level that is none', { logLevel: 'loud' }, /logLevel must be one of/],
  ['half a logger', { logger: { info: () => undefined } }, /logger.trace must be a function/],
  ['no functions', { functions: { user: { test: 5 } } }, /function user.test: call must be a function/],
  ['a price that is none', { functions: { user: { test: { call: () => 0, gas: -1 } } } }, /gas must be an integer/],
  ['pages that are none', { memory: { maxPages: 1.5 } }, /memory.maxPages must be an integer/],
])('refused: %s', async (_, options, message) => {
  await expect(create(options)).rejects.toThrow(message);
});

test('a function that nobody gives is a LinkError', async () => {
  await expect(Plugin.create(PLUGIN)).rejects.toMatchObject({ code: 'LINK' });
});
