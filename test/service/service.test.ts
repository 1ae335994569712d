/** A service by itself: calls, failures as problems, pools, shutdown, figures. */

import { describe, expect, test, vi } from 'vitest';
import { Capability, GasBudget, PoolUnavailable, SecurityPolicy, WasmSandbox } from '../../src/index.node.ts';
import { RequestError, type SandboxService, toProblem } from '../../src/service.node.ts';
import { gate, MATH, serve, until, WAITS } from './guests.ts';

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const problemOf = async (work: Promise<unknown>) => toProblem(await failureOf(work));
const kindOf = async (work: Promise<unknown>) => {
  const { type, status } = await problemOf(work);
  return [status, type.replace('urn:problem-type:wasm-sandbox:', '')];
};

describe('calls', () => {
  test('by values, by JSON, and with a sandbox', async () => {
    await using service = await serve();
    expect(await service.call('math', 'add', [2, 3])).toBe(5);
    expect(await service.call('math', 'big', [2n ** 60n])).toBe(2n ** 60n);
    expect(await service.use('math', (sandbox) => sandbox.call('add', [1, 1]))).toBe(2);
    expect(await service.module('math').call('add', [4, 4])).toBe(8);
  });

  test('of a program', async () => {
    await using service = await serve({ modules: { hello: 'fixtures/build/hello.wasm' }, env: { A: 'all' } });
    const { exitCode, stdout } = await service.run('hello', { args: ['hello', 'one'], stdin: 'abc' });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('3 bytes of input')]);
    expect(stdout).toContain('A=all');
    expect((await service.run('hello', { env: { B: 'own' } })).stdout).toContain('B=own');
  });

  test('of a plug-in, known by what it imports', async () => {
    const functions = { 'extism:host/user': { shout: () => 0n } };
    await using service = await serve({
      modules: { greeter: 'fixtures/build/plugin.wasm', math: MATH },
      plugin: { functions, config: { greeting: 'Servus' } },
    });
    expect(await service.plugin('greeter', 'greet', 'Zoë', { as: 'text' })).toBe('Servus, Zoë');
    const counts = [1, 2].map(() => service.plugin('greeter', 'count', '', { as: 'text' }));
    expect(await Promise.all(counts)).toEqual(['1', '1']);
    expect(await kindOf(service.plugin('greeter', 'none'))).toEqual([404, 'unknown-function']);
  });

  test.each(['native', 'auto'] as const)('on the engine %s, whatever is said of yielding', async (engine) => {
    const modules = { math: { source: MATH, engine } };
    await using service = await serve({ modules, yieldEvery: '5ms' });
    expect(await service.callJson('math', 'divmod', [7, 2])).toEqual([3, '1']);
    expect(await kindOf(service.call('math', 'add', ['x', 1]))).toEqual([400, 'invalid-arguments']);
    expect(await kindOf(service.call('math', 'spin', [], { timeout: 5 }))).toEqual([422, 'time-limit']);
    expect(await kindOf(service.call('math', 'divmod', [1, 0]))).toEqual([422, 'trap']);
  });

  test('touch no signal of the request that loaded the module, which workers refuse', async () => {
    await using service = await serve({ warm: false });
    await service.call('math', 'add', [1, 2]);
    const looked = vi.spyOn(AbortSignal.prototype, 'aborted', 'get');
    try {
      await service.call('math', 'add', [1, 2]);
      service.health();
      expect(looked).not.toHaveBeenCalled();
    } finally {
      looked.mockRestore();
    }
  });

  test('a fresh sandbox each time', async () => {
    const CELL = `(module (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) global.get $n))`;
    await using service = await serve({ modules: { cell: CELL }, pool: { max: 1 } });
    for (let i = 0; i < 3; i++) expect(await service.call('cell', 'next')).toBe(1);
  });

  test('beside the pool, and from a snapshot', async () => {
    await using service = await serve({ limits: { gas: 10_000 } });
    const built = await service.build('math', { gasLimit: 5_000 });
    expect(built.getResourceStats().gasLimit).toBe(5_000n);
    await built.call('add', [1, 2]);
    const restored = await service.restore('math', await built.snapshot());
    expect(restored.getResourceStats()).toMatchObject({
      gasLimit: 10_000n,
      gasUsed: built.getResourceStats().gasUsed,
    });
    built.dispose();
    restored.dispose();
    expect(service.health().modules['math']?.size).toBe(0);
  });
});

