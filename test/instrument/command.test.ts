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

test('a body that catches everything is refused by name', async () => {
  const loop: Instruction[] = ['loop', ['br', 0], 'end'];
  const body: Instruction[] = ['block', { raw: [0x1f, 0x40, 1, 2, 0] }, ...loop, 'end', 'end'];
  const { status, stderr } = await instrument(encodeModule({ functions: [{ body, export: 'run' }] }));
  expect(stderr).toMatch(/exception-handling, which cannot be instrumented/);
  expect(status).not.toBe(0);
});
