/**
 * What WASI needs of a file system, synchronous. Every operation names one entry of one directory and never follows
 * a symbolic link: walking paths is done once, in path.ts, on top of this, so that no file system has to be trusted
 * with a path.
 */

import type { FileWork } from '../../wasm/gas.ts';
import type { WireReader, WireWriter } from '../../wasm/wire.ts';
import type { ERRNO } from '../wasi/errno.ts';

export type FsErrorCode = Exclude<keyof typeof ERRNO, 'success'>;

/** A refusal, as the record of violations has it. */
export interface FsRefusal {
  readonly rule: 'path' | 'readOnly' | 'fileKind' | 'fileLimit';
  readonly reason: string;
}

/**
 * How an operation fails: an error value for the guest, and a refusal where it is one. Never leaves the policy, and is
 * no `Error`: guests make many of them, and a stack trace takes longer than most of their calls.
 */
export class FsError {
  readonly code: FsErrorCode;
  readonly refusal: FsRefusal | undefined;

  constructor(code: FsErrorCode, refusal?: FsRefusal) {
    this.code = code;
    this.refusal = refusal;
  }
}

/** Directory, regular file, symbolic link, or what guests are not let near: devices, pipes, sockets. */
export type NodeKind = 'file' | 'directory' | 'link' | 'other';

/** Times are nanoseconds since 1970. */
export interface Stat {
  readonly device: bigint;
  readonly inode: bigint;
  readonly kind: NodeKind;
  readonly links: bigint;
  readonly size: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
}

/** Times to set; undefined leaves one as it is. */
export interface TimeChange {
  readonly accessed: bigint | undefined;
  readonly modified: bigint | undefined;
}

export interface Entry {
  readonly name: string;
  readonly kind: NodeKind;
  readonly inode: bigint;
}

export interface OpenOptions {
  readonly write: boolean;
  /** Make the file where there is none. */
  readonly create: boolean;
  /** With `create`: fail where there is anything. */
  readonly exclusive: boolean;
}

/** Highest size and position of a file, so that both are exact as numbers. */
export const MAX_FILE_SIZE = Number.MAX_SAFE_INTEGER;

/** An open regular file. Positions are those of the caller; all calls are at safe integers. */
export interface File {
  readonly fileSystem: FileSystem;
  stat(): Stat;
  setTimes(times: TimeChange): void;
  /** Fills from the start of `bytes`; returns how many there were. */
  read(position: number, bytes: Uint8Array): number;
  /** Returns how many were written. Room for all has been asked for with {@link File.reserve}. */
  write(position: number, bytes: Uint8Array): number;
  /**
   * Makes sure that the file may reach so many bytes, without making it grow.
   * @throws FsError where a limit is in the way
   */
  reserve(size: number): void;
  setSize(size: number): void;
  sync(): void;
  /** At most once. */
  close(): void;
}

/**
 * An open directory: the directory itself, wherever it is moved. Names are single components: not empty, neither `.`
 * nor `..`, without `/` and NUL. All throw FsError; those that change anything, where the file system is read-only.
 */
export interface Directory {
  readonly fileSystem: FileSystem;
  stat(): Stat;
  setTimes(times: TimeChange): void;
  /** All but `.` and `..`, in no particular order. Must be run to its end, or be closed by `return`. */
  entries(): Iterable<Entry>;
  /** The same as long as its entries are; undefined where that cannot be told. */
  readonly version: string | undefined;
  /** Undefined where there is nothing. */
  lookup(name: string): Stat | undefined;
  setTimesOf(name: string, times: TimeChange): void;
  openDirectory(name: string): Directory;
  openFile(name: string, options: OpenOptions): File;
  readLink(name: string): string;
  createDirectory(name: string): void;
  createLink(name: string, target: string): void;
  /** What is there may be anything but a directory. */
  removeFile(name: string): void;
  removeDirectory(name: string): void;
  /**
   * As POSIX `rename`, within one file system.
   * @param onLevel called for each directory that is looked at on the way up from the two
   */
  rename(name: string, to: Directory, newName: string, onLevel?: () => void): void;
  /** A further name for what is no directory, within one file system; a symbolic link itself, not what it names. */
  link(name: string, to: Directory, newName: string): void;
  /** The same directory, opened once more. */
  again(): Directory;
  /** At most once. */
  close(): void;
}

/** Opens what was open in a saved file system, by its inode; undefined where there is no such file or directory. */
export type Reopen = (inode: bigint) => File | Directory | undefined;

export interface FileSystem {
  readonly readOnly: boolean;
  /** What work on it costs. */
  readonly work: FileWork;
  /** The directory that guests see; a new handle each time. */
  openRoot(): Directory;
  /** Back to how it was made, where that can be: what happened to a folder of the host's stays. All is closed. */
  reset(): void;
  /** Contents by path from the root, without the leading `/`; undefined where they are not kept in memory. */
  files(): ReadonlyMap<string, Uint8Array> | undefined;
  /**
   * Everything in it. Absent where it cannot be saved.
   * @param open what is open, and perhaps has no name any more
   */
  save?(to: WireWriter, open: readonly (File | Directory)[]): void;
  /** @throws SnapshotError; it is then to be given up */
  load?(from: WireReader): Reopen;
  /** Lets go of the host's folder; {@link FileSystem.openRoot} then fails. */
  close(): void;
}

export function readOnlyError(): FsError {
  return new FsError('rofs', { rule: 'readOnly', reason: 'the directory was granted for reading only' });
}

export function kindError(): FsError {
  const reason = 'what is there is neither a file, a directory nor a symbolic link';
  return new FsError('acces', { rule: 'fileKind', reason });
}
