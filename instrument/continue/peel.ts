/**
 * What is left of a function from one of its places on, as a function of its own:
 *
 *     block, results of the function            block, results of the function
 *       A                                         load what was there below the block
 *       block, result                             block, result
 *         B                                         load what was there in it
 *         loop                                      block
 *           C                                         block
 *           (the place)                                 load what was there in the loop
 *           D, which goes on with the loop              D, which ends the inner block
 *         end                                           br to the outer block's end
 *         E                                           end
 *       end                                           loop C D end
 *       F                                           end
 *     end                                           E
 *                                                 end
 *                                                 F
 *                                               end
 *                                               put the results where the host finds them
 *
 * Behind the place, code is as it was, whole loops above all. A loop around it comes once more for each loop around that.
 * What is charged where follows from the instruction that each was copied from.
 */

import { EMPTY_BLOCK } from '../../wasm/encoding.ts';
import { blockType, InstructionReader } from '../../wasm/instructions.ts';
import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type Mnemonic, OPCODES, OPENS } from '../../wasm/opcodes.ts';
import { type ChargePoint, planFunction } from '../../wasm/plan.ts';
import { FUNCREF, type FuncType, V128, type ValType } from '../../wasm/types.ts';
import { blank, CodeWriter } from '../code.ts';
import { type Operation, segmentKey, segmentsOf } from '../layout.ts';
import { loadValue, type SlotGlobals, saveValue } from '../leave/globals.ts';
import { type Around, constructsAround, type LeavePoint } from '../leave/points.ts';
import { type SlotPlace, slotPlaces } from '../leave/slots.ts';
import type { Calling, MeteredModule } from '../metered.ts';

/** The numbers that things have in the module of the new function. */
export interface Numbers extends SlotGlobals {
  type(params: readonly ValType[], results: readonly ValType[]): number;
  /** Undefined where nothing that can be reached calls it. */
  function(original: number): number | undefined;
  global(original: number): number;
  /** Of a segment of instructions that can be reached. */
  segment(kind: 'data' | 'elements', original: number): number | undefined;
  /** The table of the functions that can be referred to, and where one is in it. */
  readonly references: number;
  reference(original: number): number | undefined;
}

export interface Peeled {
  readonly code: CodeWriter;
  /** In its module, by place in the code: charges of the plan, in their order. */
  readonly charges: readonly ChargePoint[];
  /** Units that are charged once more where it begins, as the place is behind their charge. */
  readonly refund: number;
  /** Pairs of where an instruction is now and where it was, in ascending order of the first. */
  readonly origins: readonly number[];
}

/** What its values are loaded from, and its results are put into. */
export interface PeeledPlaces {
  /** Of the locals that may still be read, then of the operands, then of the results of the call that the place is behind. */
  readonly values: readonly SlotPlace[];
  readonly results: readonly SlotPlace[];
}

const MNEMONIC = OPCODES.map(({ mnemonic }) => mnemonic as Mnemonic);

const TAIL_CALLS: ReadonlySet<Mnemonic> = new Set<Mnemonic>(['return_call', 'return_call_indirect']);

/** Bytes that it may have for each of the body's; loops inside one another come again and again. */
const MOST_BYTES = { base: 1_024, perByte: 6 } as const;

/** What a body names. */
export interface Named {
  readonly functions: readonly number[];
  readonly globals: readonly number[];
  /** Instructions on segments. */
  readonly operations: readonly Operation[];
  /** Whether it refers to functions as values. */
  readonly refers: boolean;
}

/** What a body names, of what code of the module names that can be reached. */
export function namedBy({ module, calling, referable = [] }: MeteredModule, body: number): Named {
  const { called, operations } = calling as Calling;
  const { codeStart, end } = module.bodies.at(body);
  const reader = new InstructionReader(module.bytes, codeStart, end);
  const functions = new Set<number>();
  const globals = new Set<number>();
  const found = new Map<string, Operation>();
  let refers = false;
  while (reader.pos < end) {
    const mnemonic = MNEMONIC[reader.next()] as Mnemonic;
    if (segmentsOf(mnemonic) !== undefined) {
      const operation = operationAt(reader, mnemonic);
      found.set(segmentKey(operation), operation);
    } else if (mnemonic === 'call') functions.add(reader.a);
    else if (mnemonic === 'ref.func') refers = true;
    else if (mnemonic === 'global.get' || mnemonic === 'global.set') globals.add(reader.a);
  }
  return {
    functions: called.filter((original) => functions.has(original)),
    globals: [...globals],
    operations: operations.flatMap((key) => found.get(key) ?? []),
    refers: refers && referable.length > 0,
  };
}

