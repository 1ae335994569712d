/**
 * Validation of function bodies and constant expressions (specification 3.3 and the algorithm of its appendix A.3).
 * One pass, iterative: operands and control frames are kept in arrays, never on the JavaScript stack.
 */

import { CompileError } from './errors.ts';
import { blockType, type InstructionReader, singleResult } from './instructions.ts';
import { Ints, resized } from './ints.ts';
import { MODULE_LIMITS, SUM_LIMITS } from './limits.ts';
import { matches, matchesAll } from './matching.ts';
import { accessBytes, type Later, type Mnemonic, OPCODES, type Opcode, opcode, type Special } from './opcodes.ts';
import { laterValidation } from './parts.ts';
import {
  BOTTOM_REF,
  type DefinedType,
  definedRef,
  F32,
  F64,
  type Feature,
  FUNCREF,
  type FuncType,
  type GlobalType,
  I32,
  I64,
  isDefaultable,
  isReference,
  type MemoryType,
  type RefType,
  type TableType,
  typeName,
  V128,
  type ValType,
} from './types.ts';

/** What a body may refer to. The decoder fills it section by section. */
export interface ValidationContext {
  readonly types: DefinedType[];
  /** Type indices. */
  readonly functions: number[];
  readonly tables: TableType[];
  readonly memories: MemoryType[];
  readonly globals: GlobalType[];
  /** Type indices. */
  readonly tags: number[];
  readonly elements: { preciseType(index: number): RefType | undefined };
  /** From the data count section; undefined where there is none. */
  dataCount: number | undefined;
  /** By function: 1 where it occurs outside of bodies, and may therefore be referred to (specification 3.4.10, C.refs). */
  readonly declared: Uint8Array;
  declare(index: number): void;
  /** Receives what is used beyond release 2.0. */
  readonly features: Set<Feature>;
  /** Set where there is one on the operand stack. */
  usesVectors: boolean;
  /** Set where there is an instruction that changes a table. */
  changesTables: boolean;
}

/** The type of an operand popped in unreachable code. */
export const UNKNOWN = 0;

const LETTER_TYPES: Readonly<Record<string, ValType>> = { i: I32, l: I64, f: F32, d: F64, v: V128 };
const typesOf = (letters: string): readonly ValType[] => [...letters].map((letter) => LETTER_TYPES[letter] as ValType);

const PARAMS = OPCODES.map((row) => typesOf(row.params));
const RESULTS = OPCODES.map((row) => typesOf(row.results));
/** Natural alignment exponent of an access, or -1 where the instruction accesses no memory. */
const ALIGNMENT = OPCODES.map((row) => (row.immediates.startsWith('memarg') ? Math.log2(accessBytes(row)) : -1));
/** Lanes a lane index must stay below. */
const LANES = OPCODES.map((row) => {
  const shape = /^[if]\d+x(\d+)\./.exec(row.mnemonic);
  if (row.immediates === 'lane') return Number(shape?.[1]);
  return row.immediates === 'memarg lane' ? 16 / accessBytes(row) : 0;
});
/** What the ordinary instructions need beside their signature. */
const NEEDS = OPCODES.map(
  ({ immediates }) => !['none', 'zero', 'i32', 'i64', 'f32', 'f64', 'v128'].includes(immediates),
);

/** Whether an access must be aligned as is natural, and no less. */
const IS_ATOMIC = OPCODES.map(({ gas }) => gas === 'atomic');

const IS_CONSTANT = OPCODES.map(({ constant }) => constant === true);

export const BLOCK: number = opcode('block').index;
const LOOP = opcode('loop').index;
const IF = opcode('if').index;
const ELSE = opcode('else').index;
export const TRY: number = opcode('try').index;
export const CATCH_TAG: number = opcode('catch').index;
export const CATCH_ALL: number = opcode('catch_all').index;

/** Whether the frame of a kind has an exception below its operands. */
export const holdsException = (kind: number): boolean => kind === CATCH_TAG || kind === CATCH_ALL;

export type Handler = (v: Validator) => void;

