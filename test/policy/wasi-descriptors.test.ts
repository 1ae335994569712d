import { describe, expect, test } from 'vitest';
import { type ByteSource, Capability, SecurityPolicy } from '../../policy/index.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { GasExhausted, UsageError } from '../../wasm/errors.ts';
import { LOOK, WASI_CALL } from '../../wasm/gas.ts';
import { Guest, PAGE } from './guest.ts';

const BAD = 0xffff_ffff;
/** What looking at an entry of a list of buffers is charged for, in bytes. */
const LOOKED = LOOK.buffer / WASI_CALL.perByte;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const small = (bytes: number) => SecurityPolicy.builder().maxOutput(bytes).build();

describe('fd_write', () => {
  test('gathers buffers in order, charges them, and says how many bytes it took', () => {
    const guest = new Guest();
    guest.put(100, 'hello, world');
    guest.vectors(0, [107, 5], [BAD, 0], [105, 2], [100, 5]);
    expect(guest.call('fd_write', 1, 0, 4, 64)).toBe(ERRNO.success);
    expect(text(guest.host.output('stdout'))).toBe('world, hello');
    expect(guest.u32(64)).toBe(12);
    expect(guest.charges).toEqual([4 * LOOKED, 12]);
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.success);
    expect(text(guest.host.output('stderr'))).toBe('world');
    expect(guest.host.outputBytes).toBe(17);
  });

  test('nothing is written where a pointer is wrong', () => {
    const guest = new Guest();
    guest.vectors(0, [100, 5], [PAGE - 2, 3]);
    for (const args of [
      [1, 0, 2, 64],
      [1, 0, 1, PAGE - 3],
      [1, 0, 1, BAD],
      [1, BAD, 1, 64],
      [1, PAGE - 8, 2, 64],
      [1, PAGE - 7, 1, 64],
    ] as const) {
      expect(guest.call('fd_write', ...args)).toBe(ERRNO.fault);
    }
    guest.vectors(0, [BAD, BAD]);
    expect(guest.call('fd_write', 1, 0, 1, 64)).toBe(ERRNO.fault);
    expect(guest.host.outputBytes).toBe(0);
    expect(guest.u32(64)).toBe(0);
  });

  test('lists without end and sums beyond 32 bits are refused before anything is allocated', () => {
    const guest = new Guest();
    expect(guest.call('fd_write', 1, 0, 1_025, 64)).toBe(ERRNO.inval);
    expect(guest.call('fd_write', 1, 0, BAD, 64)).toBe(ERRNO.inval);
    expect(guest.charges).toEqual([]);
    // Memory that claims to be as large as addresses reach, of which every buffer is nearly all.
    Object.defineProperty(guest, 'memory', {
      value: {
        byteLength: 2 ** 32,
        view: (pointer: number, length: number) =>
          length > PAGE ? new Uint8Array(0) : guest.bytes.subarray(pointer, pointer + length),
      },
    });
    guest.vectors(0, [0, 0x8000_0000], [0, 0x8000_0000]);
    expect(guest.call('fd_write', 1, 0, 2, 64)).toBe(ERRNO.inval);
    guest.vectors(0, [0, 0x8000_0000], [0, 0x7fff_ffff]);
    expect(guest.call('fd_write', 1, 0, 2, 64)).toBe(ERRNO.nospc);
    expect(guest.host.outputBytes).toBe(0);
  });

  test('a thousand buffers over the same bytes end at the limit', () => {
    const guest = new Guest();
    guest.vectors(0, ...Array.from({ length: 1_024 }, () => [0, PAGE] as const));
    expect(guest.call('fd_write', 1, 0, 1_024, 9_000)).toBe(ERRNO.nospc);
    expect(guest.host.outputBytes).toBe(0);
  });

  test('the limit counts both streams, to the byte; what is beyond is a violation', () => {
    const guest = new Guest(small(10));
    guest.put(100, '0123456789');
    guest.vectors(0, [100, 6]);
    expect(guest.call('fd_write', 1, 0, 1, 64)).toBe(ERRNO.success);
    guest.vectors(0, [100, 5]);
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.nospc);
    expect(guest.host.output('stderr')).toHaveLength(0);
    guest.vectors(0, [100, 4]);
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.success);
    expect(guest.host.outputBytes).toBe(10);
    guest.vectors(0, [100, 0]);
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.success);
    expect(guest.host.violations.events).toEqual([
      expect.objectContaining({
        sequence: 1,
        function: 'wasi_snapshot_preview1.fd_write',
        request: { kind: 'stdio', stream: 'stderr' },
        allowed: false,
        rule: 'outputLimit',
      }),
    ]);
  });

  test('what was captured survives many writes', () => {
    const guest = new Guest(small(5_000));
    for (let index = 0; index < 5_000; index++) {
      guest.bytes[100] = index & 0xff;
      guest.vectors(0, [100, 1]);
      expect(guest.call('fd_write', 1, 0, 1, 64)).toBe(ERRNO.success);
    }
    expect([...guest.host.output('stdout')]).toEqual(Array.from({ length: 5_000 }, (_, index) => index & 0xff));
    expect(guest.call('fd_write', 1, 0, 1, 64)).toBe(ERRNO.nospc);
  });

  test('gas that runs out leaves nothing written', () => {
    const guest = new Guest();
    guest.vectors(0, [100, 640]);
    guest.gasLeft = 20;
    expect(() => guest.call('fd_write', 1, 0, 1, 64)).toThrow(GasExhausted);
    expect(guest.host.outputBytes).toBe(0);
  });

  test('a sink gets bytes of its own, and nothing is captured', () => {
    const pieces: Uint8Array[] = [];
    const guest = new Guest(
      SecurityPolicy.strict().with(Capability.stdio({ stdout: (bytes) => void pieces.push(bytes) })),
    );
    guest.put(100, 'first');
    guest.vectors(0, [100, 5]);
    guest.call('fd_write', 1, 0, 1, 64);
    guest.put(100, 'other');
    guest.vectors(0, [100, 0]);
    guest.call('fd_write', 1, 0, 1, 64);
    expect(pieces.map(text)).toEqual(['first']);
    expect(guest.host.output('stdout')).toHaveLength(0);
    expect(guest.host.outputBytes).toBe(5);
  });

  test('a sink that waits suspends the guest, whose memory may move meanwhile', async () => {
    let release = (): void => undefined;
    const stdout = () => new Promise<void>((resolve) => (release = resolve));
    const guest = new Guest(SecurityPolicy.strict().with(Capability.stdio({ stdout })));
    guest.vectors(0, [100, 5]);
    const result = guest.call('fd_write', 1, 0, 1, 64);
    expect(result).toBeInstanceOf(Promise);
    guest.move();
    release();
    expect(await result).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(5);
  });

  test('the result may lie in the list, and the list in a buffer', () => {
    const guest = new Guest();
    guest.vectors(0, [0, 8]);
    expect(guest.call('fd_write', 1, 0, 1, 4)).toBe(ERRNO.success);
    expect([...guest.host.output('stdout')]).toEqual([0, 0, 0, 0, 8, 0, 0, 0]);
    expect(guest.u32(4)).toBe(8);
  });
});

