/** Guests that are left natively, and come back in the middle of their calls: as if they had never been away. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PATIENCE } from '../../src/engines/going-on.ts';
import { WARMING } from '../../src/engines/warming.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { type LifeProgram, sequence } from '../life/programs.ts';
import { callable, type LeaveOptions, run } from './leaving.ts';
import { askOfFixtures, askOfRandomPrograms, askOfTailCalls } from './undisturbed.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 60);

const patience = { ...PATIENCE };
const warming = { ...WARMING };
beforeEach(() => {
  Object.assign(PATIENCE, { first: 0, again: 0, units: 0, perByte: 0, perChange: 0 });
  Object.assign(WARMING, { begin: 0, perByte: 0 });
});
afterEach(() => {
  Object.assign(PATIENCE, patience);
  Object.assign(WARMING, warming);
});

/** Calls of a program that are left, each in a run of its own. */
const MOST_LEFT = 8;

async function requireSame(program: LifeProgram, seed: number, options: LeaveOptions = {}): Promise<void> {
  const module = decode(program.bytes);
  const calls = callable(module, program.calls);
  const next = sequence(seed);
  const expected = await run('interpreter', module, calls, options);
  const every = Math.ceil(calls.length / MOST_LEFT);
  for (const [i, gas] of expected.gas.entries()) {
    if (i % every !== (seed >>> 0) % every) continue;
    const mark = BigInt(next()) % (gas + 1n);
    // Some pieces are shorter than what is between two checkpoints.
    for (const piece of [undefined, 1n + (BigInt(next()) % 40n), 1n + (BigInt(next()) % (gas + 1n))]) {
      const inPieces = { ...options, ...(piece && { piece }) };
      const marks = new Map([[i, mark]]);
      const seen = await run('native', module, calls, inPieces, marks);
      const what = `call ${i}, left at ${mark}, pieces of ${piece}`;
      expect(seen.lines, what).toEqual(expected.lines);
      expect(seen.stops, what).toEqual((await run('interpreter', module, calls, inPieces, marks)).stops);
    }
  }
}

describe('a guest that comes back in the middle of a call ends as one that is interpreted', () => {
  askOfRandomPrograms(RUNS, requireSame);
  askOfFixtures(requireSame);
  askOfTailCalls(requireSame);

  /** Names functions as values and segments, in loops, and behind what drops them. */
  const NAMES = `(module
    (memory 1) (table $t 8 funcref)
    (data $bytes "some bytes") (data $none "") (elem $items func $one $two $one) (elem $last func $two) (elem declare func $three)
    (type $f (func (result i32)))
    (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2)) (func $three (result i32) (i32.const 3))
    (func (export "refer") (param $n i32) (result i32) (local $sum i32) (local $f funcref)
      (loop $l
        (local.set $f (select (result funcref) (ref.func $three) (ref.func $two) (i32.and (local.get $n) (i32.const 1))))
        (table.set $t (i32.const 5) (local.get $f))
        (local.set $sum (i32.add (local.get $sum) (call_indirect $t (type $f) (i32.const 5))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum))
    (func (export "fill") (param $n i32) (result i32) (local $sum i32)
      (loop $l
        (memory.init $bytes (local.get $n) (i32.const 2) (i32.const 5))
        (table.init $t $items (i32.const 1) (i32.const 1) (i32.const 2))
        (local.set $sum (i32.add (local.get $sum) (call_indirect $t (type $f) (i32.const 1))))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $n))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum))
    (func (export "drop") (param $n i32) (result i32)
      (loop $l
        (memory.init $none (local.get $n) (i32.const 0) (i32.const 0))
        (if (i32.eq (local.get $n) (i32.const 9)) (then (data.drop $bytes) (elem.drop $items) (data.drop $none)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (table.init $t $last (i32.const 0) (i32.const 0) (i32.const 1))
      (memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 0))
      (call_indirect $t (type $f) (i32.const 0)))
    (func (export "unreachable") (param $n i32) (result i32)
      (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (return (i32.const 7))
      (elem.drop $last) (drop (ref.func $one)) (i32.const 8)))`;

  it.each(['refer', 'fill', 'drop', 'unreachable'])('what it names is the guest’s own: %s', async (name) => {
    const calls = [name, 'fill', 'refer'].map((name) => ({ export: name, args: [30] }));
    for (let seed = 0; seed < 12; seed++) await requireSame({ bytes: parse(NAMES), calls }, seed);
  });

  it('code that cannot be reached calls what nobody calls', () =>
    requireSame(
      {
        bytes: parse(`(module (elem declare func $nobody) (func $nobody (param i64) (result f32) (f32.const 1))
          (func (export "run") (param i32) (result i32)
            (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (return (i32.const 7))
            (drop (call $nobody (i64.const 1)))
            (drop (ref.func $nobody))
            (i32.const 8)))`),
        calls: [{ export: 'run', args: [50] }],
      },
      3,
    ));
});

describe('a guest that begins interpreted and goes native somewhere ends as one that is interpreted', () => {
  async function requireSameWarm(program: LifeProgram, seed: number, options: LeaveOptions = {}): Promise<void> {
    const calls = callable(decode(program.bytes), program.calls);
    const expected = await run('interpreter', decode(program.bytes), calls, options);
    for (const units of [0, (seed >>> 0) % 50, (seed >>> 0) % 3_000]) {
      PATIENCE.units = units;
      // What one has made ready, the next would begin with.
      const seen = await run('warming', decode(program.bytes), calls, options);
      expect(seen.lines, `after ${units} units`).toEqual(expected.lines);
    }
  }

  it('constants that nothing has put into a register', () =>
    requireSameWarm(
      {
        bytes: parse(`(module (memory 1 9) (func (export "run") (param i32) (result i32)
          (i32.const 1234567)
          (i64.const 0x123456789abcdef)
          (memory.grow (i32.const 1))
          (memory.grow (i32.const 1))
          i32.add
          i64.extend_i32_u
          i64.add
          i32.wrap_i64
          i32.add))`),
        calls: [{ export: 'run', args: [1] }],
      },
      3,
    ));

  askOfRandomPrograms(2 * RUNS, requireSameWarm);
  askOfTailCalls(requireSameWarm);
});
