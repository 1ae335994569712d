/**
 * Tokens of the text format (specification 6.3): where each begins and ends in the source, and nothing else. Comments
 * are skipped, and annotations (specification 6.3.7) that nobody knows.
 */

import { errorAt } from './place.ts';
import { nameText } from './strings.ts';

export const TOKEN = {
  end: 0,
  open: 1,
  close: 2,
  /** Begins with a lower-case letter. */
  word: 3,
  /** Begins with a digit or sign. */
  number: 4,
  identifier: 5,
  string: 6,
  /** The parenthesis and the name of an annotation that is known. */
  annotation: 7,
  /** Nothing that the format has. */
  reserved: 8,
} as const;

/** Annotations that say something here, as `(@name "…")`. All others may be anywhere, with anything in them. */
export const ANNOTATIONS = ['custom', 'name', 'metadata.code.branch_hint'] as const;

export type Annotation = (typeof ANNOTATIONS)[number];

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const DOLLAR = 0x24;
const OPEN = 0x28;
const CLOSE = 0x29;
const PLUS = 0x2b;
const MINUS = 0x2d;
const SEMICOLON = 0x3b;
const AT = 0x40;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const DELETE = 0x7f;

const BLANK = 1;
/** Of words, numbers and identifiers (specification 6.3.5). */
const ID = 2;
const LOWER = 4;
const DIGIT = 8;
const HEX = 16;
const PUNCTUATION = 32;
/** What stands for a character behind a backslash. */
const ESCAPE = 64;

/** What an ASCII character can be. */
const CLASS = new Uint8Array(256);
for (const code of [TAB, NEWLINE, RETURN, SPACE]) CLASS[code] = BLANK;
for (let code = 0x21; code < DELETE; code++) {
  const character = String.fromCharCode(code);
  let bits = 0;
  if (!'"(),;[]{}'.includes(character)) bits |= ID;
  if (/[a-z]/.test(character)) bits |= LOWER;
  if (/\d/.test(character)) bits |= DIGIT;
  if (/[\da-f]/i.test(character)) bits |= HEX;
  if (',;[]{}'.includes(character)) bits |= PUNCTUATION;
  if ('tnr"\'\\'.includes(character)) bits |= ESCAPE;
  CLASS[code] = bits;
}

const classOf = (code: number) => (code < 0x80 ? (CLASS[code] as number) : 0);

export class Lexer {
  readonly source: string;
  /** One of {@link TOKEN}. */
  kind: number = TOKEN.end;
  start = 0;
  end = 0;
  /** Of the next token, where it has been looked at already. */
  private hasAhead = false;
  private aheadKind: number = TOKEN.end;
  private aheadStart = 0;
  private aheadEnd = 0;
  private pos: number;
  /** In there they need no name, and are not known. */
  private isInAnnotation = false;

  /** Begins before the token at `from`: {@link advance} leads to it. */
  constructor(source: string, from = 0) {
    this.source = source;
    this.pos = from;
  }

  /** @throws TextError always */
  fail(message: string, start: number = this.start, end: number = this.end): never {
    throw errorAt(this.source, start, end, message);
  }

  /** Goes on to the next token. */
  advance(): void {
    if (!this.hasAhead) {
      this.scan();
      return;
    }
    this.hasAhead = false;
    this.kind = this.aheadKind;
    this.start = this.aheadStart;
    this.end = this.aheadEnd;
  }

  /** Looks at the token behind this one. */
  private look(): void {
    if (this.hasAhead) return;
    const { kind, start, end } = this;
    this.scan();
    this.hasAhead = true;
    this.aheadKind = this.kind;
    this.aheadStart = this.start;
    this.aheadEnd = this.end;
    this.kind = kind;
    this.start = start;
    this.end = end;
  }

  /** Kind of the token behind this one. */
  get nextKind(): number {
    this.look();
    return this.aheadKind;
  }

  /** Text of the token behind this one. */
  get nextText(): string {
    this.look();
    return this.source.slice(this.aheadStart, this.aheadEnd);
  }

  /** Whether this is a parenthesis, and the word behind it this one. */
  opens(word: string): boolean {
    if (this.kind !== TOKEN.open) return false;
    this.look();
    return this.aheadKind === TOKEN.word && this.isAt(word, this.aheadStart, this.aheadEnd);
  }

