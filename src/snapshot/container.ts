/**
 * What a snapshot or a recording looks like from outside, whatever is in it: a header, and the contents, compressed or not.
 *
 *     0  8  magic
 *     8  2  version of the format
 *    10  1  compression: 0 none, 1 zlib (RFC 1950)
 *    11  1  0
 *    12  8  bytes of the contents, uncompressed
 *    20 32  SHA-256 of everything else
 *    52     the contents
 */

import { SnapshotError } from '../../wasm/errors.ts';
import { damaged } from '../../wasm/wire.ts';
import { digestOf } from './digest.ts';

/** As in PNG's: the first byte and the line ends show what mangles bytes. */
const MAGIC = {
  snapshot: [0x89, 0x77, 0x73, 0x6e, 0x61, 0x70, 0x0d, 0x0a],
  recording: [0x89, 0x77, 0x73, 0x72, 0x65, 0x63, 0x0d, 0x0a],
} as const;

export type ContentKind = keyof typeof MAGIC;
const FORMAT_VERSION = 1;
const HEADER_BYTES = 52;
const DIGEST_AT = 20;
const DIGEST_BYTES = 32;

const COMPRESSION = { none: 0, zlib: 1 } as const;

/** Compresses where that is asked for and the platform can. */
export async function pack(
  contents: Uint8Array,
  compress: boolean,
  kind: ContentKind = 'snapshot',
): Promise<Uint8Array<ArrayBuffer>> {
  const isCompressed = compress && typeof CompressionStream !== 'undefined';
  const stored = isCompressed ? await through(new CompressionStream('deflate'), contents, undefined) : contents;
  const bytes = new Uint8Array(HEADER_BYTES + stored.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC[kind]);
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint8(10, isCompressed ? COMPRESSION.zlib : COMPRESSION.none);
  view.setBigUint64(12, BigInt(contents.length), true);
  bytes.set(stored, HEADER_BYTES);
  bytes.set(await digestOf(bytes), DIGEST_AT);
  return bytes;
}

/**
 * @param bytes the caller's own: they are changed, and kept
 * @param maxBytes that the contents may have
 * @throws SnapshotError
 */
export async function unpack(
  bytes: Uint8Array<ArrayBuffer>,
  maxBytes: number,
  kind: ContentKind = 'snapshot',
): Promise<Uint8Array> {
  if (bytes.length < HEADER_BYTES || MAGIC[kind].some((byte, i) => bytes[i] !== byte)) {
    throw new SnapshotError(`the bytes are no ${kind} of wasm-sandbox`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(8, true);
  if (version !== FORMAT_VERSION) {
    throw new SnapshotError(`the ${kind} is of version ${version} of the format; this is version ${FORMAT_VERSION}`);
  }
  const given = bytes.slice(DIGEST_AT, DIGEST_AT + DIGEST_BYTES);
  bytes.fill(0, DIGEST_AT, DIGEST_AT + DIGEST_BYTES);
  const digest = await digestOf(bytes);
  if (digest.some((byte, i) => given[i] !== byte)) damaged('its checksum is wrong');
  const length = Number(view.getBigUint64(12, true));
  const stored = bytes.subarray(HEADER_BYTES);
  if (length > maxBytes) throw new SnapshotError(`the ${kind} has ${length} bytes; the limits allow ${maxBytes}`);
  switch (view.getUint8(10)) {
    case COMPRESSION.none:
      if (stored.length !== length) damaged('its length is wrong');
      return stored;
    case COMPRESSION.zlib:
      return inflate(stored, length);
    default:
      return damaged('its compression is unknown');
  }
}

async function inflate(stored: Uint8Array, length: number): Promise<Uint8Array> {
  if (typeof DecompressionStream === 'undefined') {
    throw new SnapshotError(
      'the bytes are compressed, and this runtime has no DecompressionStream: make it with { compress: false }',
    );
  }
  const contents = await through(new DecompressionStream('deflate'), stored, length);
  if (contents.length !== length) damaged('its length is wrong');
  return contents;
}

/** @throws SnapshotError where more than `most` bytes come out, or none can */
async function through(
  transform: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
  most = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  const writer = transform.writable.getWriter();
  // What goes wrong here goes wrong on the other side as well.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader: ReadableStreamDefaultReader<Uint8Array> = transform.readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      length += next.value.length;
      if (length > most) damaged('it holds more than it says');
      chunks.push(next.value);
    }
  } catch (cause) {
    await reader.cancel().catch(() => undefined);
    if (cause instanceof SnapshotError) throw cause;
    throw new SnapshotError('the bytes are damaged: it cannot be decompressed', { cause });
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
