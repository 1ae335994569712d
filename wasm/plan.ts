/**
 * The metering plan: which charge stands where, as a pure function of the original bytes. Every engine obeys it.
 *
 * The body is cut into straight-line segments. A segment begins at function entry, after `loop`, `if` and `else`,
 * after an `end` that some path jumps to, and after a conditional branch; an exception that is caught is a path to the
 * label of its clause. The segment's cost is added when it is entered, rounded down to whole units. Calls do not end a
 * segment. Code that cannot be reached is in no segment and costs nothing. The limit is checked at function entry, at
 * every loop header, before every instruction of dynamic cost, before every host call, and when a call returns to the
 * host.
 */

import {
  CARRIED_PER_UNIT,
  CLAUSES_PER_UNIT,
  EVALUATED_COST,
  FUNCTION_ENTRY,
  INSTANCE_ITEM_COST,
  INSTRUCTION_COST,
  OTHER_MEMORY_COST,
  PAGE_COST,
  PER_UNIT,
  REFERENCE_LOCAL_COST,
  SEGMENT_ELEMENT_COST,
  STACK_WEIGHT,
  share,
  THROWN_VALUE_COST,
} from './gas.ts';
import { blockType, InstructionReader } from './instructions.ts';
import { IS_ACCESS, type Mnemonic, OPCODES, opcode } from './opcodes.ts';
import {
  type FunctionBody,
  functionTypeAt,
  isReference,
  localTypes,
  slotsOf,
  typeOfFunction,
  type ValType,
  type WasmModule,
} from './types.ts';

/** A charge, made whenever execution arrives at `offset`. */
export interface ChargePoint {
  /** Of the first instruction of the segment. */
  readonly offset: number;
  readonly cost: number;
  /** Whether this is a loop header, where the limit is checked after the charge. */
  readonly check: boolean;
}

export interface FunctionPlan {
  /** Charged, and then checked, on entry: base, locals, and the first segment. */
  readonly entryCost: number;
  /** As {@link frameWeight}. */
  readonly weight: number;
  /** Sorted by offset, at most one for an offset. */
  readonly points: readonly ChargePoint[];
}

/** What an instruction does to the course of segments. */
const EFFECT_KINDS = {
  none: 0,
  open: 1,
  loop: 2,
  if: 3,
  else: 4,
  end: 5,
  fork: 6,
  jump: 7,
  table: 8,
  stop: 9,
} as const;
const EFFECTS: Partial<Record<Mnemonic, number>> = {
  block: EFFECT_KINDS.open,
  loop: EFFECT_KINDS.loop,
  if: EFFECT_KINDS.if,
  else: EFFECT_KINDS.else,
  end: EFFECT_KINDS.end,
  try_table: EFFECT_KINDS.open,
  br_if: EFFECT_KINDS.fork,
  br_on_null: EFFECT_KINDS.fork,
  br_on_non_null: EFFECT_KINDS.fork,
  br_on_cast: EFFECT_KINDS.fork,
  br_on_cast_fail: EFFECT_KINDS.fork,
  br: EFFECT_KINDS.jump,
  br_table: EFFECT_KINDS.table,
  return: EFFECT_KINDS.stop,
  unreachable: EFFECT_KINDS.stop,
  return_call: EFFECT_KINDS.stop,
  return_call_indirect: EFFECT_KINDS.stop,
  return_call_ref: EFFECT_KINDS.stop,
  throw: EFFECT_KINDS.stop,
  throw_ref: EFFECT_KINDS.stop,
};
const EFFECT = OPCODES.map((row) => EFFECTS[row.mnemonic] ?? EFFECT_KINDS.none);
const TRY_TABLE = opcode('try_table').index;
const THROW = opcode('throw').index;
const WRITES_LOCAL = OPCODES.map((row) => row.mnemonic === 'local.set' || row.mnemonic === 'local.tee');
const OPENS: ReadonlySet<number> = new Set([EFFECT_KINDS.open, EFFECT_KINDS.loop, EFFECT_KINDS.if]);

/** The plan of one of the module's own functions; `body` counts from its first body. */
export function planFunction(module: WasmModule, body: number): FunctionPlan {
  const code = module.bodies.at(body);
  const { params, results } = typeOfFunction(module, module.importedFunctions + body);
  const { base, localsPerUnit, resultsPerUnit } = FUNCTION_ENTRY;
  const entry = base + share(code.localCount, localsPerUnit) + beyondFirst(results.length, resultsPerUnit);
  return {
    ...segments(module, code, entry, results.length, referenceLocals(params, code)),
    weight: frameWeight(params, code),
  };
}

/** What a frame adds to the stack's weight, in bytes. */
export function frameWeight(params: readonly ValType[], { locals, maxHeight }: FunctionBody): number {
  let slots = slotsOf(params) + maxHeight;
  for (const { count, type } of locals) slots += count * slotsOf([type]);
  return STACK_WEIGHT.frame + slots * STACK_WEIGHT.slot;
}

/** Whether each parameter and local is a reference; undefined where none is. */
function referenceLocals(params: readonly ValType[], body: FunctionBody): readonly boolean[] | undefined {
  const isNone = !params.some(isReference) && !body.locals.some(({ type }) => isReference(type));
  return isNone ? undefined : localTypes(params, body).map(isReference);
}

/** Units for `count` values of which the first is free. */
function beyondFirst(count: number, perUnit: number): number {
  return count > 1 ? share(count - 1, perUnit) : 0;
}

