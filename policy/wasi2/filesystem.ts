/** `wasi:filesystem`, by the calls of preview 1: the same walk of paths, limits, prices and refusals. */

import { decodeUtf8, encodeUtf8 } from '../../wasm/utf8.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { MAX_PATH_BYTES } from '../limits.ts';
import {
  ABI,
  ALL_RIGHTS,
  DIRENT,
  FILESTAT,
  FILETYPE,
  FLAGS,
  FOLLOW,
  OPEN,
  RIGHTS,
  SET_TIMES,
  U32,
} from '../wasi/abi.ts';
import type { DirectoryDescriptor } from '../wasi/descriptor.ts';
import { fdFilestatGet, sync } from '../wasi/descriptors.ts';
import { fdReaddir } from '../wasi/directories.ts';
import type { Errno } from '../wasi/errno.ts';
import { fdAdvise, fdFilestatSetSize, fdFilestatSetTimes, readFile, writeFile } from '../wasi/files.ts';
import { payForFile, requestOfDescriptor, tell } from '../wasi/functions.ts';
import { PREVIEW1 } from '../wasi/names.ts';
import { need, needDirectory, needFile } from '../wasi/open.ts';
import * as paths from '../wasi/paths.ts';
import { type Datetime, datetimeOf, nanosecondsOf } from './clocks.ts';
import { requireSuccess } from './error-code.ts';
import { Kind, WitError } from './resources.ts';
import { ERROR, failed, INPUT, OUTPUT } from './streams.ts';
import { type Handler, type Interface, type Preview2, row } from './table.ts';

/** An open descriptor of preview 1's, as long as anything of the component's leads to it. */
interface Open {
  readonly fd: number;
  holders: number;
}

/** A directory that is read: a descriptor of its own, with a listing of its own. */
interface Reading {
  readonly fd: number;
  /** The next entry. */
  at: number;
}

const DESCRIPTOR = new Kind<Open>('descriptor');
const ENTRIES = new Kind<Reading>('directory-entry-stream');

/** Bytes that a call gives at most. */
const MOST_READ = 1024 * 1024;
/** `.` and `..`, which listings begin with, and which are not told here. */
const DOTS = 2;

type Flags = Readonly<Record<string, boolean | undefined>>;
type Timestamp = { readonly tag: 'no-change' | 'now' } | { readonly tag: 'timestamp'; readonly val: Datetime };
type Action<T> = (host: Preview2, call: HostCallContext, fd: number) => T;

const READING = RIGHTS.read | RIGHTS.seek | RIGHTS.tell | RIGHTS.advise | RIGHTS.filestat | RIGHTS.poll;
const WRITING =
  RIGHTS.write | RIGHTS.allocate | RIGHTS.setSize | RIGHTS.setTimes | RIGHTS.datasync | RIGHTS.sync | RIGHTS.setFlags;

const TYPES = new Map<number, string>([
  [FILETYPE.other, 'unknown'],
  [FILETYPE.directory, 'directory'],
  [FILETYPE.file, 'regular-file'],
  [FILETYPE.link, 'symbolic-link'],
]);

function requestOf({ state }: Preview2, self: unknown): PolicyRequest {
  return requestOfDescriptor(state, DESCRIPTOR.of(self).fd);
}

/** What fails with an error value fails with its name. */
function done(call: HostCallContext, action: () => Errno): void {
  requireSuccess(tell(call, action));
}

/** The same for what gives more than success. */
function attempt<T>(call: HostCallContext, action: () => T): T {
  let result: { readonly value: T } | undefined;
  done(call, () => {
    result = { value: action() };
    return 0;
  });
  return (result as unknown as { readonly value: T }).value;
}

/** A method of an open descriptor. The host may have to be asked, whatever is done with it. */
function method<A extends readonly unknown[], T>(
  action: (host: Preview2, call: HostCallContext, fd: number, ...args: A) => T,
) {
  return row(requestOf, ((host: Preview2, call: HostCallContext, self: unknown, ...args: A) => {
    const { fd } = DESCRIPTOR.of(self);
    return attempt(call, () => {
      payForFile(host.state, call, fd);
      return action(host, call, fd, ...args);
    });
  }) as unknown as Handler);
}

