/**
 * Validation of function bodies and constant expressions (specification 3.3 and the algorithm of its appendix A.3).
 * One pass, iterative: operands and control frames are kept in arrays, never on the JavaScript stack.
 */

import { CompileError } from './errors.ts';
import { blockType, CATCH, type InstructionReader, singleResult } from './instructions.ts';
import { MODULE_LIMITS, SUM_LIMITS } from './limits.ts';
import { matches, matchesAll, matchesStorage, topOf } from './matching.ts';
import { accessBytes, type Mnemonic, OPCODES, opcode, type Special } from './opcodes.ts';
import {
  ANYREF,
  ARRAYREF,
  type ArrayType,
  BOTTOM_REF,
  type DefinedType,
  definedRef,
  EQREF,
  EXNREF,
  EXTERNREF,
  F32,
  F64,
  type Feature,
  type FieldType,
  FUNCREF,
  type FuncType,
  type GlobalType,
  I31REF,
  I32,
  I64,
  isDefaultable,
  isNullable,
  isPacked,
  isReference,
  type MemoryType,
  nonNull,
  type RefType,
  type StructType,
  type TableType,
  typeName,
  unpacked,
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
  ({ immediates }) => !['none', 'zero', 'i32', 'i64', 'f32', 'f64', 'v128'].includes(immediates),
);

/** Whether an access must be aligned as is natural, and no less. */
const IS_ATOMIC = OPCODES.map(({ gas }) => gas === 'atomic');

const IS_CONSTANT = OPCODES.map(({ constant }) => constant === true);

const BLOCK = opcode('block').index;
const LOOP = opcode('loop').index;
const IF = opcode('if').index;
const ELSE = opcode('else').index;
const TRY = opcode('try').index;
const CATCH_TAG = opcode('catch').index;
const CATCH_ALL = opcode('catch_all').index;

/** Whether the frame of a kind has an exception below its operands. */
const holdsException = (kind: number) => kind === CATCH_TAG || kind === CATCH_ALL;

type Handler = (v: Validator) => void;

