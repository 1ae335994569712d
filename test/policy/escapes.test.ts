/**
 * Ways out of a granted directory, each of which must be refused, be on record, and leave everything outside as it
 * was. All are tried on folders held by descriptor and by path; what needs no preparation by the host, also on files
 * in memory.
 */

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnchorKind } from '../../policy/fs/node/anchor.ts';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { RIGHTS } from '../../policy/wasi/abi.ts';
import { SecurityViolation } from '../../wasm/errors.ts';
import { ALL, BELOW, FileGuest, folders, ROOT } from './file-guest.ts';
import { PAGE } from './guest.ts';

const SECRET = 'secret';
const hasDescriptors = existsSync('/proc/self/fd');
const anchors: readonly AnchorKind[] = hasDescriptors ? ['descriptor', 'path'] : ['path'];
const hasPipes = process.platform !== 'win32';
const LIMITS = { maxBytes: 100_000, maxFiles: 40, maxDescriptors: 32 };
/** Descriptor of the second directory, which is for reading only. */
const READ_ONLY = 4;

let base = '';
let inside = '';

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'wasm-sandbox-escape-')));
  inside = join(base, 'inside');
  for (const folder of ['inside/a/b', 'inside/full', 'outside/empty', 'outside/b', 'readonly/folder']) {
    mkdirSync(join(base, folder), { recursive: true });
  }
  for (const file of [
    'secret.txt',
    'outside/secret.txt',
    'outside/file',
    'readonly/file',
    'inside/file',
    'inside/a/file',
  ]) {
    writeFileSync(join(base, file), SECRET);
  }
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

/** Everything outside the writable directory, with what is in it. */
function outside(folder = base, prefix = ''): string[] {
  return readdirSync(folder)
    .filter((name) => join(folder, name) !== inside)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      const stat = lstatSync(path);
      if (stat.isDirectory()) return [`${prefix}${name}/`, ...outside(path, `${prefix}${name}/`)];
      const content = stat.isFile() ? readFileSync(path, 'utf8') : 'special';
      return [`${prefix}${name} ${stat.nlink} ${stat.mtimeMs} ${content}`];
    });
}

function openDescriptors(): number {
  return hasDescriptors ? readdirSync('/proc/self/fd').length : 0;
}

interface Scene {
  readonly guest: FileGuest;
  /** Makes something happen on the host between the next check and the use that relies on it. */
  atGap(action: () => void): void;
}

interface Attempt {
  readonly name: string;
  /** The error value; the last of several calls counts. */
  readonly run: (scene: Scene) => string;
  readonly errno: string | readonly string[];
  /** The rule that was broken, where there is one; else an ordinary error, which the audit shows. */
  readonly rule?: 'path' | 'readOnly' | 'fileKind' | 'fileLimit';
  /** Needs nothing of the host. */
  readonly anywhere?: boolean;
  /** Held by its path, a directory that is replaced at the wrong moment is noticed only afterwards. */
  readonly byDescriptor?: boolean;
}

/** Makes a symbolic link on the host. */
const plant = (target: string, path: string): void => symlinkSync(target, join(inside, path));

const path = (name: string, run: (guest: FileGuest) => string): Attempt => ({
  name,
  run: ({ guest }) => run(guest),
  errno: 'notcapable',
  rule: 'path',
  anywhere: true,
});

const UP = '../secret.txt';

