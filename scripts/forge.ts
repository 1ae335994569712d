/**
 * Forges snapshots and restores them: each is refused in a documented error, or becomes a guest within its limits and its
 * types. `npx tsx scripts/forge.ts --runs 100000 --seed 1` prints what came of them.
 */

import { parseArgs } from 'node:util';
import '../test/parts.ts';
import { makeGuests } from '../test/forgery/guests.ts';
import { Fault } from '../test/forgery/inspect.ts';
import { attempt } from '../test/forgery/trial.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    places: { type: 'string', default: '12' },
  },
});
const runs = Number(values.runs);
const first = Number(values.seed) * 10_000_000;

const guests = await makeGuests(Number(values.places));
const counts = new Map<string, number>();
const faults = new Map<string, number>();
const begun = performance.now();
let next = first;

async function tryOne(number: number): Promise<void> {
  try {
    const outcome = await attempt(guests, number);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  } catch (error) {
    const what = error instanceof Fault ? error.message : `${error instanceof Error ? error.stack : error}`;
    if (!faults.has(what)) console.log(`fault at number ${number}: ${what}`);
    faults.set(what, (faults.get(what) ?? 0) + 1);
  }
}

/** Several at a time, as most of it is waiting for checksums. */
async function tryOnes(): Promise<void> {
  while (next < first + runs) await tryOne(next++);
}

// Interrupted, it prints what it has.
process.once('SIGINT', () => {
  next = Number.POSITIVE_INFINITY;
});
await Promise.all(Array.from({ length: 8 }, tryOnes));
const all = [...counts].sort(([, a], [, b]) => b - a);
for (const [outcome, count] of all) console.log(`${String(count).padStart(8)}  ${outcome}`);
const sum = (kind: string) =>
  all.reduce((total, [outcome, count]) => total + (outcome.startsWith(kind) ? count : 0), 0);
const bad = [...faults.values()].reduce((total, count) => total + count, 0);
console.log(
  `${sum('') + bad} forgeries of ${guests.map(({ trees }) => trees.length).join(' + ')} snapshots: ${sum('refused')} refused, ${sum('restored')} restored, ${bad} faults`,
);
const megabytes = process.memoryUsage().rss / 2 ** 20;
console.log(`${((performance.now() - begun) / 1_000).toFixed(0)} s, ${megabytes.toFixed(0)} MiB`);
process.exitCode = bad === 0 ? 0 : 1;
