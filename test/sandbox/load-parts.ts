/**
 * Uses a part that is loaded when it is first needed, in a process that has used none, and prints what came of it.
 * Arguments: the paths of modules by name, as JSON, and the part.
 */

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { replay, WasmSandbox } from '../../src/index.ts';

const paths = JSON.parse(process.argv[2] ?? '') as Record<string, string>;
const source = (name: string) => new Uint8Array(readFileSync(paths[name] ?? ''));

/** What a module's export makes of a number. */
async function ran(text: string, modules: Record<string, string> = {}): Promise<unknown> {
  return (await WasmSandbox.create({ source: text, engine: 'interpreter', modules })).call('run', [5]);
}

/** Counts up to a number, somewhere: goes on from a snapshot that was asked for in the middle of that, and not waited for. */
async function ranOn(text: string, modules?: Record<string, string>): Promise<unknown> {
  const options = { source: text, engine: 'interpreter', ...(modules && { modules }) } as const;
  const sandbox = await WasmSandbox.create(options);
  const execution = sandbox.start('run', [100]);
  execution.step(200);
  const snapshot = sandbox.snapshot();
  execution.step(1_000_000);
  const restored = await WasmSandbox.restore(await snapshot, options);
  return (await restored.execution?.run()) === execution.result;
}
const counting = (declared: string, get: string, set: string) => `(module ${declared}
  (func (export "run") (param $n i32) (result i32)
    (loop $more
      (${set} (i32.add (${get}) (i32.const 1)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (${get})))`;

const PARTS: Record<string, () => Promise<unknown>> = {
  vectors: async () => {
    const sandbox = await WasmSandbox.create({ source: source('simd'), engine: 'interpreter' });
    return sandbox.call('run', [1]);
  },
  objects: () =>
    ran(`(module (type $pair (struct (field i32) (field i32)))
      (func (export "run") (param i32) (result i32)
        (struct.get $pair 1 (struct.new $pair (i32.const 1) (local.get 0)))))`),
  nullable: () =>
    ran(`(module (type $same (func (param i32) (result i32))) (elem declare func $same)
      (func $same (type $same) (local.get 0))
      (func (export "run") (param i32) (result i32)
        (call_ref $same (local.get 0) (ref.as_non_null (ref.func $same)))))`),
  exceptions: () =>
    ran(`(module (tag $tag (param i32)) (func (export "run") (param i32) (result i32)
      (block $caught (result i32) (try_table (catch $tag $caught) (throw $tag (local.get 0))) (i32.const 0))))`),
  constants: () =>
    ran(`(module (type $one (struct (field i32))) (global $it (ref $one) (struct.new $one (i32.const 7)))
      (func (export "run") (param i32) (result i32) (struct.get $one 0 (global.get $it))))`),
  'a constant that no type announces': () =>
    ran(`(module (global $it externref (extern.convert_any (ref.i31 (i32.const 7))))
      (func (export "run") (param i32) (result i32)
        (i31.get_u (ref.cast (ref i31) (any.convert_extern (global.get $it))))))`),
  'tail calls': () =>
    ran(`(module (func $same (param i32) (result i32) (local.get 0))
      (func (export "run") (param i32) (result i32) (return_call $same (local.get 0))))`),
  'types of two modules': () => {
    const types = '(rec (type $same (func (param i32) (result i32))) (type (func (param (ref $same)))))';
    return ran(`(module ${types} (import "other" "same" (func $same (type $same))) (export "run" (func $same)))`, {
      other: `(module ${types} (func (export "same") (type $same) (local.get 0)))`,
    });
  },
  atomics: () =>
    ran(`(module (memory 1 1 shared) (func (export "run") (param i32) (result i32)
      (i32.add (i32.atomic.rmw.add (i32.const 0) (local.get 0)) (i32.atomic.load (i32.const 0)))))`),
  waits: () =>
    ran(`(module (memory 1 1 shared) (func (export "run") (param i32) (result i32)
      (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1))))`),
  threads: () =>
    ran(`(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "env" "memory" (memory 1 1 shared))
      (func (export "wasi_thread_start") (param i32 i32)
        (i32.atomic.store (i32.const 0) (local.get 1))
        (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
      (func (export "run") (param i32) (result i32)
        (drop (call $spawn (local.get 0)))
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
        (i32.atomic.load (i32.const 0))))`),
  native: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fib'), engine: 'native' });
    return sandbox.call('run', [10]);
  },
  auto: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fib'), engine: 'auto' });
    return sandbox.getResourceStats().engine;
  },
  wasi: async () => {
    const sandbox = await WasmSandbox.create({ source: source('primes'), args: ['primes', '10'] });
    return (await sandbox.run()).exitCode;
  },
  network: async () => {
    const sandbox = await WasmSandbox.create({ source: source('fetch'), args: ['fetch', 'GET', 'http://localhost/'] });
    return (await sandbox.run()).exitCode;
  },
  recording: async () => {
    const sandbox = await WasmSandbox.create({ source: source('simd'), record: true });
    await sandbox.call('run', [1]);
    return (await replay(await sandbox.recording())).same;
  },
  snapshot: async () => {
    const options = { source: source('simd'), engine: 'interpreter' } as const;
    const bytes = await (await WasmSandbox.create(options)).snapshot();
    return (await WasmSandbox.restore(bytes, options)).call('run', [1]);
  },
  fork: async () =>
    (await (await WasmSandbox.create({ source: source('fib'), engine: 'interpreter' })).fork()).call('run', [10]),
  'a global in a snapshot': () =>
    ranOn(counting('(global $it (mut i32) (i32.const 0))', 'global.get $it', 'global.set $it')),
  'an object in a snapshot': () =>
    ranOn(
      counting(
        '(type $box (struct (field (mut i32)))) (global $it (ref $box) (struct.new $box (i32.const 0)))',
        'struct.get $box 0 (global.get $it)',
        'struct.set $box 0 (global.get $it)',
      ),
    ),
  'two modules in a snapshot': () =>
    ranOn(counting('(import "other" "it" (global $it (mut i32)))', 'global.get $it', 'global.set $it'), {
      other: '(module (global (export "it") (mut i32) (i32.const 0)))',
    }),
  'threads in a snapshot': () =>
    ranOn(
      counting(
        `(import "wasi" "thread-spawn" (func $spawn (param i32) (result i32))) (memory 1 1 shared)
          (func (export "wasi_thread_start") (param i32 i32))`,
        'i32.load (i32.const 0)',
        'i32.store (i32.const 0)',
      ),
    ),
};

process.stdout.write(String(await PARTS[process.argv[3] ?? '']?.()));