const PATHS: readonly Attempt[] = [
  path('open: one step up', (guest) => guest.open(UP)),
  path('open: down and twice up', (guest) => guest.open('a/../../secret.txt')),
  path('open: dots in between', (guest) => guest.open('./.././secret.txt')),
  path('open: far down, and one more up', (guest) => guest.open('a/b/../../../secret.txt')),
  path('open: up and in again', (guest) => guest.open('../inside/file')),
  path('open: up from a directory below', (guest) => guest.open(UP, { fd: guest.opened('a', { rights: BELOW }) })),
  path('open: the directory above', (guest) => guest.open('..', { flags: ['directory'], rights: BELOW })),
  path('open: the directory above, with a slash', (guest) => guest.open('../', { rights: BELOW })),
  path('open: the directory above, by a detour', (guest) => guest.open('a/../..', { rights: BELOW })),
  path('open: absolute', (guest) => guest.open('/etc/passwd')),
  path('open: absolute, with two slashes', (guest) => guest.open('//etc/passwd')),
  path('open: the root', (guest) => guest.open('/', { rights: BELOW })),
  path('open: its own place on the host', (guest) => guest.open(join(inside, 'file'))),
  path('create outside', (guest) => guest.open('../new', { flags: ['create'], rights: ALL })),
  path('create outside, exclusively', (guest) => guest.open('../new', { flags: ['create', 'exclusive'] })),
  path('truncate outside', (guest) => guest.open(UP, { flags: ['truncate'] })),
  path('stat outside', (guest) => guest.stat(UP)),
  path('times outside', (guest) => guest.setTimes(UP, 1n)),
  path('create a directory outside', (guest) => guest.on('path_create_directory', '../new')),
  path('remove a directory outside', (guest) => guest.on('path_remove_directory', '../outside/empty')),
  path('unlink outside', (guest) => guest.on('path_unlink_file', UP)),
  path('rename from outside', (guest) => guest.rename(UP, 'stolen')),
  path('rename to outside', (guest) => guest.rename('file', '../dropped')),
  path('hard link from outside', (guest) => guest.link(UP, 'stolen')),
  path('hard link to outside', (guest) => guest.link('file', '../dropped')),
  path('make a symbolic link outside', (guest) => guest.symlink('file', '../link')),
  path('make an absolute symbolic link', (guest) => guest.symlink('/etc/passwd', 'link')),
  path('read a symbolic link outside', (guest) => guest.readlink('../link')),
  path('a symbolic link of its own, out', (guest) => {
    guest.symlink(UP, 'link');
    return guest.open('link');
  }),
  path('a chain of its own, out', (guest) => {
    guest.symlink('a/second', 'first');
    guest.symlink('b/third', 'a/second');
    guest.symlink('../../../secret.txt', 'a/b/third');
    return guest.open('first');
  }),
  path('a symbolic link to a directory of its own, out', (guest) => {
    guest.symlink('..', 'up');
    return guest.open('up/secret.txt', { follow: false });
  }),
  path('create through a symbolic link that leads nowhere yet', (guest) => {
    guest.symlink('../new', 'link');
    return guest.open('link', { flags: ['create'], rights: ALL });
  }),
  path('a hard link to a symbolic link', (guest) => {
    guest.symlink('../../../secret.txt', 'a/link');
    guest.link('a/link', 'a/b/link');
    return guest.open('a/b/link');
  }),
  path('a symbolic link that a rename makes lead further up', (guest) => {
    guest.symlink('../file', 'a/link');
    guest.rename('a/link', 'link');
    return guest.open('link');
  }),
  path('up from an open directory that was renamed deeper down', (guest) => {
    const fd = guest.opened('a/b', { rights: BELOW });
    guest.rename('a/b', 'full/b');
    return guest.open('..', { fd, rights: BELOW });
  }),
  path('up from a directory that was removed', (guest) => {
    const fd = guest.opened('full', { rights: BELOW });
    guest.on('path_remove_directory', 'full');
    return guest.open(UP, { fd });
  }),
  path('up after closing the preopened directory', (guest) => {
    const fd = guest.opened('.', { rights: BELOW });
    guest.errno('fd_close', ROOT);
    return guest.open(UP, { fd });
  }),
  path('up from a directory in the place of the preopened one', (guest) => {
    guest.errno('fd_renumber', guest.opened('a/b', { rights: BELOW }), ROOT);
    return guest.open('../file');
  }),
];

