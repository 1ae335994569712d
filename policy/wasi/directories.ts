/** The calls on open directories: which there are from the start, and what is in them. */

import type { HostCallContext } from '../call.ts';
import type { Entry } from '../fs/filesystem.ts';
import { PRESTAT, U32 } from './abi.ts';
import type { DirectoryDescriptor } from './descriptor.ts';
import { ERRNO, type Errno } from './errno.ts';
import { Listing } from './listing.ts';
import { need, needDirectory, succeed } from './open.ts';
import type { WasiState } from './state.ts';

/** Undefined where there is no such preopened directory, which is how a C library finds the last one. */
function preopenName(state: WasiState, fd: number): Uint8Array | undefined {
  const descriptor = need(state, fd);
  return descriptor.kind === 'directory' ? descriptor.preopen : undefined;
}

export function fdPrestatGet(state: WasiState, call: HostCallContext, fd: number, resultPointer: number): Errno {
  const name = preopenName(state, fd);
  if (name === undefined) return ERRNO.badf;
  const result = call.view(resultPointer, PRESTAT.size);
  if (result === undefined) return ERRNO.fault;
  PRESTAT.write(result, { tag: 0, nameLength: name.length });
  return ERRNO.success;
}

export function fdPrestatDirName(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
): Errno {
  const name = preopenName(state, fd);
  if (name === undefined) return ERRNO.badf;
  if (length < name.length) return ERRNO.nametoolong;
  const result = call.view(pointer, name.length);
  if (result === undefined) return ERRNO.fault;
  call.chargeBytes(name.length);
  result.set(name);
  return ERRNO.success;
}

/**
 * Lists from a cookie, which is the number of entries before. A listing shows the directory as it was when its
 * beginning was asked for, by name, so that an entry is neither told twice nor left out by what happens meanwhile.
 * Asking for the beginning costs the same whether or not anything has changed since the last time.
 */
export function fdReaddir(
  state: WasiState,
  call: HostCallContext,
  fd: number,
  pointer: number,
  length: number,
  cookie: bigint,
  resultPointer: number,
): Errno {
  const descriptor = needDirectory(state, fd, 'readdir', 'notdir');
  const hasRoom = call.view(pointer, length) !== undefined && call.view(resultPointer, U32.size) !== undefined;
  if (!hasRoom) return ERRNO.fault;
  const kept = cookie === 0n ? undefined : descriptor.listing;
  const listing = kept ?? begin(state, call, descriptor);
  const start = cookie < BigInt(listing.length) ? Number(cookie) : listing.length;
  // The last entry may be cut off; the guest then asks again with more room or from there.
  const bytes = listing.from(start, length);
  call.chargeBytes(bytes.length);
  call.view(pointer, bytes.length)?.set(bytes);
  return succeed(call, resultPointer, bytes.length);
}

/** Entries that are paid for at a time, once they have been looked at. */
const BATCH = 64;
/** Entries that are put into order at a time: a sort takes runs that are in order already as they are. */
const RUN = 64 * BATCH;

function begin(state: WasiState, call: HostCallContext, descriptor: DirectoryDescriptor): Listing {
  const { directory, listing: kept } = descriptor;
  const { entry } = directory.fileSystem.work;
  const { version } = directory;
  if (kept === undefined || version === undefined || kept.version !== version) {
    const found = list(state, call, descriptor);
    const listing = new Listing(found, version);
    state.keepListing(descriptor, listing);
    return listing;
  }
  // In the same portions, as it is at one of them that gas runs out.
  for (let rest = kept.length - DOTS; rest > 0; rest -= BATCH) call.chargeWork(entry * Math.min(rest, BATCH));
  return kept;
}

/** `.` and `..`. */
const DOTS = 2;

function list(state: WasiState, call: HostCallContext, descriptor: DirectoryDescriptor): Entry[] {
  const { directory } = descriptor;
  const { entry } = directory.fileSystem.work;
  state.keepListing(descriptor, undefined);
  const sorted: Entry[] = [];
  let run: Entry[] = [];
  const endRun = (): void => {
    for (const found of run.sort(byName)) sorted.push(found);
    run = [];
  };
  for (const found of directory.entries()) {
    run.push(found);
    state.checkListing(sorted.length + run.length + DOTS);
    if (run.length % BATCH === 0) call.chargeWork(entry * BATCH);
    if (run.length === RUN) endRun();
  }
  call.chargeWork(entry * (run.length % BATCH));
  endRun();
  sorted.sort(byName);
  // Whatever is above a directory is nobody's business. Its own inode stands for it, as in a root: where it is 0, C libraries
  // ask for it, and take the refusal for the end of the listing.
  const { inode } = directory.stat();
  const dots = [
    { name: '.', kind: 'directory', inode },
    { name: '..', kind: 'directory', inode },
  ] as const;
  return [...dots, ...sorted];
}

function byName(a: Entry, b: Entry): number {
  return a.name < b.name ? -1 : 1;
}
