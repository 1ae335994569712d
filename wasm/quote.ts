/** Text that a guest or a caller chose, made fit to stand in a message: quoted, escaped, bounded. */

const LONGEST = 60;

/** Controls, what reorders, hides or joins other characters, line separators, halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** In double quotes, with control characters escaped, cut after `longest` characters. */
export function quote(text: string, longest: number = LONGEST): string {
  return escapeUnprintable(JSON.stringify(cut(text, longest)));
}

/** At most so many characters, none of them in half. */
function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = (text.codePointAt(longest - 1) as number) > 0xffff ? longest - 1 : longest;
  return `${text.slice(0, end)}…`;
}

/**
 * Shows every character that would not show, or would change how others show, as its escapes. JSON on one line stays
 * the same JSON.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

const LONGEST_MESSAGE = 1_000;

/** What somebody's error says, on one line. Never throws, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    return escapeUnprintable(cut(error instanceof Error ? error.message : String(error), LONGEST_MESSAGE));
  } catch {
    return 'what cannot be shown';
  }
}

/** A value somebody passed, in a few words: `"abc"`, `-1`, `1n`, `null`, `an Array`. Never throws. */
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
    case 'object':
      try {
        return value === null ? 'null' : describeObject(value);
      } catch {
        // A proxy may refuse to be asked.
        return 'an object';
      }
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const { constructor: maker } = value;
  const kind: unknown = typeof maker === 'function' ? maker.name : '';
  return typeof kind !== 'string' || kind === '' || kind === 'Object' ? 'an object' : `a value of class ${quote(kind)}`;
}

function showBigint(value: bigint): string {
  // Writing a bigint out in decimal takes quadratic time; nobody needs the digits of a huge one.
  const bound = 1n << 128n;
  return value > -bound && value < bound ? `${value}n` : 'a bigint of more than 128 bits';
}
