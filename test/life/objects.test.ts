import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { again, begin, instantiate, sequence, stateOf, trace, whole } from './programs.ts';

/** Lists of structs, arrays of references and of bytes, i31, and exceptions that carry references, around a loop. */
const TEXT = `(module
  (rec
    (type $node (struct (field $value (mut i64)) (field $small (mut i8)) (field $next (mut (ref null $node))) (field $any (mut anyref))))
    (type $list (array (mut (ref null $node)))))
  (type $bytes (array (mut i8)))
  (tag $e (param i32 (ref null $node)))
  (global $head (mut (ref null $node)) (ref.null $node))
  (table $t 4 anyref)
  (memory $m 1)
  (func $push (param $v i64)
    (global.set $head (struct.new $node (local.get $v) (i32.wrap_i64 (local.get $v)) (global.get $head) (ref.i31 (i32.wrap_i64 (local.get $v))))))
  (func $thrower (param $i i32) (throw $e (local.get $i) (global.get $head)))
  (func (export "run") (param $n i32) (result i64)
    (local $i i32) (local $sum i64) (local $l (ref null $list)) (local $b (ref null $bytes)) (local $p (ref null $node))
    (local.set $l (array.new_default $list (i32.const 8)))
    (local.set $b (array.new $bytes (i32.const 3) (i32.const 40)))
    (loop $again
      (call $push (i64.extend_i32_u (local.get $i)))
      (array.set $list (local.get $l) (i32.rem_u (local.get $i) (i32.const 8)) (global.get $head))
      (array.set $bytes (local.get $b) (i32.rem_u (local.get $i) (i32.const 40)) (local.get $i))
      (table.set $t (i32.rem_u (local.get $i) (i32.const 4)) (array.get $list (local.get $l) (i32.const 0)))
      (block $caught (result i32 (ref null $node))
        (try_table (result i32 (ref null $node)) (catch $e $caught)
          (call $thrower (local.get $i)) (unreachable)))
      (local.set $p) (drop)
      (local.set $sum (i64.add (local.get $sum) (i64.add (struct.get $node $value (local.get $p)) (i64.extend_i32_u (struct.get_u $node $small (ref.as_non_null (global.get $head)))))))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 5))) (then (struct.set $node $next (ref.as_non_null (global.get $head)) (ref.null $node))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.set $p (global.get $head))
    (loop $walk
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (struct.get $node $value (local.get $p))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (i31.get_s (ref.cast (ref i31) (struct.get $node $any (local.get $p)))))))
      (local.set $p (struct.get $node $next (local.get $p)))
      (br_if $walk (i32.eqz (ref.is_null (local.get $p)))))
    (i64.add (local.get $sum) (i64.extend_i32_u (array.get_u $bytes (local.get $b) (i32.const 7)))))
)`;

const parsed = binaryen.parseText(TEXT);
parsed.setFeatures(binaryen.Features.All);
const BYTES = parsed.emitBinary();

describe('a guest with objects', () => {
  const program = { bytes: BYTES, calls: [{ export: 'run', args: [60] }] };

  it('goes on with them in another instance, wherever it was left', async () => {
    const expected = await trace(program, whole);
    expect(expected[0]).toMatch(/^run\(60\): -?\d+n$/);
    const module = decode(BYTES);
    const next = sequence(3);
    const seen = await trace(program, async (first, call) => {
      let instance = first;
      let execution = begin(instance, call);
      while (execution.advance(BigInt(next() % 150)) !== 'done') {
        const moved = again(module, instance, execution, { viaBytes: next() % 2 === 0 });
        instance = moved.instance;
        execution = moved.execution!;
      }
      return { results: execution.results, instance };
    });
    expect(seen).toEqual(expected);
  });

  it('shares none of them with its fork', () => {
    const module = decode(BYTES);
    const instance = instantiate(module);
    instance.start();
    const execution = begin(instance, { export: 'run', args: [60] });
    execution.advance(800n);
    const copy = again(module, instance, execution, { viaBytes: false });
    const before = stateOf(copy.instance);
    execution.advance();
    expect(stateOf(copy.instance)).toEqual(before);
    copy.execution?.advance();
    expect(copy.execution?.results).toEqual(execution.results);
    expect(stateOf(copy.instance)).toEqual(stateOf(instance));
  });
});