/** One on a path, which is asked for by itself. */
function onPath<A extends readonly unknown[], T>(
  action: (host: Preview2, call: HostCallContext, fd: number, ...args: A) => T,
) {
  return row({ kind: 'filesystem' }, ((host: Preview2, call: HostCallContext, self: unknown, ...args: A) =>
    attempt(call, () => action(host, call, DESCRIPTOR.of(self).fd, ...args))) as unknown as Handler);
}

/** A path as preview 1 takes it. */
function pathIn(host: Preview2, call: HostCallContext, path: string): [pointer: number, length: number] {
  const bytes = encodeUtf8(path);
  return [host.give(call, bytes), bytes.length];
}

/** @param names of flags, and what they are in preview 1 */
function bits(flags: Flags, names: Readonly<Record<string, number>>): number {
  return Object.entries(names).reduce((sum, [name, bit]) => (flags[name] === true ? sum | bit : sum), 0);
}

const FOLLOWS = { symlinkFollow: FOLLOW };
const SYNCHRONOUS = {
  fileIntegritySync: FLAGS.sync,
  dataIntegritySync: FLAGS.dsync,
  requestedWriteSync: FLAGS.rsync,
};

function openAt(
  host: Preview2,
  call: HostCallContext,
  fd: number,
  pathFlags: Flags,
  path: string,
  openFlags: Flags,
  flags: Flags,
): object {
  const { state } = host;
  const result = new Uint8Array(U32.size);
  // What directories allow is up to the one they are opened from.
  const rights = (flags['write'] === true ? WRITING : 0n) | READING | (ALL_RIGHTS.directory & ~WRITING);
  const errno = paths.pathOpen(
    state,
    call,
    fd,
    bits(pathFlags, FOLLOWS),
    ...pathIn(host, call, path),
    bits(openFlags, OPEN),
    rights,
    ALL_RIGHTS.directory | ALL_RIGHTS.file,
    bits(flags, SYNCHRONOUS),
    host.give(call, result),
  );
  requireSuccess(errno);
  return host.hold(DESCRIPTOR, { fd: U32.read(result).value, holders: 1 });
}

/** Directories that are open from the start, each opened once more for the component. */
function getDirectories(host: Preview2, call: HostCallContext): [descriptor: object, path: string][] {
  const { state } = host;
  return state.sources.preopens.map(({ path, fileSystem }) => {
    const fd = attempt(call, () => {
      state.requireFree();
      call.chargeWork(fileSystem.work.open);
      return state.add({
        kind: 'directory',
        directory: fileSystem.openRoot(),
        path,
        preopen: undefined,
        flags: 0,
        rights: ALL_RIGHTS.directory,
        inheriting: ALL_RIGHTS.directory | ALL_RIGHTS.file,
        listing: undefined,
      });
    });
    call.chargeBytes(path.length);
    return [host.hold(DESCRIPTOR, { fd, holders: 1 }), path];
  });
}

function release({ state }: Preview2, call: HostCallContext, open: Open): void {
  if (--open.holders > 0) return;
  payForFile(state, call, open.fd);
  tell(call, () => state.close(open.fd));
}

type Stat = ReturnType<typeof FILESTAT.read>;

const statOfFile = fdFilestatGet(ABI[PREVIEW1]);
const statOfPath = paths.pathFilestatGet(ABI[PREVIEW1]);

function statOf(host: Preview2, call: HostCallContext, fd: number): Stat {
  const bytes = new Uint8Array(FILESTAT.size);
  requireSuccess(statOfFile(host.state, call, fd, host.give(call, bytes)));
  return FILESTAT.read(bytes);
}

function statAt(host: Preview2, call: HostCallContext, fd: number, flags: Flags, path: string): Stat {
  const bytes = new Uint8Array(FILESTAT.size);
  const [pointer, length] = pathIn(host, call, path);
  const result = host.give(call, bytes);
  requireSuccess(statOfPath(host.state, call, fd, bits(flags, FOLLOWS), pointer, length, result));
  return FILESTAT.read(bytes);
}