function operationAt({ a, b }: InstructionReader, mnemonic: Mnemonic): Operation {
  return { name: mnemonic as Operation['name'], a, b: mnemonic.endsWith('.drop') ? 0 : b };
}

/** The places of what goes in and what comes out. */
export function placesOf(
  module: WasmModule,
  body: number,
  locals: readonly ValType[],
  point: LeavePoint,
): PeeledPlaces {
  const { results } = typeOfFunction(module, module.importedFunctions + body);
  const live = point.locals.map((local) => locals[local] as ValType);
  const passed = point.kind === 'call' ? point.results : [];
  return { values: slotPlaces([...live, ...point.operands, ...passed]), results: slotPlaces(results) };
}

/** Undefined where it would be too long, or calls in tail position, where it would stay below what is called. */
export function peel(
  module: WasmModule,
  body: number,
  point: LeavePoint,
  places: PeeledPlaces,
  numbers: Numbers,
): Peeled | undefined {
  return new Peeler(module, body, point, places, numbers).peel();
}

class Peeler {
  private readonly code = new CodeWriter();
  private readonly charges: ChargePoint[] = [];
  private readonly origins: number[] = [];
  /** By offset behind an instruction. */
  private readonly planned = new Map<number, ChargePoint>();
  /** Constructs that are open in the new code; and for each that is open in the old one, which of these its label is. */
  private open = 0;
  private readonly labels: number[] = [];
  private readonly most: number;
  private readonly module: WasmModule;
  private readonly end: number;
  private readonly point: LeavePoint;
  private readonly places: PeeledPlaces;
  private readonly numbers: Numbers;
  private readonly around: readonly Around[];
  private readonly results: readonly ValType[];
  private readonly locals: number;

  constructor(module: WasmModule, body: number, point: LeavePoint, places: PeeledPlaces, numbers: Numbers) {
    const type = typeOfFunction(module, module.importedFunctions + body);
    const { codeStart, end, localCount } = module.bodies.at(body);
    const around = constructsAround(module, body, point);
    this.module = module;
    this.end = end;
    this.point = point;
    this.places = places;
    this.numbers = numbers;
    this.results = type.results;
    this.locals = type.params.length + localCount;
    // At its header a loop is entered as a whole.
    this.around = point.kind === 'loop' ? around.slice(0, -1) : around;
    this.most = MOST_BYTES.base + MOST_BYTES.perByte * (end - codeStart);
    for (const charge of planFunction(module, body).points) this.planned.set(charge.offset, charge);
  }

  peel(): Peeled | undefined {
    const { code, point, charges, origins } = this;
    const isBefore = point.kind === 'loop' || point.kind === 'operation';
    this.begin();
    if (!this.rest(isBefore ? point.offset : point.next)) return undefined;
    const refund = point.kind === 'loop' ? (this.planned.get(point.next)?.cost ?? 0) : 0;
    return { code, charges, refund, origins };
  }

  private block(mnemonic: 'block' | 'loop' | 'if', params: readonly ValType[], results: readonly ValType[]): number {
    const { code, numbers } = this;
    code.op(mnemonic);
    if (params.length > 0 || results.length > 1) code.signed(numbers.type(params, results));
    else code.u8(results[0] ?? EMPTY_BLOCK);
    // The function itself is the first.
    return ++this.open;
  }

  private close(): void {
    this.code.op('end');
    this.open--;
  }

  /** Loads what is there, and opens what stands for the constructs around. */
  private begin(): void {
    const { code, numbers, point, around, places } = this;
    const { locals } = point;
    const load = (value: number) => loadValue(code, numbers, places.values[value] as SlotPlace);
    locals.forEach((local, i) => {
      load(i);
      code.at('local.set', local);
    });
    this.labels.push(this.block('block', [], this.results));
    let operand = 0;
    for (const { height, isLoop, type } of around.slice(1)) {
      for (; operand < height; operand++) load(locals.length + operand);
      let label = this.block('block', [], type.results);
      if (isLoop) label = this.block('block', [], type.params);
      this.labels.push(label);
    }
    for (; locals.length + operand < places.values.length; operand++) load(locals.length + operand);
  }

