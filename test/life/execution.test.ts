import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CallAborted,
  type CallOptions,
  Capability,
  CpuTimeoutExceeded,
  type Execution,
  GasExhausted,
  HostError,
  type SandboxOptions,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { assemble, CALLS_HOST, COUNTER, I32, SPIN } from '../sandbox/modules.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const FIB = loadFixture('fib');

function withHost(
  module: Uint8Array,
  host: (value: number) => unknown,
  options: Partial<SandboxOptions> = {},
): Promise<WasmSandbox> {
  return WasmSandbox.fromBytes(module, { capabilities: [Capability.hostFunctions('env', { host })], ...options });
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle! };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('an execution', () => {
  it('goes from ready over paused to done, with the result and gas of a plain call', async () => {
    const plain = await WasmSandbox.fromBytes(FIB);
    const before = plain.getResourceStats().gasUsed;
    const expected = await plain.call('run', [10]);
    const total = plain.getResourceStats().gasUsed - before;

    const sandbox = await WasmSandbox.fromBytes(FIB);
    const execution = sandbox.start<number>('run', [10]);
    expect(execution.state).toBe('ready');
    expect(() => execution.result).toThrow(/has not ended: it is ready/);
    expect(sandbox.getResourceStats().functionCalls).toBe(0);
    const marks: bigint[] = [];
    while (execution.step(100) !== 'done') {
      expect(execution.state).toBe('paused');
      marks.push(execution.gasUsed);
    }
    expect(execution.result).toBe(expected);
    expect(execution.gasUsed).toBe(total);
    expect(marks.length).toBeGreaterThan(3);
    expect(marks[0]).toBeGreaterThan(100n);
    expect(sandbox.getResourceStats()).toMatchObject({ gasUsed: before + total, functionCalls: 1 });
    expect(execution.step(1)).toBe('done');
  });

  it('fails as a plain call does', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const execution = sandbox.start('fail');
    expect(execution.error).toBeUndefined();
    expect(execution.step(1_000n)).toBe('failed');
    expect(execution.error).toBeInstanceOf(Trap);
    expect(() => execution.result).toThrow(Trap);
    await expect(execution.run()).rejects.toBe(execution.error);
    expect((execution.error as Trap).resources?.gasUsed).toBe(sandbox.getResourceStats().gasUsed);
  });

  it('is exhausted at the same count however it is stepped', async () => {
    const counts = await Promise.all(
      [1, 777, 1_000_000].map(async (gas) => {
        const sandbox = await WasmSandbox.fromBytes(SPIN, { gasLimit: 20_000 });
        const execution = sandbox.start('spin');
        while (execution.step(gas) === 'paused');
        expect(execution.error).toBeInstanceOf(GasExhausted);
        return sandbox.getResourceStats().gasUsed;
      }),
    );
    expect(new Set(counts).size).toBe(1);
  });

  it('steps and runs in turn, waits and goes on', async () => {
    const { promise, resolve } = deferred<number>();
    const sandbox = await withHost(CALLS_HOST, () => promise);
    const execution = sandbox.start<number>('call', [1]);
    expect(execution.step(0)).toBe('waiting');
    expect(execution.step(1_000)).toBe('waiting');
    const running = execution.run();
    expect(execution.state).toBe('waiting');
    expect(() => execution.step(1)).toThrow(UsageError);
    expect(() => execution.run()).toThrow(/is running/);
    expect(await execution.pause()).toBe('waiting');
    resolve(5);
    await turn();
    expect(execution.state).toBe('paused');
    expect(execution.step(1_000)).toBe('done');
    expect(await running).toBe(5);
    expect(await execution.run()).toBe(5);
  });

  it('can be paused while it lets the event loop go round', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { yieldEvery: 1 });
    const controller = new AbortController();
    const execution = sandbox.start('spin', [], { signal: controller.signal });
    const running = execution.run();
    expect(execution.state).toBe('running');
    await turn();
    expect(await execution.pause()).toBe('paused');
    const { gasUsed } = execution;
    await turn();
    expect(execution.gasUsed).toBe(gasUsed);
    expect(execution.step(100)).toBe('paused');
    expect(execution.gasUsed).toBe(gasUsed + 101n);
    controller.abort();
    await expect(running).rejects.toBeInstanceOf(CallAborted);
  });

  it('can be paused by a host function of its own', async () => {
    let execution: Execution<number> | undefined;
    let stopped: Promise<string> | undefined;
    // Calls the host, then loops a hundred times.
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [
        {
          name: 'call',
          type: [[I32], [I32]],
          code: [
            ...[0x20, 0, 0x10, 0, 0x21, 0],
            ...[0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 0],
          ],
        },
      ],
    });
    const sandbox = await withHost(module, () => {
      stopped = execution?.pause();
      expect(() => execution?.step(1)).toThrow(/is running/);
      return 100;
    });
    execution = sandbox.start<number>('call', [1]);
    const running = execution.run();
    expect(await stopped).toBe('paused');
    expect(execution.state).toBe('paused');
    expect(execution.step(1_000_000)).toBe('done');
    expect(await running).toBe(0);
  });

  it('of a program has the exit status as its result', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('hello'), { env: { EXIT_STATUS: '7' }, args: ['hello'] });
    const execution = sandbox.start<number>('_start');
    while (execution.step(10_000) === 'paused');
    expect(execution.result).toBe(7);
    expect(sandbox.output().stdout).toContain('EXIT_STATUS=7');
    expect(() => sandbox.start('_start')).toThrow(/the program has run/);
  });

  it('of a host function that is exported again', async () => {
    const { promise, resolve } = deferred<number>();
    const again = Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
      ...[2, 12, 1, 3, 0x65, 0x6e, 0x76, 4, 0x68, 0x6f, 0x73, 0x74, 0, 0, 7, 5, 1, 1, 0x66, 0, 0],
    ]);
    const sandbox = await withHost(again, () => promise);
    const execution = sandbox.start('f', [3]);
    expect(execution.step(1)).toBe('waiting');
    resolve(9);
    expect(await execution.run()).toBe(9);
  });

  it('is refused where the engine cannot leave a guest', async () => {
    const sandbox = await WasmSandbox.fromBytes(FIB, { engine: 'native' });
    expect(() => sandbox.start('run', [1])).toThrow(/start\(\) needs the interpreter/);
    await expect(sandbox.call('run', [1], { yieldEvery: 5 })).rejects.toThrow(/yieldEvery needs the interpreter/);
    expect(await sandbox.call('run', [10])).toBe(55);
  });
});

