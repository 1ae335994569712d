/** The calls on open directories: which there are from the start, and what is in them. */

import type { HostCallContext } from '../call.ts';
import { DIRENT, FILETYPE, PRESTAT, U32 } from './abi.ts';
import { ERRNO, type Errno } from './errno.ts';
import { need, needDirectory, succeed } from './open.ts';
import type { DirectoryDescriptor, Listing, WasiState } from './state.ts';

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
  const listing = kept ?? list(state, call, descriptor);
  let used = 0;
  let end = cookie < BigInt(listing.length) ? Number(cookie) : listing.length;
  const start = end;
  for (; end < listing.length && used < length; end++) used += DIRENT.size + (listing[end]?.name.length ?? 0);
  // The last entry may be cut off; the guest then asks again with more room or from there.
  used = Math.min(used, length);
  call.chargeBytes(used);
  const bytes = call.view(pointer, used);
  if (bytes === undefined) return ERRNO.fault;
  let at = 0;
  for (let index = start; index < end; index++) {
    const entry = encode(listing, index);
    bytes.set(entry.subarray(0, used - at), at);
    at += entry.length;
  }
  return succeed(call, resultPointer, used);
}

const encoder = new TextEncoder();

function list(state: WasiState, call: HostCallContext, descriptor: DirectoryDescriptor): Listing {
  const { directory } = descriptor;
  state.keepListing(descriptor, undefined);
  const found: { readonly name: string; readonly kind: keyof typeof FILETYPE; readonly inode: bigint }[] = [];
  for (const entry of directory.entries()) {
    call.chargeOverhead(DIRENT.size + entry.name.length);
    found.push(entry);
    state.checkListing(found.length);
  }
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  // Whatever is above a directory is nobody's business; C libraries take 0 for an inode that is not known.
  const dots = [
    { name: '.', kind: 'directory', inode: directory.stat().inode },
    { name: '..', kind: 'directory', inode: 0n },
  ] as const;
  const listing = [...dots, ...found].map(({ name, kind, inode }) => ({ name: encoder.encode(name), kind, inode }));
  state.keepListing(descriptor, listing);
  return listing;
}

function encode(listing: Listing, index: number): Uint8Array {
  const { name, kind, inode } = listing[index] as Listing[number];
  const bytes = new Uint8Array(DIRENT.size + name.length);
  const next = BigInt(index + 1);
  DIRENT.write(bytes, { next, inode, nameLength: name.length, filetype: FILETYPE[kind] });
  bytes.set(name, DIRENT.size);
  return bytes;
}
