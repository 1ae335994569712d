/** Recordings of guests that are linked with other modules. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Caller,
  Capability,
  type EngineName,
  replay,
  type SandboxOptions,
  SnapshotError,
  WasmSandbox,
} from '../../src/index.ts';
import { pack, unpack } from '../../src/snapshot/container.ts';
import { parse } from '../../src/text.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';

import { WireWriter } from '../../wasm/wire.ts';
import { SEED } from '../property/runner.ts';
import { CASES } from './linked-cases.ts';

const ENGINES: readonly EngineName[] = ['interpreter', 'native'];

/** The library imports a function twice, and passes it on; its memory is not the guest's. */
const OPTIONS: SandboxOptions = {
  source: `(module
    (import "library" "sum" (func $sum (param i32) (result i32)))
    (import "library" "note" (func $note (param i32 i32)))
    (import "env" "note" (func $own (param i32 i32)))
    (import "library" "trap" (func $trap))
    (memory (export "memory") 1)
    (func (export "run") (param i32) (result i32)
      (call $own (i32.const 16) (i32.const 4))
      (call $note (i32.const 32) (i32.const 4))
      (i32.add (call $sum (local.get 0)) (i32.load8_u (i32.const 35))))
    (func (export "trap") (call $trap))
    (func (export "spin") (loop (br 0))))`,
  modules: {
    library: `(module
      (import "env" "note" (func $note (param i32 i32)))
      (import "env" "note" (func $again (param i32 i32)))
      (export "note" (func $again))
      (memory 1)
      (func (export "sum") (param i32) (result i32)
        (call $note (i32.const 8) (local.get 0))
        (i32.add (i32.load8_u (i32.const 8)) (i32.load8_u (i32.const 9))))
      (func (export "trap") (unreachable)))`,
  },
  capabilities: [
    Capability.hostFunctions(
      'env',
      {
        note: {
          params: ['i32', 'i32'],
          results: [],
          call: (caller: Caller, [at, length]: readonly unknown[]) => {
            const bytes = caller.memory?.view(at as number, length as number);
            caller.chargeBytes(length as number);
            bytes?.forEach((_, i) => {
              bytes[i] = 7 + i;
            });
          },
        },
      },
      { gas: 50, perByte: 2 },
    ),
  ],
};

const RECORDED = { ...OPTIONS, record: true };

const contentsOf = async (sandbox: WasmSandbox): Promise<Uint8Array> =>
  unpack(Uint8Array.from(await sandbox.recording()), { kind: 'recording', maxBytes: 2 ** 24 });

async function same(sandbox: WasmSandbox) {
  const report = await replay(await sandbox.recording());
  expect(report).toMatchObject({ same: true, difference: undefined, gasUsed: sandbox.getResourceStats().gasUsed });
  return report;
}

test.each(CASES)('$name', async ({ options, call: [name, ...args], result }) => {
  const sandbox = await WasmSandbox.create({ ...options, record: true });
  expect(await sandbox.call(name, args)).toBe(result);
  expect((await same(sandbox)).calls).toBe(1);
});

test('of both engines are the same bytes, and are replayed to the same end', async () => {
  const recordings = [];
  for (const engine of ENGINES) {
    const sandbox = await WasmSandbox.create({ ...RECORDED, engine });
    expect(await sandbox.call('run', [2])).toBe(25);
    await expect(sandbox.call('trap')).rejects.toMatchObject({ code: 'TRAP' });
    await expect(sandbox.call('spin', [], { gasLimit: 1_000 })).rejects.toMatchObject({ code: 'GAS_EXHAUSTED' });
    // What the first call wrote to the library's second byte is still there.
    expect(await sandbox.call('run', [1])).toBe(25);
    expect(await same(sandbox)).toMatchObject({ calls: 4, hostCalls: 6 });
    await sandbox.reset();
    await sandbox.call('run', [2]);
    expect(await same(sandbox)).toMatchObject({ calls: 1, hostCalls: 3 });
    recordings.push(await contentsOf(sandbox));
  }
  expect(recordings[1]).toEqual(recordings[0]);
});