const PLANTED: readonly Attempt[] = [
  ['a link to a file outside', () => plant(UP, 'link'), 'link'],
  ['an absolute link to a file outside', () => plant(join(base, 'secret.txt'), 'link'), 'link'],
  ['a link to the directory above', () => plant('..', 'link'), 'link/secret.txt'],
  ['an absolute link to a directory outside', () => plant(join(base, 'outside'), 'link'), 'link/secret.txt'],
  ['a link to the root', () => plant('/', 'link'), 'link/etc/passwd'],
  ['a link to the process', () => plant('/proc/self/root', 'link'), 'link/etc/passwd'],
  ['a link out and in again', () => plant('../inside/file', 'link'), 'link'],
  ['a link to a link outside that leads in', () => plant('../outside/back', 'link'), 'link'],
].map(
  ([name, prepare, target]): Attempt => ({
    name: `on the host: ${name}`,
    run: ({ guest }) => {
      (prepare as () => void)();
      return guest.open(target as string);
    },
    errno: 'notcapable',
    rule: 'path',
  }),
);

const MORE_PLANTED: readonly Attempt[] = [
  {
    name: 'on the host: a link to a directory outside, with a slash and without following',
    run: ({ guest }) => {
      plant(join(base, 'outside'), 'link');
      return guest.open('link/', { follow: false, rights: BELOW });
    },
    errno: 'notcapable',
    rule: 'path',
  },
  {
    name: 'on the host: what an absolute link says',
    run: ({ guest }) => {
      plant(base, 'link');
      return guest.readlink('link');
    },
    errno: 'notcapable',
    rule: 'path',
  },
  {
    name: 'on the host: truncating through a link',
    run: ({ guest }) => {
      plant(UP, 'link');
      return guest.open('link', { flags: ['truncate'], rights: ALL });
    },
    errno: 'notcapable',
    rule: 'path',
  },
  {
    name: 'on the host: the times of what a link names',
    run: ({ guest }) => {
      plant(UP, 'link');
      return guest.setTimes('link', 1n);
    },
    errno: 'notcapable',
    rule: 'path',
  },
];

const RACES: readonly Attempt[] = [
  {
    name: 'race: a directory becomes a link before it is opened',
    run: ({ guest, atGap }) => {
      atGap(() => {
        renameSync(join(inside, 'a'), join(inside, 'c'));
        plant(join(base, 'outside'), 'a');
      });
      return guest.open('a/secret.txt');
    },
    errno: ['notdir', 'loop', 'stale'],
  },
  {
    name: 'race: a file becomes a link before it is opened',
    run: ({ guest, atGap }) => {
      atGap(() => {
        unlinkSync(join(inside, 'file'));
        plant(UP, 'file');
      });
      return guest.open('file', { follow: false, rights: ALL });
    },
    errno: 'loop',
  },
  {
    name: 'race: a link appears where a file is to be made',
    run: ({ guest, atGap }) => {
      atGap(() => plant('../new', 'fresh'));
      return guest.open('fresh', { follow: false, flags: ['create'], rights: ALL });
    },
    errno: 'loop',
  },
  {
    name: 'race: another file takes the place of the one that was looked at',
    run: ({ guest, atGap }) => {
      atGap(() => {
        unlinkSync(join(inside, 'file'));
        mkdirSync(join(inside, 'file'));
      });
      return guest.open('file', { rights: ALL });
    },
    errno: 'isdir',
  },
];

/** The directory that was checked is moved aside, and its place taken by a link to one outside. */
function replaceDirectory(): void {
  renameSync(join(inside, 'a'), join(inside, 'moved'));
  plant(join(base, 'outside'), 'a');
}

/** What is done reaches the directory that was checked, or nothing. */
const replaced = (name: string, run: (guest: FileGuest, fd: number) => string, byDescriptor = false): Attempt => ({
  name: `race: a link takes the place of an open directory, and ${name}`,
  run: ({ guest, atGap }) => {
    const fd = guest.opened('a', { rights: BELOW });
    atGap(replaceDirectory);
    return run(guest, fd);
  },
  errno: ['success', 'stale'],
  byDescriptor,
});