  /** From an offset to the function's end. Returns false where it cannot be. */
  private rest(start: number): boolean {
    const { module, around, code, places, numbers, locals } = this;
    const reader = new InstructionReader(module.bytes, start, this.end);
    /** Innermost of the constructs around that have not ended. */
    let innermost = around.length - 1;
    let opened = 0;
    let skipped = 0;
    while (innermost >= 0) {
      const index = reader.next();
      const mnemonic = MNEMONIC[index] as Mnemonic;
      // The other arm of an `if` around the place.
      if (skipped > 0) {
        if (OPENS[index]) skipped++;
        else if (mnemonic === 'end') skipped--;
        if (skipped > 0) continue;
      }
      if (opened === 0 && mnemonic === 'else') {
        skipped = 1;
        continue;
      }
      if (opened > 0 || mnemonic !== 'end') {
        if (OPENS[index]) opened++;
        else if (mnemonic === 'end') opened--;
        this.copy(reader, mnemonic);
        if (code.length > this.most || TAIL_CALLS.has(mnemonic)) return false;
        continue;
      }
      const { isLoop, start } = around[innermost--] as Around;
      this.labels.pop();
      if (isLoop) {
        code.at('br', 1);
        this.close();
        if (!this.loop(start)) return false;
      } else if (this.planned.has(reader.pos)) {
        // So that everybody sees that paths join here, as they do in the whole.
        code.i32(0);
        code.at('br_if', 0);
      }
      this.close();
      this.charge(reader.pos);
    }
    for (const place of places.results.toReversed()) saveValue(code, numbers, place, () => locals);
    code.op('end');
    return true;
  }

  /** A whole loop. */
  private loop(start: number): boolean {
    const reader = new InstructionReader(this.module.bytes, start, this.end);
    let opened = 0;
    do {
      const index = reader.next();
      if (OPENS[index]) opened++;
      const mnemonic = MNEMONIC[index] as Mnemonic;
      if (mnemonic === 'end') opened--;
      this.copy(reader, mnemonic);
      if (this.code.length > this.most || TAIL_CALLS.has(mnemonic)) return false;
    } while (opened > 0);
    return true;
  }

  /** The charge behind the instruction that ends there. */
  private charge(offset: number): void {
    const charge = this.planned.get(offset);
    if (charge !== undefined) this.charges.push({ ...charge, offset: this.code.length });
  }

  private label(label: number): number {
    return this.open - (this.labels[this.labels.length - 1 - label] as number);
  }

  private copy(reader: InstructionReader, mnemonic: Mnemonic): void {
    const { code, numbers, module, labels } = this;
    this.origins.push(code.length, reader.offset);
    switch (mnemonic) {
      case 'block':
      case 'loop':
      case 'if': {
        const { params, results } = blockType(reader.a, module.types) as FuncType;
        labels.push(this.block(mnemonic, params, results));
        break;
      }
      case 'end':
        labels.pop();
        this.close();
        break;
      case 'br':
      case 'br_if':
        code.at(mnemonic, this.label(reader.a));
        break;
      case 'br_table':
        code.at(mnemonic, reader.a);
        for (let i = 0; i <= reader.a; i++) code.u32(this.label(reader.labels[i] as number));
        break;
      case 'return':
        code.at('br', this.label(labels.length - 1));
        break;
      case 'call': {
        const number = numbers.function(reader.a);
        if (number === undefined) code.op('unreachable');
        else code.at(mnemonic, number);
        break;
      }
      case 'call_indirect': {
        const { params, results } = module.types[reader.a] as FuncType;
        code.at(mnemonic, numbers.type(params, results), reader.b);
        break;
      }
      case 'global.get':
      case 'global.set':
        code.at(mnemonic, numbers.global(reader.a));
        break;
      case 'ref.func': {
        const place = numbers.reference(reader.a);
        if (place === undefined) blank(code, FUNCREF);
        else {
          code.i32(place);
          code.at('table.get', numbers.references);
        }
        break;
      }
      case 'memory.init':
      case 'table.init':
      case 'data.drop':
      case 'elem.drop': {
        const segment = numbers.segment(segmentsOf(mnemonic) as 'data' | 'elements', reader.a);
        if (segment === undefined) code.op('unreachable');
        else code.at(mnemonic, segment, mnemonic.endsWith('.init') ? reader.b : undefined);
        break;
      }
      default:
        code.copy(module.bytes, reader.offset, reader.pos);
    }
    this.charge(reader.pos);
  }
}

/** Whether a vector is put where the host finds it, for which a local more is needed. */
export function needsVector({ results }: PeeledPlaces): boolean {
  return results.some(({ type }) => type === V128);
}