/** The instructions whose signature depends on their immediates or on the stack, and that modules of release 2.0 have. */
const RULES: Readonly<Record<Exclude<Special, Later>, Handler> & Partial<Record<Mnemonic, Handler>>> = {
  unreachable: (v) => v.unreachable(),
  block: (v) => v.enterBlock(BLOCK),
  loop: (v) => v.enterBlock(LOOP),
  if: (v) => {
    v.pop(I32);
    v.enterBlock(IF);
  },
  else: (v) => {
    const type = v.leave();
    if (v.leftKind !== IF) v.fail('else without if');
    v.enter(ELSE, type);
  },
  end: (v) => {
    const type = v.leave();
    if (v.leftKind === IF && !matchesAll(v.context.types, type.params, type.results))
      v.fail('type mismatch: if without else must leave its parameters');
    if (v.frameTypes.length > 0) v.pushAll(type.results);
  },
  br: (v) => {
    v.popAll(v.labelTypes(v.reader.a));
    v.unreachable();
  },
  br_if: (v) => {
    v.pop(I32);
    v.pass(v.labelTypes(v.reader.a));
  },
  br_table: (v) => {
    const { labels, a: count } = v.reader;
    v.pop(I32);
    const arity = v.labelTypes(labels[count] as number).length;
    v.carry(arity * (count + 1));
    for (let i = 0; i <= count; i++) {
      const types = v.labelTypes(labels[i] as number);
      if (types.length !== arity) v.fail('type mismatch: branch targets of different arity');
      v.peekAll(types);
    }
    v.unreachable();
  },
  return: (v) => {
    v.popAll(v.results);
    v.unreachable();
  },
  call: (v) => v.apply(v.functionType(v.reader.a)),
  call_indirect: (v) => v.apply(v.indirect()),
  drop: (v) => {
    v.popAny();
  },
  select: (v) => {
    v.pop(I32);
    const second = v.popAny();
    const first = v.popAny();
    if (isReference(first) || isReference(second)) v.fail('type mismatch: select of references needs a type');
    if (first !== second && first !== UNKNOWN && second !== UNKNOWN) v.fail('type mismatch: select of different types');
    v.push(first === UNKNOWN ? second : first);
  },
  select_t: (v) => {
    if (v.reader.c !== 1) v.fail('invalid result arity of select');
    const type = v.reader.a;
    v.pop(I32);
    v.pop(type);
    v.pop(type);
    v.push(type);
  },
  'local.get': (v) => v.getLocal(),
  'local.set': (v) => v.setLocal(),
  'local.tee': (v) => {
    v.setLocal();
    v.push(v.local());
  },
  'global.get': (v) => {
    const global = v.global();
    if (v.constant && global.mutable) v.fail('constant expression required: global is mutable');
    v.push(global.type);
  },
  'global.set': (v) => {
    const global = v.global();
    if (!global.mutable) v.fail('global is immutable');
    v.pop(global.type);
  },
  'table.get': (v) => {
    const { address, element } = v.tableType(v.reader.a);
    v.pop(address);
    v.push(element);
  },
  'table.set': (v) => {
    v.context.changesTables = true;
    const { address, element } = v.tableType(v.reader.a);
    v.pop(element);
    v.pop(address);
  },
  'memory.size': (v) => v.push(v.memory(v.reader.a)),
  'memory.grow': (v) => {
    const address = v.memory(v.reader.a);
    v.pop(address);
    v.push(address);
  },
  'memory.fill': (v) => {
    const address = v.memory(v.reader.a);
    v.popAll([address, I32, address]);
  },
  'memory.copy': (v) => v.popCopy(v.memory(v.reader.a), v.memory(v.reader.b)),
  'memory.init': (v) => {
    v.data(v.reader.a);
    v.popAll([v.memory(v.reader.b), I32, I32]);
  },
  'ref.null': (v) => v.push(v.reader.a),
  'ref.is_null': (v) => {
    v.popReference();
    v.push(I32);
  },
  'ref.func': (v) => {
    const index = v.reader.a;
    v.functionType(index);
    if (v.constant) v.context.declare(index);
    else if (v.context.declared[index] !== 1) v.fail(`undeclared function reference ${index}`);
    v.push(definedRef(v.context.functions[index] as number, false));
  },
  'table.init': (v) => {
    v.context.changesTables = true;
    const { address, element } = v.tableType(v.reader.b);
    if (!v.matches(v.element(v.reader.a), element)) v.fail('type mismatch: segment and table differ');
    v.popAll([address, I32, I32]);
  },
  'table.copy': (v) => {
    v.context.changesTables = true;
    const to = v.tableType(v.reader.a);
    const from = v.tableType(v.reader.b);
    if (!v.matches(from.element, to.element)) v.fail('type mismatch: tables of different types');
    v.popCopy(to.address, from.address);
  },
  'table.grow': (v) => {
    v.context.changesTables = true;
    const { address, element } = v.tableType(v.reader.a);
    v.pop(address);
    v.pop(element);
    v.push(address);
  },
  'table.size': (v) => v.push(v.tableType(v.reader.a).address),
  'table.fill': (v) => {
    v.context.changesTables = true;
    const { address, element } = v.tableType(v.reader.a);
    v.popAll([address, element, address]);
  },
};