/** The instructions whose signature depends on their immediates or on the stack. */
const RULES: Readonly<Record<Special, Handler> & Partial<Record<Mnemonic, Handler>>> = {
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
    if (v.depth > 0) v.pushAll(type.results);
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
  br_on_null: (v) => {
    const type = v.popReference();
    v.pass(v.labelTypes(v.reader.a));
    v.push(nonNull(type));
  },
  br_on_non_null: (v) => {
    v.push(nonNull(v.popReference()));
    v.pass(v.referenceLabelTypes(v.reader.a));
    v.popReference();
  },
  br_on_cast: (v) => v.branchOnCast(v.reader.c, difference(v.reader.b, v.reader.c)),
  br_on_cast_fail: (v) => v.branchOnCast(difference(v.reader.b, v.reader.c), v.reader.c),
  return: (v) => {
    v.popAll(v.results);
    v.unreachable();
  },
  call: (v) => v.apply(v.functionType(v.reader.a)),
  call_indirect: (v) => v.apply(v.indirect()),
  call_ref: (v) => {
    const type = v.funcTypeAt(v.reader.a);
    v.pop(definedRef(v.reader.a, true));
    v.apply(type);
  },
  return_call: (v) => v.tailCall(v.functionType(v.reader.a)),
  return_call_indirect: (v) => v.tailCall(v.indirect()),
  return_call_ref: (v) => {
    const type = v.funcTypeAt(v.reader.a);
    v.pop(definedRef(v.reader.a, true));
    v.tailCall(type);
  },
  throw: (v) => {
    v.popAll(v.tag(v.reader.a).params);
    v.unreachable();
  },
  throw_ref: (v) => {
    v.pop(EXNREF);
    v.unreachable();
  },
  try_table: (v) => {
    for (const { kind, tag, label } of v.reader.catches) {
      const caught = tag < 0 ? [] : v.tag(tag).params;
      const passed = kind === CATCH.tagRef || kind === CATCH.allRef ? [...caught, nonNull(EXNREF)] : caught;
      v.carry(passed.length);
      if (!matchesAll(v.context.types, passed, v.labelTypes(label)))
        v.fail('type mismatch: catch clause and the label it leads to');
    }
    v.enterBlock(BLOCK);
  },
  try: (v) => v.enterBlock(TRY),
  catch: (v) => {
    const { params } = v.tag(v.reader.a);
    v.enterCatch(CATCH_TAG);
    v.carry(params.length);
    v.pushAll(params);
  },
  catch_all: (v) => v.enterCatch(CATCH_ALL),
  rethrow: (v) => {
    const { a: label } = v.reader;
    v.labelTypes(label);
    if (!v.isCatch(label)) v.fail(`invalid rethrow label ${label}: no catch or catch_all`);
    v.unreachable();
  },
  delegate: (v) => {
    const { results } = v.leave();
    if (v.leftKind !== TRY) v.fail('delegate without try');
    v.labelTypes(v.reader.a);
    v.pushAll(results);
  },
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
  'ref.as_non_null': (v) => v.push(nonNull(v.popReference())),
  'ref.eq': (v) => {
    v.pop(EQREF);
    v.pop(EQREF);
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
  'struct.new': (v) => {
    const { fields } = v.structType();
    for (let i = fields.length - 1; i >= 0 && !v.isBottomless(); i--) v.pop(unpacked((fields[i] as FieldType).type));
    v.push(definedRef(v.reader.a, false));
  },
  'struct.new_default': (v) => {
    if (!v.structType().isDefaultable) v.fail('type mismatch: a field has no default');
    v.push(definedRef(v.reader.a, false));
  },
  'struct.get': (v) => v.getField(v.field(), false),
  'struct.get_s': (v) => v.getField(v.field(), true),
  'struct.get_u': (v) => v.getField(v.field(), true),
  'struct.set': (v) => {
    v.pop(v.assignable(v.field()));
    v.pop(definedRef(v.reader.a, true));
  },
  'array.new': (v) => {
    v.pop(I32);
    v.pop(unpacked(v.arrayType().element.type));
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_default': (v) => {
    if (!isDefaultable(v.arrayType().element.type)) v.fail('type mismatch: the elements have no default');
    v.pop(I32);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_fixed': (v) => {
    const type = unpacked(v.arrayType().element.type);
    if (v.reader.b > MODULE_LIMITS.arrayElements) v.fail(`more than ${MODULE_LIMITS.arrayElements} elements`);
    for (let i = 0; i < v.reader.b && !v.isBottomless(); i++) v.pop(type);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_data': (v) => {
    v.arrayOfNumbers();
    v.data(v.reader.b);
    v.popAll([I32, I32]);
    v.push(definedRef(v.reader.a, false));
  },
  'array.new_elem': (v) => {
    v.arrayOfSegment();
    v.popAll([I32, I32]);
    v.push(definedRef(v.reader.a, false));
  },
  'array.get': (v) => v.getElement(false),
  'array.get_s': (v) => v.getElement(true),
  'array.get_u': (v) => v.getElement(true),
  'array.set': (v) => v.popAll([definedRef(v.reader.a, true), I32, v.assignable(v.arrayType().element)]),
  'array.len': (v) => {
    v.pop(ARRAYREF);
    v.push(I32);
  },
  'array.fill': (v) => v.popAll([definedRef(v.reader.a, true), I32, v.assignable(v.arrayType().element), I32]),
  'array.copy': (v) => {
    const { element: to } = v.arrayType();
    const { element: from } = v.arrayType(v.reader.b);
    v.assignable(to);
    if (!matchesStorage(v.context.types, from.type, to.type)) v.fail('type mismatch: arrays of different types');
    v.popAll([definedRef(v.reader.a, true), I32, definedRef(v.reader.b, true), I32, I32]);
  },
  'array.init_data': (v) => {
    v.assignable(v.arrayOfNumbers().element);
    v.data(v.reader.b);
    v.popAll([definedRef(v.reader.a, true), I32, I32, I32]);
  },
  'array.init_elem': (v) => {
    v.assignable(v.arrayOfSegment().element);
    v.popAll([definedRef(v.reader.a, true), I32, I32, I32]);
  },
  'ref.test': (v) => v.test(v.reader.a),
  'ref.test null': (v) => v.test(v.reader.a),
  'ref.cast': (v) => v.cast(nonNull(v.reader.a)),
  'ref.cast null': (v) => v.cast(v.reader.a),
  'any.convert_extern': (v) => v.convert(EXTERNREF, ANYREF),
  'extern.convert_any': (v) => v.convert(ANYREF, EXTERNREF),
  'ref.i31': (v) => {
    v.pop(I32);
    v.push(nonNull(I31REF));
  },
  'i31.get_s': (v) => {
    v.pop(I31REF);
    v.push(I32);
  },
  'i31.get_u': (v) => {
    v.pop(I31REF);
    v.push(I32);
  },
};

/** What is left of a reference type when a cast to another has failed (specification 3.2.4). */
function difference(from: RefType, to: RefType): RefType {
  return isNullable(to) ? nonNull(from) : from;
}

/** Notes that a feature is used, before the instruction is validated. */
function noting(feature: Feature, handler: Handler): Handler {
  return (v) => {
    v.context.features.add(feature);
    handler(v);
  };
}

const HANDLERS: readonly (Handler | undefined)[] = OPCODES.map(({ mnemonic, feature }, index) => {
  const handler = RULES[mnemonic];
  return feature === undefined ? handler : noting(feature, handler ?? ((v) => v.ordinary(index)));
});

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

/** Reused for all bodies of a module. */
export class Validator {
  readonly context: ValidationContext;
  reader: InstructionReader;
  /** Whether a constant expression is being validated. */
  constant = false;
  results: readonly ValType[] = [];
  /** Control frames open. */
  depth = 0;
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
  /** The locals that got a value, in order; and how many had when each control frame was entered. */
  private readonly assigned: number[] = [];
  private readonly assignedBefore: number[] = [];
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
  private readonly kinds: number[] = [];
  private readonly floors: number[] = [];
  private readonly unreachables: boolean[] = [];
  private readonly frameTypes: FuncType[] = [];

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

  /**
   * Validates the body at hand until it ends, or up to `stop`. Returns whether it has ended.
   * @throws CompileError
   */
  advance(stop: number): boolean {
    const { reader } = this;
    const end = Math.min(reader.end, stop);
    try {
      while (this.depth > 0) {
        if (reader.pos >= stop) return false;
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
   * Validates the constant expression at the reader's position; leaves the reader behind it.
   * @throws CompileError
   */
  constantExpression(type: ValType): void {
    const { reader } = this;
    this.functionIndex = undefined;
    this.constant = true;
    this.localCount = 0;
    this.unset = 0;
    this.start(this.single(type));
    while (this.depth > 0) {
      const index = reader.next();
      if (IS_CONSTANT[index] !== true) {
        this.fail(`constant expression required, ${OPCODES[index]?.mnemonic} found`);
      }
      this.instruction(index);
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
    this.depth = 0;
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
    const grown = new Int32Array(2 * needed);
    grown.set(this.locals);
    this.locals = grown;
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

  private definedType(index: number): DefinedType {
    return this.context.types[index] ?? this.fail(`unknown type ${index}`);
  }

  funcTypeAt(index: number): FuncType {
    const type = this.definedType(index);
    return type.kind === 'function' ? type : this.fail(`type ${index} is no function type`);
  }

  structType(): StructType {
    const type = this.definedType(this.reader.a);
    return type.kind === 'struct' ? type : this.fail(`type ${this.reader.a} is no struct type`);
  }

  arrayType(index: number = this.reader.a): ArrayType {
    const type = this.definedType(index);
    return type.kind === 'array' ? type : this.fail(`type ${index} is no array type`);
  }

  /** An array type whose elements bytes of a data segment can be. */
  arrayOfNumbers(): ArrayType {
    const type = this.arrayType();
    return isReference(type.element.type) ? this.fail('array type is not numeric or vector') : type;
  }

  /** An array type that holds what the element segment holds. */
  arrayOfSegment(): ArrayType {
    const type = this.arrayType();
    if (!this.matches(this.element(this.reader.b), type.element.type))
      this.fail('type mismatch: segment and array differ');
    return type;
  }

  field(): FieldType {
    return this.structType().fields[this.reader.b] ?? this.fail(`unknown field ${this.reader.b}`);
  }

  /** Type of what may be put into a field. */
  assignable(field: FieldType): ValType {
    if (!field.mutable) this.fail('field or array is immutable');
    return unpacked(field.type);
  }

  getField(field: FieldType, extends_: boolean): void {
    if (isPacked(field.type) !== extends_) this.fail(extends_ ? 'field is not packed' : 'field is packed');
    this.pop(definedRef(this.reader.a, true));
    this.push(unpacked(field.type));
  }

  getElement(extends_: boolean): void {
    const { element } = this.arrayType();
    this.pop(I32);
    this.getField(element, extends_);
  }

  tag(index: number): FuncType {
    const typeIndex = this.context.tags[index];
    if (typeIndex === undefined) this.fail(`unknown tag ${index}`);
    return this.funcTypeAt(typeIndex);
  }

  /** Pops the index of an indirect call; returns the type that is called. */
  indirect(): FuncType {
    const { address, element } = this.tableType(this.reader.b);
    if (!this.matches(element, FUNCREF)) this.fail('type mismatch: indirect call through a table of no functions');
    this.pop(address);
    return this.funcTypeAt(this.reader.a);
  }

  tailCall(type: FuncType): void {
    this.carryType(type);
    if (!matchesAll(this.context.types, type.results, this.results)) {
      this.fail('type mismatch: results of a tail call and of the function');
    }
    this.popAll(type.params);
    this.unreachable();
  }

  /** Pops the operands of a copy: its length is as wide as the narrower of the two addresses. */
  popCopy(to: ValType, from: ValType): void {
    this.popAll([to, from, to === I64 && from === I64 ? I64 : I32]);
  }

  test(target: RefType): void {
    this.pop(topOf(target, this.context.types));
    this.push(I32);
  }

  cast(target: RefType): void {
    this.pop(topOf(target, this.context.types));
    this.push(target);
  }

  convert(from: RefType, to: RefType): void {
    const type = this.popAny();
    if (type !== UNKNOWN && !this.matches(type, from)) this.mismatch(from, type);
    this.push(type === UNKNOWN || isNullable(type) ? to : nonNull(to));
  }

  /** A cast with a branch: `taken` goes along when it is taken, `left` stays when not. */
  branchOnCast(taken: RefType, left: RefType): void {
    const { b: from, c: to, a: label } = this.reader;
    if (!this.matches(to, from)) this.fail('type mismatch: a cast leads to a subtype');
    this.pop(from);
    this.push(taken);
    this.pass(this.referenceLabelTypes(label));
    this.popReference();
    this.push(left);
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
      const grown = new Int32Array(2 * this.height);
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

  pop(expected: ValType): void {
    const found = this.popAny();
    if (found !== expected && found !== UNKNOWN && !this.matches(found, expected)) this.mismatch(expected, found);
  }

  private mismatch(expected: ValType, found: ValType): never {
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
    for (const type of types) this.push(type);
  }

  apply(type: FuncType): void {
    this.carryType(type);
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

  /** The same of a label that takes a reference along, as its last operand. */
  referenceLabelTypes(label: number): readonly ValType[] {
    const types = this.labelTypes(label);
    const last = types.at(-1);
    if (last === undefined || !isReference(last)) this.fail(`type mismatch: label ${label} takes no reference`);
    return types;
  }

  enterBlock(kind: number): void {
    const type = blockType(this.reader.a, this.context.types) ?? this.fail('unknown type of a block');
    this.carryType(type);
    this.popAll(type.params);
    this.enter(kind, type);
  }

  /** Begins an arm that an exception leads to: it lies below the operands of the arm, where only `rethrow` finds it. */
  enterCatch(kind: number): void {
    const type = this.leave();
    if (this.leftKind !== TRY && this.leftKind !== CATCH_TAG) this.fail('catch or catch_all without try');
    this.carry(type.results.length);
    this.push(nonNull(EXNREF));
    this.open(kind, type);
  }

  /** Whether a label is that of a `try` within one of its `catch` or `catch_all`. */
  isCatch(label: number): boolean {
    return holdsException(this.kinds[this.depth - 1 - label] as number);
  }

  enter(kind: number, type: FuncType): void {
    this.open(kind, type);
    this.pushAll(type.params);
  }

  private open(kind: number, type: FuncType): void {
    if (this.depth >= MODULE_LIMITS.nesting) this.fail(`constructs nested deeper than ${MODULE_LIMITS.nesting}`);
    const { depth } = this;
    this.kinds[depth] = kind;
    this.floors[depth] = this.floor = this.height;
    this.unreachables[depth] = this.isUnreachable = false;
    this.assignedBefore[depth] = this.assigned.length;
    this.frameTypes[depth] = type;
    this.depth = depth + 1;
  }

  /** Closes the innermost frame, whose results must be on the stack and nothing else. */
  leave(): FuncType {
    const depth = --this.depth;
    const type = this.frameTypes[depth] as FuncType;
    this.popAll(type.results);
    if (this.height !== this.floor)
      this.fail(`type mismatch: ${this.height - this.floor} operands left at the end of a block`);
    const kind = this.kinds[depth] as number;
    if (holdsException(kind)) this.height--;
    this.leftKind = kind;
    this.forget(this.assignedBefore[depth] as number);
    if (depth > 0) {
      this.floor = this.floors[depth - 1] as number;
      this.isUnreachable = this.unreachables[depth - 1] as boolean;
    }
    return type;
  }

  /** What got a value within a construct has none behind it. */
  private forget(assignedBefore: number): void {
    for (; this.assigned.length > assignedBefore; this.unset++) this.valueIn[this.assigned.pop() as number] = 0;
  }
}
