import { expect, test } from 'vitest';
import { MOST_GAS, SlicePace } from '../../src/time/slice-pace.ts';

/** Runs so many slices of work that takes so long for a unit; returns the milliseconds that each took. */
function slices(pace: SlicePace, count: number, perUnit: number): number[] {
  let now = 0;
  pace.begin(now);
  return Array.from({ length: count }, () => {
    const taken = pace.gas * perUnit;
    now += taken;
    pace.look(now);
    return taken;
  });
}

test('a slice grows to its most where gas is used up fast', () => {
  const pace = new SlicePace();
  slices(pace, 10, 1e-6);
  expect(pace.gas).toBe(MOST_GAS);
});

test('no slice but the first of slow work takes long', () => {
  const pace = new SlicePace();
  slices(pace, 10, 1e-6);
  // Two hundred times as slow as the interpreter usually is.
  const [, ...others] = slices(pace, 20, 4e-4);
  expect(Math.max(...others)).toBeLessThan(5);
  expect(pace.gas).toBeGreaterThan(1_000);
});

test('and it grows again', () => {
  const pace = new SlicePace();
  slices(pace, 10, 1);
  expect(pace.gas).toBe(1_000);
  slices(pace, 20, 1e-6);
  expect(pace.gas).toBe(MOST_GAS);
});

test('time in which the guest was not entered counts for nothing', () => {
  const pace = new SlicePace();
  slices(pace, 10, 1e-6);
  pace.begin(1e9);
  pace.look(1e9 + 2);
  expect(pace.gas).toBe(MOST_GAS);
});
