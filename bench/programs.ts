/** What is run: the fixtures that have sizes for it, and programs nobody here wrote, where they are present. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandFixture, loadFixture, manifest } from '../fixtures/load.node.ts';
import { absenceOf, folderOf, SUITES } from '../test/suites.ts';
import { type Compiled, type Unit, unitOf, type Value } from './engine.ts';
import type { Product } from './product.ts';
import { prepareCommand } from './wasi.ts';

/** Small is for checking, medium for timing, large for whoever has patience. */
export const SIZES = ['small', 'medium', 'large'] as const;
export type Size = (typeof SIZES)[number];

/** One execution, prepared. */
export interface Run {
  /** The timed part. */
  readonly go: () => void;
  /** After {@link Run.go}. @throws WrongResult */
  readonly check: () => void;
  /** Gas used since the instance was made. */
  readonly gasUsed: (() => bigint) | undefined;
}

/** A program at a size. */
export interface Job {
  /** Whether `go` may be called again on the same instance. */
  readonly repeatable: boolean;
  readonly prepare: (compiled: Compiled) => Run;
  /** Units of work in one run, where the program has a score. */
  readonly iterations?: number;
}

export interface Program {
  readonly name: string;
  readonly what: string;
  readonly unit: Unit;
  readonly jobs: Readonly<Record<Size, Job>>;
}

