/** Preview 1's error values as `wasi:filesystem` has them. */

import type { FsErrorCode } from '../fs/filesystem.ts';
import { ERRNO, type Errno } from '../wasi/errno.ts';
import { WitError } from './resources.ts';

/** Those that are called otherwise there, or have no name of their own; all others are `io`. */
const CODES: Readonly<Partial<Record<FsErrorCode, string>>> = {
  acces: 'access',
  again: 'would-block',
  badf: 'bad-descriptor',
  busy: 'busy',
  dquot: 'quota',
  exist: 'exist',
  fbig: 'file-too-large',
  ilseq: 'illegal-byte-sequence',
  inval: 'invalid',
  isdir: 'is-directory',
  loop: 'loop',
  mfile: 'insufficient-memory',
  mlink: 'too-many-links',
  nametoolong: 'name-too-long',
  nfile: 'insufficient-memory',
  nodev: 'no-device',
  noent: 'no-entry',
  nomem: 'insufficient-memory',
  nospc: 'insufficient-space',
  nosys: 'unsupported',
  notcapable: 'not-permitted',
  notdir: 'not-directory',
  notempty: 'not-empty',
  notsup: 'unsupported',
  overflow: 'overflow',
  perm: 'not-permitted',
  rofs: 'read-only',
  spipe: 'invalid-seek',
  txtbsy: 'text-file-busy',
  xdev: 'cross-device',
};

const NAMES = new Map(
  Object.entries(ERRNO).map(([name, value]) => [value as Errno, CODES[name as FsErrorCode] ?? 'io']),
);

export function errorCodeOf(errno: Errno): string {
  return NAMES.get(errno) ?? 'io';
}

/** @throws WitError for anything but success */
export function requireSuccess(errno: Errno): void {
  if (errno !== ERRNO.success) throw new WitError(errorCodeOf(errno));
}
