;; Threads that count: each adds 1 many times to one counter that a mutex guards, and writes its letter for every hundredth.
;; The main thread waits for all of them and writes the sum.
(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "memory" (memory 1 4 shared))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))

  (global $threads i32 (i32.const 4))
  (global $times i32 (i32.const 1000))
  ;; Addresses: of the mutex (0 free, 1 held, 2 held and waited for), the counter, and how many threads have ended.
  (global $mutex i32 (i32.const 64))
  (global $counter i32 (i32.const 68))
  (global $ended i32 (i32.const 72))

  (func $lock
    (local $was i32)
    (if (i32.eqz (local.tee $was (i32.atomic.rmw.cmpxchg (global.get $mutex) (i32.const 0) (i32.const 1)))) (then return))
    (loop $again
      (if (i32.or
            (i32.eq (local.get $was) (i32.const 2))
            (i32.ne (i32.atomic.rmw.cmpxchg (global.get $mutex) (i32.const 1) (i32.const 2)) (i32.const 0)))
        (then (drop (memory.atomic.wait32 (global.get $mutex) (i32.const 2) (i64.const -1)))))
      (local.set $was (i32.atomic.rmw.cmpxchg (global.get $mutex) (i32.const 0) (i32.const 2)))
      (br_if $again (local.get $was))))

  (func $unlock
    (if (i32.ne (i32.atomic.rmw.xchg (global.get $mutex) (i32.const 0)) (i32.const 1))
      (then (drop (memory.atomic.notify (global.get $mutex) (i32.const 1))))))

  ;; Writes a character, with a place of its own for each thread.
  (func $write (param $id i32) (param $char i32)
    (local $at i32)
    (local.set $at (i32.add (i32.const 1024) (i32.mul (local.get $id) (i32.const 32))))
    (i32.store8 offset=16 (local.get $at) (local.get $char))
    (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 16)))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (local.get $at) (i32.const 1) (i32.add (local.get $at) (i32.const 8)))))

  (func (export "wasi_thread_start") (param $id i32) (param $argument i32)
    (local $left i32)
    (local.set $left (global.get $times))
    (loop $again
      (call $lock)
      (i32.store (global.get $counter) (i32.add (i32.load (global.get $counter)) (i32.const 1)))
      (call $unlock)
      (if (i32.eqz (i32.rem_u (local.get $left) (i32.const 100)))
        (then (call $write (local.get $id) (i32.add (i32.const 97) (local.get $argument)))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (i32.atomic.rmw.add (global.get $ended) (i32.const 1)))
    (drop (memory.atomic.notify (global.get $ended) (i32.const 1))))

  (func $run (result i32)
    (local $i i32) (local $now i32)
    (loop $more
      (if (i32.le_s (call $spawn (local.get $i)) (i32.const 0)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (global.get $threads))))
    (loop $wait
      (local.set $now (i32.atomic.load (global.get $ended)))
      (if (i32.lt_u (local.get $now) (global.get $threads))
        (then
          (drop (memory.atomic.wait32 (global.get $ended) (local.get $now) (i64.const -1)))
          (br $wait))))
    (i32.atomic.load (global.get $counter)))

  (func (export "count") (result i32) (call $run))
  (func (export "_start")
    (call $write (i32.const 0) (i32.add (i32.const 48) (i32.div_u (call $run) (i32.mul (global.get $threads) (global.get $times)))))))