describe('while a call is left', () => {
  it('no other may enter', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const execution = sandbox.start('count');
    execution.step(0);
    expect(execution.state).toBe('paused');
    await expect(sandbox.call('count')).rejects.toThrow(/a call of the instance is paused/);
    const other = sandbox.start('count');
    expect(other.step(1)).toBe('failed');
    expect(other.error).toBeInstanceOf(UsageError);
    expect(await execution.run()).toBe(1);
    expect(await sandbox.call('count')).toBe(2);
  });

  it('nor may a host function step what calls it, and what it begins runs to its end', async () => {
    const sandbox: WasmSandbox = await withHost(CALLS_HOST, (value) => {
      if (value === 0) return 7;
      const inner = sandbox.start<number>('call', [0]);
      expect(inner.step(0)).toBe('done');
      return inner.result + value;
    });
    const outer = sandbox.start('call', [5]);
    while (outer.step(1) === 'paused');
    expect(outer.result).toBe(12);
  });
});

describe('yielding', () => {
  it('lets others run, and changes neither result nor gas', async () => {
    const bytes = loadFixture('spin-work');
    const run = async (options: CallOptions) => {
      const sandbox = await WasmSandbox.fromBytes(bytes, { gasLimit: 30_000_000 });
      let turns = 0;
      let isOver = false;
      const counting = (async () => {
        for (; !isOver; turns++) await turn();
      })();
      const error = await sandbox.call('run', [], options).catch((failure: unknown) => failure);
      isOver = true;
      await counting;
      return { error, turns, gas: sandbox.getResourceStats().gasUsed };
    };
    const plain = await run({});
    const yielding = await run({ yieldEvery: 1 });
    expect(yielding.error).toBeInstanceOf(GasExhausted);
    expect(yielding.gas).toBe(plain.gas);
    expect(plain.turns).toBeLessThan(3);
    expect(yielding.turns).toBeGreaterThan(10);
  });

  it('lets the time limit end it', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { yieldEvery: 2 });
    await expect(sandbox.call('spin', [], { timeout: 20 })).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    await expect(sandbox.call('nop')).resolves.toBeUndefined();
  });
});

