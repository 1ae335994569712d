/**
 * Whose a job is. A worker that takes a job up writes a claim, and keeps checkpoints under a name that nobody else writes
 * under. It looks at the claims again before whatever cannot be taken back.
 */

import { quote } from '../../wasm/quote.ts';
import { JobTakenOver } from './errors.ts';
import type { JobItems } from './store.ts';

export interface Claim {
  /** Counts the claims of the job, from 1. */
  readonly epoch: number;
  /** Under which the worker keeps its checkpoints: another one for every claim. */
  readonly owner: string;
  /** The one that the last checkpoint before it is under; empty where there was none. */
  readonly from: string;
}

/** One after the other: half of one, left by a worker that died at it, hides the one before from nobody. */
const CLAIMS = ['claim.0', 'claim.1'] as const;

const itemOf = (epoch: number) => CLAIMS[epoch % 2] as string;

/** @throws SnapshotError */
export async function lastClaim(items: JobItems): Promise<Claim | undefined> {
  const claims = await Promise.all(CLAIMS.map((name) => readClaim(items, name)));
  return claims.reduce((a, b) => (a !== undefined && (b === undefined || a.epoch > b.epoch) ? a : b), undefined);
}

async function readClaim(items: JobItems, name: string): Promise<Claim | undefined> {
  const from = await items.readWhole(name);
  if (from === undefined) return undefined;
  return { epoch: from.counter('the number of a claim'), owner: from.text(), from: from.text() };
}

/** @returns as it stands in the store, whoever else claims at the same time @throws JobTakenOver where another was faster */
export async function makeClaim(items: JobItems, job: string, epoch: number, from: string): Promise<Claim> {
  const claim = { epoch, owner: globalThis.crypto.randomUUID(), from };
  await items.write(itemOf(epoch), (to) => {
    to.number(claim.epoch);
    to.text(claim.owner);
    to.text(claim.from);
  });
  await holdClaim(items, job, claim);
  return claim;
}

/** @throws JobTakenOver where the job is another worker's by now, or has ended */
export async function holdClaim(items: JobItems, job: string, { owner }: Claim): Promise<void> {
  if ((await lastClaim(items))?.owner === owner) return;
  throw new JobTakenOver(
    `Call aborted: the job ${quote(job)} has ended elsewhere, or another worker has taken it over`,
  );
}

/** Whoever still holds one is told so the next time that it looks. */
export async function removeClaims(items: JobItems): Promise<void> {
  for (const name of CLAIMS) await items.remove(name);
}
