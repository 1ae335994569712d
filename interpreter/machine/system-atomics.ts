/** The machine's atomic instructions (proposal for threads): accesses, notifying and waiting. */

import { type AtomicKind, accessBytes, OPCODES } from '../../wasm/opcodes.ts';
import {
  type AtomicName,
  EXIT,
  FIRST_ATOMIC,
  FIRST_VECTOR,
  type Place,
  type PlacesOf,
  type Target,
  trapExit,
} from '../code/index.ts';
import { type LinearMemory, WAITED } from '../store/index.ts';
import { carriedOut, checkpoint, type Handlers, type Instruction } from './instruction.ts';
import { valueAt } from './waits.ts';

/** Bytes of what notifications are about. */
const WORD = 4;

type Cells = Int8Array | Int16Array | Int32Array;

/** What the instructions of a row do. */
interface Access {
  /** 1, 2, 4 or 8. */
  readonly bytes: number;
  readonly kind: AtomicKind;
}

/** By place in the opcode table. */
const ACCESSES = OPCODES.map((row): Access | undefined => {
  const { gas, immediates, atomic: kind = 'load' } = row;
  if (gas !== 'atomic' || immediates !== 'memarg') return undefined;
  return { bytes: accessBytes(row), kind };
});

/** Makes what an access of so many bytes has read a number without a sign. */
const MASKS: Readonly<Record<number, number>> = { 1: 0xff, 2: 0xffff, 4: -1 };

const UNALIGNED = -trapExit('unaligned-atomic');
const OUT_OF_BOUNDS = -trapExit('memory-out-of-bounds');

/** The two words of a value of 64 bits, and the value. */
const pair = new Int32Array(2);
const whole = new BigInt64Array(pair.buffer);

/** What every access names. */
type Addressed = Pick<PlacesOf<'atomic.load'>, 'memory' | 'offset' | 'access' | 'base'>;
/** The operands that accesses have, some or all. */
type Operands = Addressed & Partial<Pick<PlacesOf<'atomic.cmpxchg'>, 'result' | 'value' | 'expected'>>;

/** Address of the access at hand; or an exit, which is negative here. */
function addressOf(it: Instruction, at: Addressed, bytes: number): number {
  const address = it.unsigned(at.base) + it.word(at.offset);
  if (address + bytes > it.memory(at.memory).byteLength) return OUT_OF_BOUNDS;
  return address % bytes === 0 ? address : UNALIGNED;
}

function cellsOf({ bytes, halves, words }: LinearMemory, width: number): Cells | Uint8Array {
  return width === 1 ? bytes : width === 2 ? halves : words;
}

/** Does to a cell what the access says; returns what was there. */
function act(cells: Cells | Uint8Array, place: number, kind: AtomicKind, value: number, expected: number): number {
  switch (kind) {
    case 'load':
      return Atomics.load(cells, place);
    case 'store':
      return Atomics.store(cells, place, value);
    case 'add':
      return Atomics.add(cells, place, value);
    case 'sub':
      return Atomics.sub(cells, place, value);
    case 'and':
      return Atomics.and(cells, place, value);
    case 'or':
      return Atomics.or(cells, place, value);
    case 'xor':
      return Atomics.xor(cells, place, value);
    case 'xchg':
      return Atomics.exchange(cells, place, value);
    case 'cmpxchg':
      return Atomics.compareExchange(cells, place, expected, value);
  }
}

/** The same with 64 bits. */
function actWide(cells: BigInt64Array, place: number, kind: AtomicKind, value: bigint, expected: bigint): bigint {
  switch (kind) {
    case 'load':
      return Atomics.load(cells, place);
    case 'store':
      return Atomics.store(cells, place, value);
    case 'add':
      return Atomics.add(cells, place, value);
    case 'sub':
      return Atomics.sub(cells, place, value);
    case 'and':
      return Atomics.and(cells, place, value);
    case 'or':
      return Atomics.or(cells, place, value);
    case 'xor':
      return Atomics.xor(cells, place, value);
    case 'xchg':
      return Atomics.exchange(cells, place, value);
    case 'cmpxchg':
      return Atomics.compareExchange(cells, place, expected, value);
  }
}

function lowOf(it: Instruction, place: Place<'value'> | undefined): number {
  return place === undefined ? 0 : (it.thread.registers[it.register(place)] as number);
}

function highOf(it: Instruction, place: Place<'value'> | undefined): number {
  return place === undefined ? 0 : (it.thread.registers[it.register(place) + 1] as number);
}

function wideOf(it: Instruction, place: Place<'value' | 'i64'> | undefined): bigint {
  pair[0] = lowOf(it, place as Place<'value'>);
  pair[1] = highOf(it, place as Place<'value'>);
  return whole[0] as bigint;
}

function setWords(it: Instruction, place: Target<'value'>, low: number, high: number): void {
  const { registers } = it.thread;
  registers[it.register(place)] = low;
  registers[it.register(place) + 1] = high;
}

/** Any access but those that wait or notify. */
function access(it: Instruction, at: Operands): number {
  const { bytes, kind } = ACCESSES[it.word(at.access)] as Access;
  const address = addressOf(it, at, bytes);
  if (address < 0) return -address;
  const memory = it.memory(at.memory);
  const { result, value, expected } = at;
  if (bytes === 8) {
    whole[0] = actWide(memory.longs, address / 8, kind, wideOf(it, value), wideOf(it, expected));
    if (result !== undefined) setWords(it, result, pair[0] as number, pair[1] as number);
    return 0;
  }
  const mask = MASKS[bytes] as number;
  const cells = cellsOf(memory, bytes);
  // As wide as the access: what is expected, too.
  const old = act(cells, address / bytes, kind, lowOf(it, value), lowOf(it, expected)) & mask;
  if (result !== undefined) setWords(it, result, old, 0);
  return 0;
}

/** For fences: one for all, as no other thread need look at it. */
const anything = new Int32Array(1);

const HANDLERS: Handlers<AtomicName> = {
  'atomic.load': access,
  'atomic.store': access,
  'atomic.rmw': access,
  'atomic.cmpxchg': access,
  'atomic.notify': (it, at) => {
    const address = addressOf(it, at, WORD);
    if (address < 0) return -address;
    it.set(at.result, it.memory(at.memory).notify(address, it.unsigned(at.count)));
    return 0;
  },
  'atomic.wait': checkpoint((it, at) => {
    const { bytes } = ACCESSES[it.word(at.access)] as Access;
    const address = addressOf(it, at, bytes);
    if (address < 0) return -address;
    const memory = it.memory(at.memory);
    if (!memory.isShared) return trapExit('expected-shared-memory');
    const expected = bytes === 8 ? wideOf(it, at.expected) : BigInt(lowOf(it, at.expected));
    if (valueAt(memory, address, bytes) !== expected) {
      it.set(at.result, WAITED.differs);
      return 0;
    }
    it.thread.wait = { memory, address, bytes, expected, timeout: wideOf(it, at.timeout) };
    return EXIT.wait;
  }),
  'atomic.fence': () => {
    Atomics.add(anything, 0, 0);
    return 0;
  },
};

/** By number, from FIRST_ATOMIC on. */
export const ATOMIC = carriedOut(HANDLERS, FIRST_ATOMIC, FIRST_VECTOR);
