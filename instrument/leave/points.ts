/**
 * The places at which a function can be left, and what it holds there: the types of its operands, and the locals that
 * may still be read. Where a place is and what it holds follow from the bytes alone, so that whoever takes a frame over
 * finds them again.
 */

import { blockType } from '../../wasm/instructions.ts';
import type { LeftPlace, LeftPoint } from '../../wasm/left.ts';
import { LivenessEvents } from '../../wasm/liveness.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type Mnemonic, OPCODES, opcode } from '../../wasm/opcodes.ts';
import { ReachableReader } from '../../wasm/reachable.ts';
import { F32, F64, FUNCREF, type FuncType, I32, I64, localTypes, V128, type ValType } from '../../wasm/types.ts';

/** A place where a frame can be left, in the order of the code: its number is what the frame says of itself. */
export interface LeavePoint extends LeftPoint {
  /** Where the code goes on: behind the instruction, or at the first of the function. */
  readonly next: number;
  /** How many of the operands are of constructs around: they have been put into locals. */
  readonly outer: number;
  /** How many of them an instruction takes that is left before it is done. */
  readonly taken: number;
}

/** Where a construct begins in which the guest can be left: what is below it has to be put into locals. */
export interface Buried {
  /** Height of the first, and what there is from there on. */
  readonly height: number;
  readonly operands: readonly ValType[];
  /** What is above them: the construct's parameters, and the condition of an `if`. */
  readonly above: readonly ValType[];
}

export interface LeavePoints {
  /** Types of the locals, parameters first. */
  readonly locals: readonly ValType[];
  readonly points: readonly LeavePoint[];
  /** By offset of the construct's instruction. */
  readonly buried: ReadonlyMap<number, Buried>;
}

const LETTERS: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const typesOf = (letters: string): readonly ValType[] => [...letters].map((letter) => LETTERS[letter] as ValType);

/** What the opcode table does not say of instructions that do no more than take and give operands. */
const PLAIN: Partial<Record<Mnemonic, readonly [pops: number, result?: ValType]>> = {
  drop: [1],
  'global.set': [1],
  select: [2],
  select_t: [2],
  'ref.func': [0, FUNCREF],
  'ref.is_null': [1, I32],
  'table.set': [2],
};

const POPS = OPCODES.map(({ mnemonic, params }) => PLAIN[mnemonic as Mnemonic]?.[0] ?? params.length);
/** At most one; 0 where there is none. */
const PUSHES = OPCODES.map(({ mnemonic, results }) => {
  const plain = PLAIN[mnemonic as Mnemonic];
  return (plain === undefined ? typesOf(results)[0] : plain[1]) ?? 0;
});
const LOCAL_GET = opcode('local.get').index;
const LOCAL_SET = opcode('local.set').index;
const LOCAL_TEE = opcode('local.tee').index;

interface Frame {
  readonly type: FuncType;
  readonly isLoop: boolean;
  /** Operands below the construct's parameters. */
  readonly height: number;
  /** Where it begins, and what would have to be buried there. */
  readonly start: number;
  readonly buried: Buried | undefined;
  /** Whether the guest can be left in it. */
  isLeft: boolean;
}

/** A place of which it is not known yet what it holds. */
type Found = Omit<LeavePoint, 'locals'> & { locals: readonly number[] };

const NONE: readonly never[] = [];

/** Takes time and memory as the body has bytes, and the operands and locals at its places. */
export function leavePoints(module: WasmModule, body: number): LeavePoints {
  const walk = new Walk(module, body);
  walk.run();
  const { found, buried, locals } = walk;
  const live = walk.events.liveness(locals.length, bytesOf(module, body));
  found.forEach((point, place) => {
    // Those that are no parameters are zero at entry, whoever has them.
    const count = point.kind === 'entry' ? walk.params : locals.length;
    const kept: number[] = [];
    for (let local = 0; local < count; local++) if (live.mayRead(place, local)) kept.push(local);
    point.locals = kept;
  });
  return { locals, points: found, buried };
}