describe('JSON', () => {
  test.each([
    ['add', [2, 4_294_967_295], 1],
    ['big', ['9223372036854775807'], '9223372036854775807'],
    ['big', [7], '7'],
    ['big', ['18446744073709551615'], '-1'],
    ['half', [1], 0.5],
    ['half', ['Infinity'], 'Infinity'],
    ['half', ['NaN'], 'NaN'],
    ['divmod', [7, 2], [3, '1']],
    ['nothing', [], null],
  ])('%s %j', async (name, args, result) => {
    await using service = await serve();
    const answer = await service.callJson('math', name, args);
    expect(answer).toEqual(result);
    expect(JSON.parse(JSON.stringify(answer))).toEqual(result);
  });

  test('refuses what is long, and does not say it again', async () => {
    await using service = await serve();
    const problem = await problemOf(service.callJson('math', 'big', ['9'.repeat(1_000_000)]));
    expect(problem.status).toBe(400);
    expect(JSON.stringify(problem).length).toBeLessThan(400);
  });

  test.each([
    ['add', [1]],
    ['add', [1, 2, 3]],
    ['add', [1, '2']],
    ['add', [1, 1.5]],
    ['add', [1, 2 ** 32]],
    ['add', [1, null]],
    ['add', { 0: 1, 1: 2, length: 2 }],
    ['add', 'ab'],
    ['big', [2 ** 60]],
    ['big', ['1e3']],
    ['big', ['99999999999999999999']],
    ['half', ['1']],
    ['half', [[1]]],
  ])('refuses %s %j', async (name, args) => {
    await using service = await serve();
    const problem = await problemOf(service.callJson('math', name, args));
    expect(problem).toMatchObject({ status: 400, type: 'urn:problem-type:wasm-sandbox:invalid-arguments' });
    expect(problem.detail?.length).toBeLessThan(200);
    expect(service.metrics().modules['math']).toMatchObject({ failures: { 'invalid-arguments': 1 }, gasUsed: 0 });
  });
});

describe('what failures are to a client', () => {
  test.each([
    ['no such module', (s: SandboxService) => s.call('nath', 'add'), 404, 'unknown-module'],
    ['one that objects inherit', (s: SandboxService) => s.call('constructor', 'add'), 404, 'unknown-module'],
    ['no such function', (s: SandboxService) => s.call('math', 'ad'), 404, 'unknown-function'],
    ['an export that is none', (s: SandboxService) => s.call('math', 'memory'), 404, 'unknown-function'],
    ['a function for no JSON', (s: SandboxService) => s.callJson('math', 'opaque', [1]), 404, 'unknown-function'],
    ['wrong arguments', (s: SandboxService) => s.call('math', 'add', [1, 'x']), 400, 'invalid-arguments'],
    ['too few', (s: SandboxService) => s.call('math', 'add', [1]), 400, 'invalid-arguments'],
    ['a NUL for a program', (s: SandboxService) => s.run('math', { args: ['\0'] }), 400, 'invalid-arguments'],
    ['input of no kind', (s: SandboxService) => s.run('math', { stdin: 7 as never }), 400, 'invalid-arguments'],
    ['arguments that are none', (s: SandboxService) => s.call('math', 'add', null as never), 400, 'invalid-arguments'],
    ['a trap', (s: SandboxService) => s.call('math', 'divmod', [1, 0]), 422, 'trap'],
    ['a guest that loops', (s: SandboxService) => s.call('math', 'spin', [], { timeout: 5 }), 422, 'time-limit'],
    ['gas of the call', (s: SandboxService) => s.call('math', 'spin', [], { gasLimit: 1_000 }), 422, 'gas-exhausted'],
    [
      'a budget',
      (s: SandboxService) => s.call('math', 'spin', [], { gasBudget: new GasBudget(1_000n) }),
      429,
      'budget-exhausted',
    ],
    ['memory', (s: SandboxService) => s.call('math', 'grow'), 422, 'memory-limit'],
    ['stack', (s: SandboxService) => s.call('math', 'recurse'), 422, 'stack-limit'],
    ['no program', (s: SandboxService) => s.run('math'), 500, 'internal'],
    ['no plug-in', (s: SandboxService) => s.plugin('math', 'add'), 500, 'internal'],
    ['wrong options', (s: SandboxService) => s.call('math', 'add', [1, 2], { timeout: -1 }), 500, 'internal'],
    [
      'a handler that throws',
      (s: SandboxService) => s.use('math', () => Promise.reject(new Error('secret'))),
      500,
      'internal',
    ],
  ] as const)('%s', async (_, work, status, kind) => {
    await using service = await serve();
    expect(await kindOf(work(service))).toEqual([status, kind]);
    // Whatever it was, the next one finds nothing of it.
    expect(await service.call('math', 'add', [1, 1])).toBe(2);
    const { leased, waiting } = service.health().modules['math'] ?? {};
    expect([leased, waiting]).toEqual([0, 0]);
  });

  test('neither names nor messages of what is inside', async () => {
    const capabilities = [
      Capability.hostFunctions('env', { wait: () => Promise.reject(new Error('secret of the host')) }),
    ];
    await using service = await serve({ modules: { math: MATH, waits: WAITS }, capabilities });
    const works = [
      () => service.call('nath', 'add'),
      () => service.call('math', 'ad'),
      () => service.callJson('math', 'memory', [1]),
      () => service.call('math', 'divmod', [1, 0]),
      () => service.call('waits', 'run', [1]),
      () => service.use('math', (sandbox) => sandbox.call('ad')),
    ];
    for (const work of works) {
      expect(JSON.stringify(await problemOf(work()))).not.toMatch(/secret|divmod|half|waits|fixtures/);
    }
    expect(await kindOf(service.call('waits', 'run', [1]))).toEqual([500, 'internal']);
  });

  test('a library error that a host function throws is the host’s, whatever its class', async () => {
    const wait = () => {
      throw new RequestError('unknown-module', 'not for this request');
    };
    await using service = await serve({
      modules: { waits: WAITS },
      capabilities: [Capability.hostFunctions('env', { wait })],
    });
    expect(await kindOf(service.call('waits', 'run', [1]))).toEqual([500, 'internal']);
  });

  test('anything that is thrown', () => {
    for (const thrown of [undefined, null, 'text', {}, new Error('x'), { code: 'TRAP', status: 404 }]) {
      expect(toProblem(thrown)).toEqual({
        type: 'urn:problem-type:wasm-sandbox:internal',
        title: 'The server failed',
        status: 500,
      });
    }
  });
});

