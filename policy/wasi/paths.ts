/** The calls on paths (`path_*`): each walks its path below an open directory, and then does one thing to one entry. */

import { PATH_BYTE } from '../../wasm/gas.ts';
import { decodeUtf8, encodeUtf8 } from '../../wasm/utf8.ts';
import type { HostCallContext } from '../call.ts';
import { type Directory, type File, FsError, kindError, type OpenOptions, type Stat } from '../fs/filesystem.ts';
import { absoluteError, type ResolvedPath, walk } from '../fs/path.ts';
import { MAX_PATH_BYTES } from '../limits.ts';
import { normalPath } from '../normal-path.ts';
import { type Abi, ALL_FLAGS, ALL_RIGHTS, FOLLOW, OPEN, RIGHTS, U32 } from './abi.ts';
import type { Descriptor, DirectoryDescriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import { resize } from './files.ts';
import { type Need, need, needDirectory, succeed, timesOf, writeStat } from './open.ts';
import type { WasiState } from './state.ts';

/** @throws FsError EFAULT, ENAMETOOLONG, EILSEQ where it is not UTF-8, EINVAL for a NUL inside */
function readPath(call: HostCallContext, pointer: number, length: number): string {
  const bytes = call.view(pointer, length);
  if (bytes === undefined) throw new FsError('fault');
  if (length > MAX_PATH_BYTES) throw new FsError('nametoolong');
  call.chargeBytes(length);
  call.chargeOverhead((PATH_BYTE - 1) * length);
  let path: string;
  try {
    path = decodeUtf8(bytes);
  } catch {
    throw new FsError('ilseq');
  }
  if (path.includes('\0')) throw new FsError('inval');
  return path;
}

/** A path in a call: where it starts, its text, and how it is walked. */
interface Route {
  readonly base: DirectoryDescriptor;
  readonly path: string;
  /** As the guest would write it from its root, by the letters alone; undefined where they lead out of it. */
  readonly normal: () => string | undefined;
  /** Whether what it leads to may be made, removed or renamed. */
  readonly changes: boolean;
}

/** Reads a path, and says in the record what it is wanted for. */
function route(
  state: WasiState,
  call: HostCallContext,
  [fd, pointer, length]: readonly [number, number, number],
  right: Need,
  access: 'read' | 'write',
): Route {
  const base = needDirectory(state, fd, right);
  const path = readPath(call, pointer, length);
  const text = `${base.path}/${path}`;
  const normal = (): string | undefined => normalPath(text);
  const shown = (): string => (path.startsWith('/') ? path : (normal() ?? text));
  call.asked = () => ({ kind: 'filesystem', path: shown(), access });
  return { base, path, normal, changes: access === 'write' };
}

function follow<T>(
  call: HostCallContext,
  { base, path, changes }: Route,
  follows: boolean,
  use: (place: ResolvedPath) => T,
): T {
  const { work } = base.directory.fileSystem;
  const onStep = ({ fileSystem }: Directory): void => call.chargeWork(fileSystem.work.component);
  const onLink = (bytes: number): void => call.chargeOverhead(PATH_BYTE * bytes);
  call.chargeWork(work.call + (changes ? work.change : 0));
  return walk(base.directory, path, follows, { onStep, onLink }, use);
}

/** @throws FsError EINVAL for flags that do not exist */
function doesFollow(lookupFlags: number): boolean {
  if ((lookupFlags & ~FOLLOW) !== 0) throw new FsError('inval');
  return lookupFlags !== 0;
}

/** What is there, if anything; ENOTDIR where the path ends in a slash and it is no directory. */
function look({ directory, name, slash }: ResolvedPath): Stat | undefined {
  const found = name === undefined ? directory.stat() : directory.lookup(name);
  if (slash && found !== undefined && found.kind !== 'directory') throw new FsError('notdir');
  return found;
}

export function pathOpen(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  lookupFlags: number,
  pointer: number,
  length: number,
  openFlags: number,
  rights: bigint,
  inheriting: bigint,
  flags: number,
  resultPointer: number,
): Errno {
  needDirectory(state, fd, 'open');
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  if (openFlags > 0b1111 || (flags & ~ALL_FLAGS) !== 0) return ERRNO.inval;
  const has = (flag: keyof typeof OPEN) => (openFlags & OPEN[flag]) !== 0;
  const create = has('create');
  const exclusive = has('exclusive');
  const truncate = has('truncate');
  const onlyDirectory = has('directory');
  if (create && onlyDirectory) return ERRNO.inval;
  const follows = doesFollow(lookupFlags);
  if (create) needDirectory(state, fd, 'createFile');
  if (truncate) needDirectory(state, fd, 'pathSetSize');
  const granted = rights & need(state, fd).inheriting;
  const write = truncate || (granted & (RIGHTS.write | RIGHTS.allocate | RIGHTS.setSize)) !== 0n;
  const access = write || create ? 'write' : 'read';
  const way = { ...route(state, call, [fd, pointer, length], 'open', access), changes: create };
  call.chargeWork(way.base.directory.fileSystem.work.open);
  state.requireFree();
  const asked = { write, create, exclusive, truncate, onlyDirectory, granted };
  const opened = follow(call, way, (follows && !(create && exclusive)) || way.path.endsWith('/'), (place) =>
    openAt(call, place, asked),
  );
  // By its letters, a path with symbolic links may seem to lead elsewhere, and those of directories add up.
  const shown = way.normal();
  const below = way.base.path === '/' ? '/' : `${way.base.path}/`;
  const path = shown?.startsWith(below) && shown.length <= MAX_PATH_BYTES ? shown : way.base.path;
  const common = { path, flags };
  let descriptor: Descriptor;
  if ('openDirectory' in opened) {
    descriptor = {
      kind: 'directory',
      directory: opened,
      ...common,
      rights: granted & ALL_RIGHTS.directory,
      inheriting: inheriting & way.base.inheriting,
      preopen: undefined,
      listing: undefined,
    };
  } else {
    descriptor = {
      kind: 'file',
      file: opened,
      ...common,
      rights: granted & ALL_RIGHTS.file,
      inheriting: 0n,
      position: 0n,
    };
  }
  return succeed(call, resultPointer, state.add(descriptor));
}

interface Asked extends OpenOptions {
  readonly truncate: boolean;
  readonly onlyDirectory: boolean;
  readonly granted: bigint;
}

function openAt(call: HostCallContext, place: ResolvedPath, asked: Asked): Directory | File {
  const { directory, name } = place;
  const found = look(place);
  if (asked.create && asked.exclusive && found !== undefined) throw new FsError('exist');
  if (name === undefined || found?.kind === 'directory') {
    // A directory cannot be made, emptied or written to by opening it.
    if (asked.create || asked.truncate || (asked.granted & RIGHTS.write) !== 0n) throw new FsError('isdir');
    return name === undefined ? directory.again() : directory.openDirectory(name);
  }
  if (found?.kind === 'link') throw new FsError('loop');
  if (found?.kind === 'other') throw kindError();
  if (found === undefined && !asked.create) throw new FsError('noent');
  // Nothing is there, or looking would have said that it is no directory.
  if (place.slash) throw new FsError('isdir');
  if (asked.onlyDirectory) throw new FsError('notdir');
  const file = directory.openFile(name, asked);
  try {
    if (asked.truncate) resize(call, file, 0);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

export function pathFilestatGet(abi: Abi) {
  return (
    state: WasiState,
    call: HostCallContext,
    fd: number,
    lookupFlags: number,
    pointer: number,
    length: number,
    resultPointer: number,
  ): Errno => {
    needDirectory(state, fd, 'pathFilestat');
    const result = call.view(resultPointer, abi.filestat.size);
    if (result === undefined) return ERRNO.fault;
    const follows = doesFollow(lookupFlags);
    const way = route(state, call, [fd, pointer, length], 'pathFilestat', 'read');
    const stat = follow(call, way, follows || way.path.endsWith('/'), look);
    return stat === undefined ? ERRNO.noent : writeStat(abi, result, stat);
  };
}

export function pathFilestatSetTimes(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  lookupFlags: number,
  pointer: number,
  length: number,
  accessed: bigint,
  modified: bigint,
  flags: number,
): Errno {
  needDirectory(state, fd, 'pathSetTimes');
  const follows = doesFollow(lookupFlags);
  const times = timesOf(state, accessed, modified, flags);
  const way = route(state, call, [fd, pointer, length], 'pathSetTimes', 'write');
  return follow(call, way, follows || way.path.endsWith('/'), (place) => {
    if (look(place) === undefined) return ERRNO.noent;
    if (place.name === undefined) place.directory.setTimes(times);
    else place.directory.setTimesOf(place.name, times);
    return ERRNO.success;
  });
}

export function pathCreateDirectory(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
): Errno {
  const way = route(state, call, [fd, pointer, length], 'createDirectory', 'write');
  return follow(call, way, false, ({ directory, name }) => {
    if (name === undefined) return ERRNO.exist;
    directory.createDirectory(name);
    return ERRNO.success;
  });
}

export function pathRemoveDirectory(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
): Errno {
  const way = route(state, call, [fd, pointer, length], 'removeDirectory', 'write');
  return follow(call, way, false, ({ directory, name }) => {
    if (name === undefined) return ERRNO.inval;
    directory.removeDirectory(name);
    return ERRNO.success;
  });
}

export function pathUnlinkFile(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
): Errno {
  const way = route(state, call, [fd, pointer, length], 'unlinkFile', 'write');
  return follow(call, way, false, (place) => {
    const { directory, name } = place;
    if (name === undefined) return ERRNO.isdir;
    if (place.slash) look(place);
    directory.removeFile(name);
    return ERRNO.success;
  });
}

/** The guest reads what a symbolic link says, unless that is a path of the host's. */
export function pathReadlink(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
  bufferPointer: number,
  bufferLength: number,
  resultPointer: number,
): Errno {
  needDirectory(state, fd, 'readlink');
  const buffer = call.view(bufferPointer, bufferLength);
  if (buffer === undefined || call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const way = route(state, call, [fd, pointer, length], 'readlink', 'read');
  return follow(call, way, false, (place) => {
    const { directory, name } = place;
    const found = look(place);
    if (found === undefined) return ERRNO.noent;
    if (name === undefined || found.kind !== 'link') return ERRNO.inval;
    const target = directory.readLink(name);
    if (target.startsWith('/')) throw absoluteError();
    const bytes = encodeUtf8(target).subarray(0, bufferLength);
    call.chargeBytes(bytes.length);
    buffer.set(bytes);
    return succeed(call, resultPointer, bytes.length);
  });
}

/** What a link says is checked again whenever it is followed; here, only that it is no path of the host's. */
export function pathSymlink(
  state: WasiState,
  call: HostCallContext,
  targetPointer: number,
  targetLength: number,
  fd: number,
  pointer: number,
  length: number,
): Errno {
  needDirectory(state, fd, 'symlink');
  const target = readPath(call, targetPointer, targetLength);
  const way = route(state, call, [fd, pointer, length], 'symlink', 'write');
  if (target === '') return ERRNO.noent;
  if (target.startsWith('/')) throw absoluteError();
  return follow(call, way, false, (place) => {
    const { directory, name } = place;
    if (name === undefined) return ERRNO.exist;
    if (place.slash) return look(place) === undefined ? ERRNO.noent : ERRNO.exist;
    directory.createLink(name, target);
    return ERRNO.success;
  });
}

export function pathLink(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  lookupFlags: number,
  pointer: number,
  length: number,
  newFd: number,
  newPointer: number,
  newLength: number,
): Errno {
  need(state, fd);
  needDirectory(state, newFd, 'linkTarget');
  const from = route(state, call, [fd, pointer, length], 'linkSource', 'read');
  // A link to what a symbolic link names would be a link to wherever it leads by then.
  if (doesFollow(lookupFlags)) return ERRNO.inval;
  return follow(call, from, false, (source) => {
    if (source.name === undefined) return ERRNO.perm;
    if (look(source) === undefined) return ERRNO.noent;
    const to = route(state, call, [newFd, newPointer, newLength], 'linkTarget', 'write');
    return follow(call, to, false, (target) => {
      if (target.name === undefined) return ERRNO.exist;
      if (target.slash) return look(target) === undefined ? ERRNO.noent : ERRNO.exist;
      source.directory.link(source.name as string, target.directory, target.name);
      return ERRNO.success;
    });
  });
}

export function pathRename(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
  newFd: number,
  newPointer: number,
  newLength: number,
): Errno {
  need(state, fd);
  needDirectory(state, newFd, 'renameTarget');
  const from = route(state, call, [fd, pointer, length], 'renameSource', 'write');
  return follow(call, from, false, (source) => {
    if (source.name === undefined) return ERRNO.busy;
    const found = look(source);
    if (found === undefined) return ERRNO.noent;
    const to = route(state, call, [newFd, newPointer, newLength], 'renameTarget', 'write');
    return follow(call, to, false, (target) => {
      if (target.name === undefined) return ERRNO.busy;
      if (target.slash && found.kind !== 'directory') return ERRNO.notdir;
      const { directory } = source;
      const onLevel = (): void => call.chargeWork(directory.fileSystem.work.level);
      directory.rename(source.name as string, target.directory, target.name, onLevel);
      return ERRNO.success;
    });
  });
}
