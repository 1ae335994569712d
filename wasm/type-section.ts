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
  isDefaultable,
  isNullable,
  isPacked,
  jumpOver,
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
const MAX_KEY = 80;
/** Characters in the text of a group of types. */
const MAX_TEXT = 1 << 26;

type Composite =
  | { readonly kind: 'function'; readonly params: readonly ValType[]; readonly results: readonly ValType[] }
  | { readonly kind: 'struct'; readonly fields: readonly FieldType[]; readonly isDefaultable: boolean }
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

/**
 * Keys of the types that name others, are in a hierarchy or a group: found only when somebody compares them with those
 * of another module. Within a module equal types are one object.
 */
class Keys {
  private readonly types: readonly DefinedType[];
  /** Text, first type and number of types of every group, in order. */
  private readonly groups: (readonly [text: string, start: number, length: number])[] = [];
  private readonly keys: string[] = [];

  constructor(types: readonly DefinedType[]) {
    this.types = types;
  }

  add(text: string, start: number, length: number): void {
    this.groups.push([text, start, length]);
  }

  of(index: number): string {
    // A group names none but earlier ones.
    for (const [text, start, length] of this.groups) {
      const group = shorten(text.replaceAll(/<(\d+)>/g, (_, named: string) => `<${this.known(Number(named))}>`));
      for (let i = 0; i < length; i++) this.keys[start + i] = length === 1 ? group : `${group}.${i}`;
    }
    this.groups.length = 0;
    return this.keys[index] as string;
  }

  private known(index: number): string {
    return this.keys[index] ?? (this.types[index] as DefinedType).key;
  }
}

export class TypeSection {
  private readonly reader: InstructionReader;
  private readonly types: DefinedType[];
  private readonly features: Set<Feature>;
  /** By the text of a group: its first type. Equal types are one object. */
  private readonly firsts = new Map<string, number>();
  private readonly keys: Keys;
  /** By index: that of the first equal type. */
  private readonly canonical: number[] = [];

  constructor(reader: InstructionReader, types: DefinedType[], features: Set<Feature>) {
    this.reader = reader;
    this.types = types;
    this.features = features;
    this.keys = new Keys(types);
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
    const { text, isPlain } = this.text(definitions, start);
    const first = firsts.get(text);
    if (first !== undefined) {
      for (let i = 0; i < length; i++) this.push(types[first + i] as DefinedType, first + i);
      return;
    }
    firsts.set(text, start);
    if (!isPlain) this.keys.add(text, start, length);
    for (const definition of definitions)
      this.push(this.make(definition, types.length, isPlain ? text : undefined), types.length);
    // Only now, as a type may name those behind it.
    for (const [i, { offset }] of definitions.entries()) this.check(start + i, offset);
  }

  private push(type: DefinedType, canonical: number): void {
    this.types.push(type);
    this.canonical.push(canonical);
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
        const fields = Array.from({ length }, () => this.field());
        return { kind: 'struct', fields, isDefaultable: fields.every(({ type }) => isDefaultable(type)) };
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
    const type = reader.pos < reader.end && isPacked(byte as number) ? reader.u8() : reader.valType();
    const mutability = reader.u8();
    if (mutability > 1) reader.fail('malformed mutability', reader.pos - 1);
    return { type, mutable: mutability === 1 };
  }

  /**
   * Text of a group: equal for equal groups. Types of the group itself are numbered from its start, earlier ones are
   * named by the index of their first equal. Plain is a single function type that names none.
   */
  private text(definitions: readonly Definition[], start: number): { text: string; isPlain: boolean } {
    let isPlain = definitions.length === 1 && definitions[0]?.isFinal === true;
    const name = (type: ValType): string => {
      const index = definedIndex(type);
      if (index < 0) return typeName(type);
      isPlain = false;
      return `(ref ${isNullable(type) ? 'null ' : ''}${this.named(index, start)})`;
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
    let length = 0;
    const texts = definitions.map(({ isFinal, supertype, composite, offset }) => {
      if (supertype !== undefined) isPlain = false;
      const above = supertype === undefined ? '' : `sub ${this.named(supertype, start)} `;
      const text = `${isFinal ? '' : 'open '}${above}${content(composite)}`;
      length += text.length;
      if (length > MAX_TEXT) this.reader.fail('a recursion group is too large', offset);
      return text;
    });
    return { text: texts.length === 1 ? (texts[0] as string) : `rec(${texts.join(';')})`, isPlain };
  }

  private named(index: number, start: number): string {
    if (index >= start) return `rec.${index - start}`;
    return `<${this.canonical[index]}>`;
  }

  private make({ isFinal, supertype, composite, offset }: Definition, index: number, key?: string): DefinedType {
    const { keys, reader } = this;
    const above = supertype === undefined ? undefined : this.types[supertype];
    const depth = above === undefined ? 0 : above.depth + 1;
    if (depth > MODULE_LIMITS.subtypeDepth) {
      reader.fail(`a hierarchy of more than ${MODULE_LIMITS.subtypeDepth} types above one another`, offset);
    }
    const jump = above && jumpOver(above);
    const definition = { isFinal, supertype: above, depth, jump, owner: keys };
    if (key !== undefined) return { ...composite, ...definition, key };
    return {
      ...composite,
      ...definition,
      get key() {
        return keys.of(index);
      },
    };
  }

  /** That a type is what its supertype says (specification 3.2.12). */
  private check(index: number, offset: number): void {
    const { types, reader } = this;
    const type = types[index] as DefinedType;
    const above = type.supertype;
    if (above === undefined) return;
    if (above.isFinal) reader.fail(`sub type ${index}: its supertype is final`, offset);
    if (!matchesComposite(types, type, above)) reader.fail(`sub type ${index} does not match its supertype`, offset);
  }
}
