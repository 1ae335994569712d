/** Memory without its zeros. */

import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { Run } from '../store/index.ts';

/** Zeros are left out in blocks of so many bytes; a divisor of the size of a page. */
const BLOCK_BYTES = 4_096;
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

/** Views of whole blocks, in ascending order. @throws SnapshotError */
export function readRuns(from: WireReader, byteLength: number): Run[] {
  const runs: Run[] = [];
  let end = 0;
  const count = from.count(12 + BLOCK_BYTES, 'pieces of memory', byteLength / BLOCK_BYTES);
  for (let i = 0; i < count; i++) {
    const at = from.integer(byteLength, 'a place in memory');
    const bytes = from.bytesOf();
    if (at < end || at + bytes.length > byteLength) damaged('pieces of memory overlap, or lie outside of it');
    if (bytes.length === 0 || at % BLOCK_BYTES !== 0 || bytes.length % BLOCK_BYTES !== 0) {
      damaged('a piece of memory is not of whole blocks');
    }
    end = at + bytes.length;
    runs.push({ at, bytes });
  }
  return runs;
}