/** A construct around a place. */
export interface Around {
  /** Of its instruction; of the function itself, its first. */
  readonly start: number;
  readonly type: FuncType;
  readonly isLoop: boolean;
  /** Operands below its parameters. */
  readonly height: number;
}

/** The constructs around a place, the function first. A loop is around itself where the place is behind its instruction. */
export function constructsAround(module: WasmModule, body: number, { kind, offset }: LeftPlace): readonly Around[] {
  const walk = new Walk(module, body);
  walk.run(({ found }) => {
    const last = found.at(-1) as Found;
    return last.kind === kind && last.offset === offset;
  });
  return walk.open;
}

function bytesOf(module: WasmModule, body: number): number {
  const { codeStart, end } = module.bodies.at(body);
  return end - codeStart;
}

class Walk {
  readonly found: Found[] = [];
  readonly buried = new Map<number, Buried>();
  readonly locals: readonly ValType[];
  readonly params: number;
  /** The places are asked for in the order in which they are found. */
  readonly events: LivenessEvents = new LivenessEvents();
  readonly module: WasmModule;
  readonly reader: ReachableReader;
  /** Types of the operands; what is beyond {@link height} is not there any more. */
  private readonly stack: ValType[] = [];
  height = 0;
  private readonly frames: Frame[] = [];

  constructor(module: WasmModule, body: number) {
    const declared = module.bodies.at(body);
    const { codeStart, end } = declared;
    const type = typeOfFunction(module, module.importedFunctions + body);
    this.module = module;
    this.params = type.params.length;
    this.locals = localTypes(type.params, declared);
    this.reader = new ReachableReader(module.bytes, codeStart, end);
    this.enter({ ...type, params: [] } as unknown as FuncType, codeStart, undefined);
    this.events.ask();
    this.found.push({
      kind: 'entry',
      offset: codeStart,
      next: codeStart,
      locals: NONE,
      operands: NONE,
      outer: 0,
      taken: 0,
      results: NONE,
    });
  }

  /** The constructs that are open, the function first. */
  get open(): readonly Around[] {
    return this.frames;
  }

  private enter(type: FuncType, start: number, buried: Buried | undefined, isLoop = false, isOneArmed = false): void {
    const height = this.height - type.params.length;
    this.frames.push({ type, isLoop, height, start, buried, isLeft: false });
    this.reader.enter(isLoop, isOneArmed);
  }

  /** @param isEnd asked before each instruction whether it is enough */
  run(isEnd?: (walk: Walk) => boolean): void {
    const { reader, frames, events } = this;
    while (frames.length > 0 && isEnd?.(this) !== true) {
      const index = reader.next();
      if (!reader.isReachable && reader.skips(index)) continue;
      const visit = VISITS[index];
      if (index === LOCAL_GET) {
        this.push(this.locals[reader.a] as ValType);
        events.read(reader.a);
      } else if (index === LOCAL_SET || index === LOCAL_TEE) {
        if (index === LOCAL_SET) this.height--;
        events.write(reader.a);
      } else if (visit !== undefined) visit(this, reader);
      else {
        this.height -= POPS[index] as number;
        const result = PUSHES[index] as number;
        if (result !== 0) this.push(result);
      }
    }
  }

  private get top(): Frame {
    return this.frames.at(-1) as Frame;
  }

  push(type: ValType): void {
    this.stack[this.height++] = type;
  }

  private pushAll(types: readonly ValType[]): void {
    for (const type of types) this.stack[this.height++] = type;
  }

  private point(kind: LeavePoint['kind'], results: readonly ValType[] = NONE, taken = 0): void {
    const { reader, stack, top, height } = this;
    top.isLeft = true;
    const { offset, pos: next } = reader;
    this.events.ask();
    const operands = height === 0 ? NONE : stack.slice(0, height);
    this.found.push({ kind, offset, next, locals: NONE, operands, outer: top.height, taken, results });
  }

