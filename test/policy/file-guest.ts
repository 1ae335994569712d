/** A guest that calls WASI's file functions, with its paths at fixed places of its memory. */

import type { AnchorKind } from '../../policy/fs/node/anchor.ts';
import { HostFileSystem } from '../../policy/fs/node/directory.ts';
import type { HostOptions } from '../../policy/index.ts';
import { OPEN, RIGHTS } from '../../policy/wasi/abi.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { Guest } from './guest.ts';

const PATH = 1_024;
const OTHER_PATH = 12_288;
const RESULT = 512;
const VECTORS = 600;
const BUFFER = 32_768;

export const ALL = (1n << 28n) - 1n;
/** All that can be asked for of a directory. */
export const BELOW = ALL & ~(RIGHTS.write | RIGHTS.allocate | RIGHTS.setSize);
export const READ = RIGHTS.read | RIGHTS.seek | RIGHTS.tell | RIGHTS.filestat;
export const ROOT = 3;
const names = Object.keys(ERRNO);

/** What `fd_readdir` told of an entry. */
export interface Listed {
  readonly name: string;
  readonly next: bigint;
  readonly inode: bigint;
  readonly type: number;
}

interface OpenParts {
  readonly fd?: number;
  readonly follow?: boolean;
  readonly flags?: readonly (keyof typeof OPEN)[];
  readonly rights?: bigint;
  readonly fdFlags?: number;
}

/** Opens folders as a test wants them held, and tells it when there is a gap between check and use. */
export function folders(anchor: AnchorKind, onGap?: () => void): Pick<HostOptions, 'openFolder'> {
  return { openFolder: (path, options) => new HostFileSystem(path, { ...options, anchor, onGap }) };
}

/** All calls give the name of the error value; those that open, the descriptor too. */
export class FileGuest extends Guest {
  /** The last number a call gave. */
  get result(): number {
    return this.u32(RESULT);
  }

  errno(name: string, ...args: (number | bigint)[]): string {
    const value = this.call(name, ...args);
    return names[value as number] ?? String(value);
  }

  private place(path: string | Uint8Array, at = PATH): [pointer: number, length: number] {
    const bytes = typeof path === 'string' ? new TextEncoder().encode(path) : path;
    this.bytes.set(bytes, at);
    return [at, bytes.length];
  }

  open(path: string | Uint8Array, parts: OpenParts = {}): string {
    const { fd = ROOT, follow = true, flags = [], rights = READ, fdFlags = 0 } = parts;
    const open = flags.reduce((sum, flag) => sum | OPEN[flag], 0);
    return this.errno('path_open', fd, follow ? 1 : 0, ...this.place(path), open, rights, ALL, fdFlags, RESULT);
  }

  /** The descriptor. */
  opened(path: string, parts: OpenParts = {}): number {
    const errno = this.open(path, parts);
    if (errno !== 'success') throw new Error(`cannot open ${path}: ${errno}`);
    return this.result;
  }

  /** A call with a directory and a path: `path_create_directory` and the like. */
  on(name: string, path: string, fd = ROOT): string {
    return this.errno(name, fd, ...this.place(path));
  }

  stat(path: string, { fd = ROOT, follow = true } = {}): string {
    return this.errno('path_filestat_get', fd, follow ? 1 : 0, ...this.place(path), 448);
  }

  get stats(): { inode: bigint; type: number; links: bigint; size: bigint; modified: bigint } {
    const at = 448;
    return {
      inode: this.u64(at + 8),
      type: this.u8(at + 16),
      links: this.u64(at + 24),
      size: this.u64(at + 32),
      modified: this.u64(at + 48),
    };
  }

  setTimes(path: string, modified: bigint, { fd = ROOT, follow = true } = {}): string {
    return this.errno('path_filestat_set_times', fd, follow ? 1 : 0, ...this.place(path), 0n, modified, 4);
  }

  rename(from: string, to: string, fd = ROOT, toFd = fd): string {
    return this.errno('path_rename', fd, ...this.place(from), toFd, ...this.place(to, OTHER_PATH));
  }

  link(from: string, to: string, fd = ROOT, toFd = fd): string {
    return this.errno('path_link', fd, 0, ...this.place(from), toFd, ...this.place(to, OTHER_PATH));
  }

  symlink(target: string, path: string, fd = ROOT): string {
    return this.errno('path_symlink', ...this.place(target, OTHER_PATH), fd, ...this.place(path));
  }

  readlink(path: string, fd = ROOT): string {
    return this.errno('path_readlink', fd, ...this.place(path), BUFFER, 4_096, RESULT);
  }

  write(fd: number, text: string): string {
    const [pointer, length] = this.place(text, BUFFER);
    this.vectors(VECTORS, [pointer, length]);
    return this.errno('fd_write', fd, VECTORS, 1, RESULT);
  }

  read(fd: number, length = 4_096): string {
    this.vectors(VECTORS, [BUFFER, length]);
    return this.errno('fd_read', fd, VECTORS, 1, RESULT);
  }

  /** What the last read or readlink gave. */
  get got(): string {
    return this.text(BUFFER, this.result);
  }

  /** The whole of a file. */
  content(path: string, fd = ROOT): string {
    const file = this.opened(path, { fd });
    const errno = this.read(file, 16_384);
    if (errno !== 'success') throw new Error(`cannot read ${path}: ${errno}`);
    this.errno('fd_close', file);
    return this.got;
  }

  store(path: string, text: string): void {
    const file = this.opened(path, { flags: ['create', 'truncate'], rights: ALL });
    if (this.write(file, text) !== 'success') throw new Error(`cannot write ${path}`);
    this.errno('fd_close', file);
  }

  /** Lists from a cookie with a buffer of so many bytes, whole entries only. */
  list(fd: number, cookie = 0n, length = 4_096): Listed[] {
    const errno = this.errno('fd_readdir', fd, BUFFER, length, cookie, RESULT);
    if (errno !== 'success') throw new Error(`cannot list: ${errno}`);
    const found: Listed[] = [];
    const end = BUFFER + this.result;
    for (let at = BUFFER; at + 24 <= end; ) {
      const size = this.u32(at + 16);
      if (at + 24 + size > end) break;
      found.push({
        name: this.text(at + 24, size),
        next: this.u64(at),
        inode: this.u64(at + 8),
        type: this.u8(at + 20),
      });
      at += 24 + size;
    }
    return found;
  }
}
