/**
 * What a snapshot, a recording or an item of a durable job looks like from outside, whatever is in it: a header, and the contents, compressed or not.
 *
 *     0  8  magic
 *     8  2  version of the format
 *    10  1  compression: 0 none, 1 zlib (RFC 1950)
 *    11  1  seal: 0 SHA-256, 1 HMAC-SHA-256 with a key
 *    12  8  bytes of the contents, uncompressed
 *    20 32  the seal, over all bytes, these being 0
 *    52     the contents
 *
 * The magic is under the seal too, so what is sealed as one kind cannot be taken for another.
 */

import { concat } from '../../wasm/bytes.ts';
import { SnapshotError, WasmSandboxError } from '../../wasm/errors.ts';
import { damaged } from '../../wasm/wire.ts';
import { digestOf } from '../crypto/digest.ts';
import { type Authenticator, CODE_BYTES } from '../crypto/key.ts';

/** As in PNG's: the first byte and the line ends show what mangles bytes. */
const MAGIC = {
  snapshot: [0x89, 0x77, 0x73, 0x6e, 0x61, 0x70, 0x0d, 0x0a],
  recording: [0x89, 0x77, 0x73, 0x72, 0x65, 0x63, 0x0d, 0x0a],
  item: [0x89, 0x77, 0x73, 0x64, 0x75, 0x72, 0x0d, 0x0a],
} as const;

export type ContentKind = keyof typeof MAGIC;
export const FORMAT_VERSION = 1;
const HEADER_BYTES = 52;
const COMPRESSION_AT = 10;
const SEAL_KIND_AT = 11;
const LENGTH_AT = 12;
const SEAL_AT = 20;

const COMPRESSION = { none: 0, zlib: 1 } as const;
const SEAL = { checksum: 0, key: 1 } as const;

/** What is packed, and under which key. */
export interface Packing {
  readonly kind: ContentKind;
  readonly key?: Authenticator | undefined;
}

export interface Unpacking extends Packing {
  /** Bytes that the contents may have. */
  readonly maxBytes: number;
  /** Called between pieces of work. Throws to end it. */
  readonly look?: (() => void) | undefined;
}

/** Compresses where that is asked for and the platform can. @throws UsageError for a key that may not sign */
export async function pack(
  contents: Uint8Array,
  compress: boolean,
  { kind, key }: Packing,
): Promise<Uint8Array<ArrayBuffer>> {
  const isCompressed = compress && typeof CompressionStream !== 'undefined';
  const stored = isCompressed ? await deflate(contents) : contents;
  const bytes = new Uint8Array(HEADER_BYTES + stored.length);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC[kind]);
  view.setUint16(8, FORMAT_VERSION, true);
  view.setUint8(COMPRESSION_AT, isCompressed ? COMPRESSION.zlib : COMPRESSION.none);
  view.setUint8(SEAL_KIND_AT, key === undefined ? SEAL.checksum : SEAL.key);
  view.setBigUint64(LENGTH_AT, BigInt(contents.length), true);
  bytes.set(stored, HEADER_BYTES);
  bytes.set(key === undefined ? await digestOf(bytes) : await key.sign(bytes), SEAL_AT);
  return bytes;
}

/**
 * @param bytes the caller's own: they are changed, and kept
 * @throws SnapshotError; UsageError for a key that may not verify; what `look` throws
 */
