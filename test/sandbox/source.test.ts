import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { CompileError, type ModuleSource, SandboxCache, TextError, UsageError, WasmSandbox } from '../../src/index.ts';
import { urlInPage } from '../../src/module/page.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { parse } from '../../src/text.ts';
import { ADD } from './modules.ts';

const ADD_TEXT = `;; adds
  (module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-source-'));
const path = join(folder, 'add.wasm');
let server: Server;
let origin: string;
let served = 0;

beforeAll(async () => {
  writeFileSync(path, ADD);
  writeFileSync(join(folder, 'empty.wasm'), '');
  writeFileSync(join(folder, 'add.wat'), ADD_TEXT);
  writeFileSync(join(folder, 'wrong.wat'), '(module\n  (func (result i32)))');
  server = createServer((request, response) => {
    if (request.url === '/add.wasm') response.end(ADD);
    else if (request.url === '/endless') {
      // Magic number, then one custom section that claims to be huge, and bytes for as long as anybody reads.
      response.write(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x03]));
      const more = () => {
        do served += 65_536;
        while (!response.destroyed && response.write(new Uint8Array(65_536)));
      };
      response.on('drain', more);
      more();
    } else if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': '100' });
      response.write(ADD.subarray(0, 10));
      setImmediate(() => response.destroy());
    } else if (request.url === '/page') response.end('<!doctype html><title>no</title>');
    else {
      response.statusCode = 404;
      response.end('<html>not here</html>');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

async function adds(source: ModuleSource): Promise<unknown> {
  const sandbox = await WasmSandbox.builder().source(source).build();
  return sandbox.call('add', [5, 3]);
}

describe('a module may come from', () => {
  const inside = new Uint8Array(ADD.length + 20);
  inside.set(ADD, 7);
  const sources: [string, () => ModuleSource][] = [
    ['bytes', () => ADD],
    ['a part of a buffer', () => inside.subarray(7, 7 + ADD.length)],
    ['a DataView', () => new DataView(inside.buffer, 7, ADD.length)],
    ['an ArrayBuffer', () => ADD.slice().buffer],
    [
      'a SharedArrayBuffer',
      () => {
        const shared = new SharedArrayBuffer(ADD.length);
        new Uint8Array(shared).set(ADD);
        return shared;
      },
    ],
    ['a path', () => path],
    ['a file: URL', () => pathToFileURL(path)],
    ['a file: URL as text', () => pathToFileURL(path).href],
    ['an http: URL', () => new URL('/add.wasm', origin)],
    ['an http: URL as text', () => `${origin}/add.wasm`],
    ['a data: URL', () => `data:application/wasm;base64,${Buffer.from(ADD).toString('base64')}`],
    ['a response', () => new Response(ADD)],
    ['a request', () => new Request(`${origin}/add.wasm`)],
    ['a blob', () => new Blob([ADD])],
    ['a file', () => new File([ADD], 'add.wasm')],
    ['a stream', () => new Blob([ADD]).stream()],
    ['a file in the text format', () => new File([ADD_TEXT], 'add.wat')],
  ];

  test.each(sources)('%s', async (_, source) => {
    expect(await adds(source())).toBe(8);
  });

  test('a stream of single bytes', async () => {
    const module = loadFixture('fib');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of module) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const sandbox = await WasmSandbox.fromUrl(new Response(body));
    expect(await sandbox.call('run', [10])).toBe(55);
  });

  test('the named constructors', async () => {
    for (const sandbox of [
      await WasmSandbox.fromBytes(ADD, { gasLimit: 7_777 }),
      await WasmSandbox.fromFile(path, { gasLimit: 7_777 }),
      await WasmSandbox.fromUrl(`${origin}/add.wasm`, { gasLimit: 7_777 }),
    ]) {
      expect(sandbox.getResourceStats().gasLimit).toBe(7_777n);
    }
  });
});

/** As somebody may pass one whose types say nothing. */
function textStream(): ReadableStream {
  return new Blob(['(module)']).stream().pipeThrough(new TextDecoderStream());
}

describe('what cannot be had says why', () => {
  test.each<[string, () => ModuleSource, typeof UsageError | typeof CompileError, RegExp]>([
    [
      'a missing file',
      () => join(folder, 'none.wasm'),
      UsageError,
      /cannot read ".*none\.wasm": there is no such file/,
    ],
    ['a folder', () => folder, UsageError, /cannot read ".*": it is a folder/],
    ['a path with NUL', () => 'a\0b', UsageError, /cannot read "a\\u0000b"/],
    ['an empty file', () => join(folder, 'empty.wasm'), CompileError, /"[^"]*empty\.wasm" is empty/],
    ['no bytes', () => new Uint8Array(0), CompileError, /is empty: even the smallest module has 8 bytes/],
    ['a response without body', () => new Response(null), CompileError, /the response is empty/],
    ['bytes of a text', () => new TextEncoder().encode('(module)'), CompileError, /is WebAssembly text: parse it/],
    ['a page', () => `${origin}/page`, CompileError, /is an HTML page/],
    ['an HTTP error', () => `${origin}/none`, UsageError, /none" answered with HTTP status 404 "Not Found"/],
    ['a broken transfer', () => `${origin}/broken`, UsageError, /reading "[^"]*broken" failed/],
    ['a request for nothing', () => new Request(`${origin}/none`), UsageError, /none" answered with HTTP status 404/],
    ['an empty blob', () => new Blob([]), CompileError, /the blob is empty/],
    ['a stream of text', () => textStream(), UsageError, /a piece of the stream must be bytes, not "\(module\)"/],
    ['nobody there', () => 'http://127.0.0.1:1/x.wasm', UsageError, /cannot fetch "http:\/\/127\.0\.0\.1:1\/x\.wasm"/],
    [
      'other bytes',
      () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      CompileError,
      /magic header not detected \(offset 0x0\)/,
    ],
    ['half a module', () => ADD.subarray(0, 12), CompileError, /unexpected end/],
  ])('%s', async (_, source, kind, message) => {
    const built = WasmSandbox.builder().source(source()).build();
    await expect(built).rejects.toBeInstanceOf(kind);
    await expect(built).rejects.toThrow(message);
  });

  test('a response that was read', async () => {
    const response = new Response(ADD);
    await response.arrayBuffer();
    await expect(WasmSandbox.fromUrl(response)).rejects.toThrow(/has been read already/);
  });

  test('a stream that is being read', async () => {
    const stream = new Blob([ADD]).stream();
    stream.getReader();
    await expect(WasmSandbox.create({ source: stream })).rejects.toThrow(UsageError);
    await expect(WasmSandbox.create({ source: stream })).rejects.toThrow(/the stream is being read already/);
  });

  test('a stream is let go where the module in it is none', async () => {
    let reason: unknown = 'nothing';
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(8).fill(1)),
      cancel: (why) => {
        reason = why;
      },
    });
    await expect(WasmSandbox.create({ source: stream })).rejects.toThrow(/magic header not detected/);
    expect(reason).toBeUndefined();
  });

  test('fromUrl with a path', async () => {
    await expect(WasmSandbox.fromUrl('./add.wasm')).rejects.toThrow(/needs an absolute URL/);
  });
});

describe('a text', () => {
  const sources: readonly (readonly [string, () => ModuleSource])[] = [
    ['in a file', () => join(folder, 'add.wat')],
    ['itself', () => ADD_TEXT],
    ['without parentheses around it', () => ADD_TEXT.replace('(module', '').slice(0, -1)],
    ['in a response', () => new Response(ADD_TEXT)],
  ];

  test.each(sources)('%s', async (_, source) => {
    for (const cache of [undefined, SandboxCache.inMemory()]) {
      const sandbox = await WasmSandbox.create({ source: source(), cache });
      expect(await sandbox.call('add', [2, 3])).toBe(5);
    }
  });

  test('that is wrong says where', async () => {
    const message = /type mismatch: .* \(line 2, column 21\)\n {4}\(func \(result i32\)\)\)\n {22}\^$/;
    await expect(WasmSandbox.create({ source: join(folder, 'wrong.wat') })).rejects.toThrow(message);
    await expect(WasmSandbox.create({ source: '(module (fun))' })).rejects.toThrow(TextError);
  });

  test('of more than the limit is not parsed', async () => {
    const source = `(module) ${';'.repeat(1_000)}`;
    await expect(WasmSandbox.create({ source, moduleLimit: 1_000 })).rejects.toThrow('module of more than 1000 bytes');
  });

  test('is not waited for where nothing is', () => {
    expect(() => SyncSandbox.create({ source: '(module)' as never })).toThrow('parse it first');
    expect(() => SyncSandbox.create({ source: new TextEncoder().encode('(module)') })).toThrow('parse it first');
    expect(SyncSandbox.create({ source: parse(ADD_TEXT) }).call('add', [1, 2])).toBe(3);
  });
});

describe('the limit on the module', () => {
  test('counts bytes exactly', async () => {
    await expect(WasmSandbox.fromBytes(ADD, { moduleLimit: ADD.length })).resolves.toBeDefined();
    await expect(WasmSandbox.fromBytes(ADD, { moduleLimit: ADD.length - 1 })).rejects.toThrow(/too large/);
  });

  test('stops reading what never ends', async () => {
    await expect(WasmSandbox.fromUrl(`${origin}/endless`, { moduleLimit: 1_000_000 })).rejects.toThrow(CompileError);
    // What the sockets' buffers hold comes on top.
    expect(served).toBeLessThan(50_000_000);
  });
});

describe('a path in a page', () => {
  const location = { href: 'https://example.com/app/index.html?q#top' };

  test.each([
    ['guest.wasm', 'https://example.com/app/guest.wasm'],
    ['./a/guest.wasm', 'https://example.com/app/a/guest.wasm'],
    ['../guest.wasm', 'https://example.com/guest.wasm'],
    ['/guest.wasm', 'https://example.com/guest.wasm'],
    ['//other.example/guest.wasm', 'https://other.example/guest.wasm'],
  ])('%s is a URL from there', (path, url) => {
    expect(urlInPage(path, { location })?.href).toBe(url);
  });

  test('is one from its base, and in a worker from its script', () => {
    expect(urlInPage('a', { location, document: { baseURI: 'https://cdn.example/x/' } })?.href).toBe(
      'https://cdn.example/x/a',
    );
    expect(urlInPage('a', { location: { href: 'blob:https://example.com/1' } })).toBeUndefined();
  });

  test('is a file where there is no page, or only a test has made one', () => {
    expect(urlInPage('guest.wasm', {})).toBeUndefined();
    expect(urlInPage('guest.wasm', { location, process: { versions: { node: '20.0.0' } } })).toBeUndefined();
    expect(urlInPage('guest.wasm')).toBeUndefined();
    expect(urlInPage('guest.wasm', { location: { href: 'about:blank' } })).toBeUndefined();
    expect(urlInPage('guest.wasm', { location: { href: 'file:///home/index.html' } })).toBeUndefined();
  });
});
