import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreter } from '../../interpreter/index.ts';
import { leavableEngine } from '../../src/engines/leavable.ts';
import {
  type Caller,
  Capability,
  CpuTimeoutExceeded,
  GasExhausted,
  MiB,
  replay,
  type SandboxOptions,
  SnapshotError,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { Recorder, recordingEngine } from '../../src/replay/recorder.ts';
import { pack, unpack } from '../../src/snapshot/container.ts';
import { decode } from '../../wasm/decode.ts';
import { ModuleGraph } from '../../wasm/module-graph.ts';
import { fixture, run } from '../cli/harness.ts';
import { callable } from '../instrument/leaving.ts';
import { anyNativeProgram } from '../instrument/native-programs.ts';
import { SEED } from '../property/runner.ts';
import { assemble, CALLS_HOST, COUNTER, EXTERNREF, I32, I64, SPIN } from '../sandbox/modules.ts';
import { programOptions } from './elsewhere.ts';
import { anyLifeProgram, imports, LIMITS } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'wasm-sandbox-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));

function recorded(source: Uint8Array, host: (...args: never[]) => unknown, options: Partial<SandboxOptions> = {}) {
  const capabilities = [Capability.hostFunctions('env', { host: host as (...args: unknown[]) => unknown })];
  return WasmSandbox.create({ source, capabilities, record: true, ...options });
}

function contentsOf(recording: Uint8Array): Promise<Uint8Array> {
  return unpack(Uint8Array.from(recording), { kind: 'recording', maxBytes: 64 * MiB });
}

/** The recording, with something changed in what it holds. */
async function changed(recording: Uint8Array, change: (contents: Uint8Array) => void): Promise<Uint8Array> {
  const contents = await contentsOf(recording);
  change(contents);
  return pack(contents, false, { kind: 'recording' });
}

function replaceOnce(bytes: Uint8Array, from: number[], to: number[]): void {
  const at = bytes.findLastIndex((_, i) => from.every((byte, j) => bytes[i + j] === byte));
  expect(at).toBeGreaterThan(0);
  bytes.set(to, at);
}

describe.each<[string, Pick<SandboxOptions, 'engine' | 'leavable'>]>([
  ['on the interpreter', {}],
  ['natively, where the guest can be left', { engine: 'native', leavable: true }],
])('a recording made %s is replayed to the same end', (_, options) => {
  const recordedSo = (source: Uint8Array, host: (...args: never[]) => unknown) => recorded(source, host, options);

  it.each([
    ['hello', 'one'],
    ['json', '20'],
    ['minivm', '50'],
    ['files', 'write', '/new.txt', 'text'],
    ['qsort', '100'],
  ])('of %s, without what it had of the host', async (name, ...args) => {
    const sandbox = await WasmSandbox.create({
      ...programOptions(name, args),
      record: true,
      gasLimit: 10n ** 10n,
      ...options,
    });
    await sandbox.run();
    const report = await replay(await sandbox.recording());
    expect(report).toMatchObject({ same: true, calls: 1, difference: undefined });
    expect(report.gasUsed).toBe(sandbox.getResourceStats().gasUsed);
    expect(report.hostCalls).toBeGreaterThan(0);
  });

  it('of random programs, failures and all', async () => {
    const isNative = options.engine === 'native';
    const engine = isNative ? leavableEngine() : interpreter;
    await fc.assert(
      fc.asyncProperty(
        isNative ? anyNativeProgram : anyLifeProgram(),
        fc.boolean(),
        async ({ bytes, calls }, waits) => {
          const module = decode(bytes);
          fc.pre(!waits || module.start === undefined);
          const recorder = new Recorder(ModuleGraph.of(module), LIMITS, MiB);
          const resolve = imports((value) => (waits ? Promise.resolve(value) : value));
          const instance = recordingEngine(engine, recorder).instantiate(module, { limits: LIMITS, imports: resolve });
          try {
            instance.start();
          } catch {
            // Also a start that fails can be replayed; natively nothing is there then.
            fc.pre(!isNative);
          }
          for (const call of isNative ? callable(module, calls) : calls) {
            await instance.callAsync(call.export, call.args).catch(() => undefined);
          }
          const recording = await pack(await recorder.finish(instance), true, { kind: 'recording' });
          expect(await replay(recording)).toMatchObject({ same: true });
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 200), seed: SEED },
    );
  });

  it('of calls that host functions make, and of promises', async () => {
    const sandbox = await recordedSo(CALLS_HOST, async (value: number) => {
      await Promise.resolve();
      return value * 2;
    });
    expect(await sandbox.call('call', [3])).toBe(6);
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1, hostCalls: 1 });

    const nested: WasmSandbox = await recordedSo(CALLS_HOST, (value: number) => {
      if (value === 0) return 5;
      const inner = nested.start<number>('call', [value - 1]);
      inner.step(0);
      return inner.result + 1;
    });
    expect(await nested.call('call', [4])).toBe(9);
    expect(await replay(await nested.recording())).toMatchObject({ same: true, calls: 5, hostCalls: 5 });
  });

  it('of references to the host’s objects', async () => {
    const module = assemble({
      imports: [['env', 'host', [[EXTERNREF], [EXTERNREF]]]],
      functions: [{ name: 'twice', type: [[EXTERNREF], [EXTERNREF]], code: [0x20, 0, 0x10, 0, 0x10, 0] }],
    });
    const objects = [{}, {}, {}];
    let calls = 0;
    const sandbox = await recordedSo(module, () => objects[++calls]);
    expect(await sandbox.call('twice', [objects[0]])).toBe(objects[2]);
    expect(await sandbox.call('twice', ['text'])).toBeUndefined();
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 2, hostCalls: 4 });
  });

  it('of calls that were given up: by time, by a signal, while they waited', async () => {
    let resolve: (value: number) => void = () => undefined;
    const sandbox = await recordedSo(
      CALLS_HOST,
      () =>
        new Promise((settle) => {
          resolve = settle as (value: number) => void;
        }),
    );
    const controller = new AbortController();
    const call = sandbox.call('call', [1], { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toThrow(/ended by its caller/);
    resolve(5);
    const next = sandbox.call('call', [2]);
    resolve(6);
    expect(await next).toBe(6);
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 2, hostCalls: 2 });

    const spinning = await WasmSandbox.create({ source: SPIN, record: true, ...options });
    await expect(spinning.callWithTimeout('spin', [], 5)).rejects.toThrow(/CPU timeout exceeded/);
    const execution = spinning.start('spin');
    execution.step(12_345);
    await expect(spinning.recording()).rejects.toThrow(/a call has not ended/);
    execution.cancel();
    await spinning.call('nop');
    const report = await replay(await spinning.recording());
    expect(report).toMatchObject({ same: true, calls: 3 });
    expect(report.gasUsed).toBe(spinning.getResourceStats().gasUsed);
  });

  it('without what a host function tries to charge for once its call has ended, in the next run too', async () => {
    const callers: Caller[] = [];
    const call = (caller: Caller) => callers.push(caller);
    const capabilities = [Capability.hostFunctions('env', { host: { call } })];
    const sandbox = await WasmSandbox.create({ source: CALLS_HOST, capabilities, record: true, ...options });
    const tryToCharge = () => {
      for (const caller of callers) expect(() => caller.chargeBytes(1_000)).toThrow(UsageError);
    };
    await sandbox.call('call', [1]);
    tryToCharge();
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1 });
    await sandbox.reset();
    tryToCharge();
    await sandbox.call('call', [2]);
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1 });
  });

  it('since the last reset', async () => {
    const sandbox = await WasmSandbox.create({ source: COUNTER, record: true, ...options });
    await sandbox.call('count');
    await sandbox.reset();
    await sandbox.call('count');
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1 });
  });
});

