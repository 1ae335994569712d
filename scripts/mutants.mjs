// Mutation tests of the files that hold a limit: whatever is changed there, some test has to notice.
//
//   npm run mutants                   all of them
//   npm run mutants -- tank plan      some, by name
//   npm run mutants -- tank:40-60     those of some lines
//   npm run mutants -- --list         the names
//
// StrykerJS comes from npm, once, into a folder beside the dependencies. Survivors that change nothing are listed with
// the reason in test/mutants/equivalent.json; every other one fails the run.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, npm, run, step } from './ensure.mjs';
import { TARGETS } from './mutants-targets.mjs';

const VERSION = '9.6.1';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'node_modules/.cache/mutants');
const modules = join(folder, 'node_modules/@stryker-mutator');
const equivalents = JSON.parse(readFileSync(join(root, 'test/mutants/equivalent.json'), 'utf8'));

function install() {
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const packages = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${VERSION}`);
  // The project's own vitest is the one to run.
  const options = ['--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'];
  return npm(['install', '--prefix', folder, ...options, ...packages]);
}

/** Runs one target; returns its mutants. */
function mutate(name, { files, tests }, lines) {
  const report = join(folder, `${name}.json`);
  const config = join(folder, `${name}.config.json`);
  const settings = {
    plugins: [join(modules, 'vitest-runner/dist/src/index.js')],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutants/vitest.config.ts', related: false },
    mutate: lines === undefined ? files : files.map((file) => `${file}:${lines}`),
    coverageAnalysis: 'perTest',
    ignoreStatic: false,
    concurrency: Number(process.env.MUTANTS_JOBS) || 2,
    timeoutMS: 20_000,
    disableTypeChecks: false,
    // It would be read by an interface that TypeScript 7 does not have.
    tsconfigFile: 'none.json',
    reporters: ['json', ...(process.stderr.isTTY ? ['progress'] : [])],
    jsonReporter: { fileName: report },
    tempDirName: join(folder, 'sandboxes'),
    ignorePatterns: ['dist', 'bench', '*.tgz'],
    // Messages are for people; tests name what of them matters.
    mutator: { excludedMutations: ['StringLiteral'] },
    allowConsoleColors: false,
    logLevel: 'warn',
  };
  writeFileSync(config, JSON.stringify(settings));
  const env = { ...process.env, MUTANTS_TESTS: tests.join(' ') };
  step(`mutants of ${name}`, () =>
    run(process.execPath, [join(modules, 'core/bin/stryker.js'), 'run', config], { env }),
  );
  return Object.entries(JSON.parse(readFileSync(report, 'utf8')).files).flatMap(([file, { source, mutants }]) => {
    const texts = source.split('\n');
    return mutants.map((mutant) => ({ ...mutant, file, line: texts[mutant.location.start.line - 1].trim() }));
  });
}

/** Whether the mutant is known to change nothing. */
const isEquivalent = ({ file, line, replacement }) =>
  equivalents.some((known) => known.file === file && known.line === line && known.replacement === replacement);

const SURVIVED = new Set(['Survived', 'NoCoverage']);
const COUNTED = new Set(['Killed', 'Timeout', ...SURVIVED]);

const args = process.argv.slice(2);
if (args.includes('--list')) {
  for (const name of Object.keys(TARGETS)) console.log(name);
} else {
  ensureInstalled();
  if (!existsSync(modules)) step(`installing StrykerJS ${VERSION}`, install);
  const names = args.length > 0 ? args : Object.keys(TARGETS);
  let all = 0;
  let killed = 0;
  const left = [];
  for (const given of names) {
    const [name, lines] = given.split(':');
    if (!Object.hasOwn(TARGETS, name)) throw new Error(`no target ${name}: --list prints them`);
    const counted = mutate(name, TARGETS[name], lines).filter(({ status }) => COUNTED.has(status));
    const survivors = counted.filter((mutant) => SURVIVED.has(mutant.status));
    const unknown = survivors.filter((mutant) => !isEquivalent(mutant));
    const share = (100 * (counted.length - survivors.length)) / counted.length;
    console.log(
      `${name}: ${counted.length} mutants, ${share.toFixed(1)} % killed, ${survivors.length - unknown.length} known to change nothing, ${unknown.length} survived`,
    );
    all += counted.length;
    killed += counted.length - survivors.length;
    left.push(...unknown);
  }
  for (const { file, location, line, mutatorName, replacement } of left)
    console.log(`survived: ${file}:${location.start.line} ${mutatorName}\n    ${line}\n    becomes ${replacement}`);
  console.log(`mutants: ${killed} of ${all} killed (${((100 * killed) / all).toFixed(1)} %), ${left.length} survived`);
  if (left.length > 0) process.exitCode = 1;
}
