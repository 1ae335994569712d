/** What a guest may store in one file system. */

import { SnapshotError } from '../../wasm/errors.ts';
import { FsError } from './filesystem.ts';

export interface FileLimits {
  /** Bytes in all files together; of a folder of the host's, bytes more than there were. */
  readonly maxBytes: number;
  /** Files, directories and links; of a folder of the host's, more than there were. */
  readonly maxFiles: number;
}

/** Counts, and refuses before the limit is passed. What is given back never makes room beyond the limits. */
export class Quota {
  private readonly limits: FileLimits;
  private bytes = 0;
  private files = 0;

  constructor(limits: FileLimits) {
    this.limits = limits;
  }

  /** @throws FsError ENOSPC, taking nothing */
  checkBytes(count: number): void {
    const rest = this.limits.maxBytes - this.bytes;
    if (count > rest) throw full(`${count} bytes more are beyond the limit on files (${rest} bytes are left)`);
  }

  /** @throws FsError ENOSPC, taking nothing */
  takeBytes(count: number): void {
    this.checkBytes(count);
    this.bytes += count;
  }

  giveBytes(count: number): void {
    this.bytes = Math.max(0, this.bytes - count);
  }

  /** @throws FsError ENOSPC, taking nothing */
  takeFile(): void {
    const { maxFiles } = this.limits;
    if (this.files >= maxFiles) throw full(`the limit of ${maxFiles} files, directories and links is reached`);
    this.files++;
  }

  giveFile(): void {
    this.files = Math.max(0, this.files - 1);
  }

  /** @throws SnapshotError where so much is beyond the limits, whatever has been taken */
  requireRoom(bytes: number, files: number): void {
    const { maxBytes, maxFiles } = this.limits;
    if (bytes > maxBytes || files > maxFiles) {
      throw new SnapshotError(
        `the files in the snapshot (${files} and more, of ${bytes} bytes) are beyond the limits of the policy (${maxFiles} of ${maxBytes} bytes)`,
      );
    }
  }

  /** Takes the place of all that was taken. @throws SnapshotError where it is beyond the limits */
  restore(bytes: number, files: number): void {
    this.requireRoom(bytes, files);
    this.bytes = bytes;
    this.files = files;
  }

  reset(): void {
    this.bytes = 0;
    this.files = 0;
  }
}

function full(reason: string): FsError {
  return new FsError('nospc', { rule: 'fileLimit', reason });
}
