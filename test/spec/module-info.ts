/** The types of a valid module's exports: what the JavaScript API does not tell. */

import { ByteReader, EXTERNAL, readSections, SECTION } from './byte-reader.ts';
import { readExpression } from './instructions.ts';
import type { EncodedType, TypeDefinition } from './types.ts';
import { NUMBER_TYPES, readLimits, readType, readTypeEntry } from './types.ts';
import type { Hierarchy, NumberType } from './values.ts';
import { HIERARCHIES } from './values.ts';

export interface ValueType {
  /** A reference counts by its hierarchy. */
  readonly kind: NumberType | Hierarchy;
  /** As it stands in the module; indices in it count in the module's type section. */
  readonly encoding: Uint8Array;
}

export interface ExportedFunction {
  readonly typeIndex: number;
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface ExportedGlobal {
  readonly value: ValueType;
  readonly mutable: boolean;
}

export interface ModuleInfo {
  /** The type section's entries as bytes, how many entries they are, and how many types (more, with recursion groups). */
  readonly types: { readonly encoding: Uint8Array; readonly entries: number; readonly count: number };
  readonly imports: readonly { readonly module: string; readonly field: string }[];
  readonly functions: ReadonlyMap<string, ExportedFunction>;
  readonly globals: ReadonlyMap<string, ExportedGlobal>;
}

interface RawGlobal {
  readonly type: EncodedType;
  readonly mutable: boolean;
}

function readGlobalType(reader: ByteReader): RawGlobal {
  const type = readType(reader);
  return { type, mutable: reader.byte() === 1 };
}

/**
 * Reads what the runner has to know about a valid module.
 * @throws Error when the bytes cannot be read.
 */
export function readModuleInfo(bytes: Uint8Array): ModuleInfo {
  const sections = readSections(bytes);
  const open = (id: number) => new ByteReader(sections.get(id) ?? Uint8Array.of(0));

  const definitions: TypeDefinition[] = [];
  const typeReader = open(SECTION.type);
  const entries = typeReader.unsigned();
  const start = typeReader.position;
  for (let i = 0; i < entries; i++) definitions.push(...readTypeEntry(typeReader).definitions);
  const types = { encoding: typeReader.since(start), entries, count: definitions.length };

  const functionTypes: number[] = [];
  const globalTypes: RawGlobal[] = [];
  const importReader = open(SECTION.import);
  const imports = importReader.list(() => {
    const module = importReader.name();
    const field = importReader.name();
    const kind = importReader.byte();
    if (kind === EXTERNAL.function) functionTypes.push(importReader.unsigned());
    else if (kind === EXTERNAL.global) globalTypes.push(readGlobalType(importReader));
    else {
      // A tag is an attribute byte and a type index.
      if (kind === EXTERNAL.table) readType(importReader);
      if (kind === EXTERNAL.tag) importReader.bytes(1);
      if (kind === EXTERNAL.tag) importReader.skipNumber();
      else readLimits(importReader);
    }
    return { module, field };
  });
  const functionReader = open(SECTION.function);
  functionTypes.push(...functionReader.list(() => functionReader.unsigned()));
  const globalReader = open(SECTION.global);
  globalReader.list(() => {
    globalTypes.push(readGlobalType(globalReader));
    readExpression(globalReader);
  });

  const resolve = ({ encoding, number, heap }: EncodedType): ValueType => {
    if (number) {
      const kind = NUMBER_TYPES[encoding[0]!];
      if (!kind) throw new Error(`${number} is no value type`);
      return { kind, encoding };
    }
    const concrete = typeof heap === 'number' ? definitions[heap] : undefined;
    const kind = concrete ? (concrete.kind === 'function' ? 'func' : 'any') : HIERARCHIES[heap ?? ''];
    if (!kind) throw new Error(`unknown heap type ${heap}`);
    return { kind, encoding };
  };

  const functions = new Map<string, ExportedFunction>();
  const globals = new Map<string, ExportedGlobal>();
  const exportReader = open(SECTION.export);
  exportReader.list(() => {
    const field = exportReader.name();
    const kind = exportReader.byte();
    const index = exportReader.unsigned();
    if (kind === EXTERNAL.function) {
      const typeIndex = functionTypes[index]!;
      const definition = definitions[typeIndex];
      if (definition?.kind !== 'function') throw new Error(`export "${field}" has no function type`);
      const { params, results } = definition;
      functions.set(field, { typeIndex, params: params.map(resolve), results: results.map(resolve) });
    } else if (kind === EXTERNAL.global) {
      const { type, mutable } = globalTypes[index]!;
      globals.set(field, { value: resolve(type), mutable });
    }
  });
  return { types, imports, functions, globals };
}
