import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CallAborted,
  CpuTimeoutExceeded,
  type RunOptions,
  SandboxPool,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';

const HELLO = loadFixture('hello');
const SPIN = loadFixture('spin');

/** What the program says of what it was given. */
function said(args: readonly string[], env: readonly string[], bytes: number): string {
  const lines = (strings: readonly string[]) => strings.map((string) => `  ${string}\n`).join('');
  return `${args.length} arguments\n${lines(args)}environment\n${lines(env)}${bytes} bytes of input\n`;
}

const BUILT = { source: HELLO, args: ['hello', 'built'], env: { FROM: 'building' }, stdin: 'abc' } as const;
const AS_BUILT = said(['built'], ['FROM=building'], 3);

describe.each(['interpreter', 'native'] as const)('on the %s engine', (engine) => {
  test('a run is given what is said of it, and the rest as the sandbox was built', async () => {
    const sandbox = await WasmSandbox.create({ ...BUILT, engine });
    const all = { args: ['hello', 'a', 'b'], env: { EXIT_STATUS: '9' }, stdin: new Uint8Array(10) };
    expect(await sandbox.run(all)).toMatchObject({ exitCode: 9, stdout: said(['a', 'b'], ['EXIT_STATUS=9'], 10) });
    await sandbox.reset();
    expect((await sandbox.run()).stdout).toBe(AS_BUILT);
    await sandbox.reset();
    expect((await sandbox.run({ stdin: '' })).stdout).toBe(said(['built'], ['FROM=building'], 0));
    await sandbox.reset();
    expect((await sandbox.run({ env: {} })).stdout).toBe(said(['built'], [], 3));
  });

  test('a reset is, until the next one', async () => {
    const sandbox = await WasmSandbox.create({ ...BUILT, engine });
    await sandbox.reset({ args: ['hello', 'reset'], stdin: '12345' });
    expect((await sandbox.run()).stdout).toBe(said(['reset'], ['FROM=building'], 5));
    await sandbox.reset();
    expect((await sandbox.run()).stdout).toBe(AS_BUILT);
  });

  test('a user of a pool is, and the next one is not', async () => {
    await using pool = await SandboxPool.create({ sandbox: { ...BUILT, engine }, max: 1 });
    const run = async (sandbox: WasmSandbox) => (await sandbox.run()).stdout;
    expect(await pool.use(run, { args: ['hello', 'first'], env: {}, stdin: 'x' })).toBe(said(['first'], [], 1));
    expect(await pool.use(run)).toBe(AS_BUILT);
    await expect(pool.use(run, { env: { 'A=B': '' } })).rejects.toThrow('without =');
    expect(await pool.use(run)).toBe(AS_BUILT);
    expect(pool.getStats()).toMatchObject({ leased: 0, acquired: 3 });
  });
});

test('an environment that the policy does not let the guest see is refused, and nothing has run', async () => {
  const sandbox = await WasmSandbox.create({ source: HELLO });
  await expect(sandbox.run({ env: { A: 'b' } })).rejects.toThrow('the policy grants no environment');
  await expect(sandbox.reset({ env: { A: 'b' } })).rejects.toThrow('the policy grants no environment');
  // The guest is still there.
  expect((await sandbox.run()).exitCode).toBe(0);
  const sync = SyncSandbox.create({ source: HELLO });
  expect(() => sync.reset({ env: { A: 'b' } })).toThrow('the policy grants no environment');
  expect(sync.run().exitCode).toBe(0);
  await using pool = await SandboxPool.create({ sandbox: { source: HELLO }, max: 1 });
  await expect(pool.acquire({ env: {} })).rejects.toThrow('the policy grants no environment');
  await using lease = await pool.acquire();
  expect(lease.isReleased).toBe(false);
});

test.each([
  [{ nonsense: 1 }, 'a run has no option "nonsense"'],
  [{ arg: [] }, 'did you mean "args"?'],
  [{ args: 'one' }, 'args must be an array'],
  [{ args: ['a\0b'] }, 'args[0] must be a string without NUL'],
  [{ env: [] }, 'env must be an object'],
  [{ stdin: 5 }, 'stdin must be bytes, a string, a function, a stream or an async iterable'],
  [{ timeout: 0 }, 'the timeout must be'],
  [{ signal: 'no' }, 'signal'],
] as [object, string][])('a run with %o is refused', async (options, message) => {
  const sandbox = await WasmSandbox.create(BUILT);
  await expect(sandbox.run(options)).rejects.toThrow(UsageError);
  await expect(sandbox.run(options)).rejects.toThrow(message);
  expect((await sandbox.run()).stdout).toBe(AS_BUILT);
});