/** For a row with a feature, which is noted before the instruction is validated. */
function noting({ index, mnemonic, feature, special }: Opcode): Handler {
  return (v) => {
    v.context.features.add(feature as Feature);
    if (!special) v.ordinary(index);
    else if (laterValidation.isLoaded) laterValidation.now.RULES[mnemonic as Extract<Special, Later>](v);
    else v.hold();
  };
}

const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map((row) =>
  row.feature === undefined ? RULES[row.mnemonic] : noting(row),
);

/** What {@link Validator} does with instructions of one byte that it does not call a handler for. */
const STEP = { handler: 0, ordinary: 1, access: 2, i32: 3, get: 4, set: 5, tee: 6, drop: 7 } as const;
const STEPS: Partial<Record<Mnemonic, number>> = {
  'local.get': STEP.get,
  'local.set': STEP.set,
  'local.tee': STEP.tee,
  drop: STEP.drop,
};
/** By byte: the step; types of the topmost operand, of the one below and of the result, or {@link UNKNOWN} for none. */
const STEP_OF = new Uint8Array(256);
const TOP = new Uint8Array(256);
const BELOW = new Uint8Array(256);
const RESULT = new Uint8Array(256);
/** Natural alignment exponents, by byte. */
const ALIGNED = new Uint8Array(256);
OPCODES.forEach(({ mnemonic, code, immediates, special }, index) => {
  if (code > 0xff) return;
  const [top = UNKNOWN, below = UNKNOWN] = [...(PARAMS[index] as readonly ValType[])].reverse();
  TOP[code] = top;
  BELOW[code] = below;
  RESULT[code] = RESULTS[index]?.[0] ?? UNKNOWN;
  ALIGNED[code] = Math.max(0, ALIGNMENT[index] as number);
  if (special) STEP_OF[code] = STEPS[mnemonic] ?? STEP.handler;
  else if (immediates === 'none') STEP_OF[code] = STEP.ordinary;
  else if (immediates === 'memarg') STEP_OF[code] = STEP.access;
  else if (immediates === 'i32') STEP_OF[code] = STEP.i32;
});

const FRAME_WORDS = 4;

/** Reused for all bodies of a module. */
export class Validator {
  readonly context: ValidationContext;
  reader: InstructionReader;
  /** Whether a constant expression is being validated. */
  constant = false;
  results: readonly ValType[] = [];
  /** Whether it cannot go on before {@link laterValidation} are loaded: the reader is at the instruction that needs them. */
  isHeld = false;
  /** Kind of the frame last left: the row of `block`, `loop`, `if`, `else`, `try`, `catch` or `catch_all`. */
  leftKind = 0;

  private functionIndex: number | undefined;
  private locals = new Int32Array(64);
  private localCount = 0;
  /** How many of them are parameters. */
  private firstDeclared = 0;
  /** How many locals have no value yet: those of a type without a default (specification 3.4.2). */
  private unset = 0;
  /** By local without a default: `bodyNumber` where it has got a value. */
  private valueIn = new Int32Array(64);
  /** Number of the body at hand, from 1. */
  private bodyNumber = 0;
  /** The locals that got a value, in order. */
  private readonly assigned: number[] = [];
  private operands = new Int32Array(256);
  private height = 0;
  /** How many of the operands are vectors. */
  private vectors = 0;
  /** Slots of 8 bytes that the operands of the body at hand take where they are most. */
  maxHeight = 0;
  /** Height below which the innermost frame may not pop. */
  private floor = 0;
  private isUnreachable = false;
  /** Over all bodies; see {@link carry}. */
  private carried = 0;
  private lastSingle: FuncType = singleResult(I32);
  private declaredLocals = 0;
  /**
   * {@link FRAME_WORDS} for each control frame that is open: floor and whether it is unreachable of the one around it, how many
   * locals had a value when it was entered, and its kind.
   */
  private readonly frames = new Ints();
  /** Of the control frames that are open. */
  readonly frameTypes: FuncType[] = [];