describe('fd_read', () => {
  const reading = (stdin: ByteSource) => new Guest(SecurityPolicy.strict().with(Capability.stdio({ stdin })));

  test('is at its end where nothing was granted', () => {
    const guest = new Guest();
    guest.vectors(0, [100, 5]);
    guest.setU32(64, 99);
    expect(guest.call('fd_read', 0, 0, 1, 64)).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(0);
  });

  test.each<[string, () => ByteSource]>([
    ['text', () => 'grüße'],
    ['bytes', () => new TextEncoder().encode('grüße')],
  ])('scatters %s over buffers, and ends', (_, source) => {
    const guest = reading(source());
    guest.vectors(0, [200, 3], [BAD, 0], [100, 2], [300, 50]);
    expect(guest.call('fd_read', 0, 0, 3, 64)).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(5);
    expect(guest.call('fd_read', 0, 0, 4, 64)).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(2);
    expect(guest.charges).toEqual([3 * LOOKED, 5, 4 * LOOKED, 2]);
    expect(guest.call('fd_read', 0, 0, 4, 64)).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(0);
  });

  test('a function is asked for more only when its last piece is used up', () => {
    const wanted: number[] = [];
    const pieces = ['abcdef', 'gh'];
    const guest = reading((count) => {
      wanted.push(count);
      const piece = pieces.shift();
      return piece === undefined ? undefined : new TextEncoder().encode(piece);
    });
    guest.vectors(0, [100, 4]);
    const seen: string[] = [];
    for (let turn = 0; turn < 5; turn++) {
      expect(guest.call('fd_read', 0, 0, 1, 64)).toBe(ERRNO.success);
      seen.push(guest.text(100, guest.u32(64)));
    }
    expect(seen).toEqual(['abcd', 'ef', 'gh', '', '']);
    expect(wanted).toEqual([4, 4, 4, 4]);
  });

  test('a promise suspends the guest, whose memory may move meanwhile', async () => {
    const guest = reading(async () => new TextEncoder().encode('later'));
    guest.vectors(0, [100, 50]);
    const result = guest.call('fd_read', 0, 0, 1, 64);
    expect(result).toBeInstanceOf(Promise);
    guest.move();
    expect(await result).toBe(ERRNO.success);
    expect(guest.text(100, guest.u32(64))).toBe('later');
  });

  test('a piece that comes after a reset reaches no one', async () => {
    const guest = reading(async () => new TextEncoder().encode('later'));
    guest.vectors(0, [100, 50]);
    const result = guest.call('fd_read', 0, 0, 1, 64) as Promise<unknown>;
    guest.host.reset();
    await expect(result).rejects.toThrow(UsageError);
    expect(guest.u8(100)).toBe(0);
    expect(guest.host.audit.total).toBe(0);
  });

  test('wrong pointers take nothing from the stream, nor does gas that runs out', () => {
    const guest = reading('0123456789'.repeat(10));
    guest.vectors(0, [100, 100], [PAGE, 1]);
    expect(guest.call('fd_read', 0, 0, 2, 64)).toBe(ERRNO.fault);
    expect(guest.call('fd_read', 0, 0, 1, BAD)).toBe(ERRNO.fault);
    expect(guest.call('fd_read', 0, BAD, 1, 64)).toBe(ERRNO.fault);
    expect(guest.call('fd_read', 0, 0, 1_025, 64)).toBe(ERRNO.inval);
    guest.gasLeft = 2;
    expect(() => guest.call('fd_read', 0, 0, 1, 64)).toThrow(GasExhausted);
    expect(guest.u8(100)).toBe(0);
    guest.gasLeft = 100;
    expect(guest.call('fd_read', 0, 0, 1, 64)).toBe(ERRNO.success);
    expect(guest.u32(64)).toBe(100);
  });

  test('a buffer that overlaps the list does not change the list', () => {
    const guest = reading('XXXXXXXXXXXXXXXXYYYY');
    guest.vectors(0, [0, 16], [100, 4]);
    expect(guest.call('fd_read', 0, 0, 2, 64)).toBe(ERRNO.success);
    expect(guest.text(0, 16)).toBe('XXXXXXXXXXXXXXXX');
    expect(guest.text(100, 4)).toBe('YYYY');
  });

  test('bytes given as stdin are the grant’s own, and come again after a reset', () => {
    const bytes = new TextEncoder().encode('abc');
    const guest = reading(bytes);
    bytes.fill(0);
    for (let turn = 0; turn < 2; turn++) {
      guest.vectors(0, [100, 50]);
      guest.call('fd_read', 0, 0, 1, 64);
      expect(guest.text(100, guest.u32(64))).toBe('abc');
      guest.host.reset();
    }
  });
});

