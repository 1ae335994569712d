/**
 * Decodes and validates the type section (specification 5.5.4, 3.2.8 to 3.2.13): groups of types that may name one
 * another, each with at most one supertype among the types before it.
 */

import type { InstructionReader } from './instructions.ts';
import { MODULE_LIMITS } from './limits.ts';
import { matchesComposite } from './matching.ts';
import { sha256 } from './sha256.ts';
import {
  type DefinedType,
  definedIndex,
  type Feature,
  type FieldType,
  I8,
  I16,
  isNullable,
  typeName,
  type ValType,
} from './types.ts';

const GROUP = 0x4e;
const FINAL = 0x4f;
const OPEN = 0x50;
const FUNCTION = 0x60;
const STRUCT = 0x5f;
const ARRAY = 0x5e;

/** Keys longer than this are replaced by their digest, or they would double with every type that names another. */
const MAX_KEY = 120;

type Composite =
  | { readonly kind: 'function'; readonly params: readonly ValType[]; readonly results: readonly ValType[] }
  | { readonly kind: 'struct'; readonly fields: readonly FieldType[] }
  | { readonly kind: 'array'; readonly element: FieldType };

interface Definition {
  readonly offset: number;
  readonly isFinal: boolean;
  readonly supertype: number | undefined;
  readonly composite: Composite;
}

const utf8 = new TextEncoder();

function shorten(key: string): string {
  return key.length <= MAX_KEY ? key : `#${sha256(utf8.encode(key))}`;
}

export class TypeSection {
  private readonly reader: InstructionReader;
  private readonly types: DefinedType[];
  private readonly features: Set<Feature>;
  /** The first type of every key: equal types are one object. */
  private readonly firsts = new Map<string, number>();

  constructor(reader: InstructionReader, types: DefinedType[], features: Set<Feature>) {
    this.reader = reader;
    this.types = types;
    this.features = features;
  }

  /** @throws CompileError */
  read(): void {
    const { reader } = this;
    const count = reader.count(MODULE_LIMITS.types, 'types');
    for (let i = 0; i < count; i++) {
      const isGroup = reader.pos < reader.end && reader.bytes[reader.pos] === GROUP;
      if (isGroup) {
        this.features.add('gc');
        reader.pos++;
      }
      this.group(isGroup ? reader.count(MODULE_LIMITS.types, 'types of a group') : 1);
    }
  }

  private group(length: number): void {
    const { reader, types, firsts } = this;
    const start = types.length;
    if (start + length > MODULE_LIMITS.types) reader.fail(`types exceed the limit of ${MODULE_LIMITS.types}`);
    reader.typeCount = start + length;
    const definitions: Definition[] = [];
    for (let i = 0; i < length; i++) definitions.push(this.definition(start + i));
    const keys = this.keys(definitions, start);
    const first = keys[0] === undefined ? undefined : firsts.get(keys[0]);
    definitions.forEach((definition, i) => {
      if (first === undefined) firsts.set(keys[i] as string, start + i);
      types.push(first === undefined ? this.make(definition, keys[i] as string) : (types[first + i] as DefinedType));
    });
    // Only now, as a type may name those behind it.
    if (first === undefined) for (const [i, { offset }] of definitions.entries()) this.check(start + i, offset);
  }

  private definition(index: number): Definition {
    const { reader } = this;
    const offset = reader.pos;
    const code = reader.u8();
    if (code !== OPEN && code !== FINAL) {
      return { offset, isFinal: true, supertype: undefined, composite: this.composite(code) };
    }
    this.features.add('gc');
    const count = reader.count(MODULE_LIMITS.types, 'supertypes');
    if (count > 1) reader.fail('more than one supertype', offset);
    const supertype = count === 1 ? reader.u32() : undefined;
    if (supertype !== undefined && supertype >= index) reader.fail(`unknown type ${supertype} as supertype`, offset);
    return { offset, isFinal: code === FINAL, supertype, composite: this.composite(reader.u8()) };
  }