  constructor(context: ValidationContext, reader: InstructionReader) {
    this.context = context;
    this.reader = reader;
  }

  /**
   * Begins a body, whose reader ends where it does. Its locals follow, by {@link declare}.
   * @throws CompileError
   */
  begin(functionIndex: number, type: FuncType): void {
    const { params, results } = type;
    this.functionIndex = functionIndex;
    this.constant = false;
    this.localCount = 0;
    this.firstDeclared = params.length;
    this.bodyNumber++;
    this.unset = 0;
    this.assigned.length = 0;
    this.room(params.length);
    this.locals.set(params);
    this.localCount = params.length;
    this.carry(results.length);
    this.start(type);
  }

  /**
   * Adds locals to the body at hand.
   * @throws CompileError
   */
  declare(count: number, type: ValType): void {
    this.room(count);
    this.locals.fill(type, this.localCount, this.localCount + count);
    this.localCount += count;
    if (!isDefaultable(type)) this.unset += count;
  }

  /** Leaves the instruction at hand alone. */
  hold(): void {
    this.isHeld = true;
    this.reader.pos = this.reader.offset;
  }

  /**
   * Validates the body at hand until it ends, up to `stop`, or as far as it can. Returns whether it has ended.
   * @throws CompileError
   */
  advance(stop: number): boolean {
    const { reader } = this;
    this.isHeld = false;
    const end = Math.min(reader.end, stop);
    try {
      while (this.frameTypes.length > 0) {
        if (this.isHeld || reader.pos >= stop) return false;
        this.hurry(end);
        // What `instruction` does: before the host has optimised this, a call for each of them shows.
        const index = reader.next();
        const handler = HANDLERS[index];
        if (handler !== undefined) handler(this);
        else this.ordinary(index);
      }
    } catch (error) {
      throw !(error instanceof CompileError) || error.functionIndex !== undefined
        ? error
        : new CompileError(error.message.replace(/ \(offset 0x[0-9a-f]+\)$/, ''), {
            offset: error.offset,
            feature: error.feature,
            functionIndex: this.functionIndex,
          });
    }
    if (reader.pos !== reader.end) this.fail('junk after the end of the function', reader.pos);
    return true;
  }

  /**
   * Validates the constant expression at the reader's position; leaves the reader behind it. Where it is held, it has to
   * begin again.
   * @throws CompileError
   */
  constantExpression(type: ValType): void {
    const { reader } = this;
    const start = reader.pos;
    this.isHeld = false;
    this.functionIndex = undefined;
    this.constant = true;
    this.localCount = 0;
    this.unset = 0;
    this.start(this.single(type));
    while (this.frameTypes.length > 0) {
      const index = reader.next();
      if (IS_CONSTANT[index] !== true) {
        this.fail(`constant expression required, ${OPCODES[index]?.mnemonic} found`);
      }
      this.instruction(index);
      if (!this.isHeld) continue;
      reader.pos = start;
      return;
    }
  }

  private single(type: ValType): FuncType {
    if (this.lastSingle.results[0] !== type) this.lastSingle = singleResult(type);
    return this.lastSingle;
  }

  private start(type: FuncType): void {
    this.results = type.results;
    this.height = 0;
    this.vectors = 0;
    this.maxHeight = 0;
    this.frameTypes.length = 0;
    this.frames.clear();
    this.open(BLOCK, type);
  }

  private instruction(index: number): void {
    const handler = HANDLERS[index];
    if (handler !== undefined) handler(this);
    else this.ordinary(index);
  }