  isWord(word: string): boolean {
    return this.kind === TOKEN.word && this.isAt(word, this.start, this.end);
  }

  private isAt(word: string, start: number, end: number): boolean {
    return end - start === word.length && this.source.startsWith(word, start);
  }

  /** The token as it is written. */
  get text(): string {
    return this.source.slice(this.start, this.end);
  }

  /** The name of an annotation. */
  get annotation(): Annotation {
    return this.source.slice(this.start + 2, this.end) as Annotation;
  }

  /** Goes to the token at a place in the source. */
  seek(at: number): void {
    this.hasAhead = false;
    this.pos = at;
    this.scan();
  }

  /** From an opening parenthesis to behind its closing one, without looking closer at what is between. */
  skipList(): void {
    this.skip(this.end, this.start);
  }

  /** To behind the parenthesis that closes the one at `opened`, of which everything before this token has been read. */
  skipRest(opened: number): void {
    this.skip(this.start, opened);
  }

  private skip(from: number, opened: number): void {
    const { source } = this;
    let depth = 1;
    let at = from;
    while (depth > 0) {
      if (at >= source.length) this.fail('this parenthesis is never closed', opened, opened + 1);
      const code = source.charCodeAt(at);
      if (code === OPEN) {
        if (source.charCodeAt(at + 1) === SEMICOLON) at = this.blockComment(at);
        else {
          depth++;
          at++;
        }
      } else if (code === CLOSE) {
        depth--;
        at++;
      } else if (code === SEMICOLON && source.charCodeAt(at + 1) === SEMICOLON) at = this.lineComment(at);
      else if (code === QUOTE) at = this.string(at);
      else at++;
    }
    this.seek(at);
  }

  private scan(): void {
    const { source } = this;
    for (;;) {
      const at = this.pos;
      this.start = at;
      if (at >= source.length) {
        this.end = at;
        this.kind = TOKEN.end;
        return;
      }
      const code = source.charCodeAt(at);
      const is = classOf(code);
      if (is & BLANK) {
        let next = at + 1;
        while (classOf(source.charCodeAt(next)) & BLANK) next++;
        this.pos = next;
      } else if (is & ID || code === QUOTE) {
        this.run(at, code);
        return;
      } else if (code === OPEN) {
        const next = source.charCodeAt(at + 1);
        if (next === SEMICOLON) this.pos = this.blockComment(at);
        else if (next === AT && !this.isInAnnotation) {
          if (this.annotationAt(at)) return;
        } else {
          this.take(TOKEN.open, at + 1);
          return;
        }
      } else if (code === CLOSE) {
        this.take(TOKEN.close, at + 1);
        return;
      } else if (code === SEMICOLON && source.charCodeAt(at + 1) === SEMICOLON) this.pos = this.lineComment(at);
      else if (is & PUNCTUATION) {
        this.take(TOKEN.reserved, at + 1);
        return;
      } else this.illegal(at);
    }
  }

  private take(kind: number, end: number): void {
    this.kind = kind;
    this.end = end;
    this.pos = end;
  }

  private illegal(at: number): never {
    const code = this.source.codePointAt(at) as number;
    const hex = code.toString(16).toUpperCase().padStart(4, '0');
    this.fail(`illegal character U+${hex}: outside of strings and comments there is ASCII only`, at, at + 1);
  }

  /** Characters and strings that follow one another are one token (specification 6.3.1). */
  private run(start: number, first: number): void {
    const { source } = this;
    let at = start;
    let strings = 0;
    for (;;) {
      const code = source.charCodeAt(at);
      if (classOf(code) & ID) at++;
      else if (code === QUOTE) {
        at = this.string(at);
        strings++;
      } else break;
    }
    this.take(this.kindOfRun(start, at, first, strings), at);
  }

  private kindOfRun(start: number, end: number, first: number, strings: number): number {
    const { source } = this;
    if (strings > 0) {
      const isWhole = strings === 1 && source.charCodeAt(end - 1) === QUOTE;
      if (isWhole && first === QUOTE) return TOKEN.string;
      return isWhole && first === DOLLAR && source.charCodeAt(start + 1) === QUOTE ? TOKEN.identifier : TOKEN.reserved;
    }
    const is = CLASS[first] as number;
    if (is & LOWER) return TOKEN.word;
    if (is & DIGIT || first === PLUS || first === MINUS) return TOKEN.number;
    return first === DOLLAR ? TOKEN.identifier : TOKEN.reserved;
  }

