import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readArtifact } from '../../instrument/index.ts';
import { decode } from '../../wasm/decode.ts';
import { fixture, run } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-instrument-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('instrument writes a module that records what it is', async () => {
  const output = join(folder, 'fib.wasm');
  const { status, stderr } = await run(['instrument', '--gas', '1000', fixture('fib'), '-o', output]);
  expect(stderr).toMatch(/bytes, from \d+/);
  expect(status).toBe(0);
  const bytes = readFileSync(output);
  expect(WebAssembly.validate(bytes)).toBe(true);
  expect(readArtifact(decode(bytes))).toMatchObject({ limits: { gas: 1000n } });
});

test('instrument needs to be told where to write', async () => {
  const { status, stderr } = await run(['instrument', fixture('fib')]);
  expect(stderr).toMatch(/--output/);
  expect(status).toBe(2);
});

test('an instrumented module is run by nobody who has not accepted it', async () => {
  const output = join(folder, 'claims.wasm');
  await run(['instrument', fixture('fib'), '-o', output]);
  const { status, stderr } = await run(['run', '--invoke', 'run', output, '5']);
  expect(stderr).toMatch(/has been instrumented, which anybody can say/);
  expect(status).not.toBe(0);
});

test('the native engine uses the gas that the interpreter uses', async () => {
  const gas = async (engine: string) => {
    const { stdout, status } = await run(['run', '--json', '--engine', engine, fixture('hello')]);
    expect(status).toBe(0);
    return JSON.parse(stdout).stats.gasUsed;
  };
  expect(await gas('native')).toBe(await gas('interpreter'));
});