/** A structured construct that is open, around code that can be reached. */
interface Construct {
  readonly isLoop: boolean;
  /** Whether some path jumps to its end: a branch, the end of a first arm, or an `if` that has no second. */
  isJumpedTo: boolean;
  /** Whether it is an `if` whose `else` has not come. */
  isOneArmed: boolean;
  /** Values a branch to it carries. */
  readonly arity: number;
}

function construct(effect: number, arity: number): Construct {
  return { isLoop: effect === EFFECT_KINDS.loop, isJumpedTo: false, isOneArmed: effect === EFFECT_KINDS.if, arity };
}

function segments(
  module: WasmModule,
  { codeStart, end }: FunctionBody,
  base: number,
  results: number,
  references: readonly boolean[] | undefined,
): Pick<FunctionPlan, 'entryCost' | 'points'> {
  const reader = new InstructionReader(module.bytes, codeStart, end);
  const points: ChargePoint[] = [];
  const constructs: Construct[] = [construct(EFFECT_KINDS.open, results)];
  /** How many constructs have been opened in the unreachable code at hand; -1 in code that can be reached. */
  let dead = -1;
  let entryCost = base;
  let offset = -1;
  let cost = 0;
  let check = false;

  const close = () => {
    const whole = Math.floor(cost);
    if (offset < 0) entryCost += whole;
    else if (whole > 0 || check) points.push({ offset, cost: whole, check });
  };
  const begin = (isLoop: boolean) => {
    close();
    offset = reader.pos;
    cost = 0;
    check = isLoop;
    dead = -1;
  };
  const jump = (label: number) => {
    const target = constructs[constructs.length - 1 - label] as Construct;
    target.isJumpedTo = true;
    return beyondFirst(target.arity, CARRIED_PER_UNIT);
  };

  const arityOf = (effect: number): number => {
    const type = blockType(reader.a, module.types);
    return (effect === EFFECT_KINDS.loop ? type?.params.length : type?.results.length) ?? 0;
  };

  while (reader.pos < end) {
    const index = reader.next();
    const effect = EFFECT[index] as number;
    if (dead > 0 || (dead === 0 && effect !== EFFECT_KINDS.end && effect !== EFFECT_KINDS.else)) {
      if (OPENS.has(effect)) dead++;
      else if (effect === EFFECT_KINDS.end) dead--;
      continue;
    }
    if (dead < 0) {
      cost += INSTRUCTION_COST[index] as number;
      if (IS_ACCESS[index] && reader.b !== 0) cost += OTHER_MEMORY_COST;
      if (WRITES_LOCAL[index] && references?.[reader.a]) cost += REFERENCE_LOCAL_COST;
    }
    switch (effect) {
      case EFFECT_KINDS.open:
      case EFFECT_KINDS.loop:
      case EFFECT_KINDS.if:
        if (index === TRY_TABLE) {
          cost += share(reader.catches.length, CLAUSES_PER_UNIT);
          // What a clause carries is paid for with the exception.
          for (const { label } of reader.catches) jump(label);
        }
        constructs.push(construct(effect, arityOf(effect)));
        if (effect !== EFFECT_KINDS.open) begin(effect === EFFECT_KINDS.loop);
        break;
      case EFFECT_KINDS.else: {
        const innermost = constructs.at(-1) as Construct;
        innermost.isOneArmed = false;
        if (dead < 0) innermost.isJumpedTo = true;
        begin(false);
        break;
      }
      case EFFECT_KINDS.end: {
        const { isLoop, isJumpedTo, isOneArmed } = constructs.pop() as Construct;
        if (!isLoop && (isJumpedTo || isOneArmed)) begin(false);
        break;
      }
      case EFFECT_KINDS.fork:
        cost += jump(reader.a);
        begin(false);
        break;
      case EFFECT_KINDS.table: {
        // All labels carry as many values.
        let carried = 0;
        for (let i = 0; i <= reader.a; i++) carried = jump(reader.labels[i] as number);
        cost += carried;
        dead = 0;
        break;
      }
      case EFFECT_KINDS.jump:
        cost += jump(reader.a);
        dead = 0;
        break;
      case EFFECT_KINDS.stop:
        if (index === THROW) {
          cost += THROWN_VALUE_COST * functionTypeAt(module, module.tags[reader.a] as number).params.length;
        }
        dead = 0;
        break;
    }
  }
  close();
  return { entryCost, points };
}

/**
 * What instantiating costs, charged before any of it is done: pages, tables, segments, globals, functions, exports.
 * The start function is metered like any other, on top of this.
 */
export function instantiationCost(module: WasmModule): bigint {
  const { memories, tables, importedMemories, importedTables, data, elements } = module;
  const { globals, functions, exports, tags } = module;
  let cost = INSTANCE_ITEM_COST * (functions.length + exports.length + tags.length);
  cost += EVALUATED_COST * globals.length;
  for (const { limits } of memories.slice(importedMemories)) cost += limits.min * PAGE_COST;
  for (const { limits } of tables.slice(importedTables)) cost += share(limits.min, PER_UNIT.elements);
  for (let i = 0; i < data.length; i++) {
    const { start, end } = data.bytesOf(i);
    cost += share(end - start, PER_UNIT.bytes);
  }
  for (let i = 0; i < elements.length; i++) {
    const perElement = SEGMENT_ELEMENT_COST + (elements.areExpressions(i) ? EVALUATED_COST : 0);
    cost += perElement * elements.count(i);
  }
  return BigInt(cost);
}
