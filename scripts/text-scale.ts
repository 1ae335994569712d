/**
 * Measures how the time that parsing and printing take grows with a text: `tsx scripts/text-scale.ts [family…] [--size n]`.
 * For each family of test/text/families.ts, nanoseconds for each character at the size and at ten times it, the least of
 * a few runs. Ends with 1 where one grows to more than three times. What is counted instead is tested by
 * test/text/linear.test.ts.
 */

import { parseArgs } from 'node:util';
import { parse, print } from '../src/text.ts';
import { FAMILIES } from '../test/text/families.ts';
import { TextError, WasmSandboxError } from '../wasm/errors.ts';

const RUNS = 5;
const MOST = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: '20000' } },
});
const size = Number(values.size);
const chosen = positionals.length > 0 ? positionals : Object.keys(FAMILIES);

/** Milliseconds, the least of a few runs. */
function time(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** What the text is, or undefined where it is none; whatever else is thrown is a fault. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof TextError || error instanceof WasmSandboxError) return undefined;
    throw error;
  }
}

interface Speeds {
  readonly parsing: number;
  readonly printing: number | undefined;
}

/** Nanoseconds for each character. */
function measure(text: string): Speeds {
  const parsing = (1e6 * time(() => attempt(() => parse(text)))) / text.length;
  const bytes = attempt(() => parse(text));
  const printed = bytes && attempt(() => print(bytes));
  if (bytes === undefined || printed === undefined) return { parsing, printing: undefined };
  return { parsing, printing: (1e6 * time(() => print(bytes))) / printed.length };
}

let slow = 0;
const show = (small: number, large: number): string => {
  const growth = large / small;
  if (growth > MOST) slow++;
  return `${small.toFixed(1)} ns, ${large.toFixed(1)} ns (${growth.toFixed(2)})${growth > MOST ? ' TOO MUCH' : ''}`;
};
for (const family of chosen) {
  const make = FAMILIES[family];
  if (make === undefined) {
    console.error(`no family ${family}; there are: ${Object.keys(FAMILIES).join(', ')}`);
    process.exit(2);
  }
  measure(make(size));
  const [small, large] = [measure(make(size)), measure(make(10 * size))];
  const printing =
    small.printing === undefined || large.printing === undefined
      ? ''
      : `; printing ${show(small.printing, large.printing)}`;
  console.log(`${family}: parsing ${show(small.parsing, large.parsing)}${printing}`);
}
console.log(`${chosen.length} families at ${size} and ${10 * size}: ${slow} grow faster than their texts`);
process.exitCode = slow > 0 ? 1 : 0;
