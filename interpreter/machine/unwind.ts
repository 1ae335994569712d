/** What happens to a thrown exception (specification 4.4.9 and 4.6.11): frame by frame, who catches it is looked for. */

import { CATCH } from '../../wasm/instructions.ts';
import { type CatchTarget, HALT_PC, LEAVE_PC, type TryRegion } from '../code/index.ts';
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
  if (regions.length === 0) return undefined;
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

/** The last frame of an instance has ended: back to the one that called it. */
export function returnToCaller(thread: Thread): void {
  thread.returnGas(thread.gas);
  thread.bind(thread.callers.pop() as Instance);
  thread.pc = thread.frames[--thread.sp] as number;
  thread.fp -= thread.code[thread.pc - 1] as number;
  thread.takeGas();
}

/**
 * Finds the clause that catches the thread's exception, thrown by the instruction that the word at `at` belongs to.
 * @returns false where nothing does up to the function that was entered from outside
 */
export function unwind(thread: Thread, at: number): boolean {
  const exception = thread.exception as ExceptionInstance;
  let place = at;
  // After a tail call there may be no frame left of the instance, or of the whole call.
  if (thread.pc === LEAVE_PC) {
    returnToCaller(thread);
    place = thread.pc - 1;
  }
  while (thread.pc !== HALT_PC) {
    const instance = thread.instance as Instance;
    const frame = instance.code.frameAt(place);
    const clause = clauseFor(guardAt(frame?.regions ?? NO_REGIONS, place), exception, instance);
    if (clause !== undefined) {
      enter(thread, clause, exception);
      thread.exception = undefined;
      return true;
    }
    thread.depth -= frame?.weight ?? 0;
    thread.pc = thread.frames[--thread.sp] as number;
    if (thread.pc === LEAVE_PC) returnToCaller(thread);
    else if (thread.pc !== HALT_PC) thread.fp -= thread.code[thread.pc - 1] as number;
    // What stands there follows the call.
    place = thread.pc - 1;
  }
  return false;
}

const NO_REGIONS: readonly TryRegion[] = [];
