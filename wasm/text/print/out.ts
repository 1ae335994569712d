/** Text that grows, line by line: as bytes, of which a string is made in one piece at the end. */

import { UsageError } from '../../errors.ts';
import { decodeLossy, encodeUtf8 } from '../../utf8.ts';

const FIRST_ROOM = 1 << 12;
/** As long as strings can be in every runtime. */
const LONGEST = (1 << 28) - 1;
/** Depth up to which lines are set in further: the text stays linear in the module. */
const DEEPEST = 40;

const INDENTS: readonly string[] = Array.from({ length: DEEPEST + 1 }, (_, depth) => `\n${'  '.repeat(depth)}`);

/** Characters of a string that stand on one line. */
const LINE = 80;

const HEX = '0123456789abcdef';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a byte can stand in a string as it is. */
const IS_PLAIN: readonly boolean[] = Array.from(
  { length: 256 },
  (_, byte) => byte > 0x1f && byte < 0x7f && byte !== QUOTE && byte !== BACKSLASH,
);

/** Where the bytes end that fill a line. */
function endOfLine(content: Uint8Array, start: number): number {
  let end = start;
  for (let width = 0; end < content.length && width < LINE; end++) width += IS_PLAIN[content[end] as number] ? 1 : 3;
  return end;
}

export class TextOut {
  private bytes = new Uint8Array(FIRST_ROOM);
  private length = 0;

  /** @throws UsageError where there is more than a string can hold */
  add(text: string): void {
    // No UTF-16 code unit takes more than three bytes.
    const most = this.length + 3 * text.length;
    if (most > this.bytes.length) this.grow(most);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        const encoded = encodeUtf8(text);
        bytes.set(encoded, this.length);
        this.length += encoded.length;
        return;
      }
      bytes[at++] = code;
    }
    this.length = at;
  }

  /** Bytes as strings: one behind what is there, or several on lines of their own. */
  strings(content: Uint8Array, depth: number): void {
    for (let start = 0; start < content.length; ) {
      const end = endOfLine(content, start);
      if (start === 0 && end === content.length) this.add(' ');
      else this.line(depth, '');
      this.string(content, start, end);
      start = end;
    }
  }

  private string(content: Uint8Array, start: number, end: number): void {
    const most = this.length + 3 * (end - start) + 2;
    if (most > this.bytes.length) this.grow(most);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = content[i] as number;
      if (IS_PLAIN[byte]) bytes[at++] = byte;
      else {
        bytes[at++] = BACKSLASH;
        bytes[at++] = HEX.charCodeAt(byte >> 4);
        bytes[at++] = HEX.charCodeAt(byte & 15);
      }
    }
    bytes[at++] = QUOTE;
    this.length = at;
  }

  /** One character of ASCII. */
  character(code: number): void {
    if (this.length === this.bytes.length) this.grow(this.length + 1);
    this.bytes[this.length++] = code;
  }

  /** Begins a line. */
  line(depth: number, text: string): void {
    this.add(INDENTS[depth < DEEPEST ? depth : DEEPEST] as string);
    if (text !== '') this.add(text);
  }

  private grow(most: number): void {
    if (this.length > LONGEST) {
      throw new UsageError(`the text would have more than ${LONGEST} characters: too long for a string`);
    }
    const grown = new Uint8Array(Math.max(most, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  take(): string {
    const text = decodeLossy(this.bytes.subarray(0, this.length));
    this.length = 0;
    return text;
  }
}
