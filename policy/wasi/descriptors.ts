/** The calls on descriptors (`fd_*`), and what those on paths and sockets answer while there are none. */

import type { HostCallContext } from '../call.ts';
import { OUTPUT_DENIAL } from '../denials.ts';
import { whenReady } from '../promise.ts';
import { ALL_FLAGS, CHARACTER_DEVICE, FDSTAT, FILESTAT, HIGHEST_ADVICE, HIGHEST_WHENCE, U32 } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import { rightsOf, type WasiResult, type WasiState } from './state.ts';
import { gather, readVectors, scatter } from './vectors.ts';

/** Writes the number of bytes moved, and succeeds. The pointer has been checked; memory never shrinks. */
function succeed(call: HostCallContext, pointer: number, value: number): Errno {
  const result = call.view(pointer, U32.size);
  if (result === undefined) return ERRNO.fault;
  U32.write(result, { value });
  return ERRNO.success;
}

/**
 * Writes all or nothing: output beyond the policy's limit gives ENOSPC and is a violation. A descriptor that is not
 * open for writing gives EBADF, as POSIX says.
 */
export function fdWrite(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  resultPointer: number,
): WasiResult {
  const descriptor = state.descriptors.get(fd);
  if (descriptor?.kind !== 'output') return ERRNO.badf;
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  const { total } = vectors;
  const { stream, name } = descriptor;
  if (total > stream.rest) {
    call.refusal = {
      request: { kind: 'stdio', stream: name },
      what: OUTPUT_DENIAL,
      rule: 'outputLimit',
      reason: `${total} bytes more are beyond the limit on output (${stream.rest} bytes are left)`,
    };
    return ERRNO.nospc;
  }
  call.chargeBytes(total);
  const written = total === 0 ? undefined : stream.write(gather(call, vectors));
  return whenReady(written, () => succeed(call, resultPointer, total));
}

/** Gives what there is, at least one byte but at the end. Bytes are taken only when they have been paid for. */
export function fdRead(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  resultPointer: number,
): WasiResult {
  const descriptor = state.descriptors.get(fd);
  if (descriptor?.kind !== 'input') return ERRNO.badf;
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  if (vectors.total === 0) return succeed(call, resultPointer, 0);
  const { stream } = descriptor;
  const deliver = (bytes: Uint8Array): Errno => {
    call.chargeBytes(bytes.length);
    scatter(call, vectors, bytes);
    stream.take(bytes.length);
    return succeed(call, resultPointer, bytes.length);
  };
  return whenReady(stream.peek(vectors.total), deliver);
}

export function fdClose(state: WasiState, _call: HostCallContext, fd: number): Errno {
  return state.descriptors.delete(fd) ? ERRNO.success : ERRNO.badf;
}

/** Closes `to` and gives its number to `fd`. Both must be open. */
export function fdRenumber(state: WasiState, _call: HostCallContext, fd: number, to: number): Errno {
  const descriptor = state.descriptors.get(fd);
  if (descriptor === undefined || !state.descriptors.has(to)) return ERRNO.badf;
  state.descriptors.delete(fd);
  state.descriptors.set(to, descriptor);
  return ERRNO.success;
}

export function fdFdstatGet(state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno {
  const descriptor = state.descriptors.get(fd);
  if (descriptor === undefined) return ERRNO.badf;
  const result = call.view(resultPointer, FDSTAT.size);
  if (result === undefined) return ERRNO.fault;
  FDSTAT.write(result, {
    filetype: CHARACTER_DEVICE,
    flags: descriptor.flags,
    rightsBase: rightsOf(descriptor),
    rightsInheriting: 0n,
  });
  return ERRNO.success;
}

export function fdFdstatSetFlags(state: WasiState, _call: HostCallContext, fd: number, flags: number): Errno {
  const descriptor = state.descriptors.get(fd);
  if (descriptor === undefined) return ERRNO.badf;
  if ((flags & ~ALL_FLAGS) !== 0) return ERRNO.inval;
  descriptor.flags = flags;
  return ERRNO.success;
}

/** A stream has no size and no times; its inode is its number at the start, so that no two are taken for one. */
export function fdFilestatGet(state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno {
  const descriptor = state.descriptors.get(fd);
  if (descriptor === undefined) return ERRNO.badf;
  const result = call.view(resultPointer, FILESTAT.size);
  if (result === undefined) return ERRNO.fault;
  FILESTAT.write(result, {
    device: 0n,
    inode: STREAM_INODES[descriptor.name],
    filetype: CHARACTER_DEVICE,
    links: 1n,
    size: 0n,
    accessed: 0n,
    modified: 0n,
    changed: 0n,
  });
  return ERRNO.success;
}

const STREAM_INODES = { stdin: 0n, stdout: 1n, stderr: 2n } as const;

/** Streams have no position. */
export function fdSeek(
  state: WasiState,
  _call: HostCallContext,
  fd: number,
  _offset: bigint,
  whence: number,
  _resultPointer: number,
): Errno {
  if (!state.descriptors.has(fd)) return ERRNO.badf;
  return whence > HIGHEST_WHENCE ? ERRNO.inval : ERRNO.spipe;
}

export function fdAdvise(
  state: WasiState,
  _call: HostCallContext,
  fd: number,
  _offset: bigint,
  _length: bigint,
  advice: number,
): Errno {
  if (!state.descriptors.has(fd)) return ERRNO.badf;
  return advice > HIGHEST_ADVICE ? ERRNO.inval : ERRNO.spipe;
}

/** What a call gives on any descriptor that is open; EBADF on others. */
export function onOpen(errno: Errno) {
  return (state: WasiState, _call: HostCallContext, fd: number): Errno =>
    state.descriptors.has(fd) ? errno : ERRNO.badf;
}

/** Calls about preopened directories. There are none, and this is how a C library finds out. */
export function noPreopen(): Errno {
  return ERRNO.badf;
}

/**
 * Calls relative to directories, which are the arguments at the given places: EBADF where one is not open, else
 * ENOTCAPABLE, as a stream has no right to them.
 */
export function inDirectory(...places: readonly number[]) {
  return (state: WasiState, _call: HostCallContext, ...args: readonly (number | bigint)[]): Errno =>
    places.every((place) => state.descriptors.has(args[place] as number)) ? ERRNO.notcapable : ERRNO.badf;
}