  /**
   * Takes instructions of the most frequent kinds, until there is anything about one that is not as usual: a module is
   * mostly validated before the host has optimised this code, and every call that can be spared shows.
   */
  private hurry(end: number): void {
    const { reader, operands, locals, localCount, floor, vectors, unset } = this;
    const { bytes } = reader;
    const isAddressed = this.context.memories[0]?.address === I32;
    let { pos } = reader;
    let { height } = this;
    let highest = this.maxHeight - vectors;
    while (pos < end) {
      const byte = bytes[pos] as number;
      const step = STEP_OF[byte] as number;
      if (step === STEP.handler) break;
      // Behind its immediates.
      let next = pos + 1;
      let top = TOP[byte] as number;
      let result = RESULT[byte] as number;
      if (step >= STEP.get) {
        if (step !== STEP.drop) {
          const local = bytes[next++] as number;
          if (local > 0x7f || local >= localCount) break;
          top = locals[local] as number;
          if (top === V128 || (unset > 0 && !isDefaultable(top))) break;
          result = top;
        }
      } else if (step !== STEP.ordinary) {
        if (step === STEP.access && !(isAddressed && (bytes[next++] as number) <= (ALIGNED[byte] as number))) break;
        // Four bytes of an integer hold whatever they like; a fifth may not.
        const last = next + 3;
        while ((bytes[next] as number) > 0x7f && next < last) next++;
        if ((bytes[next++] as number) > 0x7f) break;
      }
      if (next > end) break;
      if (step === STEP.get || step === STEP.i32) {
        if (height === operands.length) break;
        operands[height++] = result;
        if (height > highest) highest = height;
      } else if (step === STEP.drop) {
        if (height === floor || operands[height - 1] === V128) break;
        height--;
      } else if (top !== UNKNOWN) {
        const below = BELOW[byte] as number;
        const base = below === UNKNOWN ? height - 1 : height - 2;
        if (base < floor || operands[height - 1] !== top || (below !== UNKNOWN && operands[base] !== below)) break;
        height = base;
        if (result !== UNKNOWN && step !== STEP.set) operands[height++] = result;
      }
      pos = next;
    }
    reader.pos = pos;
    this.height = height;
    this.maxHeight = highest + vectors;
  }

  /** @throws CompileError always */
  fail(message: string, offset = this.reader.offset): never {
    throw new CompileError(message, { functionIndex: this.functionIndex, offset });
  }

  /** Makes room for locals, of which the module may have so many. */
  private room(count: number): void {
    this.declaredLocals += count;
    const { base, perByte } = SUM_LIMITS.declaredLocals;
    const { pos } = this.reader;
    if (this.declaredLocals > base + perByte * pos) {
      this.fail(`functions have more parameters and locals than ${base} and ${perByte} for each byte so far`, pos);
    }
    const needed = this.localCount + count;
    if (needed <= this.locals.length) return;
    this.locals = resized(this.locals, 2 * needed);
    this.valueIn = new Int32Array(2 * needed);
  }

  ordinary(index: number): void {
    const params = PARAMS[index] as readonly ValType[];
    const isAccess = NEEDS[index] === true && this.checkImmediates(index);
    for (let i = params.length - 1; i >= 0; i--) {
      this.pop(isAccess && i === 0 ? this.memory(this.reader.b) : (params[i] as ValType));
    }
    const results = RESULTS[index] as readonly ValType[];
    if (results.length === 1) this.push(results[0] as ValType);
  }

  /** Returns whether the first operand is an address of a memory. */
  private checkImmediates(index: number): boolean {
    const { reader } = this;
    const row = OPCODES[index];
    switch (row?.immediates) {
      case 'memarg':
      case 'memarg lane':
        if (this.memory(reader.b) === I32 && reader.a > 0xffff_ffff) this.fail('offset out of range');
        if (reader.c > (ALIGNMENT[index] as number)) this.fail('alignment must not be larger than natural');
        if (IS_ATOMIC[index] && reader.c !== ALIGNMENT[index]) this.fail('atomic alignment must be natural');
        if (row.immediates === 'memarg lane') this.checkLane(index);
        return true;
      case 'lane':
        this.checkLane(index);
        return false;
      case 'shuffle':
        for (let i = 0; i < 16; i++) if ((reader.bytes[reader.a + i] as number) >= 32) this.fail('invalid lane index');
        return false;
      case 'data':
        this.data(reader.a);
        return false;
      case 'element':
        this.element(reader.a);
        return false;
      default:
        return this.fail(`no validation rule for ${row?.mnemonic}`);
    }
  }

  private checkLane(index: number): void {
    if (this.reader.lane >= (LANES[index] as number)) this.fail('invalid lane index');
  }

  /** Type of a memory's addresses. */
  memory(index: number): ValType {
    return (this.context.memories[index] ?? this.fail(`unknown memory ${index}`)).address;
  }