describe('pools', () => {
  test('a full one is 503, at once and after waiting', async () => {
    const { open, opened } = gate();
    await using service = await serve({ pool: { max: 1, maxWaiting: 0 } });
    const holding = service.use('math', () => opened);
    await until(() => service.health().modules['math']?.leased === 1);
    expect(await problemOf(service.call('math', 'add', [1, 2]))).toEqual({
      type: 'urn:problem-type:wasm-sandbox:unavailable',
      title: 'No sandbox is free',
      status: 503,
      retryAfter: 1,
    });
    open();
    await holding;
    expect(await service.call('math', 'add', [1, 2])).toBe(3);
  });

  test('a signal ends waiting, a call, a program’s wait and a lease', async () => {
    const capabilities = [Capability.hostFunctions('env', { wait: () => new Promise<number>(() => undefined) })];
    await using service = await serve({ modules: { math: MATH, waits: WAITS }, capabilities, pool: { max: 1 } });
    const works = [
      (signal: AbortSignal) => service.call('math', 'spin', [], { signal }),
      (signal: AbortSignal) => service.withSignal(signal).callJson('math', 'spin'),
      (signal: AbortSignal) => service.withSignal(signal).call('waits', 'run', [1]),
      (signal: AbortSignal) => service.use('math', (sandbox) => sandbox.call('spin'), { signal }),
    ];
    for (const [index, work] of works.entries()) {
      const gone = new AbortController();
      const ended = kindOf(work(gone.signal));
      await until(() => Object.values(service.health().modules).some(({ leased }) => leased === 1));
      gone.abort();
      expect(await ended, `number ${index}`).toEqual([503, 'aborted']);
      await until(() => Object.values(service.health().modules).every(({ leased }) => leased === 0));
    }
    // The function that never ends keeps its promise to itself; the sandbox it has not.
    const gone = new AbortController();
    const lent = gate();
    const never = () => {
      lent.open();
      return new Promise(() => undefined);
    };
    void service.use('waits', never, gone);
    await lent.opened;
    expect(service.health().modules['waits']?.leased).toBe(1);
    gone.abort();
    await until(() => service.health().modules['waits']?.leased === 0);

    const { open, opened } = gate();
    const holding = service.use('math', () => opened);
    await until(() => service.health().modules['math']?.leased === 1);
    const queued = new AbortController();
    const waiting = kindOf(service.call('math', 'add', [1, 2], { signal: queued.signal }));
    await until(() => service.health().modules['math']?.waiting === 1);
    queued.abort();
    expect(await waiting).toEqual([503, 'aborted']);
    open();
    await holding;
    expect(await kindOf(service.call('math', 'add', [1, 2], { signal: AbortSignal.abort() }))).toEqual([
      503,
      'aborted',
    ]);
  });

  test('many guests that spin let the event loop go round', async () => {
    await using service = await serve();
    const gone = new AbortController();
    const spinning = Array.from({ length: 8 }, () => kindOf(service.call('math', 'spin', [], { signal: gone.signal })));
    let ended = 0;
    for (const each of spinning) void each.then(() => ended++);
    await until(() => service.health().modules['math']?.leased === 8);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(ended).toBe(0);
    gone.abort();
    expect(await Promise.all(spinning)).toEqual(Array(8).fill([503, 'aborted']));
  });
});

