/**
 * Validation of function bodies and constant expressions (specification 3.3 and the algorithm of its appendix A.3).
 * One pass, iterative: operands and control frames are kept in arrays, never on the JavaScript stack.
 */

import { CompileError } from './errors.ts';
import { blockType, type InstructionReader } from './instructions.ts';
import { MODULE_LIMITS } from './limits.ts';
import { accessBytes, type Mnemonic, OPCODES, opcode } from './opcodes.ts';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type FuncType,
  funcType,
  type GlobalType,
  I32,
  I64,
  isRefType,
  isValType,
  type LocalRun,
  type MemoryType,
  type RefType,
  type TableType,
  typeName,
  V128,
  type ValType,
} from './types.ts';

/** What a body may refer to. The decoder fills it section by section. */
export interface ValidationContext {
  readonly types: FuncType[];
  /** Type indices. */
  readonly functions: number[];
  readonly tables: TableType[];
  readonly memories: MemoryType[];
  readonly globals: GlobalType[];
  readonly elementTypes: RefType[];
  /** From the data count section; undefined where there is none. */
  dataCount: number | undefined;
  /** Functions that occur outside of bodies, and may therefore be referred to (specification 3.4.10, C.refs). */
  readonly declared: Set<number>;
}

/** The type of an operand popped in unreachable code. */
const UNKNOWN = 0;

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
  ({ immediates }) => immediates !== 'none' && !['i32', 'i64', 'f32', 'f64', 'v128'].includes(immediates),
);

/** Instructions allowed in constant expressions (specification 3.3.13, with extended constant expressions). */
const CONSTANT = new Set<Mnemonic>([
  'end',
  'i32.const',
  'i64.const',
  'f32.const',
  'f64.const',
  'v128.const',
  'ref.null',
  'ref.func',
  'global.get',
  'i32.add',
  'i32.sub',
  'i32.mul',
  'i64.add',
  'i64.sub',
  'i64.mul',
]);
const IS_CONSTANT = OPCODES.map((row) => CONSTANT.has(row.mnemonic));

const BLOCK = opcode('block').index;
const LOOP = opcode('loop').index;
const IF = opcode('if').index;
const ELSE = opcode('else').index;

type Handler = (v: Validator) => void;