describe('a recording is replayed to the same end on the interpreter', () => {
  it.each(['interpreter', 'native'] as const)(
    'of calls that host functions make and do not wait for, whatever comes of them (%s)',
    async (engine) => {
      const source = assemble({
        imports: [['env', 'host', [[I32], [I32]]]],
        memory: 1,
        functions: [{ name: 'call', type: [[I32], [I32]], code: [0x20, 0, 0x10, 0] }],
      });
      const failures: unknown[] = [];
      const call = ({ memory }: Caller, [value]: readonly unknown[]) => {
        if (value === 0) return 5;
        if (value === 1) return Promise.resolve(5);
        for (const inner of [0, 1]) void sandbox.call('call', [inner]).catch((error: unknown) => failures.push(error));
        memory?.view(100, 1)?.fill(value as number);
        return value;
      };
      const capabilities = [Capability.hostFunctions('env', { host: { call } })];
      const sandbox: WasmSandbox = await WasmSandbox.create({ source, capabilities, engine, record: true });
      expect(await sandbox.call('call', [2])).toBe(2);
      expect(await sandbox.call('call', [3])).toBe(3);
      expect(failures).toHaveLength(2);
      expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 6, hostCalls: 6 });
    },
  );

  it('of the native engine, on the interpreter', async () => {
    const capabilities = [Capability.hostFunctions('env', { host: (value: number) => value + 1 })];
    const sandbox = await WasmSandbox.create({ source: CALLS_HOST, capabilities, record: true, engine: 'native' });
    await sandbox.call('call', [1]);
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1, hostCalls: 1 });
  });
});

