/**
 * The suites that are no part of the repository: where each is looked for, what must be there, and which test files are
 * about nothing else. docs/conformance.md says where they come from and how their files are made.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SuiteRow {
  readonly name: string;
  /** The environment variable that names the folder above `folder`. */
  readonly variable: string;
  /** What is looked in without it, from the root of the repository. */
  readonly fallback: string;
  readonly folder: string;
  /** How the names of its files end, and how many there are, in folders too. */
  readonly extension: string;
  readonly files: number;
  /** Test files that are left out where the suite is absent, from the root of the repository. */
  readonly tests: readonly string[];
}

export const SUITES = {
  core: {
    name: 'the official core suite',
    variable: 'WASM_SPEC_DIR',
    fallback: '../shared/spec',
    folder: 'core',
    extension: '.bin.wast',
    files: 255,
    tests: ['test/spec/spec.test.ts', 'test/instrument/spec.test.ts'],
  },
  text: {
    name: 'the official suite as it is published',
    variable: 'WASM_SPEC_DIR',
    fallback: '../shared/spec',
    folder: 'text',
    extension: '.wast',
    files: 274,
    tests: ['test/spec/text.test.ts', 'test/instrument/spec.test.ts'],
  },
  wasi: {
    name: 'wasi-testsuite',
    variable: 'WASM_SPEC_DIR',
    fallback: '../shared/spec',
    folder: 'wasi-preview1',
    extension: '.wasm',
    files: 72,
    tests: ['test/wasi/suite.test.ts', 'test/wasi/suite-by-path.test.ts'],
  },
  programs: {
    name: 'programs that nobody here wrote',
    variable: 'WASM_PROGRAMS_DIR',
    fallback: '../shared/programs',
    folder: '.',
    extension: '.wasm',
    files: 5,
    tests: ['test/instrument/programs.test.ts'],
  },
  plugins: {
    name: 'the plug-ins of Extism',
    variable: 'EXTISM_PLUGINS_DIR',
    fallback: '../shared/plugins',
    folder: '.',
    extension: '.wasm',
    files: 20,
    tests: ['test/extism/suite.test.ts'],
  },
  components: {
    name: 'the components of jco',
    variable: 'COMPONENTS_DIR',
    fallback: '../shared/components',
    folder: '.',
    extension: '.wasm',
    files: 12,
    tests: ['test/component/suite.test.ts'],
  },
} as const satisfies Record<string, SuiteRow>;

/** Assertions in the files of {@link SUITES.core}; the interpreter passes all of them. */
export const CORE_ASSERTIONS = 61_269;

/** The same in those of {@link SUITES.text} that are run: of release 3.0, of `custom/`, of `legacy/` and of `proposals/threads/`. */
export const TEXT_ASSERTIONS = 63_051;

type Environment = Readonly<Record<string, string | undefined>>;

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/** Where a suite is looked for. It need not exist. */
export function folderOf(suite: SuiteRow, environment: Environment = process.env): string {
  const named = environment[suite.variable];
  return join(named ? resolve(named) : resolve(REPOSITORY, suite.fallback), suite.folder);
}

/** Paths of a suite's files from its folder; none where the folder does not exist. */
export function filesOf(suite: SuiteRow, environment?: Environment): string[] {
  const folder = folderOf(suite, environment);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith(suite.extension));
}

/** Whether any of it is there. A suite of which a part is missing is found, and its tests fail. */
export function isFound(suite: SuiteRow, environment?: Environment): boolean {
  return filesOf(suite, environment).length > 0;
}

/** One line that says what is not there, where it was looked for, and what to do about it. */
export function absenceOf(suite: SuiteRow, environment?: Environment): string {
  const { name, variable } = suite;
  return `${name}: nothing in ${folderOf(suite, environment)} (set ${variable}; docs/conformance.md says how to get it)`;
}

/** Whether this is a machine that must have all suites: there an absent one is a failure. */
export function requiresSuites(environment: Environment = process.env): boolean {
  return !['', '0', 'false'].includes(environment['CI'] ?? '');
}

/** Test files that have nothing to test here. */
export function testsWithoutSuite(environment?: Environment): string[] {
  return Object.values(SUITES).flatMap((suite) => (isFound(suite, environment) ? [] : suite.tests));
}