  data(index: number): void {
    const { dataCount } = this.context;
    if (dataCount === undefined) this.fail('data count section required');
    if (index >= dataCount) this.fail(`unknown data segment ${index}`);
  }

  /** Type of an element segment. */
  element(index: number): RefType {
    return this.context.elements.preciseType(index) ?? this.fail(`unknown elem segment ${index}`);
  }

  tableType(index: number): TableType {
    return this.context.tables[index] ?? this.fail(`unknown table ${index}`);
  }

  definedType(index: number): DefinedType {
    return this.context.types[index] ?? this.fail(`unknown type ${index}`);
  }

  funcTypeAt(index: number): FuncType {
    const type = this.definedType(index);
    return type.kind === 'function' ? type : this.fail(`type ${index} is no function type`);
  }

  /** Pops the index of an indirect call; returns the type that is called. */
  indirect(): FuncType {
    const { address, element } = this.tableType(this.reader.b);
    if (!this.matches(element, FUNCREF)) this.fail('type mismatch: indirect call through a table of no functions');
    this.pop(address);
    return this.funcTypeAt(this.reader.a);
  }

  /** Pops the operands of a copy: its length is as wide as the narrower of the two addresses. */
  popCopy(to: ValType, from: ValType): void {
    this.popAll([to, from, to === I64 && from === I64 ? I64 : I32]);
  }

  functionType(index: number): FuncType {
    const typeIndex = this.context.functions[index];
    if (typeIndex === undefined) this.fail(`unknown function ${index}`);
    return this.funcTypeAt(typeIndex);
  }

  /** Type of the local at hand. */
  local(): ValType {
    if (this.reader.a >= this.localCount) this.fail(`unknown local ${this.reader.a}`);
    return this.locals[this.reader.a] as number;
  }

  getLocal(): void {
    const type = this.local();
    if (this.unset > 0 && this.isUnset(type)) this.fail(`uninitialized local ${this.reader.a}`);
    this.push(type);
  }

  setLocal(): void {
    const type = this.local();
    this.pop(type);
    if (this.unset === 0 || !this.isUnset(type)) return;
    const { a: local } = this.reader;
    this.valueIn[local] = this.bodyNumber;
    this.assigned.push(local);
    this.unset--;
  }

  /** Whether the local at hand, which has that type, has no value yet. */
  private isUnset(type: ValType): boolean {
    const { a: local } = this.reader;
    return !isDefaultable(type) && local >= this.firstDeclared && this.valueIn[local] !== this.bodyNumber;
  }

  global(): GlobalType {
    return this.context.globals[this.reader.a] ?? this.fail(`unknown global ${this.reader.a}`);
  }

  push(type: number): void {
    if (type === V128) {
      this.vectors++;
      this.context.usesVectors = true;
    }
    if (this.height === this.operands.length) {
      if (this.height >= MODULE_LIMITS.operands) this.fail(`more operands than the limit of ${MODULE_LIMITS.operands}`);
      this.operands = resized(this.operands, 2 * this.height);
    }
    this.operands[this.height++] = type;
    if (this.height + this.vectors > this.maxHeight) this.maxHeight = this.height + this.vectors;
  }

  popAny(): number {
    if (this.height === this.floor) {
      if (!this.isUnreachable) this.fail('type mismatch: operand expected, stack is empty');
      return UNKNOWN;
    }
    const type = this.operands[--this.height] as number;
    if (type === V128) this.vectors--;
    return type;
  }

  pop(expected: ValType): void {
    const found = this.popAny();
    if (found !== expected && found !== UNKNOWN && !this.matches(found, expected)) this.mismatch(expected, found);
  }

  mismatch(expected: ValType, found: ValType): never {
    return this.fail(`type mismatch: ${typeName(expected)} expected, ${typeName(found)} found`);
  }

  /** Pops a reference of any type. */
  popReference(): RefType {
    const type = this.popAny();
    if (type === UNKNOWN) return BOTTOM_REF;
    return isReference(type) ? type : this.fail(`type mismatch: reference expected, ${typeName(type)} found`);
  }

  matches(type: ValType, expected: ValType): boolean {
    const { types } = this.context;
    return matches(type, types, expected, types);
  }

