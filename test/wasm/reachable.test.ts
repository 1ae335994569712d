/** What walkers are told of the constructs that are open, and of what can be reached. */

import { expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { OPCODES } from '../../wasm/opcodes.ts';
import { ReachableReader } from '../../wasm/reachable.ts';

/** Each instruction that can be reached, and whether it is in an `if` without an `else` so far. */
function walked(reader: ReachableReader, bodies: ReturnType<typeof decode>['bodies'], body: number): string[] {
  const { codeStart, end } = bodies.at(body);
  reader.begin(codeStart, end);
  reader.enter();
  const lines: string[] = [];
  while (reader.depth > 0) {
    const index = reader.next();
    if (!reader.isReachable && reader.skips(index)) continue;
    const { mnemonic, flow } = OPCODES[index] as (typeof OPCODES)[number];
    lines.push(`${mnemonic}${reader.isOneArmed ? ' in one arm' : ''}`);
    if (flow === 'else' || flow === 'catch') reader.arm();
    else if (flow === 'end' || flow === 'delegate') reader.leave();
    else if (mnemonic === 'if') reader.enter(false, true);
    else if (mnemonic === 'loop') reader.enter(true);
    else if (flow === 'open' || mnemonic === 'block' || mnemonic === 'try') reader.enter();
    if (mnemonic === 'unreachable' || mnemonic === 'br') {
      if (mnemonic === 'br') reader.branch(reader.a);
      reader.stop();
    }
  }
  return lines;
}

test('the reader of one function after another forgets what it knew', () => {
  const { bytes, bodies } = decode(
    parse(`(module
      (func (if (i32.const 1) (then unreachable nop) (else (br 0) nop)) nop)
      (func unreachable (block nop))
      (func nop (loop unreachable nop) nop)
      (func (block (try (do unreachable nop) (delegate 0)) nop) nop)
      (func (if (i32.const 1) (then (block nop) nop)))
      (func (block (br 0) nop) nop))`),
  );
  const reader = new ReachableReader(bytes, 0, 0);
  expect(walked(reader, bodies, 0)).toEqual([
    'i32.const',
    'if',
    'unreachable in one arm',
    'else in one arm',
    'br',
    'end',
    'nop',
    'end',
  ]);
  expect(walked(reader, bodies, 1)).toEqual(['unreachable', 'end']);
  expect(walked(reader, bodies, 2)).toEqual(['nop', 'loop', 'unreachable', 'end', 'end']);
  expect(walked(reader, bodies, 3)).toEqual(['block', 'try', 'unreachable', 'delegate', 'end', 'end']);
  expect(walked(reader, bodies, 4)).toEqual([
    'i32.const',
    'if',
    'block in one arm',
    'nop',
    'end',
    'nop in one arm',
    'end in one arm',
    'end',
  ]);
  expect(walked(reader, bodies, 5)).toEqual(['block', 'br', 'end', 'nop', 'end']);
});