function shown({ filetype, links, size, accessed, modified, changed }: Stat): object {
  return {
    type: TYPES.get(filetype) ?? 'unknown',
    linkCount: links,
    size,
    dataAccessTimestamp: datetimeOf(accessed),
    dataModificationTimestamp: datetimeOf(modified),
    statusChangeTimestamp: datetimeOf(changed),
  };
}

/** Two that are the same have the same; nothing is told of the host's. */
const hashed = ({ device, inode }: Stat): object => ({ lower: inode, upper: device });

/** As preview 1 takes them: access, modification, which of the two. */
function times(accessed: Timestamp, modified: Timestamp): [accessed: bigint, modified: bigint, flags: number] {
  const time = (stamp: Timestamp) => (stamp.tag === 'timestamp' ? nanosecondsOf(stamp.val) : 0n);
  const flag = ({ tag }: Timestamp, set: number, now: number) => (tag === 'timestamp' ? set : tag === 'now' ? now : 0);
  const flags =
    flag(accessed, SET_TIMES.accessed, SET_TIMES.accessedNow) |
    flag(modified, SET_TIMES.modified, SET_TIMES.modifiedNow);
  return [time(accessed), time(modified), flags];
}

/** At most {@link MOST_READ} bytes, from a position on. */
function readAt(host: Preview2, call: HostCallContext, fd: number, length: bigint, position: bigint): Uint8Array {
  const file = needFile(host.state, fd, 'read');
  const { size } = file.file.stat();
  const rest = position < size ? size - position : 0n;
  const most = [length, rest, BigInt(MOST_READ)].reduce((least, each) => (each < least ? each : least));
  const bytes = new Uint8Array(Number(most));
  const buffers = bytes.length === 0 ? [] : [{ pointer: host.give(call, bytes), length: bytes.length }];
  return bytes.subarray(0, readFile(call, file, { buffers, total: bytes.length }, position));
}

/** @param position undefined appends */
function writeAt(host: Preview2, call: HostCallContext, fd: number, bytes: Uint8Array, position?: bigint): number {
  const file = needFile(host.state, fd, 'write');
  const buffers = bytes.length === 0 ? [] : [{ pointer: host.give(call, bytes), length: bytes.length }];
  return writeFile(call, file, { buffers, total: bytes.length }, position ?? file.file.stat().size);
}

/** The open descriptor of a resource, held once more. */
function shared(self: unknown): Open {
  const open = DESCRIPTOR.of(self);
  open.holders++;
  return open;
}

function readViaStream(host: Preview2, call: HostCallContext, self: unknown, offset: bigint): object {
  attempt(call, () => needFile(host.state, DESCRIPTOR.of(self).fd, 'read'));
  const open = shared(self);
  let position = offset;
  return host.hold(INPUT, {
    kind: 'source',
    request: () => requestOfDescriptor(host.state, open.fd),
    read: (within, most) => {
      const bytes = onStream(host, within, () => {
        payForFile(host.state, within, open.fd);
        return readAt(host, within, open.fd, BigInt(most), position);
      });
      position += BigInt(bytes.length);
      return bytes;
    },
    drop: (within) => release(host, within, open),
    isClosed: false,
  });
}

/** @param offset undefined appends */
function writeViaStream(host: Preview2, call: HostCallContext, self: unknown, offset?: bigint): object {
  attempt(call, () => needFile(host.state, DESCRIPTOR.of(self).fd, 'write'));
  const open = shared(self);
  let position = offset;
  return host.hold(OUTPUT, {
    kind: 'sink',
    request: () => requestOfDescriptor(host.state, open.fd),
    write: (within, bytes) => {
      let rest = bytes;
      while (rest.length > 0) {
        const count = onStream(host, within, () => {
          payForFile(host.state, within, open.fd);
          return writeAt(host, within, open.fd, rest, position);
        });
        if (count === 0) throw failed(host, { text: 'nothing more could be written', code: 'io' });
        if (position !== undefined) position += BigInt(count);
        rest = rest.subarray(count);
      }
    },
    drop: (within) => release(host, within, open),
    isClosed: false,
  });
}

/** What fails with an error value fails the stream. */
function onStream<T>(host: Preview2, call: HostCallContext, action: () => T): T {
  try {
    return attempt(call, action);
  } catch (error) {
    if (!(error instanceof WitError)) throw error;
    const code = String(error.payload);
    throw failed(host, { text: `the file gave an error: ${code}`, code });
  }
}

