/** The calls on paths, on files in memory: what each answers for whatever is at its end, what it changes, what it costs. */

import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { ALL_FLAGS, RIGHTS } from '../../policy/wasi/abi.ts';
import { GasExhausted } from '../../wasm/errors.ts';
import { FILE_WORK, PATH_BYTE, WASI_CALL } from '../../wasm/gas.ts';
import { temporaryFolder } from '../cache/help.ts';
import { ALL, BELOW, FileGuest, folders, READ, ROOT } from './file-guest.ts';
import { PAGE } from './guest.ts';

function make(): FileGuest {
  const memory = { file: 'text', 'dir/inner': 'more', 'dir/deep/x': '', 'dir/deep/er/': '', 'empty/': '' };
  const files = Capability.filesystemAccess({ memory }, { readOnly: false });
  const guest = new FileGuest(SecurityPolicy.builder().allow(files).enableAuditLogging().build());
  const links = {
    toFile: 'file',
    toDir: 'dir',
    toEmpty: 'empty',
    toNothing: 'nothing',
    'dir/up': '../file',
    far: 'dir/deep',
    'dir/far': 'deep/er',
  };
  for (const [path, target] of Object.entries(links)) expect(guest.symlink(target, path)).toBe('success');
  guest.host.audit.clear();
  guest.charges.length = 0;
  return guest;
}

type Run = (guest: FileGuest) => string;
const open =
  (path: string | Uint8Array, parts: Parameters<FileGuest['open']>[1] = {}): Run =>
  (guest) =>
    guest.open(path, parts);
const on =
  (name: string, path: string): Run =>
  (guest) =>
    guest.on(`path_${name}`, path);
const LONG = 'x/'.repeat(2_048);

/** A hard link to what a symbolic link names. */
function follow(guest: FileGuest): string {
  guest.put(100, 'toFile');
  guest.put(200, 'new');
  return guest.errno('path_link', ROOT, 1, 100, 6, ROOT, 200, 3);
}

