/**
 * The property tests for as long as one likes: `tsx scripts/fuzz.ts [property…] [--runs n] [--seed n] [--keep folder]
 * [--features all|a,b]`. The programs use the features named, beyond release 2.0 (`all`: those that the interpreter and
 * this V8 have; scripts/newer-node.mjs runs this file on a V8 that has more). Goes on for ever, or until `--runs` are done; stops at the first failure and prints it shrunk, with its seed. With
 * `--keep`, writes it there as JSON (test/property/counterexamples replays what it holds). `complexity` as the first
 * argument is another kind of search, with options of its own: complexity.ts.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GENERATED_FEATURES, type GeneratedFeature } from '../test/generate/later.ts';
import { tenants } from '../test/pool/tenants/property.ts';
import { differential, sharedFeatures } from '../test/property/differential.ts';
import { mutatedModules, randomBytes } from '../test/property/hostile.ts';
import { loadNamespace } from '../test/property/namespace.ts';
import { anySeed, type Failure, type Property, runProperty } from '../test/property/runner.ts';
import { budgets } from '../test/sandbox/budgets.ts';
import { mutatedTexts, roundTrip } from '../test/text/properties.ts';
import { complexity } from './complexity.ts';

/** Runs between two looks at the clock and the other properties. */
const BATCH = 500;
/** Between two lines of progress where there is no terminal. */
const SILENCE_MS = 30_000;

if (process.argv[2] === 'complexity') {
  await complexity(process.argv.slice(3));
  process.exit();
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'string' },
    features: { type: 'string', default: '' },
  },
});

function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

function chosenFeatures(names: string): readonly GeneratedFeature[] {
  if (names === 'all') return sharedFeatures;
  return names
    .split(',')
    .filter(Boolean)
    .map((name) => {
      const feature = GENERATED_FEATURES.find((known) => known === name);
      return feature ?? usage(`no feature ${name}; there are: ${GENERATED_FEATURES.join(', ')}`);
    });
}

const features = chosenFeatures(options.features);
const namespace = await loadNamespace();
const firstSeed = Number(options.seed ?? process.env.FUZZ_SEED ?? anySeed());
const texts = mutatedTexts(firstSeed);
const properties: Readonly<Record<string, (seed: number) => (batchSeed: number) => Promise<Failure | undefined>>> = {
  differential: () => batch(differential(namespace, { features })),
  'large-programs': () => batch(differential(namespace, { steps: 150, functions: 8, features })),
  mutated: (seed) => batch(mutatedModules(seed)),
  random: () => batch(randomBytes),
  budgets: () => batch(budgets),
  text: () => batch(roundTrip(GENERATED_FEATURES)),
  'mutated-texts': () => batch(texts),
  tenants: () => batch(tenants('interpreter', 'native')),
};

function batch<T>(property: Property<T>): (seed: number) => Promise<Failure | undefined> {
  return (seed) => runProperty(property, { runs: BATCH, seed });
}

const names = positionals.length > 0 ? positionals : Object.keys(properties);
for (const name of names) {
  if (!Object.hasOwn(properties, name)) usage(`no property ${name}; there are: ${Object.keys(properties).join(', ')}`);
}

const limit = Number(options.runs ?? Number.POSITIVE_INFINITY);
const started = Date.now();
const isTerminal = process.stdout.isTTY;
const using = features.length > 0 ? ` with ${features.join(', ')}` : '';
console.log(`seed ${firstSeed}: ${names.join(', ')}${using}`);
let runs = 0;
let nextLine = started;
for (let round = 0; runs < limit; round++) {
  const seed = firstSeed + round;
  for (const name of names) {
    const failure = await properties[name]?.(seed)(seed);
    runs += BATCH;
    if (failure !== undefined) {
      console.log(`\n${name}, --seed ${seed}\n${failure.message}`);
      if (options.keep !== undefined) {
        const file = join(options.keep, `${name}-${seed}.json`);
        writeFileSync(file, `${JSON.stringify(failure.kept, undefined, 2)}\n`);
        console.log(`kept as ${file}`);
      }
      process.exit(1);
    }
  }
  const line = `${runs} runs, ${Math.round(runs / ((Date.now() - started) / 1000))} a second, seed ${seed}`;
  if (isTerminal) process.stdout.write(`\r${line}\u001b[K`);
  else if (Date.now() >= nextLine) {
    console.log(line);
    nextLine = Date.now() + SILENCE_MS;
  }
}
console.log(`\n${runs} runs, no failure`);
