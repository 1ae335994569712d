/**
 * Decides where a function must write its count out: at a loop header, after a call and at entry, but only if
 * something may trap before it is written out again, since only a trap leaves it as it was.
 */

import { Ints } from '../wasm/ints.ts';

/** What matters for that, in the order of the code. The comments say what the argument is. */
export const EVENT = {
  /** May trap. */
  trap: 0,
  /** Writes the count out by itself. */
  publish: 1,
  /** `argument`: the edit that may write it out. */
  call: 2,
  /** `argument`: the edit that may write it out. */
  loop: 3,
  block: 4,
  if: 5,
  else: 6,
  /** `argument`: 1 for a loop. */
  end: 7,
  /** `argument`: label. */
  br: 8,
  /** `argument`: label. */
  br_if: 9,
  /** Nothing follows: a return, which leaves the rest to the caller, or a trap. */
  stop: 10,
  /** An arm that an exception leads to: it has been written out. */
  catch: 11,
} as const;

/** Bits of an event that say of which kind it is; the rest is the argument. */
const KIND_BITS = 4;
const KIND_MASK = 2 ** KIND_BITS - 1;

/** What is known of a construct, seen from its end: bits. There may be many within one another. */
const IS_LOOP = 1;
/** Something may trap behind its end. */
const MAY_BEHIND = 2;
/** It has a second arm; and something may trap at its start. */
const HAS_SECOND = 4;
const MAY_SECOND = 8;

/** Whether a trap may follow where a branch to the label goes. */
function mayBehind({ values, length }: Ints, label: number): boolean {
  return ((values[length - 1 - label] as number) & (IS_LOOP | MAY_BEHIND)) === MAY_BEHIND;
}

/** What is told. */
interface Published {
  setPublishes(edit: number): void;
}

/** Of one function after another. */
export class Publications {
  private readonly events = new Ints();
  /** What is known of those that are open, seen from their ends. */
  private readonly constructs = new Ints();

  clear(): void {
    this.events.clear();
  }

  add(kind: number, argument = 0): void {
    const { events } = this;
    // One trap is like several.
    if (kind === EVENT.trap && events.length > 0 && events.values[events.length - 1] === EVENT.trap) return;
    events.push((argument << KIND_BITS) | kind);
  }

  /**
   * Goes backwards through the code. A loop needs no second look, as its header writes the count out.
   * @param edits are told which of them have to write the count out
   * @returns whether it has to be at entry
   */
  solve(edits: Published): boolean {
    const { values } = this.events;
    const { constructs } = this;
    constructs.clear();
    let may = false;
    for (let i = this.events.length - 1; i >= 0; i--) {
      const event = values[i] as number;
      const argument = event >> KIND_BITS;
      switch (event & KIND_MASK) {
        case EVENT.trap:
          may = true;
          break;
        case EVENT.publish:
        case EVENT.stop:
          may = false;
          break;
        case EVENT.call:
          if (may) edits.setPublishes(argument);
          may = false;
          break;
        case EVENT.end:
          constructs.push((argument === 1 ? IS_LOOP : 0) | (may ? MAY_BEHIND : 0));
          break;
        case EVENT.else: {
          const construct = constructs.pop();
          constructs.push(construct | HAS_SECOND | (may ? MAY_SECOND : 0));
          may = (construct & MAY_BEHIND) !== 0;
          break;
        }
        case EVENT.if: {
          const construct = constructs.pop();
          may ||= (construct & ((construct & HAS_SECOND) === 0 ? MAY_BEHIND : MAY_SECOND)) !== 0;
          break;
        }
        case EVENT.loop:
          if (may) edits.setPublishes(argument);
          may = false;
          constructs.pop();
          break;
        case EVENT.catch:
          may = ((constructs.last as number) & MAY_BEHIND) !== 0;
          break;
        case EVENT.block:
          constructs.pop();
          break;
        case EVENT.br:
          may = mayBehind(constructs, argument);
          break;
        case EVENT.br_if:
          may ||= mayBehind(constructs, argument);
          break;
      }
    }
    return may;
  }
}
