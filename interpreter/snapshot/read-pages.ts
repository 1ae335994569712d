/** Memory without its zeros, read. */

import { damaged, type WireReader } from '../../wasm/wire.ts';
import type { Run } from '../store/index.ts';
import { BLOCK_BYTES } from './pages.ts';

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
