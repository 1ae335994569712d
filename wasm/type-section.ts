/**
 * Decodes and validates the type section (specification 5.5.4, 3.2.8 to 3.2.13): groups of types that may name one
 * another, each with at most one supertype among the types before it.
 */

import { typeBytes } from './account.ts';
import { ARRAY, FINAL, FUNCTION, GROUP, OPEN, STRUCT } from './encoding.ts';
import { Groups } from './groups.ts';
import type { InstructionReader } from './instructions.ts';
import { MODULE_LIMITS } from './limits.ts';
import { matchesComposite } from './matching.ts';
import { laterValidation } from './parts.ts';
import { unassigned } from './proposals.ts';
import { loading, Pace, type Steps } from './steps.ts';
import { TypeTexts } from './type-texts.ts';
import {
  type Ancestry,
  ArrayType,
  type DefinedType,
  definedIndex,
  definedRef,
  type Feature,
  type FieldType,
  FuncType,
  isNullable,
  isPacked,
  isValType,
  placeBelow,
  type StorageType,
  StructType,
  type ValType,
} from './types.ts';

/** In the text of a group: that a reference is to a type of the same group. Abstract heap types leave this bit clear. */
const OF_GROUP = 0x80;

const NONE: readonly never[] = [];

/** Fields of numbers and abstract references, shared by all: by type, and whether they can be written. */
const FIELDS: FieldType[] = [];

function fieldType(type: StorageType, mutable: boolean): FieldType {
  if (!isValType(type) && !isPacked(type)) return { type, mutable };
  const place = 2 * type + (mutable ? 1 : 0);
  FIELDS[place] ??= { type, mutable };
  return FIELDS[place];
}

export class TypeSection {
  private readonly reader: InstructionReader;
  private readonly types: DefinedType[];
  private readonly features: Set<Feature>;
  private readonly groups = new Groups();
  private readonly texts: TypeTexts;
  /** By index: that of the first equal type. */
  private readonly canonical: number[] = [];
  /** Bytes that the types take. */
  bytes = 0;
  /** First type of the group at hand. */
  private start = 0;
  /** Whether the type at hand names no other, nor any of the others of its group. */
  private isPlain = true;

  constructor(reader: InstructionReader, types: DefinedType[], features: Set<Feature>) {
    this.reader = reader;
    this.types = types;
    this.features = features;
    this.texts = new TypeTexts(types);
  }

  /** @throws CompileError */
  *read(): Steps<void> {
    const { reader } = this;
    const pace = new Pace(reader.pos);
    const count = reader.count(MODULE_LIMITS.types, 'types');
    for (let i = 0; i < count; i++) {
      if (pace.isDue(reader.pos)) yield;
      if (reader.pos < reader.end && reader.bytes[reader.pos] === GROUP) {
        this.features.add('gc');
        reader.pos++;
        yield* this.group(reader.count(MODULE_LIMITS.types, 'types of a group'), pace);
      } else this.single();
      if (!this.isPlain && !laterValidation.isLoaded) yield* loading(laterValidation);
    }
  }

  /** A type outside of a group is a group of one. */
  private single(): void {
    this.begin(1);
    const { pos } = this.reader;
    const index = this.start;
    this.add(true);
    if (this.end(1)) this.check(index, pos);
  }

  private *group(length: number, pace: Pace): Steps<void> {
    const { reader, types } = this;
    this.begin(length);
    /** Types with a supertype, and where they are. */
    const below: number[] = [];
    for (let i = 0; i < length; i++) {
      const { pos } = reader;
      if (pace.isDue(pos)) yield;
      this.add(length === 1);
      const index = types.length - 1;
      if (types[index]?.supertype) below.push(index, pos);
    }
    if (!this.end(length)) return;
    // Only now, as a type may name those behind it.
    const again = new Pace(below[1] ?? 0);
    for (let i = 0; i < below.length; i += 2) {
      const offset = below[i + 1] as number;
      if (again.isDue(offset)) yield;
      this.check(below[i] as number, offset);
    }
  }

  private begin(length: number): void {
    const { reader, types } = this;
    const start = types.length;
    if (start + length > MODULE_LIMITS.types) reader.fail(`types exceed the limit of ${MODULE_LIMITS.types}`);
    reader.typeCount = start + length;
    this.start = start;
    this.isPlain = length === 1;
  }

