/** Reads module files, for runtimes that have Node's file system. Loaded only when a path is given. */

import { type FileHandle, open } from 'node:fs/promises';
import { UsageError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';

const CHUNK_BYTES = 256 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'too many symbolic links',
};

/** The content of a file. The buffer is used again for every piece. */
export async function* readChunks(path: string | URL): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    throw failure(path, cause);
  } finally {
    await file?.close();
  }
}

function failure(path: string | URL, cause: unknown): UsageError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why = Object.hasOwn(REASONS, code) ? REASONS[code] : quote(String(cause), 200);
  return new UsageError(`cannot read ${quote(String(path), 200)}: ${why}`, { cause });
}
