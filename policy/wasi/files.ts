/** The calls on open files: reading and writing at a position, sizes, times. */

import type { HostCallContext } from '../call.ts';
import { type File, FsError, MAX_FILE_SIZE } from '../fs/filesystem.ts';
import { type Abi, FLAGS, HIGHEST_ADVICE, MAX_POSITION, U32, U64 } from './abi.ts';
import type { FileDescriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import { need, needFile, succeed, timesOf } from './open.ts';
import type { WasiState } from './state.ts';
import { readVectors, type Vectors } from './vectors.ts';

/** @throws FsError EFBIG beyond what a file may have */
function sizeOf(value: bigint): number {
  if (value > MAX_FILE_SIZE) throw new FsError('fbig');
  return Number(value);
}

/** Fills the buffers, as far as the file reaches; returns how many bytes there were. */
export function readFile(
  call: HostCallContext,
  { file }: FileDescriptor,
  { buffers, total }: Vectors,
  position: bigint,
): number {
  const { size } = file.stat();
  if (position >= size) return 0;
  const start = Number(position);
  // Not more than was paid for, should the file grow meanwhile.
  const wanted = Math.min(total, Number(size) - start);
  call.chargeBytes(wanted);
  call.chargeWork(buffers.length * file.fileSystem.work.call);
  let done = 0;
  for (const { pointer, length } of buffers) {
    const part = Math.min(length, wanted - done);
    const view = call.view(pointer, part);
    if (part === 0 || view === undefined) continue;
    const count = partly(done, () => file.read(start + done, view));
    done += count;
    if (count < part) break;
  }
  return done;
}

/** Writes all of the buffers, or nothing; less only where the host fails on the way. */
export function writeFile(
  call: HostCallContext,
  { file, flags }: FileDescriptor,
  { buffers, total }: Vectors,
  position: bigint,
): number {
  if (total === 0) return 0;
  const start = sizeOf(position);
  const size = Number(file.stat().size);
  file.reserve(start + total);
  // A gap is filled with zeros.
  call.chargeOverhead(Math.max(0, start - size));
  call.chargeBytes(total);
  call.chargeWork(buffers.length * file.fileSystem.work.call);
  const isSynchronous = (flags & (FLAGS.dsync | FLAGS.sync)) !== 0;
  if (isSynchronous) call.chargeWork(file.fileSystem.work.sync);
  let done = 0;
  for (const { pointer, length } of buffers) {
    const view = call.view(pointer, length);
    if (length === 0 || view === undefined) continue;
    const count = partly(done, () => file.write(start + done, view));
    done += count;
    if (count < length) break;
  }
  if (isSynchronous) file.sync();
  return done;
}

/** A failure after something has been done is told by the next call. */
function partly(done: number, action: () => number): number {
  try {
    return action();
  } catch (error) {
    if (done > 0 && error instanceof FsError) return 0;
    throw error;
  }
}

export function fdPread(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  position: bigint,
  resultPointer: number,
): Errno {
  const descriptor = needFile(state, fd, 'read');
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  return succeed(call, resultPointer, readFile(call, descriptor, vectors, position));
}

/** Writes at the position even where the descriptor appends, as POSIX says. */
export function fdPwrite(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  position: bigint,
  resultPointer: number,
): Errno {
  const descriptor = needFile(state, fd, 'write');
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  return succeed(call, resultPointer, writeFile(call, descriptor, vectors, position));
}

export function fdSeek({ whence: places }: Abi) {
  return (
    state: WasiState,
    call: HostCallContext,
    fd: number,
    offset: bigint,
    whence: number,
    resultPointer: number,
  ): Errno => {
    need(state, fd);
    const place = places[whence];
    if (place === undefined) return ERRNO.inval;
    const delta = BigInt.asIntN(64, offset);
    // To ask where one is, is to tell.
    const descriptor = needFile(state, fd, place === 'current' && delta === 0n ? 'tell' : 'seek');
    const result = call.view(resultPointer, U64.size);
    if (result === undefined) return ERRNO.fault;
    const origin = { set: 0n, current: descriptor.position, end: place === 'end' ? descriptor.file.stat().size : 0n };
    const value = origin[place] + delta;
    if (value < 0n) return ERRNO.inval;
    if (value > MAX_POSITION) return ERRNO.overflow;
    descriptor.position = value;
    U64.write(result, { value });
    return ERRNO.success;
  };
}

export function fdTell(state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno {
  const { position } = needFile(state, fd, 'tell');
  const result = call.view(resultPointer, U64.size);
  if (result === undefined) return ERRNO.fault;
  U64.write(result, { value: position });
  return ERRNO.success;
}

/** Advice changes nothing. */
export function fdAdvise(
  state: WasiState,
  _call: HostCallContext,
  fd: number,
  _offset: bigint,
  _length: bigint,
  advice: number,
): Errno {
  need(state, fd);
  if (advice > HIGHEST_ADVICE) return ERRNO.inval;
  needFile(state, fd, 'advise');
  return ERRNO.success;
}

/** Grows a file, and never shrinks it. */
export function fdAllocate(state: WasiState, call: HostCallContext, fd: number, offset: bigint, length: bigint): Errno {
  const descriptor = needFile(state, fd, 'allocate');
  if (length === 0n) return ERRNO.inval;
  const size = sizeOf(offset + length);
  if (BigInt(size) > descriptor.file.stat().size) resize(call, descriptor.file, size);
  return ERRNO.success;
}

export function fdFilestatSetSize(state: WasiState, call: HostCallContext, fd: number, size: bigint): Errno {
  resize(call, needFile(state, fd, 'setSize', 'inval').file, sizeOf(size));
  return ERRNO.success;
}

export function resize(call: HostCallContext, file: File, size: number): void {
  file.reserve(size);
  // What is cut off is filled with zeros too, or left behind by what is kept.
  call.chargeOverhead(Math.abs(size - Number(file.stat().size)));
  file.setSize(size);
}

export function fdFilestatSetTimes(
  state: WasiState,
  _call: HostCallContext,
  fd: number,
  accessed: bigint,
  modified: bigint,
  flags: number,
): Errno {
  need(state, fd);
  const times = timesOf(state, accessed, modified, flags);
  const descriptor = need(state, fd, 'setTimes');
  if (descriptor.kind === 'file') descriptor.file.setTimes(times);
  if (descriptor.kind === 'directory') descriptor.directory.setTimes(times);
  return ERRNO.success;
}
