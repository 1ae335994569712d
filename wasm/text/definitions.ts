/**
 * The types of a module (specification 6.4.10, 6.6.4): those that it declares, and behind them those of functions that
 * it uses without declaring them.
 */

import { ARRAY, EMPTY_BLOCK, FINAL, FUNCTION, GROUP, OPEN, STRUCT } from '../encoding.ts';
import { definedIndex, type ValType } from '../types.ts';
import { Writer } from '../writer.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { type Names, Space } from './names.ts';
import { FIELDS } from './spaces.ts';
import { fieldType, valType, writeField, writeValType } from './types.ts';

/** What a function takes and returns. */
export interface Signature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** Told of the parameters that a type use lists, one by one. */
export interface Parameters {
  declare(input: Input): void;
  /** Adds so many that have no name. */
  skip(count: number): void;
}

/** In the declaration of a type, names say something to people alone. */
const UNNAMED: Parameters = { declare: (input) => input.skipBinding(), skip: () => undefined };

const keyOf = ({ params, results }: Signature) => `${params}>${results}`;
const sameTypes = (a: readonly ValType[], b: readonly ValType[]) =>
  a.length === b.length && a.every((t, i) => t === b[i]);

export class Definitions {
  private readonly names: Names;
  private readonly types: Space;
  /** Groups and their members, encoded. */
  private readonly content = new Writer();
  /** Those of the group at hand. */
  private readonly members = new Writer();
  private groups = 0;
  private readonly encodedFields = new Writer();
  /** By type; undefined where it is of no functions. */
  private readonly signatures: (Signature | undefined)[] = [];
  /** By type: whether it is open, or has a supertype. */
  private readonly isBelow: boolean[] = [];
  /** Fields of a struct that have identifiers, by type. */
  private readonly fields: (Space | undefined)[] = [];
  private readonly byKey = new Map<string, number>();

  constructor(names: Names) {
    this.names = names;
    this.types = names.spaces.type;
  }

  /** A field `(type …)` or `(rec …)`, whose identifiers have been declared. */
  declare(input: Input): void {
    this.groups++;
    const start = this.signatures.length;
    if (!input.tryOpen('rec')) {
      this.member(input, this.content);
      this.offer(start);
      return;
    }
    const { members } = this;
    let count = 0;
    for (; input.kind !== TOKEN.close; count++) this.member(input, members);
    input.close();
    // A group of one is written as a type alone.
    if (count === 1) this.offer(start);
    else {
      this.content.u8(GROUP);
      this.content.u32(count);
    }
    this.content.append(members);
  }

  /** A type that stands alone is what uses of such a type mean, unless it names itself. */
  private offer(index: number): void {
    const signature = this.signatures[index];
    if (signature === undefined || this.isBelow[index]) return;
    if ([...signature.params, ...signature.results].some((type) => definedIndex(type) >= index)) return;
    const key = keyOf(signature);
    if (!this.byKey.has(key)) this.byKey.set(key, index);
  }

  private member(input: Input, writer: Writer): void {
    input.open('type');
    input.skipBinding();
    const index = this.signatures.length;
    this.isBelow[index] = false;
    const isSub = input.tryOpen('sub');
    if (isSub) {
      const isFinal = input.tryWord('final');
      const supertypes: number[] = [];
      while (input.isIndex) supertypes.push(this.types.index(input));
      if (!isFinal || supertypes.length > 0) {
        this.isBelow[index] = true;
        writer.u8(isFinal ? FINAL : OPEN);
        writer.u32(supertypes.length);
        for (const supertype of supertypes) writer.u32(supertype);
      }
    }
    this.composite(input, writer, index);
    if (isSub) input.close();
    input.close();
  }

  private composite(input: Input, writer: Writer, index: number): void {
    if (input.tryOpen('func')) {
      const signature = this.signature(input, UNNAMED);
      this.signatures.push(signature);
      writeSignature(writer, signature);
    } else if (input.tryOpen('struct')) {
      this.signatures.push(undefined);
      this.struct(input, writer, index);
    } else if (input.tryOpen('array')) {
      this.signatures.push(undefined);
      writer.u8(ARRAY);
      writeField(writer, fieldType(input, this.types));
    } else input.expected('(func …), (struct …) or (array …)');
    input.close();
  }