it('a recording that grows beyond its limit is given up, and begins anew with a reset', async () => {
  const sandbox = await WasmSandbox.create({ source: COUNTER, record: true, recordingLimit: 500 });
  await sandbox.call('count');
  expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1 });
  for (let calls = 0; calls < 100; calls++) await sandbox.call('count');
  await expect(sandbox.recording()).rejects.toThrow(
    new UsageError('there is no recording: it has grown beyond 500 bytes'),
  );
  await sandbox.reset();
  await sandbox.call('count');
  expect(await replay(await sandbox.recording())).toMatchObject({ same: true, calls: 1 });
  for (const recordingLimit of [-1, 0.5, 256 * MiB + 1, '1k']) {
    await expect(WasmSandbox.create({ source: COUNTER, recordingLimit: recordingLimit as number })).rejects.toThrow(
      UsageError,
    );
  }
});

describe('the first difference is told', () => {
  const module = assemble({
    imports: [['env', 'host', [[I32, I64], [I32]]]],
    functions: [{ name: 'run', type: [[I32], [I32]], code: [0x20, 0, 0x42, 0xcd, 0x00, 0x10, 0, 0x41, 1, 0x6a] }],
  });
  const recording = async () => {
    const sandbox = await recorded(module, () => 0x1234_5678);
    expect(await sandbox.call('run', [0x0a0b_0c0d])).toBe(0x1234_5679);
    return sandbox.recording();
  };

  it.each([
    [
      'an argument of the call',
      [0x0d, 0x0c, 0x0b, 0x0a],
      [0x0e, 0x0c, 0x0b, 0x0a],
      /argument of host call 1, of "env.host".* is 168496141, and was 168496142/,
    ],
    [
      'an argument of a host call',
      [0x4d, 0, 0, 0, 0, 0, 0, 0],
      [0x4e, 0, 0, 0, 0, 0, 0, 0],
      /argument of host call 1.*value 2 is 77n, and was 78n/,
    ],
    [
      'a result of a host call',
      [0x78, 0x56, 0x34, 0x12],
      [0x77, 0x56, 0x34, 0x12],
      /the result of call 1, of "run" is 305419896, and was 305419897/,
    ],
    [
      'a result',
      [0x79, 0x56, 0x34, 0x12],
      [0x7a, 0x56, 0x34, 0x12],
      /the result of call 1, of "run" is 305419897, and was 305419898/,
    ],
  ])('%s', async (_what, from, to, expected) => {
    const report = await replay(await changed(await recording(), (bytes) => replaceOnce(bytes, from, to)));
    expect(report.same).toBe(false);
    expect(report.difference).toMatch(expected);
  });

  it('memory in the end', async () => {
    const sandbox = await WasmSandbox.create({ source: COUNTER, record: true });
    await sandbox.call('count');
    const bytes = await changed(await sandbox.recording(), (contents) => {
      contents[contents.length - 1] = contents[contents.length - 1] === 0x30 ? 0x31 : 0x30;
    });
    expect((await replay(bytes)).difference).toMatch(/SHA-256 of memory in the end/);
  });
});

