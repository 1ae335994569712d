/** The host's errors as the guest's: the code alone, as messages have the host's paths in them. */

import { ERRNO } from '../../wasi/errno.ts';
import { FsError, type FsErrorCode } from '../filesystem.ts';

/** Names that WASI has under another one. */
const ALIASES: Readonly<Record<string, FsErrorCode>> = { opnotsupp: 'notsup', wouldblock: 'again' };

function isKnown(code: string): code is FsErrorCode {
  return Object.hasOwn(ERRNO, code) && code !== 'success';
}

/** @throws FsError for every failure */
export function translate<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof FsError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const name = code.slice(1).toLowerCase();
    if (!code.startsWith('E')) throw new FsError('io');
    throw new FsError(isKnown(name) ? name : (ALIASES[name] ?? 'io'));
  }
}
