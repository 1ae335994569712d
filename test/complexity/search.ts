/** Which candidates are tried, with which parameters, and how one that passes a bound is made smaller. */

import type { Parameter } from './body.ts';
import { build, type Candidate, CONSTRUCTS, constructOf, type Kind, type Term } from './candidate.ts';
import { TooLarge } from './shape.ts';

/** Numbers from 0 to 1, the same for the same seed. */
export type Random = () => number;

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

const namesOf = (kind: Kind): string[] =>
  [...CONSTRUCTS].flatMap(([name, known]) => (known.kind === kind ? [name] : []));
const MODULE = namesOf('module');
const AROUND = namesOf('around');
const ACTIONS = namesOf('action');

function term(name: string): Term {
  const { construct } = constructOf({ name });
  return { name, values: construct.parameters.map(() => 1), type: undefined };
}

/** Every construct alone and many times over, and then every pair of what stands around and what is done there. */
export function sweep(random: Random): Candidate[] {
  const alone = [...CONSTRUCTS.keys()].map((name) => [term(name)]);
  const often = [...AROUND, ...ACTIONS].map((name) => [term('copies'), term(name)]);
  const pairs = AROUND.flatMap((around) => [
    ...ACTIONS.map((action) => [term(around), term(action)]),
    ...AROUND.map((inner) => [term(around), term(inner), term('br_if')]),
  ]);
  return [...alone, ...often, ...shuffled(pairs, random)];
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

/** Anything. */
export function randomSkeleton(random: Random): Candidate {
  const names: string[] = [];
  for (let left = random() < 0.4 ? 1 + Math.floor(random() * 2) : 0; left > 0; left--) names.push(pick(random, MODULE));
  if (random() < 0.3) names.push('copies');
  for (let left = Math.floor(random() * 4); left > 0; left--) names.push(pick(random, AROUND));
  for (let left = random() < 0.85 ? 1 + Math.floor(random() * 2) : 0; left > 0; left--)
    names.push(pick(random, ACTIONS));
  return names.map((name) => {
    const { construct } = constructOf({ name });
    const type = construct.types && random() < 0.5 ? pick(random, construct.types) : undefined;
    return { ...term(name), type };
  });
}

/** How fast each parameter grows with the size of the module: 0 stays, 1 as fast as any. */
export function randomWeights(candidate: Candidate, random: Random): number[][] {
  const weights = candidate.map(({ values }) => values.map(() => pick(random, [0, 0.5, 1, 1])));
  return weights.flat().some((weight) => weight === 1) ? weights : weights.map((each) => each.map(() => 1));
}

/** All parameters alike. */
export function evenWeights(candidate: Candidate): number[][] {
  return candidate.map(({ values }) => values.map(() => 1));
}

function scaled(candidate: Candidate, weights: readonly (readonly number[])[], scale: number): Candidate {
  return candidate.map((each, i) => {
    const { parameters } = constructOf(each).construct;
    const values = parameters.map(({ most }, j) => {
      const weight = weights[i]?.[j] ?? 1;
      return Math.max(1, Math.min(most, Math.round(scale ** weight)));
    });
    return { ...each, values };
  });
}

/** Bytes of the module; infinite where it would be too large. */
export function sizeOf(candidate: Candidate, limit: number): number {
  try {
    return build(candidate, limit).length;
  } catch (error) {
    if (error instanceof TooLarge) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** The candidate with parameters that make it as large as it may be. */
export function fitted(candidate: Candidate, weights: readonly (readonly number[])[], bytes: number): Candidate {
  let low = 0;
  let high = 20;
  for (let i = 0; i < 16; i++) {
    const middle = (low + high) / 2;
    if (sizeOf(scaled(candidate, weights, 2 ** middle), bytes) <= bytes) low = middle;
    else high = middle;
  }
  return scaled(candidate, weights, 2 ** low);
}

function replaced(candidate: Candidate, i: number, change: (term: Term) => Term): Candidate {
  return candidate.map((each, at) => (at === i ? change(each) : each));
}

/**
 * Makes a candidate smaller as long as it is still bad: leaves constructs out, types too, and halves the distance of
 * each parameter to the least with which it is bad.
 */
export async function shrink(
  candidate: Candidate,
  isBad: (candidate: Candidate) => Promise<boolean>,
): Promise<Candidate> {
  let best = candidate;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 0; i < best.length; i++) {
      const without = best.filter((_, at) => at !== i);
      if (without.length > 0 && (await isBad(without))) {
        best = without;
        changed = true;
        i--;
      }
    }
    for (let i = 0; i < best.length; i++) {
      if (best[i]?.type === undefined) continue;
      const without = replaced(best, i, (each) => ({ ...each, type: undefined }));
      if (await isBad(without)) {
        best = without;
        changed = true;
      }
    }
    for (let i = 0; i < best.length; i++) {
      const { parameters } = constructOf(best[i] as Term).construct;
      for (let j = 0; j < parameters.length; j++) {
        const smaller = await least(best, i, j, isBad);
        changed ||= (smaller[i]?.values[j] as number) < 0.9 * (best[i]?.values[j] as number);
        best = smaller;
      }
    }
  }
  return best;
}

/** The candidate with about the least of one parameter with which it is bad. */
async function least(
  candidate: Candidate,
  i: number,
  j: number,
  isBad: (candidate: Candidate) => Promise<boolean>,
): Promise<Candidate> {
  const of = (value: number) =>
    replaced(candidate, i, (each) => ({ ...each, values: each.values.map((old, at) => (at === j ? value : old)) }));
  let high = candidate[i]?.values[j] as number;
  if (high > 1 && (await isBad(of(1)))) return of(1);
  let low = 1;
  while (high > 1.4 * low + 1) {
    const middle = Math.round(Math.sqrt(low * high));
    if (middle <= low || middle >= high) break;
    if (await isBad(of(middle))) high = middle;
    else low = middle;
  }
  return of(high);
}

export type { Parameter };