  private composite(code: number): Composite {
    const { reader } = this;
    switch (code) {
      case FUNCTION: {
        const params = this.list(MODULE_LIMITS.parameters, 'parameters');
        return { kind: 'function', params, results: this.list(MODULE_LIMITS.results, 'results') };
      }
      case STRUCT: {
        this.features.add('gc');
        const length = reader.count(MODULE_LIMITS.structFields, 'fields');
        return { kind: 'struct', fields: Array.from({ length }, () => this.field()) };
      }
      case ARRAY:
        this.features.add('gc');
        return { kind: 'array', element: this.field() };
      default:
        return reader.fail('malformed type: function, struct or array type expected', reader.pos - 1);
    }
  }

  private list(limit: number, what: string): ValType[] {
    const length = this.reader.count(limit, what);
    return Array.from({ length }, () => this.reader.valType());
  }

  private field(): FieldType {
    const { reader } = this;
    const byte = reader.bytes[reader.pos];
    const isPacked = reader.pos < reader.end && (byte === I8 || byte === I16);
    const type = isPacked ? reader.u8() : reader.valType();
    const mutability = reader.u8();
    if (mutability > 1) reader.fail('malformed mutability', reader.pos - 1);
    return { type, mutable: mutability === 1 };
  }

  /** Equal groups get equal keys: their text, in which types of the group itself are numbered from its start. */
  private keys(definitions: readonly Definition[], start: number): string[] {
    let isRecursive = definitions.length > 1;
    const name = (type: ValType): string => {
      const index = definedIndex(type);
      if (index < 0) return typeName(type);
      if (index >= start) isRecursive = true;
      const key = index >= start ? `rec.${index - start}` : (this.types[index] as DefinedType).key;
      return `(ref ${isNullable(type) ? 'null ' : ''}<${key}>)`;
    };
    const field = ({ type, mutable }: FieldType) => (mutable ? `mut ${name(type)}` : name(type));
    const content = (composite: Composite): string => {
      switch (composite.kind) {
        case 'function':
          return `${composite.params.map(name)}->${composite.results.map(name)}`;
        case 'struct':
          return `struct(${composite.fields.map(field)})`;
        case 'array':
          return `array(${field(composite.element)})`;
      }
    };
    const texts = definitions.map(({ isFinal, supertype, composite }) => {
      const above = supertype === undefined ? '' : `<${this.keyOf(supertype, start)}> `;
      return `${isFinal ? '' : 'open '}${above === '' ? '' : `sub ${above}`}${content(composite)}`;
    });
    const [only = ''] = texts;
    if (!isRecursive && definitions.length === 1) return [shorten(only)];
    const group = shorten(`rec(${texts.join(';')})`);
    return definitions.map((_, i) => `${group}.${i}`);
  }

  private keyOf(index: number, start: number): string {
    return index >= start ? `rec.${index - start}` : (this.types[index] as DefinedType).key;
  }

  private make({ isFinal, supertype, composite, offset }: Definition, key: string): DefinedType {
    const above = supertype === undefined ? [] : (this.types[supertype] as DefinedType).lineage;
    if (above.length > MODULE_LIMITS.subtypeDepth) {
      this.reader.fail(`a hierarchy of more than ${MODULE_LIMITS.subtypeDepth} types`, offset);
    }
    return { ...composite, key, lineage: [...above, key], isFinal, supertype };
  }

  /** That a type is what its supertype says (specification 3.2.12). */
  private check(index: number, offset: number): void {
    const { types, reader } = this;
    const type = types[index] as DefinedType;
    if (type.supertype === undefined) return;
    const above = types[type.supertype] as DefinedType;
    if (above.isFinal) reader.fail(`sub type ${index}: its supertype ${type.supertype} is final`, offset);
    if (!matchesComposite(types, type, above)) {
      reader.fail(`sub type ${index} does not match its supertype ${type.supertype}`, offset);
    }
  }
}