export async function unpack(bytes: Uint8Array<ArrayBuffer>, options: Unpacking): Promise<Uint8Array> {
  const { kind, key, maxBytes, look } = options;
  if (bytes.length < HEADER_BYTES || MAGIC[kind].some((byte, i) => bytes[i] !== byte)) {
    throw new SnapshotError(`the bytes are no ${kind} of wasm-sandbox`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(8, true);
  if (version !== FORMAT_VERSION) {
    throw new SnapshotError(`the ${kind} is of version ${version} of the format; this is version ${FORMAT_VERSION}`);
  }
  const length = Number(view.getBigUint64(LENGTH_AT, true));
  const stored = bytes.subarray(HEADER_BYTES);
  if (Math.max(length, stored.length - overhead(length)) > maxBytes) {
    throw new SnapshotError(`the ${kind} has ${Math.max(length, stored.length)} bytes; the limits allow ${maxBytes}`);
  }
  await requireSeal(bytes, kind, key);
  look?.();
  switch (view.getUint8(COMPRESSION_AT)) {
    case COMPRESSION.none:
      if (stored.length !== length) damaged('its length is wrong');
      return stored;
    case COMPRESSION.zlib:
      return inflate(stored, length, look);
    default:
      return damaged('its compression is unknown');
  }
}

/** Whether the bytes, which were packed without compressing, are fewer than were written. */
export function isCutOff(bytes: Uint8Array<ArrayBuffer>): boolean {
  if (bytes.length < HEADER_BYTES) return true;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(LENGTH_AT, true);
  return BigInt(bytes.length - HEADER_BYTES) < length;
}

/** Bytes by which compressing makes what cannot be compressed longer, at most. */
const overhead = (length: number) => 1_024 + Math.ceil(length / 1_000);

/** @throws SnapshotError where the bytes are not as they were made, or not made with the key */
async function requireSeal(
  bytes: Uint8Array<ArrayBuffer>,
  kind: ContentKind,
  key: Authenticator | undefined,
): Promise<void> {
  const seal = bytes[SEAL_KIND_AT];
  if (seal !== SEAL.checksum && seal !== SEAL.key) damaged('its seal is of no known kind');
  if (seal === SEAL.key && key === undefined) {
    throw new SnapshotError(`the ${kind} was made with a key: give the same one to read it`);
  }
  if (seal === SEAL.checksum && key !== undefined) {
    throw new SnapshotError(
      `the ${kind} was made without a key, so nobody knows who made it; one was given to read it`,
    );
  }
  const given = bytes.slice(SEAL_AT, SEAL_AT + CODE_BYTES);
  bytes.fill(0, SEAL_AT, SEAL_AT + CODE_BYTES);
  if (key === undefined) {
    const digest = await digestOf(bytes);
    if (digest.some((byte, i) => given[i] !== byte)) damaged('its checksum is wrong');
  } else if (!(await key.verify(given, bytes))) {
    throw new SnapshotError(`the ${kind} was made with another key, or has been changed since`);
  }
}

async function deflate(contents: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await through(new CompressionStream('deflate'), contents, (chunk) => chunks.push(chunk));
  return concat(chunks);
}

/** @throws SnapshotError as soon as more than `length` bytes come out; where fewer or none do; what `look` throws */
async function inflate(stored: Uint8Array, length: number, look: (() => void) | undefined): Promise<Uint8Array> {
  if (typeof DecompressionStream === 'undefined') {
    throw new SnapshotError(
      'the bytes are compressed, and this runtime has no DecompressionStream: make it with { compress: false }',
    );
  }
  const contents = allocate(length);
  let at = 0;
  try {
    await through(new DecompressionStream('deflate'), stored, (chunk) => {
      look?.();
      if (chunk.length > length - at) damaged('it holds more than it says');
      contents.set(chunk, at);
      at += chunk.length;
    });
  } catch (cause) {
    if (cause instanceof WasmSandboxError) throw cause;
    throw new SnapshotError('the bytes are damaged: it cannot be decompressed', { cause });
  }
  if (at !== length) damaged('its length is wrong');
  return contents;
}

function allocate(length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new SnapshotError(`the host cannot allocate the ${length} bytes that are in it`, { cause });
  }
}

/** Hands on what comes out, piece by piece. @throws what the stream fails with, and what `take` throws */
async function through(
  transform: CompressionStream | DecompressionStream,
  bytes: Uint8Array,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  const writer = transform.writable.getWriter();
  // What goes wrong here goes wrong on the other side as well.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader: ReadableStreamDefaultReader<Uint8Array> = transform.readable.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}