describe('bytes that are no recording', () => {
  it('are refused, whatever is wrong with them', async () => {
    await expect(replay(new Uint8Array(80))).rejects.toThrow(/no recording of wasm-sandbox/);
    await expect(replay('text' as never)).rejects.toBeInstanceOf(UsageError);
    const snapshot = await (await WasmSandbox.fromBytes(COUNTER)).snapshot();
    await expect(replay(snapshot)).rejects.toThrow(/no recording of wasm-sandbox/);
    const sandbox = await WasmSandbox.create({ ...programOptions('hello', []), record: true, gasLimit: 10n ** 9n });
    await sandbox.run();
    const recording = await sandbox.recording();
    const { length } = await contentsOf(recording);
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), fc.nat(255), fc.boolean(), async (at, byte, isEnd) => {
        // Behind the module, which makes up the most of it, and anywhere.
        const place = isEnd ? length - 1 - (at % 3_000) : at;
        const bytes = await changed(recording, (contents) => {
          contents[place] = byte;
        });
        try {
          await replay(bytes);
        } catch (error) {
          expect(error).toHaveProperty('code');
        }
      }),
      { numRuns: 150, seed: SEED },
    );
  });

  it('and there are none where none was asked for', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    await expect(sandbox.recording()).rejects.toThrow(/build the sandbox with \{ record: true \}/);
    const recording = await WasmSandbox.create({ source: COUNTER, record: true });
    const fork = await recording.fork({ record: false });
    await expect(fork.recording()).rejects.toBeInstanceOf(UsageError);
    await expect(recording.fork({ recorded: true } as never)).rejects.toThrow('did you mean "record"?');
  });
});

/** A recording, without a limit on gas, of a guest that in truth never ends. */
async function endless(): Promise<Uint8Array> {
  const ends = assemble({ functions: [{ name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 1, 0x0b] }] });
  const sandbox = await WasmSandbox.create({ source: ends, record: true });
  await sandbox.call('spin');
  return changed(await sandbox.recording(), (contents) =>
    replaceOnce(contents, [0x03, 0x40, 0x0c, 1, 0x0b], [0x03, 0x40, 0x0c, 0, 0x0b]),
  );
}