function readDirectory(host: Preview2, call: HostCallContext, fd: number): object {
  const { state } = host;
  const from = needDirectory(state, fd, 'readdir');
  state.requireFree();
  const own = state.add({ ...from, directory: from.directory.again(), preopen: undefined, listing: undefined });
  const reading = host.hold(ENTRIES, { fd: own, at: DOTS });
  // Its beginning is asked for, without any room for it.
  const result = host.give(call, new Uint8Array(U32.size));
  requireSuccess(fdReaddir(state, call, own, 0, 0, 0n, result) as Errno);
  return reading;
}

function readEntry({ state }: Preview2, call: HostCallContext, self: unknown): object | undefined {
  const reading = ENTRIES.of(self);
  const { listing } = need(state, reading.fd) as DirectoryDescriptor;
  if (listing === undefined || reading.at >= listing.length) return undefined;
  const { nameLength, filetype } = DIRENT.read(listing.from(reading.at, DIRENT.size));
  const bytes = listing.from(reading.at, DIRENT.size + nameLength);
  call.chargeBytes(bytes.length);
  reading.at++;
  return { type: TYPES.get(filetype) ?? 'unknown', name: decodeUtf8(bytes.subarray(DIRENT.size)) };
}

const getFlags: Action<object> = ({ state }, _call, fd) => {
  const { rights, flags, kind } = need(state, fd);
  const isDirectory = kind === 'directory';
  return {
    read: isDirectory || (rights & RIGHTS.read) !== 0n,
    write: !isDirectory && (rights & RIGHTS.write) !== 0n,
    fileIntegritySync: (flags & FLAGS.sync) !== 0,
    dataIntegritySync: (flags & FLAGS.dsync) !== 0,
    requestedWriteSync: (flags & FLAGS.rsync) !== 0,
    mutateDirectory: isDirectory && !(need(state, fd) as DirectoryDescriptor).directory.fileSystem.readOnly,
  };
};

const syncing = (right: 'sync' | 'datasync') =>
  method(({ state }, call, fd) => {
    const { kind } = need(state, fd);
    // Of directories, the host takes care.
    if (kind === 'file') requireSuccess(sync(right)(state, call, fd));
  });

/** A call on one path that gives nothing. */
const changing = (change: typeof paths.pathCreateDirectory) =>
  onPath((host, call, fd, path: string) => requireSuccess(change(host.state, call, fd, ...pathIn(host, call, path))));

const fdOf = (self: unknown): number => DESCRIPTOR.of(self).fd;

