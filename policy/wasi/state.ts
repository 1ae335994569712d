/** What one guest's WASI calls share. */

import { encodeUtf8 } from '../../wasm/utf8.ts';
import type { WireReader, WireWriter } from '../../wasm/wire.ts';
import type { HostCallContext } from '../call.ts';
import type { Clock } from '../clock.ts';
import { FsError } from '../fs/filesystem.ts';
import { MAX_LISTED } from '../limits.ts';
import type { RandomSource } from '../random.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import { ALL_RIGHTS } from './abi.ts';
import type { Descriptor, DirectoryDescriptor, Preopen } from './descriptor.ts';
import type { Errno } from './errno.ts';
import type { Listing } from './listing.ts';
import { type ReopenOn, readDescriptors, writeDescriptors } from './saved.ts';
import type { StringList } from './string-list.ts';

/** Most `iovec`s or subscriptions in one call, as `IOV_MAX` on Linux. */
export const MAX_VECTORS = 1_024;

export interface WasiSources {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly args: StringList;
  /** `NAME=value`. */
  readonly environment: StringList;
  /** From descriptor 3 on. */
  readonly preopens: readonly Preopen[];
  /** Descriptors open at once, streams and preopened directories included. */
  readonly maxDescriptors: number;
}

const STREAM = { flags: 0, inheriting: 0n } as const;

export class WasiState {
  readonly sources: WasiSources;
  /** Those of the sources, until others are given to the program that runs next. */
  args: StringList;
  environment: StringList;
  /** Open descriptors. Numbers are unsigned, and below the limit. */
  readonly descriptors = new Map<number, Descriptor>();
  private listed = 0;
  /** No number below this is free. */
  private lowestFree = 0;

  constructor(sources: WasiSources) {
    this.sources = sources;
    this.args = sources.args;
    this.environment = sources.environment;
    this.reset();
  }

  /** All as at the start. The sources are reset by whoever made them. */
  reset(): void {
    const { stdin, stdout, stderr, preopens } = this.sources;
    this.args = this.sources.args;
    this.environment = this.sources.environment;
    this.closeAll();
    this.descriptors.set(0, { kind: 'input', name: 'stdin', stream: stdin, rights: ALL_RIGHTS.input, ...STREAM });
    this.descriptors.set(1, { kind: 'output', name: 'stdout', stream: stdout, rights: ALL_RIGHTS.output, ...STREAM });
    this.descriptors.set(2, { kind: 'output', name: 'stderr', stream: stderr, rights: ALL_RIGHTS.output, ...STREAM });
    for (const [index, { path, fileSystem }] of preopens.entries()) {
      this.descriptors.set(3 + index, {
        kind: 'directory',
        directory: fileSystem.openRoot(),
        path,
        preopen: encodeUtf8(path),
        flags: 0,
        rights: ALL_RIGHTS.directory,
        inheriting: ALL_RIGHTS.directory | ALL_RIGHTS.file,
        listing: undefined,
      });
    }
  }

  /**
   * Makes sure that there is a number for one more.
   * @throws FsError EMFILE
   */
  requireFree(): void {
    const { maxDescriptors } = this.sources;
    if (this.descriptors.size < maxDescriptors) return;
    throw new FsError('mfile', { rule: 'fileLimit', reason: `the limit of ${maxDescriptors} open files is reached` });
  }

  /** Descriptors; the sources are saved by whoever made them. */
  save(to: WireWriter): void {
    writeDescriptors(to, this.descriptors);
  }

  /**
   * @param reopen opens files and directories of the file systems, which have been loaded
   * @throws SnapshotError; the state is then to be given up
   */
  load(from: WireReader, reopen: ReopenOn): void {
    const { stdin, stdout, stderr, maxDescriptors } = this.sources;
    this.closeAll();
    const streams = { stdin, stdout, stderr };
    const maxListed = () => MAX_LISTED - this.listed;
    for (const [number, descriptor] of readDescriptors(from, { streams, maxDescriptors, maxListed, reopen })) {
      this.descriptors.set(number, descriptor);
      if (descriptor.kind === 'directory') this.listed += descriptor.listing?.length ?? 0;
    }
  }

  /** Gives a descriptor the lowest free number. */
  add(descriptor: Descriptor): number {
    while (this.descriptors.has(this.lowestFree)) this.lowestFree++;
    this.descriptors.set(this.lowestFree, descriptor);
    return this.lowestFree;
  }

  /** Takes a descriptor from its number without closing it. */
  remove(number: number): void {
    this.descriptors.delete(number);
    this.lowestFree = Math.min(this.lowestFree, number);
  }

  /** False where nothing was open. */
  close(number: number): boolean {
    const descriptor = this.descriptors.get(number);
    if (descriptor === undefined) return false;
    this.remove(number);
    if (descriptor.kind === 'directory') {
      this.keepListing(descriptor, undefined);
      descriptor.directory.close();
    } else if (descriptor.kind === 'file') descriptor.file.close();
    return true;
  }

  closeAll(): void {
    for (const number of [...this.descriptors.keys()]) {
      try {
        this.close(number);
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
      }
    }
  }

  /**
   * Replaces what is kept of a directory.
   * @throws FsError ENOMEM where all together would be too many
   */
  keepListing(descriptor: DirectoryDescriptor, listing: Listing | undefined): void {
    this.listed -= descriptor.listing?.length ?? 0;
    descriptor.listing = undefined;
    if (listing === undefined) return;
    this.checkListing(listing.length);
    this.listed += listing.length;
    descriptor.listing = listing;
  }

  /** @throws FsError ENOMEM */
  checkListing(entries: number): void {
    if (this.listed + entries <= MAX_LISTED) return;
    const reason = `the listings that have begun are beyond ${MAX_LISTED} entries`;
    throw new FsError('nomem', { rule: 'fileLimit', reason });
  }
}

/** What a call gives the guest: an error value, perhaps later. */
export type WasiResult = Errno | Promise<Errno>;

/** The body of a WASI call. Integers are unsigned; those of 64 bits are bigints. */
export type WasiHandler<A extends readonly (number | bigint)[]> = (
  state: WasiState,
  call: HostCallContext,
  ...args: A
) => WasiResult;
