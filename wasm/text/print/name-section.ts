/** The name section (specification 7.4.1, and the proposal that extends it), read as far as it makes sense. */

import { CompileError } from '../../errors.ts';
import { Reader } from '../../reader.ts';
import { NameMap, Names } from '../names.ts';
import { FIELDS, LABELS, LOCALS, MODULE_NAME, SPACES, type SpaceWord } from '../spaces.ts';

export type ByIndex = ReadonlyMap<number, string>;

/** Names as a section has them. */
export interface GivenNames {
  readonly module: string | undefined;
  readonly spaces: Readonly<Record<SpaceWord, ByIndex>>;
  /** By function, and by type. */
  readonly locals: ReadonlyMap<number, ByIndex>;
  readonly labels: ReadonlyMap<number, ByIndex>;
  readonly fields: ReadonlyMap<number, ByIndex>;
  /** Whether it is written as names in a text are: parsing them makes the same section. */
  readonly isCanonical: boolean;
}

const WORDS = Object.keys(SPACES) as SpaceWord[];
const WORD_OF = new Map<number, SpaceWord>(WORDS.map((word) => [SPACES[word].names, word]));

class Section {
  module: string | undefined;
  readonly spaces = Object.fromEntries(WORDS.map((word) => [word, new Map<number, string>()])) as Record<
    SpaceWord,
    Map<number, string>
  >;
  readonly locals = new Map<number, Map<number, string>>();
  readonly labels = new Map<number, Map<number, string>>();
  readonly fields = new Map<number, Map<number, string>>();
  isCanonical = true;

  read(reader: Reader): void {
    while (reader.pos < reader.end) {
      const id = reader.u8();
      const size = reader.u32();
      reader.need(size);
      this.subsection(id, new Reader(reader.bytes, reader.pos, reader.pos + size));
      reader.pos += size;
    }
  }

  private subsection(id: number, reader: Reader): void {
    const word = WORD_OF.get(id);
    if (id === MODULE_NAME) this.module = reader.name();
    else if (word !== undefined) this.map(reader, this.spaces[word]);
    else if (id === LOCALS.names) this.maps(reader, this.locals);
    else if (id === LABELS.names) this.maps(reader, this.labels);
    else if (id === FIELDS.names) this.maps(reader, this.fields);
  }

  private map(reader: Reader, names: Map<number, string>): void {
    for (let count = reader.u32(); count > 0; count--) {
      const index = reader.u32();
      names.set(index, reader.name());
    }
  }

  private maps(reader: Reader, maps: Map<number, Map<number, string>>): void {
    for (let count = reader.u32(); count > 0; count--) {
      const names = new Map<number, string>();
      maps.set(reader.u32(), names);
      this.map(reader, names);
    }
  }

  /** The section that a text with these names becomes. */
  encode(): Uint8Array | undefined {
    const names = new Names();
    names.module = this.module;
    for (const word of WORDS) addAll(names.spaces[word].names, this.spaces[word]);
    for (const kind of ['locals', 'labels', 'fields'] as const) {
      for (const [index, map] of this[kind]) {
        const encoded = new NameMap();
        addAll(encoded, map);
        names[kind].addMap(index, encoded);
      }
    }
    return names.section()?.take();
  }
}

function addAll(map: NameMap, names: ByIndex): void {
  for (const [index, name] of names) map.add(index, name);
}

/** How many there are of each kind: names of others are not those of a canonical section. */
export interface Extents {
  readonly spaces: Readonly<Record<SpaceWord, number>>;
  /** Locals of a function, its parameters included. */
  locals(index: number): number;
  /** Fields of a struct. */
  fields(index: number): number;
  /** Constructs in a function. */
  labels(index: number): number;
}

/** @param section its content, behind its own name; undefined where there is none */
export function readNames(section: Uint8Array | undefined, extents: Extents): GivenNames {
  const names = new Section();
  if (section === undefined) return names;
  try {
    names.read(new Reader(section));
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    names.isCanonical = false;
    return names;
  }
  names.isCanonical = isOrdered(names, extents) && isSame(names.encode(), section);
  return names;
}

function isOrdered(names: Section, extents: Extents): boolean {
  if (WORDS.some((word) => !increases(names.spaces[word], extents.spaces[word]))) return false;
  const { func, type } = extents.spaces;
  const all = [
    [names.locals, func, extents.locals],
    [names.labels, func, extents.labels],
    [names.fields, type, extents.fields],
  ] as const;
  return all.every(
    ([maps, count, extent]) =>
      increases(maps, count) && [...maps].every(([index, map]) => map.size > 0 && increases(map, extent(index))),
  );
}

/** Whether the keys stand in order, all below a limit. */
function increases(map: ReadonlyMap<number, unknown>, limit: number): boolean {
  let last = -1;
  for (const index of map.keys()) {
    if (index <= last || index >= limit) return false;
    last = index;
  }
  return true;
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
