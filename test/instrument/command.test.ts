/** `wasm-sandbox instrument` on hostile files: an error that says what is wrong, or a module that is larger. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { run } from '../cli/harness.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { chainedOperators, REFUSED } from './hostile-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-hostile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function instrument(bytes: Uint8Array) {
  const input = join(folder, 'in.wasm');
  writeFileSync(input, bytes);
  return run(['instrument', input, '-o', '-']);
}

test.each(Object.entries(REFUSED))('%s', async (_, { bytes, message }) => {
  const { status, stderr, stdout } = await instrument(bytes());
  expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(status).not.toBe(0);
});

test('ten thousand chained operators', async () => {
  const { status, stdoutBytes } = await instrument(chainedOperators());
  expect(status).toBe(0);
  expect(WebAssembly.validate(stdoutBytes as Uint8Array<ArrayBuffer>)).toBe(true);
});

test('a body that keeps what it catches is refused by name', async () => {
  const loop: Instruction[] = ['loop', ['br', 0], 'end'];
  // block (result exnref); try_table (catch_all_ref 0); then a drop of what it leaves.
  const body: Instruction[] = [
    { raw: [0x02, 0x69, 0x1f, 0x40, 1, 3, 0] },
    ...loop,
    'end',
    'unreachable',
    'end',
    'drop',
  ];
  const { status, stderr } = await instrument(encodeModule({ functions: [{ body, export: 'run' }] }));
  expect(stderr).toMatch(/exception-references, which cannot be instrumented/);
  expect(status).not.toBe(0);
});
