/** Who is let in when, where guests share the time between two rounds of the event loop. */

import { afterEach, expect, test, vi } from 'vitest';
import { isSpent, pass, spend } from '../../src/time/rounds.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A guest that runs for so long, some times; tells of each time and of the round that it was in. */
async function runs(name: string, milliseconds: number, times: number, told: string[]): Promise<void> {
  for (let i = 0; i < times; i++) {
    await pass(2);
    told.push(name);
    spend(milliseconds);
  }
}

/** What was told between one round and the next. */
async function byRound(guests: Promise<void>[], told: string[]): Promise<string[]> {
  const rounds: string[] = [];
  let hasEnded = false;
  void Promise.all(guests).then(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    await new Promise(setImmediate);
    if (told.length > 0) rounds.push(told.splice(0).join(''));
  }
  return rounds;
}

test('each round has one that takes all of it, in the order of coming', async () => {
  const told: string[] = [];
  const guests = ['a', 'b', 'c'].map((name) => runs(name, 2, 2, told));
  expect(await byRound(guests, told)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('and as many of those that take little as it has room for', async () => {
  const told: string[] = [];
  const guests = ['a', 'b', 'c', 'd', 'e'].map((name) => runs(name, 0.75, 1, told));
  expect(await byRound(guests, told)).toEqual(['abc', 'de']);
});

test('who waits behind one that never comes is let in all the same', async () => {
  // As where a request has ended whose timer it was.
  vi.stubGlobal('setImmediate', () => undefined);
  void pass(2);
  void pass(2);
  vi.unstubAllGlobals();
  await pass(2);
  spend(2);
  expect(isSpent(2)).toBe(true);
  await pass(2);
  expect(isSpent(2)).toBe(false);
});
