/**
 * Shows a dispatch loop each of its instructions before the host's compiler makes machine code of it.
 *
 * V8 compiles what it has seen. What it has not seen ends the machine code where it is met: the loop is then interpreted
 * again until all of it has been compiled once more, which takes a tenth of a second, for each program that is the
 * first of its process to use an instruction. A loop that has run everything, on values of all sorts and both ways, is
 * compiled once for all guests.
 */

import { Budget } from '../../wasm/budget.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import { I32 } from '../../wasm/types.ts';
import { CodeBuffer, FIRST_RARE, type Kind, lengthOf, MACHINE_OPS, type MachineOp, op } from '../code/index.ts';
import { LinearMemory } from '../store/index.ts';
import type { Loop } from './store.ts';
import { Thread } from './thread.ts';

/** Where an instruction's first operand of a kind is. The next of the kind follow. */
const SOURCES: Partial<Record<Kind, number>> = { i32: 0, i64: 8, f32: 16, f64: 24, v128: 32 };
/** The base of accesses, the register that is written, and that of arguments. */
const ADDRESS = 48;
const TARGET = 52;
const ARGUMENTS = 64;
/** Stack weight that is enough for calls that return at once. */
const STACK = 4_096;

/** What operands have in one pass, a b c; i32 are the low halves of the integers. */
interface Pass {
  readonly integers: readonly bigint[];
  /** What stands in the code. */
  readonly constant: bigint;
  readonly floats: readonly number[];
  /** The base of accesses. */
  readonly address: number;
}

type Row = readonly [integers: readonly bigint[], constant: bigint, floats: readonly number[], address: number];

const TOO_LOW = (1n << 53n) + 3n;

/** Less, more and equal; either sign; one half or both; shifts of all widths; NaN; addresses of every alignment, and beyond. */
const ROWS: readonly Row[] = [
  [[1n, 2n, 1n], 6n, [1.5, 2.5, 0.5], 64],
  [[2n, 1n, 0n], 2n, [2.5, 1.5, 0.5], 1],
  [[5n, 5n, 1n], 5n, [3, 3, 3], 2],
  [[0n, 33n, 0n], 33n, [Number.NaN, 1, 1], 4],
  [[0x500000008n, 0x700000040n, 1n], -8n, [-0, 0, Number.NaN], 8],
  [[-5n, 3n, 1n], -1n, [1, Number.NaN, -1], -1],
  [[3n, -5n, 0n], 40n, [1e300, -1e300, 0.1], PAGE_BYTES],
  [[-0x80000000n, -1n, 0n], 0x3ff8000000000001n, [-1e-300, 1e-300, 1e15], 3],
  [[-(1n << 63n), 0x7fffffff_ffffffffn, 0n], 0n, [Number.NaN, 1.5, 1], 16],
  [[-1n, 0n, 0x700000007n], 0x7ff8000100000000n, [-1.25, -1.5, -2], 6],
  // What is divided is rounded up as an f64, so that the quotient is estimated too high; then what divides: too low.
  [[1n - (1n << 63n), -(1n << 40n), 1n], -1n, [-1e300, 1, 1], 5],
  [[3n * TOO_LOW, TOO_LOW, 1n], TOO_LOW, [1, 2, 3], 7],
];
const PASSES: readonly Pass[] = ROWS.map(([integers, constant, floats, address]) => ({
  integers,
  constant,
  floats,
  address,
}));

/** Instructions in a row, for taking time. */
const SPIN = 256;
/**
 * V8 notes nothing of what a function does before that has run for a while, longer the more there is of it: so many
 * instructions for each that a loop has. After twice as many, with nothing new among them, it compiles the loop.
 */
const NOTED = 10;
/** Instructions that are shown together, in all passes: few enough for something to be new to V8 until the last one. */
const GROUP = 24;

const ADD = op('i32.add');
const BR = op('br');
const CALL = op('call');
const HALT = op('halt');
const RETURN = op('return');
/** Words of what stands in the code as it is. */
const CONSTANT_WORDS: Partial<Record<Kind, number>> = { constant: 1, constant64: 2, constant128: 4 };

