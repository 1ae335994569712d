/** Reads what the grammar of the text format is made of: parentheses, words, indices, strings, integers. */

import { needs } from '../proposals.ts';
import { quote } from '../quote.ts';
import { type Annotation, Lexer, TOKEN } from './lexer.ts';
import { type Fault, unsigned, unsigned64 } from './numbers.ts';
import { errorAt } from './place.ts';
import { proposalOfWord } from './proposed.ts';
import { nameText, stringBytes } from './strings.ts';

const MAX_U32 = 0xffff_ffff;
const WORD_AT = /\(?\s*([a-z][^\s()"';]*)/y;

export class Input extends Lexer {
  /** @throws TextError always, which says what is there instead */
  expected(what: string): never {
    if (this.kind === TOKEN.annotation) this.fail(`misplaced @${this.annotation} annotation: ${what} expected`);
    const found = this.kind === TOKEN.end ? 'the text ends' : `there is ${quote(this.text)}`;
    return this.unknown(`unexpected token: ${what} expected, but ${found}`);
  }

  /** @throws TextError always, which names the proposal where one has the word that is there, or follows the parenthesis */
  unknown(message: string, start: number = this.start, end: number = this.end): never {
    const { source } = this;
    WORD_AT.lastIndex = start;
    const feature = proposalOfWord(WORD_AT.exec(source)?.[1] ?? '');
    throw errorAt(source, start, end, feature === undefined ? message : needs(feature, message), { feature });
  }

  /** The parenthesis and the word behind it. */
  open(word: string): void {
    if (!this.opens(word)) this.expected(`(${word} …)`);
    this.advance();
    this.advance();
  }

  /** The same, where they are there. */
  tryOpen(word: string): boolean {
    if (!this.opens(word)) return false;
    this.advance();
    this.advance();
    return true;
  }

  close(): void {
    if (this.kind !== TOKEN.close) this.expected('a closing parenthesis');
    this.advance();
  }

  tryWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.advance();
    return true;
  }

  /** A number, or an identifier. */
  get isIndex(): boolean {
    return this.kind === TOKEN.number || this.kind === TOKEN.identifier;
  }

  /** Text of an identifier, without its dollar sign. */
  get identifier(): string {
    const { source, start, end } = this;
    if (source[start + 1] !== '"') {
      if (end === start + 1) this.fail('empty identifier: characters have to follow the $');
      return source.slice(start + 1, end);
    }
    const text = nameText(source, start + 1, end) ?? this.fail('malformed UTF-8 encoding in an identifier');
    if (text === '') this.fail('empty identifier: characters have to follow the $');
    return text;
  }

  tryIdentifier(): string | undefined {
    if (this.kind !== TOKEN.identifier) return undefined;
    const text = this.identifier;
    this.advance();
    return text;
  }

  tryAnnotation(name: Annotation): boolean {
    if (this.kind !== TOKEN.annotation || this.annotation !== name) return false;
    this.advance();
    return true;
  }

  /** What a name annotation says (specification 7.4.3); undefined where there is none. */
  nameAnnotation(): string | undefined {
    if (!this.tryAnnotation('name')) return undefined;
    const text = this.name();
    this.close();
    return text;
  }

  /** Passes over an identifier and an annotation that have been read before. */
  skipBinding(): void {
    this.tryIdentifier();
    this.nameAnnotation();
  }

  bytes(): Uint8Array {
    if (this.kind !== TOKEN.string) this.expected('a string');
    const bytes = stringBytes(this.source, this.start, this.end);
    this.advance();
    return bytes;
  }

  name(): string {
    if (this.kind !== TOKEN.string) this.expected('a name as a string');
    const text = nameText(this.source, this.start, this.end) ?? this.fail('malformed UTF-8 encoding in a name');
    this.advance();
    return text;
  }

  u32(what: string): number {
    return this.checked(unsigned(this.numberText(what), MAX_U32), what);
  }

  u8(what: string): number {
    return this.checked(unsigned(this.numberText(what), 0xff), what);
  }

  u64(what: string): bigint {
    return this.checked(unsigned64(this.numberText(what)), what);
  }

  private numberText(what: string): string {
    if (this.kind !== TOKEN.number) this.expected(what);
    return this.text;
  }

  /** Goes on behind a literal, unless it was none. */
  checked<T extends number | bigint>(value: T | Fault, what: string): T {
    if (value === 'malformed') return this.expected(what);
    if (value === 'range')
      return this.fail(`constant out of range: ${what} expected, but there is ${quote(this.text)}`);
    this.advance();
    return value as T;
  }
}
