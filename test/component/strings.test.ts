/** Strings of components, in each encoding. */

import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';
import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { CompileError, HostError, Trap } from '../../wasm/errors.ts';
import { ENGINES, failureOf, from, transpile } from './components.ts';

const WIT = `package test:strings;
world strings {
  import mark: func(text: string) -> string;
  export echo: func(text: string) -> string;
  export same: func(texts: list<string>) -> list<string>;
  export at: func(pointer: u32, length: u32, content: u32) -> string;
}`;

/** `echo` gives what the host makes of a text, `at` whatever lies there, once the content was put at 64. */
const WAT = `(module
  (import "$root" "mark" (func $mark (param i32 i32 i32)))
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1))) (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func $result (param i32 i32) (result i32)
    (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
  (func (export "echo") (param i32 i32) (result i32)
    (call $mark (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16))
  (func (export "same") (param i32 i32) (result i32) (call $result (local.get 0) (local.get 1)))
  (func (export "at") (param $pointer i32) (param $length i32) (param $content i32) (result i32)
    (i32.store (i32.const 64) (local.get $content))
    (call $result (local.get $pointer) (local.get $length))))`;

const build = async (stringEncoding: 'utf8' | 'utf16' | 'compact-utf16') => {
  const embedded = await componentEmbed({ binary: parse(WAT), witSource: WIT, world: 'strings', stringEncoding });
  return componentNew(embedded, []);
};

const TEXTS = [
  '',
  'a',
  '\0',
  'a\0b',
  'pi\u00f1a',
  '\u0100',
  '\u{1f34d}',
  '\u{10ffff}\uffff',
  '\ufeffmark',
  'x'.repeat(20_000),
];

describe.each(['utf8', 'utf16'] as const)('in %s', (encoding) => {
  const component = build(encoding).then((bytes) => transpile(bytes));
  const make = async (engine: (typeof ENGINES)[number]) =>
    from(await component, { engine, imports: { mark: { default: (text: string) => `${text}!` } } });

  test('go there and back, for the same gas on both engines', async () => {
    const gas = [];
    for (const engine of ENGINES) {
      const { exports, ...made } = await make(engine).then((each) => ({ exports: each.exports, each }));
      for (const text of TEXTS) expect(exports['echo'](text)).toBe(`${text}!`);
      expect(exports['same'](TEXTS)).toEqual(TEXTS);
      expect(exports['same']([])).toEqual([]);
      expect(exports['echo']('x\ud800y')).toBe('x\ufffdy!');
      gas.push(made.each.stats.gasUsed);
    }
    expect(gas[1]).toBe(gas[0]);
  });

  test.each(ENGINES)(
    'are none where they are not of the encoding, or lie outside, on the %s engine',
    async (engine) => {
      const made = await make(engine);
      const at = (pointer: number, length: number, content: number) => {
        const error = failureOf(() => made.exports['at'](pointer, length, content));
        made.reset();
        return error;
      };
      if (encoding === 'utf8') {
        const error = at(64, 4, 0xff);
        expect(error).toBeInstanceOf(HostError);
        expect(error).toMatchObject({ message: expect.stringContaining('no UTF-8'), resources: expect.anything() });
      } else expect(made.exports['at'](64, 2, 0x61_d800)).toBe('\ufffda');
      for (const [pointer, length] of [
        [64, 2 ** 31 - 1],
        [64, 2 ** 32 - 1],
        [4 * 65_536 - 1, 2],
        [2 ** 32 - 4, 2],
      ] as const) {
        expect(at(pointer, length, 0), `${length} at ${pointer}`).toBeInstanceOf(Trap);
      }
      expect(made.exports['echo']('again')).toBe('again!');
    },
  );
});

test('in latin1+utf16 they are refused, and it is said what to do', async () => {
  const refused = build('compact-utf16').then((bytes) => transpile(bytes));
  await expect(refused).rejects.toBeInstanceOf(CompileError);
  await expect(refused).rejects.toThrow(/latin1\+utf16.*build it for UTF-8 or UTF-16/);
});
