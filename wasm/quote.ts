/** Text that a guest or a caller chose, made fit to stand in a message: quoted, escaped, bounded. */

const LONGEST = 60;

/** Controls, what reorders, hides or joins other characters, line separators, halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** In double quotes, with control characters escaped, cut after `longest` characters. */
export function quote(text: string, longest: number = LONGEST): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return escapeUnprintable(JSON.stringify(short));
}

/** Shows every character that would not show, or would change how others show, as its escape. */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = (character.codePointAt(0) as number).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

const LONGEST_MESSAGE = 1_000;

/** What somebody's error says, on one line. Never throws, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    return escapeUnprintable(text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text);
  } catch {
    return 'what cannot be shown';
  }
}

/** A value somebody passed, in a few words: `"abc"`, `-1`, `1n`, `null`, `an Array`. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'bigint':
      return showBigint(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object': {
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      const { constructor: maker } = value;
      const kind = typeof maker === 'function' ? maker.name : '';
      return kind === '' || kind === 'Object' ? 'an object' : `a value of class ${quote(kind)}`;
    }
    default:
      return String(value);
  }
}

function showBigint(value: bigint): string {
  // Writing a bigint out in decimal takes quadratic time; nobody needs the digits of a huge one.
  const bound = 1n << 128n;
  return value > -bound && value < bound ? `${value}n` : 'a bigint of more than 128 bits';
}
