/** Guests of several modules that are left, saved, forked and taken up again: wherever they stand, nothing changes. */

import { describe, expect, test } from 'vitest';
import { Capability, type SandboxOptions, SnapshotError, WasmSandbox } from '../../src/index.ts';
import { unpack } from '../../src/snapshot/container.ts';
import { randomFrom, tryContents } from '../forgery/trial.ts';
import { GUEST, LIBRARY } from '../sandbox/linked-modules.ts';

const host = (later: () => unknown = () => 41) => [
  Capability.hostFunctions('env', {
    log: { params: ['i32'], results: [], call: () => undefined },
    later: { params: [], results: ['i32'], call: later },
  }),
];

interface Case {
  readonly name: string;
  readonly options: SandboxOptions;
  readonly call: readonly [name: string, ...args: number[]];
  readonly result: unknown;
}

const CASES: readonly Case[] = [
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

async function outcome(sandbox: WasmSandbox, ending: () => Promise<unknown>) {
  const result = await ending().catch((error: { code?: string }) => error.code);
  const { gasUsed, memoryBytes, peakMemoryBytes } = sandbox.getResourceStats();
  return { result, gasUsed, memoryBytes, peakMemoryBytes };
}

describe.each(CASES)('$name', ({ options, call: [name, ...args], result }) => {
  test('left at every checkpoint, in a snapshot and in a fork', async () => {
    const undisturbed = await WasmSandbox.create(options);
    const expected = await outcome(undisturbed, () => undisturbed.call(name, args));
    expect(expected.result).toBe(result);
    const sandbox = await WasmSandbox.create(options);
    const execution = sandbox.start(name, args);
    let steps = 0;
    for (;;) {
      const state = execution.step(1n);
      if (state === 'done' || state === 'failed') break;
      if (state === 'waiting') await execution.whenReady();
      steps++;
      const restored = await WasmSandbox.restore(await sandbox.snapshot(), options);
      expect(await outcome(restored, async () => restored.execution?.run()), `restored, ${steps}`).toEqual(expected);
      const fork = await sandbox.fork();
      expect(await outcome(fork, async () => fork.execution?.run()), `forked, ${steps}`).toEqual(expected);
    }
    expect(steps).toBeGreaterThan(2);
    expect(await outcome(sandbox, () => Promise.resolve(result))).toMatchObject({ gasUsed: expected.gasUsed });
  });
});

test('a snapshot is of these modules, and no others', async () => {
  const [{ options }] = CASES as readonly [Case];
  const sandbox = await WasmSandbox.create(options);
  await sandbox.call('quadruple', [2]);
  const snapshot = await sandbox.snapshot();
  const again = await WasmSandbox.restore(snapshot, options);
  expect(await again.call('state')).toEqual([42, 99, 10, 42]);
  expect(await again.call('at', [1, 4])).toBe(8);
  await again.reset();
  expect(await again.call('state')).toEqual([42, 99, 8, 42]);
  const other = { ...options, modules: { library: LIBRARY.replace('i32.const 42', 'i32.const 43') } };
  await expect(WasmSandbox.restore(snapshot, other)).rejects.toBeInstanceOf(SnapshotError);
  const renamed = {
    ...options,
    source: GUEST.replaceAll('"library"', '"books"'),
    modules: { books: LIBRARY },
  };
  await expect(WasmSandbox.restore(snapshot, renamed)).rejects.toBeInstanceOf(SnapshotError);
});

test('spoilt snapshots are refused, or go on within types and limits', async () => {
  const limits = { memoryLimit: 2 ** 20, stackLimit: 2 ** 15, gasLimit: 1_000_000n };
  const random = randomFrom(20_261_130);
  const outcomes = new Map<string, number>();
  for (const { options, call } of CASES.slice(0, 5)) {
    const sandbox = await WasmSandbox.create({ ...options, ...limits });
    const [name, ...args] = call;
    const execution = sandbox.start(name, args);
    while (execution.step(5n) === 'paused') {
      const genuine = await unpack(await sandbox.snapshot({ compress: false }), {
        kind: 'snapshot',
        maxBytes: 2 ** 22,
      });
      for (let i = 0; i < 8; i++) {
        const contents = genuine.slice();
        // Memories lie before what is worth spoiling, and after it.
        const at = random(2) === 0 ? random(contents.length) : Math.max(0, contents.length - 1 - random(400));
        contents[at] = random(3) === 0 ? random(256) : (contents[at] as number) + random(3) - 1;
        const [outcome] = (await tryContents(contents, { ...options, ...limits })).split(',') as [string];
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
  }
  expect(outcomes.get('refused')).toBeGreaterThan(20);
  expect(outcomes.get('restored')).toBeGreaterThan(20);
});
