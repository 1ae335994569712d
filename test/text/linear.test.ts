/** Parsing and printing take work in proportion to what they read and write: counted, not timed. */

import { afterAll, describe, expect, test } from 'vitest';
import { Worker } from '../complexity/worker.ts';
import type { TextCount } from './counting.ts';
import { FAMILIES } from './families.ts';

/** Things in a text, and in the larger one. */
const SIZES = [300, 1_200] as const;
/** How much more than a text the work for it may grow. */
const MORE = 1.25;
const TIMEOUT = 60_000;

describe('work grows with', () => {
  const counter = new Worker('text');
  afterAll(() => counter.end());

  test.each(Object.keys(FAMILIES))('%s', async (family) => {
    const count = async (size: number) => (await counter.run({ kind: 'text', family, size }, TIMEOUT)) as TextCount;
    const [small, large] = [await count(SIZES[0]), await count(SIZES[1])];
    const growth = large.characters / small.characters;
    expect(large.parsed / small.parsed, `parsing ${large.failure ?? ''}`).toBeLessThan(MORE * growth);
    // Both are modules, or neither is.
    expect(large.printed === undefined).toBe(small.printed === undefined);
    if (large.printed === undefined || small.printed === undefined) return;
    const grown = large.printed.bytes / small.printed.bytes;
    expect(large.printed.characters / small.printed.characters).toBeLessThan(MORE * grown);
    expect(large.printed.work / small.printed.work, 'printing').toBeLessThan(MORE * grown);
  });
});
