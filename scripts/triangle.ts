/**
 * The interpreter, the interpreter on the instrumented module, and the native engine on it:
 * `tsx scripts/triangle.ts [--runs 10000] [--seed n]` on random programs, of which FUZZ_RUNS and FUZZ_SEED speak as
 * well; `tsx scripts/triangle.ts --programs [name…]` on programs nobody here wrote, with much to do. Stops at the first
 * disagreement; of a random program it prints what is left after shrinking.
 */

import { isDeepStrictEqual, parseArgs } from 'node:util';
import { GIVEN, traceGiven } from '../test/instrument/programs.ts';
import { triangle } from '../test/instrument/random.ts';
import { anySeed, runProperty } from '../test/property/runner.ts';
import { absenceOf, isFound, requiresSuites, SUITES } from '../test/suites.ts';

const BATCH = 250;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: process.env.FUZZ_RUNS ?? '10000' },
    seed: { type: 'string', default: process.env.FUZZ_SEED ?? String(anySeed()) },
    programs: { type: 'boolean', default: false },
  },
});

/** Whole seconds since. */
const since = (start: number) => Math.round((performance.now() - start) / 1000);

function runPrograms(): boolean {
  if (!isFound(SUITES.programs)) {
    console.log(absenceOf(SUITES.programs));
    return !requiresSuites();
  }
  const chosen = GIVEN.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if (chosen.length === 0) console.log(`no such program: there are ${GIVEN.map(({ name }) => name).join(', ')}`);
  for (const program of chosen) {
    const start = performance.now();
    const [[, expected] = [], ...others] = traceGiven(program, program.heavy);
    for (const [engine, found] of others) {
      if (isDeepStrictEqual(found, expected)) continue;
      console.log(`${program.name}: ${engine} differs\n${expected?.join('\n')}\n---\n${found.join('\n')}`);
      return false;
    }
    console.log(`${program.name}: all agree, ${since(start)} s\n  ${expected?.join('\n  ')}`);
  }
  return true;
}

async function runRandom(): Promise<boolean> {
  const runs = Number(values.runs);
  const firstSeed = Number(values.seed);
  const shapes = [triangle(), triangle({ steps: 150, functions: 8 })];
  const start = performance.now();
  console.log(`seed ${firstSeed}, ${runs} runs`);
  for (let done = 0, seed = firstSeed; done < runs; seed++) {
    const property = shapes[seed % shapes.length] as (typeof shapes)[number];
    const failure = await runProperty(property, { runs: Math.min(BATCH, runs - done), seed });
    done += BATCH;
    if (failure !== undefined) {
      console.log(`seed ${seed}\n${failure.message}`);
      return false;
    }
    console.log(`${Math.min(done, runs)} runs agree, ${since(start)} s, seed ${seed}`);
  }
  return true;
}

process.exitCode = (await (values.programs ? runPrograms() : runRandom())) ? 0 : 1;
