/** Programs nobody here wrote, on the three engines: results, output, gas and memory. */

import { expect, test } from 'vitest';
import { GIVEN, traceGiven } from './programs.ts';

test.each(GIVEN)(
  '$name',
  (program) => {
    const [[, expected] = [], ...others] = traceGiven(program, program.quick);
    for (const [engine, found] of others) expect(found, engine).toEqual(expected);
    const gas = BigInt(/gas (\d+)/.exec(expected?.findLast((line) => line.includes('gas')) ?? '')?.[1] ?? 0);
    expect(gas).toBeGreaterThan(1_000n);
    // Somewhere in the middle of it.
    const [[, stopped] = [], ...rest] = traceGiven(program, program.quick, { limits: { gas: (gas * 2n) / 3n } });
    expect(stopped?.join()).toMatch(/GAS_EXHAUSTED/);
    for (const [engine, found] of rest) expect(found, engine).toEqual(stopped);
  },
  60_000,
);
