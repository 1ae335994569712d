import { describe, expect, test } from 'vitest';
import {
  CallAborted,
  type Caller,
  Capability,
  CpuTimeoutExceeded,
  SandboxDisposed,
  type SandboxOptions,
  SandboxPool,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { LOOP } from './loop.ts';
import { assemble, I32 } from './modules.ts';

/** As LOOP, with a memory, and started by nobody: exports `run(n)`, which gives back what `env.work(n)` says. */
const WITH_MEMORY = assemble({
  imports: [['env', 'work', [[I32], [I32]]]],
  memory: 1,
  functions: [{ name: 'run', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] }],
});

type Work = (caller: Caller, args: readonly number[]) => unknown;

const granting = (work: Work) => [
  Capability.hostFunctions('env', { work: { call: (caller, args) => work(caller, args as readonly number[]) } }),
];

const failing = async (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe.each(['interpreter', 'native'] as const)('on the %s engine', (engine) => {
  const create = (work: Work, options: Partial<SandboxOptions> = {}) =>
    WasmSandbox.create({ source: WITH_MEMORY, engine, capabilities: granting(work), ...options });

  test('bytes and text go in and out of the memory of the guest', async () => {
    const sandbox = await create((caller, [at]) => {
      const length = caller.writeText(at!, 'Grüße, 🙂');
      caller.write(BigInt(at! + length), Uint8Array.of(0, 1, 2));
      expect(caller.readText(at!, length)).toBe('Grüße, 🙂');
      expect(caller.readText(BigInt(at!))).toBe('Grüße, 🙂');
      expect([...caller.read(at! + length, 3)]).toEqual([0, 1, 2]);
      expect(caller.read(65_536, 0)).toHaveLength(0);
      return length;
    });
    expect(await sandbox.call('run', [100])).toBe(13);
    expect(sandbox.memory.readString(100)).toBe('Grüße, 🙂');
  });

  test.each<[string, Work]>([
    ['reading bytes', (caller) => caller.read(65_535, 2)],
    ['reading text', (caller) => caller.readText(65_530, 7)],
    ['reading text without an end', (caller) => caller.readText(65_537)],
    ['writing bytes', (caller) => caller.write(2 ** 40, Uint8Array.of(1))],
    ['writing text', (caller) => caller.writeText(65_535, 'ab')],
  ])('%s outside of it is a trap of the guest', async (_, work) => {
    const error = await failing((await create(work)).call('run', [0]));
    expect(error).toBeInstanceOf(Trap);
    expect(error).toMatchObject({ kind: 'memory-out-of-bounds' });
  });

  test.each<[string, Work, string]>([
    ['a pointer', (caller) => caller.read(-1, 2), 'a pointer must be an unsigned integer, not -1'],
    ['a length', (caller) => caller.readText(0, 1.5), 'a length must be an unsigned integer, not 1.5'],
    ['bytes', (caller) => caller.write(0, 'ab' as never), 'what is written must be bytes, not "ab"'],
    ['text', (caller) => caller.writeText(0, 5 as never), 'what is written must be a string, not 5'],
  ])('%s that is none is a fault of the host', async (_, work, message) => {
    const error = (await failing((await create(work)).call('run', [0]))) as Error;
    expect(error.message).toContain(message);
    expect(error.cause).toBeInstanceOf(UsageError);
  });

  test('a guest without a memory has none to reach', async () => {
    const sandbox = await create((caller) => caller.readText(0, 1), { source: LOOP });
    await expect(sandbox.call('run', [1, 0])).rejects.toThrow('there is no memory to reach');
  });

  test('functions know which sandbox calls, whoever has borrowed it', async () => {
    const seen: unknown[] = [];
    const work: Work = (caller) => seen.push(caller.sandbox);
    const sandbox = await create(work);
    await sandbox.call('run', [0]);
    await sandbox.reset();
    await sandbox.call('run', [0]);
    expect(seen).toEqual([sandbox, sandbox]);
    await using pool = await SandboxPool.create({
      sandbox: { source: WITH_MEMORY, engine, capabilities: granting(work) },
      max: 1,
    });
    const lent: unknown[] = [];
    const use = async (sandbox: WasmSandbox) => {
      lent.push(sandbox);
      await sandbox.call('run', [0]);
    };
    await pool.use(use);
    await pool.use(use);
    expect(seen.slice(2)).toEqual(lent);
    expect(lent[0]).not.toBe(lent[1]);
    const sync = SyncSandbox.create({ source: WITH_MEMORY, engine, capabilities: granting(work) });
    sync.call('run', [0]);
    expect(seen.at(-1)).toBe(sync);
  });

  test('the signal is aborted when the call has ended', async () => {
    const signals: AbortSignal[] = [];
    const work: Work = (caller, [n]) => {
      signals.push(caller.signal);
      expect(caller.signal).toBe(signals.at(-1));
      if (n === 2) throw new Error('no');
      return n;
    };
    const sandbox = await create(work);
    await sandbox.call('run', [1]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    const error = await failing(sandbox.call('run', [2]));
    expect(signals[1]?.aborted).toBe(true);
    expect(String(error)).toContain('no');
  });
});

describe('a guest that waits', () => {
  /** The host function's promise never settles; resolves to its caller. */
  async function waiting(options: Partial<SandboxOptions> = {}) {
    let found: ((caller: Caller) => void) | undefined;
    const called = new Promise<Caller>((resolve) => {
      found = resolve;
    });
    const call = (caller: Caller) => {
      found?.(caller);
      return new Promise<never>(() => undefined);
    };
    const capabilities = [Capability.hostFunctions('env', { work: { call } })];
    const sandbox = await WasmSandbox.create({ source: WITH_MEMORY, capabilities, ...options });
    return { sandbox, called };
  }

  test.each<[string, (sandbox: WasmSandbox, controller: AbortController) => unknown, unknown]>([
    ['its own signal', (_, controller) => controller.abort(new Error('gone')), CallAborted],
    ['a reset', (sandbox) => sandbox.reset(), CallAborted],
    ['the end of the sandbox', (sandbox) => sandbox.dispose(), SandboxDisposed],
    ['its execution', (sandbox) => sandbox.execution?.cancel(), CallAborted],
  ])('tells its host when %s ends the call', async (_, end, reason) => {
    const { sandbox, called } = await waiting();
    const controller = new AbortController();
    const result = failing(sandbox.call('run', [0], { signal: controller.signal }));
    const { signal, execution } = await called;
    expect(signal.aborted).toBe(false);
    expect(execution).toBe(sandbox.execution);
    void end(sandbox, controller);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(reason);
    expect(await result).toBe(signal.reason);
  });

  test('tells its host when the time of the call is over', async () => {
    const { sandbox, called } = await waiting({ cpuTimeout: 5 });
    const result = failing(sandbox.call('run', [0]));
    const { signal } = await called;
    expect(await result).toBeInstanceOf(CpuTimeoutExceeded);
    expect(signal.reason).toBe(await result);
  });

  test('two calls of two sandboxes have their own', async () => {
    const [one, other] = await Promise.all([waiting(), waiting()]);
    const ended = failing(one.sandbox.call('run', [0]));
    const goesOn = failing(other.sandbox.call('run', [0]));
    const [first, second] = [await one.called, await other.called];
    one.sandbox.dispose();
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
    other.sandbox.dispose();
    await Promise.all([ended, goesOn]);
  });

  test('can be paused and cancelled from inside', async () => {
    let paused: Promise<unknown> | undefined;
    const call = (caller: Caller) => {
      paused = caller.execution?.pause();
      return 0;
    };
    const capabilities = [Capability.hostFunctions('env', { work: { call } })];
    const sandbox = await WasmSandbox.create({ source: LOOP, capabilities });
    const execution = sandbox.start('run', [3, 0]);
    execution.step(1_000_000);
    expect(await paused).toBe('paused');
    expect(execution.state).toBe('paused');
  });
});
