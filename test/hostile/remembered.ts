/**
 * Classes of failure of other engines in what they remember of memory and of operands, to save work: stores that are taken for
 * dead or for the next load's value, and conditions that are folded into what looks at them.
 */

import { parse } from '../../src/text.ts';
import { type Hostile, onlyOn } from './outcome.ts';

/** Stores and loads, with the bytes they move. */
const STORES = { 'i32.store8': 1, 'i32.store16': 2, 'i32.store': 4, 'i64.store': 8, 'f64.store': 8 } as const;
const LOADS = {
  'i32.load8_u': [1, 'i64.extend_i32_u'],
  'i64.load16_s': [2, ''],
  'i64.load32_u': [4, ''],
  'i64.load': [8, ''],
} as const;
type Store = keyof typeof STORES;
type Load = keyof typeof LOADS;

/** What stands between a store and what comes after it: nothing that changes the bytes. */
const BETWEEN: Readonly<Record<string, string>> = {
  nothing: '',
  'a call that writes elsewhere': '(call $elsewhere)',
  'a growth by nothing': '(drop (memory.grow (i32.const 0)))',
  'a fill and a copy elsewhere':
    '(memory.fill (i32.const 512) (i32.const 9) (i32.const 8)) (memory.copy (i32.const 600) (i32.const 512) (i32.const 8))',
  'a loop that stores the same again':
    '(local.set $i (i32.const 3)) (loop $l (call $same) (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))',
  'a fence': 'atomic.fence',
};

const FIRST = 0x1122334455667788n;
const SECOND = 0x99aabbccddeeff01n;
const AT = 64;
const DISTANCES = [-7, -3, -1, 0, 1, 2, 4, 7];

const constantFor = (store: Store, value: bigint): string =>
  store.startsWith('f64')
    ? `(f64.reinterpret_i64 (i64.const ${value}))`
    : store.startsWith('i64')
      ? `(i64.const ${value})`
      : `(i32.const ${BigInt.asIntN(32, value)})`;

/** The bits of every load, one after another, in the bytes that two stores leave. */
function expected(first: Store, second: Store, load: Load, distance: number): bigint {
  const memory = new DataView(new ArrayBuffer(256));
  const write = (store: Store, at: number, value: bigint) => {
    for (let i = 0; i < STORES[store]; i++) memory.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
  };
  write(first, AT, FIRST);
  write(second, AT + distance, SECOND);
  const bits = BigInt(8 * LOADS[load][0]);
  const value = memory.getBigUint64(AT, true) & ((1n << bits) - 1n);
  return load.includes('_s') ? BigInt.asIntN(Number(bits), value) : value;
}

/** Two stores that overlap or do not, and a load of what they leave (wasmtime, analyses of aliases in 2026). */
const overlapping: Hostile[] = Object.entries(BETWEEN).flatMap(([between, code]) =>
  (Object.keys(STORES) as Store[]).flatMap((first) =>
    (Object.keys(STORES) as Store[]).map((second): Hostile => {
      const sums: string[] = [];
      let sum = 0n;
      for (const distance of DISTANCES) {
        for (const [load, [, widen]] of Object.entries(LOADS) as [Load, (typeof LOADS)[Load]][]) {
          sums.push(`
            (i64.store (i32.const ${AT - 8}) (i64.const 0)) (i64.store (i32.const ${AT}) (i64.const 0))
            (i64.store (i32.const ${AT + 8}) (i64.const 0))
            (${first} (i32.const ${AT}) ${constantFor(first, FIRST)})
            ${code}
            (${second} (i32.const ${AT + distance}) ${constantFor(second, SECOND)})
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) ${
              widen === '' ? `(${load} (i32.const ${AT}))` : `(${widen} (${load} (i32.const ${AT})))`
            }))`);
          sum = BigInt.asIntN(64, sum * 31n + expected(first, second, load, distance));
        }
      }
      const source = parse(`(module (memory 1)
        (func $elsewhere (i64.store (i32.const 400) (i64.const -1)))
        (func $same (${first} (i32.const ${AT}) ${constantFor(first, FIRST)}))
        (func (export "run") (result i64) (local $sum i64) (local $i i32) ${sums.join('\n')} (local.get $sum)))`);
      return {
        name: `${first} and ${second} with ${between} in between`,
        options: { source },
        calls: [['run']],
        ending: { results: sum },
        ...onlyOn(source),
      };
    }),
  ),
);