  private struct(input: Input, writer: Writer, index: number): void {
    const space = new Space(FIELDS);
    const encoded = this.encodedFields;
    while (input.tryOpen('field')) {
      const isNamed = input.kind === TOKEN.identifier || input.kind === TOKEN.annotation;
      do {
        if (input.kind === TOKEN.close && !isNamed) break;
        space.declare(input);
        writeField(encoded, fieldType(input, this.types));
      } while (!isNamed);
      input.close();
    }
    if (space.hasIdentifiers) this.fields[index] = space;
    this.names.fields.addMap(index, space.names);
    writer.u8(STRUCT);
    writer.u32(space.length);
    writer.append(encoded);
  }

  /** Parameters and results, as far as there are any. */
  private signature(input: Input, parameters: Parameters | undefined): Signature {
    const params: ValType[] = [];
    const results: ValType[] = [];
    while (input.tryOpen('param')) {
      const isNamed = input.kind === TOKEN.identifier || input.kind === TOKEN.annotation;
      do {
        if (input.kind === TOKEN.close && !isNamed) break;
        parameters?.declare(input);
        params.push(valType(input, this.types));
      } while (!isNamed);
      input.close();
    }
    while (input.tryOpen('result')) {
      while (input.kind !== TOKEN.close) results.push(valType(input, this.types));
      input.close();
    }
    return { params, results };
  }

  /**
   * A type use (specification 6.4.11), as the index of the type.
   * @param parameters told of the parameters, where they may have names
   */
  use(input: Input, parameters: Parameters | undefined): number {
    const { start, end } = input;
    const explicit = this.explicit(input);
    const listed = input.start;
    const signature = this.signature(input, parameters);
    if (explicit === undefined) return this.indexOf(signature);
    const declared = this.signatures[explicit];
    if (listed === input.start) {
      parameters?.skip(declared?.params.length ?? 0);
    } else if (
      declared === undefined ||
      !sameTypes(declared.params, signature.params) ||
      !sameTypes(declared.results, signature.results)
    ) {
      input.fail(`inline function type differs from type ${explicit}`, start, end);
    }
    return explicit;
  }

  private explicit(input: Input): number | undefined {
    if (!input.tryOpen('type')) return undefined;
    const index = this.types.index(input);
    input.close();
    return index;
  }

  /** The type of a block: a type use, as a single result where that says all. */
  block(input: Input, writer: Writer): void {
    if (input.kind !== TOKEN.open) {
      writer.u8(EMPTY_BLOCK);
    } else if (!input.opens('type')) {
      const signature = this.signature(input, undefined);
      const { params, results } = signature;
      if (params.length > 0 || results.length > 1) writer.signed(this.indexOf(signature));
      else if (results.length === 0) writer.u8(EMPTY_BLOCK);
      else writeValType(writer, results[0] as ValType);
    } else writer.signed(this.use(input, undefined));
  }

  /** The first type that is this one; it is added where there is none. */
  indexOf(signature: Signature): number {
    const key = keyOf(signature);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    const index = this.signatures.length;
    this.byKey.set(key, index);
    this.signatures.push(signature);
    this.groups++;
    writeSignature(this.content, signature);
    return index;
  }

  /** A field of a struct. */
  field(input: Input, type: number): number {
    const space = this.fields[type];
    return (space ?? NO_FIELDS).index(input);
  }

  /** Content of the type section; undefined where it is empty. */
  section(): Writer | undefined {
    if (this.groups === 0) return undefined;
    const section = new Writer();
    section.u32(this.groups);
    section.append(this.content);
    return section;
  }
}

const NO_FIELDS = new Space(FIELDS);

function writeSignature(writer: Writer, { params, results }: Signature): void {
  writer.u8(FUNCTION);
  writer.u32(params.length);
  for (const type of params) writeValType(writer, type);
  writer.u32(results.length);
  for (const type of results) writeValType(writer, type);
}