describe('the direction of a stream', () => {
  test('reading an output and writing the input are EBADF', () => {
    const guest = new Guest();
    guest.vectors(0, [100, 5]);
    expect(guest.call('fd_read', 1, 0, 1, 64)).toBe(ERRNO.badf);
    expect(guest.call('fd_read', 2, 0, 1, 64)).toBe(ERRNO.badf);
    expect(guest.call('fd_write', 0, 0, 1, 64)).toBe(ERRNO.badf);
  });
});

describe('what a descriptor is', () => {
  test('fd_fdstat_get: of unknown type unless it is a terminal, with the rights of its direction, none of a file', () => {
    const terminals = Capability.stdio({ terminals: ['stdin', 'stderr'] });
    const guest = new Guest(SecurityPolicy.strict().with(terminals));
    for (const [fd, right] of [
      [0, 1n << 1n],
      [1, 1n << 6n],
      [2, 1n << 6n],
    ] as const) {
      guest.bytes.fill(0xff, 0, 24);
      expect(guest.call('fd_fdstat_get', fd, 0)).toBe(ERRNO.success);
      expect([guest.u8(0), guest.u16(2), guest.u64(16)]).toEqual([fd === 1 ? 0 : 2, 0, 0n]);
      const rights = guest.u64(8);
      expect(rights & ((1n << 1n) | (1n << 6n))).toBe(right);
      // Seek and tell: with either, a C library takes the stream for a file.
      expect(rights & ((1n << 2n) | (1n << 5n))).toBe(0n);
    }
    expect(guest.call('fd_fdstat_get', 1, PAGE - 23)).toBe(ERRNO.fault);
    expect(guest.call('fd_fdstat_get', 1, BAD)).toBe(ERRNO.fault);
  });

  test('what is put in the place of a terminal is none, until the next reset', () => {
    const guest = new Guest(SecurityPolicy.strict().with(Capability.stdio({ terminals: ['stdin'] })));
    const type = () => {
      guest.call('fd_fdstat_get', 0, 0);
      return guest.u8(0);
    };
    expect(type()).toBe(2);
    guest.host.provide({ stdin: 'text' });
    expect(type()).toBe(0);
    guest.host.reset();
    expect(type()).toBe(2);
  });

  test.each([[['stdio']], ['stdin'], [[0]]])('%j is no list of terminals', (terminals) => {
    expect(() => Capability.stdio({ terminals: terminals as never })).toThrow(UsageError);
  });

  test('fd_fdstat_set_flags keeps known flags', () => {
    const guest = new Guest();
    expect(guest.call('fd_fdstat_set_flags', 1, 0b101)).toBe(ERRNO.success);
    expect(guest.call('fd_fdstat_set_flags', 1, 32)).toBe(ERRNO.inval);
    expect(guest.call('fd_fdstat_set_flags', 1, BAD)).toBe(ERRNO.inval);
    guest.call('fd_fdstat_get', 1, 0);
    expect(guest.u16(2)).toBe(0b101);
    guest.call('fd_fdstat_get', 2, 0);
    expect(guest.u16(2)).toBe(0);
  });

  test('fd_filestat_get tells streams apart and nothing of the host but terminals', () => {
    const guest = new Guest(SecurityPolicy.strict().with(Capability.stdio({ terminals: ['stdout'] })));
    const inodes = [0, 1, 2].map((fd) => {
      guest.bytes.fill(0xff, 0, 64);
      expect(guest.call('fd_filestat_get', fd, 0)).toBe(ERRNO.success);
      expect([guest.u64(0), guest.u8(16), guest.u64(24)]).toEqual([0n, fd === 1 ? 2 : 0, 1n]);
      expect([32, 40, 48, 56].map((at) => guest.u64(at))).toEqual([0n, 0n, 0n, 0n]);
      return guest.u64(8);
    });
    expect(new Set(inodes).size).toBe(3);
    expect(guest.call('fd_filestat_get', 1, PAGE - 63)).toBe(ERRNO.fault);
  });

  test('there are no preopened directories', () => {
    const guest = new Guest();
    for (const fd of [0, 1, 2, 3, 4, BAD]) {
      expect(guest.call('fd_prestat_get', fd, 0)).toBe(ERRNO.badf);
      expect(guest.call('fd_prestat_dir_name', fd, 0, 10)).toBe(ERRNO.badf);
    }
    expect(guest.host.violations.total).toBe(0);
  });
});