describe('a signal', () => {
  it('that is aborted before keeps the guest from running', async () => {
    for (const engine of ['interpreter', 'native'] as const) {
      const sandbox = await WasmSandbox.fromBytes(COUNTER, { engine });
      const call = sandbox.call('count', [], { signal: AbortSignal.abort() });
      await expect(call).rejects.toBeInstanceOf(CallAborted);
      expect(await sandbox.call('count')).toBe(1);
    }
  });

  it('ends a guest that waits, and what the host function gives later is ignored', async () => {
    const pending: ReturnType<typeof deferred<number>>[] = [];
    const sandbox = await withHost(CALLS_HOST, () => {
      const next = deferred<number>();
      pending.push(next);
      return next.promise;
    });
    const controller = new AbortController();
    const call = sandbox.call('call', [1], { signal: controller.signal });
    const reason = new Error('the visitor has left');
    controller.abort(reason);
    await expect(call).rejects.toMatchObject({
      code: 'ABORTED',
      cause: reason,
      message: 'Call aborted: the call of "call" was ended by its caller: the visitor has left',
      resources: { gasUsed: sandbox.getResourceStats().gasUsed },
    });
    const second = sandbox.call('call', [2]);
    pending[0]!.resolve(111);
    await turn();
    pending[1]!.resolve(222);
    expect(await second).toBe(222);
  });

  it('ends a guest that yields', async () => {
    const sandbox = await WasmSandbox.fromBytes(SPIN, { yieldEvery: 1 });
    const controller = new AbortController();
    const call = sandbox.call('spin', [], { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(call).rejects.toBeInstanceOf(CallAborted);
    await expect(sandbox.call('nop')).resolves.toBeUndefined();
  });

  it('aborted by a host function ends the guest at its next checkpoint', async () => {
    const controller = new AbortController();
    const module = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [{ name: 'spin', type: [[], []], code: [0x03, 0x40, 0x41, 1, 0x10, 0, 0x1a, 0x0c, 0, 0x0b] }],
    });
    let calls = 0;
    const sandbox = await withHost(module, () => {
      if (++calls === 10) controller.abort();
      return 0;
    });
    await expect(sandbox.call('spin', [], { signal: controller.signal })).rejects.toBeInstanceOf(CallAborted);
    expect(calls).toBe(10);
  });

  it('ends an execution that is paused, and is forgotten when one has ended', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    const ended = sandbox.start('count', [], { signal: controller.signal });
    await ended.run();
    expect(removed).toHaveBeenCalledTimes(1);
    const paused = sandbox.start('count', [], { signal: controller.signal });
    paused.step(0);
    controller.abort();
    expect(paused.state).toBe('failed');
    expect(paused.error).toBeInstanceOf(CallAborted);
    expect(ended.state).toBe('done');
    expect(await sandbox.call('count')).toBe(2);
  });

  it('takes the memory from the host function that is still at work', async () => {
    const { promise, resolve } = deferred<Uint8Array>();
    const writes = async () => {
      const bytes = await promise;
      return bytes;
    };
    const sandbox = await WasmSandbox.fromBytes(loadFixture('hello'), { stdin: writes, args: ['hello'] });
    const controller = new AbortController();
    const execution = sandbox.start('_start', [], { signal: controller.signal });
    const running = execution.run();
    expect(execution.state).toBe('waiting');
    const before = sandbox.getResourceStats().gasUsed;
    controller.abort();
    await expect(running).rejects.toBeInstanceOf(CallAborted);
    resolve(new Uint8Array(100).fill(65));
    await turn();
    expect(sandbox.getResourceStats().gasUsed).toBe(before);
  });
});

