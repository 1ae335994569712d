/**
 * The metering plan: which charge stands where, as a pure function of the original bytes. Every engine obeys it.
 *
 * The body is cut into straight-line segments. A segment begins at function entry, after `loop`, `if` and `else`,
 * after an `end` that some path jumps to, and after a conditional branch; an exception that is caught is a path to the
 * label of its clause, and `catch` and `catch_all` begin one as `else` does. The segment's cost is added when it is entered, rounded down to whole units. Calls do not end a
 * segment. Code that cannot be reached is in no segment and costs nothing. The limit is checked at function entry, at
 * every loop header, before every instruction of dynamic cost, before every host call, and when a call returns to the
 * host.
 *
 * docs/stages.md shows the plan of a small function, and what becomes of it.
 */

import {
  CARRIED_PER_UNIT,
  CLAUSES_PER_UNIT,
  CODE_PER_THROW_UNIT,
  ENTRY_COST,
  EVALUATED_BYTES,
  EVALUATED_COST,
  INSTANCE_ITEM_COST,
  INSTRUCTION_COST,
  LABELS_PER_UNIT,
  LOCALS_PER_UNIT,
  NAME_UNITS,
  OTHER_MEMORY_COST,
  PAGE_COST,
  PER_UNIT,
  REFERENCE_LOCAL_COST,
  SEGMENT_ELEMENT_COST,
  STACK_WEIGHT,
  share,
  THROWN_VALUE_COST,
} from './gas.ts';
import { blockType } from './instructions.ts';
import { RowList } from './lists.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from './module.ts';
import { type Flow, IS_ACCESS, OPCODES, opcode } from './opcodes.ts';
import { ReachableReader } from './reachable.ts';
import { complete, Pace, STEP_BYTES, type Steps } from './steps.ts';
import {
  type ConstExpr,
  type FuncType,
  type FunctionBody,
  type Import,
  isReference,
  slotsOf,
  type ValType,
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
  readonly points: ChargePoints;
  /** Whether there is a construct in which exceptions may be caught. */
  readonly catches: boolean;
}

/** The charges of a function: there may be one for every three bytes. */
export class ChargePoints extends RowList<ChargePoint> {
  constructor() {
    super(2);
  }

  push(offset: number, cost: number, check: boolean): void {
    const { rows } = this;
    const at = rows.push();
    rows.words[at] = 2 * offset + (check ? 1 : 0);
    rows.words[at + 1] = cost;
  }

  /** Adds to the cost of a point. */
  raise(index: number, units: number): void {
    (this.rows.words[this.rows.at(index) + 1] as number) += units;
  }

  at(index: number): ChargePoint {
    const { words } = this.rows;
    const at = this.rows.at(index);
    return {
      offset: (words[at] as number) >> 1,
      cost: words[at + 1] as number,
      check: ((words[at] as number) & 1) !== 0,
    };
  }

  /** Past the last one, beyond all offsets. */
  offsetAt(index: number): number {
    return index < this.length ? (this.rows.words[this.rows.at(index)] as number) >> 1 : Number.POSITIVE_INFINITY;
  }

  costAt(index: number): number {
    return this.rows.words[this.rows.at(index) + 1] as number;
  }
}

/** What an instruction does to the course of segments, as a number. */
const FLOW = {
  on: 0,
  open: 1,
  loop: 2,
  if: 3,
  else: 4,
  end: 5,
  fork: 6,
  jump: 7,
  table: 8,
  stop: 9,
  catch: 10,
  delegate: 11,
} as const satisfies Record<Flow, number>;
const FLOW_OF = OPCODES.map(({ flow }) => FLOW[flow]);
const TRY_TABLE = opcode('try_table').index;
const TRY = opcode('try').index;
const THROW = opcode('throw').index;
const WRITES_LOCAL = OPCODES.map((row) => row.mnemonic === 'local.set' || row.mnemonic === 'local.tee');

/** The plan of one of the module's own functions; `body` counts from its first body. */
export function planFunction(module: WasmModule, body: number): FunctionPlan {
  return complete(planSteps(module, body));
}

/** The same, in steps. */
export function* planSteps(module: WasmModule, body: number): Steps<FunctionPlan> {
  const code = module.bodies.at(body);
  const type = typeOfFunction(module, module.importedFunctions + body);
  const { params, results } = type;
  let passed = 0;
  for (const result of results.slice(1)) passed += isReference(result) ? 2 : slotsOf([result]);
  const entry = ENTRY_COST + share(localSlots(code), LOCALS_PER_UNIT) + share(passed, CARRIED_PER_UNIT);
  const segments = new Segments(module, code, entry, results.length, referenceLocals(params, code));
  while (!segments.advance(STEP_BYTES)) yield;
  const { entryCost, points, catches } = segments;
  return { entryCost, points, catches, weight: frameWeight(type, code) };
}

