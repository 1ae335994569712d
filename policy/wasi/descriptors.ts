/** The calls on any descriptor (`fd_*`); what is particular to files and directories is in files of those names. */

import { whenReady } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import { OUTPUT_DENIAL } from '../denials.ts';
import { FsError } from '../fs/filesystem.ts';
import { type Abi, ALL_FLAGS, FDSTAT, FILETYPE, FLAGS, RIGHTS, U32 } from './abi.ts';
import type { Descriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import { readFile, writeFile } from './files.ts';
import { type Need, need, succeed, writeStat } from './open.ts';
import type { WasiResult, WasiState } from './state.ts';
import { gather, readVectors, scatter, type Vectors } from './vectors.ts';

type OutputDescriptor = Extract<Descriptor, { kind: 'output' }>;
type InputDescriptor = Extract<Descriptor, { kind: 'input' }>;

/** A descriptor of a kind that never has the right gives EBADF, as POSIX says; a directory EISDIR. */
function needFor(state: WasiState, fd: number, right: Need, stream: 'input' | 'output') {
  const descriptor = need(state, fd);
  if (descriptor.kind === 'directory') throw new FsError('isdir');
  if (descriptor.kind !== 'file' && descriptor.kind !== stream) throw new FsError('badf');
  return need(state, fd, right);
}

/** Writes all or nothing. */
export function fdWrite(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  resultPointer: number,
): WasiResult {
  const descriptor = needFor(state, fd, 'write', 'output');
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  if (descriptor.kind === 'output') return writeOutput(call, descriptor, vectors, resultPointer);
  if (descriptor.kind !== 'file') return ERRNO.badf;
  const isAppending = (descriptor.flags & FLAGS.append) !== 0;
  const position = isAppending ? descriptor.file.stat().size : descriptor.position;
  const count = writeFile(call, descriptor, vectors, position);
  descriptor.position = position + BigInt(count);
  return succeed(call, resultPointer, count);
}

/** Output beyond the policy's limit gives ENOSPC and is a violation. */
function writeOutput(
  call: HostCallContext,
  { stream, name }: OutputDescriptor,
  vectors: Vectors,
  resultPointer: number,
): WasiResult {
  const { total } = vectors;
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
  const written = total === 0 ? undefined : stream.write(total, (bytes) => gather(call, vectors, bytes));
  return whenReady(written, () => succeed(call, resultPointer, total));
}

/** Gives what there is, at least one byte but at the end. */
export function fdRead(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  vectorsPointer: number,
  vectorCount: number,
  resultPointer: number,
): WasiResult {
  const descriptor = needFor(state, fd, 'read', 'input');
  if (call.view(resultPointer, U32.size) === undefined) return ERRNO.fault;
  const vectors = readVectors(call, vectorsPointer, vectorCount);
  if (typeof vectors === 'number') return vectors;
  if (descriptor.kind === 'input') return readInput(call, descriptor, vectors, resultPointer);
  if (descriptor.kind !== 'file') return ERRNO.badf;
  const count = readFile(call, descriptor, vectors, descriptor.position);
  descriptor.position += BigInt(count);
  return succeed(call, resultPointer, count);
}

/** Bytes are taken only when they have been paid for. */
function readInput(
  call: HostCallContext,
  { stream }: InputDescriptor,
  vectors: Vectors,
  resultPointer: number,
): WasiResult {
  if (vectors.total === 0) return succeed(call, resultPointer, 0);
  const deliver = (bytes: Uint8Array): Errno => {
    call.chargeBytes(bytes.length);
    scatter(call, vectors, bytes);
    stream.take(bytes.length);
    return succeed(call, resultPointer, bytes.length);
  };
  return whenReady(stream.peek(vectors.total), deliver);
}

export function fdClose(state: WasiState, _call: HostCallContext, fd: number): Errno {
  return state.close(fd) ? ERRNO.success : ERRNO.badf;
}

/** Closes `to` and gives its number to `fd`. Both must be open. */
export function fdRenumber(state: WasiState, _call: HostCallContext, fd: number, to: number): Errno {
  const descriptor = need(state, fd);
  need(state, to);
  if (fd === to) return ERRNO.success;
  state.close(to);
  state.remove(fd);
  state.descriptors.set(to, descriptor);
  return ERRNO.success;
}

/** Of a stream: whether it is a terminal, and nothing more. */
function filetypeOf(descriptor: Descriptor): number {
  if (descriptor.kind === 'file' || descriptor.kind === 'directory') return FILETYPE[descriptor.kind];
  return descriptor.stream.isTerminal ? FILETYPE.terminal : FILETYPE.other;
}

export function fdFdstatGet(state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno {
  const descriptor = need(state, fd);
  const result = call.view(resultPointer, FDSTAT.size);
  if (result === undefined) return ERRNO.fault;
  const { flags, rights, inheriting } = descriptor;
  FDSTAT.write(result, { filetype: filetypeOf(descriptor), flags, rightsBase: rights, rightsInheriting: inheriting });
  return ERRNO.success;
}

export function fdFdstatSetFlags(state: WasiState, _call: HostCallContext, fd: number, flags: number): Errno {
  const descriptor = need(state, fd, 'setFlags');
  if ((flags & ~ALL_FLAGS) !== 0) return ERRNO.inval;
  descriptor.flags = flags;
  return ERRNO.success;
}

/** Rights can be given up, never gained. */
export function fdFdstatSetRights(
  state: WasiState,
  _call: HostCallContext,
  fd: number,
  rights: bigint,
  inheriting: bigint,
): Errno {
  const descriptor = need(state, fd);
  const hasAll = (rights & ~descriptor.rights) === 0n && (inheriting & ~descriptor.inheriting) === 0n;
  if (!hasAll) return ERRNO.notcapable;
  descriptor.rights = rights;
  descriptor.inheriting = inheriting;
  return ERRNO.success;
}

/** A stream has no size and no times; its inode is its number at the start, so that no two are taken for one. */
export function fdFilestatGet(abi: Abi) {
  return (state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno => {
    const descriptor = need(state, fd, 'filestat');
    const result = call.view(resultPointer, abi.filestat.size);
    if (result === undefined) return ERRNO.fault;
    if (descriptor.kind === 'file') return writeStat(abi, result, descriptor.file.stat());
    if (descriptor.kind === 'directory') return writeStat(abi, result, descriptor.directory.stat());
    abi.filestat.write(result, {
      device: 0n,
      inode: STREAM_INODES[descriptor.name],
      filetype: filetypeOf(descriptor),
      links: 1n,
      size: 0n,
      accessed: 0n,
      modified: 0n,
      changed: 0n,
    });
    return ERRNO.success;
  };
}

const STREAM_INODES = { stdin: 0n, stdout: 1n, stderr: 2n } as const;

/** `fd_sync` and `fd_datasync`. Streams have nothing to wait for, and what directories hold is the host's concern. */
export function sync(right: 'sync' | 'datasync') {
  return (state: WasiState, call: HostCallContext, fd: number): Errno => {
    const descriptor = need(state, fd);
    // Whoever may write may make sure of it, as in POSIX.
    if ((descriptor.rights & (RIGHTS[right] | RIGHTS.write)) === 0n) return ERRNO.notcapable;
    if (descriptor.kind === 'file') {
      call.chargeWork(descriptor.file.fileSystem.work.sync);
      descriptor.file.sync();
    }
    return ERRNO.success;
  };
}

/** `sock_*`: nothing is a socket. */
export function notSocket(state: WasiState, _call: HostCallContext, fd: number): Errno {
  need(state, fd);
  return ERRNO.notsock;
}
