import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { Locals } from '../../interpreter/code/locals.ts';
import { PlaceFinder } from '../../interpreter/snapshot/places.ts';
import { decode } from '../../wasm/decode.ts';
import { assemble } from '../../wasm/text/assemble.ts';
import { typeName } from '../../wasm/types.ts';
import { compile } from '../generate/text.ts';

const GUEST = decode(compile(readFileSync(new URL('./guest.wat', import.meta.url), 'utf8')));

const OTHERS = decode(
  compile(`(module
    (type $s (struct (field (mut i32))))
    (type $make (func (result (ref $s))))
    (type $pair (func (param i32 i64 externref v128) (result (ref $s) i32 (ref $s))))
    (import "env" "host" (func $host))
    (table $t 4 4 funcref)
    (func $make (type $make) (struct.new $s (i32.const 1)))
    (func $locals (param $n i32) (result i32)
      (local $x (ref $s)) (local $y (ref $s))
      (block $out
        (local.set $x (call $make))
        (br_if $out (local.get $n))
        (local.set $y (call $make))
        (drop (struct.get $s 0 (local.get $y)))
        (call $host))
      (call $host)
      (if (local.get $n)
        (then (local.set $x (call $make)) (local.set $y (local.tee $x (call $make))) (call $host)
          (drop (struct.get $s 0 (local.get $x))) (drop (struct.get $s 0 (local.get $y))))
        (else (call $host) (local.set $y (call $make)) (call $host) (drop (struct.get $s 0 (local.get $y)))))
      (call $host)
      (local.set $x (call $make))
      (loop $again (local.set $y (call $make)) (call $host) (br_if $again (struct.get $s 0 (local.get $y))))
      (call $host)
      (struct.get $s 0 (local.get $x)))
    (func $tables (param $n i32) (result i32)
      (block $a (block $b (block $c
        (br_table $a $b $c $a (local.get $n)))
        (call $host))
        (drop (call_indirect $t (type $make) (local.get $n))))
      (call $host)
      (i32.const 1))
    (func $pair (type $pair)
      (call $host)
      (struct.new $s (local.get 0)) (i32.const 2) (struct.new $s (i32.const 3)))
    (func $pairs (param $e externref) (local $s (ref null $s))
      (local.set $s (call $make))
      (call $pair (i32.const 1) (i64.const 2) (local.get $e) (v128.const i64x2 3 4))
      (drop) (drop) (drop))
    (func $dead (param $e externref) (result externref)
      (block $out
        (br $out)
        (call $host))
      (call $host)
      (return (local.get $e))
      (call $host)
      (unreachable))
    (func $long (param $n i32)
      ${'(call $host)'.repeat(3)}))`),
);

/** Written as it is here, where the other writer would leave out what cannot be reached, and keep operands in locals. */
const EXACT = decode(
  assemble(`(module
    (type $s (struct (field (mut i32))))
    (import "env" "host" (func $host))
    (func $make (result (ref $s)) (struct.new $s (i32.const 1)))
    (func $given (param $s (ref $s)) (call $host) (drop (struct.get $s 0 (local.get $s))))
    (func $converted (param i32) (param $s (ref $s)) (result i32)
      (extern.convert_any (local.get $s))
      (call $host)
      (drop)
      (struct.get $s 0 (local.get $s)))
    (func $without-locals (result (ref $s)) (call $make) (call $host))
    (func $behind-dead (param $n i32) (local $x (ref $s))
      (block $out
        (local.set $x (call $make))
        (br $out))
      (drop (call $make))
      (if (local.get $n)
        (then (local.set $x (call $make)) (return))
        (else (drop (call $make)))))
    (func $again (result i32) (local $x (ref $s))
      (local.set $x (call $make))
      (block (local.set $x (call $make)) (call $host))
      (call $host)
      (struct.get $s 0 (local.get $x))))`),
);

/** By function, in the order of their code: how a guest may stand there, and the references of its frame by slot. */
function placesOf(module: typeof GUEST): string {
  const finder = new PlaceFinder(module, () => undefined);
  const text = Array.from({ length: module.bodies.length }, (_, body) => {
    const { places } = finder.find(
      body,
      Array.from({ length: 1_000 }, (_, offset) => 999 - offset),
    );
    const lines = [...places]
      .sort(([a], [b]) => a - b)
      .map(([, { references, call, isCheckpoint }]) => {
        const held = [...references].sort(([a], [b]) => a - b).map(([slot, type]) => `${slot} ${typeName(type)}`);
        const results = call?.results.map(typeName).join(' ') || 'nothing';
        const called = call && `behind a call of ${call.callee} at ${call.base}, giving ${results}`;
        return [called, isCheckpoint ? 'left' : undefined, held.join(', ')].filter(Boolean).join(' | ');
      });
    return [`function ${module.importedFunctions + body}`, ...lines].join('\n');
  });
  return `${text.join('\n\n')}\n`;
}

/** Whoever changes the lowering looks at the difference: a place too many is a way for a forger to stand there. */
it.each([
  ['guest', GUEST],
  ['others', OTHERS],
  ['exact', EXACT],
] as const)('a guest can be left at these places, and no others: %s', async (name, module) => {
  await expect(placesOf(module)).toMatchFileSnapshot(`./places-${name}.txt`);
});

it('places are found one by one as they are all at once, whatever is asked for twice or does not exist', () => {
  const finder = new PlaceFinder(OTHERS, () => undefined);
  const all = finder.find(1, Array(400).keys());
  const again = new PlaceFinder(OTHERS, () => undefined);
  for (const offset of [...all.places.keys()].flatMap((place) => [place, place + 1])) {
    const { places, fingerprint } = again.find(1, [5_000, offset, offset, 400]);
    expect(fingerprint).toBe(all.fingerprint);
    expect([...places]).toEqual([...all.places].filter(([other]) => other === offset));
  }
  expect(again.find(0, []).fingerprint).not.toBe(all.fingerprint);
});

it('a place takes what its frame has, and the function once more where it is within an instruction', () => {
  const module = decode(
    assemble(`(module
      (import "env" "host" (func $host))
      (func $two (param i32 i32))
      (func $many (local ${'externref '.repeat(70)})
        ${'(call $host)'.repeat(50)}
        (call $two (i32.const 1) (i32.const 2))))`),
  );
  const finder = new PlaceFinder(module, () => undefined);
  const all = [...finder.find(1, Array(400).keys()).places].sort(([a], [b]) => a - b);
  const within = all.findIndex(([at, { call }]) => at > 0 && call === undefined);
  expect(within).toBe(51);
  const asked = vi.spyOn(Locals.prototype, 'type');
  const lowered = vi.spyOn(module.bodies, 'at');
  const work = (...offsets: number[]) => {
    asked.mockClear();
    lowered.mockClear();
    const { places } = finder.find(1, offsets);
    for (const { references } of places.values()) expect(references.size).toBe(70);
    return [places.size, asked.mock.calls.length, lowered.mock.calls.length];
  };
  const [, , once] = work();
  expect(work()).toEqual([0, 0, once]);
  expect(work(9_999)).toEqual([0, 0, once]);
  expect(work(all[1]![0])).toEqual([1, 70, once]);
  expect(work(all[1]![0], all[2]![0])).toEqual([2, 140, once]);
  expect(work(all[within]![0])).toEqual([1, 70, 2 * once!]);
  vi.restoreAllMocks();
});
