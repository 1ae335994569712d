/**
 * Which loop runs guests that are metered: first a small one, which V8 compiles in a fraction of the time, and the main
 * loop once it has been compiled behind that.
 */

import { FIRST_LOOP, runFirst } from './first-loop.generated.ts';
import { run } from './loop.generated.ts';
import type { Loop } from './store.ts';
import { Spin, train } from './training.ts';
import { WARMTH } from './warmth.ts';

/** Most gas at once until then: who is in the middle of a portion when the compiler is done goes on slowly to its end. */
const PORTION = 1 << 16;
/** Gas behind which the main loop is trained: by then the small one is compiled where nothing disturbs, and short guests are over. */
const TRAIN_AT = 2 ** 22;
/** Gas between two looks at whether the main loop has been compiled. */
const LOOK_EVERY = 2 ** 20;
/** Gas behind which it is used, compiled or not: a clock that stands still says nothing. */
const SWITCH_AT = 2 ** 28;
/** An interpreted loop takes ten times as long as a compiled one, or more. */
const TIMES_SLOWER = 4;
/** Looks that only find out how long it takes interpreted: other processes may have made one of them longer. */
const FIRST_LOOKS = 2;
/** Of every look: a tenth of a millisecond, interpreted. */
const SPINS = 16;

export const metered: { loop: Loop } = { loop: runFirst };

let spin: Spin | undefined;
let looks = 0;
let slow = Number.POSITIVE_INFINITY;

/** Whether the main loop has become fast. Looking at it makes V8 take it for hot. */
function isCompiled(): boolean {
  spin ??= new Spin(SPINS);
  const took = spin.run(run);
  const isFast = ++looks > FIRST_LOOKS && took * TIMES_SLOWER < slow;
  slow = Math.min(slow, took);
  return isFast;
}

/** To be called when guests have spent what {@link WARMTH} has as the next mark. */
export function warm(): void {
  train(runFirst, [], FIRST_LOOP);
  WARMTH.portion = PORTION;
  WARMTH.next = WARMTH.spent < TRAIN_AT ? TRAIN_AT : WARMTH.spent + LOOK_EVERY;
  if (WARMTH.spent < TRAIN_AT) return;
  train(run);
  if (WARMTH.spent < SWITCH_AT && !isCompiled()) return;
  metered.loop = run;
  WARMTH.portion = undefined;
  WARMTH.next = Number.POSITIVE_INFINITY;
}

/** The loop that counts no gas has no small one before it. */
export function trainUnmetered(loop: Loop): void {
  train(loop);
  WARMTH.portion = undefined;
}
