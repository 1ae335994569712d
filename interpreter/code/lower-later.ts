/** How instructions on references, objects and exceptions are lowered: loaded for modules that have some. */

import { CATCH, type CatchClause } from '../../wasm/instructions.ts';
import { functionTypeAt } from '../../wasm/module.ts';
import type { Handled } from '../../wasm/opcodes.ts';
import {
  ANYREF,
  type ArrayType,
  definedRef,
  EXNREF,
  EXTERNREF,
  type FuncType,
  I31REF,
  I32,
  isNullable,
  nonNull,
  nullable,
  type RefType,
  type StructType,
  slotsOf,
  unpacked,
  type ValType,
} from '../../wasm/types.ts';
import { type ObjectName, op } from './isa.ts';
import { BLOCK, BR, BR_NZ, CATCH_ARM, type Frame, type Handler, type Lowering } from './lowering.ts';
import type { CatchTarget } from './regions.ts';

/** The clauses that can catch anything: none behind one that catches all, or the same. */
function firstOfEach(catches: readonly CatchClause[]): readonly CatchClause[] {
  const tags = new Set<number>();
  const first: CatchClause[] = [];
  for (const clause of catches) {
    if (tags.has(clause.tag)) continue;
    tags.add(clause.tag);
    first.push(clause);
    if (clause.tag < 0) break;
  }
  return first;
}

/** An instruction that makes an object of a type, and comes after a checkpoint. */
function object(l: Lowering, name: ObjectName, type: number, words: readonly number[]): void {
  l.produce(op(name), definedRef(type, false), ...words);
  l.slots = [];
}

function getField(l: Lowering, isSigned: number): void {
  const { a: index, b: field } = l.reader;
  const { type } = (l.module.types[index] as StructType).fields[field] as StructType['fields'][number];
  l.produce(op('struct.get'), unpacked(type), ...l.registers(1), index, field, isSigned);
}

function getElement(l: Lowering, isSigned: number): void {
  const { type } = (l.module.types[l.reader.a] as ArrayType).element;
  l.produce(op('array.get'), unpacked(type), ...l.registers(2), isSigned);
}

function callReference(l: Lowering): void {
  const { operands, reader, module } = l;
  const target = operands.register(operands.pop());
  l.apply(functionTypeAt(module, reader.a), (base) => l.emit(op('call_ref'), target, base));
}

/** The clauses come first, each as code that leads to its label, and are jumped over. */
function enterTry(l: Lowering): void {
  const { code, operands } = l;
  const { catches } = l.reader;
  // It has nothing to go around, which nobody would pay for.
  if (catches.length === 0) {
    l.enterBlock();
    return;
  }
  const type = l.blockType();
  l.enter(type);
  l.emit(BR, 0, 0);
  const skip = code.length - 2;
  const base = operands.height - type.params.length;
  const clauses: CatchTarget[] = [];
  const targets = new Map<string, number>();
  for (const { kind, tag, label } of firstOfEach(catches)) {
    const typeIndex = tag < 0 ? -1 : (l.module.tags[tag] as number);
    const values = tag < 0 ? [] : functionTypeAt(l.module, typeIndex).params;
    const passes = kind === CATCH.tagRef || kind === CATCH.allRef;
    const place = (operands.home(base) >> 1) + slotsOf(values);
    // What is moved the same way to the same label is moved by the same code.
    const way = `${label} ${typeIndex} ${passes}`;
    let target = targets.get(way);
    if (target === undefined) {
      target = code.length;
      targets.set(way, target);
      operands.cut(base);
      operands.pushHomes(passes ? [...values, nonNull(EXNREF)] : values);
      l.watch?.(l, -1);
      l.branch(label);
    }
    clauses.push({ kind, tag, target, base: operands.home(base), place });
  }
  operands.cut(base);
  operands.pushHomes(type.params);
  code.words[skip] = code.length;
  l.slots = [];
  openGuarded(l, type, clauses);
}

function openGuarded(l: Lowering, type: FuncType, clauses: CatchTarget[]): void {
  l.open(BLOCK, type);
  const frame = l.frames.at(-1) as Frame;
  const { length } = l.code;
  frame.region = frame.guard = { start: length, end: length, clauses };
}