test('that begin in the middle of a call, behind a snapshot and a fork', async () => {
  for (const {
    options,
    call: [name, ...args],
    result,
  } of CASES) {
    const first = await WasmSandbox.create({ ...options, record: true });
    const execution = first.start(name, args);
    expect(execution.step(5n), name).toBe('paused');
    const restored = await WasmSandbox.restore(await first.snapshot(), { ...options, record: true });
    expect(await restored.execution?.run(), name).toBe(result);
    expect((await same(restored)).calls).toBe(1);
    const fork = await first.fork();
    expect(await fork.execution?.run(), name).toBe(result);
    await same(fork);
    execution.cancel();
    await same(first);
  }
});

test('tell that another module was put in the place of one', async () => {
  const sandbox = await WasmSandbox.create(RECORDED);
  await sandbox.call('run', [2]);
  const contents = await contentsOf(sandbox);
  // `i32.const 9` of the library becomes `i32.const 10`, where nothing was written.
  const at = contents.findIndex((_, i) => [0x41, 9, 0x2d].every((byte, j) => contents[i + j] === byte));
  expect(at).toBeGreaterThan(0);
  contents[at + 1] = 10;
  const report = await replay(await pack(contents, false, { kind: 'recording' }));
  expect(report).toMatchObject({ same: false, calls: 1, hostCalls: 3 });
  expect(report.difference).toContain('the result of call 1, of "run" is 17, and was 25');
});

describe('forged', () => {
  const GUEST = parse('(module (import "a" "f" (func)))');
  const OTHER = parse('(module (func (export "f")))');

  function recordingOf(modules: readonly (readonly [string, Uint8Array])[], count = modules.length) {
    const to = new WireWriter();
    to.u32(GAS_VERSION);
    to.bytesOf(GUEST);
    to.u32(count);
    for (const [name, bytes] of modules) {
      to.text(name);
      to.bytesOf(bytes);
    }
    to.flag(false);
    to.u64(0n);
    to.number(2 ** 20);
    to.number(2 ** 16);
    to.u32(0);
    to.flag(false);
    to.raw(new Uint8Array(64));
    return pack(to.written, true, { kind: 'recording' });
  }

  test.each([
    ['more modules than a guest can be linked with', [], 101, 'it has 101 modules'],
    ['more modules than there are bytes', [], 0xffff_ffff, 'it has 4294967295 modules'],
    [
      'one name for two',
      [
        ['a', OTHER],
        ['a', OTHER],
      ],
      2,
      'two of its modules have the same name',
    ],
    [
      'a module that nobody imports from',
      [
        ['a', OTHER],
        ['b', OTHER],
      ],
      2,
      'a module in it is imported by no other',
    ],
    ['a name that is too long', [['a'.repeat(200_000), OTHER]], 1, 'too long'],
  ] as const)('%s', async (_, modules, count, reason) => {
    const replaying = replay(await recordingOf(modules, count));
    await expect(replaying).rejects.toBeInstanceOf(SnapshotError);
    await expect(replaying).rejects.toThrow(reason);
  });

  test('a module that is none, and one that does not fit', async () => {
    await expect(replay(await recordingOf([['a', new Uint8Array(8)]]))).rejects.toMatchObject({ code: 'COMPILE' });
    await expect(replay(await recordingOf([['a', GUEST]]))).rejects.toMatchObject({ code: 'LINK' });
  });

  test('anywhere: refused, or another recording, and nothing else', async () => {
    const sandbox = await WasmSandbox.create(RECORDED);
    await sandbox.call('run', [2]);
    const contents = await contentsOf(sandbox);
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.nat(contents.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = contents.slice();
        bytes[at] = byte;
        const forged = await pack(bytes, false, { kind: 'recording' });
        try {
          const { same, difference } = await replay(forged, { gasLimit: 1_000_000, memoryLimit: 2 ** 30 });
          expect(same).toBe(difference === undefined);
          codes.add(same ? 'same' : 'different');
        } catch (error) {
          expect(error).toHaveProperty('code');
          codes.add((error as { code: string }).code);
        }
      }),
      { numRuns: 400, seed: SEED },
    );
    expect([...codes]).toEqual(expect.arrayContaining(['different', 'SNAPSHOT', 'COMPILE', 'LINK']));
  });
});
