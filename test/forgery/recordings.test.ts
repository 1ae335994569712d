import { describe, expect, it } from 'vitest';
import { Capability, CpuTimeoutExceeded, replay, SnapshotError, WasmSandbox } from '../../src/index.ts';
import { EVENT } from '../../src/replay/events.ts';
import { pack, unpack } from '../../src/snapshot/container.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { CALLS_HOST } from '../sandbox/modules.ts';

/** What stands before the events of a recording, and what is to be forged of it. */
interface Head {
  readonly imports: readonly { readonly module: string; readonly name: string; base: number; perByte: number }[];
  /** Written in the place of their number. */
  readonly count?: number;
}

/** A recording of the module that has this head and these events. */
async function recordingOf({ imports, count = imports.length }: Head, events: Uint8Array): Promise<Uint8Array> {
  const to = new WireWriter();
  to.u32(GAS_VERSION);
  to.bytesOf(CALLS_HOST);
  to.u32(0);
  to.flag(false);
  to.u64(0n);
  to.number(2 ** 20);
  to.number(2 ** 16);
  to.u32(count);
  for (const { module, name, base, perByte } of imports) {
    to.text(module);
    to.text(name);
    to.number(base);
    to.number(perByte);
  }
  to.flag(false);
  to.raw(events);
  return pack(to.written, true, { kind: 'recording' });
}

const IMPORT = { module: 'env', name: 'host', base: 100, perByte: 1 };

/** The events of one call, whose result is that of its one call of the host. */
async function genuineEvents(): Promise<Uint8Array> {
  const capabilities = [Capability.hostFunctions('env', { host: (value: unknown) => value }, { gas: 100, perByte: 1 })];
  const sandbox = await WasmSandbox.create({ source: CALLS_HOST, capabilities, record: true });
  await sandbox.call('call', [1]);
  const bytes = Uint8Array.from(await sandbox.recording());
  const from = new WireReader(await unpack(bytes, { kind: 'recording', maxBytes: 2 ** 20 }));
  from.u32();
  from.bytesOf();
  expect(from.u32()).toBe(0);
  from.flag();
  from.u64();
  from.number();
  from.number();
  expect(from.u32()).toBe(1);
  from.text();
  from.text();
  expect([from.number(), from.number()]).toEqual([IMPORT.base, IMPORT.perByte]);
  expect(from.flag()).toBe(false);
  return from.raw(from.left).slice();
}

describe('a forged recording', () => {
  it('is a recording, where nothing is forged', async () => {
    expect(await replay(await recordingOf({ imports: [IMPORT] }, await genuineEvents()))).toMatchObject({ same: true });
  });

  it('has no other number of imports than its module, however many bytes there are for them', async () => {
    const zeros = new Uint8Array(24 * 100_000);
    for (const count of [0, 2, 100_000, 0xffff_ffff]) {
      const replaying = replay(await recordingOf({ imports: [], count }, zeros));
      await expect(replaying).rejects.toBeInstanceOf(SnapshotError);
      await expect(replaying).rejects.toThrow('its imports are not those of the module');
    }
  });

  it.each([
    ['base', -1],
    ['base', 0.5],
    ['base', 2 ** 32],
    ['base', Number.NaN],
    ['perByte', -1],
    ['perByte', Number.NaN],
    ['perByte', Number.POSITIVE_INFINITY],
    ['perByte', 2 ** 32],
  ])('has no price that no policy grants: %s of %d', async (which, price) => {
    const replaying = replay(await recordingOf({ imports: [{ ...IMPORT, [which]: price }] }, await genuineEvents()));
    await expect(replaying).rejects.toBeInstanceOf(SnapshotError);
    await expect(replaying).rejects.toThrow(/the price of a (host call|byte) is out of range/);
  });

  it('whose events cost no gas ends in time all the same', async () => {
    const events = await genuineEvents();
    // Behind the call of the host, which is as far as its result: pieces of nothing, written to memory.
    const at = events.lastIndexOf(EVENT.result);
    const writes = new Uint8Array(at + 9 * 500_000);
    writes.set(events.subarray(0, at));
    for (let i = at; i < writes.length; i += 9) writes[i] = EVENT.write;
    const forged = await recordingOf({ imports: [IMPORT] }, writes);
    await expect(replay(forged, { timeout: 1 })).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });

  it('is read no further than it may be long', async () => {
    const events = await genuineEvents();
    const recording = await recordingOf({ imports: [IMPORT] }, events);
    expect(await replay(recording, { recordingLimit: 1_000 })).toMatchObject({ same: true });
    await expect(replay(recording, { recordingLimit: 50 })).rejects.toThrow(/the limits allow 50/);
    const bomb = await recordingOf({ imports: [IMPORT] }, new Uint8Array(20 * 2 ** 20));
    await expect(replay(bomb, { recordingLimit: 2 ** 20 })).rejects.toThrow(/the limits allow 1048576/);
  });
});
