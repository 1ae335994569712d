/** Checkpoints of a job: two under each owner's name, in turn, so that one is whole while the other is written. */

import { SnapshotError } from '../../wasm/errors.ts';
import { quote } from '../../wasm/quote.ts';
import type { Claim } from './claim.ts';
import type { JobItems } from './store.ts';

export interface Checkpoint {
  /** Of the job, whichever worker made it; from 0. */
  readonly sequence: number;
  /** Recorded calls that the guest had made. */
  readonly calls: number;
  /** The first recorded call whose record may still be there. */
  readonly firstKept: number;
  /** Units that the guest's call had used. */
  readonly gasUsed: bigint;
  readonly snapshot: Uint8Array<ArrayBuffer>;
}

export interface StoredCheckpoint extends Checkpoint {
  readonly owner: string;
}

const SLOTS = [0, 1] as const;
const itemOf = (owner: string, slot: number) => `checkpoint.${owner}.${slot}`;

/** @returns bytes in the store */
export async function writeCheckpoint(items: JobItems, owner: string, checkpoint: Checkpoint): Promise<number> {
  return items.write(itemOf(owner, checkpoint.sequence % SLOTS.length), (to) => {
    to.number(checkpoint.sequence);
    to.number(checkpoint.calls);
    to.number(checkpoint.firstKept);
    to.u64(checkpoint.gasUsed);
    to.bytesOf(checkpoint.snapshot);
  });
}

export async function removeCheckpoints(items: JobItems, owner: string): Promise<void> {
  for (const slot of SLOTS) await items.remove(itemOf(owner, slot));
}

/**
 * The last one that is whole; undefined where the job is to begin at its beginning.
 * @throws SnapshotError where there have been some, and none can be read
 */
export async function lastCheckpoint(
  items: JobItems,
  job: string,
  claim: Claim | undefined,
): Promise<StoredCheckpoint | undefined> {
  if (claim === undefined) return undefined;
  let spoilt = 0;
  let last: StoredCheckpoint | undefined;
  for (const owner of [claim.owner, claim.from]) {
    if (owner === '') continue;
    for (const slot of SLOTS) {
      const found = await items.read(itemOf(owner, slot));
      if (found.state === 'torn' || found.state === 'changed') spoilt++;
      if (found.state !== 'whole') continue;
      const { from } = found;
      const checkpoint = {
        owner,
        sequence: from.counter('the number of a checkpoint'),
        calls: from.counter('the number of recorded calls'),
        firstKept: from.counter('the number of a recorded call'),
        gasUsed: from.u64(),
        snapshot: from.bytesOf().slice() as Uint8Array<ArrayBuffer>,
      };
      if (last === undefined || checkpoint.sequence > last.sequence) last = checkpoint;
    }
    if (last !== undefined) return last;
  }
  // Half of the very first one is what a worker leaves that dies at it: all records are there to begin again.
  if (claim.from === '' && spoilt < SLOTS.length) return undefined;
  throw new SnapshotError(
    `no checkpoint of the job ${quote(job)} can be read any more, and without one its recorded calls would be made again: discardJob() lets it begin anew`,
  );
}
