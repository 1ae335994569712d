/** A fused instruction does what its parts do one by one: same registers, memory, globals, gas, place and exit. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXIT, HALT_PC, type Kind, lengthOf, MACHINE_OPS, type MachineOp, op } from '../../interpreter/code/isa.ts';
import { runFirst } from '../../interpreter/machine/first-loop.generated.ts';
import { run } from '../../interpreter/machine/loop.generated.ts';
import type { Thread } from '../../interpreter/machine/thread.ts';
import { runUnmetered } from '../../interpreter/machine/unmetered-loop.generated.ts';

const SEQUENCES = MACHINE_OPS.filter(({ form }) => form === 'fused');

const START = 32;
/** Where `return32` leads, and branches forwards: both halt. */
const RETURN = 16;
const AHEAD = 200;
/** Registers from here on are read once. */
const HOME = 20;
const FRAME = 8;
const REGISTERS = 64;
const MEMORY = 96;
const REGISTER_KINDS: ReadonlySet<Kind> = new Set(['i32', 'i64', 'f32', 'f64']);
const wordsIn = (kind: Kind) => lengthOf({ operand: kind }) - 1;

const number = fc.oneof(
  fc.integer({ min: 0, max: MEMORY }),
  fc.constantFrom(-1, -8, 0x7fff_ffff, -0x8000_0000, 0x7ff0_0000, 0x7ff8_0000, 0x3ff0_0000),
  fc.integer(),
);

interface Case {
  readonly numbers: readonly number[];
  readonly registers: readonly number[];
  readonly memory: readonly number[];
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  numbers: fc.array(number, { minLength: 48, maxLength: 48 }),
  registers: fc.array(number, { minLength: REGISTERS, maxLength: REGISTERS }),
  memory: fc.array(number, { minLength: MEMORY / 4, maxLength: MEMORY / 4 }),
});

/** The words of the parts, one after the other, and the registers that are handed on. */
function assemble({ parts = [], links = [] }: MachineOp, numbers: readonly number[]) {
  const code = new Int32Array(256).fill(op('halt'));
  const handed: number[] = [];
  let used = 0;
  const next = (below: number) => ((numbers[used++ % numbers.length] as number) >>> 0) % below;
  let at = START;
  parts.forEach((part, i) => {
    code[at] = op(part.name);
    let word = at + 1;
    for (const [name, kind] of Object.entries(part.operands)) {
      const isResult = name === 'result';
      const isHanded = (isResult && (links[i + 1] ?? '') !== '') || name === links[i];
      if (isResult && isHanded) handed.push(HOME + 2 * i);
      if (isHanded) code[word] = HOME + 2 * (isResult ? i : i - 1);
      else if (REGISTER_KINDS.has(kind)) code[word] = 2 * next(HOME / 2);
      else if (name === 'offset') code[word] = next(4) === 0 ? next(0x7fff_0000) : next(12);
      else if (kind === 'cell' || kind === 'word') code[word] = next(4);
      else if (kind === 'label') {
        code[word] = next(3) === 0 ? HALT_PC : AHEAD;
        code[word + 1] = next(100);
      } else if (kind === 'gas') code[word] = next(100);
      else if (kind === 'labels') {
        const count = next(3);
        code[word] = count;
        for (let entry = 0; entry <= count; entry++) code.set([AHEAD + 2 * entry, next(100)], word + 1 + 2 * entry);
      } else for (let i = 0; i < wordsIn(kind); i++) code[word + i] = numbers[used++ % numbers.length] as number;
      word += wordsIn(kind);
    }
    at += lengthOf(part.operands);
  });
  code[RETURN - 1] = 0;
  return { code, handed };
}

function execute(loop: (thread: Thread) => number, code: Int32Array, { registers, memory }: Case) {
  const state = Int32Array.from(registers);
  const bytes = new Uint8Array(MEMORY + 64);
  const words = new Int32Array(bytes.buffer);
  words.set(memory);
  const thread = {
    registers: state,
    floats: new Float32Array(state.buffer),
    doubles: new Float64Array(state.buffer),
    frames: Int32Array.of(RETURN, RETURN),
    depthLimit: 1000,
    globals: Int32Array.from(registers.slice(0, 8)),
    code,
    constants: new DataView(code.buffer),
    memory: {
      bytes,
      halves: new Int16Array(bytes.buffer),
      words,
      doubles: new Float64Array(bytes.buffer),
      data: new DataView(bytes.buffer),
      byteLength: MEMORY,
    },
    pc: START,
    fp: FRAME,
    sp: 2,
    depth: 100,
    gas: 10_000,
    published: 10_000,
  };
  const exit = loop(thread as unknown as Thread);
  const { pc, fp, sp, depth, gas, published, globals } = thread;
  return { exit, pc, fp, sp, depth, gas, published, globals, state, bytes };
}

/** As guests are run until the main loop has been compiled. */
function runFirstOrRun(thread: Thread): number {
  const exit = runFirst(thread);
  return exit === EXIT.rare ? run(thread) : exit;
}

describe.each([
  ['run', run],
  ['runFirst', runFirstOrRun],
  ['runUnmetered', runUnmetered],
])('in %s', (_name, loop) => {
  test.each(SEQUENCES.map((one) => [one.name, one] as const))('%s', (_sequence, fused) => {
    fc.assert(
      fc.property(anyCase, (state) => {
        const { code, handed } = assemble(fused, state.numbers);
        const oneByOne = execute(loop, code, state);
        if (loop === runFirstOrRun) expect(oneByOne).toEqual(execute(run, code, state));
        code[START] = op(fused.name);
        const atOnce = execute(loop, code, state);
        // What is handed on does not get as far as its register.
        for (const register of handed) {
          for (const half of [0, 1]) atOnce.state[FRAME + register + half] = 0;
          for (const half of [0, 1]) oneByOne.state[FRAME + register + half] = 0;
        }
        expect(atOnce).toEqual(oneByOne);
      }),
      { numRuns: 100 },
    );
  });
});