describe('whoever replays can limit it', () => {
  it('to units of gas', async () => {
    const forged = await endless();
    await expect(replay(forged, { gasLimit: 100_000 })).rejects.toThrow(
      /^Gas limit exceeded: the limit is 100000 units/,
    );
    await expect(replay(forged, { gasLimit: 0n })).rejects.toBeInstanceOf(GasExhausted);
  });

  it('to a time', async () => {
    const error = await replay(await endless(), { timeout: 5 }).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(CpuTimeoutExceeded);
    expect(String(error)).toContain('the replay did not end within 5 ms');
  });

  it('to the memory that its guest was allowed', async () => {
    const sandbox = await WasmSandbox.create({ source: COUNTER, record: true, memoryLimit: 2 * MiB });
    await sandbox.call('count');
    const recording = await sandbox.recording();
    const refused = replay(recording, { memoryLimit: 2 * MiB - 1 });
    await expect(refused).rejects.toThrow('memory limit of 2097152 bytes, and may be replayed with 2097151');
    await expect(refused).rejects.toBeInstanceOf(SnapshotError);
    expect(await replay(recording, { memoryLimit: 2 * MiB })).toMatchObject({ same: true });
  });

  it('and one that stays within is as without', async () => {
    const sandbox = await recorded(CALLS_HOST, (value: number) => value, { gasLimit: 1_000_000 });
    await sandbox.call('call', [1]);
    const recording = await sandbox.recording();
    const report = await replay(recording);
    const { gasUsed } = report;
    for (const limits of [
      { gasLimit: gasUsed, timeout: 60_000 },
      { gasLimit: 2n ** 62n },
      { gasLimit: undefined, timeout: undefined },
    ]) {
      expect(await replay(recording, limits)).toEqual(report);
    }
    await expect(replay(recording, { gasLimit: gasUsed - 1n })).rejects.toBeInstanceOf(GasExhausted);
  });

  it('where the guest did run out of gas when it was recorded, that is no limit of the replay', async () => {
    const sandbox = await WasmSandbox.create({ source: SPIN, record: true, gasLimit: 10_000 });
    await sandbox.call('spin').catch(() => undefined);
    const recording = await sandbox.recording();
    for (const gasLimit of [undefined, 10_000n, 10_001n]) {
      expect(await replay(recording, { gasLimit })).toMatchObject({ same: true, calls: 1 });
    }
    await expect(replay(recording, { gasLimit: 9_000 })).rejects.toBeInstanceOf(GasExhausted);
  });

  it('nor where a host function said so', async () => {
    const sandbox = await recorded(CALLS_HOST, () => {
      throw new GasExhausted('of another guest');
    });
    await sandbox.call('call', [1]).catch(() => undefined);
    expect(await replay(await sandbox.recording(), { gasLimit: 1_000_000 })).toMatchObject({ same: true });
  });

  it('with options that are checked', async () => {
    const recording = await endless();
    await expect(replay(recording, { gas: 1n } as never)).rejects.toThrow(/a replay has no option "gas"/);
    await expect(replay(recording, { timeout: 0 })).rejects.toBeInstanceOf(UsageError);
  });
});

describe('the command', () => {
  it('ends at its limits', async () => {
    const file = join(folder, 'endless.rec');
    writeFileSync(file, await endless());
    const outOfGas = await run(['replay', '--gas', '1e5', file]);
    expect(outOfGas.status).toBe(125);
    expect(outOfGas.stderr).toMatch(/GasExhausted: Gas limit exceeded: .*\nhint: allow more with --gas/);
    const outOfTime = await run(['replay', '--json', '--timeout', '5ms', file]);
    expect(outOfTime.status).toBe(125);
    expect(JSON.parse(outOfTime.stdout)).toMatchObject({ same: false, error: { code: 'CPU_TIMEOUT' } });
    expect((await run(['replay', '--memory', '1MiB', file])).status).toBe(1);
    expect((await run(['replay', '--gas', 'much', file])).status).toBe(2);
  });

  it('records and replays', async () => {
    const file = join(folder, 'hello.rec');
    const ran = await run(['run', '--record', file, '--env', 'EXIT_STATUS=3', fixture('hello'), 'a'], 'input');
    expect(ran.status).toBe(3);
    const replayed = await run(['replay', file]);
    expect(replayed).toMatchObject({ status: 0, stderr: '' });
    expect(replayed.stdout).toMatch(/hello\.rec": the same, with 1 calls, \d+ host calls and \d+ gas/);
    const json = JSON.parse((await run(['replay', '--json', file])).stdout);
    expect(json).toMatchObject({ same: true, calls: 1 });
  });

  it('tells the first difference, and what is no recording', async () => {
    const sandbox = await recorded(CALLS_HOST, () => 0x1234_5678);
    await sandbox.call('call', [7]);
    const file = join(folder, 'other.rec');
    const bytes = await changed(await sandbox.recording(), (contents) =>
      replaceOnce(contents, [0x78, 0x56, 0x34, 0x12], [0x79, 0x56, 0x34, 0x12]),
    );
    writeFileSync(file, bytes);
    const differing = await run(['replay', file]);
    expect(differing.status).toBe(1);
    expect(differing.stderr).toContain('differs: the result of call 1, of "call" is 305419896, and was 305419897');
    expect((await run(['replay', fixture('hello')])).stderr).toContain('no recording of wasm-sandbox');
    expect((await run(['replay', join(folder, 'missing')])).status).toBe(2);
  });
});