describe('the end', () => {
  test('what is under way ends, what waits is served, nobody new is let in', async () => {
    const { open, opened } = gate<number>();
    const service = await serve({ pool: { max: 1 } });
    const running = service.use('math', () => opened);
    const waiting = service.call('math', 'add', [1, 2]);
    await until(() => service.health().modules['math']?.waiting === 1);
    const closing = service.close();
    expect(service.health().status).toBe('closing');
    expect(await kindOf(service.call('math', 'add', [1, 2]))).toEqual([503, 'unavailable']);
    expect(await kindOf(service.build('math'))).toEqual([503, 'unavailable']);
    open(7);
    expect(await running).toBe(7);
    expect(await waiting).toBe(3);
    await closing;
    await service.close();
    expect(service.health()).toMatchObject({ status: 'closing', modules: { math: { size: 0, leased: 0 } } });
    expect(() => service.add('more', MATH)).toThrow(PoolUnavailable);
  });

  test('a guest that never ends is ended after the time-out', async () => {
    const service = await serve();
    const spinning = kindOf(service.call('math', 'spin'));
    await until(() => service.health().modules['math']?.leased === 1);
    await service.close({ timeout: 1 });
    expect(await spinning).toEqual([503, 'aborted']);
  });

  test('while a module is being loaded', async () => {
    const service = await serve();
    const { open, opened } = gate();
    service.add('never', new ReadableStream<Uint8Array>({ pull: () => open() }));
    const calling = kindOf(service.call('never', 'x'));
    await opened;
    await service.close();
    expect(await calling).toEqual([503, 'aborted']);
  });

  test('creation that is aborted, or fails, leaves nothing', async () => {
    await expect(serve({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    const gone = new AbortController();
    const never = new ReadableStream<Uint8Array>({ pull: () => gone.abort() });
    await expect(serve({ modules: { never }, signal: gone.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(serve({ modules: { math: MATH, none: new Uint8Array(8) } })).rejects.toMatchObject({
      code: 'COMPILE',
    });
  });
});

describe('figures', () => {
  test('are plain numbers, and add up', async () => {
    await using service = await serve({ pool: { min: 1 } });
    const sandbox = await WasmSandbox.create({ source: MATH });
    const { gasUsed: before } = sandbox.getResourceStats();
    for (let i = 0; i < 3; i++) await sandbox.call('add', [1, 2]);
    await failureOf(sandbox.call('divmod', [1, 0]));
    const gasUsed = Number(sandbox.getResourceStats().gasUsed - before);
    for (let i = 0; i < 3; i++) await service.call('math', 'add', [1, 2]);
    await failureOf(service.call('math', 'divmod', [1, 0]));
    await failureOf(service.call('math', 'x'));
    const metrics = service.metrics();
    expect(metrics.modules['math']).toMatchObject({
      calls: 5,
      active: 0,
      gasUsed,
      failures: { trap: 1, 'unknown-function': 1 },
      pool: { acquired: 5, released: 5, leaked: 0 },
    });
    expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
    expect(JSON.parse(JSON.stringify(service.health()))).toEqual(service.health());
    const numbers = JSON.stringify(metrics).match(/":[^{]/g) ?? [];
    expect(numbers.every((each) => /[\d-]$/.test(each))).toBe(true);
  });

  test('health tells what is warm, idle and degraded', async () => {
    await using service = await serve({
      modules: { math: MATH, broken: new Uint8Array(8) },
      warm: false,
      pool: { min: 2 },
    });
    expect(service.health().modules['math']).toEqual({ status: 'idle', size: 0, idle: 0, leased: 0, waiting: 0 });
    await service.call('math', 'add', [1, 2]);
    expect(service.health()).toMatchObject({ status: 'ok', modules: { math: { status: 'ok', size: 2 } } });
    expect(await kindOf(service.call('broken', 'x'))).toEqual([500, 'internal']);
    expect(service.health()).toMatchObject({
      status: 'degraded',
      modules: { broken: { status: 'degraded', error: 'COMPILE' } },
    });
  });

  test('a policy of its own for a module', async () => {
    await using service = await serve({
      modules: { math: MATH, small: { source: MATH, limits: { memory: 0 } } },
      policy: { base: 'strict', limits: { gas: 5_000 } },
      warm: false,
    });
    expect(await kindOf(service.call('math', 'spin'))).toEqual([422, 'gas-exhausted']);
    expect(await kindOf(service.call('small', 'add', [1, 1]))).toEqual([422, 'memory-limit']);
    expect(SecurityPolicy.strict().limits.gas).toBeUndefined();
  });
});
