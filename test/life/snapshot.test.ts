import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  Capability,
  CompileError,
  type Execution,
  MiB,
  SandboxDisposed,
  SnapshotError,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { decode } from '../../wasm/decode.ts';
import { WireWriter } from '../../wasm/wire.ts';
import { SEED } from '../property/runner.ts';
import { assemble, CALLS_HOST, COUNTER, I32 } from '../sandbox/modules.ts';
import { type Case, elsewhere, ending, here, programOptions, toText } from './elsewhere.ts';
import { anyLifeProgram, begin, instantiate, sequence } from './programs.ts';

const PROGRAMS: readonly (readonly [fixture: string, ...args: string[]])[] = [
  ['hello', 'one', 'two'],
  ['qsort', '500'],
  ['json', '100'],
  ['sha256', '16'],
  ['nbody', '1000'],
  ['minivm', '100'],
  ['files', 'cat', '/in.txt'],
];

async function whole(fixture: string, args: readonly string[]): Promise<{ gas: bigint; lines: string[] }> {
  const sandbox = await WasmSandbox.create(programOptions(fixture, args));
  const before = sandbox.getResourceStats().gasUsed;
  const execution = sandbox.start('_start');
  // The first step makes it the sandbox's.
  execution.step(0);
  return { lines: await ending(sandbox).then((lines) => lines), gas: sandbox.getResourceStats().gasUsed - before };
}

/** The program, left after so much gas. */
async function leftAt(fixture: string, args: readonly string[], gas: bigint): Promise<WasmSandbox> {
  const sandbox = await WasmSandbox.create(programOptions(fixture, args));
  expect(sandbox.start('_start').step(gas)).toBe('paused');
  return sandbox;
}

describe('a program interrupted anywhere', () => {
  it.each(PROGRAMS)('%s is continued from its snapshot to the same end', async (fixture, ...args) => {
    const expected = await whole(fixture, args);
    const next = sequence(5);
    for (let i = 0; i < 6; i++) {
      // Not near the end, behind the last place where it can be left.
      const gas = (expected.gas * BigInt(next() % 900)) / 1_000n;
      const left = await leftAt(fixture, args, gas);
      const bytes = await left.snapshot({ compress: i % 2 === 0 });
      const restored = await WasmSandbox.restore(bytes, programOptions(fixture, args));
      expect(restored.execution?.state).toBe('paused');
      expect(restored.getResourceStats().gasUsed).toBe(left.getResourceStats().gasUsed);
      const fork = await left.fork();
      expect(await ending(restored)).toEqual(expected.lines);
      expect(await ending(fork)).toEqual(expected.lines);
      // The one it was made of has not noticed.
      expect(await ending(left)).toEqual(expected.lines);
    }
  });

  it('is continued by a new process to the same end', async () => {
    const cases: Case[] = [];
    const expected: string[][] = [];
    for (const [fixture, ...args] of PROGRAMS) {
      const { gas, lines } = await whole(fixture, args);
      const left = await leftAt(fixture, args, gas / 2n);
      cases.push({ kind: 'program', fixture, args, snapshot: toText(await left.snapshot()) });
      expected.push(lines);
    }
    expect(await elsewhere(cases)).toEqual(expected);
  });

  it('is continued by a new process to the same end, whatever program it is', async () => {
    const cases: Case[] = [];
    fc.assert(
      fc.property(anyLifeProgram(), fc.nat(400), ({ bytes, calls }, gas) => {
        const module = decode(bytes);
        const instance = instantiate(module);
        try {
          instance.start();
          for (const call of calls) {
            const execution = begin(instance, call);
            if (execution.advance(BigInt(gas)) !== 'paused') continue;
            const writer = new WireWriter();
            instance.capture?.(execution, 'write').write(writer);
            cases.push({ kind: 'instance', module: toText(bytes), image: toText(writer.written) });
            return;
          }
        } catch {
          // It was over before.
        }
      }),
      { numRuns: 300, seed: SEED },
    );
    expect(cases.length).toBeGreaterThan(50);
    expect(await elsewhere(cases)).toEqual(await here(cases));
  });
});