/** Its arms come behind its body, as in the module's bytes. */
function enterLegacyTry(l: Lowering): void {
  const type = l.blockType();
  l.enter(type);
  openGuarded(l, type, []);
}

/** An arm of a `try`. The exception is below the operands of the arm, for `rethrow`. */
function enterArm(l: Lowering, tag: number, values: readonly ValType[]): void {
  const frame = l.frames.at(-1) as Frame;
  const { operands, code } = l;
  if (l.reader.isReachable) {
    l.arrive(frame);
    l.emit(BR, 0, 0);
    frame.edges.push(code.length - 2);
  }
  l.leaveGuarded(frame);
  l.reader.arm();
  operands.cut(frame.height);
  operands.pushHomes([nonNull(EXNREF), ...values]);
  frame.kind = CATCH_ARM;
  // An arm behind one for the same tag is never entered.
  frame.caught ??= new Set();
  if (!frame.caught.has(tag)) {
    frame.caught.add(tag);
    const place = operands.home(frame.height) >> 1;
    const base = operands.home(frame.height + 1);
    const kind = tag < 0 ? CATCH.allRef : CATCH.tagRef;
    frame.region?.clauses.push({ kind, tag, target: code.length, base, place });
  }
  l.watch?.(l, -1);
  const cost = l.segment();
  if (cost > 0) l.emit(op('charge'), cost);
  l.slots = cost > 0 ? [code.length - 1] : [];
}

/** Throws what an arm has caught again. */
function rethrow(l: Lowering): void {
  const { height } = l.frameOf(l.reader.a);
  l.emit(op('throw_ref'), l.operands.home(height));
  l.die();
}

/** The end of a `try` whose exceptions are taken for thrown in the construct of a label, beside the `try`. */
function delegate(l: Lowering): void {
  const frame = l.frames.at(-1) as Frame;
  // The label is counted without the `try` itself.
  if (frame.region !== undefined) frame.region.delegate = l.frameOf(l.reader.a + 1).guard ?? null;
  l.end();
}

/**
 * A branch on what a reference on top of the stack is: `instruction`, behind whose first word a register for its
 * result is put, says whether. The reference stays, or `isDropped` where the branch is taken.
 * @param left the type of the reference where the branch is not taken
 */
function branchOn(
  l: Lowering,
  label: number,
  [instruction, ...sources]: readonly number[],
  onTrue: boolean,
  isDropped: boolean,
  left: (type: RefType) => RefType,
): void {
  const { operands, code } = l;
  const frame = l.frameOf(label);
  const type = operands.type(operands.height - 1);
  operands.toHome(operands.height - 1);
  l.produce(instruction as number, I32, ...sources);
  const condition = operands.register(operands.pop());
  const skip = l.emitCondition([BR_NZ, condition], !onTrue);
  if (isDropped) operands.pop();
  l.moveTo(frame);
  l.emit(BR);
  l.edge(frame);
  if (isDropped) operands.pushHome(type);
  operands.retype(left(type));
  code.words[skip] = code.length;
  code.words[skip + 1] = l.segment();
  l.slots = [skip + 1];
}

/** The topmost reference as one of the other of two hierarchies, null only where it was. */
function convert(l: Lowering, to: RefType): void {
  const { operands } = l;
  operands.retype(isNullable(operands.type(operands.height - 1)) ? to : nonNull(to));
}

function branchOnCast(l: Lowering, onSuccess: boolean): void {
  const { a: label, b: from, c: to } = l.reader;
  const register = l.operands.register(l.operands.height - 1);
  const left = onSuccess ? (isNullable(to) ? nonNull(from) : from) : to;
  branchOn(l, label, [op('ref.test'), register, to], onSuccess, false, () => left);
}