describe('what streams cannot do', () => {
  test.each<[string, number, (number | bigint)[]]>([
    ['fd_seek', ERRNO.spipe, [1, 0n, 0, 0]],
    ['fd_seek', ERRNO.spipe, [0, -1n, 2, BAD]],
    ['fd_seek', ERRNO.inval, [1, 0n, 3, 0]],
    ['fd_tell', ERRNO.spipe, [1, 0]],
    ['fd_pread', ERRNO.spipe, [0, 0, 1, 0n, 64]],
    ['fd_pwrite', ERRNO.spipe, [1, 0, 1, 0n, 64]],
    ['fd_advise', ERRNO.spipe, [1, 0n, 0n, 5]],
    ['fd_advise', ERRNO.inval, [1, 0n, 0n, 6]],
    ['fd_allocate', ERRNO.spipe, [1, 0n, 10n]],
    ['fd_sync', ERRNO.success, [1]],
    ['fd_datasync', ERRNO.success, [2]],
    ['fd_readdir', ERRNO.notdir, [0, 0, 10, 0n, 64]],
    ['fd_fdstat_set_rights', ERRNO.notcapable, [0, 1n << 6n, 0n]],
    ['fd_fdstat_set_rights', ERRNO.notcapable, [1, 0n, 1n]],
    ['fd_filestat_set_size', ERRNO.inval, [0, 0n]],
    ['fd_filestat_set_times', ERRNO.notcapable, [0, 0n, 0n, 0]],
    ['fd_filestat_set_times', ERRNO.inval, [0, 0n, 0n, 3]],
    ['path_open', ERRNO.notcapable, [0, 0, 0, 1, 0, 0n, 0n, 0, 64]],
    ['path_symlink', ERRNO.notcapable, [0, 1, 2, 0, 1]],
    ['path_symlink', ERRNO.badf, [0, 1, 3, 0, 1]],
    ['path_link', ERRNO.badf, [0, 0, 0, 1, 3, 0, 1]],
    ['path_rename', ERRNO.badf, [0, 0, 1, 3, 0, 1]],
    ['path_rename', ERRNO.notcapable, [0, 0, 1, 1, 0, 1]],
    ['sock_shutdown', ERRNO.notsock, [1, 3]],
    ['sock_send', ERRNO.notsock, [1, 0, 0, 0, 0]],
    ['sock_recv', ERRNO.notsock, [0, 0, 0, 0, 0, 0]],
    ['sock_accept', ERRNO.notsock, [0, 0, 0]],
  ])('%s gives %i', (name, errno, args) => {
    const guest = new Guest();
    expect(guest.call(name, ...args)).toBe(errno);
    expect(guest.bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe('descriptors that are not open', () => {
  const onDescriptors = WASI_FUNCTIONS.filter(({ name }) => /^(fd|sock|path)_/.test(name));
  const first = (name: string) => (name === 'path_symlink' ? 2 : 0);

  test.each(onDescriptors.map(({ name }) => name))('%s gives EBADF, before and after closing', (name) => {
    const { params } = onDescriptors.find((row) => row.name === name)!.type;
    const wide = new Set(params.flatMap((param, index) => (param === 0x7e ? [index] : [])));
    const args = (fd: number) => params.map((_, index) => (index === first(name) ? fd : wide.has(index) ? 0n : 0));
    const guest = new Guest();
    for (const fd of [3, 4, 1_000, 0x7fff_ffff, BAD]) expect(guest.call(name, ...args(fd))).toBe(ERRNO.badf);
    expect(guest.call('fd_close', 1)).toBe(ERRNO.success);
    expect(guest.call(name, ...args(1))).toBe(ERRNO.badf);
  });

  test('fd_renumber moves a descriptor onto an open one', () => {
    const guest = new Guest();
    guest.put(100, 'x');
    guest.vectors(0, [100, 1]);
    expect(guest.call('fd_renumber', 1, 3)).toBe(ERRNO.badf);
    expect(guest.call('fd_renumber', 3, 1)).toBe(ERRNO.badf);
    expect(guest.call('fd_renumber', 2, 2)).toBe(ERRNO.success);
    expect(guest.call('fd_renumber', 2, 1)).toBe(ERRNO.success);
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.badf);
    expect(guest.call('fd_write', 1, 0, 1, 64)).toBe(ERRNO.success);
    expect(text(guest.host.output('stderr'))).toBe('x');
    guest.host.reset();
    expect(guest.call('fd_write', 2, 0, 1, 64)).toBe(ERRNO.success);
    expect(text(guest.host.output('stderr'))).toBe('x');
  });
});
