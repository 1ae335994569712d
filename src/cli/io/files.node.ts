/** Files the command itself reads and writes: policies, records, recordings, instrumented modules. */

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { UsageError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';
import { encodeUtf8 } from '../../../wasm/utf8.ts';

function attempt<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot ${what} ${quote(path, 200)}: ${reason}`, { cause });
  }
}

/** @throws UsageError */
export function readText(path: string): string {
  return attempt('read', path, () => readFileSync(path, 'utf8'));
}

/** @throws UsageError */
export function readBytes(path: string): Uint8Array {
  return attempt('read', path, () => new Uint8Array(readFileSync(path)));
}

/** @throws UsageError */
export function writeBytes(path: string, bytes: Uint8Array): void {
  attempt('write', path, () => writeFileSync(path, bytes));
}

/** Makes a folder, and those above it, where there are none. @throws UsageError */
export function makeFolder(path: string): void {
  attempt('make the folder', path, () => mkdirSync(path, { recursive: true }));
}

export interface TextFile {
  /** All of it has been written when this returns. */
  write(text: string): void;
  close(): void;
}

/**
 * Begins a file, in place of one that may be there.
 * @throws UsageError
 */
export function createFile(path: string): TextFile {
  const descriptor = attempt('write', path, () => openSync(path, 'w'));
  return {
    write(text) {
      const bytes = encodeUtf8(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    },
    close: () => closeSync(descriptor),
  };
}
