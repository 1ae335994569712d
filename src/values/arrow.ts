/** Tables of Apache Arrow, as IPC streams, by the package for them, which is installed beside this one. */

import { UsageError } from '../../wasm/errors.ts';
import { Part } from '../../wasm/part.ts';

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

const CONTINUATION = 0xffff_ffff;
/** Of `bodyLength` in the table of a `Message`, in the order of its fields. */
const BODY_LENGTH = 3;

/**
 * That the bytes are messages to their end (https://arrow.apache.org/docs/format/Columnar.html, encapsulated message format):
 * the package takes what is cut off, or something else, for a table with fewer rows or none.
 * @throws SyntaxError
 */
function requireStream(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let messages = 0;
  for (let at = 0; at < bytes.length; messages++) {
    if (bytes.length - at < 8) throw new SyntaxError('it is cut off');
    if (view.getUint32(at, true) !== CONTINUATION) throw new SyntaxError(`there is no message at byte ${at}`);
    const length = view.getUint32(at + 4, true);
    at += 8;
    if (length === 0) {
      if (at !== bytes.length) throw new SyntaxError(`${bytes.length - at} bytes are behind its end`);
      return;
    }
    if (length > bytes.length - at) throw new SyntaxError('it is cut off');
    const body = bodyLength(new DataView(bytes.buffer, bytes.byteOffset + at, length));
    at += length;
    if (body < 0n || body > BigInt(bytes.length - at)) throw new SyntaxError('it is cut off');
    at += Number(body);
  }
  if (messages === 0) throw new SyntaxError('it has no message');
}

/** Of a message, from its metadata: a table of FlatBuffers. @throws RangeError where that is none */
function bodyLength(metadata: DataView): bigint {
  const table = metadata.getUint32(0, true);
  const vtable = table - metadata.getInt32(table, true);
  const entry = 4 + 2 * BODY_LENGTH;
  const field = metadata.getUint16(vtable, true) > entry ? metadata.getUint16(vtable + entry, true) : 0;
  return field === 0 ? 0n : metadata.getBigInt64(table + field, true);
}