/** The instructions whose signature depends on their immediates or on the stack. */
const SPECIAL: Partial<Record<Mnemonic, Handler>> = {
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
    if (v.leftKind === IF && !sameTypes(type.params, type.results))
      v.fail('type mismatch: if without else must leave its parameters');
    if (v.depth > 0) v.pushAll(type.results);
  },
  br: (v) => {
    v.popAll(v.labelTypes(v.reader.a));
    v.unreachable();
  },
  br_if: (v) => {
    v.pop(I32);
    const types = v.labelTypes(v.reader.a);
    v.popAll(types);
    v.pushAll(types);
  },
  br_table: (v) => {
    const { labels, a: count } = v.reader;
    v.pop(I32);
    const arity = v.labelTypes(labels[count] as number).length;
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
  call_indirect: (v) => {
    if (v.tableType(v.reader.b).element !== FUNCREF)
      v.fail('type mismatch: indirect call through a table of externref');
    v.pop(I32);
    v.apply(v.funcTypeAt(v.reader.a));
  },
  drop: (v) => {
    v.popAny();
  },
  select: (v) => {
    v.pop(I32);
    const second = v.popAny();
    const first = v.popAny();
    if (first === FUNCREF || first === EXTERNREF || second === FUNCREF || second === EXTERNREF) {
      v.fail('type mismatch: select of references needs a type');
    }
    if (first !== second && first !== UNKNOWN && second !== UNKNOWN) v.fail('type mismatch: select of different types');
    v.push(first === UNKNOWN ? second : first);
  },
  select_t: (v) => {
    if (v.reader.c !== 1) v.fail('invalid result arity of select');
    const type = v.reader.a;
    if (!isValType(type)) v.fail('malformed value type');
    v.pop(I32);
    v.pop(type);
    v.pop(type);
    v.push(type);
  },
  'local.get': (v) => v.push(v.local()),
  'local.set': (v) => v.pop(v.local()),
  'local.tee': (v) => {
    v.pop(v.local());
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
    v.pop(I32);
    v.push(v.tableType(v.reader.a).element);
  },
  'table.set': (v) => {
    v.pop(v.tableType(v.reader.a).element);
    v.pop(I32);
  },
  'ref.null': (v) => {
    if (!isRefType(v.reader.a)) v.fail('malformed reference type');
    v.push(v.reader.a);
  },
  'ref.is_null': (v) => {
    const type = v.popAny();
    if (type !== UNKNOWN && !isRefType(type))
      v.fail(`type mismatch: reference expected, ${typeName(type as ValType)} found`);
    v.push(I32);
  },
  'ref.func': (v) => {
    const index = v.reader.a;
    v.functionType(index);
    if (v.constant) v.context.declared.add(index);
    else if (!v.context.declared.has(index)) v.fail(`undeclared function reference ${index}`);
    v.push(FUNCREF);
  },
  'table.copy': (v) => {
    if (v.tableType(v.reader.a).element !== v.tableType(v.reader.b).element)
      v.fail('type mismatch: tables of different types');
    for (let i = 0; i < 3; i++) v.pop(I32);
  },
  'table.grow': (v) => {
    v.pop(I32);
    v.pop(v.tableType(v.reader.a).element);
    v.push(I32);
  },
  'table.fill': (v) => {
    v.pop(I32);
    v.pop(v.tableType(v.reader.a).element);
    v.pop(I32);
  },
};

const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map((row) => {
  const handler = SPECIAL[row.mnemonic];
  if (row.special !== (handler !== undefined)) throw new TypeError(`validation rule of ${row.mnemonic}`);
  return handler;
});

function sameTypes(a: readonly ValType[], b: readonly ValType[]): boolean {
  return a.length === b.length && a.every((type, i) => type === b[i]);
}

/** Reused for all bodies of a module. */
export class Validator {
  readonly context: ValidationContext;
  reader: InstructionReader;
  /** Whether a constant expression is being validated. */
  constant = false;
  results: readonly ValType[] = [];
  /** Control frames open. */
  depth = 0;
  /** Kind of the frame last left: `block`, `loop`, `if` or `else`. */
  leftKind = 0;

  private functionIndex: number | undefined;
  private locals = new Uint8Array(64);
  private localCount = 0;
  private operands = new Uint8Array(256);
  private height = 0;
  /** How many of the operands are vectors. */
  private vectors = 0;
  private maxHeight = 0;
  /** Height below which the innermost frame may not pop. */
  private floor = 0;
  private isUnreachable = false;
  private readonly kinds: number[] = [];
  private readonly floors: number[] = [];
  private readonly unreachables: boolean[] = [];
  private readonly frameTypes: FuncType[] = [];

  constructor(context: ValidationContext, reader: InstructionReader) {
    this.context = context;
    this.reader = reader;
  }

  /**
   * Validates the body at `reader.pos`, which must end exactly at `end`.
   * @returns the slots of 8 bytes that the operands take where they are most
   * @throws CompileError
   */
  body(functionIndex: number, type: FuncType, locals: readonly LocalRun[], end: number): number {
    this.functionIndex = functionIndex;
    this.constant = false;
    this.declareLocals(type, locals);
    this.expression(type, end);
    if (this.reader.pos !== end) this.fail('junk after the end of the function', this.reader.pos);
    return this.maxHeight;
  }

  /**
   * Validates the constant expression at the reader's position; leaves the reader behind it.
   * @throws CompileError
   */
  constantExpression(type: ValType): void {
    this.functionIndex = undefined;
    this.constant = true;
    this.localCount = 0;
    this.expression(funcType([], [type]), this.reader.end);
  }

