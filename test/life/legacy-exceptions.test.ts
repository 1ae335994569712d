/** Exceptions that an arm of a `try` has caught, and may yet throw again, while the guest is elsewhere. */

import { expect, it } from 'vitest';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { again, begin, sequence, trace, whole } from './programs.ts';

// Each round is caught twice, thrown again from inside of both arms by turns, and counts what it carried.
const BYTES = parse(`(module
  (tag $e (param i32 externref)) (tag $f (param f64))
  (global $sum (mut i32) (i32.const 0))
  (func $count (param $n i32) (param $text externref)
    (loop $again
      (global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 31)) (i32.add (local.get $n) (ref.is_null (local.get $text)))))
      (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n))))
  (func $thrower (param $n i32)
    (if (i32.rem_u (local.get $n) (i32.const 3))
      (then (throw $e (local.get $n) (select (result externref) (ref.null extern) (ref.null extern) (local.get $n)))))
    (throw $f (f64.convert_i32_u (local.get $n))))
  (func $round (param $n i32)
    (try $outer
      (do (call $thrower (local.get $n)))
      (catch $e
        (call $count)
        (try $inner
          (do (try (do (call $thrower (i32.add (local.get $n) (i32.const 2)))) (delegate $inner)))
          (catch_all
            (call $count (i32.const 100) (ref.null extern))
            (if (i32.and (local.get $n) (i32.const 1)) (then (rethrow $inner)))
            (loop $spin
              (call $count (local.get $n) (ref.null extern))
              (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))
              (br_if $spin (local.get $n)))
            (rethrow $outer))))))
  (func (export "run") (param $n i32) (result i32)
    (loop $next
      (try
        (do (call $round (local.get $n)))
        (catch $f (call $count (i32.trunc_f64_u) (ref.null extern)))
        (catch $e (call $count)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (global.get $sum)))`);

it('are thrown again in another instance, wherever the guest was left', async () => {
  const program = { bytes: BYTES, calls: [{ export: 'run', args: [25] }] };
  const expected = await trace(program, whole);
  expect(expected[0]).toMatch(/^run\(25\): -?\d+$/);
  const module = decode(BYTES);
  const next = sequence(3);
  let moves = 0;
  const seen = await trace(program, async (first, call) => {
    let instance = first;
    let execution = begin(instance, call);
    while (execution.advance(BigInt(next() % 60)) !== 'done') {
      const moved = again(module, instance, execution, { viaBytes: next() % 2 === 0 });
      instance = moved.instance;
      execution = moved.execution!;
      moves++;
    }
    return { results: execution.results, instance };
  });
  expect(seen).toEqual(expected);
  expect(moves).toBeGreaterThan(100);
});