/** Handlers as those of lower-special.ts, which lack these. */
export const LATER = {
  call_ref: (l) => callReference(l),
  return_call_ref: (l) => {
    const target = l.operands.register(l.operands.pop());
    l.tailCall(functionTypeAt(l.module, l.reader.a), op('return_call_ref'), target);
  },
  try_table: (l) => enterTry(l),
  try: (l) => enterLegacyTry(l),
  catch: (l) => {
    const { a: tag } = l.reader;
    enterArm(l, tag, functionTypeAt(l.module, l.module.tags[tag] as number).params);
  },
  catch_all: (l) => enterArm(l, -1, []),
  rethrow: (l) => rethrow(l),
  delegate: (l) => delegate(l),
  throw: (l) => {
    const { params } = functionTypeAt(l.module, l.module.tags[l.reader.a] as number);
    const base = l.gather(params.length);
    l.emit(op('throw'), l.reader.a, base);
    l.die();
  },
  throw_ref: (l) => {
    l.emit(op('throw_ref'), l.operands.register(l.operands.pop()));
    l.die();
  },
  'ref.eq': (l) => l.system('ref.eq', [], 2, I32),
  'ref.as_non_null': (l) => l.system('ref.as_non_null', [], 1, nonNull(l.operands.type(l.operands.height - 1))),
  br_on_null: (l) => {
    const label = l.reader.a;
    branchOn(l, label, [op('ref.is_null'), l.operands.register(l.operands.height - 1)], true, true, nonNull);
  },
  br_on_non_null: (l) => {
    const label = l.reader.a;
    branchOn(l, label, [op('ref.is_null'), l.operands.register(l.operands.height - 1)], false, false, nullable);
    l.operands.pop();
  },
  br_on_cast: (l) => branchOnCast(l, true),
  br_on_cast_fail: (l) => branchOnCast(l, false),
  'struct.new': (l) => {
    const index = l.reader.a;
    const base = l.gather((l.module.types[index] as StructType).fields.length);
    object(l, 'struct.new', index, [index, base]);
  },
  'struct.new_default': (l) => object(l, 'struct.new_default', l.reader.a, [l.reader.a]),
  'struct.get': (l) => getField(l, 0),
  'struct.get_s': (l) => getField(l, 1),
  'struct.get_u': (l) => getField(l, 0),
  'struct.set': (l) => l.system('struct.set', [l.reader.a, l.reader.b], 2),
  'array.new': (l) => {
    const [value, length] = l.registers(2) as [number, number];
    object(l, 'array.new', l.reader.a, [l.reader.a, value, length]);
  },
  'array.new_default': (l) => object(l, 'array.new_default', l.reader.a, [l.reader.a, ...l.registers(1)]),
  'array.new_fixed': (l) => {
    const { a: index, b: count } = l.reader;
    const base = l.gather(count);
    object(l, 'array.new_fixed', index, [index, count, base]);
  },
  'array.new_data': (l) => object(l, 'array.new_data', l.reader.a, [l.reader.a, l.reader.b, ...l.registers(2)]),
  'array.new_elem': (l) => object(l, 'array.new_elem', l.reader.a, [l.reader.a, l.reader.b, ...l.registers(2)]),
  'array.get': (l) => getElement(l, 0),
  'array.get_s': (l) => getElement(l, 1),
  'array.get_u': (l) => getElement(l, 0),
  'array.set': (l) => l.system('array.set', [], 3),
  'array.len': (l) => l.system('array.len', [], 1, I32),
  'array.fill': (l) => l.system('array.fill', [], 4),
  'array.copy': (l) => l.system('array.copy', [], 5),
  'array.init_data': (l) => l.system('array.init_data', [l.reader.b], 4),
  'array.init_elem': (l) => l.system('array.init_elem', [l.reader.b], 4),
  'ref.test': (l) => l.produce(op('ref.test'), I32, ...l.registers(1), nonNull(l.reader.a)),
  'ref.test null': (l) => l.produce(op('ref.test'), I32, ...l.registers(1), l.reader.a),
  'ref.cast': (l) => l.produce(op('ref.cast'), nonNull(l.reader.a), ...l.registers(1), nonNull(l.reader.a)),
  'ref.cast null': (l) => l.produce(op('ref.cast'), l.reader.a, ...l.registers(1), l.reader.a),
  'any.convert_extern': (l) => convert(l, ANYREF),
  'extern.convert_any': (l) => convert(l, EXTERNREF),
  'ref.i31': (l) => l.system('ref.i31', [], 1, nonNull(I31REF)),
  'i31.get_s': (l) => l.system('i31.get_s', [], 1, I32),
  'i31.get_u': (l) => l.system('i31.get_u', [], 1, I32),
} as const satisfies Partial<Readonly<Record<Handled, Handler>>>;
