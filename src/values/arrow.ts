/** Tables of Apache Arrow, as IPC streams, by the package for them, which is installed beside this one. */

import { UsageError } from '../../wasm/errors.ts';
import { Part } from '../../wasm/part.ts';
import { requireStream } from './arrow-stream.ts';

/** As much of the package as is used. */
export interface ArrowPackage {
  tableToIPC(table: never, type: 'stream'): Uint8Array;
  tableFromIPC(bytes: Uint8Array): object;
}

/** Offered by `wasm-sandbox/arrow`, so that no bundle of anybody else looks for the package. */
export const arrow = new Part<ArrowPackage>('tables');

async function load(): Promise<ArrowPackage> {
  if (!arrow.isOffered) {
    throw new UsageError('tables are read and written by the package apache-arrow: import wasm-sandbox/arrow too');
  }
  return arrow.load();
}

/** Whether a value is a table, of whatever copy of the package. */
export function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'schema' in value && 'batches' in value && 'numRows' in value;
}

/** @throws UsageError where there is no such package */
export async function encodeTable(table: object): Promise<Uint8Array> {
  return (await load()).tableToIPC(table as never, 'stream');
}

/** @throws UsageError where there is no such package; SyntaxError, and what it throws, where the bytes are no stream */
export async function decodeTable(bytes: Uint8Array): Promise<object> {
  const { tableFromIPC } = await load();
  requireStream(bytes);
  return tableFromIPC(bytes);
}
