/** Guests that import WASI by its older name: what differs from preview 1 is as they expect it, on both engines. */

import { describe, expect, test } from 'vitest';
import { Capability, LinkError, SecurityPolicy, WasmSandbox } from '../../src/index.ts';

/** Results of WASI calls go to address 1024, the path `f` is at 0. */
const guest = (module: string) => `(module
  (import "${module}" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "${module}" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
  (import "${module}" "path_filestat_get" (func $pathStat (param i32 i32 i32 i32 i32) (result i32)))
  (import "${module}" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "${module}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "${module}" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "f")
  (func (export "open") (result i32)
    (if (result i32) (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
                                 (i64.const 0x20003e) (i64.const 0) (i32.const 0) (i32.const 1024))
      (then (i32.const -1)) (else (i32.load (i32.const 1024)))))
  (func (export "stat") (param $fd i32) (result i32) (call $stat (local.get $fd) (i32.const 1024)))
  (func (export "pathStat") (result i32)
    (call $pathStat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1024)))
  (func (export "seek") (param $fd i32) (param $delta i64) (param $whence i32) (result i32)
    (call $seek (local.get $fd) (local.get $delta) (local.get $whence) (i32.const 1024)))
  (func (export "poll") (param $count i32) (result i32)
    (call $poll (i32.const 2048) (i32.const 4096) (local.get $count) (i32.const 1024)))
  (func (export "now") (result i64)
    (drop (call $time (i32.const 1) (i64.const 0) (i32.const 1024))) (i64.load (i32.const 1024))))`;

interface Exports {
  open(): number;
  stat(fd: number): number;
  pathStat(): number;
  seek(fd: number, delta: bigint, whence: number): number;
  poll(count: number): number;
  now(): bigint;
}

const MODULES = [
  {
    module: 'wasi_snapshot_preview1',
    size: 24,
    links: 8,
    whence: [0, 1, 2],
    statSize: 64,
    subscription: 48,
    clock: 16,
  },
  { module: 'wasi_unstable', size: 24, links: 4, whence: [2, 0, 1], statSize: 56, subscription: 56, clock: 24 },
] as const;

const securityPolicy = SecurityPolicy.strict().with(
  Capability.filesystemAccess({ memory: { f: 'abcdef' } }),
  Capability.clock({ start: 0, step: 1 }),
);

const create = async (module: string, engine: 'interpreter' | 'native') => {
  const sandbox = await WasmSandbox.create({ source: guest(module), securityPolicy, engine });
  return { sandbox, wasi: sandbox.functions<Exports>() };
};

/** Subscriptions to the monotonic clock at 2048, each to what is given, with 7, 8, … as their data. */
function subscribe(sandbox: WasmSandbox, { subscription, clock }: (typeof MODULES)[number], times: readonly bigint[]) {
  const bytes = new Uint8Array(subscription * times.length);
  const view = new DataView(bytes.buffer);
  for (const [index, time] of times.entries()) {
    const at = subscription * index;
    view.setBigUint64(at, BigInt(7 + index), true);
    // What only the older one has stands before the clock, and says nothing.
    view.setBigUint64(at + 16, 0xffff_ffff_ffffn, true);
    view.setUint32(at + clock, 1, true);
    view.setUint32(at + clock + 4, 0, true);
    view.setBigUint64(at + clock + 8, time, true);
  }
  sandbox.memory.write(2048, bytes);
}

describe.each(['interpreter', 'native'] as const)('on the engine %s', (engine) => {
  describe.each(MODULES)('$module', (row) => {
    test('says of files and streams what they are, where it is looked for', async () => {
      const { sandbox, wasi } = await create(row.module, engine);
      const stat = () => {
        const view = new DataView(sandbox.memory.read(1024, 80).buffer);
        const links = row.links === 8 ? view.getBigUint64(24, true) : BigInt(view.getUint32(20, true));
        const rest = row.statSize - 32;
        return {
          type: view.getUint8(16),
          links,
          size: view.getBigUint64(rest, true),
          behind: view.getUint8(row.statSize),
        };
      };
      const fill = () => sandbox.memory.write(1024, new Uint8Array(80).fill(0xff));
      const file = { type: 4, links: 1n, size: 6n, behind: 0xff };
      fill();
      expect(await wasi.pathStat()).toBe(0);
      expect(stat()).toEqual(file);
      const fd = await wasi.open();
      fill();
      expect(await wasi.stat(fd)).toBe(0);
      expect(stat()).toEqual(file);
      fill();
      expect(await wasi.stat(1)).toBe(0);
      expect(stat()).toMatchObject({ links: 1n, size: 0n, behind: 0xff });
    });

    test('seeks from where it is told to', async () => {
      const { sandbox, wasi } = await create(row.module, engine);
      const fd = await wasi.open();
      const places: bigint[] = [];
      for (const whence of row.whence) {
        expect(await wasi.seek(fd, 2n, whence)).toBe(0);
        places.push(new DataView(sandbox.memory.read(1024, 8).buffer).getBigUint64(0, true));
      }
      expect(places).toEqual([2n, 4n, 8n]);
      expect(await wasi.seek(fd, 0n, 3)).toBe(28);
    });

    test('waits for the first of several times', async () => {
      const { sandbox, wasi } = await create(row.module, engine);
      subscribe(sandbox, row, [5_000n, 1_000n, 9_000n]);
      const before = await wasi.now();
      expect(await wasi.poll(3)).toBe(0);
      expect([...new Uint32Array(sandbox.memory.read(1024, 4).buffer)]).toEqual([1]);
      expect(sandbox.memory.read(4096, 12)).toEqual(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      expect((await wasi.now()) - before).toBe(1_001n);
    });
  });
});

test.each(MODULES)('$module: what is open goes on from a snapshot', async (row) => {
  const first = await create(row.module, 'interpreter');
  const fd = await first.wasi.open();
  await first.wasi.seek(fd, 3n, row.whence[0]);
  const bytes = await first.sandbox.snapshot();
  first.sandbox.dispose();
  const sandbox = await WasmSandbox.restore(bytes, { source: guest(row.module), securityPolicy });
  await sandbox.functions<Exports>().seek(fd, 1n, row.whence[1]);
  expect([...new BigUint64Array(sandbox.memory.read(1024, 8).buffer)]).toEqual([4n]);
});

test('what only preview 1 has is refused when linking', async () => {
  const source = '(import "wasi_unstable" "sock_accept" (func (param i32 i32 i32) (result i32)))';
  await expect(WasmSandbox.create({ source })).rejects.toBeInstanceOf(LinkError);
});
