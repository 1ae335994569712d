/** What the parts of the printer share: the module, and what its things are called. */

import type { WasmModule } from '../../module.ts';
import { definedIndex, isNullable, type StorageType, typeName, type ValType } from '../../types.ts';
import type { Signature } from '../definitions.ts';
import { FIELDS, SPACES, type SpaceWord } from '../spaces.ts';
import { heapWord } from '../types.ts';
import { Identifiers } from './identifiers.ts';
import type { GivenNames } from './name-section.ts';

export class Scope {
  readonly module: WasmModule;
  readonly names: GivenNames;
  readonly spaces: Readonly<Record<SpaceWord, Identifiers>>;
  /** Types of functions, by type, as the type section writes them: a module has equal ones once. */
  readonly signatures: Signature[] = [];
  private readonly fields = new Map<number, Identifiers>();

  constructor(module: WasmModule, names: GivenNames) {
    this.module = module;
    this.names = names;
    this.spaces = Object.fromEntries(
      Object.entries(SPACES).map(([word, row]) => [
        word,
        new Identifiers(row, names.spaces[word as SpaceWord], names.isCanonical),
      ]),
    ) as Record<SpaceWord, Identifiers>;
  }

  /** The fields of a struct. */
  fieldsOf(type: number): Identifiers {
    let fields = this.fields.get(type);
    if (fields === undefined) {
      fields = new Identifiers(FIELDS, this.names.fields.get(type) ?? new Map(), this.names.isCanonical);
      this.fields.set(type, fields);
    }
    return fields;
  }

  type(type: ValType | StorageType): string {
    const index = definedIndex(type);
    if (index < 0) return typeName(type);
    return `(ref ${isNullable(type) ? 'null ' : ''}${this.spaces.type.use(index)})`;
  }

  heapType(type: ValType): string {
    const index = definedIndex(type);
    return index < 0 ? heapWord(type) : this.spaces.type.use(index);
  }

  /** A type use, with a space before. */
  typeUse(index: number): string {
    const { params, results } = this.signatures[index] as Signature;
    return ` (type ${this.spaces.type.use(index)})${this.list('param', params)}${this.list('result', results)}`;
  }

  /** A list of types behind a word, with a space before; nothing where there are none. */
  list(word: string, types: readonly ValType[]): string {
    return types.length === 0 ? '' : ` (${word} ${types.map((type) => this.type(type)).join(' ')})`;
  }
}
