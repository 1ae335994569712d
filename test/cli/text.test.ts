/** `parse`, `print`, and texts where other commands take modules. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { parse, print } from '../../src/text.ts';
import { fixture, run } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-text-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = '(module (func $one (export "one") (result i32) (i32.const 1)) (func $two))';
const text = join(folder, 'text.wat');
writeFileSync(text, TEXT);
const wrong = join(folder, 'wrong.wat');
writeFileSync(wrong, '(module\n  (func (result i32)))');

describe('parse and print', () => {
  test('are filters', async () => {
    const parsed = await run(['parse', '-'], TEXT, 10);
    expect(parsed.stdoutBytes).toEqual(parse(TEXT));
    const printed = await run(['print', '-'], parsed.stdoutBytes);
    expect(printed).toMatchObject({ status: 0, stdout: print(parse(TEXT)), stderr: '' });
  });

  test('read and write files', async () => {
    const [module, again] = [join(folder, 'text.wasm'), join(folder, 'again.wat')];
    expect(await run(['parse', text, '-o', module])).toMatchObject({ status: 0, stdout: '' });
    await run(['print', '--flat', '--offsets', module, '-o', again]);
    expect(readFileSync(again, 'utf8')).toBe(print(parse(TEXT), { folded: false, offsets: true }));
  });

  test('one function', async () => {
    for (const name of ['one', '0', '$one']) {
      const { stdout } = await run(['print', '--function', name, '-'], parse(TEXT));
      expect(stdout).toBe('(func $one (type $t0) (result i32)\n  (i32.const 1))\n');
    }
  });

  test('say what is wrong, in the text', async () => {
    expect(await run(['parse', '-'], '(module\n  (fun))')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^wasm-sandbox: TextError: .* \(line 2, column 4\)\n {4}\(fun\)\)\n {5}\^\^\^\n$/),
    });
    expect((await run(['parse', wrong])).status).toBe(0);
    expect(await run(['parse', '--validate', wrong])).toMatchObject({ status: 1, stdout: '' });
  });
});

describe('elsewhere', () => {
  test('texts are run and validated', async () => {
    expect(await run(['run', '--invoke', 'one', text])).toMatchObject({ status: 0, stdout: '1\n' });
    expect((await run(['validate', text])).status).toBe(0);
    const { stderr } = await run(['validate', wrong]);
    expect(stderr.split('\n')).toHaveLength(4);
    expect(stderr).toMatch(/line 2, column 21/);
  });

  test('modules are inspected as texts', async () => {
    const { stdout } = await run(['inspect', '--wat', fixture('fib')]);
    expect(stdout).toBe(print(loadFixture('fib')));
    expect((await run(['inspect', '--wat', '--function', 'run', fixture('fib')])).stdout).toMatch(/^\(func .*\n/);
    expect((await run(['inspect', '--function', 'run', fixture('fib')])).status).toBe(2);
  });
});
