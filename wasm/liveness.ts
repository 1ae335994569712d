/**
 * Which locals of a function may still be read, by place: the others need not be kept where a guest is left. A pure
 * function of the module's bytes, so that all who keep a guest's state keep the same of it.
 */

import { typeOfFunction, type WasmModule } from './module.ts';
import { type Flow, type Mnemonic, OPCODES, opcode } from './opcodes.ts';
import { ReachableReader } from './reachable.ts';

/** What matters here, in the order of the code, as words: one of these, and what the comments say. */
const EVENT = {
  /** The local. */
  read: 0,
  /** The local. */
  write: 1,
  /** The number of a loop, {@link BLOCK} or {@link IF}. */
  begin: 2,
  otherwise: 3,
  /** The same. */
  end: 4,
  /** The label. */
  jump: 5,
  /** The label. */
  fork: 6,
  /** How many labels are the words before. */
  table: 7,
  stop: 8,
  /** A place that is asked for, by its number. */
  asked: 9,
} as const;

const BLOCK = -1;
const IF = -2;
const KIND_BITS = 4;
const KIND_MASK = 2 ** KIND_BITS - 1;

/** Words of locals looked at for each byte of a body, and in any. Beyond, all locals count as read. */
const PATIENCE = { perByte: 64, base: 65_536 } as const;
/** Times that the code is gone through: as often as loops are nested, and once more. */
const PASSES = 10;

const indexOf = (mnemonic: Mnemonic) => opcode(mnemonic).index;
const GET = indexOf('local.get');
const SET = indexOf('local.set');
const TEE = indexOf('local.tee');
const FLOW: readonly Flow[] = OPCODES.map(({ flow }) => flow);
/** Constructs whose edges are not followed here. */
const IS_GUARD = OPCODES.map(({ mnemonic }) => mnemonic === 'try' || mnemonic === 'try_table');

/** What is known of one function. */
export class Liveness {
  private readonly words: number;
  /** One behind the other, by number of the place; undefined where all count as read. */
  private readonly sets: Uint32Array | undefined;

  constructor(locals: number, sets: Uint32Array | undefined) {
    this.words = wordsFor(locals);
    this.sets = sets;
  }

  /** Whether a local, parameters first, may be read behind the place of that number before it is written. */
  mayRead(place: number, local: number): boolean {
    const { sets, words } = this;
    if (sets === undefined) return true;
    const word = sets[place * words + (local >>> 5)] as number;
    return local >>> 5 < words && ((word >>> (local & 31)) & 1) === 1;
  }
}

const wordsFor = (locals: number): number => (locals + 31) >>> 5;

const BLOCKS = { block: BLOCK, if: IF } as const;

/** What matters of a body, in the order of its code: written down by whoever walks what of it can be reached. */
export class LivenessEvents {
  private readonly events: number[] = [];
  /** Of the constructs that are open. */
  private readonly kinds: number[] = [BLOCK];
  private loops = 0;
  private places = 0;

  private add(kind: number, argument: number): void {
    this.events.push((argument << KIND_BITS) | kind);
  }

  /** What holds before what is walked next is asked for: the next place. */
  ask(): void {
    this.add(EVENT.asked, this.places++);
  }

  read(local: number): void {
    this.add(EVENT.read, local);
  }

  write(local: number): void {
    this.add(EVENT.write, local);
  }

  begin(construct: 'block' | 'loop' | 'if'): void {
    const kind = construct === 'loop' ? this.loops++ : BLOCKS[construct];
    this.kinds.push(kind);
    this.add(EVENT.begin, kind);
  }

  otherwise(): void {
    this.add(EVENT.otherwise, 0);
  }

  end(): void {
    this.add(EVENT.end, this.kinds.pop() as number);
  }

  jump(label: number): void {
    this.add(EVENT.jump, label);
  }

  fork(label: number): void {
    this.add(EVENT.fork, label);
  }

  table(labels: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) this.events.push(labels[i] as number);
    this.add(EVENT.table, count);
  }

  stop(): void {
    this.add(EVENT.stop, 0);
  }

  /** @param bytes of the body */
  liveness(locals: number, bytes: number): Liveness {
    const { events, loops, places } = this;
    if (locals === 0) return new Liveness(0, new Uint32Array(0));
    const words = wordsFor(locals);
    const most = PATIENCE.base + PATIENCE.perByte * bytes;
    if (words * (events.length + places) > most) return new Liveness(locals, undefined);
    return new Liveness(locals, solve(events, loops, words, places));
  }
}

/**
 * @param body counted from the module's first
 * @param offsets of instructions in it that can be reached, in ascending order: what is asked for is what holds before each
 */
