/**
 * The short run of the search for modules that cost more than their bytes: work is counted, not timed, so that it is
 * the same everywhere (the long run: `npm run fuzz -- complexity`).
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Candidate, parse, print } from './candidate.ts';
import { BOUNDS, type Count, type EngineName, workUse } from './measure.ts';
import { Worker } from './worker.ts';

/** Of a few KB each; where a limit on modules is in the way, as large as it lets them be. */
const CANDIDATES = [
  // What a few bytes declare.
  'copies:20 locals:49000:i64',
  'copies:700 locals:1000',
  'copies:20 unset:49000',
  'copies:20 runs:120',
  'copies:15 empty-runs:200',
  'copies:150 params:990',
  'copies:60 results:990',
  'copies:100 operands:600',
  'copies:20 skipped-operands:3000',
  // Every label's types, again and again.
  'block:200 br:200',
  'block:900 br-dead:1500',
  'block:200 br_if:200',
  'block:200 br_if-dead:1000',
  'block:200 br_on_null:200',
  'block:80 br_table:20:80',
  'block:80 br_table-dead:20:80',
  'nested:200:200',
  'nested:80:80 br_table-mixed:10:80',
  'nested-void:300 br_table-mixed:10:300',
  'br_on_cast:200:200',
  'br_on_non_null:200:200',
  'results:200 return:200',
  'results:900 return-dead:1500',
  'block:60 tries:60:60',
  'block:900 try:200',
  'nested-tries:60:60',
  'throws:100:100',
  'nested-catches:60:60',
  'nested-catches:300:2 delegates:300',
  'nested-arms:300 delegates:300',
  'nested-void:300 delegates:300',
  'nested-arms:900',
  'throws-to-arms:100:100',
  'arms:300:100',
  'throws-dead:200:900',
  // Values that pass through constructs.
  'typed-blocks:100:100',
  'typed-loops:100:100',
  'typed-ifs:100:100',
  'typed-ifs-else:100:100',
  'typed-tries:100:100',
  'typed-nest:100:100',
  'typed-br:100:100',
  'typed-br_if:100:100',
  'typed-br_table:90:90',
  'typed-return:100:100',
  'typed-calls:100:100',
  'indirect-calls:100:100',
  'ref-calls:100:100',
  'tail-calls-dead:100:100',
  'calls-dead:100:900',
  // Locals, and what ends or begins with all of them.
  'unset:5000 locals-set:300',
  'unset:40000 blocks:500',
  'locals:40000 loops-with-locals:500',
  'locals:40000:externref calls:500',
  'locals:1 locals-piled:1000',
  'locals:1 locals-overwritten:500:1000',
  // Nesting and order.
  'loops:1500',
  'nested-loops:1500',
  'nested-ifs:1000',
  'nested-void:1500 br_if:500',
  'trap:1500',
  // Outside of bodies.
  'recursive-groups:10:50',
  'type-chains:20:60',
  'type-references:100:30',
  'subtypes:30:100',
  'distinct-groups:100:20',
  'imports:1000',
  'distinct-imports:500',
  'typed-imports:500:500',
  'typed-functions:200:200',
  'functions:1200',
  'exports:500:6',
  'empty-elements:1500',
  'empty-active-data:1000',
  'declared-elements:50:100',
  'element-expressions:40:40',
  'array-globals:50:50',
  'global-chain:1000',
  'piled-globals:10:150',
  'function-names:500:6',
  'local-names:100:20',
  'custom:1000:2',
];

/** Milliseconds after which a count is given up: no measure of anything. */
const TIMEOUT = 60_000;

describe.each<EngineName>(['interpreter', 'native'])('%s', (engine) => {
  const counter = new Worker('count');
  let plainWork: (bytes: number) => number;

  const count = async (candidate: string | undefined, size = 0): Promise<Count> =>
    (await counter.run({ kind: 'count', candidate, size, engine }, TIMEOUT)) as Count;

  beforeAll(async () => {
    const [short, long] = [await count(undefined, 1_000), await count(undefined, 10_000)];
    const slope = (long.work - short.work) / (long.bytes - short.bytes);
    plainWork = (bytes) => short.work + slope * (bytes - short.bytes);
  });

  afterAll(() => counter.end());

  test('an ordinary module takes work in proportion to its bytes', async () => {
    const { bytes, work } = await count(undefined, 40_000);
    expect(work / plainWork(bytes)).toBeGreaterThan(0.9);
    expect(work / plainWork(bytes)).toBeLessThan(1.1);
  });

  test.each(CANDIDATES)('%s takes no more than its bytes allow', async (text) => {
    let candidate = parse(text);
    let counted = await count(print(candidate));
    for (let i = 0; counted.isRefused && i < 10; i++) {
      candidate = smaller(candidate);
      counted = await count(print(candidate));
    }
    expect(counted.isRefused, `${print(candidate)}: ${counted.failure}`).toBe(false);
    const { times, more } = BOUNDS.work;
    const what = `${print(candidate)} of ${times} times an ordinary module's blocks and ${more} more`;
    expect(workUse(counted, plainWork), what).toBeLessThan(1);
  });
});

/** All parameters a quarter less. */
function smaller(candidate: Candidate): Candidate {
  return candidate.map((term) => ({ ...term, values: term.values.map((value) => Math.ceil(0.75 * value)) }));
}
