/** What a guest meets that is not alone and warm: the first of its process, behind another one, among many. */

import { inProcess as runInProcess } from './child.ts';
import { contender } from './contenders.ts';
import type { Product } from './product.ts';
import { loadPrograms, type Program, type Run } from './programs.ts';
import { median } from './statistics.ts';
import { milliseconds, number, type Section } from './table.ts';

/** Milliseconds of time on the wall. */
export interface Course {
  readonly program: string;
  /** The first run, compiling and instantiating included. */
  readonly first: number;
  /** What the runs took beyond the best of them, together. */
  readonly lost: number;
  readonly best: number;
  /** Of the last third of the runs. */
  readonly settled: number;
}

export interface CliffRow extends Course {
  /** `best` of the runtime's own engine. */
  readonly v8: number;
  /** Times its own best, the worst behind any one other program, and which. */
  readonly behind: { readonly ratio: number; readonly other: string } | undefined;
  /** Times its own best, among all in random order. */
  readonly among: number;
}

export interface CliffsPace {
  /** Milliseconds for each program. */
  readonly alone: number;
  readonly before: number;
  readonly behind: number;
  /** Of the random order, for all together. */
  readonly among: number;
  /** How many programs are put behind which. */
  readonly programs: number;
}

export interface CliffsTask {
  readonly engine: string;
  /** Programs and for how many milliseconds each runs, one after the other. */
  readonly sequence?: readonly (readonly [program: string, time: number])[];
  /** All of these, in an order that looks random, for so long. */
  readonly mixed?: { readonly programs: readonly string[]; readonly time: number };
}

/** Short programs that differ in what they do, the headline among them. */
const PROGRAMS = [
  'coremark-minimal',
  'fib',
  'i64mix',
  'matmul',
  'f32mix',
  'strings',
  'sort',
  'crc32',
  'loopsum',
  'indirect',
  'json',
  'sha256',
];
/** Least time that counts as settled. */
const THIRD = 1 / 3;

async function prepared(product: Product, key: string, { unit, jobs }: Program): Promise<() => Run> {
  const engine = await contender(key).create(product);
  if ('absent' in engine) throw new Error(`${key} is not there: ${engine.absent}`);
  const compiled = await engine.compile(unit);
  const job = jobs.small;
  let run: Run | undefined;
  return () => {
    if (run === undefined || !job.repeatable) run = job.prepare(compiled);
    return run;
  };
}

function timeOf(run: () => Run): number {
  const ready = run();
  const start = performance.now();
  ready.go();
  const took = performance.now() - start;
  ready.check();
  return took;
}

function course(program: string, first: number, samples: readonly number[]): Course {
  const best = samples.reduce((least, sample) => Math.min(least, sample), Number.POSITIVE_INFINITY);
  return {
    program,
    first,
    best,
    lost: samples.reduce((sum, sample) => sum + sample - best, 0),
    settled: median(samples.slice(-Math.ceil(samples.length * THIRD))),
  };
}

/** In the process that is measured. */
export async function runTask(product: Product, { engine, sequence = [], mixed }: CliffsTask): Promise<Course[]> {
  const names = [...sequence.map(([name]) => name), ...(mixed?.programs ?? [])];
  const all = new Map(loadPrograms(product, names).programs.map((program) => [program.name, program]));
  const one = (name: string) => all.get(name) ?? fail(name);
  const courses: Course[] = [];
  for (const [name, time] of sequence) {
    const begin = performance.now();
    const run = await prepared(product, engine, one(name));
    const samples = [timeOf(run)];
    const first = performance.now() - begin;
    while (performance.now() - begin < time || samples.length < 3) samples.push(timeOf(run));
    courses.push(course(name, first, samples));
  }
  if (mixed === undefined) return courses;
  const runs = await Promise.all(
    mixed.programs.map(async (name) => ({
      name,
      run: await prepared(product, engine, one(name)),
      samples: [] as number[],
    })),
  );
  // The same order each time (a linear congruential generator): what is compared has met the same.
  let state = 1;
  for (const begin = performance.now(); performance.now() - begin < mixed.time; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const { run, samples } = runs[(state >>> 8) % runs.length] as (typeof runs)[number];
    samples.push(timeOf(run));
  }
  return runs.map(({ name, samples }) => course(name, samples[0] ?? Number.NaN, samples));
}

function fail(name: string): never {
  throw new Error(`there is no program ${name}`);
}

const inProcess = (task: CliffsTask) => runInProcess<readonly Course[]>('./cliffs-process.ts', task);

export async function measureCliffs(
  product: Product,
  pace: CliffsPace,
  onProgress: (text: string) => void,
): Promise<readonly CliffRow[]> {
  const there = new Set(loadPrograms(product, PROGRAMS).programs.map(({ name }) => name));
  const names = PROGRAMS.filter((name) => there.has(name));
  const compared = names.slice(0, pace.programs);
  const alone = new Map<string, Course & { readonly v8: number }>();
  for (const name of names) {
    onProgress(`${name} alone`);
    const [own] = await inProcess({ engine: 'metered', sequence: [[name, pace.alone]] });
    const [host] = await inProcess({ engine: 'v8', sequence: [[name, pace.before]] });
    alone.set(name, { ...(own as Course), v8: (host as Course).best });
  }
  const worst = new Map<string, { ratio: number; other: string }>();
  for (const other of compared) {
    for (const name of compared) {
      if (name === other) continue;
      onProgress(`${name} behind ${other}`);
      const sequence = [[other, pace.before] as const, [name, pace.behind] as const];
      const [, course] = await inProcess({ engine: 'metered', sequence });
      const ratio = (course as Course).settled / (alone.get(name) as Course).best;
      if (ratio > (worst.get(name)?.ratio ?? 0)) worst.set(name, { ratio, other });
    }
  }
  onProgress('all in random order');
  const mixed = await inProcess({ engine: 'metered', mixed: { programs: names, time: pace.among } });
  return mixed.map(({ program, settled }) => {
    const own = alone.get(program) as Course & { readonly v8: number };
    return { ...own, behind: worst.get(program), among: settled / own.best };
  });
}

export function cliffsSection(rows: readonly CliffRow[]): Section {
  const columns = [
    { title: 'program' },
    ...['first', 'lost', 'best', 'times V8', 'behind', ''].map((title, i) => ({ title, right: i < 5 })),
    { title: 'among', right: true },
  ];
  const cells = rows.map(({ program, first, lost, best, v8, behind, among }) => [
    program,
    milliseconds(first),
    milliseconds(lost),
    milliseconds(best),
    number(best / v8),
    behind === undefined ? '' : number(behind.ratio),
    behind === undefined ? '' : behind.other,
    number(among),
  ]);
  const lost = rows.reduce((sum, row) => sum + row.lost, 0);
  return {
    title: 'Interpreted: first in a process, lost until fast, then times its best behind one other and among all',
    blocks: [{ columns, rows: cells }, `lost in all ${milliseconds(lost)}`],
  };
}
