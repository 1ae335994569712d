/** What came of programs, and of the contenders over all of them. */

import type { Contender } from './contenders.ts';
import type { Outcome, Outcomes } from './measure.ts';
import type { Program, Size } from './programs.ts';
import { geometricMeanOf, type Spread } from './statistics.ts';

export interface ContenderReport {
  readonly key: string;
  readonly label: string;
  readonly role: Contender['role'];
  readonly what: string;
  /** Why it did not take part. */
  readonly absent?: string;
}

export interface ProgramReport {
  readonly name: string;
  readonly what: string;
  readonly bytes: number;
  readonly size: Size;
  /** Units of work in a run, where the program has a score. */
  readonly iterations: number | undefined;
  /** By contender. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
}

/** A contender over all programs that it ran. */
export interface Summary {
  readonly contender: string;
  readonly programs: number;
  /** Times slower than the baseline. */
  readonly geometricMean: Spread;
  readonly worst: { readonly program: string; readonly slowdown: Spread };
}

export function programReport({ name, what, unit, jobs }: Program, size: Size, outcomes: Outcomes): ProgramReport {
  const { iterations } = jobs[size];
  return { name, what, bytes: unit.bytes.length, size, iterations, outcomes: Object.fromEntries(outcomes) };
}

/** The slowdown of a contender on a program; undefined where it was not timed. */
export function slowdownOf({ outcomes }: ProgramReport, contender: string) {
  const outcome = outcomes[contender];
  return outcome?.state === 'timed' ? outcome.slowdown : undefined;
}

export function summarize(programs: readonly ProgramReport[], contenders: readonly ContenderReport[]): Summary[] {
  return contenders.flatMap(({ key, role }) => {
    if (role === 'baseline') return [];
    const timed = programs.flatMap((program) => {
      const slowdown = slowdownOf(program, key);
      return slowdown === undefined ? [] : [{ program: program.name, slowdown }];
    });
    const [first] = timed;
    if (first === undefined) return [];
    const worst = timed.reduce((a, b) => (a.slowdown.median >= b.slowdown.median ? a : b), first);
    const mean = geometricMeanOf(timed.map(({ slowdown }) => slowdown));
    return [{ contender: key, programs: timed.length, geometricMean: mean, worst }];
  });
}

/** Programs on which engines that count gas count differently: always a fault. */
export function gasMismatches(programs: readonly ProgramReport[]): string[] {
  const work = ({ name, size }: ProgramReport) => `${name} (${size})`;
  return [...new Set(programs.map(work))].flatMap((name) => {
    const outcomes = programs.flatMap((program) => (work(program) === name ? Object.entries(program.outcomes) : []));
    const counts = outcomes.flatMap(([key, outcome]) =>
      outcome.state === 'timed' && outcome.gas !== undefined ? [[key, outcome.gas] as const] : [],
    );
    const isSame = counts.every(([, gas]) => gas === counts[0]?.[1]);
    return isSame ? [] : [`${name}: gas differs: ${counts.map(([key, gas]) => `${key} ${gas}`).join(', ')}`];
  });
}

/** Wrong results of the project's own engines. */
export function ownFaults(programs: readonly ProgramReport[], contenders: readonly ContenderReport[]): string[] {
  const own = new Set(contenders.filter(({ role }) => role === 'product').map(({ key }) => key));
  return programs.flatMap(({ name, outcomes }) =>
    Object.entries(outcomes).flatMap(([key, outcome]) =>
      own.has(key) && (outcome.state === 'wrong' || outcome.state === 'fails')
        ? [`${name}: ${key} ${outcome.reason}`]
        : [],
    ),
  );
}
