/** Memory without its zeros. */

import type { WireWriter } from '../../wasm/wire.ts';
import type { Run } from '../store/index.ts';

/** Zeros are left out in blocks of so many bytes; a divisor of the size of a page. */
export const BLOCK_BYTES = 4_096;
const BLOCK_WORDS = BLOCK_BYTES / 4;

/** Blocks that hold anything but zeros, neighbours joined; views of the memory. */
export function nonZeroRuns(bytes: Uint8Array, words: Int32Array, byteLength: number): Run[] {
  const runs: Run[] = [];
  let start = -1;
  for (let at = 0; at < byteLength; at += BLOCK_BYTES) {
    if (isZero(words, at / 4)) {
      if (start >= 0) runs.push({ at: start, bytes: bytes.subarray(start, at) });
      start = -1;
    } else if (start < 0) start = at;
  }
  if (start >= 0) runs.push({ at: start, bytes: bytes.subarray(start, byteLength) });
  return runs;
}

function isZero(words: Int32Array, from: number): boolean {
  for (let i = from; i < from + BLOCK_WORDS; i++) if (words[i] !== 0) return false;
  return true;
}

export function writeRuns(to: WireWriter, runs: readonly Run[]): void {
  to.u32(runs.length);
  for (const { at, bytes } of runs) {
    to.number(at);
    to.bytesOf(bytes);
  }
}
