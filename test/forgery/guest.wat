;; A guest that holds all that a snapshot can have, wherever it is left: objects, exceptions, vectors, references of every
;; kind in locals, operands, globals, tables and segments, several memories, calls in place, calls of the host.
(module
  (rec
    (type $node (sub (struct (field $next (mut (ref null $node))) (field $value (mut i32)) (field $any (mut anyref)))))
    (type $big (sub $node (struct
      (field (mut (ref null $node))) (field (mut i32)) (field (mut anyref)) (field $long (mut i64)) (field $vector (mut v128))))))
  (type $refs (array (mut (ref null $node))))
  (type $bytes (array (mut i8)))
  (type $longs (array (mut i64)))
  (type $make (func (param i32 (ref null $node)) (result (ref $node))))
  (type $strict (struct (field $node (ref $node)) (field $make (mut (ref $make)))))
  (import "env" "host" (func $host (param externref i32) (result externref)))

  (memory $first 1 3)
  (memory $second 1 2)
  (data $text (memory $first) (i32.const 16) "some text that is there from the start")
  (data $passive "0123456789abcdef")
  (table $functions 4 8 funcref)
  (table $makers 2 4 (ref null $make))
  (table $strings 2 6 externref)
  (table $nodes 3 5 (ref null $node))
  (elem $active (table $functions) (i32.const 0) func $make-node $make-big $sum)
  (elem $passive-makers (ref null $make) (item (ref.func $make-node)) (item (ref.func $make-big)))
  (elem $made (ref null $node)
    (item (struct.new $node (ref.null $node) (i32.const 7) (ref.i31 (i32.const 9)))) (item (ref.null $node)))
  (tag $thrown (param i32 (ref null $node)))
  (tag $other (param externref v128))

  (global $root (mut (ref null $node)) (ref.null $node))
  (global $array (mut (ref $refs)) (array.new_default $refs (i32.const 4)))
  (global $string (mut externref) (ref.null extern))
  (global $caught (mut exnref) (ref.null exn))
  (global $count (mut i32) (i32.const 0))
  (global $vector (mut v128) (v128.const i32x4 1 2 3 4))
  (global $constant i64 (i64.const 42))
  (global $maker (ref $make) (ref.func $make-node))

  (func $make-node (type $make) (param $value i32) (param $next (ref null $node)) (result (ref $node))
    (struct.new $node (local.get $next) (local.get $value) (ref.i31 (local.get $value))))

  (func $make-big (type $make) (param $value i32) (param $next (ref null $node)) (result (ref $node))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (struct.new $big (local.get $next) (local.get $value) (array.new $bytes (i32.const 3) (i32.const 5))
      (i64.extend_i32_s (local.get $value)) (i32x4.splat (local.get $value))))

  (func $sum (param $node (ref null $node)) (result i32)
    (local $total i32)
    (block $done
      (loop $again
        (local.set $total (i32.add (local.get $total)
          (struct.get $node $value (br_on_null $done (local.get $node)))))
        (local.set $node (struct.get $node $next (local.get $node)))
        (br $again)))
    (local.get $total))

  ;; Objects in locals and operands, across calls and loops.
  (func (export "objects") (param $n i32) (result i32)
    (local $list (ref null $node)) (local $made (ref $node)) (local $strict (ref $strict)) (local $longs (ref null $longs))
    (local $any anyref) (local $i i32)
    (table.init $makers $passive-makers (i32.const 0) (i32.const 0) (i32.const 2))
    (loop $again
      (local.set $made
        (call_ref $make (local.get $i) (local.get $list)
          (ref.as_non_null (table.get $makers (i32.and (local.get $i) (i32.const 1))))))
      (local.set $strict (struct.new $strict (local.get $made) (global.get $maker)))
      (local.set $list (local.get $made))
      (struct.set $node $any (struct.get $strict $node (local.get $strict)) (local.get $any))
      (local.set $any (select (result anyref) (local.get $strict) (ref.i31 (local.get $i)) (i32.rem_u (local.get $i) (i32.const 3))))
      (array.set $refs (global.get $array) (i32.and (local.get $i) (i32.const 3)) (local.get $list))
      (local.set $longs (array.new $longs (i64.const 7) (i32.and (local.get $i) (i32.const 15))))
      (table.set $nodes (i32.rem_u (local.get $i) (i32.const 3)) (local.get $made))
      (if (i32.eq (i32.and (local.get $i) (i32.const 7)) (i32.const 7))
        (then
          (global.set $root (local.get $list))
          (global.set $count (i32.add (call $sum (local.get $list)) (global.get $count)))
          (local.set $list (ref.null $node))
          (array.fill $refs (global.get $array) (i32.const 0) (ref.null $node) (i32.const 2))))
      (drop (array.new_elem $refs $made (i32.const 0) (i32.const 2)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (i32.add (call $sum (global.get $root)) (array.len (local.get $longs))))

  (func $throwing (param $n i32) (param $node (ref null $node))
    (if (i32.and (local.get $n) (i32.const 1))
      (then (throw $thrown (local.get $n) (call $make-big (local.get $n) (local.get $node)))))
    (throw $other (global.get $string) (global.get $vector)))

  ;; Exceptions that are caught, kept, and thrown again.
  (func (export "exceptions") (param $n i32) (result i32)
    (local $i i32) (local $kept exnref) (local $node (ref null $node))
    (loop $again
      (block $next
        (local.set $kept
          (block $all (result exnref)
            (block $mine (result i32 (ref null $node))
              (try_table (catch $thrown $mine) (catch_all_ref $all)
                (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 5)))
                  (then (if (i32.eqz (ref.is_null (local.get $kept))) (then (throw_ref (local.get $kept))))))
                (call $throwing (local.get $i) (local.get $node)))
              (unreachable))
            (local.set $node)
            (global.set $count)
            (br $next)))
        (global.set $caught (local.get $kept)))
      (struct.set $node $next (call $make-node (local.get $i) (ref.null $node)) (local.get $node))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (global.get $count))

  ;; Calls of the host, with references of the host's and casts of them.
  (func (export "waiting") (param $n i32) (result i32)
    (local $i i32) (local $string externref) (local $any anyref)
    (loop $again
      (local.set $string (call $host (local.get $string) (local.get $i)))
      (table.set $strings (i32.and (local.get $i) (i32.const 1)) (local.get $string))
      (global.set $string (call $host (extern.convert_any (ref.i31 (local.get $i))) (i32.const 3)))
      (local.set $any (any.convert_extern (global.get $string)))
      (block $is (result (ref i31))
        (local.set $any (br_on_cast $is anyref (ref i31) (local.get $any)))
        (ref.i31 (i32.const 1)))
      (global.set $count (i32.add (i31.get_s) (global.get $count)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (drop (table.grow $strings (local.get $string) (i32.const 1)))
    (global.get $count))

  ;; Deep frames, each with references below what it calls; and calls in place.
  (func $deep (param $n i32) (param $node (ref null $node)) (param $v v128) (result (ref $node))
    (if (i32.eqz (local.get $n)) (then (return_call $make-big (i32.const 99) (local.get $node))))
    (struct.new $node
      (call $deep (i32.sub (local.get $n) (i32.const 1)) (call $make-node (local.get $n) (local.get $node))
        (i32x4.add (local.get $v) (global.get $vector)))
      (local.get $n)
      (array.new $longs (i64.const 3) (i32.const 2))))
  (func $deep-in-place (param $n i32) (param $node (ref null $node)) (result (ref $node))
    (return_call $deep (local.get $n) (local.get $node) (global.get $vector)))
  (func (export "deep") (param $n i32) (result i32)
    (local $i i32)
    (loop $again
      (global.set $root (call $deep-in-place (local.get $n) (global.get $root)))
      (global.set $root (struct.get $node $next (ref.as_non_null (global.get $root))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 4))))
    (call $sum (global.get $root)))

  ;; Memories, vectors, segments.
  (func (export "memories") (param $n i32) (result i32)
    (local $i i32) (local $v v128) (local $f f64)
    (loop $again
      (v128.store $second (i32.shl (local.get $i) (i32.const 4)) (local.get $v))
      (local.set $v (i32x4.add (v128.load $first (local.get $i)) (local.get $v)))
      (local.set $f (f64.add (local.get $f) (f64.convert_i32_s (local.get $i))))
      (memory.init $first $passive (i32.add (local.get $i) (i32.const 100)) (i32.const 2) (i32.const 8))
      (memory.copy $second $first (i32.const 2000) (i32.const 16) (i32.const 200))
      (memory.fill $first (i32.const 3000) (local.get $i) (i32.const 300))
      (if (i32.eq (local.get $i) (i32.const 5)) (then (drop (memory.grow $second (i32.const 1)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (data.drop $passive)
    (elem.drop $passive-makers)
    (global.set $vector (local.get $v))
    (drop (call_indirect $functions (type $make) (i32.const 1) (global.get $root) (i32.const 0)))
    (i32x4.extract_lane 2 (local.get $v)))

  ;; Exceptions as they were before release 3.0: what is caught lies below the operands, across loops and calls.
  (func (export "rethrown") (param $n i32) (result i32)
    (local $i i32) (local $j i32)
    (loop $again
      (try
        (do
          (try $outer
            (do (call $throwing (local.get $i) (global.get $root)))
            (catch $thrown
              (global.set $root)
              (local.set $j)
              (try
                (do (call $throwing (i32.add (local.get $i) (i32.const 1)) (global.get $root)))
                (catch_all
                  (loop $spin
                    (global.set $count (i32.add (global.get $count) (call $sum (global.get $root))))
                    (local.set $j (i32.shr_u (local.get $j) (i32.const 1)))
                    (br_if $spin (local.get $j)))
                  (rethrow $outer))))))
        (catch $other (drop) (global.set $string))
        (catch_all (global.set $root (ref.null $node))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (global.get $count)))
