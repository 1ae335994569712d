/**
 * Which of the suite's files need what, beyond release 2.0 without vectors: decided by looking at every module that a
 * file's script expects to be valid. Modules that must be rejected decide nothing: whoever lacks a feature rejects
 * them too.
 */

import { ByteReader, EXTERNAL, readSections, SECTION } from './byte-reader.ts';
import type { Instruction } from './instructions.ts';
import { readExpression } from './instructions.ts';
import type { Command } from './script.ts';
import type { EncodedType, HeapType, TypeDefinition } from './types.ts';
import { REF, REF_NULL, readLimits, readType, readTypeEntry } from './types.ts';

export type Feature =
  | 'simd'
  | 'relaxed-simd'
  | 'tail-calls'
  /** Also a constant expression that reads an immutable global of the module itself. */
  | 'extended-const'
  /** Also memory 0 named where 2.0 has no name, or one zero byte. */
  | 'multi-memory'
  | 'memory64'
  | 'exceptions'
  /** `try`, which release 3.0 left out. */
  | 'legacy-exceptions'
  | 'function-references'
  | 'gc'
  /** No part of release 3.0. */
  | 'threads';

/** What the interpreter has beyond release 2.0 without vectors. The set of files that must pass grows with it. */
export const SUPPORTED: readonly Feature[] = [
  'simd',
  'relaxed-simd',
  'extended-const',
  'tail-calls',
  'multi-memory',
  'memory64',
  'exceptions',
  'legacy-exceptions',
  'function-references',
  'gc',
  'threads',
];

/** What the instrumenter has; it refuses the rest by name. */
export const METERED: readonly Feature[] = [
  'simd',
  'extended-const',
  'threads',
  'legacy-exceptions',
  'tail-calls',
  'multi-memory',
];

const GLOBAL_GET = 0x23;

/** Constant instructions of 2.0, `end` included. */
const CONSTANT_2_0: readonly number[] = [0x0b, GLOBAL_GET, 0x41, 0x42, 0x43, 0x44, 0xd0, 0xd2];

function* heapFeatures(heap: HeapType): Generator<Feature> {
  if (typeof heap === 'number') yield 'function-references';
  else if (heap === 'exn' || heap === 'noexn') yield 'exceptions';
  else if (heap !== 'func' && heap !== 'extern') yield 'gc';
}

function* typeFeatures({ number, heap, encoding }: EncodedType): Generator<Feature> {
  if (number === 'v128') yield 'simd';
  else if (number === 'i8' || number === 'i16') yield 'gc';
  if (heap === undefined) return;
  if (encoding[0] === REF || encoding[0] === REF_NULL) yield 'function-references';
  yield* heapFeatures(heap);
}

function* definitionFeatures(definition: TypeDefinition): Generator<Feature> {
  if (definition.kind === 'fields') yield 'gc';
  const types = definition.kind === 'fields' ? definition.fields : [...definition.params, ...definition.results];
  for (const type of types) yield* typeFeatures(type);
}

function* instructionFeatures(instruction: Instruction): Generator<Feature> {
  if (instruction.feature) yield instruction.feature;
  for (const type of instruction.types) yield* typeFeatures(type);
  for (const heap of instruction.heapTypes) yield* heapFeatures(heap);
  if (instruction.namesMemory) yield 'multi-memory';
}

/** Walks one module and yields what it finds, in the order of the module; the same thing as often as it is met. */
class Scan {
  readonly #sections: ReadonlyMap<number, Uint8Array>;
  #importedGlobals = 0;
  #memories = 0;

  constructor(module: Uint8Array) {
    this.#sections = readSections(module);
  }

  *run(): Generator<Feature> {
    yield* this.#each(SECTION.type, this.#type);
    yield* this.#each(SECTION.import, this.#import);
    yield* this.#each(SECTION.table, this.#table);
    yield* this.#each(SECTION.memory, this.#memory);
    if (this.#sections.has(SECTION.tag)) yield 'exceptions';
    yield* this.#each(SECTION.global, this.#global);
    yield* this.#each(SECTION.element, this.#element);
    yield* this.#each(SECTION.code, this.#code);
    yield* this.#each(SECTION.data, this.#data);
  }

  *#each(id: number, item: (this: Scan, reader: ByteReader) => Iterable<Feature>): Generator<Feature> {
    const reader = new ByteReader(this.#sections.get(id) ?? Uint8Array.of(0));
    for (let rest = reader.unsigned(); rest > 0; rest--) yield* item.call(this, reader);
  }

  *#type(reader: ByteReader): Generator<Feature> {
    const { definitions, plain } = readTypeEntry(reader);
    if (!plain) yield 'gc';
    for (const definition of definitions) yield* definitionFeatures(definition);
  }