export function livenessOf(module: WasmModule, body: number, offsets: readonly number[]): Liveness {
  const declared = module.bodies.at(body);
  const locals = typeOfFunction(module, module.importedFunctions + body).params.length + declared.localCount;
  const events = new LivenessEvents();
  const { codeStart, end } = declared;
  const isKnown = walk(new ReachableReader(module.bytes, codeStart, end), offsets, events);
  return isKnown || locals === 0 ? events.liveness(locals, end - codeStart) : new Liveness(locals, undefined);
}

/** Returns whether all edges are known. */
function walk(reader: ReachableReader, offsets: readonly number[], events: LivenessEvents): boolean {
  let next = 0;
  reader.enter();
  while (reader.depth > 0) {
    const index = reader.next();
    if (!reader.isReachable && reader.skips(index)) continue;
    for (; next < offsets.length && (offsets[next] as number) <= reader.offset; next++) events.ask();
    if (index === GET) events.read(reader.a);
    else if (index === SET || index === TEE) events.write(reader.a);
    else {
      const flow = FLOW[index] as Flow;
      switch (flow) {
        case 'on':
          break;
        case 'open':
        case 'loop':
        case 'if':
          if (IS_GUARD[index]) return false;
          reader.enter(flow === 'loop', flow === 'if');
          events.begin(flow === 'open' ? 'block' : flow);
          break;
        case 'else':
          reader.arm();
          events.otherwise();
          break;
        case 'end':
          reader.leave();
          events.end();
          break;
        case 'fork':
          // Also of the branches on references and casts.
          reader.branch(reader.a);
          events.fork(reader.a);
          break;
        case 'jump':
          reader.branch(reader.a);
          events.jump(reader.a);
          reader.stop();
          break;
        case 'table':
          for (let i = 0; i <= reader.a; i++) reader.branch(reader.labels[i] as number);
          events.table(reader.labels, reader.a + 1);
          reader.stop();
          break;
        case 'stop':
          events.stop();
          reader.stop();
          break;
        default:
          return false;
      }
    }
  }
  for (; next < offsets.length; next++) events.ask();
  return true;
}

/** A construct, seen from its end: what may be read where its label leads, and at the start of its second arm. */
interface Seen {
  readonly label: Uint32Array;
  second: Uint32Array | undefined;
}

/** Goes backwards through the code until what may be read at the headers of loops does not change any more. */
function solve(events: readonly number[], loops: number, words: number, places: number): Uint32Array | undefined {
  const headers = Array.from({ length: loops }, () => new Uint32Array(words));
  for (let pass = 0; pass < PASSES; pass++) {
    const found = backwards(events, headers, words, places);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined where a header has changed. */
function backwards(
  events: readonly number[],
  headers: readonly Uint32Array[],
  words: number,
  places: number,
): Uint32Array | undefined {
  const sets = new Uint32Array(places * words);
  const seen: Seen[] = [];
  const live = new Uint32Array(words);
  const none = new Uint32Array(words);
  let isChanged = false;
  const labelOf = (label: number) => (seen[seen.length - 1 - label] as Seen).label;
  const unite = (other: Uint32Array) => {
    for (let i = 0; i < words; i++) (live[i] as number) |= other[i] as number;
  };
  for (let at = events.length - 1; at >= 0; at--) {
    const event = events[at] as number;
    const argument = event >> KIND_BITS;
    switch (event & KIND_MASK) {
      case EVENT.read:
        (live[argument >>> 5] as number) |= 1 << (argument & 31);
        break;
      case EVENT.write:
        (live[argument >>> 5] as number) &= ~(1 << (argument & 31));
        break;
      case EVENT.end:
        seen.push({ label: argument >= 0 ? (headers[argument] as Uint32Array) : live.slice(), second: undefined });
        break;
      case EVENT.otherwise: {
        const construct = seen.at(-1) as Seen;
        construct.second = live.slice();
        live.set(construct.label);
        break;
      }
      case EVENT.begin: {
        const { label, second } = seen.pop() as Seen;
        if (argument >= 0) {
          if (live.some((word, i) => word !== label[i])) isChanged = true;
          label.set(live);
        } else if (argument === IF) unite(second ?? label);
        break;
      }
      case EVENT.jump:
        live.set(labelOf(argument));
        break;
      case EVENT.fork:
        unite(labelOf(argument));
        break;
      case EVENT.table:
        live.set(none);
        for (let i = 0; i < argument; i++) unite(labelOf(events[--at] as number));
        break;
      case EVENT.stop:
        live.set(none);
        break;
      case EVENT.asked:
        for (let i = 0, at = argument * words; i < words; i++) sets[at + i] = live[i] as number;
        break;
    }
  }
  return isChanged ? undefined : sets;
}
