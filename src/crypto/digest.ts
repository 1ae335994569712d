/** SHA-256, by the platform where it has it, as that is many times as fast. */

import type { WasmModule } from '../../wasm/module.ts';
import { sha256 } from '../../wasm/sha256.ts';

/** 32 bytes. */
export async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } };
  if (crypto?.subtle === undefined) return fromHex(sha256(bytes));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

/** In hexadecimal digits. */
export async function hexDigestOf(bytes: Uint8Array): Promise<string> {
  return toHex(await digestOf(bytes));
}

const digests = new WeakMap<WasmModule, string>();

/** Of a module's bytes, in hexadecimal digits. */
export async function moduleDigest(module: WasmModule): Promise<string> {
  let digest = digests.get(module);
  if (digest === undefined) {
    digest = await hexDigestOf(module.bytes);
    digests.set(module, digest);
  }
  return digest;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromHex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
