/** Calls on worker threads: the same results, limits and problems as without, and a thread that nobody waits for ends. */

import { afterEach, describe, expect, test } from 'vitest';
import { Capability, GasBudget, SecurityPolicy } from '../../src/index.node.ts';
import { SandboxService, type ServiceOptions, toProblem } from '../../src/service.node.ts';
import { MATH, until, WAITS } from './guests.ts';

let service: SandboxService | undefined;
afterEach(async () => {
  await service?.close({ timeout: 1 });
  service = undefined;
});

async function serve(options: Partial<ServiceOptions> = {}): Promise<SandboxService> {
  service = await SandboxService.create({ modules: { math: MATH }, workers: { threads: 1 }, ...options });
  return service;
}

const leased = (of: SandboxService, name = 'math') => of.health().modules[name]?.leased;

/** What comes of a call, failures as clients see them, with what they cost. */
const outcome = (work: Promise<unknown>) =>
  work.then(
    (value) => ({ value }),
    (error) => ({ problem: toProblem(error), name: error.name, message: error.message, gas: error.resources?.gasUsed }),
  );

/** What is called, in one module, so that there are few threads: to start one takes a while where sources are loaded. */
const GUEST = MATH.replace(
  '(module',
  '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))',
).replace(/\)$/, '(func (export "leave") (call $exit (i32.const 3))))');

const PLUGIN = `(module
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func $f) (elem declare func $f)
  (func (export "get") (result funcref) (ref.func $f))
  (func (export "first") (result i32) (local $at i64)
    (local.set $at (call $alloc (i64.const 1)))
    (call $store (local.get $at) (call $input (i64.const 0)))
    (call $output (local.get $at) (i64.const 1))
    i32.const 0)
  (func (export "silent") (result i32) i32.const 0)
  (func (export "fails") (result i32) i32.const 1))`;

describe('the same as without', () => {
  const CALLS: Record<string, (of: SandboxService) => Promise<unknown>> = {
    values: (of) => of.call('math', 'divmod', [7, 2]),
    bigints: (of) => of.call('math', 'big', [2n ** 60n]),
    nothing: (of) => of.call('math', 'nothing'),
    json: (of) => of.callJson('math', 'big', ['-1']),
    'no such function': (of) => of.call('math', 'none'),
    'arguments that do not fit': (of) => of.callJson('math', 'add', [1, 'x']),
    'arguments of no kind': (of) => of.call('math', 'add', [Symbol('x'), 1]).catch((error) => toProblem(error).type),
    'a trap': (of) => of.call('math', 'divmod', [1, 0]),
    gas: (of) => of.call('math', 'spin'),
    'gas of a call': (of) => of.call('math', 'spin', [], { gasLimit: 100 }),
    stack: (of) => of.call('math', 'recurse'),
    memory: (of) => of.call('math', 'grow'),
    'an exit in a call': (of) => of.call('math', 'leave'),
  };

  const PROGRAM_CALLS: typeof CALLS = {
    'a program': (of) => of.run('hello', { args: ['hello', 'one'], env: { A: 'b' }, stdin: 'abc' }),
    'a program that is none': (of) => of.run('math'),
    'a plug-in that is none': (of) => of.plugin('math', 'add'),
  };

  const PLUGIN_CALLS: typeof CALLS = {
    text: (of) => of.plugin('first', 'first', 'Zoë', { as: 'text' }),
    bytes: async (of) => (await of.plugin<{ bytes(): Uint8Array }>('first', 'first', { a: 1 })).bytes(),
    'no output': (of) => of.plugin('first', 'silent'),
    'output that is no JSON': (of) => of.plugin('first', 'first', 'x', { as: 'json' }),
    'a failure': (of) => of.plugin('first', 'fails'),
    'no such function': (of) => of.plugin('first', 'none'),
  };

  const first = { source: PLUGIN, engine: 'interpreter' } as const;
  const hello = { source: 'fixtures/build/hello.wasm', engine: 'interpreter' } as const;

  test.each([
    ['native', { math: GUEST, first }, { ...CALLS, ...PLUGIN_CALLS }],
    ['interpreter', { math: GUEST, hello }, { ...CALLS, ...PROGRAM_CALLS }],
  ] as const)('on the engine %s', async (engine, modules, calls) => {
    const options = { modules, engine, limits: { gas: 1_000_000 }, warm: false };
    await using without = await SandboxService.create(options);
    const threaded = await serve(options);
    for (const [what, call] of Object.entries(calls)) {
      expect([what, await outcome(call(threaded))]).toEqual([what, await outcome(call(without))]);
    }
    for (const name of without.names) {
      const [a, b] = [threaded, without].map((each) => {
        const { calls, active, failures, gasUsed } = each.metrics().modules[name] ?? {};
        return { name, calls, active, failures, gasUsed };
      });
      expect(a).toEqual(b);
    }
  });
});

