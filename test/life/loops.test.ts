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

  it('what is charged for and not published is not counted at a trap in what the first loop lacks', async () => {
    const source = `(module (memory 0) (global $fuel (mut i32) (i32.const 1))
      (func (export "run")
        (if (i32.eqz (global.get $fuel)) (then (return)))
        (drop (i64.load8_s (i32.const 0)))))`;
    const used = async (loop: keyof typeof LOOPS) => {
      metered.loop = LOOPS[loop];
      const sandbox = await WasmSandbox.create({ source, engine: 'interpreter' });
      await expect(sandbox.call('run')).rejects.toThrow('out of bounds');
      return sandbox.getResourceStats().gasUsed;
    };
    expect(await used('first')).toBe(await used('main'));
  });
});