describe('a snapshot', () => {
  it('of a sandbox in which nothing runs holds its memory and counts', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    await sandbox.call('count');
    await sandbox.call('count');
    const bytes = await sandbox.snapshot();
    const restored = await WasmSandbox.restore(bytes, { source: COUNTER });
    expect(restored.execution).toBeUndefined();
    const { instanceId: _, cpuTimeMs: __, codeBytes: ___, ...stats } = sandbox.getResourceStats();
    expect(restored.getResourceStats()).toMatchObject(stats);
    expect(await restored.call('count')).toBe(3);
    expect(await sandbox.call('count')).toBe(3);
    await restored.reset();
    expect(await restored.call('count')).toBe(1);
  });

  it('leaves zeros out', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('grow'));
    await sandbox.call('grow', [500]);
    expect((await sandbox.snapshot({ compress: false })).length).toBeLessThan(10_000);
  });

  it('is the same every time', async () => {
    const left = await leftAt('json', ['100'], 100_000n);
    const [a, b] = [await left.snapshot({ compress: false }), await left.snapshot({ compress: false })];
    expect(a).toEqual(b);
    expect(await (await left.fork()).snapshot({ compress: false })).toEqual(a);
  });

  it('is refused while the guest waits, and made when what it waits for has come', async () => {
    let resolve: (value: number) => void = () => undefined;
    const host = () =>
      new Promise<number>((settle) => {
        resolve = settle;
      });
    const options = { capabilities: [Capability.hostFunctions('env', { host })] };
    const sandbox = await WasmSandbox.fromBytes(CALLS_HOST, options);
    const execution = sandbox.start('call', [1]);
    execution.step(1);
    await expect(sandbox.snapshot()).rejects.toThrow(/waits for a promise/);
    await expect(sandbox.fork()).rejects.toBeInstanceOf(SnapshotError);
    resolve(77);
    await new Promise((settle) => setImmediate(settle));
    const restored = await WasmSandbox.restore(await sandbox.snapshot(), { source: CALLS_HOST, ...options });
    expect(await restored.execution?.run()).toBe(77);
    expect(await execution.run()).toBe(77);
  });

  it('made while a call lets the event loop go round is of the checkpoint it stands at', async () => {
    const source = loadFixture('loopsum');
    const sandbox = await WasmSandbox.create({ source, yieldEvery: 1 });
    const call = sandbox.call('run', [2_000_000]);
    await new Promise((settle) => setImmediate(settle));
    const bytes = await sandbox.snapshot();
    const result = await call;
    const restored = await WasmSandbox.restore(bytes, { source });
    expect(await (restored.execution as Execution).run()).toBe(result);
    expect(restored.getResourceStats().gasUsed).toBe(sandbox.getResourceStats().gasUsed);
  });

  it('holds nothing of a guest that ran before, in whose registers its own has not been yet', async () => {
    const SECRET = 0x5ec2e75e;
    const params = new Array(40).fill(I32);
    const before = assemble({ functions: [{ name: 'take', type: [params, [I32]], code: [0x20, 39] }] });
    const sandbox = await WasmSandbox.fromBytes(before);
    expect(await sandbox.call('take', new Array(40).fill(SECRET))).toBe(SECRET);
    // Counts down, where it can be left; then come forty operands, none of which is there before.
    const loop = [0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b];
    const code = [...loop, ...new Array(40).fill([0x20, 0]).flat(), ...new Array(40).fill(0x1a)];
    const after = assemble({ functions: [{ name: 'run', type: [[I32], []], code }] });
    const left = await WasmSandbox.fromBytes(after);
    expect(left.start('run', [9]).step(10)).toBe('paused');
    const bytes = Buffer.from(await left.snapshot({ compress: false }));
    expect(bytes.length).toBeGreaterThan(40 * 8);
    expect(bytes.includes(Buffer.from(Int32Array.of(SECRET).buffer))).toBe(false);
  });

  it('needs the interpreter, and a sandbox that is there', async () => {
    const native = await WasmSandbox.fromBytes(COUNTER, { engine: 'native' });
    await expect(native.snapshot()).rejects.toThrow(/snapshot\(\) needs the interpreter/);
    await expect(native.fork()).rejects.toThrow(/fork\(\) needs the interpreter/);
    const sandbox = await WasmSandbox.fromBytes(COUNTER);
    const bytes = await sandbox.snapshot();
    await expect(WasmSandbox.restore(bytes, { source: COUNTER, engine: 'native' })).rejects.toThrow(UsageError);
    await expect(sandbox.snapshot({ compress: 1 as never })).rejects.toThrow(/compress must be true or false/);
    sandbox.dispose();
    await expect(sandbox.snapshot()).rejects.toBeInstanceOf(SandboxDisposed);
  });
});

