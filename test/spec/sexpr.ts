/** Reads the S-expressions of the text format (specification, section 6.2): atoms, byte strings, lists, comments. */

export interface Atom {
  readonly kind: 'atom';
  readonly text: string;
  readonly line: number;
}

export interface ByteString {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
  readonly line: number;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Sexpr[];
  /** The line of the opening parenthesis, from 1. */
  readonly line: number;
}

/** A module in the text format, which nobody has looked into yet. */
export interface ModuleText {
  readonly kind: 'text';
  readonly text: string;
  readonly line: number;
}

export type Sexpr = Atom | ByteString | List | ModuleText;

/** Complains about an expression that is well-formed but not understood. */
export function failAt(node: Sexpr, what: string): never {
  throw new Error(`line ${node.line}: ${what}`);
}

const NEWLINE = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

const ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, '"': 0x22, "'": 0x27, '\\': 0x5c };

const encoder = new TextEncoder();

function isSpace(code: number): boolean {
  return code === SPACE || (code >= 9 && code <= 13);
}

/**
 * The top-level expressions of a source text, in order.
 * @throws Error with the line, when the text is not well-formed.
 */
export function readSexprs(source: string): readonly Sexpr[] {
  const top: Sexpr[] = [];
  const open: { items: Sexpr[]; line: number }[] = [];
  let items = top;
  let line = 1;
  let at = 0;

  const fail = (what: string): never => {
    throw new Error(`line ${line}: ${what}`);
  };

  const skipBlockComment = () => {
    const start = line;
    let depth = 0;
    do {
      if (at >= source.length) throw new Error(`line ${start}: comment without end`);
      if (source.startsWith('(;', at)) {
        depth++;
        at += 2;
      } else if (source.startsWith(';)', at)) {
        depth--;
        at += 2;
      } else if (source.charCodeAt(at++) === NEWLINE) {
        line++;
      }
    } while (depth > 0);
  };

  /** Appends the bytes of the escape whose backslash is at `at - 1`. */
  const readEscape = (bytes: number[]) => {
    const hex = /^[0-9a-fA-F]{2}/.exec(source.slice(at, at + 2));
    if (hex) {
      bytes.push(Number.parseInt(hex[0], 16));
      at += 2;
      return;
    }
    const unicode = /^u\{([0-9a-fA-F_]{1,12})\}/.exec(source.slice(at, at + 15));
    if (unicode) {
      bytes.push(...encoder.encode(String.fromCodePoint(Number.parseInt(unicode[1]!.replaceAll('_', ''), 16))));
      at += unicode[0].length;
      return;
    }
    const code = ESCAPES[source[at] ?? ''];
    bytes.push(code ?? fail(`unknown escape \\${source[at]}`));
    at++;
  };

  const readString = (): ByteString => {
    const start = line;
    const bytes: number[] = [];
    at++;
    for (;;) {
      if (at >= source.length) throw new Error(`line ${start}: string without end`);
      const code = source.charCodeAt(at++);
      if (code === QUOTE) return { kind: 'string', bytes: Uint8Array.from(bytes), line: start };
      if (code === BACKSLASH) {
        readEscape(bytes);
      } else if (code < 0x80) {
        if (code === NEWLINE) fail('newline in a string');
        bytes.push(code);
      } else {
        const character = String.fromCodePoint(source.codePointAt(at - 1)!);
        bytes.push(...encoder.encode(character));
        at += character.length - 1;
      }
    }
  };

  const readAtom = (): Atom => {
    const start = at;
    while (at < source.length) {
      const code = source.charCodeAt(at);
      if (isSpace(code) || code === OPEN || code === CLOSE || code === QUOTE || code === SEMICOLON) break;
      at++;
    }
    return { kind: 'atom', text: source.slice(start, at), line };
  };

  while (at < source.length) {
    const code = source.charCodeAt(at);
    if (code === NEWLINE) {
      line++;
      at++;
    } else if (isSpace(code)) {
      at++;
    } else if (code === SEMICOLON) {
      if (source.charCodeAt(at + 1) !== SEMICOLON) fail('single semicolon');
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
    } else if (code === OPEN && source.charCodeAt(at + 1) === SEMICOLON) {
      skipBlockComment();
    } else if (code === OPEN) {
      open.push({ items, line });
      items = [];
      at++;
    } else if (code === CLOSE) {
      const outer = open.pop() ?? fail('closing parenthesis without an opening one');
      outer.items.push({ kind: 'list', items, line: outer.line });
      items = outer.items;
      at++;
    } else {
      items.push(code === QUOTE ? readString() : readAtom());
    }
  }
  const unclosed = open.at(-1);
  if (unclosed) throw new Error(`line ${unclosed.line}: parenthesis never closed`);
  return top;
}
