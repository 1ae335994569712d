/** Identifiers and their scopes (specification 6.2.3), and the name section that they become (7.4.1). */

import { quote } from '../quote.ts';
import { Writer } from '../writer.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { generatedName, MODULE_NAME, SPACES, type SpaceRow, type SpaceWord } from './spaces.ts';

/** Names by index, in the order of the indices. */
export class NameMap {
  /** There may be very many maps, most of them empty. */
  private entries: Writer | undefined;
  private count = 0;

  get isEmpty(): boolean {
    return this.count === 0;
  }

  add(index: number, name: string): void {
    this.next(index).name(name);
  }

  /** Adds what has names of its own. */
  addMap(index: number, map: NameMap): void {
    if (!map.isEmpty) map.writeTo(this.next(index));
  }

  private next(index: number): Writer {
    this.count++;
    this.entries ??= new Writer(16);
    this.entries.u32(index);
    return this.entries;
  }

  writeTo(writer: Writer): void {
    writer.u32(this.count);
    if (this.entries !== undefined) writer.append(this.entries);
  }
}

/** One index space. */
export class Space {
  readonly row: SpaceRow;
  readonly names = new NameMap();
  /** Indices that have been given away. */
  length = 0;
  private indices: Map<string, number> | undefined;

  constructor(row: SpaceRow) {
    this.row = row;
  }

  get hasIdentifiers(): boolean {
    return this.indices !== undefined;
  }

  /** Gives the next index to what may have an identifier here, and a name. */
  declare(input: Input): number {
    const index = this.length++;
    let name: string | undefined;
    if (input.kind === TOKEN.identifier) {
      name = input.identifier;
      this.indices ??= new Map();
      if (this.indices.has(name)) input.fail(`duplicate ${this.row.what} identifier ${quote(`$${name}`)}`);
      this.indices.set(name, index);
      input.advance();
    }
    const annotated = input.nameAnnotation();
    if (annotated !== undefined) this.names.add(index, annotated);
    else if (name !== undefined && name !== generatedName(this.row, index)) this.names.add(index, name);
    return index;
  }

  /** An index, or an identifier that has one. */
  index(input: Input): number {
    if (input.kind !== TOKEN.identifier) return input.u32(`the index or identifier of a ${this.row.what}`);
    const name = input.identifier;
    const index = this.indices?.get(name);
    if (index === undefined) input.fail(`unknown ${this.row.what} ${quote(`$${name}`)}: nothing declares it here`);
    input.advance();
    return index;
  }
}

/** The index spaces of a module, and the names of what is in them. */
export class Names {
  readonly spaces: Readonly<Record<SpaceWord, Space>>;
  module: string | undefined;
  readonly locals = new NameMap();
  readonly labels = new NameMap();
  readonly fields = new NameMap();

  constructor() {
    this.spaces = Object.fromEntries(
      Object.entries(SPACES).map(([word, row]) => [word, new Space(row)]),
    ) as unknown as Record<SpaceWord, Space>;
  }

  /** Content of the name section; undefined where nothing has a name. */
  section(): Writer | undefined {
    const { func, type, table, memory, global, elem, data, tag } = this.spaces;
    const maps = [func.names, this.locals, this.labels, type.names, table.names, memory.names];
    maps.push(global.names, elem.names, data.names, this.fields, tag.names);
    const section = new Writer();
    if (this.module !== undefined) {
      const content = new Writer();
      content.name(this.module);
      section.section(MODULE_NAME, content);
    }
    maps.forEach((map, i) => {
      if (map.isEmpty) return;
      const content = new Writer();
      map.writeTo(content);
      // The subsections are numbered in this order.
      section.section(i + 1, content);
    });
    return section.length === 0 ? undefined : section;
  }
}
