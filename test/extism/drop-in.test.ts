/**
 * What embedders of `@extism/extism` rely on, one after the other, asked of `createPlugin` on both engines. Its own plug-ins
 * are asked in suite.test.ts; these are texts, so that nothing has to be there.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import createPlugin, {
  type CreatePluginOptions,
  type CurrentPlugin,
  type ExtismPlugin,
  type PluginFunctions,
} from '../../src/extism.node.ts';
import { SecurityPolicy } from '../../src/index.node.ts';
import { parse } from '../../src/text.ts';
import { Module } from '../../src/webassembly/objects.ts';
import { ENGINES } from './plugins.ts';

/** Exports `run`, which does something with the interface, and gives out a block. */
const plugin = (imports: string, body: string, rest = '') =>
  parse(`(module
    (import "extism:host/env" "input_offset" (func $input (result i64)))
    (import "extism:host/env" "input_length" (func $length (result i64)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (import "extism:host/env" "length" (func $size (param i64) (result i64)))
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    ${imports}
    (func $give (param i64) (call $output (local.get 0) (call $size (local.get 0))))
    (func (export "run") (result i32) ${body} (i32.const 0))
    ${rest})`);

const ECHO = plugin('', '(call $output (call $input) (call $length))', '(memory (export "memory") 1)');
const CALLS_USER = plugin(
  '(import "extism:host/user" "hello" (func $hello (param i64) (result i64)))',
  '(call $give (call $hello (call $input)))',
);
/** Allocates as many bytes as its input is long, times 64 KiB. */
const ALLOCATES = plugin(
  '',
  '(if (i64.eqz (call $alloc (i64.mul (call $length) (i64.const 65536)))) (then (return (i32.const 1))))',
);
/** Keeps its input as a variable of that name, and gives that back. */
const KEEPS = plugin(
  `(import "extism:host/env" "var_set" (func $set (param i64 i64)))
   (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
   (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
   (func $name (result i64) (local $at i64)
     (local.set $at (call $alloc (i64.const 1))) (call $store (local.get $at) (i32.const 118)) (local.get $at))`,
  '(call $set (call $name) (call $input)) (call $give (call $get (call $name)))',
);
const ASKS = plugin(
  '(import "extism:host/env" "http_request" (func $http (param i64 i64) (result i64)))',
  '(call $give (call $http (call $input) (i64.const 0)))',
);
const CONFIG = plugin(
  '(import "extism:host/env" "config_get" (func $get (param i64) (result i64)))',
  '(call $give (call $get (call $input)))',
);
const LOOPS = plugin('', '(loop (br 0))');
const STARTS = parse('(module (func $start (loop (br 0))) (start $start))');
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
const LOGS = plugin(
  [
    '(import "extism:host/env" "store_u8" (func $store (param i64 i32)))',
    ...LEVELS.map((level) => `(import "extism:host/env" "log_${level}" (func $${level} (param i64)))`),
  ].join('\n'),
  LEVELS.map((level, i) => `(call $${level} (call $text (i32.const ${48 + i})))`).join('\n'),
  `(func $text (param i32) (result i64) (local $at i64)
     (local.set $at (call $alloc (i64.const 1))) (call $store (local.get $at) (local.get 0)) (local.get $at))`,
);

const calls = (hello: (plugin: CurrentPlugin, address: bigint) => unknown): PluginFunctions => ({
  'extism:host/user': { hello: hello as never },
});

