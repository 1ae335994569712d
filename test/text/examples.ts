/** Short texts that have every form of the format between them: what is edited to find texts that break the parser. */

export const EXAMPLES: readonly string[] = [
  `(module $m (@name "m") (import "a" "b" (func $f (param i32 i64) (result f32))) (import "a" "c" (memory i64 1 2))
    (import "a" "d" (table 1 2 externref)) (import "a" "e" (global (mut v128))) (import "a" "f" (tag (param i32))))`,
  `(type $a (sub (func))) (rec (type $b (sub $a (func))) (type $c (sub final (struct (field $x (mut i8)) (field i16 (ref null $b))))))
    (type $d (array (mut (ref $c))))`,
  `(memory $m (export "m") (data "a\\00\\u{1f600}" "\\t\\n\\r\\"\\'\\\\")) (table $t funcref (elem $f 0)) (func $f)
    (data (memory $m) (offset (i32.const 1)) "x") (data $p "y") (elem $e declare func $f)
    (elem (table $t) (i32.const 0) funcref (item ref.func $f) (ref.null func)) (elem (ref func) (ref.func $f))`,
  `(func $f (export "a") (export "b") (param $x i32) (param i64 f32) (result i32 i32) (local $y f64) (local i32 (ref null any))
    (block $l (result i32) (br $l (local.get $x))) (if (result i32) (local.get 0) (then (i32.const 1)) (else unreachable)))`,
  `(func i32.const 0 if $a (param) (result) nop else $a loop $b i32.const 0 br_table $a $b 2 end $b end $a return) (start 0)`,
  `(func (block $h (result exnref) (block $o (try_table (catch $e $o) (catch_ref $e $h) (catch_all $o) (catch_all_ref $h)
    (throw $e))) (unreachable)) (throw_ref)) (tag $e)`,
  `(memory 1) (memory $n 1) (func (v128.store $n offset=16 align=8 (i32.const 0) (v128.const f32x4 1 -0x1.8p3 nan:0x1 inf))
    (drop (v128.load8_lane 1 offset=1 3 (i32.const 0) (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)))
    (memory.copy $n 0 (i32.const 0) (i32.const 0) (i32.const 0)) (memory.init $n 0 (i32.const 0) (i32.const 0) (i32.const 0)))
    (data "x")`,
  `(type $s (struct (field $x i32))) (func (param anyref) (drop (struct.get $s $x (struct.new_default $s)))
    (drop (ref.test (ref null $s) (local.get 0))) (block (result anyref) (br_on_cast 0 anyref (ref i31) (local.get 0))) (drop))`,
  `(global $g (export "g") (mut i64) (i64.const -0x8000_0000_0000_0000)) (global f64 (f64.const 1_0.5e-3_0)) (@custom "c" (after data) "x")
    (func (select (result i64) (global.get $g) (i64.const 0) (i32.const 1)) (global.set $g))
    (func (@metadata.code.branch_hint "\\01") (if (i32.const 1) (then (call_indirect (param i32) (i32.const 1) (i32.const 0)))))
    (table 1 funcref)`,
  ';; a comment\n(; another (; in it ;) ;) (@unknown (x "y") ,;) (func (@name "n") (nop)(nop))',
];