const REPLACED: readonly Attempt[] = [
  replaced('a file in it is opened', (guest, fd) => guest.open('file', { fd, rights: ALL })),
  replaced('a directory in it is opened', (guest, fd) => guest.open('b', { fd, rights: BELOW })),
  replaced('a file is made', (guest, fd) => guest.open('new', { fd, flags: ['create'], rights: ALL }), true),
  replaced('a directory is made', (guest, fd) => guest.on('path_create_directory', 'new', fd), true),
  replaced('a link is made', (guest, fd) => guest.symlink('file', 'new', fd), true),
  replaced('a name is given', (guest, fd) => guest.link('file', 'new', fd), true),
  replaced('a file is renamed', (guest, fd) => guest.rename('file', 'secret.txt', fd), true),
  replaced('a file is removed', (guest, fd) => guest.on('path_unlink_file', 'file', fd), true),
  replaced('a directory is removed', (guest, fd) => guest.on('path_remove_directory', 'b', fd), true),
  replaced('times are set', (guest, fd) => guest.setTimes('file', 1n, { fd }), true),
];

const KINDS: readonly Attempt[] = [
  {
    name: 'open a pipe for reading',
    run: ({ guest }) => {
      execFileSync('mkfifo', [join(inside, 'pipe')]);
      return guest.open('pipe');
    },
    errno: 'acces',
    rule: 'fileKind',
  },
  {
    name: 'open a pipe for writing',
    run: ({ guest }) => {
      execFileSync('mkfifo', [join(inside, 'pipe')]);
      return guest.open('pipe', { rights: RIGHTS.write });
    },
    errno: 'acces',
    rule: 'fileKind',
  },
  {
    name: 'give a pipe another name',
    run: ({ guest }) => {
      execFileSync('mkfifo', [join(inside, 'pipe')]);
      return guest.link('pipe', 'other');
    },
    errno: 'acces',
    rule: 'fileKind',
  },
  {
    name: 'go through a pipe',
    run: ({ guest }) => {
      execFileSync('mkfifo', [join(inside, 'pipe')]);
      return guest.open('pipe/x');
    },
    errno: 'acces',
    rule: 'fileKind',
  },
  {
    name: 'race: a pipe takes the place of a file before it is opened',
    run: ({ guest, atGap }) => {
      atGap(() => {
        unlinkSync(join(inside, 'file'));
        execFileSync('mkfifo', [join(inside, 'file')]);
      });
      return guest.open('file');
    },
    errno: 'acces',
    rule: 'fileKind',
  },
];

const readOnly = (name: string, run: (guest: FileGuest) => string): Attempt => ({
  name: `read-only: ${name}`,
  run: ({ guest }) => run(guest),
  errno: 'rofs',
  rule: 'readOnly',
  anywhere: true,
});

const WRITES: readonly Attempt[] = [
  readOnly('truncate', (guest) => guest.open('file', { fd: READ_ONLY, flags: ['truncate'], rights: 0n })),
  readOnly('truncate and read', (guest) => guest.open('file', { fd: READ_ONLY, flags: ['create', 'truncate'] })),
  readOnly('open for writing', (guest) => guest.open('file', { fd: READ_ONLY, rights: RIGHTS.write })),
  readOnly('open for allocating', (guest) => guest.open('file', { fd: READ_ONLY, rights: RIGHTS.allocate })),
  readOnly('create', (guest) => guest.open('new', { fd: READ_ONLY, flags: ['create'], rights: 0n })),
  readOnly('create a directory', (guest) => guest.on('path_create_directory', 'new', READ_ONLY)),
  readOnly('remove a directory', (guest) => guest.on('path_remove_directory', 'folder', READ_ONLY)),
  readOnly('unlink', (guest) => guest.on('path_unlink_file', 'file', READ_ONLY)),
  readOnly('rename', (guest) => guest.rename('file', 'other', READ_ONLY)),
  readOnly('hard link', (guest) => guest.link('file', 'other', READ_ONLY)),
  readOnly('symbolic link', (guest) => guest.symlink('file', 'other', READ_ONLY)),
  readOnly('times of a path', (guest) => guest.setTimes('file', 1n, { fd: READ_ONLY })),
  readOnly('times of the directory', (guest) => guest.setTimes('.', 1n, { fd: READ_ONLY })),
  readOnly('times of an open file', (guest) => {
    const fd = guest.opened('file', {
      fd: READ_ONLY,
      rights: ALL & ~(RIGHTS.write | RIGHTS.allocate | RIGHTS.setSize),
    });
    return guest.errno('fd_filestat_set_times', fd, 1n, 1n, 4);
  }),
  {
    name: 'read-only: write to what was opened for reading',
    run: ({ guest }) => guest.write(guest.opened('file', { fd: READ_ONLY }), 'x'),
    errno: 'notcapable',
    anywhere: true,
  },
  {
    name: 'read-only: a hard link into the writable directory',
    run: ({ guest }) => guest.link('file', 'writable', READ_ONLY, ROOT),
    errno: 'xdev',
    anywhere: true,
  },
  {
    name: 'read-only: renamed into the writable directory',
    run: ({ guest }) => guest.rename('file', 'writable', READ_ONLY, ROOT),
    errno: 'xdev',
    anywhere: true,
  },
];

