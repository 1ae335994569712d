/**
 * Times contenders on one program, interleaved: in every round each of them does the same work once, so that whatever
 * else the machine is doing weighs on all alike. What counts is the ratio within a round.
 */

import { Bench } from 'tinybench';
import { cpuTime } from './clock.ts';
import type { Contender } from './contenders.ts';
import type { Compiled, Engine } from './engine.ts';
import { withinTime } from './peers/guard.ts';
import type { Job, Program, Run, Size } from './programs.ts';
import { type Spread, spread } from './statistics.ts';

export interface Pace {
  /** Milliseconds for a program, preparation included; rounds end when they are used up. */
  readonly slice: number;
  readonly minRounds: number;
  readonly maxRounds: number;
  /** Milliseconds that a sample should last, by repeating what is shorter. */
  readonly sample: number;
  /** Milliseconds of running before anything counts. */
  readonly warmup: number;
  /** Milliseconds that a single run may last; who needs longer is left out. */
  readonly longest: number;
}

/** Instances that wait for their run within a sample; V8 reserves gigabytes of address space for each. */
const MAX_FRESH = 8;
const MAX_REPEATS = 2_000;

export type Outcome =
  | {
      readonly state: 'timed';
      /** Milliseconds for a run, one for each round. */
      readonly samples: readonly number[];
      /** Milliseconds of the very first run, a small one, which finds the runtime's compiler unprepared. */
      readonly first: number;
      /** Times the baseline's time of the same round; undefined where there is no baseline. */
      readonly slowdown: Spread | undefined;
      /** Units for one run; undefined for engines that do not count. */
      readonly gas: bigint | undefined;
    }
  /** It does not run the program, or not in time; `reason` says why. */
  | { readonly state: 'fails' | 'wrong' | 'slow' | 'unsupported'; readonly reason: string };

export interface Entrant {
  readonly contender: Contender;
  readonly engine: Engine;
}

interface Ready {
  readonly contender: Contender;
  readonly compiled: Compiled;
  readonly gas: bigint | undefined;
  readonly first: number;
  readonly repeats: number;
  readonly samples: number[];
}

export type Outcomes = ReadonlyMap<string, Outcome>;

/** Measures a program on all entrants, the baseline first among them if there is one. */
export async function measure(
  program: Program,
  size: Size,
  entrants: readonly Entrant[],
  pace: Pace,
): Promise<Outcomes> {
  const end = performance.now() + pace.slice;
  const job = program.jobs[size];
  const outcomes = new Map<string, Outcome>();
  const ready: Ready[] = [];
  for (const entrant of entrants) {
    const outcome = await prepare(program, job, entrant, pace);
    if ('state' in outcome) outcomes.set(entrant.contender.key, outcome);
    else ready.push(outcome);
  }

  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, now: cpuTime });
  for (const one of ready) addTask(bench, job, one);
  for (let round = 0; round < pace.minRounds || (round < pace.maxRounds && performance.now() < end); round++) {
    // Nobody is always the one who comes after the heaviest.
    const order = ready.map((_, i) => ready[(i + round) % ready.length] as Ready);
    for (const one of order) {
      try {
        one.samples.push(sample(bench, one));
      } catch (error) {
        outcomes.set(one.contender.key, failure(error));
        ready.splice(ready.indexOf(one), 1);
      }
    }
  }

  const baseline = ready.find(({ contender }) => contender.role === 'baseline');
  for (const { contender, samples, gas, first } of ready) {
    const ratios = baseline && samples.map((sample, round) => sample / (baseline.samples[round] as number));
    outcomes.set(contender.key, { state: 'timed', samples, first, gas, slowdown: ratios && spread(ratios) });
  }
  return outcomes;
}

/**
 * Compiles, checks a small run, whose result is on record, and one of the size, and warms up; or says why that  is not possible.
 */
async function prepare(
  program: Program,
  job: Job,
  { contender, engine }: Entrant,
  pace: Pace,
): Promise<Ready | Outcome> {
  try {
    const compiled = await engine.compile(program.unit);
    const small = program.jobs.small.prepare(compiled);
    let first = 0;
    const goFirst = () => {
      first = timeOf(small);
    };
    if (contender.role === 'peer') withinTime(pace.longest, goFirst);
    else goFirst();
    let run = job.prepare(compiled);
    const before = run.gasUsed?.();
    let took = timeOf(run);
    const after = run.gasUsed?.();
    const gas = before === undefined || after === undefined ? undefined : after - before;
    if (took > pace.longest) return { state: 'slow', reason: `takes ${(took / 1_000).toFixed(1)} s` };
    const start = performance.now();
    for (let runs = 0; runs < 1 || (performance.now() - start < pace.warmup && runs < MAX_REPEATS); runs++) {
      if (!job.repeatable) run = job.prepare(compiled);
      took = Math.min(took, timeOf(run));
    }
    const most = job.repeatable ? MAX_REPEATS : MAX_FRESH;
    const repeats = Math.max(1, Math.min(most, Math.round(pace.sample / took)));
    return { contender, compiled, gas, first, repeats, samples: [] };
  } catch (error) {
    return failure(error);
  }
}

/** What a contender's error says about it. */
export function failure(error: unknown): Outcome {
  const text = error instanceof Error ? error.message : (JSON.stringify(error) ?? String(error));
  const line = text.replace(/\s+/g, ' ');
  const reason = line.length > 100 ? `${line.slice(0, 100)}…` : line;
  if (error instanceof Error && error.constructor.name === 'WrongResult') return { state: 'wrong', reason };
  return { state: /does not execute .* yet/.test(reason) ? 'unsupported' : 'fails', reason };
}

/** Milliseconds of a run, whose result is checked. */
function timeOf(run: Run): number {
  const start = cpuTime();
  run.go();
  const took = cpuTime() - start;
  run.check();
  return took;
}

/** Milliseconds of one run, from a sample of as many as the contender repeats. */
function sample(bench: Bench, { contender, repeats }: Ready): number {
  const task = bench.getTask(contender.key);
  if (task === undefined) throw new Error(`no task ${contender.key}`);
  task.reset(false);
  const { result } = task.runSync();
  if (result.state !== 'completed') throw new Error(`the sample ended as ${result.state}`);
  return result.latency.mean / repeats;
}

function addTask(bench: Bench, job: Job, { contender, compiled, repeats }: Ready): void {
  const lasting = job.repeatable ? job.prepare(compiled) : undefined;
  let runs: readonly Run[] = [];
  bench.add(
    contender.key,
    () => {
      for (const run of runs) run.go();
    },
    {
      // Whoever is asked whether it is asynchronous is run to find out.
      async: false,
      beforeEach() {
        runs = Array.from({ length: repeats }, () => lasting ?? job.prepare(compiled));
      },
      afterEach() {
        for (const run of runs) run.check();
        runs = [];
      },
    },
  );
}
