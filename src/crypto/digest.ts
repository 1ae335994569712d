/** SHA-256, by the platform where it has it, as that is much faster. */

import { sha256 } from '../../wasm/sha256.ts';
import type { WasmModule } from '../../wasm/types.ts';

/** 32 bytes. */
export async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } };
  if (crypto?.subtle === undefined) {
    return Uint8Array.from(sha256(bytes).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const digests = new WeakMap<WasmModule, string>();

/** Of a module's bytes, in hexadecimal digits. */
export async function moduleDigest(module: WasmModule): Promise<string> {
  let digest = digests.get(module);
  if (digest === undefined) {
    digest = hex(await digestOf(module.bytes));
    digests.set(module, digest);
  }
  return digest;
}
