/** `wasi:random`: the policy's randomness, for those too who would be content with less. */

import { HostError } from '../../wasm/errors.ts';
import { RANDOM_BYTE } from '../../wasm/gas.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { type Interface, type Preview2, row } from './table.ts';

const RANDOM_REQUEST: PolicyRequest = { kind: 'random' };

/** Bytes that one call may ask for, which have to stand outside of the guest's memory first. */
const MOST_BYTES = 64n * 1024n * 1024n;

function bytesOf({ state }: Preview2, call: HostCallContext, length: bigint): Uint8Array {
  if (length > MOST_BYTES)
    throw new HostError(`the component asked for ${length} random bytes at once, of ${MOST_BYTES}`);
  call.chargeBytes(RANDOM_BYTE * Number(length));
  const bytes = new Uint8Array(Number(length));
  state.sources.random.fill(bytes);
  return bytes;
}

function word(host: Preview2, call: HostCallContext): bigint {
  return new DataView(bytesOf(host, call, 8n).buffer).getBigUint64(0, true);
}

export const RANDOM: Readonly<Record<string, Interface>> = {
  'wasi:random/random': {
    'get-random-bytes': row(RANDOM_REQUEST, bytesOf),
    'get-random-u64': row(RANDOM_REQUEST, word),
  },
  'wasi:random/insecure': {
    'get-insecure-random-bytes': row(RANDOM_REQUEST, bytesOf),
    'get-insecure-random-u64': row(RANDOM_REQUEST, word),
  },
  'wasi:random/insecure-seed': {
    'insecure-seed': row(RANDOM_REQUEST, (host, call) => [word(host, call), word(host, call)]),
  },
};
