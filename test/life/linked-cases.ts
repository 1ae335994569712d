/** Guests of several modules, and a call of each that goes through all of them. */

import { Capability, type SandboxOptions } from '../../src/index.ts';
import { GUEST, LIBRARY } from '../sandbox/linked-modules.ts';

const host = (later: () => unknown = () => 41) => [
  Capability.hostFunctions('env', {
    log: { params: ['i32'], results: [], call: () => undefined },
    later: { params: [], results: ['i32'], call: later },
  }),
];

export interface LinkedCase {
  readonly name: string;
  readonly options: SandboxOptions;
  readonly call: readonly [name: string, ...args: number[]];
  readonly result: unknown;
}

export const CASES: readonly LinkedCase[] = [
  {
    name: 'functions, tables and globals of two modules',
    options: { source: GUEST, modules: { library: LIBRARY }, capabilities: host() },
    call: ['down', 6],
    result: 5,
  },
  {
    name: 'functions that are imported before they are there',
    options: { source: GUEST, modules: { library: LIBRARY }, capabilities: host() },
    call: ['quadruple', 5],
    result: 20,
  },
  {
    name: 'objects of types of two modules',
    options: {
      source: `(module
        (rec (type $list (sub (struct (field i32) (field (ref null $list))))))
        (import "lists" "push" (func $push (param i32)))
        (import "lists" "head" (global $head (mut (ref null $list))))
        (func (export "run") (param $n i32) (result i32) (local $at (ref null $list)) (local $sum i32)
          (loop $fill (call $push (local.get $n))
            (br_if $fill (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (global.set $head (struct.new $list (i32.const 1000) (global.get $head)))
          (local.set $at (global.get $head))
          (loop $add
            (if (ref.is_null (local.get $at)) (then (return (local.get $sum))))
            (local.set $sum (i32.add (local.get $sum) (struct.get $list 0 (local.get $at))))
            (local.set $at (struct.get $list 1 (local.get $at)))
            (br $add))
          unreachable))`,
      modules: {
        lists: `(module
          (type $first (func))
          (rec (type $list (sub (struct (field i32) (field (ref null $list))))))
          (global $head (export "head") (mut (ref null $list)) (ref.null $list))
          (func (export "push") (param i32)
            (global.set $head (struct.new $list (local.get 0) (global.get $head)))))`,
      },
    },
    call: ['run', 5],
    result: 1015,
  },
  {
    name: 'exceptions that pass from one module to the other',
    options: {
      source: `(module
        (import "thrower" "throw" (func $throw (param i32)))
        (import "tags" "oops" (tag $oops (param i32)))
        (func (export "run") (param i32) (result i32)
          (block $caught (result i32)
            (try_table (catch $oops $caught) (call $throw (local.get 0)))
            (i32.const -1))))`,
      modules: {
        thrower: `(module
          (import "tags" "oops" (tag $oops (param i32)))
          (func (export "throw") (param i32)
            (loop $wait (br_if $wait (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (throw $oops (i32.const 77))))`,
        tags: '(module (tag (export "oops") (param i32)))',
      },
    },
    call: ['run', 4],
    result: 77,
  },
  {
    name: 'tail calls into another module, and back',
    options: {
      source: `(module
        (import "other" "odd" (func $odd (param i32) (result i32)))
        (func $even (export "even") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
          (return_call $odd (i32.sub (local.get 0) (i32.const 1)))))`,
      modules: {
        other: `(module
          (import "main" "even" (func $even (param i32) (result i32)))
          (func (export "odd") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (return_call $even (i32.sub (local.get 0) (i32.const 1)))))`,
      },
    },
    call: ['even', 6],
    result: 1,
  },
  {
    name: 'a host function that is waited for in another module',
    options: {
      source: `(module (import "a" "wait" (func $wait (result i32)))
        (func (export "run") (result i32) (i32.add (call $wait) (call $wait))))`,
      modules: {
        a: `(module (import "env" "later" (func $later (result i32)))
          (func (export "wait") (result i32) (i32.add (call $later) (i32.const 1))))`,
      },
      capabilities: host(async () => 41),
    },
    call: ['run'],
    result: 84,
  },
];
