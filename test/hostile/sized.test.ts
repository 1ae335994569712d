/** What `npm run hostile` measures, small: each input is what it says, and ends the same on both engines. */

import { describe, expect, test } from 'vitest';
import { type Ending, type Hostile, outcomeOf } from './outcome.ts';
import { CALLED, GRANTED, SIZED, type Sized } from './sized.ts';

const REFUSED = { code: 'COMPILE' };
/** More than the sums of values and locals allow, at any size. */
const BEYOND_SUMS = /^(irbomb|locals-native)/;
/** Sections alone, in which there is nothing to be called. */
const SECTIONS = /^only /;

const modules = Object.entries(SIZED).filter(([name, { use }]) => use === 'module' && !SECTIONS.test(name));

function expected(name: string, { gas, argument }: Sized): Ending {
  if (BEYOND_SUMS.test(name)) return REFUSED;
  if (gas !== undefined) return { code: 'GAS_EXHAUSTED' };
  return argument === undefined ? { results: undefined } : { trap: 'unreachable' };
}

describe.each(modules)('%s', (name, sized) => {
  test('ends as it should, and alike on both engines', async () => {
    const { make, at, gas, argument } = sized;
    const source = await make(Math.ceil(at / 20));
    const options = { source, capabilities: GRANTED, ...(gas !== undefined && { gasLimit: gas }) };
    const hostile: Hostile = { name, options, calls: [[CALLED, ...(argument === undefined ? [] : [argument])]] };
    const interpreted = outcomeOf(hostile, 'interpreter');
    expect(interpreted.ending).toEqual(expected(name, sized));
    const native = outcomeOf(hostile, 'native');
    // It refuses what the host does not have, and what would take its compiler long.
    if ((native.ending as { code?: string }).code !== REFUSED.code) expect(native).toEqual(interpreted);
  });
});
