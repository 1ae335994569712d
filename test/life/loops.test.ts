/** Which loop runs a guest shows nowhere: results, gas and snapshots are the same, wherever one takes over from another. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFirst } from '../../interpreter/machine/first-loop.generated.ts';
import { run } from '../../interpreter/machine/loop.generated.ts';
import { metered } from '../../interpreter/machine/metered.ts';
import type { Thread } from '../../interpreter/machine/thread.ts';
import { WARMTH } from '../../interpreter/machine/warmth.ts';
import { WasmSandbox } from '../../src/index.ts';
import { programOptions } from './elsewhere.ts';

const PROGRAMS: readonly (readonly [fixture: string, ...args: string[]])[] = [
  ['qsort', '500'],
  ['json', '100'],
  ['sha256', '16'],
  ['nbody', '1000'],
  ['minivm', '100'],
];

const before = { ...WARMTH, loop: metered.loop };

/** Gas at once: both loops run every part of a program. */
const PORTION = 997;

let turns = 0;
const LOOPS = {
  main: run,
  first: runFirst,
  'each in turn': (thread: Thread) => (turns++ % 2 === 0 ? run : runFirst)(thread),
};

/** What a program leaves behind at some places, and its end. */
async function course(loop: keyof typeof LOOPS, fixture: string, args: readonly string[]) {
  metered.loop = LOOPS[loop];
  const snapshots: Uint8Array[] = [];
  const sandbox = await WasmSandbox.create(programOptions(fixture, args));
  const execution = sandbox.start('_start');
  for (let i = 1; i <= 4; i++) {
    if (execution.step(BigInt(i) * 20_011n) !== 'paused') break;
    snapshots.push(await sandbox.snapshot({ compress: false }));
  }
  while (execution.step(1_000_000n) === 'paused');
  return { snapshots, gas: sandbox.getResourceStats().gasUsed };
}

describe('whichever loop runs', () => {
  beforeAll(() => {
    WARMTH.next = Number.POSITIVE_INFINITY;
    WARMTH.portion = PORTION;
  });
  afterAll(() => {
    metered.loop = before.loop;
    Object.assign(WARMTH, { next: before.next, portion: before.portion });
  });

  it.each(PROGRAMS)('%s is left with the same bytes', async (fixture, ...args) => {
    const expected = await course('main', fixture, args);
    expect(expected.gas).toBeGreaterThan(0n);
    expect(await course('first', fixture, args)).toEqual(expected);
    expect(await course('each in turn', fixture, args)).toEqual(expected);
  });
});