const plain = (name: string, errno: string | readonly string[], run: (guest: FileGuest) => string): Attempt => ({
  name,
  run: ({ guest }) => run(guest),
  errno,
  anywhere: true,
});

const NAMES: readonly Attempt[] = [
  plain('a NUL at the end', 'inval', (guest) => guest.open('file\0')),
  plain('a NUL before an ending', 'inval', (guest) => guest.open('../secret.txt\0.png')),
  plain('a NUL in a symbolic link', 'inval', (guest) => guest.symlink('file\0', 'link')),
  plain('a slash in an overlong encoding', 'ilseq', (guest) => guest.open(Uint8Array.of(0x2e, 0x2e, 0xc0, 0xaf, 0x73))),
  plain('dots in an overlong encoding', 'ilseq', (guest) => guest.open(Uint8Array.of(0xc0, 0xae, 0xc0, 0xae, 0x2f))),
  plain('half a character', 'ilseq', (guest) => guest.open(Uint8Array.of(0x66, 0xed, 0xa0, 0x80))),
  plain('a byte order mark before dots', ['noent', 'ilseq'], (guest) => guest.open('\ufeff../secret.txt')),
  plain('full-width dots', 'noent', (guest) => guest.open('．．/secret.txt')),
  plain('a character for two dots', 'noent', (guest) => guest.open('‥/secret.txt')),
  plain('a full-width slash', 'noent', (guest) => guest.open('..／secret.txt')),
  plain('dots with a character between that some systems ignore', ['noent', 'ilseq'], (guest) =>
    guest.open('.\u200c./secret.txt'),
  ),
  plain('backslashes', ['noent', 'ilseq'], (guest) => guest.open('..\\secret.txt')),
  plain('percent signs', 'noent', (guest) => guest.open('%2e%2e/secret.txt')),
  plain('three dots', 'noent', (guest) => guest.open('.../secret.txt')),
  plain('dots and a space', ['noent', 'ilseq'], (guest) => guest.open('.. /secret.txt')),
  plain('the decomposed form of a name', 'noent', (guest) => {
    guest.store('\u00e9', 'x');
    return guest.open('e\u0301x');
  }),
  plain('an empty path', 'noent', (guest) => guest.open('')),
  plain('a path that is too long', 'nametoolong', (guest) => guest.open(`${'a/'.repeat(2_048)}b`)),
  plain('a name that is too long', 'nametoolong', (guest) => guest.open('x'.repeat(256))),
  plain('a path of too many steps', 'nametoolong', (guest) => guest.open('a/../'.repeat(700))),
  plain('a loop of symbolic links', 'loop', (guest) => {
    guest.symlink('two', 'one');
    guest.symlink('one', 'two');
    return guest.open('one');
  }),
  plain('a symbolic link that grows', ['loop', 'nametoolong'], (guest) => {
    guest.symlink('grow/grow', 'grow');
    return guest.open('grow');
  }),
  plain('a slash after a file', 'notdir', (guest) => guest.open('file/')),
  plain('slashes after a file, to unlink it', 'notdir', (guest) => guest.on('path_unlink_file', 'file///')),
  plain('a dot after a file', 'notdir', (guest) => guest.open('file/.')),
  plain('up through a file', 'notdir', (guest) => guest.open('file/../file')),
  plain('up through what is not there', 'noent', (guest) => guest.open('none/../file')),
  plain('a hard link to a directory', 'perm', (guest) => guest.link('a', 'b')),
  plain('a directory into itself', 'inval', (guest) => guest.rename('a', 'a/b/a')),
  plain('removing where it stands', ['inval', 'busy'], (guest) => guest.on('path_remove_directory', '.')),
  plain('renaming where it stands', 'busy', (guest) => guest.rename('.', 'other')),
];