/** Ways to come by a condition, from an argument that is 0 or 1. */
const CONDITIONS: Readonly<Record<string, string>> = {
  'a local': '(local.get $c)',
  'a local that is set on the way': '(local.tee $t (local.get $c))',
  'a global': '(global.get $g)',
  'a load': '(i32.load8_u (i32.const 8))',
  'a comparison': '(i32.ne (local.get $c) (i32.const 0))',
  'a comparison of 64 bits': '(i64.ne (global.get $wide) (i64.const 0))',
  'a comparison of floats': '(f64.gt (f64.convert_i32_s (local.get $c)) (f64.const 0.5))',
  'a zero test twice': '(i32.eqz (i32.eqz (local.get $c)))',
  'a select': '(select (i32.const 7) (i32.const 0) (local.get $c))',
  'a call': '(call $same (local.get $c))',
  'a block that is left early': '(block (result i32) (br 0 (local.get $c)))',
  'high bits': '(i32.shl (local.get $c) (i32.const 31))',
};

/** What looks at it: 100 where it holds, 200 where it does not. */
const LOOKS: Readonly<Record<string, (condition: string) => string>> = {
  'an if': (c) => `(if (result i32) ${c} (then (i32.const 100)) (else (i32.const 200)))`,
  'an if without else, of a parameter': (c) =>
    `(i32.const 200) ${c} (if (param i32) (result i32) (then (drop) (i32.const 100)))`,
  'an if that ends in a branch': (c) =>
    `(block $b (result i32) (if ${c} (then (br $b (i32.const 100)))) (i32.const 200))`,
  'a br_if that carries a value': (c) =>
    `(block $b (result i32) (drop (br_if $b (i32.const 100) ${c})) (i32.const 200))`,
  'a br_if over operands': (c) =>
    `(block $b (result i32) (i64.const 1) (i32.const 100) ${c} (br_if $b) (drop) (drop) (i32.const 200))`,
  'a br_if out of a loop': (c) =>
    `(block $b (result i32) (loop (drop (br_if $b (i32.const 100) ${c}))) (i32.const 200))`,
  'a br_table': (c) =>
    `(block $no (result i32) (block $yes (result i32) (i32.const 0) ${c} (br_table $no $yes)) (drop) (br 1 (i32.const 100))) (drop) (i32.const 200)`,
  'a select': (c) => `(select (i32.const 100) (i32.const 200) ${c})`,
  'an if in an if': (c) =>
    `(if (result i32) ${c} (then (if (result i32) ${c} (then (i32.const 100)) (else (i32.const -1)))) (else (i32.const 200)))`,
};

/** Conditions that are made one step before they are looked at (wamr, its fast interpreter). */
const conditions: Hostile[] = Object.entries(CONDITIONS).flatMap(([how, condition]) =>
  Object.entries(LOOKS).flatMap(([look, code]) => {
    const source = parse(`(module (memory 1) (global $g (mut i32) (i32.const 0)) (global $wide (mut i64) (i64.const 0))
      (func $same (param i32) (result i32) (local.get 0))
      (func (export "run") (param $c i32) (result i32) (local $t i32)
        (global.set $g (local.get $c)) (global.set $wide (i64.shl (i64.extend_i32_u (local.get $c)) (i64.const 40)))
        (i32.store8 (i32.const 8) (local.get $c))
        (block (result i32) ${code(condition)})))`);
    return [0, 1].map(
      (argument): Hostile => ({
        name: `${look} that looks at ${how}, which is ${argument}`,
        options: { source },
        calls: [
          ['run', 1 - argument],
          ['run', argument],
        ],
        ending: { results: argument === 1 ? 100 : 200 },
      }),
    );
  }),
);

export const REMEMBERED: readonly Hostile[] = [...overlapping, ...conditions];