  private expression(type: FuncType, end: number): void {
    const { reader, constant } = this;
    const outerEnd = reader.end;
    reader.end = end;
    this.results = type.results;
    this.height = 0;
    this.vectors = 0;
    this.maxHeight = 0;
    this.depth = 0;
    this.enter(BLOCK, funcType([], type.results));
    try {
      while (this.depth > 0) {
        const index = reader.next();
        if (constant && IS_CONSTANT[index] !== true)
          this.fail(`constant expression required, ${OPCODES[index]?.mnemonic} found`);
        const handler = HANDLERS[index];
        if (handler !== undefined) handler(this);
        else this.ordinary(index);
      }
    } catch (error) {
      throw this.functionIndex === undefined || !(error instanceof CompileError) || error.functionIndex !== undefined
        ? error
        : new CompileError(error.message.replace(/ \(offset 0x[0-9a-f]+\)$/, ''), {
            offset: error.offset,
            functionIndex: this.functionIndex,
          });
    }
    reader.end = outerEnd;
  }

  /** @throws CompileError always */
  fail(message: string, offset = this.reader.offset): never {
    throw new CompileError(message, { functionIndex: this.functionIndex, offset });
  }

  private declareLocals(type: FuncType, locals: readonly LocalRun[]): void {
    let count = type.params.length;
    for (const run of locals) count += run.count;
    if (count > this.locals.length) this.locals = new Uint8Array(2 * count);
    this.locals.set(type.params);
    this.localCount = count;
    let at = type.params.length;
    for (const run of locals) {
      this.locals.fill(run.type, at, at + run.count);
      at += run.count;
    }
  }

  private ordinary(index: number): void {
    if (NEEDS[index]) this.checkImmediates(index);
    const params = PARAMS[index] as readonly ValType[];
    for (let i = params.length - 1; i >= 0; i--) this.pop(params[i] as ValType);
    const results = RESULTS[index] as readonly ValType[];
    if (results.length === 1) this.push(results[0] as ValType);
  }

  private checkImmediates(index: number): void {
    const { reader } = this;
    const row = OPCODES[index];
    switch (row?.immediates) {
      case 'memarg':
        this.memory(reader.b);
        if (reader.c > (ALIGNMENT[index] as number)) this.fail('alignment must not be larger than natural');
        return;
      case 'memarg lane':
        this.memory(reader.b);
        if (reader.c > (ALIGNMENT[index] as number)) this.fail('alignment must not be larger than natural');
        if (reader.lane >= (LANES[index] as number)) this.fail('invalid lane index');
        return;
      case 'lane':
        if (reader.lane >= (LANES[index] as number)) this.fail('invalid lane index');
        return;
      case 'shuffle':
        for (let i = 0; i < 16; i++) if ((reader.bytes[reader.a + i] as number) >= 32) this.fail('invalid lane index');
        return;
      case 'memory':
        this.memory(reader.a);
        return;
      case 'memory memory':
        this.memory(reader.a);
        this.memory(reader.b);
        return;
      case 'data memory':
        this.memory(reader.b);
        this.data(reader.a);
        return;
      case 'data':
        this.data(reader.a);
        return;
      case 'element':
        this.element(reader.a);
        return;
      case 'element table':
        if (this.tableType(reader.b).element !== this.element(reader.a))
          this.fail('type mismatch: segment and table differ');
        return;
      case 'table':
        this.tableType(reader.a);
        return;
      default:
        this.fail(`no validation rule for ${row?.mnemonic}`);
    }
  }

  private memory(index: number): void {
    if (index >= this.context.memories.length) this.fail(`unknown memory ${index}`);
  }

  private data(index: number): void {
    const { dataCount } = this.context;
    if (dataCount === undefined) this.fail('data count section required');
    if (index >= dataCount) this.fail(`unknown data segment ${index}`);
  }