  /** At an instruction that is left before it is done. */
  operation(taken: number, results: readonly ValType[]): void {
    this.point('operation', results, taken);
    this.height -= taken;
    this.pushAll(results);
  }

  call({ params, results }: FuncType): void {
    this.height -= params.length;
    this.point('call', results);
    this.pushAll(results);
  }

  construct(kind: 'block' | 'loop' | 'if'): void {
    const { reader, stack, module, top } = this;
    const type = blockType(reader.a, module.types) as FuncType;
    if (kind === 'if') this.height--;
    const height = this.height - type.params.length;
    const buried =
      height > top.height
        ? {
            height: top.height,
            operands: stack.slice(top.height, height),
            above: kind === 'if' ? [...type.params, I32] : type.params,
          }
        : undefined;
    this.enter(type, reader.offset, buried, kind === 'loop', kind === 'if');
    this.events.begin(kind);
    if (kind === 'loop') this.point('loop');
  }

  otherwise(): void {
    const { top, reader } = this;
    this.events.otherwise();
    reader.arm();
    this.height = top.height;
    this.pushAll(top.type.params);
  }

  end(): void {
    const { frames, reader } = this;
    const { type, height, isLeft, start, buried } = frames.pop() as Frame;
    const outer = frames.at(-1);
    if (isLeft && outer !== undefined) outer.isLeft = true;
    if (isLeft && buried !== undefined) this.buried.set(start, buried);
    this.events.end();
    reader.leave();
    if (!reader.isReachable) return;
    this.height = height;
    this.pushAll(type.results);
  }
}

type Visit = (walk: Walk, reader: ReachableReader) => void;

const stop: Visit = ({ events }, reader) => {
  events.stop();
  reader.stop();
};

const operation =
  (taken: number, results: readonly ValType[] = []): Visit =>
  (walk) =>
    walk.operation(taken, results);

/** What the others do. */
const SPECIAL: Partial<Record<Mnemonic, Visit>> = {
  block: (walk) => walk.construct('block'),
  loop: (walk) => walk.construct('loop'),
  if: (walk) => walk.construct('if'),
  else: (walk) => walk.otherwise(),
  end: (walk) => walk.end(),
  br(walk, reader) {
    reader.branch(reader.a);
    walk.events.jump(reader.a);
    reader.stop();
  },
  br_if(walk, reader) {
    walk.height--;
    reader.branch(reader.a);
    walk.events.fork(reader.a);
  },
  br_table(walk, reader) {
    for (let i = 0; i <= reader.a; i++) reader.branch(reader.labels[i] as number);
    walk.events.table(reader.labels, reader.a + 1);
    reader.stop();
  },
  return: stop,
  return_call: stop,
  return_call_indirect: stop,
  unreachable: stop,
  call: (walk, reader) => walk.call(typeOfFunction(walk.module, reader.a)),
  call_indirect(walk, reader) {
    walk.height--;
    walk.call(walk.module.types[reader.a] as FuncType);
  },
  'global.get': (walk, reader) => walk.push(walk.module.globals[reader.a]?.type as ValType),
  'ref.null': (walk, reader) => walk.push(reader.a),
  'table.get'(walk, reader) {
    walk.height--;
    walk.push(walk.module.tables[reader.a]?.element as ValType);
  },
  // Those that are left before they are done, with the operands that they take.
  'memory.grow': operation(1, [I32]),
  'memory.fill': operation(3),
  'memory.copy': operation(3),
  'memory.init': operation(3),
  'table.grow': operation(2, [I32]),
  'table.fill': operation(3),
  'table.copy': operation(3),
  'table.init': operation(3),
};

const VISITS: readonly (Visit | undefined)[] = OPCODES.map(({ mnemonic }) => SPECIAL[mnemonic as Mnemonic]);