/** What a frame adds to the stack's weight, in bytes. */
export function frameWeight({ params, results }: Pick<FuncType, 'params' | 'results'>, body: FunctionBody): number {
  const given = slotsOf(params);
  const passed = Math.max(given - STACK_WEIGHT.params, 0) + Math.max(slotsOf(results) - STACK_WEIGHT.results, 0);
  return STACK_WEIGHT.frame + (given + localSlots(body) + body.maxHeight + passed) * STACK_WEIGHT.slot;
}

/** Slots of the declared locals. */
function localSlots({ locals }: FunctionBody): number {
  let slots = 0;
  for (const { count, type } of locals) slots += count * slotsOf([type]);
  return slots;
}

/** By parameter and local: 1 where it is a reference; undefined where none is. */
function referenceLocals(params: readonly ValType[], { locals, localCount }: FunctionBody): Uint8Array | undefined {
  if (!params.some(isReference) && !locals.some(({ type }) => isReference(type))) return undefined;
  const references = new Uint8Array(params.length + localCount);
  params.forEach((type, i) => {
    if (isReference(type)) references[i] = 1;
  });
  let at = params.length;
  for (const { count, type } of locals) {
    if (isReference(type)) references.fill(1, at, at + count);
    at += count;
  }
  return references;
}

/** Units for so many values that a branch carries. */
function carrying(count: number): number {
  return share(Math.max(count - 1, 0), CARRIED_PER_UNIT);
}

/** A `try` that is open, around code that can be reached. */
interface Try {
  /** Its place among the constructs that are. */
  readonly place: number;
  /** How many arms catch, and the charge of the segment that it was entered in. */
  catches: number;
  readonly charge: number;
}

/** Instead of a charge point: that on entry. */
const ENTRY = -1;

/** Cuts a body into its segments. */
class Segments {
  /** The charge on entry: that of the first segment is part of it. */
  entryCost: number;
  readonly points = new ChargePoints();
  catches = false;
  private readonly module: WasmModule;
  private readonly reader: ReachableReader;
  private readonly codeStart: number;
  private readonly references: Uint8Array | undefined;
  /** Values that a branch carries, by the construct that is open around code that can be reached. */
  private readonly arities: number[];
  private readonly tries: Try[] = [];
  /** Of the segment at hand: where it begins, -1 for the first one; its cost so far; whether a loop's header does. */
  private offset = -1;
  private cost = 0;
  private check = false;
  /** Whether it has a charge even where that is nothing. */
  private isKept = false;

  constructor(
    module: WasmModule,
    { codeStart, end }: FunctionBody,
    entryCost: number,
    results: number,
    references: Uint8Array | undefined,
  ) {
    this.module = module;
    this.reader = new ReachableReader(module.bytes, codeStart, end);
    this.codeStart = codeStart;
    this.entryCost = entryCost;
    this.references = references;
    this.arities = [results];
    this.reader.enter();
  }

  /** Goes on for so many bytes. Returns whether the body has ended. */
  advance(bytes: number): boolean {
    const { reader } = this;
    const stop = Math.min(reader.end, reader.pos + bytes);
    while (reader.pos < stop) {
      const index = reader.next();
      if (reader.isReachable) {
        this.cost += INSTRUCTION_COST[index] as number;
        if (IS_ACCESS[index] && reader.b !== 0) this.cost += OTHER_MEMORY_COST;
        if (WRITES_LOCAL[index] && this.references?.[reader.a] === 1) this.cost += REFERENCE_LOCAL_COST;
      } else if (reader.skips(index)) continue;
      const flow = FLOW_OF[index] as number;
      if (flow !== FLOW.on) this.control(index, flow);
    }
    if (stop < reader.end) return false;
    this.close();
    return true;
  }

  private control(index: number, flow: number): void {
    const { reader, arities, tries } = this;
    switch (flow) {
      case FLOW.open:
      case FLOW.loop:
      case FLOW.if:
        if (index === TRY_TABLE || index === TRY) this.catches = true;
        if (index === TRY_TABLE) {
          this.cost += share(reader.catches.length, CLAUSES_PER_UNIT);
          // What a clause carries is paid for with the exception.
          for (const { label } of reader.catches) this.jump(label);
        }
        if (index === TRY) tries.push({ place: arities.length, catches: 0, charge: this.keep() });
        arities.push(this.arity(flow));
        reader.enter(flow === FLOW.loop, flow === FLOW.if);
        if (flow !== FLOW.open) this.begin(flow === FLOW.loop);
        break;
      case FLOW.else:
        reader.arm();
        this.begin(false);
        break;
      case FLOW.catch: {
        const innermost = tries.at(-1) as Try;
        this.endArm(innermost.catches);
        innermost.catches++;
        reader.arm();
        this.begin(false);
        break;
      }
      case FLOW.end:
      case FLOW.delegate: {
        if (tries.at(-1)?.place === arities.length - 1) {
          const { catches, charge } = tries.pop() as Try;
          this.endArm(catches);
          if (catches > 0) this.raise(charge, share(catches, CLAUSES_PER_UNIT));
        }
        arities.pop();
        if (reader.leave()) this.begin(false);
        break;
      }
      case FLOW.fork:
        this.cost += this.jump(reader.a);
        this.begin(false);
        break;
      case FLOW.table: {
        // All labels carry as many values.
        let carried = 0;
        for (let i = 0; i <= reader.a; i++) carried = this.jump(reader.labels[i] as number);
        this.cost += carried + Math.floor(reader.a / LABELS_PER_UNIT);
        reader.stop();
        break;
      }
      case FLOW.jump:
        this.cost += this.jump(reader.a);
        reader.stop();
        break;
      case FLOW.stop:
        if (index === THROW) {
          const type = functionTypeAt(this.module, this.module.tags[reader.a] as number);
          this.cost += THROWN_VALUE_COST * type.params.length;
          this.cost += Math.floor((reader.offset - this.codeStart) / CODE_PER_THROW_UNIT);
        }
        reader.stop();
        break;
    }
  }