describe('bytes that are refused', () => {
  const snapshot = async () => (await WasmSandbox.fromBytes(COUNTER)).snapshot({ compress: false });

  it('no snapshot, another version, another module', async () => {
    const restore = (bytes: Uint8Array, source: Uint8Array = COUNTER) => WasmSandbox.restore(bytes, { source });
    await expect(restore(new Uint8Array(100))).rejects.toThrow(/no snapshot of wasm-sandbox/);
    await expect(restore(new Uint8Array(0))).rejects.toThrow(/no snapshot of wasm-sandbox/);
    await expect(restore('text' as never)).rejects.toBeInstanceOf(UsageError);
    const bytes = await snapshot();
    const newer = bytes.slice();
    newer[8] = 2;
    await expect(restore(newer)).rejects.toThrow(/version 2 of the format; this is version 1/);
    await expect(restore(bytes, loadFixture('fib'))).rejects.toThrow(
      /of another module: its SHA-256 begins [\da-f]{12}/,
    );
    await expect(restore(bytes, Uint8Array.of(1, 2, 3))).rejects.toBeInstanceOf(CompileError);
  });

  it('a single changed bit, or bytes cut off, anywhere', async () => {
    for (const compress of [false, true]) {
      const bytes = await (await leftAt('minivm', ['100'], 50_000n)).snapshot({ compress });
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), fc.boolean(), async (at, bit, isCut) => {
          const changed = isCut ? bytes.slice(0, at) : bytes.slice();
          if (!isCut) changed[at] = changed[at]! ^ (1 << bit);
          await expect(WasmSandbox.restore(changed, programOptions('minivm', ['100']))).rejects.toBeInstanceOf(
            SnapshotError,
          );
        }),
        { numRuns: 60, seed: SEED },
      );
    }
  });

  it('files where the policy grants none, or none where it does', async () => {
    const capabilities = [Capability.filesystemAccess([{ memory: { 'in.txt': 'x' }, guest: '/' }])];
    const without = await (await WasmSandbox.fromBytes(COUNTER)).snapshot();
    const withFiles = await (await WasmSandbox.fromBytes(COUNTER, { capabilities })).snapshot();
    const refused = /made under a policy that grants other files/;
    await expect(WasmSandbox.restore(without, { source: COUNTER, capabilities })).rejects.toThrow(refused);
    await expect(WasmSandbox.restore(withFiles, { source: COUNTER })).rejects.toThrow(refused);
    const restored = await WasmSandbox.restore(withFiles, { source: COUNTER, capabilities });
    expect([...restored.files().keys()]).toEqual(['/in.txt']);
  });

  it('more than the limits allow', async () => {
    const sandbox = await WasmSandbox.fromBytes(loadFixture('grow'));
    await sandbox.call('grow', [100]);
    const bytes = await sandbox.snapshot();
    const restored = WasmSandbox.restore(bytes, { source: loadFixture('grow'), memoryLimit: 1 * MiB });
    await expect(restored).rejects.toThrow(/^Memory limit exceeded: the guest in the snapshot has 6619136 bytes/);
  });
});

describe('a fork', () => {
  it('goes its own way', async () => {
    const sandbox = await WasmSandbox.fromBytes(COUNTER, { instanceId: 'first' });
    await sandbox.call('count');
    const fork = await sandbox.fork();
    expect(fork.instanceId).toBe('first/1');
    expect(await fork.call('count')).toBe(2);
    expect(await fork.call('count')).toBe(3);
    expect(await sandbox.call('count')).toBe(2);
    sandbox.dispose();
    expect(await fork.call('count')).toBe(4);
  });
});
