/** How much there can be behind a policy's host functions. */

import type { Capability } from './capability.ts';
import { MAX_LISTED, MAX_PATH_BYTES } from './limits.ts';

/** Beside its contents, what a file, a name or an entry of a listing takes, its name included. */
const NODE_BYTES = 64 + MAX_PATH_BYTES;
/** As for a name, most of which are far shorter than they may be. */
const LISTED_BYTES = 320;
/** A piece of input that a function has given and nobody has taken. */
const PIECE_BYTES = 16 * 1024 * 1024;
/** For clocks, counters, streams. */
const REST = 65_536;

/** Bytes that what a host of the policy saves may have. @internal */
export function savedBytes(policy: {
  readonly capabilities: readonly Capability[];
  readonly outputLimit: number;
}): number {
  let bytes = REST + policy.outputLimit;
  for (const capability of policy.capabilities) {
    if (capability.kind === 'stdio') bytes += lengthOf(capability.stdin);
    if (capability.kind !== 'filesystem') continue;
    bytes += capability.maxDescriptors * 4 * NODE_BYTES;
    bytes += capability.mounts.length * (capability.maxBytes + capability.maxFiles * NODE_BYTES);
    bytes += MAX_LISTED * LISTED_BYTES;
  }
  return bytes;
}

function lengthOf(source: unknown): number {
  if (typeof source === 'string') return 3 * source.length;
  if (typeof source === 'function') return PIECE_BYTES;
  return source instanceof Uint8Array ? source.length : 0;
}
