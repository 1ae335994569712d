/** The calls on files and directories, on files in memory: what they answer, what they cost, what they leave alone. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { FLAGS, RIGHTS } from '../../policy/wasi/abi.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { GasExhausted, UsageError } from '../../wasm/errors.ts';
import { GuestExit } from '../../wasm/host.ts';
import { I32 } from '../../wasm/types.ts';
import { ALL, BELOW, FileGuest, folders, ROOT } from './file-guest.ts';
import { PAGE } from './guest.ts';

const BAD = 0xffff_ffff;
const START = 946_684_800_000_000_000n;

function inMemory(
  memory: Readonly<Record<string, string>> = {},
  options: Parameters<typeof Capability.filesystemAccess>[1] = {},
): FileGuest {
  return new FileGuest(SecurityPolicy.strict().with(Capability.filesystemAccess({ memory }, options)));
}

const texts = (guest: FileGuest) =>
  Object.fromEntries([...guest.host.files()].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]));

describe('preopened directories', () => {
  test('are told in the order of the grants; of two with one path the last counts', () => {
    const guest = new FileGuest(
      SecurityPolicy.strict().with(
        Capability.filesystemAccess([
          { memory: { a: '1' }, guest: '/ä' },
          { memory: {}, guest: 'b/' },
        ]),
        Capability.filesystemAccess({ memory: { a: '2' }, guest: '/ä/.' }),
      ),
    );
    const preopens = [3, 4].map((fd) => {
      expect(guest.errno('fd_prestat_get', fd, 0)).toBe('success');
      expect(guest.u8(0)).toBe(0);
      const length = guest.u32(4);
      expect(guest.errno('fd_prestat_dir_name', fd, 64, length)).toBe('success');
      return guest.text(64, length);
    });
    expect(preopens).toEqual(['/ä', '/b']);
    expect(guest.content('a')).toBe('2');
    expect(guest.errno('fd_prestat_get', 5, 0)).toBe('badf');
    expect(guest.errno('fd_prestat_dir_name', 3, 64, 2)).toBe('nametoolong');
    expect(guest.errno('fd_prestat_dir_name', 3, PAGE - 2, 3)).toBe('fault');
  });

  test.each([
    ['no paths at all', () => Capability.filesystemAccess({ memory: { '/': 'x' } })],
    ['a file above the root', () => Capability.filesystemAccess({ memory: { '../x': '' } })],
    ['a directory with contents', () => Capability.filesystemAccess({ memory: { 'x/': 'y' } })],
    ['contents that are none', () => Capability.filesystemAccess({ memory: { x: 1 } as never })],
    ['an unknown option', () => Capability.filesystemAccess({ memory: {} }, { maxbytes: 1 } as never)],
    ['too few descriptors', () => Capability.filesystemAccess({ memory: {} }, { maxDescriptors: 3 })],
    ['a NUL in a name', () => Capability.filesystemAccess({ memory: { 'a\0': '' } })],
  ])('%s is refused', (_, make) => {
    expect(make).toThrow(UsageError);
  });

  test('a policy that grants a folder needs somebody who opens it', () => {
    const policy = SecurityPolicy.strict().with(Capability.filesystemAccess('.'));
    expect(() => new FileGuest(policy)).toThrow(/grants the folder "\.", but this runtime has no folders/);
    const guest = new FileGuest(policy, folders('path'));
    expect(guest.open('package.json')).toBe('success');
    guest.host.close();
  });

  test('names are own keys: those of Object are ordinary files', () => {
    const memory = JSON.parse('{ "__proto__": "p", "constructor": "c", "toString": "t" }');
    const guest = inMemory(memory);
    expect(texts(guest)).toEqual({ '/__proto__': 'p', '/constructor': 'c', '/toString': 't' });
    expect(guest.content('__proto__')).toBe('p');
    expect(guest.open('hasOwnProperty')).toBe('noent');
  });
});

describe('the same at every run', () => {
  test('inode numbers, times and listings', () => {
    const run = () => {
      const guest = inMemory({ z: '1', 'b/c': '2', a: '3' });
      guest.errno('clock_time_get', 0, 0n, 0);
      guest.store('b/new', 'x');
      guest.on('path_create_directory', 'd');
      guest.stat('b/new');
      return [guest.list(ROOT), guest.stats, guest.used] as const;
    };
    const [list, stats] = run();
    expect(run()).toEqual(run());
    expect(list.map(({ name, inode }) => [name, inode])).toEqual([
      ['.', 1n],
      ['..', 1n],
      ['a', 5n],
      ['b', 3n],
      ['d', 7n],
      ['z', 2n],
    ]);
    // One reading of the clock was made, and files make none.
    expect(stats).toMatchObject({ inode: 6n, modified: START + 1_000_000n });
  });

  test('a reset gives back what was granted, and closes the rest', () => {
    const guest = inMemory({ keep: 'old' });
    guest.store('keep', 'changed');
    guest.store('more', 'x');
    const fd = guest.opened('keep');
    guest.host.reset();
    expect(texts(guest)).toEqual({ '/keep': 'old' });
    expect(guest.read(fd)).toBe('badf');
    expect(guest.content('keep')).toBe('old');
  });

  test('files are as old after a reset as they were at first, whatever the clock said before', () => {
    const guest = inMemory({ keep: 'old' });
    guest.stat('keep');
    const { stats } = guest;
    expect(stats).toMatchObject({ modified: START });
    for (let i = 0; i < 3; i++) guest.errno('clock_time_get', 0, 0n, 0);
    guest.host.reset();
    guest.stat('keep');
    expect(guest.stats).toEqual(stats);
  });
});

describe('listings', () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`file-${i}`, '']));

  test.each([24, 25, 33, 100, 4_096])('come whole through a buffer of %i bytes', (size) => {
    const guest = inMemory(many);
    const seen: string[] = [];
    // A buffer that holds no entry shows its size; the guest asks again with more room.
    for (let cookie = 0n, room = size; ; ) {
      const found = guest.list(ROOT, cookie, room);
      if (guest.result < room && found.length === 0) break;
      seen.push(...found.map(({ name }) => name));
      if (guest.result < room) break;
      if (found.length === 0) room *= 2;
      cookie = found.at(-1)?.next ?? cookie;
    }
    expect(seen).toEqual(['.', '..', ...Object.keys(many).sort()]);
  });

  test('tell no entry twice and leave none out while files go and come', () => {
    const guest = inMemory(many);
    const seen: string[] = [];
    for (let cookie = 0n, found = guest.list(ROOT, 0n, 200); found.length > 0; found = guest.list(ROOT, cookie, 200)) {
      for (const { name } of found) {
        seen.push(name);
        if (name.startsWith('file')) expect(guest.on('path_unlink_file', name)).toBe('success');
        guest.store(`aaa-${seen.length}`, '');
      }
      cookie = found.at(-1)?.next ?? cookie;
    }
    expect(seen.filter((name) => name.startsWith('file'))).toEqual(Object.keys(many).sort());
    expect(guest.list(ROOT, 0n).some(({ name }) => name === 'aaa-1')).toBe(true);
    expect(guest.list(ROOT, 1_000n)).toEqual([]);
  });

  test('cost what they look at', () => {
    const guest = inMemory(many);
    const before = guest.used;
    guest.list(ROOT, 0n, 24);
    expect(guest.used - before).toBeGreaterThanOrEqual(50);
  });

  test('are bounded together', () => {
    const files = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`${i}`, '']));
    const guest = inMemory(files);
    const errnos = Array.from({ length: 100 }, () =>
      guest.errno('fd_readdir', guest.opened('.', { rights: BELOW }), 0, 0, 0n, 512),
    );
    expect(errnos.indexOf('nomem')).toBe(Math.floor(262_144 / 3_002));
    expect(guest.host.violations.events[0]).toMatchObject({ rule: 'fileLimit' });
    guest.errno('fd_close', 4);
    expect(guest.errno('fd_readdir', ROOT, 0, 0, 0n, 512)).toBe('success');
  });
});

describe('reading and writing', () => {
  test('appending goes to the end, pwrite to its position', () => {
    const guest = inMemory({ f: 'abc' });
    const fd = guest.opened('f', { rights: ALL, fdFlags: FLAGS.append });
    expect(guest.write(fd, 'd')).toBe('success');
    expect(guest.errno('fd_tell', fd, 512)).toBe('success');
    expect(guest.u64(512)).toBe(4n);
    guest.put(0, 'X');
    guest.vectors(16, [0, 1]);
    expect(guest.errno('fd_pwrite', fd, 16, 1, 1n, 512)).toBe('success');
    expect(texts(guest)).toEqual({ '/f': 'aXcd' });
  });

  test('a gap reads as zeros, also where something was before', () => {
    const guest = inMemory({ f: 'abcdefgh' });
    const fd = guest.opened('f', { rights: ALL });
    guest.errno('fd_filestat_set_size', fd, 2n);
    guest.errno('fd_seek', fd, 6n, 0, 512);
    guest.write(fd, 'z');
    expect(texts(guest)).toEqual({ '/f': 'ab\0\0\0\0z' });
  });

  test('a gap costs what it takes to fill', () => {
    const guest = inMemory({}, { maxBytes: 1_000_000 });
    const fd = guest.opened('f', { flags: ['create'], rights: ALL });
    guest.errno('fd_seek', fd, 640_000n, 0, 512);
    const before = guest.used;
    guest.write(fd, 'z');
    expect(guest.used - before).toBeGreaterThanOrEqual(20_000);
  });

  test('an unlinked file lives as long as it is open, and takes room as long', () => {
    const guest = inMemory({}, { maxBytes: 10 });
    const fd = guest.opened('f', { flags: ['create'], rights: ALL });
    guest.write(fd, '0123456789');
    guest.on('path_unlink_file', 'f');
    guest.errno('fd_seek', fd, 0n, 0, 512);
    guest.read(fd);
    expect(guest.got).toBe('0123456789');
    const other = guest.opened('g', { flags: ['create'], rights: ALL });
    expect(guest.write(other, 'x')).toBe('nospc');
    guest.errno('fd_close', fd);
    expect(guest.write(other, '9876543210')).toBe('success');
  });

  test('out of gas, nothing is written, made or removed', () => {
    const guest = inMemory({ f: 'abc' });
    const fd = guest.opened('f', { rights: ALL });
    guest.gasLeft = 1;
    expect(() => guest.write(fd, 'x'.repeat(100))).toThrow(GasExhausted);
    guest.gasLeft = 1;
    expect(() => guest.errno('fd_filestat_set_size', fd, 1_000n)).toThrow(GasExhausted);
    for (const call of ['path_create_directory', 'path_unlink_file']) {
      guest.gasLeft = 1;
      expect(() => guest.on(call, 'f')).toThrow(GasExhausted);
    }
    expect(texts(guest)).toEqual({ '/f': 'abc' });
  });

  test('a bad pointer for the result makes and opens nothing', () => {
    const guest = inMemory({ f: 'abc' });
    guest.put(1_024, 'new');
    expect(guest.errno('path_open', ROOT, 0, 1_024, 3, 1, ALL, ALL, 0, PAGE - 3)).toBe('fault');
    const fd = guest.opened('f', { rights: ALL });
    guest.vectors(16, [1_024, 3]);
    for (const call of ['fd_write', 'fd_read']) expect(guest.errno(call, fd, 16, 1, BAD)).toBe('fault');
    expect(guest.errno('fd_seek', fd, 1n, 0, PAGE - 7)).toBe('fault');
    guest.errno('fd_tell', fd, 512);
    expect(guest.u64(512)).toBe(0n);
    expect(texts(guest)).toEqual({ '/f': 'abc' });
    expect(guest.opened('f')).toBe(fd + 1);
  });

  test('a file is ready in a poll', () => {
    const guest = inMemory({ f: 'abc' });
    const fd = guest.opened('f', { rights: RIGHTS.read | RIGHTS.poll });
    const bytes = guest.bytes;
    bytes[8] = 1;
    guest.setU32(16, fd);
    expect(guest.errno('poll_oneoff', 0, 100, 1, 512)).toBe('success');
    expect([guest.result, guest.u16(108), guest.u64(116)]).toEqual([1, ERRNO.success, 3n]);
  });
});

describe('flags', () => {
  test.each([
    ['unknown open flags', 'inval', (guest: FileGuest) => guest.errno('path_open', ROOT, 0, 0, 0, 16, 0n, 0n, 0, 512)],
    ['unknown descriptor flags', 'inval', (guest: FileGuest) => guest.open('f', { fdFlags: 32 })],
    ['unknown lookup flags', 'inval', (guest: FileGuest) => guest.errno('path_filestat_get', ROOT, 2, 0, 0, 512)],
    ['a directory to be made', 'inval', (guest: FileGuest) => guest.open('x', { flags: ['create', 'directory'] })],
    ['a hard link that follows', 'inval', (guest: FileGuest) => guest.errno('path_link', ROOT, 1, 0, 1, ROOT, 2, 1)],
    [
      'both times of a kind',
      'inval',
      (guest: FileGuest) => guest.errno('path_filestat_set_times', ROOT, 0, 0, 1, 0n, 0n, 3),
    ],
    ['a whence too many', 'inval', (guest: FileGuest) => guest.errno('fd_seek', guest.opened('f'), 0n, 3, 512)],
  ] as const)('%s give %s', (_, errno, act) => {
    const guest = inMemory({ f: 'abc' });
    guest.put(0, 'fx');
    expect(act(guest)).toBe(errno);
  });

  test('the older snapshot numbers the places to seek from differently', () => {
    const policy = SecurityPolicy.strict().with(Capability.filesystemAccess({ memory: { f: 'abcdef' } }));
    const seek = (module: string, whence: number) => {
      const guest = new FileGuest(policy, {}, module);
      const fd = guest.opened('f');
      guest.read(fd, 2);
      expect(guest.errno('fd_seek', fd, 1n, whence, 512)).toBe('success');
      return guest.u64(512);
    };
    expect([0, 1, 2].map((whence) => seek('wasi_snapshot_preview1', whence))).toEqual([1n, 3n, 7n]);
    expect([0, 1, 2].map((whence) => seek('wasi_unstable', whence))).toEqual([3n, 7n, 1n]);
  });
});

describe('the record', () => {
  test('shows the path that was asked for, as seen from the root', () => {
    const policy = SecurityPolicy.builder()
      .allowFilesystemAccess({ memory: { 'a/f': 'x' }, guest: '/m' })
      .enableAuditLogging()
      .build();
    const guest = new FileGuest(policy);
    const fd = guest.opened('a', { rights: BELOW });
    guest.open('../a/./f');
    guest.open('f', { fd });
    guest.read(guest.result);
    guest.open('/etc/passwd');
    guest.rename('a/f', 'a/g');
    const requests = guest.host.audit.events.map(({ request }) => request);
    expect(requests).toEqual([
      { kind: 'filesystem', path: '/m/a', access: 'read' },
      { kind: 'filesystem', path: '/a/f', access: 'read' },
      { kind: 'filesystem', path: '/m/a/f', access: 'read' },
      { kind: 'filesystem', path: '/m/a/f' },
      { kind: 'filesystem', path: '/etc/passwd', access: 'read' },
      { kind: 'filesystem', path: '/m/a/g', access: 'write' },
    ]);
    expect(guest.host.violations.events.map(({ request }) => request)).toEqual([requests[1], requests[4]]);
  });
});

describe('what is open stays usable', () => {
  test.each(['/', '/m'])('by a path whose letters seem to lead out of %s', (mount) => {
    const policy = SecurityPolicy.builder()
      .allowFilesystemAccess({ memory: { 'a/b/c/': '', 'a/f': 'x' }, guest: mount })
      .onViolation('trap')
      .build();
    const guest = new FileGuest(policy);
    guest.symlink('a/b/c', 'link');
    const fd = guest.opened('link/../../f');
    expect(guest.read(fd)).toBe('success');
    expect(guest.got).toBe('x');
    const directory = guest.opened('link/../..', { rights: BELOW });
    expect(guest.content('f', directory)).toBe('x');
    expect(guest.host.violations.total).toBe(0);
  });

  test('however deep its path has become', () => {
    const guest = inMemory();
    let fd = ROOT;
    const name = 'd'.repeat(255);
    for (let depth = 0; depth < 100; depth++) {
      expect(guest.on('path_create_directory', name, fd)).toBe('success');
      fd = guest.opened(name, { fd, rights: BELOW });
    }
    expect(guest.list(fd).map((entry) => entry.name)).toEqual(['.', '..']);
    expect(guest.open(`${name}/`.repeat(16).slice(0, -1))).toBe('success');
    expect(guest.open('d/'.repeat(65), { rights: BELOW })).toBe('noent');
    expect(guest.host.files().size).toBe(0);
    expect(guest.host.violations.total).toBe(0);
  });
});

describe('whatever a guest passes', () => {
  const edges = [0, 1, 2, 3, 4, 5, 8, 64, 100, 512, 1_024, 1_025, 65_528, 65_535, 65_536, 0x8000_0000, BAD];
  const i32 = fc.oneof(fc.constantFrom(0, 1, 2, 3, 3, 3, 4, 5), fc.constantFrom(...edges));
  const i64 = fc.oneof(fc.constantFrom(0n, 1n, ALL, BELOW, 100n), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  const rows = WASI_FUNCTIONS.filter(({ name }) => /^(fd|path)_/.test(name));
  const someCall = fc.constantFrom(...rows).chain((row) =>
    fc.record({
      row: fc.constant(row),
      args: fc.tuple(...row.type.params.map((param): fc.Arbitrary<number | bigint> => (param === I32 ? i32 : i64))),
    }),
  );

  test('a call answers with an error value, and one that fails leaves memory as it was', () => {
    fc.assert(
      fc.property(fc.array(someCall, { minLength: 1, maxLength: 30, size: 'max' }), (calls) => {
        const guest = inMemory({ a: 'x', 'b/c': 'y' }, { maxBytes: 100_000, maxFiles: 20, maxDescriptors: 16 });
        // Short names at the places that the arguments point to.
        guest.put(0, 'ab/c/../.abc');
        guest.put(64, 'b/c');
        guest.put(512, 'a');
        for (const { row, args } of calls) {
          const before = guest.bytes.slice();
          let errno: unknown;
          try {
            errno = guest.call(row.name, ...args);
          } catch (error) {
            expect(error).toBeInstanceOf(GuestExit);
          }
          expect(errno).toBeTypeOf('number');
          expect(errno).toBeLessThanOrEqual(ERRNO.notcapable);
          if (errno !== ERRNO.success) expect(Buffer.compare(guest.bytes, before)).toBe(0);
        }
        const size = [...guest.host.files().values()].reduce((sum, { length }) => sum + length, 0);
        expect(size).toBeLessThanOrEqual(100_000);
      }),
      { numRuns: 500 },
    );
  });
});