  private close(): void {
    const whole = Math.floor(this.cost);
    if (this.offset < 0) this.entryCost += whole;
    else if (whole > 0 || this.check || this.isKept) this.points.push(this.offset, whole, this.check);
  }

  /** Makes sure that the segment at hand has a charge, which may be raised; returns which. */
  private keep(): number {
    if (this.offset < 0) return ENTRY;
    this.isKept = true;
    return this.points.length;
  }

  /** Adds whole units to the charge of a segment that has ended. */
  private raise(charge: number, units: number): void {
    if (charge === ENTRY) this.entryCost += units;
    else this.points.raise(charge, units);
  }

  /** At the end of an arm of a `try`: what one that catches leaves has to be moved, as by a branch. */
  private endArm(catches: number): void {
    if (catches > 0 && this.reader.isReachable) this.cost += carrying(this.arities.at(-1) as number);
  }

  private begin(isLoop: boolean): void {
    this.close();
    this.offset = this.reader.pos;
    this.cost = 0;
    this.check = isLoop;
    this.isKept = false;
  }

  private jump(label: number): number {
    this.reader.branch(label);
    return carrying(this.arities.at(-1 - label) as number);
  }

  private arity(flow: number): number {
    const { params, results } = blockType(this.reader.a, this.module.types) as FuncType;
    return (flow === FLOW.loop ? params : results).length;
  }
}

const costs = new WeakMap<WasmModule, bigint>();

/**
 * What instantiating costs, charged before any of it is done: pages, tables, segments, globals, functions, exports.
 * The start function is metered like any other, on top of this.
 */
export function instantiationCost(module: WasmModule): bigint {
  return complete(priceInstantiation(module));
}

/** The same in steps, which are made once for a module. */
export function* priceInstantiation(module: WasmModule): Steps<bigint> {
  const known = costs.get(module);
  if (known !== undefined) return known;
  const { memories, tables, importedMemories, importedTables, importedGlobals, data, elements } = module;
  const { functions, imports, exports, tags, globalInits } = module;
  const pace = new Pace(0);
  let seen = 0;
  const items = functions.length + exports.length + tables.length + tags.length + data.length + elements.length;
  let cost = INSTANCE_ITEM_COST * items + EVALUATED_COST * importedGlobals;
  for (let i = 0; i < globalInits.length; i++) {
    if (pace.isDue(seen++)) yield;
    cost += evaluation(globalInits.at(i));
  }
  for (const item of exports) {
    if (pace.isDue(seen++)) yield;
    cost += naming(item.name);
  }
  for (let i = 0; i < imports.length; i++) {
    if (pace.isDue(seen++)) yield;
    const { module, name } = imports[i] as Import;
    cost += naming(module) + naming(name);
  }
  for (const init of module.tableInits) if (init !== undefined) cost += evaluation(init);
  for (const { limits } of memories.slice(importedMemories)) cost += Math.max(limits.min, 1) * PAGE_COST;
  for (const { limits } of tables.slice(importedTables)) cost += share(limits.min, PER_UNIT.tableElements);
  for (let i = 0; i < data.length; i++) {
    if (pace.isDue(seen++)) yield;
    const { start, end } = data.bytesOf(i);
    cost += share(end - start, PER_UNIT.bytes);
    if (data.mode(i) === 'active') cost += evaluation(data.offset(i));
  }
  for (let i = 0; i < elements.length; i++) {
    if (pace.isDue(seen++)) yield;
    const count = elements.count(i);
    cost += SEGMENT_ELEMENT_COST * count;
    if (elements.mode(i) === 'active') cost += evaluation(elements.offset(i));
    if (!elements.areExpressions(i)) continue;
    for (let item = 0; item < count; item++) {
      if (pace.isDue(seen++)) yield;
      cost += evaluation(elements.expressionAt(i, item));
    }
  }
  const units = BigInt(cost);
  costs.set(module, units);
  return units;
}

/** The host looks at every name whenever it instantiates. */
function naming({ length }: string): number {
  const { covered, each } = NAME_UNITS;
  return each * Math.max(0, length - covered);
}

function evaluation({ start, end }: ConstExpr): number {
  const { covered, each } = EVALUATED_BYTES;
  return EVALUATED_COST + each * Math.max(0, end - start - covered);
}