  private element(index: number): RefType {
    return this.context.elementTypes[index] ?? this.fail(`unknown elem segment ${index}`);
  }

  tableType(index: number): TableType {
    return this.context.tables[index] ?? this.fail(`unknown table ${index}`);
  }

  funcTypeAt(index: number): FuncType {
    return this.context.types[index] ?? this.fail(`unknown type ${index}`);
  }

  functionType(index: number): FuncType {
    const typeIndex = this.context.functions[index];
    if (typeIndex === undefined) this.fail(`unknown function ${index}`);
    return this.funcTypeAt(typeIndex);
  }

  local(): number {
    if (this.reader.a >= this.localCount) this.fail(`unknown local ${this.reader.a}`);
    return this.locals[this.reader.a] as number;
  }

  global(): GlobalType {
    return this.context.globals[this.reader.a] ?? this.fail(`unknown global ${this.reader.a}`);
  }

  push(type: number): void {
    if (type === V128) this.vectors++;
    if (this.height === this.operands.length) {
      const grown = new Uint8Array(2 * this.height);
      grown.set(this.operands);
      this.operands = grown;
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

  pop(expected: number): void {
    const found = this.popAny();
    if (found !== expected && found !== UNKNOWN) {
      this.fail(`type mismatch: ${typeName(expected as ValType)} expected, ${typeName(found as ValType)} found`);
    }
  }

  popAll(types: readonly ValType[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.pop(types[i] as ValType);
  }

  /** Checks that `types` are on top, and leaves the stack as it is (`br_table`, in unreachable code too). */
  peekAll(types: readonly ValType[]): void {
    const { height, vectors, maxHeight } = this;
    for (let i = types.length - 1; i >= 0; i--) this.pop(types[i] as ValType);
    // What was popped is still in the array.
    this.height = height;
    this.vectors = vectors;
    this.maxHeight = maxHeight;
  }

  pushAll(types: readonly ValType[]): void {
    for (const type of types) this.push(type);
  }

  apply(type: FuncType): void {
    this.popAll(type.params);
    this.pushAll(type.results);
  }

  unreachable(): void {
    while (this.height > this.floor) this.popAny();
    this.unreachables[this.depth - 1] = this.isUnreachable = true;
  }

  labelTypes(label: number): readonly ValType[] {
    if (label >= this.depth) this.fail(`unknown label ${label}`);
    const frame = this.depth - 1 - label;
    const type = this.frameTypes[frame] as FuncType;
    return this.kinds[frame] === LOOP ? type.params : type.results;
  }

  enterBlock(kind: number): void {
    const type = blockType(this.reader.a, this.context.types) ?? this.fail('unknown type of a block');
    this.popAll(type.params);
    this.enter(kind, type);
  }

  enter(kind: number, type: FuncType): void {
    if (this.depth >= MODULE_LIMITS.nesting) this.fail(`constructs nested deeper than ${MODULE_LIMITS.nesting}`);
    const { depth } = this;
    this.kinds[depth] = kind;
    this.floors[depth] = this.floor = this.height;
    this.unreachables[depth] = this.isUnreachable = false;
    this.frameTypes[depth] = type;
    this.depth = depth + 1;
    this.pushAll(type.params);
  }

  /** Closes the innermost frame, whose results must be on the stack and nothing else. */
  leave(): FuncType {
    const depth = --this.depth;
    const type = this.frameTypes[depth] as FuncType;
    this.popAll(type.results);
    if (this.height !== this.floor)
      this.fail(`type mismatch: ${this.height - this.floor} operands left at the end of a block`);
    this.leftKind = this.kinds[depth] as number;
    if (depth > 0) {
      this.floor = this.floors[depth - 1] as number;
      this.isUnreachable = this.unreachables[depth - 1] as boolean;
    }
    return type;
  }
}
