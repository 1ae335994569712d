import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { oneFile } from '../one-file.ts';

// Other tests are given all parts by test/setup.ts, so that what is loaded too late would not be noticed there.

const script = await oneFile('test/sandbox/load-parts.ts');
const names = ['simd', 'fib', 'primes', 'fetch'];
const path = (name: string) => fileURLToPath(new URL(`../../fixtures/build/${name}.wasm`, import.meta.url));
const paths = JSON.stringify(Object.fromEntries(names.map((name) => [name, path(name)])));

const EXPECTED = [
  ['vectors', '256371609'],
  ['objects', '5'],
  ['nullable', '5'],
  ['exceptions', '5'],
  ['constants', '7'],
  ['a constant that no type announces', '7'],
  ['tail calls', '5'],
  ['types of two modules', '5'],
  ['atomics', '5'],
  ['waits', '2'],
  ['threads', '5'],
  ['native', '55'],
  ['auto', 'native'],
  ['wasi', '0'],
  ['network', '1'],
  ['recording', 'true'],
  ['snapshot', '256371609'],
  ['fork', '55'],
  ['a global in a snapshot', 'true'],
  ['an object in a snapshot', 'true'],
  ['two modules in a snapshot', 'true'],
  ['threads in a snapshot', 'true'],
];

test.each(EXPECTED)('%s: loaded by whoever needs it first', async (part, outcome) => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, paths, part as string]);
  expect(stdout).toBe(outcome);
});
