/** The page of a widget: what stands in it. `scripts/notebook.mjs` makes one in a notebook. */

import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { bundlePage } from '../../scripts/page.mjs';
import { parseArguments, parseValue } from '../../src/jupyter/page/parse.ts';
import { linkPage } from '../../src/jupyter/page-program.ts';
import { configOf } from '../../src/jupyter/widget.ts';
import { widgetPage } from '../../src/jupyter/widget-page.ts';
import { DISPLAY, SandboxWidget } from '../../src/jupyter.ts';
import { wat } from '../../src/text.ts';

let program: string;
beforeAll(async () => {
  program = gzipSync(linkPage(await bundlePage()), { level: 9 }).toString('base64');
});

const textOf = (page: string, id: string) =>
  new RegExp(`<script type="[^"]*" id="${id}">([^<]*)</script>`).exec(page)?.[1] ?? '';

describe('the page', () => {
  test('has the module, and the functions that can be called with numbers', async () => {
    const source = wat`(module (memory (export "memory") 1)
      (func (export "add") (param i32 i64) (result f64) (f64.const 0))
      (func (export "vector") (param v128)) (func (export "reference") (param externref)))`;
    const config = await configOf({ source, title: 'A title', gasLimit: 5n });
    const page = widgetPage(config, program, 'auto');
    const read = JSON.parse(textOf(page, 'config'));
    expect(read).toEqual({
      title: 'A title',
      module: Buffer.from(source).toString('base64'),
      functions: [{ name: 'add', params: ['i32', 'i64'], results: ['f64'] }],
      isProgram: false,
      gasLimit: '5',
      memoryLimit: 2 ** 26,
    });
    expect(page).toContain(`${source.length} bytes, run in this page`);
  });

  test('has a program that needs no network, and makes no code of text', () => {
    const code = gunzipSync(Buffer.from(program, 'base64')).toString();
    expect(code).not.toMatch(
      /\bimport\s*\(|\bfrom\s*["']|\beval\s*\(|\bnew Function\b|\bWebAssembly\s*\.\s*instantiate/,
    );
    expect(program.length).toBeLessThan(220_000);
  });

  test('is not left by what a module or a title says', async () => {
    const attack = '</script><script>alert(1)</script><!--"\'&\u2028';
    const name = [...new TextEncoder().encode(attack)]
      .map((byte) => `\\${byte.toString(16).padStart(2, '0')}`)
      .join('');
    const config = await configOf({ source: `(module (func (export "${name}")))`, title: attack });
    const page = widgetPage(config, program, 'dark');
    expect(page.match(/<script\b/g)).toHaveLength(3);
    expect(page.match(/<!--/g)).toBeNull();
    expect(JSON.parse(textOf(page, 'config'))).toMatchObject({ title: attack, functions: [{ name: attack }] });
    expect(page).toContain('color-scheme:dark');
  });

  test('of a program asks for what programs take', async () => {
    expect(await configOf({ source: loadFixture('hello') })).toMatchObject({ isProgram: true });
  });

  test('is refused for what nobody could call, and what no notebook should hold', async () => {
    await expect(configOf({ source: '(module (memory 1))' })).rejects.toThrow('no function that can be called');
    await expect(configOf({ source: new Uint8Array(9 * 2 ** 20) })).rejects.toThrow(/8388608|limit/);
    await expect(configOf({ source: new Uint8Array(3) })).rejects.toThrow('magic');
    const config = await configOf({ source: loadFixture('fib') });
    expect(() => widgetPage(config, '', 'auto')).toThrow('npm run build');
  });
});

describe('a widget', () => {
  test('checks what it is given at once', () => {
    expect(() => SandboxWidget({} as never)).toThrow('needs the source');
    expect(() => SandboxWidget({ source: 'x.wasm', theme: 'blue' as never })).toThrow("'auto', 'light' or 'dark'");
    expect(() => SandboxWidget({ source: 'x.wasm', height: 1 })).toThrow('height');
    expect(() => SandboxWidget({ source: 'x.wasm', gas: 1 } as never)).toThrow('no option "gas"');
    expect(() => SandboxWidget({ source: 3 as never })).toThrow('source');
  });

  test('says when it is shown that the sources have no program for the page', async () => {
    await expect(SandboxWidget({ source: loadFixture('fib') })[DISPLAY]()).rejects.toThrow('npm run build');
  });
});

describe('what people type', () => {
  test.each([
    ['i32', '42', 42],
    ['i32', ' -1 ', -1],
    ['i32', '0xffffffff', -1],
    ['i32', '4294967295', -1],
    ['i32', '-0x80000000', -(2 ** 31)],
    ['i32', '1_000', 1_000],
    ['i64', '-9223372036854775808', -(2n ** 63n)],
    ['i64', '18446744073709551615', -1n],
    ['i64', '0b101', 5n],
    ['f64', '1e3', 1_000],
    ['f32', '-inf', Number.NEGATIVE_INFINITY],
    ['f64', 'NaN', Number.NaN],
  ])('%s %s', (type, typed, value) => {
    expect(parseValue(type, typed)).toBe(value);
  });

  test.each([
    ['i32', '4294967296'],
    ['i32', '-2147483649'],
    ['i32', '1.5'],
    ['i32', ''],
    ['i64', '18446744073709551616'],
    ['i64', '1n'],
    ['f64', ''],
    ['f64', 'one'],
    ['f64', 'constructor'],
  ])('%s %j is refused', (type, typed) => {
    expect(() => parseValue(type, typed)).toThrow(/^"/);
  });

  test('arguments are parted by spaces, but for those in quotes', () => {
    expect(parseArguments(` a "b c" 'd "e' f  `)).toEqual(['a', 'b c', 'd "e', 'f']);
    expect(parseArguments('')).toEqual([]);
  });
});
