/** examples/express-app in this process: what its pages say of good plug-ins and of hostile ones. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../examples/express-app/app.mjs';
import { loadFixture } from '../../fixtures/load.node.ts';

const { app, close } = await createApp();
const server = app.listen(0, 'localhost');
let origin: string;

beforeAll(async () => {
  if (!server.listening) await once(server, 'listening');
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await close();
});

const TEXT = readFileSync(new URL('../../examples/express-app/plugins/text.wasm', import.meta.url));

async function upload(bytes: Uint8Array, name = 'text.wasm'): Promise<Response> {
  const body = new FormData();
  body.set('plugin', new File([bytes as BlobPart], name));
  return fetch(`${origin}/plugins`, { method: 'POST', body, redirect: 'manual' });
}

async function place(bytes: Uint8Array, name?: string): Promise<string> {
  const response = await upload(bytes, name);
  expect(response.status).toBe(303);
  return `${origin}${response.headers.get('location')}`;
}

async function run(url: string, name: string, input = '') {
  const body = new URLSearchParams({ function: name, input });
  const response = await fetch(url, { method: 'POST', body });
  return { status: response.status, text: await response.text() };
}

describe('a plug-in', () => {
  let url: string;
  beforeAll(async () => {
    url = await place(TEXT);
  });

  test('is listed with the functions that a form can call', async () => {
    expect(await (await fetch(origin)).text()).toContain('text.wasm');
    const text = await (await fetch(url)).text();
    expect([...text.matchAll(/<option>(\w+)/g)].map(([, name]) => name)).toEqual(['shout', 'bold', 'peek', 'spin']);
  });

  test('gives its output, its gas, and what it asked for', async () => {
    const { status, text } = await run(url, 'shout', 'Zoë says hello');
    expect(status).toBe(200);
    expect(text).toContain('<pre id="output">ZOë SAYS HELLO</pre>');
    expect(text).toContain('extism:host/env.input_length');
    const gas = /id="gas">([\d,]+)</.exec(text)?.[1];
    expect((await run(url, 'shout', 'Zoë says hello')).text).toContain(`id="gas">${gas}<`);
  });

  test('cannot write into the page', async () => {
    const { text } = await run(url, 'bold', '</textarea><script>alert(1)</script>');
    expect(text).toContain('&lt;b&gt;&lt;/textarea&gt;&lt;script&gt;');
    expect(text).not.toContain('<script');
  });

  test('that asks for a file is refused it, and the page says so', async () => {
    const { status, text } = await run(url, 'peek');
    expect(status).toBe(422);
    expect(text).toContain('etc/passwd cannot be opened');
    expect(text).toContain('wasi_snapshot_preview1.path_open');
  });

  test('that never ends is ended by its gas, while others are answered', async () => {
    const order: string[] = [];
    const spinning = run(url, 'spin').then((answer) => {
      order.push('spin');
      return answer;
    });
    await run(url, 'shout', 'me');
    order.push('shout');
    const { status, text } = await spinning;
    expect(order).toEqual(['shout', 'spin']);
    expect(status).toBe(422);
    expect(text).toContain('The guest used up the gas that it may use');
  });

  test('has no function but those of the form', async () => {
    expect((await run(url, 'memory')).status).toBe(400);
    expect((await run(url, '__proto__')).status).toBe(400);
  });
});

test('plug-ins of Extism, in other languages', async () => {
  for (const name of ['guest-rust', 'guest-assemblyscript']) {
    const { text } = await run(await place(loadFixture(name)), 'greet', 'Zoë');
    expect(text).toContain('Hello, Zoë!');
  }
});

describe('what is no plug-in', () => {
  test.each([
    ['a text', new TextEncoder().encode('<b>no module</b>'), 422, 'The file is no plug-in that can be run'],
    ['a module that is cut', TEXT.subarray(0, 200), 422, 'The file is no plug-in that can be run'],
    ['a module that never starts', loadFixture('start-loop'), 422, 'The guest used up the gas'],
    ['nothing', new Uint8Array(0), 400, 'No file was chosen'],
    ['what is too large', new Uint8Array(1_200_000), 413, 'That is too large'],
  ])('%s', async (_, bytes, status, words) => {
    const response = await upload(bytes);
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(words);
  });

  test('a form that is none', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const response = await fetch(`${origin}/plugins`, { method: 'POST', headers, body: '--y' });
    expect(response.status).toBe(400);
  });

  test('a form of another site', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await fetch(`${origin}/plugins`, { method: 'POST', headers })).status).toBe(403);
  });

  test('a name that is markup is shown as it is', async () => {
    const text = await (await fetch(await place(TEXT, '<i>x.wasm'))).text();
    expect(text).toContain('<h1>&lt;i&gt;x.wasm</h1>');
  });
});

test('every answer has a policy for its contents, and the pages nothing that it forbids', async () => {
  for (const path of ['/', '/style.css', '/nowhere', '/plugins/none']) {
    const response = await fetch(`${origin}${path}`);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await response.text()).not.toMatch(/<script|style=|onclick/);
  }
});

test('the plug-ins that were uploaded first make room', async () => {
  const first = await place(TEXT, 'first.wasm');
  for (let i = 0; i < 20; i++) await place(TEXT);
  expect((await fetch(first)).status).toBe(404);
});
