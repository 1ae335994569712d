import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHost, SecurityPolicy } from '../../policy/index.ts';
import * as abi from '../../policy/wasi/abi.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { WASI_CALL } from '../../wasm/gas.ts';
import { GuestExit } from '../../wasm/host.ts';
import { funcType, I32, I64 } from '../../wasm/types.ts';
import { Guest } from './guest.ts';

/** The signatures of wasi_snapshot_preview1.witx as core types, written down apart from the table. */
const SIGNATURES = `
  args_get ii  args_sizes_get ii  environ_get ii  environ_sizes_get ii  clock_res_get ii  clock_time_get iIi
  fd_advise iIIi  fd_allocate iII  fd_close i  fd_datasync i  fd_fdstat_get ii  fd_fdstat_set_flags ii
  fd_fdstat_set_rights iII  fd_filestat_get ii  fd_filestat_set_size iI  fd_filestat_set_times iIIi  fd_pread iiiIi
  fd_prestat_get ii  fd_prestat_dir_name iii  fd_pwrite iiiIi  fd_read iiii  fd_readdir iiiIi  fd_renumber ii
  fd_seek iIii  fd_sync i  fd_tell ii  fd_write iiii  path_create_directory iii  path_filestat_get iiiii
  path_filestat_set_times iiiiIIi  path_link iiiiiii  path_open iiiiiIIii  path_readlink iiiiii
  path_remove_directory iii  path_rename iiiiii  path_symlink iiiii  path_unlink_file iii  poll_oneoff iiii
  proc_exit i  proc_raise i  random_get ii  sched_yield -  sock_accept iii  sock_recv iiiiii  sock_send iiiii
  sock_shutdown ii`;

const expected = SIGNATURES.trim()
  .split(/\s{2,}/)
  .map((entry) => {
    const [name, letters] = entry.split(' ') as [string, string];
    const params = letters === '-' ? [] : [...letters].map((letter) => (letter === 'i' ? I32 : I64));
    return { name, key: funcType(params, name === 'proc_exit' ? [] : [I32]).key };
  });

