/**
 * Random valid modules. fast-check makes, and shrinks, a {@link Shape}: plain data in which every value means
 * something. {@link describeModule} turns it into a module that exports all it has, so that what a run leaves behind
 * can be compared:
 *
 * - `f<index>` every function, and `b<index>` the same function with its floats and vectors as bits, where it has any;
 * - `g<index>` every global that is no vector, `t<index>` every table, `m` the memory, `m<index>` those after it,
 *   `e<index>` every tag;
 * - `fuel`, where asked for: the global that ends endless executions. Set it before each call;
 * - `sum`: a global that depends on most values computed, in the order in which they were.
 *
 * Imports come from `host`, named as their exports; what to provide is in the module itself.
 */

import fc from 'fast-check';
import {
  EXTERNREF,
  F32,
  F64,
  FUNCREF,
  type GlobalType,
  I32,
  I64,
  type RefType,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { BodyGenerator, type Surroundings, type TableInfo } from './body.ts';
import { anyChoices, Choices } from './choices.ts';
import {
  type DataDescription,
  type ElementDescription,
  type ExportDescription,
  encodeModule,
  type FunctionDescription,
  type ImportDescription,
  type Instruction,
  type ModuleDescription,
} from './encode.ts';
import { type GeneratedFeature, laterTypes } from './later.ts';
import { constant } from './rows.ts';
import { FunctionReference, type Type } from './types.ts';
import { anyBits, anyType } from './values.ts';

interface GlobalShape extends GlobalType {
  readonly imported: boolean;
  readonly bits: bigint;
}

/** A signature whose values pass between guest and host. */
interface PlainSignature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

interface MemoryShape {
  readonly imported: boolean;
  readonly min: number;
  readonly more: number | null;
}

interface SegmentShape {
  /** An active one goes to a memory, or the first table of its type. */
  readonly active: boolean;
  readonly choices: readonly number[];
}

export interface Shape {
  readonly hostFunctions: readonly PlainSignature[];
  readonly functions: readonly (PlainSignature & {
    readonly locals: readonly ValType[];
    /** Each a choice among the types that only features have. */
    readonly laterLocals: readonly number[];
    readonly steps: readonly (readonly number[])[];
  })[];
  readonly memory: MemoryShape | null;
  readonly moreMemories: readonly MemoryShape[];
  readonly tags: readonly { readonly imported: boolean; readonly params: readonly ValType[] }[];
  readonly tables: readonly {
    readonly imported: boolean;
    readonly element: RefType;
    readonly min: number;
    readonly more: number | null;
  }[];
  readonly globals: readonly GlobalShape[];
  readonly data: readonly (SegmentShape & { readonly bytes: readonly number[] })[];
  readonly elements: readonly (SegmentShape & { readonly type: RefType })[];
  readonly start: boolean;
}

export interface GenerateOptions {
  /** Makes NaN results canonical, so that engines which do not can be compared. Default true. */
  readonly canonicalNaN?: boolean;
  /** Value of the `fuel` global; undefined: executions may have no end. Default 200. */
  readonly fuel?: number | undefined;
  /** Longest body, in steps. Default 60. */
  readonly steps?: number;
  /** Most functions. Default 5. */
  readonly functions?: number;
  /** What to use beyond release 2.0. Default: nothing. */
  readonly features?: readonly GeneratedFeature[];
  /** Whether there are vectors. Default true. */
  readonly vectors?: boolean;
}

/** What `fuel` is set to where nothing else is asked for: low enough for any engine's stack. */
export const FUEL = 200;

/** Where functions call each other in the end, they must have the same results, which few of the others have. */
const fewResults: fc.Arbitrary<ValType[]> = fc.constantFrom([], [I32], [I64], [F64, I32]);
const anyRefType: fc.Arbitrary<RefType> = fc.constantFrom(FUNCREF, FUNCREF, EXTERNREF);
const anyMore = fc.option(fc.nat(3));
const bounded = (maxLength: number) => ({ maxLength, size: 'max' as const });

const anyMemory: fc.Arbitrary<MemoryShape> = fc.record({
  imported: fc.boolean(),
  min: fc.constantFrom(1, 1, 2, 1, 1, 0),
  more: anyMore,
});
const nothing = fc.constant([]);

export function anyShape(options: GenerateOptions = {}): fc.Arbitrary<Shape> {
  const { steps = 60, functions = 5, features = [], vectors = true } = options;
  const has = (feature: GeneratedFeature) => features.includes(feature);
  // JavaScript can neither pass vectors nor take them.
  const anyOwnType = vectors ? fc.oneof({ weight: 6, arbitrary: anyType }, fc.constant(V128)) : anyType;
  const anyParams = (type: typeof anyOwnType) => fc.array(type, { maxLength: 4 });
  const anyResults = (type: typeof anyOwnType) => {
    const all = fc.array(type, { maxLength: 3 });
    return has('tail-calls') ? fc.oneof(all, fewResults, fewResults) : all;
  };
  const hasTags = has('exceptions') || has('legacy-exceptions');
  const hasTypes = has('exceptions') || has('function-references');
  return fc.record({
    hostFunctions: fc.array(fc.record({ params: anyParams(anyType), results: anyResults(anyType) }), { maxLength: 2 }),
    functions: fc.array(
      fc.record({
        params: anyParams(anyOwnType),
        results: anyResults(anyOwnType),
        locals: fc.array(anyOwnType, bounded(5)),
        laterLocals: hasTypes ? fc.array(fc.nat(99), bounded(3)) : nothing,
        steps: fc.array(anyChoices, bounded(steps)),
      }),
      { minLength: 1, ...bounded(functions) },
    ),
    memory: fc.option(anyMemory, { freq: 8 }),
    moreMemories: has('multi-memory') ? fc.array(anyMemory, bounded(2)) : nothing,
    tags: hasTags
      ? fc.array(fc.record({ imported: fc.boolean(), params: fc.array(anyType, bounded(3)) }), bounded(3))
      : nothing,
    tables: fc.array(
      fc.record({ imported: fc.boolean(), element: anyRefType, min: fc.nat(10), more: anyMore }),
      bounded(3),
    ),
    globals: fc.array(
      fc.record({ type: anyOwnType, mutable: fc.boolean(), imported: fc.boolean(), bits: anyBits }),
      bounded(5),
    ),
    data: fc.array(
      fc.record({ active: fc.boolean(), choices: anyChoices, bytes: fc.array(fc.nat(255), bounded(24)) }),
      bounded(3),
    ),
    elements: fc.array(fc.record({ active: fc.boolean(), choices: anyChoices, type: anyRefType }), bounded(4)),
    start: fc.boolean(),
  });
}

const SUM: GlobalType = { type: I64, mutable: true };
const FUEL_LEFT: GlobalType = { type: I32, mutable: true };

/** Imports before definitions, as the index spaces have them. */
function importsFirst<T extends { readonly imported: boolean }>(items: readonly T[]): T[] {
  return [...items.filter((item) => item.imported), ...items.filter((item) => !item.imported)];
}

export function describeModule(shape: Shape, options: GenerateOptions = {}): ModuleDescription {
  const { canonicalNaN = true, features = [], vectors = true } = options;
  const fuel = 'fuel' in options ? options.fuel : FUEL;
  const globals = importsFirst(
    shape.globals.map((global) => ({ ...global, imported: global.imported && global.type !== V128 })),
  );
  const tables = importsFirst(shape.tables).map(({ more, ...table }) => ({
    ...table,
    max: more === null ? undefined : table.min + more,
  }));
  // Without a first memory there are no others: the first is called by another name.
  const memories = importsFirst(shape.memory === null ? [] : [shape.memory, ...shape.moreMemories]).map(
    ({ more, ...memory }, i) => ({
      ...memory,
      max: more === null ? undefined : memory.min + more,
      name: i === 0 ? 'm' : `m${i}`,
    }),
  );
  const tags = importsFirst(shape.tags);
  const signatures: PlainSignature[] = [...shape.hostFunctions, ...shape.functions].map(({ params, results }) => ({
    params,
    results,
  }));
  const imported = shape.hostFunctions.length;

  const elements = shape.elements.map((segment) => elementSegment(segment, tables, globals, signatures.length));
  const data = shape.data.map((segment) => dataSegment(segment, memories, globals));
  const around: Surroundings = {
    functions: signatures,
    globals: [...globals, SUM, ...(fuel === undefined ? [] : [FUEL_LEFT])],
    tables: tables.map(({ element, max }, i) => ({ element, max, functions: placed(elements, i) })),
    memories: memories.map(({ min, max }) => ({ pages: min, max })),
    tags: tags.map(({ params }) => params),
    features,
    dataSegments: data.length,
    elementSegments: elements.map(({ type = FUNCREF }) => type),
    sum: globals.length,
    fuel: fuel === undefined ? undefined : globals.length + 1,
    canonicalNaN,
    vectors,
  };

  // A local begins as null, which not all references can be.
  const localTypes = laterTypes(around).filter((type) => !(type instanceof FunctionReference) || type.nullable);
  const functions: FunctionDescription[] = shape.functions.map(({ params, results, locals, laterLocals, steps }) => {
    const all: Type[] = [...locals, ...laterLocals.map((choice) => localTypes[choice % localTypes.length] as Type)];
    return { params, results, ...new BodyGenerator(around, { params, results }, all).run(steps) };
  });
  const wrappers = signatures.flatMap((signature, index) =>
    hasBits(signature) ? [bitsWrapper(signature, index)] : [],
  );
  const isStart = ({ params, results }: PlainSignature) => params.length === 0 && results.length === 0;
  const start = signatures.findIndex(isStart);

  const imports: ImportDescription[] = [
    ...shape.hostFunctions.map((signature, i) => ({ module: 'host', name: `f${i}`, function: signature })),
    ...tables.flatMap(({ imported, ...table }, i) => (imported ? [{ module: 'host', name: `t${i}`, table }] : [])),
    ...memories.flatMap(({ imported, name, ...memory }) => (imported ? [{ module: 'host', name, memory }] : [])),
    ...globals.flatMap(({ imported, ...global }, i) => (imported ? [{ module: 'host', name: `g${i}`, global }] : [])),
    ...tags.flatMap(({ imported, params }, i) => (imported ? [{ module: 'host', name: `e${i}`, tag: params }] : [])),
  ];
  const exports: ExportDescription[] = [
    ...signatures.map((_, index) => ({ name: `f${index}`, kind: 'function' as const, index })),
    ...tables.map((_, index) => ({ name: `t${index}`, kind: 'table' as const, index })),
    ...memories.map(({ name }, index) => ({ name, kind: 'memory' as const, index })),
    ...tags.map((_, index) => ({ name: `e${index}`, kind: 'tag' as const, index })),
    ...globals.flatMap(({ type }, index) =>
      type === V128 ? [] : [{ name: `g${index}`, kind: 'global' as const, index }],
    ),
  ];
  return {
    imports,
    functions: [...functions, ...wrappers],
    tables: tables.filter((table) => !table.imported).map(({ element, min, max }) => ({ element, min, max })),
    memories: memories.filter((memory) => !memory.imported).map(({ min, max }) => ({ min, max })),
    tags: tags.filter((tag) => !tag.imported).map(({ params }) => ({ params })),
    globals: [
      ...globals
        .filter((global) => !global.imported)
        .map(({ type, mutable, bits }) => ({
          type,
          mutable,
          init: initialValue(type, bits, globals, imported, shape.functions.length),
        })),
      { ...SUM, init: [['i64.const', 0]] as Instruction[], export: 'sum' },
      ...(fuel === undefined ? [] : [{ ...FUEL_LEFT, init: [['i32.const', fuel]] as Instruction[], export: 'fuel' }]),
    ],
    exports,
    ...(shape.start && start >= 0 ? { start } : {}),
    elements,
    data,
  };
}

/** A constant, the value of an imported global, or a reference to a function. */
function initialValue(
  type: ValType,
  bits: bigint,
  globals: readonly GlobalShape[],
  imported: number,
  own: number,
): Instruction[] {
  const sources = constantGlobals(globals, type);
  const choice = Number(bits % 4n);
  if (choice === 1 && sources.length > 0) return [['global.get', sources[0] as number]];
  if (choice === 2 && type === FUNCREF) return [['ref.func', imported + (Number(bits >> 8n) % own)]];
  return [constant(type, bits)];
}

function constantGlobals(globals: readonly GlobalShape[], type: ValType): number[] {
  return globals.flatMap((global, i) => (global.imported && !global.mutable && global.type === type ? [i] : []));
}

/** A constant expression for an offset: mostly such that `length` items fit below `end`. */
function segmentOffset(choices: Choices, end: number, length: number, globals: readonly GlobalShape[]): Instruction[] {
  const sources = constantGlobals(globals, I32);
  if (sources.length > 0 && choices.once(4)) return [['global.get', choices.pick(sources)]];
  if (choices.once(24)) return [['i32.const', choices.pick([end, end + 1 - length, -1, 0x7fffffff])]];
  return [['i32.const', (choices.below(251) * 257) % Math.max(1, end + 1 - length)]];
}

function dataSegment(
  segment: Shape['data'][number],
  memories: readonly { readonly min: number }[],
  globals: readonly GlobalShape[],
): DataDescription {
  const { active, bytes } = segment;
  if (!active || memories.length === 0) return { bytes };
  const choices = new Choices(segment.choices);
  const index = memories.length > 1 ? choices.below(memories.length) : 0;
  const end = (memories[index]?.min ?? 0) * 65_536;
  const fitting = end === 0 ? [] : bytes;
  const offset = segmentOffset(choices, end, fitting.length, globals);
  return { bytes: fitting, offset, ...(index === 0 ? {} : { memory: index }) };
}

function elementSegment(
  { active, choices: values, type }: Shape['elements'][number],
  tables: readonly { readonly element: RefType; readonly min: number }[],
  globals: readonly GlobalShape[],
  functions: number,
): ElementDescription {
  const choices = new Choices(values);
  const table = tables.findIndex(({ element }) => element === type);
  const isActive = active && table >= 0;
  const min = tables[table]?.min ?? 0;
  const count = choices.below(isActive ? Math.min(6, min + 1) : 6);
  const placement = isActive
    ? { table, offset: segmentOffset(choices, min, count, globals) }
    : { declarative: choices.once(6) };
  if (type === EXTERNREF) {
    const sources = constantGlobals(globals, EXTERNREF);
    const item = (): Instruction[] =>
      sources.length > 0 && choices.once(2) ? [['global.get', choices.pick(sources)]] : [['ref.null', EXTERNREF]];
    return { ...placement, type, items: Array.from({ length: count }, item) };
  }
  const areIndices = !choices.once(2);
  if (areIndices) return { ...placement, items: Array.from({ length: count }, () => choices.below(functions)) };
  const item = (): Instruction[] =>
    choices.once(4) ? [['ref.null', FUNCREF]] : [['ref.func', choices.below(functions)]];
  return { ...placement, items: Array.from({ length: count }, item) };
}

/** The functions that active segments put into a table at instantiation, where that can be read off. */
function placed(elements: readonly ElementDescription[], table: number): TableInfo['functions'] {
  const functions: (number | undefined)[] = [];
  for (const { table: target, offset, type = FUNCREF, items } of elements) {
    const [first] = offset ?? [];
    if (type !== FUNCREF || target !== table || !Array.isArray(first) || first[0] !== 'i32.const') continue;
    const base = Number(first[1]);
    if (base < 0 || base > 1000) continue;
    for (const [i, item] of items.entries()) {
      const [instruction] = typeof item === 'number' ? [] : item;
      functions[base + i] =
        typeof item === 'number'
          ? item
          : Array.isArray(instruction) && instruction[0] === 'ref.func'
            ? Number(instruction[1])
            : undefined;
    }
  }
  return functions;
}

/** Integers with the bits of a value of the type. */
const BITS_TYPES: Readonly<Partial<Record<ValType, readonly ValType[]>>> = {
  [F32]: [I32],
  [F64]: [I64],
  [V128]: [I64, I64],
};

function hasBits({ params, results }: PlainSignature): boolean {
  return [...params, ...results].some((type) => type in BITS_TYPES);
}

/** The same function, its floats and vectors as integers: JavaScript numbers do not carry the bits of a NaN. */
function bitsWrapper({ params, results }: PlainSignature, index: number): FunctionDescription {
  const asBits = (types: readonly ValType[]) => types.flatMap((type) => BITS_TYPES[type] ?? [type]);
  const body: Instruction[] = [];
  let param = 0;
  for (const type of params) {
    body.push(['local.get', param++]);
    if (type === F32) body.push('f32.reinterpret_i32');
    if (type === F64) body.push('f64.reinterpret_i64');
    if (type === V128) body.push('i64x2.splat', ['local.get', param++], ['i64x2.replace_lane', 1]);
  }
  body.push(['call', index]);
  for (let i = results.length - 1; i >= 0; i--) body.push(['local.set', param + i]);
  for (const [i, type] of results.entries()) {
    const get: Instruction = ['local.get', param + i];
    body.push(get);
    if (type === F32) body.push('i32.reinterpret_f32');
    if (type === F64) body.push('i64.reinterpret_f64');
    if (type === V128) body.push(['i64x2.extract_lane', 0], get, ['i64x2.extract_lane', 1]);
  }
  return { params: asBits(params), results: asBits(results), locals: results, body, export: `b${index}` };
}

/** The bytes of random valid modules. */
export function anyModule(options: GenerateOptions = {}): fc.Arbitrary<Uint8Array> {
  return anyShape(options).map((shape) => encodeModule(describeModule(shape, options)));
}