const ANSWERS: readonly (readonly [what: string, answer: string, run: Run])[] = [
  ['a path of 4,096 bytes', 'noent', open(LONG)],
  ['a path of 4,097 bytes', 'nametoolong', open(`${LONG}x`)],
  ['a path that is no UTF-8', 'ilseq', open(Uint8Array.of(0xff))],
  ['a path with a NUL', 'inval', open('file\0')],
  ['a path with a mark of the order of bytes', 'noent', open('\ufefffile')],
  ['a path beyond the memory', 'fault', (guest) => guest.errno('path_unlink_file', ROOT, PAGE - 1, 2)],
  ['flags of looking up that do not exist', 'inval', (guest) => guest.errno('path_filestat_get', ROOT, 2, 0, 1, 448)],

  ['open: a file', 'success', open('file')],
  ['open: a file, with a slash', 'notdir', open('file/')],
  ['open: a directory', 'success', open('dir')],
  ['open: a directory, with a slash', 'success', open('dir/', { flags: ['directory'] })],
  ['open: the directory itself', 'success', open('.')],
  ['open: a directory to write', 'isdir', open('dir', { rights: READ | RIGHTS.write })],
  ['open: the directory itself to write', 'isdir', open('.', { rights: READ | RIGHTS.write })],
  ['open: a directory to make it', 'isdir', open('dir', { flags: ['create'], rights: ALL & ~RIGHTS.write })],
  ['open: a directory to empty it', 'isdir', open('dir', { flags: ['truncate'] })],
  ['open: a file as a directory', 'notdir', open('file', { flags: ['directory'] })],
  ['open: nothing', 'noent', open('nothing')],
  ['open: nothing, as a directory', 'noent', open('nothing', { flags: ['directory'] })],
  ['open: nothing, with a slash', 'noent', open('nothing/')],
  ['open: nothing, to make a file with a slash', 'isdir', open('nothing/', { flags: ['create'], rights: ALL })],
  ['open: nothing, to make it', 'success', open('nothing', { flags: ['create'], rights: ALL })],
  ['open: nothing, to make it as a directory', 'inval', open('new', { flags: ['create', 'directory'], rights: ALL })],
  [
    'open: nothing, to make what there must not be',
    'success',
    open('n', { flags: ['create', 'exclusive'], rights: ALL }),
  ],
  ['open: a file to make it', 'success', open('file', { flags: ['create'], rights: ALL })],
  [
    'open: a file to make what there must not be',
    'exist',
    open('file', { flags: ['create', 'exclusive'], rights: ALL }),
  ],
  ['open: a file that must not be, which nobody makes', 'success', open('file', { flags: ['exclusive'] })],
  ['open: a link', 'success', open('toFile')],
  ['open: a link that is not followed', 'loop', open('toFile', { follow: false })],
  [
    'open: a link that is not followed, as a directory',
    'loop',
    open('toFile', { follow: false, flags: ['directory'] }),
  ],
  ['open: a link that is not followed, with a slash', 'success', open('toDir/', { follow: false })],
  [
    'open: a link to make what there must not be',
    'exist',
    open('toNothing', { flags: ['create', 'exclusive'], rights: ALL }),
  ],
  ['open: a link to nothing, to make it', 'success', open('toNothing', { flags: ['create'], rights: ALL })],
  ['open: a link that must not be, which nobody makes', 'success', open('toFile', { flags: ['exclusive'] })],
  [
    'open: with all flags of opening',
    'inval',
    (guest) => guest.errno('path_open', ROOT, 1, 0, 1, 15, READ, ALL, 0, 512),
  ],
  [
    'open: with a flag of opening that does not exist',
    'inval',
    (guest) => guest.errno('path_open', ROOT, 1, 0, 1, 16, READ, ALL, 0, 512),
  ],
  ['open: with a flag that does not exist', 'inval', open('file', { fdFlags: ALL_FLAGS + 1 })],
  [
    'open: without room for the result',
    'fault',
    (guest) => guest.errno('path_open', ROOT, 1, 0, 0, 0, READ, ALL, 0, PAGE - 3),
  ],

  ['stat: a file', 'success', (guest) => guest.stat('file')],
  ['stat: a file, with a slash', 'notdir', (guest) => guest.stat('file/')],
  ['stat: nothing', 'noent', (guest) => guest.stat('nothing')],
  ['stat: a link to nothing', 'noent', (guest) => guest.stat('toNothing')],
  ['stat: a link that is not followed', 'success', (guest) => guest.stat('toNothing', { follow: false })],
  ['stat: without room', 'fault', (guest) => guest.errno('path_filestat_get', ROOT, 1, 0, 1, PAGE - 8)],

  ['times: nothing', 'noent', (guest) => guest.setTimes('nothing', 1n)],
  ['times: a link to nothing', 'noent', (guest) => guest.setTimes('toNothing', 1n)],
  ['times: a file, with a slash', 'notdir', (guest) => guest.setTimes('file/', 1n)],

  ['make: what is there', 'exist', on('create_directory', 'dir')],
  ['make: the directory itself', 'exist', on('create_directory', '.')],
  ['make: a link to nothing', 'exist', on('create_directory', 'toNothing')],
  ['make: with a slash', 'success', on('create_directory', 'new/')],

  ['remove: the directory itself', 'inval', on('remove_directory', 'empty/.')],
  ['remove: an empty directory', 'success', on('remove_directory', 'empty')],
  ['remove: an empty directory, with a slash', 'success', on('remove_directory', 'empty/')],
  ['remove: a full directory', 'notempty', on('remove_directory', 'dir')],
  ['remove: a link to a directory', 'notdir', on('remove_directory', 'toEmpty')],

  ['unlink: the directory itself', 'isdir', on('unlink_file', '.')],
  ['unlink: a directory', 'isdir', on('unlink_file', 'dir')],
  ['unlink: a file', 'success', on('unlink_file', 'file')],
  ['unlink: a file, with a slash', 'notdir', on('unlink_file', 'file/')],
  ['unlink: a link to a directory, with a slash', 'notdir', on('unlink_file', 'toDir/')],
  ['unlink: a link to nothing', 'success', on('unlink_file', 'toNothing')],

  ['readlink: a link', 'success', (guest) => guest.readlink('toDir')],
  ['readlink: a file', 'inval', (guest) => guest.readlink('file')],
  ['readlink: nothing', 'noent', (guest) => guest.readlink('nothing')],
  ['readlink: the directory itself', 'inval', (guest) => guest.readlink('.')],
  ['readlink: without a buffer', 'fault', (guest) => guest.errno('path_readlink', ROOT, 0, 1, PAGE - 1, 2, 512)],
  [
    'readlink: without room for the result',
    'fault',
    (guest) => guest.errno('path_readlink', ROOT, 0, 1, 600, 2, PAGE - 3),
  ],

  ['symlink: to an empty path', 'noent', (guest) => guest.symlink('', 'new')],
  ['symlink: to an absolute path', 'notcapable', (guest) => guest.symlink('/etc', 'new')],
  ['symlink: to a path with a slash at its end', 'success', (guest) => guest.symlink('dir/', 'new')],
  ['symlink: the directory itself', 'exist', (guest) => guest.symlink('a', '.')],
  ['symlink: what is there', 'exist', (guest) => guest.symlink('a', 'toNothing')],
  ['symlink: with a slash', 'noent', (guest) => guest.symlink('a', 'new/')],
  ['symlink: what is there, with a slash', 'exist', (guest) => guest.symlink('a', 'dir/')],

  ['link: a file', 'success', (guest) => guest.link('file', 'new')],
  ['link: the directory itself', 'perm', (guest) => guest.link('.', 'new')],
  ['link: a directory', 'perm', (guest) => guest.link('dir', 'new')],
  ['link: nothing', 'noent', (guest) => guest.link('nothing', 'new')],
  ['link: a file, with a slash', 'notdir', (guest) => guest.link('file/', 'new')],
  ['link: to the directory itself', 'exist', (guest) => guest.link('file', '.')],
  ['link: to what is there', 'exist', (guest) => guest.link('file', 'toNothing')],
  ['link: with a slash', 'noent', (guest) => guest.link('file', 'new/')],
  ['link: to what is there, with a slash', 'exist', (guest) => guest.link('file', 'dir/')],
  ['link: that follows', 'inval', (guest) => follow(guest)],
  ['link: a link', 'success', (guest) => guest.link('toNothing', 'new')],

  ['rename: the directory itself', 'busy', (guest) => guest.rename('.', 'new')],
  ['rename: to the directory itself', 'busy', (guest) => guest.rename('dir', '.')],
  ['rename: nothing', 'noent', (guest) => guest.rename('nothing', 'new')],
  ['rename: nothing, to a name with a slash', 'noent', (guest) => guest.rename('nothing', 'new/')],
  ['rename: a file', 'success', (guest) => guest.rename('file', 'new')],
  ['rename: a file, with a slash', 'notdir', (guest) => guest.rename('file/', 'new')],
  ['rename: a file to a name with a slash', 'notdir', (guest) => guest.rename('file', 'new/')],
  ['rename: a directory to a name with a slash', 'success', (guest) => guest.rename('dir', 'new/')],
];

