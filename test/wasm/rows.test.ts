/** What the compiler says about an instruction that is added to the opcode table and to nothing else. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules/.cache');
/** What walks over code. */
const FOLDERS = ['wasm', 'interpreter', 'instrument'];
const LAST_ROW = /\n\] as const satisfies readonly Row\[\];/;

let copy = '';

afterEach(() => rmSync(copy, { recursive: true, force: true }));

/** The files in which the compiler finds errors, each once, with that row more. */
function filesWithErrors(row: string): string[] {
  mkdirSync(cache, { recursive: true });
  copy = mkdtempSync(join(realpathSync(cache), 'rows-'));
  for (const folder of FOLDERS) cpSync(join(root, folder), join(copy, folder), { recursive: true });
  const table = join(copy, 'wasm/opcodes.ts');
  writeFileSync(
    table,
    readFileSync(table, 'utf8').replace(LAST_ROW, (end) => `\n  ${row},${end}`),
  );
  const include = FOLDERS.map((folder) => `${folder}/**/*.ts`);
  writeFileSync(
    join(copy, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), include, exclude: [] }),
  );
  // What more threads do, each does over again for itself.
  const options = ['--noEmit', '--singleThreaded', '--pretty', 'false', '-p', copy];
  const args = [join(root, 'node_modules/typescript/bin/tsc'), ...options];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' });
  expect(stderr).toBe('');
  const files = stdout.split('\n').flatMap((line) => /^(\w\S*\.ts)\(\d/.exec(line)?.[1] ?? []);
  return [...new Set(files)].sort();
}

test('a special one needs a handler in each stage', () => {
  expect(filesWithErrors(`['new.special', 0xfc0020, 'none', '*', 'simple', { flow: 'on' }]`)).toEqual([
    'instrument/analyse.ts',
    'interpreter/code/lower-special.ts',
    'wasm/validate.ts',
  ]);
});

test('and has to say what it does to the course of code', () => {
  expect(filesWithErrors(`['new.special', 0xfc0020, 'none', '*', 'simple']`)).toContain('wasm/opcodes.ts');
});

test('one that a module must have a feature for is refused natively', () => {
  const row = `['new.special', 0xfc0020, 'none', '*', 'simple', { flow: 'on', feature: 'gc' }]`;
  expect(filesWithErrors(row)).toEqual(['interpreter/code/lower-special.ts', 'wasm/validate.ts']);
});

test('one without a meaning needs a handler where code is run or rewritten', () => {
  expect(filesWithErrors(`['new.plain', 0xfc0020, 'none', 'i:i', 'simple']`)).toEqual([
    'instrument/analyse.ts',
    'interpreter/code/lower-special.ts',
  ]);
});

test('one that computes on scalars needs nothing more', () => {
  expect(filesWithErrors(`['new.scalar', 0xfc0020, 'none', 'ii:i', 'simple', 'a & ~b']`)).toEqual([]);
});