class Writer {
  readonly code = new CodeBuffer();
  /** Words that every pass writes anew: low and high ones of constants by turns. */
  readonly constants: number[] = [];

  emit(...words: readonly number[]): void {
    for (const word of words) this.code.emit(word);
  }

  /** An instruction, and behind it those that it executes at once. All labels lead behind them. */
  instruction(number: number, { parts, operands }: MachineOp): void {
    const labels: number[] = [];
    this.operands(number, operands, labels);
    for (const part of parts?.slice(1) ?? []) this.operands(op(part.name), part.operands, labels);
    for (const label of labels) this.code.words[label] = this.code.length;
  }

  private operands(number: number, operands: MachineOp['operands'], labels: number[]): void {
    const seen = new Map<number, number>();
    this.emit(number);
    for (const [name, kind] of Object.entries(operands)) {
      const first = name === 'base' && kind === 'i32' ? ADDRESS : SOURCES[kind];
      if (name === 'result') this.emit(TARGET);
      else if (first !== undefined) {
        const before = seen.get(first) ?? 0;
        seen.set(first, before + 1);
        this.emit(first + before * (kind === 'v128' ? 4 : 2));
      } else if (kind === 'label') this.label(labels);
      else if (kind === 'labels') {
        this.emit(1);
        for (let i = 0; i < 2; i++) this.label(labels);
      } else if (kind in CONSTANT_WORDS) {
        for (let i = 0; i < (CONSTANT_WORDS[kind] as number); i++) {
          this.constants.push(2 * this.code.length + (i & 1));
          this.emit(0);
        }
      } else this.emit(kind === 'values' ? ARGUMENTS : 0);
    }
  }

  private label(labels: number[]): void {
    labels.push(this.code.length);
    this.emit(0, 0);
  }

  /** A function of one instruction, which returns. Returns its entry. */
  function(number: number, machine: MachineOp): number {
    // It weighs and costs nothing, and has a register to clear.
    this.emit(0, 0, 0, 2);
    const entry = this.code.length;
    this.instruction(number, machine);
    // For those that branch rather than return.
    this.emit(RETURN, 0);
    return entry;
  }

  /** A branch backwards, between two that lead around it: all others lead forwards. */
  backwards(): void {
    const at = this.code.length;
    this.emit(BR, at + 6, 0, BR, at + 9, 0, BR, at + 3, 0);
  }

  call(entry: number): void {
    this.emit(CALL, entry, ARGUMENTS);
  }

  /** Ends what was written. Returns the place behind it. */
  halt(): number {
    this.emit(HALT);
    return this.code.length;
  }
}

const returns = ({ name, parts }: MachineOp): boolean => (parts?.at(-1)?.name ?? name).startsWith('return');

/** @returns where groups of the instructions begin, each once, in the code that is written; and the end of the last */
function write(writer: Writer, instructions: readonly number[]): readonly number[] {
  const machine = (number: number) => MACHINE_OPS[number] as MachineOp;
  const isReturn = (number: number) => returns(machine(number));
  const entries = new Map(
    instructions.filter(isReturn).map((number) => [number, writer.function(number, machine(number))]),
  );
  const plain = entries.get(RETURN) as number;
  const places: number[] = [];
  instructions.forEach((number, i) => {
    if (i % GROUP === 0) places.push(writer.halt());
    if (i === 0) writer.backwards();
    const entry = number === CALL ? plain : entries.get(number);
    if (entry !== undefined) writer.call(entry);
    else if (number !== HALT) writer.instruction(number, machine(number));
  });
  return [...places, writer.halt()];
}

function threadFor({ words, data }: CodeBuffer, hasMemory: boolean): Thread {
  const thread = new Thread();
  thread.prepare(STACK);
  thread.code = words;
  thread.constants = data;
  thread.globals = new Int32Array(4);
  if (!hasMemory) return thread;
  const type = { address: I32, limits: { min: 1, max: 1 }, isShared: false } as const;
  thread.memory = LinearMemory.create(type, new Budget(PAGE_BYTES)) ?? thread.memory;
  return thread;
}