  /** Ends a group; returns whether it is the first of its kind. */
  private end(length: number): boolean {
    const { types, canonical, groups, start } = this;
    if (length === 0) return false;
    const first = groups.end(start);
    if (first === undefined) {
      if (!this.isPlain) this.texts.add(start, length);
      for (let i = start; i < start + length; i++) {
        canonical.push(i);
        this.bytes += typeBytes(types[i] as DefinedType);
      }
      return true;
    }
    for (let i = 0; i < length; i++) {
      types[start + i] = types[first + i] as DefinedType;
      canonical.push(first + i);
    }
    return false;
  }

  private add(isAlone: boolean): void {
    const { reader, groups, types } = this;
    const index = types.length;
    const offset = reader.pos;
    let code = reader.u8();
    let isFinal = true;
    let supertype: DefinedType | undefined;
    if (code === OPEN || code === FINAL) {
      this.features.add('gc');
      isFinal = code === FINAL;
      const count = reader.count(MODULE_LIMITS.types, 'supertypes');
      if (count > 1) reader.fail('more than one supertype', offset);
      groups.write(count === 0 ? 2 * code : 2 * code + 1);
      if (count === 1) supertype = this.supertype(reader.u32(), index, offset);
      code = reader.u8();
      if (supertype !== undefined || !isFinal) this.isPlain = false;
    } else groups.write(2 * FINAL);
    types.push(this.composite(code, placeBelow(supertype, isFinal), isAlone));
  }

  private supertype(above: number, index: number, offset: number): DefinedType {
    const { reader, groups, start } = this;
    if (above >= index) reader.fail(`unknown type ${above} as supertype`, offset);
    const type = this.types[above] as DefinedType;
    if (type.depth >= MODULE_LIMITS.subtypeDepth) {
      reader.fail(`a hierarchy of more than ${MODULE_LIMITS.subtypeDepth} types above one another`, offset);
    }
    groups.write(above >= start ? 2 * (above - start) + 1 : 2 * (this.canonical[above] as number));
    return type;
  }

  private composite(code: number, place: Ancestry, isAlone: boolean): DefinedType {
    const { reader, groups, texts } = this;
    groups.write(code);
    switch (code) {
      case FUNCTION: {
        const params = this.list(MODULE_LIMITS.parameters, 'parameters');
        const results = this.list(MODULE_LIMITS.results, 'results');
        return new FuncType(params, results, isAlone && this.isPlain, texts, place);
      }
      case STRUCT:
        this.isPlain = false;
        this.features.add('gc');
        return new StructType(this.fields(), texts, place);
      case ARRAY:
        this.isPlain = false;
        this.features.add('gc');
        return new ArrayType(this.field(), texts, place);
      default:
        throw unassigned('type', code, reader.pos - 1, 'malformed type: function, struct or array type expected');
    }
  }

  private list(limit: number, what: string): readonly ValType[] {
    const { reader } = this;
    const length = reader.count(limit, what);
    this.groups.write(length);
    if (length === 0) return NONE;
    const types = new Array<ValType>(length);
    for (let i = 0; i < length; i++) types[i] = this.named(reader.valType());
    return types;
  }

  private fields(): readonly FieldType[] {
    const length = this.reader.count(MODULE_LIMITS.structFields, 'fields');
    this.groups.write(length);
    if (length === 0) return NONE;
    const fields = new Array<FieldType>(length);
    for (let i = 0; i < length; i++) fields[i] = this.field();
    return fields;
  }

  private field(): FieldType {
    const { reader } = this;
    const byte = reader.bytes[reader.pos];
    const isNarrow = reader.pos < reader.end && isPacked(byte as number);
    const type = isNarrow ? reader.u8() : reader.valType();
    const mutability = reader.u8();
    if (mutability > 1) reader.fail('malformed mutability', reader.pos - 1);
    this.groups.write(mutability);
    if (isNarrow) this.groups.write(type);
    else this.named(type);
    return fieldType(type, mutability === 1);
  }

  /**
   * Adds a type to the text of the group. Types of the group itself are numbered from its start, earlier ones are
   * named by the index of their first equal.
   */
  private named(type: ValType): ValType {
    const index = definedIndex(type);
    if (index < 0) this.groups.write(type);
    else {
      this.isPlain = false;
      const isOfGroup = index >= this.start;
      const known = isOfGroup ? index - this.start : (this.canonical[index] as number);
      this.groups.write(definedRef(known, isNullable(type)) | (isOfGroup ? OF_GROUP : 0));
    }
    return type;
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
