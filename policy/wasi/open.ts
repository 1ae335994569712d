/** What the calls on open descriptors have in common. Failures are thrown as FsError, and functions.ts answers. */

import type { HostCallContext } from '../call.ts';
import { FsError, type FsErrorCode, type Stat, type TimeChange } from '../fs/filesystem.ts';
import { type Abi, FILETYPE, RIGHTS, SET_TIMES, U32 } from './abi.ts';
import type { Descriptor, DirectoryDescriptor, FileDescriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import type { WasiState } from './state.ts';

export type Need = keyof typeof RIGHTS;

/** @throws FsError EBADF where it is not open, ENOTCAPABLE where it has not the right */
export function need(state: WasiState, fd: number, right?: Need): Descriptor {
  const descriptor = state.descriptors.get(fd);
  if (descriptor === undefined) throw new FsError('badf');
  if (right !== undefined && (descriptor.rights & RIGHTS[right]) === 0n) throw new FsError('notcapable');
  return descriptor;
}

/**
 * @param stream what a stream gives
 * @throws FsError also EISDIR for a directory
 */
export function needFile(state: WasiState, fd: number, right: Need, stream: FsErrorCode = 'spipe'): FileDescriptor {
  const descriptor = need(state, fd);
  if (descriptor.kind === 'directory') throw new FsError('isdir');
  if (descriptor.kind !== 'file') throw new FsError(stream);
  need(state, fd, right);
  return descriptor;
}

/**
 * @param stream what a stream gives, as one that has no right to any path unless given
 * @throws FsError also ENOTDIR for a file
 */
export function needDirectory(
  state: WasiState,
  fd: number,
  right: Need,
  stream: FsErrorCode = 'notcapable',
): DirectoryDescriptor {
  const descriptor = need(state, fd);
  if (descriptor.kind === 'file') throw new FsError('notdir');
  if (descriptor.kind !== 'directory') throw new FsError(stream);
  need(state, fd, right);
  return descriptor;
}

/** Writes the number a call returns, and succeeds. The pointer has been checked; memory never shrinks. */
export function succeed(call: HostCallContext, pointer: number, value: number): Errno {
  const result = call.view(pointer, U32.size);
  if (result === undefined) return ERRNO.fault;
  U32.write(result, { value });
  return ERRNO.success;
}

export function writeStat({ filestat }: Abi, result: Uint8Array, { kind, ...stat }: Stat): Errno {
  filestat.write(result, { ...stat, filetype: FILETYPE[kind] });
  return ERRNO.success;
}

/** @throws FsError EINVAL for flags that contradict each other */
export function timesOf(state: WasiState, accessed: bigint, modified: bigint, flags: number): TimeChange {
  const both = (a: number, b: number) => (flags & a) !== 0 && (flags & b) !== 0;
  const isWrong =
    flags > 0b1111 ||
    both(SET_TIMES.accessed, SET_TIMES.accessedNow) ||
    both(SET_TIMES.modified, SET_TIMES.modifiedNow);
  if (isWrong) throw new FsError('inval');
  const now = () => state.sources.clock.peek('realtime');
  const choose = (given: bigint, set: number, setNow: number) => {
    if ((flags & set) !== 0) return given;
    return (flags & setNow) === 0 ? undefined : now();
  };
  return {
    accessed: choose(accessed, SET_TIMES.accessed, SET_TIMES.accessedNow),
    modified: choose(modified, SET_TIMES.modified, SET_TIMES.modifiedNow),
  };
}