function fill(thread: Thread, constants: readonly number[], { integers, constant, floats, address }: Pass): void {
  const { registers, code, memory } = thread;
  const { i32, i64, f32, f64, v128 } = SOURCES as Record<Kind, number>;
  const longs = new BigInt64Array(registers.buffer);
  registers[ADDRESS] = address;
  integers.forEach((value, i) => {
    registers[i32 + 2 * i] = Number(BigInt.asIntN(32, value));
    longs[(i64 >> 1) + i] = value;
    longs.fill(value, (v128 >> 1) + 2 * i, (v128 >> 1) + 2 * i + 2);
  });
  floats.forEach((value, i) => {
    thread.floats[f32 + 2 * i] = value;
    thread.floats[v128 + 4 * i + 1] = value;
    thread.doubles[(f64 >> 1) + i] = value;
  });
  const words = [constant, constant >> 32n].map((word) => Number(BigInt.asIntN(32, word)));
  for (const place of constants) code[place >> 1] = words[place & 1] as number;
  memory.data.setFloat64(8, floats[0] as number, true);
  memory.data.setFloat64(16, floats[0] as number, true);
  memory.data.setFloat64(40, floats[0] as number, true);
}

/** Runs instructions up to the halt before `end` once, going on behind each that leaves the loop. */
function runAll(loop: Loop, thread: Thread, start: number, end: number): void {
  thread.pc = start;
  for (;;) {
    thread.fp = thread.sp = thread.depth = 0;
    thread.gas = STACK;
    loop(thread);
    const { pc } = thread;
    if (pc >= end - 1) return;
    const { operands } = MACHINE_OPS[thread.code[pc] as number] as MachineOp;
    thread.pc = pc + lengthOf(operands);
  }
}

/** Those that have been shown their instructions, or need not be. */
const trained = new Set<Loop>();

/** What the main loop executes. */
const MAIN: readonly number[] = MACHINE_OPS.slice(0, FIRST_RARE).map((_, number) => number);
/** The same one by one. */
const SINGLE: readonly number[] = MAIN.filter((number) => MACHINE_OPS[number]?.form !== 'fused');

/**
 * Does nothing the second time.
 * @param beyond instructions that the loop executes beside those of the main loop, and then none that is fused
 * @param own those of the main loop that it has
 */
export function train(
  loop: Loop,
  beyond?: Iterable<number>,
  own: Iterable<number> = beyond === undefined ? MAIN : SINGLE,
): void {
  if (trained.has(loop)) return;
  trained.add(loop);
  const writer = new Writer();
  const instructions = [...own, ...(beyond ?? [])];
  const places = write(writer, instructions);
  const thread = threadFor(writer.code, true);
  new Spin(Math.ceil((NOTED * instructions.length) / SPIN)).run(loop);
  for (let i = 0; i + 1 < places.length; i++) {
    for (const pass of PASSES) {
      fill(thread, writer.constants, pass);
      runAll(loop, thread, places[i] as number, places[i + 1] as number);
    }
  }
}

/** Some instructions that only take time. */
export class Spin {
  private readonly thread: Thread;
  private readonly times: number;
  private readonly start: number;

  /** @param times how often all of them are executed */
  constructor(times: number) {
    this.times = times;
    const writer = new Writer();
    this.start = writer.code.length;
    for (let i = 0; i < SPIN; i++) writer.instruction(ADD, MACHINE_OPS[ADD] as MachineOp);
    writer.emit(HALT);
    // Guests without a memory have an object of another shape for it, which V8 has to have seen too.
    this.thread = threadFor(writer.code, false);
  }

  /** Returns how many milliseconds a loop takes for it. */
  run(loop: Loop): number {
    const begin = performance.now();
    for (let i = 0; i < this.times; i++) {
      this.thread.pc = this.start;
      loop(this.thread);
    }
    return performance.now() - begin;
  }
}
