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
  /** By number of the place; undefined where all count as read. */
  private readonly sets: readonly Uint32Array[] | undefined;

  constructor(locals: number, sets: readonly Uint32Array[] | undefined) {
    this.words = wordsFor(locals);
    this.sets = sets;
  }

  /** Whether a local, parameters first, may be read behind the place of that number before it is written. */
  mayRead(place: number, local: number): boolean {
    if (this.sets === undefined) return true;
    const word = (this.sets[place] as Uint32Array)[local >>> 5] as number;
    return local >>> 5 < this.words && ((word >>> (local & 31)) & 1) === 1;
  }
}

const wordsFor = (locals: number): number => (locals + 31) >>> 5;

/** What the walk over a body has found. */
interface Walked {
  readonly events: readonly number[];
  readonly loops: number;
}

/**
 * @param body counted from the module's first
 * @param offsets of instructions in it that can be reached, in ascending order: what is asked for is what holds before each
 */
export function livenessOf(module: WasmModule, body: number, offsets: readonly number[]): Liveness {
  const declared = module.bodies.at(body);
  const locals = typeOfFunction(module, module.importedFunctions + body).params.length + declared.localCount;
  const walked = walk(new ReachableReader(module.bytes, declared.codeStart, declared.end), offsets);
  if (walked === undefined || locals === 0)
    return new Liveness(locals, locals === 0 ? none(offsets.length) : undefined);
  const most = PATIENCE.base + PATIENCE.perByte * (declared.end - declared.codeStart);
  if (wordsFor(locals) * (walked.events.length + offsets.length) > most) return new Liveness(locals, undefined);
  return new Liveness(locals, solve(walked, wordsFor(locals), offsets.length));
}

function none(count: number): readonly Uint32Array[] {
  return new Array<Uint32Array>(count).fill(new Uint32Array(1));
}

/** Undefined where edges are not known. */
function walk(reader: ReachableReader, offsets: readonly number[]): Walked | undefined {
  const events: number[] = [];
  const add = (kind: number, argument: number) => events.push((argument << KIND_BITS) | kind);
  /** Of constructs that are open: the number of a loop, or what else it is. */
  const open = [BLOCK];
  reader.enter();
  let loops = 0;
  let next = 0;
  const jump = (kind: number, label: number) => {
    reader.branch(label);
    add(kind, label);
  };
  while (open.length > 0) {
    const index = reader.next();
    if (!reader.isReachable && reader.skips(index)) continue;
    while (next < offsets.length && (offsets[next] as number) <= reader.offset) add(EVENT.asked, next++);
    if (index === GET) add(EVENT.read, reader.a);
    else if (index === SET || index === TEE) add(EVENT.write, reader.a);
    else {
      const flow = FLOW[index] as Flow;
      switch (flow) {
        case 'on':
          break;
        case 'open':
        case 'loop':
        case 'if': {
          if (IS_GUARD[index]) return undefined;
          const kind = flow === 'loop' ? loops++ : flow === 'if' ? IF : BLOCK;
          open.push(kind);
          reader.enter(flow === 'loop', kind === IF);
          add(EVENT.begin, kind);
          break;
        }
        case 'else':
          reader.arm();
          add(EVENT.otherwise, 0);
          break;
        case 'end':
          reader.leave();
          add(EVENT.end, open.pop() as number);
          break;
        case 'fork':
          // Also of the branches on references and casts.
          jump(EVENT.fork, reader.a);
          break;
        case 'jump':
          jump(EVENT.jump, reader.a);
          reader.stop();
          break;
        case 'table':
          for (let i = 0; i <= reader.a; i++) {
            const label = reader.labels[i] as number;
            reader.branch(label);
            events.push(label);
          }
          add(EVENT.table, reader.a + 1);
          reader.stop();
          break;
        case 'stop':
          add(EVENT.stop, 0);
          reader.stop();
          break;
        default:
          return undefined;
      }
    }
  }
  while (next < offsets.length) add(EVENT.asked, next++);
  return { events, loops };
}

/** A construct, seen from its end: what may be read where its label leads, and at the start of its second arm. */
interface Seen {
  readonly label: Uint32Array;
  second: Uint32Array | undefined;
}

/** Goes backwards through the code until what may be read at the headers of loops does not change any more. */
function solve({ events, loops }: Walked, words: number, places: number): readonly Uint32Array[] | undefined {
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
): readonly Uint32Array[] | undefined {
  const sets = new Array<Uint32Array>(places);
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
        sets[argument] = live.slice();
        break;
    }
  }
  return isChanged ? undefined : sets;
}
