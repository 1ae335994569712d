/**
 * Random programs on the interpreter, the interpreter on the instrumented module, and the native engine on it:
 * `tsx scripts/triangle.ts [--runs 10000] [--seed n]`. Stops at the first disagreement and prints it shrunk.
 */

import { parseArgs } from 'node:util';
import { triangle } from '../test/instrument/random.ts';
import { runProperty, SEED } from '../test/property/runner.ts';

const BATCH = 250;

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10000' }, seed: { type: 'string' } } });
const runs = Number(values.runs);
const firstSeed = Number(values.seed ?? SEED);
const shapes = [triangle(), triangle({ steps: 150, functions: 8 })];
const started = Date.now();
console.log(`seed ${firstSeed}, ${runs} runs`);
for (let done = 0, seed = firstSeed; done < runs; seed++) {
  const property = shapes[seed % shapes.length] as (typeof shapes)[number];
  const failure = runProperty(property, { runs: Math.min(BATCH, runs - done), seed });
  done += BATCH;
  if (failure !== undefined) {
    console.log(`seed ${seed}\n${failure.message}`);
    process.exit(1);
  }
  console.log(`${Math.min(done, runs)} runs agree, ${Math.round((Date.now() - started) / 1000)} s, seed ${seed}`);
}
