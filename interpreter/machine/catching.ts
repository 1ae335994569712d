/** Who catches an exception within a frame: loaded for modules that have some. */

import { CATCH } from '../../wasm/instructions.ts';
import type { CatchTarget, TryRegion } from '../code/index.ts';
import type { Instance } from '../store/index.ts';
import { type ExceptionInstance, writeRegisters } from '../values/index.ts';
import type { Thread } from './thread.ts';

/** The clauses around a body, and the guard around that; bodies without clauses are left out. */
interface Guard {
  readonly clauses: readonly CatchTarget[];
  readonly outer: Guard | undefined;
}

/** Which guard is the innermost from each of the places on, up to the next. */
interface Guards {
  readonly places: readonly number[];
  readonly guards: readonly (Guard | undefined)[];
}

const known = new WeakMap<readonly TryRegion[], Guards>();

/** A function may have very many regions, and nobody pays for those that it has left. */
function guardsOf(regions: readonly TryRegion[]): Guards {
  let found = known.get(regions);
  if (found === undefined) {
    const places: number[] = [];
    const guards: (Guard | undefined)[] = [];
    const open: { readonly end: number; readonly guard: Guard | undefined }[] = [];
    const delegates = new Set(regions.map(({ delegate }) => delegate));
    const guardOf = new Map<TryRegion, Guard | undefined>();
    const change = (place: number) => {
      places.push(place);
      guards.push(open.at(-1)?.guard);
    };
    const closeUpTo = (place: number) => {
      for (let last = open.at(-1); last !== undefined && last.end <= place; last = open.at(-1)) {
        open.pop();
        change(last.end);
      }
    };
    // The outer ones first: of those that begin at the same place, the inner one ends first and was noted first.
    const sorted = regions.filter(({ start, end }) => start < end).reverse();
    sorted.sort((a, b) => a.start - b.start);
    for (const region of sorted) {
      const { start, end, clauses, delegate } = region;
      closeUpTo(start);
      let guard = open.at(-1)?.guard;
      if (clauses.length > 0) guard = { clauses, outer: guard };
      else if (delegate !== undefined) guard = delegate === null ? undefined : guardOf.get(delegate);
      if (delegates.has(region)) guardOf.set(region, guard);
      open.push({ end, guard });
      change(start);
    }
    closeUpTo(Number.POSITIVE_INFINITY);
    found = { places, guards };
    known.set(regions, found);
  }
  return found;
}

/** The innermost guard around the word at `place`. */
function guardAt(regions: readonly TryRegion[], place: number): Guard | undefined {
  const { places, guards } = guardsOf(regions);
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle] as number) <= place) low = middle + 1;
    else high = middle;
  }
  return guards[low - 1];
}

function clauseFor(
  innermost: Guard | undefined,
  exception: ExceptionInstance,
  instance: Instance,
): CatchTarget | undefined {
  for (let guard = innermost; guard !== undefined; guard = guard.outer) {
    for (const clause of guard.clauses) {
      if (clause.tag < 0 || instance.tags[clause.tag] === exception.tag) return clause;
    }
  }
  return undefined;
}

/** Goes on at the clause, with what it passes on where it expects that. */
function enter(thread: Thread, clause: CatchTarget, exception: ExceptionInstance): void {
  const base = thread.fp + clause.base;
  const { params } = exception.tag.type;
  const isTagged = clause.kind === CATCH.tag || clause.kind === CATCH.tagRef;
  if (isTagged) writeRegisters(thread, base, params, exception.payload);
  if (clause.kind === CATCH.tagRef || clause.kind === CATCH.allRef)
    thread.references.set(clause.place + (thread.fp >> 1), exception);
  thread.pc = clause.target;
}

/** Goes on at the innermost clause around the word at `place` that catches the exception. Returns false where there is none. */
export function catches(
  thread: Thread,
  regions: readonly TryRegion[],
  place: number,
  exception: ExceptionInstance,
  instance: Instance,
): boolean {
  const clause = clauseFor(guardAt(regions, place), exception, instance);
  if (clause !== undefined) enter(thread, clause, exception);
  return clause !== undefined;
}
