/**
 * Entries as bytes: a header that says what they are, and the content. All numbers are little-endian.
 *
 * | offset | bytes | |
 * | --- | --- | --- |
 * | 0 | 8 | `wasmsbox` |
 * | 8 | 4 | version of this format |
 * | 12 | 4 | version of the gas schedule |
 * | 16 | 8 | bytes of content |
 * | 24 | 32 | the key |
 * | 56 | 32 | SHA-256 of everything, or with a key HMAC-SHA-256, these 32 bytes being zero |
 * | 88 | | the content |
 */

import { GAS_VERSION } from '../../wasm/gas.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import { digestOf, fromHex } from '../crypto/digest.ts';
import type { Authenticator } from '../crypto/key.ts';
import { CACHE_FORMAT } from './key.ts';

const MAGIC = encodeUtf8('wasmsbox');
const FORMAT_AT = 8;
const GAS_VERSION_AT = 12;
const LENGTH_AT = 16;
const KEY_AT = 24;
const CHECKSUM_AT = 56;
export const HEADER_BYTES = 88;

function header(key: string, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(FORMAT_AT, CACHE_FORMAT, true);
  view.setUint32(GAS_VERSION_AT, GAS_VERSION, true);
  view.setBigUint64(LENGTH_AT, BigInt(length), true);
  bytes.set(fromHex(key), KEY_AT);
  return bytes;
}

/**
 * @param key 64 hexadecimal digits
 * @throws UsageError where the authenticator may not sign
 */
export async function encodeEntry(
  key: string,
  content: Uint8Array,
  authenticator?: Authenticator,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(HEADER_BYTES + content.length);
  bytes.set(header(key, content.length));
  bytes.set(content, HEADER_BYTES);
  bytes.set(authenticator === undefined ? await digestOf(bytes) : await authenticator.sign(bytes), CHECKSUM_AT);
  return bytes;
}

/**
 * The content; undefined where these are not exactly the bytes that were encoded under the key, by this version and with
 * the authenticator.
 * @throws UsageError where that may not verify
 */
export async function decodeEntry(
  key: string,
  entry: Uint8Array,
  authenticator?: Authenticator,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (entry.length < HEADER_BYTES) return undefined;
  const bytes = new Uint8Array(entry);
  const checksum = bytes.slice(CHECKSUM_AT, HEADER_BYTES);
  bytes.fill(0, CHECKSUM_AT, HEADER_BYTES);
  const expected = header(key, bytes.length - HEADER_BYTES);
  if (!expected.every((byte, i) => byte === bytes[i])) return undefined;
  const isSame =
    authenticator === undefined
      ? (await digestOf(bytes)).every((byte, i) => byte === checksum[i])
      : await authenticator.verify(checksum, bytes);
  return isSame ? bytes.subarray(HEADER_BYTES) : undefined;
}