  /** Whether anything may be popped, as the code cannot be reached and its own operands are used up. */
  isBottomless(): boolean {
    return this.isUnreachable && this.height === this.floor;
  }

  popAll(types: readonly ValType[]): void {
    for (let i = types.length - 1; i >= 0 && !this.isBottomless(); i--) this.pop(types[i] as ValType);
  }

  /** Checks the values a branch may take along. They stay, as of the label's types. */
  pass(types: readonly ValType[]): void {
    this.carry(types.length);
    if (this.areOnTop(types)) return;
    this.popAll(types);
    this.pushAll(types);
  }

  /**
   * Counts values that an instruction checks, or makes room for, without a byte of its own for each. What it only pops
   * need not be counted: that has been pushed.
   */
  carry(values: number, offset: number = this.reader.offset): void {
    this.carried += values;
    const { base, perByte } = SUM_LIMITS.carriedValues;
    if (this.carried > base + perByte * this.reader.pos) {
      const what = 'imports, exports, blocks, calls and branches carry more values';
      this.fail(`${what} than ${base} and ${perByte} for each byte so far`, offset);
    }
  }

  carryType({ params, results }: FuncType, offset?: number): void {
    this.carry(params.length + results.length, offset);
  }

  /** Whether these very types are: nothing changes then where they are popped and pushed again. */
  private areOnTop(types: readonly ValType[]): boolean {
    const base = this.height - types.length;
    if (base < this.floor) return false;
    for (let i = 0; i < types.length; i++) if (this.operands[base + i] !== types[i]) return false;
    return true;
  }

  /** Checks that `types` are on top, and leaves the stack as it is (`br_table`, in unreachable code too). */
  peekAll(types: readonly ValType[]): void {
    const { height, vectors, maxHeight } = this;
    this.popAll(types);
    // What was popped is still in the array.
    this.height = height;
    this.vectors = vectors;
    this.maxHeight = maxHeight;
  }

  pushAll(types: readonly ValType[]): void {
    for (let i = 0; i < types.length; i++) this.push(types[i] as ValType);
  }

  apply(type: FuncType): void {
    this.carryType(type);
    this.popAll(type.params);
    this.pushAll(type.results);
  }

  unreachable(): void {
    while (this.height > this.floor) this.popAny();
    this.isUnreachable = true;
  }

  labelTypes(label: number): readonly ValType[] {
    if (label >= this.frameTypes.length) this.fail(`unknown label ${label}`);
    const type = this.frameTypes.at(-1 - label) as FuncType;
    return this.kindOf(label) === LOOP ? type.params : type.results;
  }

  /** Of the control frame of a label that there is. */
  kindOf(label: number): number {
    return this.frames.values[this.frames.length - FRAME_WORDS * label - 1] as number;
  }

  enterBlock(kind: number): void {
    const type = blockType(this.reader.a, this.context.types) ?? this.fail('unknown type of a block');
    this.carryType(type);
    this.popAll(type.params);
    this.enter(kind, type);
  }

  enter(kind: number, type: FuncType): void {
    this.open(kind, type);
    this.pushAll(type.params);
  }

  open(kind: number, type: FuncType): void {
    if (this.frameTypes.length >= MODULE_LIMITS.nesting)
      this.fail(`constructs nested deeper than ${MODULE_LIMITS.nesting}`);
    this.frameTypes.push(type);
    const { frames } = this;
    frames.push(this.floor);
    frames.push(this.isUnreachable ? 1 : 0);
    frames.push(this.assigned.length);
    frames.push(kind);
    this.floor = this.height;
    this.isUnreachable = false;
  }

  /** Closes the innermost frame, whose results must be on the stack and nothing else. */
  leave(): FuncType {
    const type = this.frameTypes.pop() as FuncType;
    this.popAll(type.results);
    if (this.height !== this.floor)
      this.fail(`type mismatch: ${this.height - this.floor} operands left at the end of a block`);
    const { frames } = this;
    this.leftKind = frames.pop();
    if (holdsException(this.leftKind)) this.height--;
    this.forget(frames.pop());
    this.isUnreachable = frames.pop() === 1;
    this.floor = frames.pop();
    return type;
  }

  /** What got a value within a construct has none behind it. */
  private forget(assignedBefore: number): void {
    for (; this.assigned.length > assignedBefore; this.unset++) this.valueIn[this.assigned.pop() as number] = 0;
  }
}