const limit = (name: string, errno: string, run: (guest: FileGuest) => string): Attempt => ({
  name,
  run: ({ guest }) => run(guest),
  errno,
  rule: 'fileLimit',
  anywhere: true,
});

/** Calls until something but success comes back. */
function flood(call: (count: number) => string): string {
  for (let count = 0; count < 10_000; count++) {
    const errno = call(count);
    if (errno !== 'success') return errno;
  }
  return 'no end';
}

const writable = (guest: FileGuest): number => guest.opened('file', { rights: ALL });

const FLOODS: readonly Attempt[] = [
  limit('open files without end', 'mfile', (guest) => flood(() => guest.open('file'))),
  limit('open directories without end', 'mfile', (guest) => flood(() => guest.open('a', { rights: BELOW }))),
  limit('create files without end', 'nospc', (guest) =>
    flood((count) => {
      const errno = guest.open(`f${count}`, { flags: ['create'] });
      if (errno === 'success') guest.errno('fd_close', guest.result);
      return errno;
    }),
  ),
  limit('create directories without end', 'nospc', (guest) =>
    flood((count) => guest.on('path_create_directory', `d${count}`)),
  ),
  limit('make symbolic links without end', 'nospc', (guest) => flood((count) => guest.symlink('x', `l${count}`))),
  limit('make hard links without end', 'nospc', (guest) => flood((count) => guest.link('file', `h${count}`))),
  limit('write without end', 'nospc', (guest) => {
    const fd = writable(guest);
    return flood(() => guest.write(fd, 'x'.repeat(10_000)));
  }),
  limit('write, unlink and write again while the file is open', 'nospc', (guest) =>
    flood((count) => {
      const fd = guest.opened('hidden', { flags: ['create'], rights: ALL });
      const errno = guest.write(fd, 'x'.repeat(30_000));
      if (errno === 'success') guest.on('path_unlink_file', 'hidden');
      return count > 20 ? 'no end' : errno;
    }),
  ),
  limit('a file of 2^40 bytes', 'nospc', (guest) => guest.errno('fd_filestat_set_size', writable(guest), 1n << 40n)),
  limit('room for 2^40 bytes', 'nospc', (guest) => guest.errno('fd_allocate', writable(guest), 0n, 1n << 40n)),
  limit('a byte far behind the end', 'nospc', (guest) => {
    const fd = writable(guest);
    guest.errno('fd_seek', fd, 1n << 40n, 0, 512);
    return guest.write(fd, 'x');
  }),
  plain('a byte behind every end', 'fbig', (guest) => {
    const fd = writable(guest);
    guest.errno('fd_seek', fd, (1n << 63n) - 1n, 0, 512);
    return guest.write(fd, 'x');
  }),
  plain('a file of 2^64 - 1 bytes', 'fbig', (guest) =>
    guest.errno('fd_filestat_set_size', writable(guest), (1n << 64n) - 1n),
  ),
  plain('room that ends beyond 2^64', 'fbig', (guest) =>
    guest.errno('fd_allocate', writable(guest), (1n << 64n) - 1n, (1n << 64n) - 1n),
  ),
  plain('a position before the beginning', 'inval', (guest) => guest.errno('fd_seek', writable(guest), -1n, 0, 512)),
  plain('a position behind 2^63', 'overflow', (guest) => {
    const fd = writable(guest);
    guest.errno('fd_seek', fd, (1n << 63n) - 1n, 0, 512);
    return guest.errno('fd_seek', fd, 1n, 1, 512);
  }),
  plain('too many buffers', 'inval', (guest) => guest.errno('fd_write', writable(guest), 0, 1_025, 512)),
  plain('more buffers than memory', 'inval', (guest) => guest.errno('fd_read', writable(guest), 0, 0xffff_ffff, 512)),
  limit('one buffer a thousand times', 'nospc', (guest) => {
    const fd = writable(guest);
    const list = Array.from({ length: 1_024 }, () => [0, PAGE] as const);
    guest.vectors(0, ...list);
    return guest.errno('fd_write', fd, 0, 1_024, 512);
  }),
  plain('buffers outside memory', 'fault', (guest) => {
    guest.vectors(600, [0xffff_fff0, 0xffff]);
    return guest.errno('fd_pread', writable(guest), 600, 1, 0n, 512);
  }),
  plain('4 GiB of random bytes', 'fault', (guest) => guest.errno('random_get', 0, 0xffff_ffff)),
  plain('4 GiB of a listing', 'fault', (guest) => guest.errno('fd_readdir', ROOT, 0, 0xffff_ffff, 0n, 512)),
  plain('4 GiB of a path', 'fault', (guest) => guest.errno('path_unlink_file', ROOT, 0, 0xffff_ffff)),
  plain('a listing from beyond the end', 'fault', (guest) =>
    guest.errno('fd_readdir', ROOT, 1_024, 64, (1n << 64n) - 1n, PAGE),
  ),
  plain('a descriptor number without end', 'badf', (guest) => guest.errno('fd_renumber', ROOT, 0x7fff_ffff)),
];