const folder = mkdtempSync(join(tmpdir(), 'drop-in-'));
let server: Server;
let base = '';
beforeAll(async () => {
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data/test.txt'), 'hello world!');
  writeFileSync(join(folder, 'echo.wasm'), ECHO);
  server = createServer((request, response) => {
    if (request.url === '/echo.wasm') response.setHeader('content-type', 'application/wasm').end(ECHO);
    else response.end(JSON.stringify({ id: 1, title: 'x'.repeat(200) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const open: ExtismPlugin[] = [];
afterAll(async () => {
  for (const each of open) await each.close();
});

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.each(ENGINES)('on the %s engine', (engine) => {
  const create = async (
    manifest: Parameters<typeof createPlugin>[0],
    options: CreatePluginOptions = {},
  ): Promise<ExtismPlugin> => {
    const made = await createPlugin(manifest, { engine, ...options });
    open.push(made);
    return made;
  };
  const echoes = async (manifest: Parameters<typeof createPlugin>[0]) => {
    const made = await create(manifest);
    expect([await made.functionExists('run'), await made.functionExists('walk')]).toEqual([true, false]);
    expect((await made.call('run', 'hello'))?.text()).toBe('hello');
  };

  describe('a module', () => {
    test('comes from a URL, a response, a promise of one, a path, bytes and a Module', async () => {
      await echoes(`${base}/echo.wasm`);
      await echoes(fetch(`${base}/echo.wasm`));
      await echoes(await fetch(`${base}/echo.wasm`));
      await echoes(join(folder, 'echo.wasm'));
      await echoes(ECHO);
      await echoes(new Module(ECHO as Uint8Array<ArrayBuffer>));
      await echoes({ wasm: [{ url: `${base}/echo.wasm` }] });
      await echoes({ wasm: [{ module: new Module(ECHO as Uint8Array<ArrayBuffer>) }] } as never);
      await echoes(JSON.stringify({ wasm: [{ url: `${base}/echo.wasm` }] }));
    });

    test('has the hash that its manifest says, or is not run', async () => {
      await echoes({ wasm: [{ url: `${base}/echo.wasm`, hash: digest(ECHO) }] });
      await echoes({ wasm: [{ module: new Module(ECHO as Uint8Array<ArrayBuffer>), hash: digest(ECHO) }] } as never);
      for (const hash of ['not a good hash', '', digest(CONFIG)]) {
        await expect(create({ wasm: [{ url: `${base}/echo.wasm`, hash }] })).rejects.toThrow(/hash mismatch/);
      }
    });

    test('of the host is refused, with what to do', async () => {
      const { WebAssembly: host } = globalThis as unknown as {
        WebAssembly: { Module: new (bytes: unknown) => object };
      };
      await expect(create(new host.Module(ECHO) as never)).rejects.toThrow(/Module/);
    });

    test('tells its exports and imports', async () => {
      const made = await create(ECHO);
      expect((await made.getExports()).map(({ name }) => name).sort()).toEqual(['memory', 'run']);
      expect((await made.getImports()).map(({ name }) => name).sort()).toEqual(
        ['alloc', 'input_length', 'input_offset', 'length', 'output_set'].sort(),
      );
      const { exports } = await made.getInstance();
      expect(Object.keys(exports)).toContain('run');
    });
  });

  describe('modules', () => {
    const UPPER = parse(`(module
      (import "extism:host/env" "length" (func $size (param i64) (result i64)))
      (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
      (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
      (func (export "hello") (param $at i64) (result i64) (local $i i64) (local $byte i32)
        (loop $next
          (if (i64.lt_u (local.get $i) (call $size (local.get $at)))
            (then
              (local.set $byte (call $load (i64.add (local.get $at) (local.get $i))))
              (if (i32.and (i32.ge_u (local.get $byte) (i32.const 97)) (i32.le_u (local.get $byte) (i32.const 122)))
                (then (call $store (i64.add (local.get $at) (local.get $i)) (i32.sub (local.get $byte) (i32.const 32)))))
              (local.set $i (i64.add (local.get $i) (i64.const 1)))
              (br $next))))
        (local.get $at)))`);
    const wasm = [
      { name: 'main', data: CALLS_USER },
      { name: 'extism:host/user', data: UPPER },
    ];

    test('are linked with one another, main wherever it stands', async () => {
      for (const order of [wasm, [...wasm].reverse()]) {
        const made = await create({ wasm: order });
        expect((await made.call('run', 'Hello, world!'))?.text()).toBe('HELLO, WORLD!');
      }
    });

    test('take of an input what its view shows', async () => {
      const made = await create({ wasm });
      const view = new Uint8Array(new ArrayBuffer(8_192), 10, 12);
      view.set(new TextEncoder().encode('Hello world!'));
      expect((await made.call('run', view))?.text()).toBe('HELLO WORLD!');
    });

    test('that are not there are named', async () => {
      const missing = create({
        wasm: [
          { name: 'other', data: UPPER },
          { name: 'main', data: CALLS_USER },
        ],
      });
      await expect(missing).rejects.toMatchObject({
        code: 'LINK',
        message: expect.stringContaining('extism:host/user'),
      });
    });

    test('that are commands of WASI can be linked with, and are not run', async () => {
      const side = parse(`(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 7)))
        (func (export "seven") (result i32) (i32.const 7)))`);
      const main = plugin(
        '(import "side" "seven" (func $seven (result i32)))',
        '(if (i32.ne (call $seven) (i32.const 7)) (then unreachable)) (call $output (call $input) (call $length))',
      );
      const made = await create(
        {
          wasm: [
            { name: 'side', data: side },
            { name: 'main', data: main },
          ],
        },
        { useWasi: true },
      );
      expect((await made.call('run', 'x'))?.text()).toBe('x');
    });
  });

  describe('memory', () => {
    test('for blocks is bounded by maxPages, and not less than it says', async () => {
      const bounded = await create({ wasm: [{ data: ALLOCATES }], memory: { maxPages: 2 } });
      await expect(bounded.call('run', 'xxxxx')).rejects.toMatchObject({ code: 'PLUGIN' });
      const enough = await create({ wasm: [{ data: ALLOCATES }], memory: { maxPages: 7 } });
      expect(await enough.call('run', 'xxxxx')).toBeNull();
    });

    test('for variables is bounded by maxVarBytes, to the byte', async () => {
      const bounded = await create({ wasm: [{ data: KEEPS }], memory: { maxVarBytes: 100 } });
      await expect(bounded.call('run', 'x'.repeat(1_024))).rejects.toThrow(
        /var memory limit exceeded: 1024 bytes requested, 100 allowed/,
      );
      expect((await bounded.call('run', 'x'.repeat(100)))?.text()).toHaveLength(100);
      const enough = await create({ wasm: [{ data: KEEPS }], memory: { maxVarBytes: 1_024 } });
      expect((await enough.call('run', 'x'.repeat(1_024)))?.text()).toHaveLength(1_024);
    });

    test('is none once the plug-in was reset', async () => {
      const seen: [CurrentPlugin, bigint][] = [];
      const functions = calls((current, address) => {
        const stored = current.store('wow');
        seen.push([current, address], [current, stored]);
        return stored;
      });
      const made = await create(CALLS_USER, { functions });
      expect((await made.call('run', 'hi'))?.text()).toBe('wow');
      await made.reset();
      expect(seen.map(([current, address]) => [address > 0n, current.read(address)])).toEqual([
        [true, null],
        [true, null],
      ]);
    });
  });

  describe('functions of the embedder', () => {
    test('read what they are given, and give something back, of any length, again and again', async () => {
      const long = '9:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(542);
      const read: unknown[] = [];
      const functions = calls((current, address) => {
        read.push(current.read(address)?.string());
        current.setVariable('kept', 'hello');
        return current.store(new TextEncoder().encode(long));
      });
      const made = await create(CALLS_USER, { functions, sharedArrayBufferSize: 64, runInWorker: true });
      for (let i = 0; i < 10; i++) expect((await made.call('run', '{"count": 3}'))?.string()).toBe(long);
      expect(new Set(read)).toEqual(new Set(['{"count": 3}']));
    });

    test('know what the call is for', async () => {
      const context = { hi: 'there' };
      let seen: unknown;
      const functions = calls((current) => {
        seen = current.hostContext();
        return current.store('');
      });
      const made = await create(CALLS_USER, { functions });
      await made.call('run', '', context);
      expect(seen).toBe(context);
    });

    test('end the call with what they throw', async () => {
      const cause = new Error('0.5');
      const made = await create(CALLS_USER, {
        functions: calls(() => {
          throw cause;
        }),
      });
      await expect(made.call('run')).rejects.toBe(cause);
    });

    test('cannot call the plug-in that calls them', async () => {
      let inner: Promise<unknown> | undefined;
      const functions = calls((current) => {
        inner = made.call('run');
        inner.catch(() => undefined);
        return current.store('done');
      });
      const made: ExtismPlugin = await create(CALLS_USER, { functions });
      expect((await made.call('run'))?.text()).toBe('done');
      await expect(inner).rejects.toThrow('plugin is not reentrant');
    });
  });

  describe('a call', () => {
    test('of what there is not says so', async () => {
      const made = await create(ECHO);
      await expect(made.call('reticulate', 'x')).rejects.toThrow('Plugin error: function "reticulate" does not exist');
      await expect(made.call('memory')).rejects.toThrow('Plugin error: export "memory" is not a function');
    });

    test('fails with what the plug-in says', async () => {
      const made = await create(loadFixture('plugin'), {
        useWasi: true,
        functions: { 'extism:host/user': { shout: () => 0n } },
      });
      await expect(made.call('fail')).rejects.toThrow(/^Plugin-originated error: no luck today/);
    });

    test('ends with its time, and so does what the plug-in starts with', async () => {
      const made = await create(LOOPS, { timeoutMs: 250, runInWorker: true });
      await expect(made.call('run')).rejects.toThrow('EXTISM: call canceled due to timeout');
      await expect(create({ wasm: [{ data: STARTS }] }, { timeoutMs: 250 })).rejects.toThrow(
        'EXTISM: timed out while waiting for plugin to instantiate',
      );
    });
  });

  test('logs are those from the level on', async () => {
    const heard: Record<string, string> = {};
    const hear = (level: string) => (message: string) => {
      heard[level] = message;
    };
    const logger = {
      trace: hear('trace'),
      debug: hear('debug'),
      info: hear('info'),
      warn: hear('warn'),
      error: hear('error'),
    };
    const seen = () =>
      LEVELS.map((level) => {
        const message = heard[level];
        delete heard[level];
        return message;
      });
    await (await create(LOGS, { logger, logLevel: 'trace' })).call('run');
    expect(seen()).toEqual(['0', '1', '2', '3', '4']);
    await (await create(LOGS, { logger, logLevel: 'info' })).call('run');
    expect(seen()).toEqual([undefined, undefined, '2', '3', '4']);
    await (await create(LOGS, { logger, logLevel: 'silent' })).call('run');
    expect(seen()).toEqual(new Array(5).fill(undefined));
  });

  test('config is of the manifest, unless the options have one', async () => {
    const manifest = { wasm: [{ data: CONFIG }], config: { greeting: 'Howdy' } };
    expect((await (await create(manifest)).call('run', 'greeting'))?.text()).toBe('Howdy');
    const own = await create(manifest, { config: { greeting: 'Hi' } });
    expect((await own.call('run', 'greeting'))?.text()).toBe('Hi');
  });

  test('what a plug-in writes is kept, or logged where that is asked for', async () => {
    const writes = plugin(
      '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))',
      '(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))',
      '(memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\n")',
    );
    await expect(create(writes)).rejects.toThrow(/WASI is not enabled/);
    const kept = await create(writes, { useWasi: true });
    await kept.call('run');
    expect(kept.plugin.sandbox.output().stdout).toBe('hi\n');
    const info = vi.fn();
    const logger = { trace: info, debug: info, info, warn: info, error: info };
    const logged = await create(writes, { useWasi: true, enableWasiOutput: true, logger });
    await logged.call('run');
    expect(info.mock.calls).toEqual([['hi']]);
  });

  test('folders are of the manifest, unless the options have some, for reading alone where they say so', async () => {
    // Lists nothing and reads nothing: it opens /mnt/test.txt, for writing where it has an input.
    const opens = plugin(
      `(import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))`,
      `(if (call $open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 0)
             (if (result i64) (i64.eqz (call $length)) (then (i64.const 2)) (else (i64.const 66)))
             (i64.const 0) (i32.const 0) (i32.const 16))
         (then (return (i32.const 1))))`,
      '(memory (export "memory") 1) (data (i32.const 0) "test.txt")',
    );
    const at = (path: string): Record<string, string> => ({ '/mnt': path });
    const real = join(folder, 'data');
    const options = { useWasi: true };
    const manifest = { wasm: [{ data: opens }], allowedPaths: at(real) };
    expect(await (await create(manifest, options)).call('run')).toBeNull();
    expect(await (await create(manifest, options)).call('run', 'write')).toBeNull();
    const reading = await create({ ...manifest, allowedPaths: at(`ro:${real}`) }, options);
    expect(await reading.call('run')).toBeNull();
    await expect(reading.call('run', 'write')).rejects.toMatchObject({ code: 'PLUGIN', status: 1 });
    const none = await create(manifest, { ...options, allowedPaths: {} });
    await expect(none.call('run')).rejects.toMatchObject({ code: 'PLUGIN' });
  });
});

describe('where a plug-in can be left', () => {
  const ask = (path = '/') => JSON.stringify({ url: `${base}${path}` });
  const create = async (...args: Parameters<typeof createPlugin>) => {
    const made = await createPlugin(...args);
    open.push(made);
    return made;
  };

  test('functions of the embedder may promise', async () => {
    const functions = calls(async (current: CurrentPlugin) => {
      await new Promise((resolve) => setImmediate(resolve));
      return current.store('it works');
    });
    const made = await create(CALLS_USER, { functions, runInWorker: true });
    expect((await made.call('run', 'x'))?.string()).toBe('it works');
  });

  test('and what they call of it meanwhile is refused', async () => {
    const functions = calls(async (current: CurrentPlugin) => {
      await made.call('run', 'x');
      return current.store('');
    });
    const made: ExtismPlugin = await create(CALLS_USER, { functions });
    await expect(made.call('run', 'x')).rejects.toThrow('plugin is not reentrant');
  });

  test('requests go to allowed hosts, of the manifest unless the options have some', async () => {
    const wasm = [{ data: ASKS }];
    const allowed = await create({ wasm, allowedHosts: ['localhost'] });
    expect((await allowed.call('run', ask()))?.json()).toMatchObject({ id: 1 });
    const other = await create({ wasm, allowedHosts: ['localhost'] }, { allowedHosts: ['*.example.com'] });
    const refused = other.call('run', ask());
    await expect(refused).rejects.toThrow(`HTTP request to "${base}/" is not allowed`);
    await expect(refused).rejects.toMatchObject({ code: 'SECURITY' });
    const nothing = await create({ wasm }, { securityPolicy: SecurityPolicy.strict() });
    await expect(nothing.call('run', ask())).rejects.toThrow(/is not allowed/);
  });

  test('responses are bounded', async () => {
    const limits = { memory: { maxHttpResponseBytes: 1 }, allowedHosts: ['localhost'] };
    const made = await create({ wasm: [{ data: ASKS }], ...limits });
    await expect(made.call('run', ask())).rejects.toMatchObject({ code: 'HOST' });
  });
});