  /** From a quotation mark to behind the one that closes it. */
  private string(start: number): number {
    const { source } = this;
    let at = start + 1;
    for (;;) {
      const code = source.charCodeAt(at);
      if (code === QUOTE) return at + 1;
      if (code === BACKSLASH) at = this.escape(at);
      else if (code >= SPACE && code !== DELETE) at++;
      else if (at >= source.length) this.fail('this string is never closed', start, start + 1);
      else if (code === NEWLINE || code === RETURN) {
        this.fail('this string is not closed on its line: write a line break as \\n', start, at);
      } else {
        this.fail(`control character in a string: write it as \\${code.toString(16).padStart(2, '0')}`, at, at + 1);
      }
    }
  }

  private escape(at: number): number {
    const { source } = this;
    const is = classOf(source.charCodeAt(at + 1));
    if (is & HEX && classOf(source.charCodeAt(at + 2)) & HEX) return at + 3;
    if (is & ESCAPE) return at + 2;
    if (source.charCodeAt(at + 1) === 0x75 && source.charCodeAt(at + 2) === BRACE) return this.scalar(at);
    return this.fail(
      `unknown escape in a string: there are \\t \\n \\r \\" \\' \\\\, two hexadecimal digits, and \\u{…}`,
      at,
      at + 2,
    );
  }

  /** Of a Unicode scalar value, as `\u{1F600}`. */
  private scalar(start: number): number {
    const { source } = this;
    let at = start + 3;
    let value = 0;
    for (let isDigitBefore = false; ; at++) {
      const code = source.charCodeAt(at);
      if (classOf(code) & HEX) {
        value = Math.min(16 * value + Number.parseInt(source[at] as string, 16), 0x110000);
        isDigitBefore = true;
      } else if (isDigitBefore && code === 0x5f) isDigitBefore = false;
      else if (isDigitBefore && code === 0x7d) break;
      else this.fail('malformed \\u{…} in a string: hexadecimal digits are expected', start, at);
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
      this.fail('\\u{…} of no Unicode scalar value: they are 0 to D7FF and E000 to 10FFFF', start, at + 1);
    }
    return at + 1;
  }

  private lineComment(start: number): number {
    const { source } = this;
    let at = start + 2;
    while (at < source.length) {
      const code = source.charCodeAt(at);
      if (code === NEWLINE || code === RETURN) break;
      at++;
    }
    return at;
  }

  private blockComment(start: number): number {
    const { source } = this;
    let depth = 1;
    let at = start + 2;
    while (depth > 0) {
      if (at >= source.length) this.fail('this comment is never closed', start, start + 2);
      const code = source.charCodeAt(at);
      if (code === OPEN && source.charCodeAt(at + 1) === SEMICOLON) {
        depth++;
        at += 2;
      } else if (code === SEMICOLON && source.charCodeAt(at + 1) === CLOSE) {
        depth--;
        at += 2;
      } else at++;
    }
    return at;
  }

  /** Takes an annotation that is known, as a token; skips any other one. */
  private annotationAt(start: number): boolean {
    const { source } = this;
    let end = start + 2;
    if (source.charCodeAt(end) === QUOTE) end = this.string(end);
    else while (classOf(source.charCodeAt(end)) & ID) end++;
    const name = source.slice(start + 2, end);
    if (name.startsWith('"') && nameText(source, start + 2, end) === undefined) {
      this.fail('malformed UTF-8 encoding in the name of an annotation', start, end);
    }
    if (name === '' || name === '""') this.fail('an annotation needs a name, directly behind the @', start, end);
    if (ANNOTATIONS.includes(name as Annotation)) {
      this.take(TOKEN.annotation, end);
      return true;
    }
    this.skipAnnotation(start, end);
    return false;
  }

  /** Whatever is in it has to be tokens. */
  private skipAnnotation(start: number, end: number): void {
    this.pos = end;
    this.isInAnnotation = true;
    for (let depth = 1; depth > 0; ) {
      this.scan();
      if (this.kind === TOKEN.open) depth++;
      else if (this.kind === TOKEN.close) depth--;
      else if (this.kind === TOKEN.end) this.fail('this annotation is never closed', start, end);
    }
    this.isInAnnotation = false;
  }
}
