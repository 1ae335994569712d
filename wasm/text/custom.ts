/** Custom sections in the text format (specification 7.4.2): `(@custom "name" (after data) "bytes"…)`. */

import { Writer } from '../writer.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { SECTIONS, type SectionWord } from './spaces.ts';

/** Id of a custom section. */
const CUSTOM: number = 0;

const WORDS: readonly SectionWord[] = Object.keys(SECTIONS) as SectionWord[];
/** Before all sections, and behind all. */
const FIRST: number = 0;
const LAST: number = 2 * WORDS.length + 1;

/** The name of the section that names become. */
export const NAME_SECTION = 'name';

export class CustomSections {
  /** By place: before the first, before and behind every section, behind all. */
  private readonly places: Writer[] = [];
  private readonly content = new Writer();
  /** Whether the name section is among them. */
  hasNames = false;

  /** An annotation whose word has been read. */
  read(input: Input): void {
    if (input.kind !== TOKEN.string) input.fail('@custom annotation: missing section name');
    const name = input.name();
    if (name === NAME_SECTION) this.hasNames = true;
    const place = placement(input);
    const { content } = this;
    content.name(name);
    while (input.kind === TOKEN.string) content.copy(input.bytes());
    input.close();
    this.at(place).section(CUSTOM, content);
  }

  /** One that is not an annotation. */
  add(word: SectionWord, content: Writer): void {
    this.at(2 * WORDS.indexOf(word) + 1).section(CUSTOM, content);
  }

  private at(place: number): Writer {
    this.places[place] ??= new Writer();
    return this.places[place];
  }

  /** Those before all sections. */
  writeFirst(writer: Writer): void {
    this.write(FIRST, writer);
  }

  writeBefore(word: SectionWord, writer: Writer): void {
    this.write(2 * WORDS.indexOf(word) + 1, writer);
  }

  writeAfter(word: SectionWord, writer: Writer): void {
    this.write(2 * WORDS.indexOf(word) + 2, writer);
  }

  writeLast(writer: Writer): void {
    this.write(LAST, writer);
  }

  private write(place: number, writer: Writer): void {
    const sections = this.places[place];
    if (sections !== undefined) writer.append(sections);
  }
}

/** `(before first)`, `(after last)`, or before or after a section; behind all where nothing is said. */
function placement(input: Input): number {
  const { kind } = input;
  if (kind !== TOKEN.open) return LAST;
  input.advance();
  const isBefore = input.isWord('before');
  if (!isBefore && !input.isWord('after'))
    input.fail('@custom annotation: malformed placement: before or after expected');
  input.advance();
  const word = input.kind === TOKEN.word ? input.text : '';
  const index = (WORDS as string[]).indexOf(word);
  const place =
    word === 'first' && isBefore ? FIRST : word === 'last' && !isBefore ? LAST : 2 * index + (isBefore ? 1 : 2);
  if (index < 0 && place !== FIRST && place !== LAST) {
    input.fail(`@custom annotation: malformed section kind: ${WORDS.join(', ')}, first or last expected`);
  }
  input.advance();
  input.close();
  return place;
}
