/**
 * The places at which a function can be left, and what it holds there: the types of its operands, and the locals that
 * may still be read. Where a place is and what it holds follow from the bytes alone, so that whoever takes a frame over
 * finds them again.
 */

import { blockType } from '../../wasm/instructions.ts';
import type { LeftPlace, LeftPoint } from '../../wasm/left.ts';
import { livenessOf } from '../../wasm/liveness.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type Mnemonic, OPCODES } from '../../wasm/opcodes.ts';
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

const MNEMONIC = OPCODES.map(({ mnemonic }) => mnemonic as Mnemonic);
const POPS = OPCODES.map(({ params }) => params.length);
const PUSHES = OPCODES.map(({ results }) => typesOf(results));

/** Instructions that are left before they are done, and the operands that they take. */
const OPERATIONS: Partial<Record<Mnemonic, number>> = {
  'memory.grow': 1,
  'memory.fill': 3,
  'memory.copy': 3,
  'memory.init': 3,
  'table.grow': 2,
  'table.fill': 3,
  'table.copy': 3,
  'table.init': 3,
};

interface Frame {
  readonly type: FuncType;
  readonly isLoop: boolean;
  /** Operands below the construct's parameters. */
  readonly height: number;
  /** Where it begins, and what would have to be buried there. */
  readonly start: number;
  readonly buried: Buried | undefined;
  isOneArmed: boolean;
  isJumpedTo: boolean;
  /** Whether the guest can be left in it. */
  isLeft: boolean;
}

type Found = Omit<LeavePoint, 'locals'>;