describe('the time limit', () => {
  it('cuts short what a host function never gives', async () => {
    const sandbox = await withHost(CALLS_HOST, () => new Promise(() => undefined), { cpuTimeout: 15 });
    const error: unknown = await sandbox.call('call', [1]).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(CpuTimeoutExceeded);
    expect((error as Error).message).toMatch(/did not end within 15 ms/);
    const nested = await sandbox.callWithTimeout('call', [1], 5).catch((failure: unknown) => failure);
    expect((nested as Error).message).toMatch(/did not end within 5 ms/);
  });

  it('cuts short a guest that sleeps', async () => {
    const real = Capability.clock('real');
    const sandbox = await WasmSandbox.fromBytes(sleeper(), { capabilities: [real], cpuTimeout: 10 });
    await expect(sandbox.call('sleep')).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });

  it('counts what an execution has had already', async () => {
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const sandbox = await withHost(CALLS_HOST, (value) => {
      now += 8;
      return value;
    });
    const twice = assemble({
      imports: [['env', 'host', [[I32], [I32]]]],
      functions: [{ name: 'spin', type: [[], []], code: [0x03, 0x40, 0x41, 1, 0x10, 0, 0x1a, 0x0c, 0, 0x0b] }],
    });
    sandbox.dispose();
    const slow = await withHost(twice, () => (now += 8), { cpuTimeout: 100 });
    const execution = slow.start('spin');
    let steps = 0;
    while (execution.step(50_000) === 'paused' && steps < 1_000) {
      now += 1_000; // Between steps nobody waits for it.
      steps++;
    }
    expect(execution.error).toBeInstanceOf(CpuTimeoutExceeded);
  });
});

it('a host promise inside a nested call is an error that says so', async () => {
  const sandbox: WasmSandbox = await withHost(CALLS_HOST, (value) => {
    if (value === 0) return Promise.resolve(1);
    const inner = sandbox.start('call', [0]);
    inner.step(1_000);
    throw inner.error;
  });
  await expect(sandbox.call('call', [1])).rejects.toThrow(/inside a call that another host function made/);
  await expect(sandbox.call('call', [1])).rejects.toBeInstanceOf(HostError);
});

describe('ten thousand guests', () => {
  it('wait on one thread, hold little, and all finish', async () => {
    const COUNT = 10_000;
    const release: ((value: number) => void)[] = [];
    const host = () => new Promise<number>((resolve) => release.push(resolve));
    const first = await withHost(CALLS_HOST, host);
    const { gc } = globalThis as { gc?: () => void };
    const used = () => {
      gc?.();
      const { heapUsed, arrayBuffers, external } = process.memoryUsage();
      return { heapUsed, arrayBuffers, external };
    };
    const sandboxes = [first];
    for (let i = 1; i < COUNT; i++) sandboxes.push(await withHost(CALLS_HOST, host));
    const before = used();
    const calls = sandboxes.map((sandbox, i) => sandbox.call('call', [i]));
    await turn();
    expect(release).toHaveLength(COUNT);
    const after = used();
    const per = (key: keyof typeof after) => Math.round((after[key] - before[key]) / COUNT);
    console.log(`bytes per waiting guest: ${per('heapUsed')} of heap, ${per('arrayBuffers')} in buffers`);
    // A stack of the limit's size would be 768 KiB.
    expect(per('arrayBuffers')).toBeLessThan(16_384);
    for (const [i, resolve] of release.entries()) resolve(i * 2);
    const results = await Promise.all(calls);
    expect(results.every((value, i) => value === i * 2)).toBe(true);
  });
});

/** Exports `sleep`: `poll_oneoff` on the monotonic clock, for an hour. */
function sleeper(): Uint8Array {
  const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];
  const section = (id: number, content: number[]) => [id, content.length, ...content];
  const hour = [0x80, 0xc0, 0xe2, 0x85, 0xe3, 0xe8, 0x0]; // in nanoseconds, signed LEB128
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7f]),
    ...section(2, [1, ...text('wasi_snapshot_preview1'), ...text('poll_oneoff'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 1]),
    ...section(7, [1, ...text('sleep'), 0, 1]),
    ...section(10, [
      1,
      ...(() => {
        const body = [
          0,
          ...[0x41, 16, 0x41, 1, 0x36, 2, 0], // clock 1
          ...[0x41, 24, 0x42, ...hour, 0x37, 3, 0],
          ...[0x41, 0, 0x41, 0xe4, 0, 0x41, 1, 0x41, 0xc8, 1, 0x10, 0],
          0x0b,
        ];
        return [body.length, ...body];
      })(),
    ]),
  ]);
}