const RIGHTS_ATTEMPTS: readonly Attempt[] = [
  plain('rights gained back', 'notcapable', (guest) => {
    const fd = writable(guest);
    guest.errno('fd_fdstat_set_rights', fd, RIGHTS.read, 0n);
    return guest.errno('fd_fdstat_set_rights', fd, RIGHTS.read | RIGHTS.write, 0n);
  }),
  plain('writing without the right', 'notcapable', (guest) => {
    const fd = writable(guest);
    guest.errno('fd_fdstat_set_rights', fd, RIGHTS.read, 0n);
    return guest.write(fd, 'x');
  }),
  plain('opening without the right', 'notcapable', (guest) => {
    guest.errno('fd_fdstat_set_rights', ROOT, 0n, 0n);
    return guest.open('file');
  }),
  plain('writing to what was opened below a directory that gave it up', 'notcapable', (guest) => {
    guest.errno('fd_fdstat_set_rights', ROOT, RIGHTS.open, RIGHTS.read);
    return guest.write(guest.opened('file', { rights: ALL }), 'x');
  }),
  plain('creating without the right', 'notcapable', (guest) => {
    guest.errno('fd_fdstat_set_rights', ROOT, RIGHTS.open, RIGHTS.write);
    return guest.open('new', { flags: ['create'], rights: ALL });
  }),
  plain('a path below a file', 'notdir', (guest) => guest.open('x', { fd: writable(guest) })),
  plain('a path below a stream', 'notcapable', (guest) => guest.open('x', { fd: 0 })),
  plain('a path below nothing', 'badf', (guest) => guest.open('x', { fd: 99 })),
  plain('the directory, after it was closed', 'badf', (guest) => {
    guest.errno('fd_close', ROOT);
    return guest.open('file');
  }),
  plain('the name of a directory that took the place of a preopened one', 'badf', (guest) => {
    guest.errno('fd_renumber', guest.opened('a', { rights: BELOW }), ROOT);
    return guest.errno('fd_prestat_get', ROOT, 512);
  }),
];

const attempts: readonly Attempt[] = [
  ...[...PATHS, ...PLANTED, ...MORE_PLANTED, ...RACES, ...REPLACED, ...WRITES, ...NAMES, ...FLOODS, ...RIGHTS_ATTEMPTS],
  ...(hasPipes ? KINDS : []),
];