const DESCRIPTORS: Interface = {
  '[method]descriptor.read-via-stream': row(requestOf, readViaStream),
  '[method]descriptor.write-via-stream': row(requestOf, writeViaStream),
  '[method]descriptor.append-via-stream': row(requestOf, (host, call, self: unknown) =>
    writeViaStream(host, call, self),
  ),
  '[method]descriptor.advise': method(({ state }, call, fd, offset: bigint, length: bigint) =>
    requireSuccess(fdAdvise(state, call, fd, offset, length, 0)),
  ),
  '[method]descriptor.sync-data': syncing('datasync'),
  '[method]descriptor.sync': syncing('sync'),
  '[method]descriptor.get-flags': method(getFlags),
  '[method]descriptor.get-type': method((host, call, fd) => TYPES.get(statOf(host, call, fd).filetype) ?? 'unknown'),
  '[method]descriptor.set-size': method(({ state }, call, fd, size: bigint) =>
    requireSuccess(fdFilestatSetSize(state, call, fd, size)),
  ),
  '[method]descriptor.set-times': method(({ state }, call, fd, accessed: Timestamp, modified: Timestamp) =>
    requireSuccess(fdFilestatSetTimes(state, call, fd, ...times(accessed, modified))),
  ),
  '[method]descriptor.read': method((host, call, fd, length: bigint, offset: bigint) => {
    const bytes = readAt(host, call, fd, length, offset);
    return [bytes, BigInt(bytes.length) < length && bytes.length < MOST_READ];
  }),
  '[method]descriptor.write': method((host, call, fd, bytes: Uint8Array, offset: bigint) =>
    BigInt(writeAt(host, call, fd, bytes, offset)),
  ),
  '[method]descriptor.read-directory': method(readDirectory),
  '[method]descriptor.create-directory-at': changing(paths.pathCreateDirectory),
  '[method]descriptor.stat': method((host, call, fd) => shown(statOf(host, call, fd))),
  '[method]descriptor.stat-at': onPath((host, call, fd, flags: Flags, path: string) =>
    shown(statAt(host, call, fd, flags, path)),
  ),
  '[method]descriptor.set-times-at': onPath(
    (host, call, fd, flags: Flags, path: string, accessed: Timestamp, modified: Timestamp) => {
      const [pointer, length] = pathIn(host, call, path);
      const follows = bits(flags, FOLLOWS);
      const change = times(accessed, modified);
      requireSuccess(paths.pathFilestatSetTimes(host.state, call, fd, follows, pointer, length, ...change));
    },
  ),
  '[method]descriptor.link-at': onPath((host, call, fd, flags: Flags, from: string, other: unknown, to: string) => {
    const [pointer, length] = pathIn(host, call, from);
    const target = pathIn(host, call, to);
    requireSuccess(paths.pathLink(host.state, call, fd, bits(flags, FOLLOWS), pointer, length, fdOf(other), ...target));
  }),
  '[method]descriptor.open-at': onPath(openAt),
  '[method]descriptor.readlink-at': onPath((host, call, fd, path: string) => {
    const buffer = new Uint8Array(MAX_PATH_BYTES);
    const length = new Uint8Array(U32.size);
    const [at, bytes] = pathIn(host, call, path);
    const [to, result] = [host.give(call, buffer), host.give(call, length)];
    requireSuccess(paths.pathReadlink(host.state, call, fd, at, bytes, to, buffer.length, result));
    return decodeUtf8(buffer.subarray(0, U32.read(length).value));
  }),
  '[method]descriptor.remove-directory-at': changing(paths.pathRemoveDirectory),
  '[method]descriptor.rename-at': onPath((host, call, fd, from: string, other: unknown, to: string) => {
    const source = pathIn(host, call, from);
    requireSuccess(paths.pathRename(host.state, call, fd, ...source, fdOf(other), ...pathIn(host, call, to)));
  }),
  '[method]descriptor.symlink-at': onPath((host, call, fd, target: string, path: string) => {
    const [pointer, length] = pathIn(host, call, target);
    requireSuccess(paths.pathSymlink(host.state, call, pointer, length, fd, ...pathIn(host, call, path)));
  }),
  '[method]descriptor.unlink-file-at': changing(paths.pathUnlinkFile),
  '[method]descriptor.is-same-object': row(requestOf, (host, call, self: unknown, other: unknown) =>
    attempt(call, () => {
      const [a, b] = [statOf(host, call, fdOf(self)), statOf(host, call, fdOf(other))];
      return a.device === b.device && a.inode === b.inode;
    }),
  ),
  '[method]descriptor.metadata-hash': method((host, call, fd) => hashed(statOf(host, call, fd))),
  '[method]descriptor.metadata-hash-at': onPath((host, call, fd, flags: Flags, path: string) =>
    hashed(statAt(host, call, fd, flags, path)),
  ),
  '[resource-drop]descriptor': row(requestOf, (host, call, self: unknown) =>
    release(host, call, DESCRIPTOR.drop(self)),
  ),
  '[method]directory-entry-stream.read-directory-entry': row({ kind: 'filesystem' }, readEntry),
  '[resource-drop]directory-entry-stream': row({ kind: 'filesystem' }, ({ state }, call, self: unknown) => {
    const { fd } = ENTRIES.drop(self);
    tell(call, () => state.close(fd));
  }),
  'filesystem-error-code': row({ kind: 'process' }, (_host, _call, error: unknown) => ERROR.of(error).code),
};

export const FILESYSTEM: Readonly<Record<string, Interface>> = {
  'wasi:filesystem/types': DESCRIPTORS,
  // As in preview 1, to ask which there are is no request for any.
  'wasi:filesystem/preopens': { 'get-directories': row({ kind: 'descriptor', descriptor: 3 }, getDirectories) },
};
