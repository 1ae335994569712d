/** Which names a mistyped one may have meant. */

import { quote } from '../../wasm/quote.ts';

const SUGGESTIONS = 4;
/** Guests choose how many exports they have and how long the names are; what is compared is bounded. */
const NAMES_COMPARED = 2_000;
const LONGEST_COMPARED = 64;
/** A shorter part of a name says nothing. */
const SHORTEST_PART = 3;

/**
 * Ends a message about an unknown name: with the nearest names, or with a few of those there are.
 * @param lead how to begin in the second case: `it exports`
 */
export function suggest(wanted: string, names: readonly string[], lead: string): string {
  const near = similar(wanted, names).map((name) => quote(name));
  if (near.length > 0) return `did you mean ${near.join(' or ')}?`;
  if (names.length === 0) return `${lead} none`;
  const some = names.slice(0, SUGGESTIONS).map((name) => quote(name));
  const more = names.length > some.length ? ` and ${names.length - some.length} more` : '';
  return `${lead} ${some.join(', ')}${more}`;
}

function similar(wanted: string, names: readonly string[]): string[] {
  if (wanted.length > LONGEST_COMPARED) return [];
  const allowed = 1 + Math.floor(wanted.length / 4);
  const key = fold(wanted);
  const compared = names.slice(0, NAMES_COMPARED).filter((name) => name.length <= LONGEST_COMPARED);
  const near = compared
    .map((name) => ({ name, distance: distance(key, fold(name)) }))
    .filter((candidate) => candidate.distance <= allowed)
    .sort((a, b) => a.distance - b.distance)
    .map(({ name }) => name);
  // People guess the noun first: `timeout` for `cpuTimeout`, `limits` for all that end so.
  const containing = (part: string) => compared.filter((name) => fold(name).includes(part));
  const answers = [near, ...(key.length < SHORTEST_PART ? [] : [containing(key), containing(key.replace(/s$/, ''))])];
  return (answers.find(({ length }) => length > 0) ?? []).slice(0, SUGGESTIONS);
}

/** Underscores and capitals are what is mistaken most. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[_\-$]/g, '');
}

/** How many characters to insert, delete or replace between `a` and `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
