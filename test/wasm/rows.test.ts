/** What the compiler says about an instruction that is added to the opcode table and to nothing else. */

import { expect, test } from 'vitest';
import { errorsIn } from '../compiler.ts';

/** What walks over code. */
const FOLDERS = ['wasm', 'interpreter', 'instrument'];
const LAST_ROW = /\n\] as const satisfies readonly Row\[\];/;

/** The files in which the compiler finds errors, each once, with that row more. */
function filesWithErrors(row: string): string[] {
  const errors = errorsIn(FOLDERS, {
    'wasm/opcodes.ts': (text) => text.replace(LAST_ROW, (end) => `\n  ${row},${end}`),
  });
  return [...new Set(errors.map(({ file }) => file))].sort();
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
  expect(filesWithErrors(row)).toEqual(['interpreter/code/lower-special.ts', 'wasm/validate-later.ts']);
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
