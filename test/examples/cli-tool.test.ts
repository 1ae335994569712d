/** examples/cli-tool in this process: what it does for good plug-ins and with hostile ones. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { main } from '../../examples/cli-tool/tool.mjs';
import { parse } from '../../src/text.ts';

async function plug(argv: string[], { input = '', isTTY = false } = {}) {
  const said = { stdout: '', stderr: '' };
  const to = (name: keyof typeof said) => ({
    isTTY,
    write: (chunk: string | Uint8Array) => {
      said[name] += Buffer.from(chunk as string).toString();
    },
  });
  async function* stdin() {
    yield Buffer.from(input);
  }
  const status = await main(argv, { stdin: stdin(), stdout: to('stdout'), stderr: to('stderr') });
  return { status, ...said };
}

const folder = mkdtempSync(join(tmpdir(), 'cli-tool-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A plug-in in a folder of its own. */
function put(name: string, module: Uint8Array | string, policy: unknown = { limits: { gas: 1_000_000 } }): string[] {
  writeFileSync(join(folder, `${name}.wasm`), typeof module === 'string' ? parse(module) : module);
  if (policy !== null) writeFileSync(join(folder, `${name}.policy.json`), JSON.stringify(policy));
  return ['--plugins', folder, name];
}

/** A command that writes a text. */
const writer = (text: string, length: number) => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\${length.toString(16).padStart(2, '0')}\\00\\00\\00")
  (data (i32.const 16) "${text}")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;

test('runs plug-ins on arguments and input, with their status', async () => {
  expect(await plug(['primes', '1000'])).toEqual({ status: 0, stdout: '168 primes below 1000\n', stderr: '' });
  const counted = await plug(['count'], { input: 'one two\nthree\n' });
  expect(counted).toEqual({ status: 0, stdout: '2 lines, 3 words, 14 bytes\n', stderr: '' });
  const wrong = await plug(['primes', '--', '-x']);
  expect(wrong).toMatchObject({ status: 2, stderr: 'a number up to 10000000 is wanted\n' });
});

test('shows on a terminal how the gas goes, the same each time, and takes it away', async () => {
  const { stdout, stderr } = await plug(['primes', '40000'], { isTTY: true });
  expect(stdout).toBe('4203 primes below 40000\n');
  const shown = [...stderr.matchAll(/(\d+) % of 200,000,000 units of gas/g)].map(([, percent]) => Number(percent));
  expect(shown.length).toBeGreaterThan(3);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  expect(stderr.endsWith('\r\u001B[K')).toBe(true);
  expect((await plug(['primes', '40000'], { isTTY: true })).stderr).toBe(stderr);
});

test('grants what the policy does, and nothing else', async () => {
  expect(await plug(['show', '/notes/hello.txt'])).toMatchObject({
    status: 0,
    stdout: 'Hello from a file in memory.\n',
  });
  for (const path of ['/etc/passwd', '/notes/../etc/passwd']) {
    const { status, stdout } = await plug(['show', path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  }
});

test('says what was asked for', async () => {
  const audited = put('audited', writer('hello', 5), { limits: { gas: 1_000_000 }, auditEvents: 10 });
  const { stderr } = await plug(['--audit', ...audited]);
  expect(stderr).toMatch(/^\d+ wasi_snapshot_preview1\.fd_write: allowed\n$/);
});

describe('hostile plug-ins', () => {
  test.each([
    ['no module', Buffer.from('no module at all')],
    ['a module that is no command', parse('(module (func (export "run")))')],
  ])('%s', async (_, module) => {
    const { status, stderr } = await plug(put('wrong', module));
    expect(status).toBe(125);
    expect(stderr).toMatch(/^plug: .+\n$/);
  });

  test('one that never ends', async () => {
    const { status, stderr } = await plug(
      put('loop', '(module (memory (export "memory") 0) (func (export "_start") (loop (br 0))))'),
    );
    expect(status).toBe(125);
    expect(stderr).toContain('Gas limit exceeded');
  });

  test('one that writes too much, or asks for a file that is not granted, is told of', async () => {
    const { stdout, stderr } = await plug(
      put('chatter', writer('hello', 5), { limits: { gas: 1_000_000 }, outputLimit: 4 }),
    );
    expect(stdout.length).toBeLessThanOrEqual(4);
    expect(stderr).toMatch(/^plug: refused: wasi_snapshot_preview1\.fd_write: /);
    const climbed = await plug(['show', '/notes/../etc/passwd']);
    expect(climbed.stderr).toContain('plug: refused: wasi_snapshot_preview1.path_open: ');
  });

  test('one that takes the terminal over gets no control characters there, and all bytes elsewhere', async () => {
    const argv = put('title', writer('\\1b]0;x\\07ok', 7));
    expect((await plug(argv, { isTTY: true })).stdout).toBe('\u{FFFD}]0;x\u{FFFD}ok'.slice(0, 7));
    expect((await plug(argv)).stdout).toBe('\u001B]0;x\u0007ok'.slice(0, 7));
  });
});

describe('what it refuses', () => {
  test('a plug-in without a policy, or with one that is none or limits no gas', async () => {
    const module = '(module)';
    expect((await plug(put('bare', module, null))).stderr).toContain('there is no policy');
    expect((await plug(put('free', module, {}))).stderr).toContain('limits.gas');
    expect((await plug(put('odd', module, { limit: 1 }))).stderr).toContain('limit');
  });

  test.each([
    ['a path for a name', ['../plugins/count'], 'the name of a plug-in'],
    ['one that is not there', ['nothing'], 'there is no plug-in'],
    ['an option that is none', ['--nothing'], '--nothing'],
  ])('%s', async (_, argv, words) => {
    const { status, stderr } = await plug(argv);
    expect(status).toBe(2);
    expect(stderr).toContain(words);
  });

  test('nothing to do, and says what there is', async () => {
    const { status, stdout } = await plug([]);
    expect(status).toBe(2);
    expect(stdout).toContain('plug-ins: count, primes, show');
  });
});