/** An engine computed something else than V8. */
export class WrongResult extends Error {
  constructor(got: unknown, wanted: unknown) {
    super(`gave ${brief(got)} instead of ${brief(wanted)}`);
  }
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length} characters)` : text;
}

function expectSame(got: unknown, wanted: unknown): void {
  if (!Object.is(got, wanted)) throw new WrongResult(got, wanted);
}

/** Calls of the export `run`. */
function exportJob({ args, result }: { readonly args: readonly Value[]; readonly result: Value }): Job {
  return {
    repeatable: true,
    prepare(compiled) {
      const guest = compiled.instantiate({});
      let got: Value | undefined;
      return {
        go: () => {
          got = guest.invoke('run', args);
        },
        check: () => expectSame(got, result),
        gasUsed: guest.gasUsed,
      };
    },
  };
}

interface CommandJob {
  readonly args: readonly string[];
  /** The whole output, or a pattern for it; if absent, whatever the first engine wrote. */
  readonly stdout?: string | RegExp | undefined;
  /** See `CommandOptions`. */
  readonly times?: readonly number[];
  readonly iterations?: number;
}

/** Runs of a WASI command. */
function commandJob(product: Product, unit: Unit, { args, stdout, times, iterations }: CommandJob): Job {
  let wanted = stdout;
  return {
    repeatable: false,
    ...(iterations === undefined ? {} : { iterations }),
    prepare(compiled) {
      const command = prepareCommand(product, unit, compiled, { args: [unit.name, ...args], times });
      let status = -1;
      return {
        go: () => {
          status = command.run();
        },
        check() {
          if (status !== 0) throw new WrongResult(`exit status ${status}`, 'exit status 0');
          const got = command.stdout();
          wanted ??= got;
          if (typeof wanted === 'string') expectSame(got, wanted);
          else if (!wanted.test(got)) throw new WrongResult(got, wanted);
        },
        gasUsed: command.gasUsed,
      };
    },
  };
}

function allSizes(make: (size: Size) => Job): Program['jobs'] {
  return { small: make('small'), medium: make('medium'), large: make('large') };
}

/**
 * Commands start on a fresh instance each time, and with their small arguments V8 is done too soon for that not to show.
 * What these give is compared with what the runtime's own engine gives; small and large runs have theirs on record.
 */
const MEDIUM_ARGS: Readonly<Record<string, readonly string[]>> = {
  primes: ['2000000'],
  qsort: ['10000'],
  json: ['3000'],
  sha256: ['1024'],
  nbody: ['100000'],
  minivm: ['3000'],
};

function commandJobs(product: Product, unit: Unit, runs: NonNullable<CommandFixture['bench']>): Program['jobs'] {
  const medium = MEDIUM_ARGS[unit.name];
  return allSizes((size) => {
    const run = size !== 'medium' ? runs[size] : medium === undefined ? runs.small : { args: medium };
    return commandJob(product, unit, run);
  });
}

function fixturePrograms(product: Product): Program[] {
  const programs: Program[] = [];
  for (const fixture of manifest) {
    if (fixture.kind === 'hostile' || fixture.bench === undefined) continue;
    const { name, what } = fixture;
    const unit = unitOf(product, name, loadFixture(name));
    const jobs =
      fixture.kind === 'exports'
        ? // A small run may be repeated on its instance.
          allSizes((size) => exportJob(fixture.bench[size === 'large' ? 'large' : 'small']))
        : commandJobs(product, unit, fixture.bench);
    programs.push({ name, what, unit, jobs });
  }
  return programs;
}

/**
 * CoreMark finds out how fast the machine is by its clock, and then runs for ten seconds. Here the clock is scripted,
 * so that every engine does the same work: rounds of 10, 100, … iterations until one seems to take a second, then 11
 * times as many in what seem to be 11 seconds.
 */
interface CoremarkScript {
  readonly times: readonly number[];
  readonly iterations: number;
  /** Iterations of the last round for each of its seconds. */
  readonly score: number;
}

const COREMARK_SMALL: CoremarkScript = { times: [0, 1_000, 0, 11_000], iterations: 10 + 110, score: 10 };
const COREMARK_SCRIPTS: Readonly<Record<Size, CoremarkScript>> = {
  small: COREMARK_SMALL,
  medium: COREMARK_SMALL,
  large: { times: [0, 0, 0, 1_000, 0, 11_000], iterations: 10 + 100 + 1_100, score: 100 },
};

function coremarkJob(unit: Unit, { times, iterations, score }: CoremarkScript): Job {
  const type = unit.module.types[(unit.module.imports[0] as { typeIndex: number }).typeIndex] as never;
  return {
    repeatable: true,
    iterations,
    prepare(compiled) {
      let readings = 0;
      const clock = { type, call: () => times[readings++] ?? Number.MAX_SAFE_INTEGER };
      const guest = compiled.instantiate({ env: { clock_ms: clock } });
      let got: Value | undefined;
      return {
        go: () => {
          readings = 0;
          got = guest.invoke('run', []);
        },
        check: () => expectSame(got, Math.fround(score)),
        gasUsed: guest.gasUsed,
      };
    },
  };
}

const MANDELBROT: Readonly<Record<Size, readonly string[]>> = {
  small: ['16', '1e3'],
  medium: ['64', '8e4'],
  large: ['256', '8e5'],
};

interface Given {
  readonly file: string;
  readonly what: string;
  readonly job: (product: Product, unit: Unit, size: Size) => Job;
}

export const COREMARK = 'coremark-minimal';
/** Recursive, and nothing but calls. */
export const FIB = 'fib';

const GIVEN: readonly Given[] = [
  {
    file: COREMARK,
    what: 'CoreMark: lists, matrices, a state machine, checksums',
    job: (_product, unit, size) => coremarkJob(unit, COREMARK_SCRIPTS[size]),
  },
  {
    file: 'coremark-wasi',
    what: 'CoreMark as a WASI command',
    job(product, unit, size) {
      const { times, iterations } = COREMARK_SCRIPTS[size];
      return commandJob(product, unit, { args: [], stdout: /Correct operation validated/, times, iterations });
    },
  },
  {
    file: 'mandelbrot',
    what: 'an image of the Mandelbrot set as a WASI command',
    job: (product, unit, size) => commandJob(product, unit, { args: MANDELBROT[size] }),
  },
];

/** The bytes of a program that is not part of the project; undefined where it is not present. */
export function loadGiven(name: string): Uint8Array<ArrayBuffer> | undefined {
  const path = join(folderOf(SUITES.programs), `${name}.wasm`);
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined;
}

export interface ProgramSet {
  readonly programs: readonly Program[];
  /** Why there are not more. */
  readonly notes: readonly string[];
}

/** @param only names; all if undefined */
export function loadPrograms(product: Product, only: readonly string[] | undefined): ProgramSet {
  const notes: string[] = [];
  const programs: Program[] = [];
  for (const { file, what, job } of GIVEN) {
    const bytes = loadGiven(file);
    if (bytes === undefined) {
      notes.push(`${file} is left out: ${absenceOf(SUITES.programs)}`);
      continue;
    }
    const unit = unitOf(product, file, bytes);
    programs.push({ name: file, what, unit, jobs: allSizes((size) => job(product, unit, size)) });
  }
  programs.push(...fixturePrograms(product));
  const unknown = only?.filter((name) => !programs.some((program) => program.name === name)) ?? [];
  if (unknown.length > 0) notes.push(`no program is called ${unknown.join(', ')}`);
  return { programs: programs.filter(({ name }) => only?.includes(name) ?? true), notes };
}