describe('the call of a run', () => {
  const spin = () => WasmSandbox.create({ source: SPIN });
  test('ends with its signal', async () => {
    const sandbox = await WasmSandbox.create(BUILT);
    await expect(sandbox.run({ signal: AbortSignal.abort('enough') })).rejects.toThrow(CallAborted);
  });

  test('takes what options a call takes', async () => {
    const started = WasmSandbox.create({ ...BUILT, stdin: () => new Promise<undefined>(() => undefined) });
    await expect((await started).run({ timeout: 5 })).rejects.toThrow(CpuTimeoutExceeded);
    await expect((await spin()).run({ timeout: 5 })).rejects.toThrow('exports no function "_start"');
  });
});

describe('streams', () => {
  async function* pieces(...all: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
    yield* all;
  }
  const readable = (...all: (string | Uint8Array)[]) =>
    new ReadableStream({
      start(controller) {
        for (const piece of all) controller.enqueue(piece);
        controller.close();
      },
    });
  const run = async (options: RunOptions) => (await (await WasmSandbox.create(BUILT)).run(options)).stdout;
  const expected = (bytes: number) => said(['built'], ['FROM=building'], bytes);

  test.each([
    ['a ReadableStream', () => readable(new Uint8Array(3), 'äb', new Uint8Array(0), new Uint8Array(5_000))],
    ['an async iterable', () => pieces('äb', new Uint8Array(3), '', new Uint8Array(5_000))],
  ])('%s is standard input, in pieces of which an empty one is not the end', async (_, make) => {
    expect(await run({ stdin: make() })).toBe(expected(5_006));
    const built = await WasmSandbox.create({ ...BUILT, stdin: make() });
    expect((await built.run()).stdout).toBe(expected(5_006));
  });

  test('a stream that fails, or gives something else, ends the guest with that', async () => {
    const failing = new ReadableStream({ pull: () => Promise.reject(new Error('the cable')) });
    await expect(run({ stdin: failing })).rejects.toThrow('the cable');
    await expect(run({ stdin: pieces(5 as never) })).rejects.toThrow('a piece of stdin must be bytes or a string');
  });

  test('a stream is read no further than the guest reads, and is left where the guest ends', async () => {
    let given = 0;
    const endless = {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          given++;
          yield 'x';
        }
      },
    };
    const sandbox = await WasmSandbox.create({ ...BUILT, gasLimit: 200_000 });
    expect(given).toBe(0);
    await expect(sandbox.run({ stdin: endless })).rejects.toThrow('Gas limit exceeded');
    expect(given).toBeGreaterThan(0);
    expect(given).toBeLessThan(10_000);
  });

  test('a WritableStream takes the output, the guest waits while its queue is full, and it stays open', async () => {
    const written: string[] = [];
    let most = 0;
    let writing = 0;
    const slow = new WritableStream<Uint8Array>(
      {
        async write(bytes) {
          most = Math.max(most, ++writing);
          await Promise.resolve();
          written.push(new TextDecoder().decode(bytes));
          writing--;
        },
      },
      { highWaterMark: 1 },
    );
    const sandbox = await WasmSandbox.create({ ...BUILT, onStdout: slow });
    const { stdout } = await sandbox.run();
    expect(stdout).toBe('');
    expect(written.join('')).toBe(AS_BUILT);
    expect(most).toBe(1);
    const writer = slow.getWriter();
    await writer.write(new TextEncoder().encode('mine'));
    expect(written.at(-1)).toBe('mine');
  });

  test('what a stream refuses ends the guest', async () => {
    const broken = new WritableStream({ write: () => Promise.reject(new Error('full disk')) });
    const sandbox = await WasmSandbox.create({ ...BUILT, onStdout: broken });
    await expect(sandbox.run()).rejects.toThrow('full disk');
    await expect(WasmSandbox.create({ ...BUILT, onStdout: {} as never })).rejects.toThrow(
      'a function or a WritableStream',
    );
  });

  test('where nothing can be waited for, a stream is refused when it is read', async () => {
    const sandbox = SyncSandbox.create(BUILT);
    expect(() => sandbox.run({ stdin: readable('a') })).toThrow('returned a promise');
    sandbox.reset({ stdin: 'ab' });
    expect(sandbox.run().stdout).toBe(expected(2));
  });
});