test.each(ANSWERS)('%s: %s', (_, answer, run) => {
  expect(run(make())).toBe(answer);
});

test('making and emptying a file need rights of the directory, and nothing else does', () => {
  const answers = (flags: ('create' | 'truncate')[]) =>
    [RIGHTS.createFile, RIGHTS.pathSetSize].map((right) => {
      const guest = make();
      const fd = guest.opened('dir', { flags: ['directory'], rights: BELOW & ~right });
      return guest.open('inner', { fd, flags });
    });
  expect(answers([])).toEqual(['success', 'success']);
  expect(answers(['create'])).toEqual(['notcapable', 'success']);
  expect(answers(['truncate'])).toEqual(['success', 'notcapable']);
});

test('a file that there is no gas to empty is not emptied', () => {
  const empty = open('file', { flags: ['truncate'], rights: ALL });
  const whole = make();
  const before = whole.used;
  empty(whole);
  const guest = make();
  guest.gasLeft = whole.used - before - 1;
  expect(() => empty(guest)).toThrow(GasExhausted);
  guest.gasLeft = Number.POSITIVE_INFINITY;
  expect(guest.content('file')).toBe('text');
});

test('what only a folder of the host has is refused for what it is', () => {
  const folder = temporaryFolder();
  symlinkSync('/etc', join(folder, 'absolute'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const policy = SecurityPolicy.strict().with(Capability.filesystemAccess([{ host: folder, guest: '/' }]));
  const guest = new FileGuest(policy, folders('path'));
  expect(guest.readlink('absolute')).toBe('notcapable');
  expect(guest.open('pipe', { flags: ['directory'] })).toBe('acces');
  guest.host.close();
});

describe('what calls change', () => {
  const found = (guest: FileGuest, path: string, follow = false) =>
    guest.stat(path, { follow }) === 'success' ? guest.stats.type : undefined;
  const FILE = 4;
  const LINK = 7;

  test('opening makes and empties files, and nothing else does', () => {
    const guest = make();
    guest.open('toNothing', { flags: ['create'], rights: ALL });
    expect(found(guest, 'nothing')).toBe(FILE);
    guest.open('n', { flags: ['create', 'exclusive'], rights: ALL });
    expect(found(guest, 'n')).toBe(FILE);
    guest.open('file', { rights: ALL });
    expect(guest.content('file')).toBe('text');
    guest.open('toFile', { flags: ['truncate'], rights: ALL });
    expect(guest.content('file')).toBe('');
  });

  test('links are followed at the end where that is asked for, or a slash does', () => {
    const guest = make();
    const times = (path: string, follow: boolean) => {
      expect(guest.stat(path, { follow })).toBe('success');
      return guest.stats.modified;
    };
    expect(guest.setTimes('toFile', 11n)).toBe('success');
    expect(guest.setTimes('toFile', 12n, { follow: false })).toBe('success');
    expect([times('file', false), times('toFile', false), times('toFile', true)]).toEqual([11n, 12n, 11n]);
    expect(guest.setTimes('toDir/', 13n, { follow: false })).toBe('success');
    expect([times('dir', false), times('toDir/', false)]).toEqual([13n, 13n]);
    expect(guest.setTimes('.', 14n)).toBe('success');
    expect(times('.', true)).toBe(14n);
  });

  test('a link is removed, moved and linked itself', () => {
    const guest = make();
    guest.on('path_unlink_file', 'toFile');
    guest.rename('toNothing', 'moved');
    guest.link('toDir', 'second');
    const names = ['file', 'toFile', 'toNothing', 'moved', 'second', 'dir/inner'];
    expect(names.map((path) => found(guest, path))).toEqual([FILE, undefined, undefined, LINK, LINK, FILE]);
    guest.link('file', 'dir/hard');
    guest.store('dir/hard', 'changed');
    expect(guest.content('file')).toBe('changed');
    guest.rename('file', 'toEmpty');
    expect(found(guest, 'toEmpty')).toBe(FILE);
    expect(found(guest, 'empty/file')).toBeUndefined();
  });

  test('readlink gives as much as there is room for', () => {
    const guest = make();
    guest.put(100, 'dir/up');
    guest.bytes.fill(1, 600, 610);
    expect(guest.errno('path_readlink', ROOT, 100, 6, 600, 4, 512)).toBe('success');
    expect([guest.u32(512), guest.text(600, 5)]).toEqual([4, '../f\u0001']);
    expect(guest.readlink('dir/up')).toBe('success');
    expect(guest.got).toBe('../file');
  });
});

describe('what the record says of calls', () => {
  test.each<[run: Run, ...requests: [path: string, access: 'read' | 'write'][]]>([
    [open('file'), ['/file', 'read']],
    [open('dir/../file'), ['/file', 'read']],
    [open('../up'), ['//../up', 'read']],
    [open('/etc'), ['/etc', 'read']],
    [open('file', { rights: READ | RIGHTS.allocate }), ['/file', 'write']],
    [open('file', { flags: ['truncate'] }), ['/file', 'write']],
    [open('new', { flags: ['create'] }), ['/new', 'write']],
    [(guest) => guest.stat('file'), ['/file', 'read']],
    [(guest) => guest.setTimes('file', 1n), ['/file', 'write']],
    [(guest) => guest.readlink('toDir'), ['/toDir', 'read']],
    [(guest) => guest.symlink('a', 'new'), ['/new', 'write']],
    [(guest) => guest.link('file', 'new'), ['/new', 'write']],
    [(guest) => guest.rename('file', 'new'), ['/new', 'write']],
    [on('create_directory', 'new'), ['/new', 'write']],
    [on('remove_directory', 'empty'), ['/empty', 'write']],
    [on('unlink_file', 'file'), ['/file', 'write']],
  ])('%#', (run, ...requests) => {
    const guest = make();
    run(guest);
    const seen = guest.host.audit.events.map(({ request }) => request);
    expect(seen).toEqual(requests.map(([path, access]) => ({ kind: 'filesystem', path, access })));
  });

  test('a directory is called by the path that it was opened by, unless that leads elsewhere or is too long', () => {
    const name = (path: string, from = ROOT) => {
      const guest = make();
      const fd = from === ROOT ? ROOT : guest.opened('dir', { rights: BELOW });
      const opened = guest.opened(path, { fd, flags: ['directory'], rights: BELOW });
      guest.host.audit.clear();
      guest.stat('x', { fd: opened });
      const [event] = guest.host.audit.events;
      return event?.request.kind === 'filesystem' ? event.request.path : undefined;
    };
    expect(name('dir')).toBe('/dir/x');
    expect(name('dir/deep/')).toBe('/dir/deep/x');
    expect(name('toDir/deep')).toBe('/toDir/deep/x');
    expect(name('toDir/deep/..')).toBe('/toDir/x');
    expect(name('deep', -1)).toBe('/dir/deep/x');
    expect(name('.', -1)).toBe('/dir/x');
    // Links lead further down than their letters, so that the way up by the letters is none.
    expect(name('far/../..')).toBe('/x');
    expect(name('far/../..', -1)).toBe('/dir/x');
  });

  test('a directory is called by a path of 4,096 bytes, and of no more', () => {
    const part = 'x'.repeat(255);
    const path = new Array(16).fill(part).join('/');
    const memory = { [`${path}/${part}/`]: '' };
    const guest = new FileGuest(
      SecurityPolicy.builder().allow(Capability.filesystemAccess({ memory })).enableAuditLogging().build(),
    );
    const whole = guest.opened(path, { flags: ['directory'], rights: BELOW });
    const below = guest.opened(part, { fd: whole, flags: ['directory'], rights: BELOW });
    guest.host.audit.clear();
    for (const fd of [whole, below]) guest.stat('y', { fd });
    const paths = guest.host.audit.events.map(({ request }) => request.kind === 'filesystem' && request.path);
    expect(paths).toEqual([`/${path}/y`, `/${path}/y`]);
  });
});

describe('what calls cost', () => {
  const { component, change, open: opening, level } = FILE_WORK.memory;
  const units = (count: number) => count / WASI_CALL.perByte;
  const reading = (path: string) => [path.length, (PATH_BYTE - 1) * path.length];

  test.each<[what: string, Run, charges: number[]]>([
    ['a component', (guest) => guest.stat('file'), [...reading('file'), units(component)]],
    [
      'each component',
      (guest) => guest.stat('dir/deep/x'),
      [...reading('dir/deep/x'), ...[1, 2, 3].map(() => units(component))],
    ],
    [
      'what a link says',
      (guest) => guest.stat('toFile'),
      [...reading('toFile'), units(component), PATH_BYTE * 3 * 'file'.length, units(component)],
    ],
    ['opening', open('file'), [...reading('file'), units(opening), units(component)]],
    ['a change', on('create_directory', 'new'), [...reading('new'), units(change), units(component)]],
    [
      'two paths, and each level that is looked at',
      (guest) => guest.rename('dir/deep', 'new'),
      [
        ...[...reading('dir/deep'), units(change), units(component), units(component)],
        ...[...reading('new'), units(change), units(component)],
      ],
    ],
    [
      'what is read of a link',
      (guest) => guest.readlink('toDir'),
      [...reading('toDir'), units(component), 'dir'.length],
    ],
  ])('%s', (_, run, charges) => {
    const guest = make();
    expect(run(guest)).toBe('success');
    const levels = guest.charges.filter((bytes) => bytes === units(level));
    expect(guest.charges.filter((bytes) => bytes !== units(level))).toEqual(charges);
    expect(levels.length > 0).toBe(charges.filter((bytes) => bytes === units(change)).length === 2);
  });
});
