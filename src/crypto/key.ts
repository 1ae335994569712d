/**
 * Keys by which bytes that have been elsewhere are known again: HMAC-SHA-256 (RFC 2104), by WebCrypto, which compares in
 * constant time.
 */

import { type Bytes, isBytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { ownBytes, refuse } from '../checks/check.ts';
import { type Checks, checkNamed, type Given } from '../checks/named.ts';

/** A secret of at least 16 random bytes, or a `CryptoKey` for HMAC with SHA-256. Whoever has it can make such bytes. */
export type Key = Bytes | CryptoKey;

/** Options of what makes or reads bytes that can be authenticated. */
export interface Authenticated {
  /** Bytes are made with it, or believed only where they were made with it; `undefined` is none. */
  readonly key?: Key | undefined;
}

const LEAST_BYTES = 16;
/** Of an authentication code. */
export const CODE_BYTES = 32;

const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' } as const;

export class Authenticator {
  readonly #key: Promise<CryptoKey>;

  private constructor(key: Promise<CryptoKey>) {
    this.#key = key;
    // Whoever uses it is told.
    key.catch(() => undefined);
  }

  /**
   * Bytes are copied at once.
   * @throws UsageError where the value is no key, or the runtime has no WebCrypto
   */
  static of(value: unknown): Authenticator {
    const { crypto } = globalThis as { crypto?: { subtle?: SubtleCrypto } };
    if (crypto?.subtle === undefined) {
      throw new UsageError('a key needs WebCrypto (crypto.subtle), which this runtime does not have here');
    }
    if (!isBytes(value)) return new Authenticator(Promise.resolve(checkCryptoKey(value)));
    const secret = ownBytes('the key', value);
    if (secret.length < LEAST_BYTES) {
      throw new UsageError(`the key must have at least ${LEAST_BYTES} bytes, not ${secret.length}`);
    }
    return new Authenticator(crypto.subtle.importKey('raw', secret, ALGORITHM, false, ['sign', 'verify']));
  }

  /** @throws UsageError where the key may not be used for it */
  async sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const key = await this.#usable('sign');
    return new Uint8Array(await globalThis.crypto.subtle.sign('HMAC', key, bytes));
  }

  /** Whether the code is that of the bytes. @throws UsageError where the key may not be used for it */
  async verify(code: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const key = await this.#usable('verify');
    return globalThis.crypto.subtle.verify('HMAC', key, code, bytes);
  }

  async #usable(usage: 'sign' | 'verify'): Promise<CryptoKey> {
    const key = await this.#key;
    if (key.usages.includes(usage)) return key;
    throw new UsageError(`the key cannot be used for this: import it with the usage '${usage}'`);
  }
}

function checkCryptoKey(value: unknown): CryptoKey {
  const expected = `bytes, or a CryptoKey for HMAC with SHA-256 and at least ${8 * LEAST_BYTES} bits`;
  if (!(value instanceof globalThis.CryptoKey)) return refuse('the key', expected, value);
  const { name, hash, length } = value.algorithm as HmacKeyAlgorithm;
  const isFit = name === 'HMAC' && hash.name === 'SHA-256' && length >= 8 * LEAST_BYTES;
  if (!isFit) throw new UsageError(`the key must be ${expected}`);
  return value;
}

interface Checked {
  readonly key?: Authenticator | undefined;
}

const CHECKS: Checks<Checked> = { key: Authenticator.of };

/** @throws UsageError */
export function checkAuthenticated(what: string, options: unknown): Given<Checked> {
  return checkNamed<Checked>(what, options, CHECKS);
}