/** Takes time and memory as the body has bytes, and the operands and locals at its places. */
export function leavePoints(module: WasmModule, body: number): LeavePoints {
  const walk = new Walk(module, body);
  walk.run();
  const { found, buried, locals } = walk;
  const live = livenessOf(module, body, found.map(placeIn));
  const points = found.map((point, place): LeavePoint => {
    // Those that are no parameters are zero at entry, whoever has them.
    const count = point.kind === 'entry' ? walk.params : locals.length;
    const kept: number[] = [];
    for (let local = 0; local < count; local++) if (live.mayRead(place, local)) kept.push(local);
    return { ...point, locals: kept };
  });
  return { locals, points, buried };
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

/** Before which instruction the locals are asked for. */
function placeIn({ kind, offset, next }: Found): number {
  return kind === 'operation' ? offset : next;
}

class Walk {
  readonly found: Found[] = [];
  readonly buried = new Map<number, Buried>();
  readonly locals: readonly ValType[];
  readonly params: number;
  private readonly module: WasmModule;
  private readonly reader: ReachableReader;
  private readonly stack: ValType[] = [];
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
    this.found.push({
      kind: 'entry',
      offset: codeStart,
      next: codeStart,
      operands: [],
      outer: 0,
      taken: 0,
      results: [],
    });
  }

  /** The constructs that are open, the function first. */
  get open(): readonly Around[] {
    return this.frames;
  }

  private enter(type: FuncType, start: number, buried: Buried | undefined, isLoop = false, isOneArmed = false): void {
    const height = this.stack.length - type.params.length;
    this.frames.push({ type, isLoop, height, start, buried, isOneArmed, isJumpedTo: false, isLeft: false });
  }

  /** @param isEnd asked before each instruction whether it is enough */
  run(isEnd?: (walk: Walk) => boolean): void {
    const { reader, frames } = this;
    while (frames.length > 0 && isEnd?.(this) !== true) {
      const index = reader.next();
      if (!reader.isReachable && reader.skips(index)) continue;
      this.visit(index, MNEMONIC[index] as Mnemonic);
    }
  }

  private get top(): Frame {
    return this.frames.at(-1) as Frame;
  }

  private point(kind: LeavePoint['kind'], results: readonly ValType[] = [], taken = 0): void {
    const { reader, stack, top } = this;
    top.isLeft = true;
    const { offset, pos: next } = reader;
    this.found.push({ kind, offset, next, operands: [...stack], outer: top.height, taken, results });
  }

  private pop(count: number): void {
    this.stack.length -= count;
  }

  private jumpTo(label: number): void {
    const { frames } = this;
    (frames[frames.length - 1 - label] as Frame).isJumpedTo = true;
  }

  private visit(index: number, mnemonic: Mnemonic): void {
    const { reader, stack, module } = this;
    switch (mnemonic) {
      case 'block':
      case 'loop':
      case 'if':
        this.construct(mnemonic);
        return;
      case 'else': {
        const { top } = this;
        top.isOneArmed = false;
        if (reader.isReachable) top.isJumpedTo = true;
        reader.resume();
        stack.length = top.height;
        stack.push(...top.type.params);
        return;
      }
      case 'end':
        this.end();
        return;
      case 'br':
        this.jumpTo(reader.a);
        reader.stop();
        return;
      case 'br_if':
        this.pop(1);
        this.jumpTo(reader.a);
        return;
      case 'br_table':
        for (let i = 0; i <= reader.a; i++) this.jumpTo(reader.labels[i] as number);
        reader.stop();
        return;
      case 'return':
      case 'unreachable':
        reader.stop();
        return;
      case 'call':
        this.call(typeOfFunction(module, reader.a));
        return;
      case 'call_indirect':
        this.pop(1);
        this.call(module.types[reader.a] as FuncType);
        return;
      case 'drop':
      case 'local.set':
      case 'global.set':
        this.pop(1);
        return;
      case 'select':
      case 'select_t':
        this.pop(2);
        return;
      case 'local.tee':
        return;
      case 'local.get':
        stack.push(this.locals[reader.a] as ValType);
        return;
      case 'global.get':
        stack.push(module.globals[reader.a]?.type as ValType);
        return;
      case 'ref.null':
        stack.push(reader.a);
        return;
      case 'ref.func':
        stack.push(FUNCREF);
        return;
      case 'ref.is_null':
        this.pop(1);
        stack.push(I32);
        return;
      case 'table.get':
        this.pop(1);
        stack.push(module.tables[reader.a]?.element as ValType);
        return;
      case 'table.set':
        this.pop(2);
        return;
      default: {
        const operands = OPERATIONS[mnemonic];
        if (operands !== undefined) {
          const results = mnemonic.endsWith('.grow') ? [I32] : [];
          this.point('operation', results, operands);
          this.pop(operands);
          stack.push(...results);
          return;
        }
        this.pop(POPS[index] as number);
        stack.push(...(PUSHES[index] as readonly ValType[]));
      }
    }
  }

  private call({ params, results }: FuncType): void {
    this.pop(params.length);
    this.point('call', results);
    this.stack.push(...results);
  }

  private construct(mnemonic: 'block' | 'loop' | 'if'): void {
    const { reader, stack, module, top } = this;
    const type = blockType(reader.a, module.types) as FuncType;
    if (mnemonic === 'if') this.pop(1);
    const height = stack.length - type.params.length;
    const buried =
      height > top.height
        ? {
            height: top.height,
            operands: stack.slice(top.height, height),
            above: mnemonic === 'if' ? [...type.params, I32] : type.params,
          }
        : undefined;
    this.enter(type, reader.offset, buried, mnemonic === 'loop', mnemonic === 'if');
    if (mnemonic === 'loop') this.point('loop');
  }

  private end(): void {
    const { frames, reader, stack } = this;
    const { type, height, isLoop, isOneArmed, isJumpedTo, isLeft, start, buried } = frames.pop() as Frame;
    const outer = frames.at(-1);
    if (isLeft && outer !== undefined) outer.isLeft = true;
    if (isLeft && buried !== undefined) this.buried.set(start, buried);
    const isReached = reader.isReachable || (!isLoop && (isJumpedTo || isOneArmed));
    if (!isReached) return;
    reader.resume();
    stack.length = height;
    stack.push(...type.results);
  }
}