  *#import(reader: ByteReader): Generator<Feature> {
    reader.name();
    reader.name();
    const kind = reader.byte();
    switch (kind) {
      case EXTERNAL.function:
        reader.skipNumber();
        return;
      case EXTERNAL.table:
        yield* this.#tableType(reader);
        return;
      case EXTERNAL.memory:
        yield* this.#memory(reader);
        return;
      case EXTERNAL.global:
        this.#importedGlobals++;
        yield* this.#globalType(reader);
        return;
      default:
        yield 'exceptions';
        reader.byte();
        reader.skipNumber();
    }
  }

  *#tableType(reader: ByteReader): Generator<Feature> {
    yield* typeFeatures(readType(reader));
    if (readLimits(reader).is64) yield 'memory64';
  }

  *#table(reader: ByteReader): Generator<Feature> {
    const hasInitializer = reader.peek() === 0x40;
    if (hasInitializer) {
      yield 'function-references';
      reader.bytes(2);
    }
    yield* this.#tableType(reader);
    if (hasInitializer) yield* this.#constant(reader);
  }

  *#memory(reader: ByteReader): Generator<Feature> {
    const { is64, isShared } = readLimits(reader);
    if (is64) yield 'memory64';
    if (isShared) yield 'threads';
    if (++this.#memories > 1) yield 'multi-memory';
  }

  *#globalType(reader: ByteReader): Generator<Feature> {
    yield* typeFeatures(readType(reader));
    reader.byte();
  }

  *#global(reader: ByteReader): Generator<Feature> {
    yield* this.#globalType(reader);
    yield* this.#constant(reader);
  }

  *#element(reader: ByteReader): Generator<Feature> {
    const flags = reader.unsigned();
    const active = (flags & 1) === 0;
    const explicit = (flags & 2) !== 0;
    const expressions = (flags & 4) !== 0;
    if (active && explicit) reader.skipNumber();
    if (active) yield* this.#constant(reader);
    if (expressions) {
      if (!active || explicit) yield* typeFeatures(readType(reader));
      for (let rest = reader.unsigned(); rest > 0; rest--) yield* this.#constant(reader);
    } else {
      if (!active || explicit) reader.byte();
      reader.list(() => reader.skipNumber());
    }
  }

  *#code(reader: ByteReader): Generator<Feature> {
    const body = new ByteReader(reader.bytes(reader.unsigned()));
    for (let groups = body.unsigned(); groups > 0; groups--) {
      body.skipNumber();
      yield* typeFeatures(readType(body));
    }
    for (const instruction of readExpression(body)) yield* instructionFeatures(instruction);
  }

  *#data(reader: ByteReader): Generator<Feature> {
    const flags = reader.unsigned();
    if (flags === 2 && reader.unsigned() !== 0) yield 'multi-memory';
    if (flags !== 1) yield* this.#constant(reader);
    reader.bytes(reader.unsigned());
  }

  *#constant(reader: ByteReader): Generator<Feature> {
    for (const instruction of readExpression(reader)) {
      yield* instructionFeatures(instruction);
      const { code, feature, indices } = instruction;
      const ownGlobal = code === GLOBAL_GET && indices[0]! >= this.#importedGlobals;
      if (ownGlobal || (!CONSTANT_2_0.includes(code) && !feature)) yield 'extended-const';
    }
  }
}

/** Everything a valid module needs beyond release 2.0 without vectors, in the order it is met. */
export function moduleFeatures(module: Uint8Array): ReadonlySet<Feature> {
  return new Set(new Scan(module).run());
}

/** What a script's valid modules need, in the order it is met. */
export function fileFeatures(commands: readonly Command[]): ReadonlySet<Feature> {
  return new Set(
    commands.flatMap((command) => (command.kind === 'define' ? [...moduleFeatures(command.bytes())] : [])),
  );
}

/** The contents of supported.json. */
export interface Selection {
  readonly files: readonly string[];
  /** Files left out, with the first feature met that is not supported. */
  readonly excluded: Readonly<Record<string, Feature>>;
}

/** Which files need nothing but the allowed features. */
export function selectFiles(
  scripts: Iterable<readonly [file: string, commands: readonly Command[]]>,
  allowed: readonly Feature[],
): Selection {
  const files: string[] = [];
  const excluded: Record<string, Feature> = {};
  for (const [file, commands] of scripts) {
    const first = [...fileFeatures(commands)].find((feature) => !allowed.includes(feature));
    if (first) excluded[file] = first;
    else files.push(file);
  }
  return { files, excluded };
}