describe('what cannot go to another thread is refused', () => {
  const wait = Capability.hostFunctions('env', { wait: () => 1 });
  test.each<[string, Partial<ServiceOptions>, string]>([
    ['host functions', { capabilities: [wait] }, 'modules.math.workers: '],
    ['those of a policy', { policy: SecurityPolicy.strict().with(wait) }, 'modules.math.workers: '],
    ['those of a plug-in', { plugin: { functions: { 'extism:host/user': { f: () => 0n } } } }, 'plugin.functions'],
    ['what is no number of threads', { workers: { threads: 0 } }, 'workers.threads must be'],
    ['what is no option', { workers: { thread: 1 } as never }, 'workers has no option "thread"'],
  ])('%s', async (_, options, message) => {
    await expect(serve(options)).rejects.toThrow(message);
  });

  test('a module that has them stays on this thread where it says so', async () => {
    const waits = { source: WAITS, capabilities: [wait], workers: false };
    const of = await serve({ modules: { math: MATH, waits } });
    expect(await of.call('waits', 'run', [1])).toBe(1);
    expect(of.health().modules['math']?.size).toBe(0);
  });

  test('budgets of gas, streams, references to functions', async () => {
    const of = await serve({ modules: { math: MATH, refs: PLUGIN } });
    const budget = of.call('math', 'nothing', [], { gasBudget: new GasBudget(10) });
    await expect(budget).rejects.toThrow('cannot have a gasBudget');
    await expect(of.run('math', { stdin: () => undefined })).rejects.toThrow('stdin must be text or bytes');
    await expect(of.plugin('refs', 'first', '', { hostContext: 1 })).rejects.toThrow('cannot have a hostContext');
    await expect(of.call('refs', 'get')).rejects.toThrow('cannot leave its thread');
    expect(await of.use('refs', (sandbox) => sandbox.call('get'))).toBeDefined();
    // The thread goes on.
    expect(await of.call('refs', 'get').catch((error) => error.code)).toBe('USAGE');
  });
});

describe('while a native guest spins', () => {
  const native = { engine: 'native', limits: { time: '10m' } } as const;

  test('others are answered, until its signal is aborted; then its thread is another', async () => {
    const of = await serve({ ...native, modules: { math: MATH, other: MATH } });
    const gone = new AbortController();
    const order: string[] = [];
    const spinning = of.call('math', 'spin', [], { signal: gone.signal }).catch((error) => {
      order.push('ended');
      return error;
    });
    await until(() => leased(of) === 1);
    expect(await of.call('other', 'add', [1, 2])).toBe(3);
    order.push('answered');
    const next = of.call('math', 'add', [2, 2]);
    await until(() => of.health().modules['math']?.waiting === 1);
    gone.abort(new Error('the client went away'));
    expect(await spinning).toMatchObject({ code: 'ABORTED', message: expect.stringContaining('the client went away') });
    expect([await next, order]).toEqual([4, ['answered', 'ended']]);
    expect(of.metrics().modules['math']).toMatchObject({ calls: 2, active: 0, failures: { aborted: 1 } });
  });

  test('callers that wait for its thread leave by their signals, or are turned away', async () => {
    const of = await serve({ ...native, pool: { maxWaiting: 1 } });
    void of.call('math', 'spin').catch(() => undefined);
    await until(() => leased(of) === 1);
    const gone = new AbortController();
    const waiting = outcome(of.call('math', 'nothing', [], { signal: gone.signal }));
    await until(() => of.health().modules['math']?.waiting === 1);
    expect(await outcome(of.call('math', 'nothing'))).toMatchObject({
      problem: { status: 503 },
      name: 'PoolUnavailable',
    });
    gone.abort();
    expect(await waiting).toMatchObject({ name: 'CallAborted' });
    expect(of.metrics().modules['math']?.pool).toMatchObject({
      aborted: 1,
      refused: 1,
      leased: 1,
      waiting: 0,
      size: 1,
    });
  });

  test('closing lets calls end, and ends those that do not, with their threads', async () => {
    const of = await serve({ ...native, modules: { math: MATH, other: MATH } });
    const spinning = outcome(of.call('math', 'spin'));
    const short = outcome(of.call('other', 'add', [1, 1]));
    await until(() => leased(of) === 1);
    await of.close({ timeout: 1 });
    expect(await spinning).toMatchObject({ name: 'SandboxDisposed', problem: { status: 503 } });
    await short;
    expect(of.health()).toMatchObject({
      status: 'closing',
      modules: { math: { size: 0, leased: 0 }, other: { size: 0, leased: 0 } },
    });
    expect(await outcome(of.call('math', 'nothing'))).toMatchObject({ problem: { status: 503 } });
  });
});

test('first sandboxes are made before there is a service, where `min` says so, and a drain waits for what ends', async () => {
  const of = await serve({ pool: { min: 1 } });
  expect(of.health().modules['math']).toMatchObject({ status: 'ok', size: 1, idle: 1 });
  const calls = [1, 2, 3].map((n) => of.call('math', 'add', [n, n]));
  await until(() => of.health().modules['math']?.waiting === 2);
  await of.close();
  expect(await Promise.all(calls)).toEqual([2, 4, 6]);
});

test('a first sandbox that cannot be made', async () => {
  const stuck = { source: '(module (func unreachable) (start 0) (func (export "run")))', pool: { min: 1 } };
  await expect(serve({ modules: { stuck } })).rejects.toMatchObject({ code: 'TRAP' });
  const failures: unknown[] = [];
  const of = await serve({
    modules: { stuck },
    warm: false,
    pool: { min: 0 },
    onFailure: (each) => failures.push(each),
  });
  await expect(of.add('late', stuck.source).call('run')).rejects.toMatchObject({ code: 'TRAP' });
  expect(of.health().modules['late']).toMatchObject({ status: 'degraded', error: 'TRAP' });
  expect(failures).toMatchObject([{ module: 'late', during: 'start', error: { code: 'TRAP' } }]);
});