/** The error value is as it should be, and so is the record of it. */
function check(scene: Scene, { run, errno, rule }: Attempt): void {
  const { guest } = scene;
  const before = guest.host.violations.total;
  const given = run(scene);
  expect([errno].flat()).toContain(given);
  expect(guest.host.audit.events.at(-1)).toMatchObject({ allowed: rule === undefined });
  if (rule === undefined) return;
  expect(guest.host.violations.total).toBe(before + 1);
  expect(guest.host.violations.events.at(-1)).toMatchObject({ rule, request: { kind: 'filesystem' }, allowed: false });
}

function policyFor(writableFiles: Capability, readOnlyFiles: Capability): SecurityPolicy {
  return SecurityPolicy.builder()
    .allow(writableFiles, readOnlyFiles)
    .enableAuditLogging({ maxEvents: 100_000 })
    .build();
}

describe.each(anchors)('on a folder held by %s', (anchor) => {
  function policy(): SecurityPolicy {
    return policyFor(
      Capability.filesystemAccess([{ host: inside, guest: '/' }], { readOnly: false }),
      Capability.filesystemAccess([{ host: join(base, 'readonly'), guest: '/ro' }], LIMITS),
    );
  }

  function limitedPolicy(): SecurityPolicy {
    return policyFor(
      Capability.filesystemAccess([{ host: inside, guest: '/' }], { ...LIMITS, readOnly: false }),
      Capability.filesystemAccess([{ host: join(base, 'readonly'), guest: '/ro' }], LIMITS),
    );
  }

  const possible = attempts.filter(({ byDescriptor }) => anchor === 'descriptor' || !byDescriptor);

  test.each(possible)('$name', (attempt) => {
    let gap: (() => void) | undefined;
    const open = openDescriptors();
    const onGap = () => {
      const action = gap;
      gap = undefined;
      action?.();
    };
    const grants = FLOODS.includes(attempt) ? limitedPolicy() : policy();
    const guest = new FileGuest(grants, folders(anchor, onGap));
    const before = outside();
    check(
      {
        guest,
        atGap: (action) => {
          gap = action;
        },
      },
      attempt,
    );
    expect(gap, 'there was a gap').toBeUndefined();
    expect(outside()).toEqual(before);
    guest.host.close();
    expect(openDescriptors()).toBe(open);
  });

  test('a socket is not opened', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(join(inside, 'socket'), resolve);
    });
    try {
      const guest = new FileGuest(policy(), folders(anchor));
      expect(guest.open('socket')).toBe('acces');
      expect(guest.host.violations.events.at(-1)).toMatchObject({ rule: 'fileKind' });
      guest.host.close();
    } finally {
      server.close();
    }
  });

  test('a policy that traps ends the guest on the way out, and only there', () => {
    const traps = SecurityPolicy.builder(policy()).onViolation('trap').build();
    const guest = new FileGuest(traps, folders(anchor));
    expect(guest.open('none')).toBe('noent');
    expect(() => guest.open(UP)).toThrow(SecurityViolation);
    expect(() => guest.open(UP)).toThrow(/^Filesystem access denied: .*path_open/);
    guest.host.close();
  });
});

describe('on files in memory', () => {
  const memory = { 'a/b/': '', 'full/': '', file: SECRET, 'a/file': SECRET };
  const readOnlyMemory = { file: SECRET, 'folder/': '' };

  test.each(attempts.filter(({ anywhere }) => anywhere))('$name', (attempt) => {
    const options = FLOODS.includes(attempt) ? LIMITS : {};
    const guest = new FileGuest(
      policyFor(
        Capability.filesystemAccess({ memory }, options),
        Capability.filesystemAccess({ memory: readOnlyMemory, guest: '/ro' }, { ...LIMITS, readOnly: true }),
      ),
    );
    check({ guest, atGap: () => undefined }, attempt);
    expect(new TextDecoder().decode(guest.host.files().get('/ro/file'))).toBe(SECRET);
  });
});