describe('the table', () => {
  test('has all 46 functions with the types of the specification', () => {
    expect(expected).toHaveLength(46);
    const table = WASI_FUNCTIONS.map(({ name, type }) => ({ name, key: type.key }));
    expect(table.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      expected.sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  });

  test.each(WASI_FUNCTIONS.map(({ name, type }) => [name, type] as const))(
    '%s is granted, at its price',
    (name, type) => {
      const found = createHost(SecurityPolicy.strict()).resolve('wasi_snapshot_preview1', name, type);
      expect(found?.type.key).toBe(type.key);
      expect(found?.gas).toEqual(WASI_CALL);
    },
  );

  test.each(WASI_FUNCTIONS.map(({ name }) => name))('%s is not granted with another type', (name) => {
    const { resolve } = createHost(SecurityPolicy.strict());
    expect(resolve('wasi_snapshot_preview1', name, funcType([I64], [I64]))).toBeUndefined();
  });

  test('errno values are numbered without gaps', () => {
    expect(Object.values(ERRNO)).toEqual(Array.from({ length: 77 }, (_, index) => index));
    expect([ERRNO.badf, ERRNO.fault, ERRNO.inval, ERRNO.nosys, ERRNO.spipe, ERRNO.notcapable]).toEqual([
      8, 21, 28, 52, 70, 76,
    ]);
  });

  test('structures have the sizes and offsets of the specification', () => {
    expect([abi.IOVEC.size, abi.FDSTAT.size, abi.EVENT.size]).toEqual([8, 24, 32]);
    const bytes = new Uint8Array(64).fill(0xff);
    abi.EVENT.write(bytes, { userdata: 1n, error: 2, type: 3, bytes: 4n, flags: 5 });
    const view = new DataView(bytes.buffer);
    expect(view.getBigUint64(0, true)).toBe(1n);
    expect([bytes[8], bytes[10], bytes[16], bytes[24]]).toEqual([2, 3, 4, 5]);
    expect([bytes[11], bytes[31], bytes[32]]).toEqual([0, 0, 0xff]);
    abi.FDSTAT.write(bytes, { filetype: 1, flags: 2, rightsBase: 3n, rightsInheriting: 4n });
    expect([0, 2, 8, 16].map((at) => bytes[at])).toEqual([1, 2, 3, 4]);
  });
});

describe.each([
  { module: 'wasi_snapshot_preview1', filestat: [64, 16, 24, 32, 40, 48, 56], clock: [48, 16, 24, 40] },
  { module: 'wasi_unstable', filestat: [56, 16, 20, 24, 32, 40, 48], clock: [56, 24, 32, 48] },
] as const)('structures of $module', ({ module, filestat: [size, ...places], clock: [whole, ...fields] }) => {
  const { filestat, clock } = abi.ABI[module];

  test('what is said of a file', () => {
    const bytes = new Uint8Array(72).fill(0xff);
    const times = { accessed: 5n, modified: 6n, changed: 7n };
    filestat.write(bytes, { device: 1n, inode: 1n, filetype: 2, links: 3n, size: 4n, ...times });
    expect(filestat.size).toBe(size);
    expect(places.map((at) => bytes[at])).toEqual([2, 3, 4, 5, 6, 7]);
    expect([bytes[size - 1], bytes[size]]).toEqual([0, 0xff]);
  });

  test('a subscription to a clock', () => {
    const { id, timeout, flags } = clock.offsets;
    const { size } = abi.SUBSCRIPTION_HEAD;
    expect([size + clock.size, size + id, size + timeout, size + flags]).toEqual([whole, ...fields]);
  });
});

describe('the older snapshot', () => {
  const type = (name: string) => WASI_FUNCTIONS.find((row) => row.name === name)!.type;

  test('serves calls that are the same', () => {
    const guest = new Guest(undefined, {}, 'wasi_unstable');
    guest.vectors(0, [100, 2]);
    guest.put(100, 'hi');
    expect(guest.call('fd_write', 1, 0, 1, 8)).toBe(ERRNO.success);
    expect(new TextDecoder().decode(guest.host.output('stdout'))).toBe('hi');
  });

  test('has as many links as it can say', () => {
    const bytes = new Uint8Array(56);
    const none = { device: 0n, inode: 0n, filetype: 4, size: 0n, accessed: 0n, modified: 0n, changed: 0n };
    abi.ABI.wasi_unstable.filestat.write(bytes, { ...none, links: 1n << 40n });
    expect(new DataView(bytes.buffer).getUint32(20, true)).toBe(0xffff_ffff);
    expect(new DataView(bytes.buffer).getBigUint64(24, true)).toBe(0n);
  });

  test.each(expected.filter(({ name }) => name !== 'sock_accept').map(({ name }) => name))('has %s', (name) => {
    const found = createHost(SecurityPolicy.strict()).resolve('wasi_unstable', name, type(name));
    expect(found?.type.key).toBe(type(name).key);
    expect(found?.gas).toEqual(WASI_CALL);
  });

  test('has no sock_accept', () => {
    const { resolve } = createHost(SecurityPolicy.strict());
    expect(resolve('wasi_unstable', 'sock_accept', type('sock_accept'))).toBeUndefined();
  });
});

describe('whatever a guest passes', () => {
  const edges = [0, 1, 2, 3, 8, 100, 1_024, 1_025, 65_528, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8];
  const i32 = fc.oneof(fc.constantFrom(...edges, 0xffff_ffff), fc.integer({ min: 0, max: 70_000 }));
  const i64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  const someCall = fc.constantFrom(...WASI_FUNCTIONS).chain((row) =>
    fc.record({
      row: fc.constant(row),
      args: fc.tuple(...row.type.params.map((param): fc.Arbitrary<number | bigint> => (param === I32 ? i32 : i64))),
    }),
  );
  const memory = fc.oneof(
    fc.constant(new Uint8Array(0)),
    fc.array(fc.constantFrom(...edges, 0xffff_ffff), { maxLength: 40 }).map((words) => {
      return new Uint8Array(Uint32Array.from(words).buffer);
    }),
  );

  test('a call answers with an error value, and one that fails leaves memory as it was', () => {
    const run = (
      start: Uint8Array,
      calls: readonly { row: (typeof WASI_FUNCTIONS)[number]; args: (number | bigint)[] }[],
    ) => {
      const guest = new Guest(SecurityPolicy.builder().maxOutput(1_000_000).build(), { args: ['a', 'b'] });
      guest.bytes.set(start);
      for (const { row, args } of calls) {
        const before = guest.bytes.slice();
        let errno: unknown;
        try {
          errno = guest.call(row.name, ...args);
        } catch (error) {
          expect(row.name).toBe('proc_exit');
          expect(error).toBeInstanceOf(GuestExit);
          continue;
        }
        expect(errno).toBeTypeOf('number');
        expect(errno).toBeLessThanOrEqual(ERRNO.notcapable);
        if (errno !== ERRNO.success) expect(Buffer.compare(guest.bytes, before)).toBe(0);
      }
      return guest.host.outputBytes;
    };
    fc.assert(
      fc.property(memory, fc.array(someCall, { minLength: 1, maxLength: 8 }), (start, calls) => {
        expect(run(start, calls)).toBeLessThanOrEqual(1_000_000);
      }),
      { numRuns: 400 },
    );
  });
});
