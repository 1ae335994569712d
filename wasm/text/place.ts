/** Shows people a place in a text: line, column, the line itself and a mark under it. */

import { type CompileErrorDetails, TextError } from '../errors.ts';
import { escapeUnprintable } from '../quote.ts';

/** Characters of a line that are shown, and how many of them before the place. */
const SHOWN = 100;
const SHOWN_BEFORE = 60;

const isLineEnd = (code: number) => code === 0x0a || code === 0x0d;

/** Where the line of a place begins, and its number from 1. */
function lineAt(source: string, at: number): { readonly start: number; readonly line: number } {
  let line = 1;
  let start = 0;
  for (let i = 0; i < at; i++) {
    const code = source.charCodeAt(i);
    // The two of Windows count once.
    if (code === 0x0a || (code === 0x0d && source.charCodeAt(i + 1) !== 0x0a)) {
      line++;
      start = i + 1;
    }
  }
  return { start, line };
}

/** An error about the characters from `start` to `end`. */
export function errorAt(
  source: string,
  start: number,
  end: number,
  message: string,
  details: CompileErrorDetails = {},
): TextError {
  const { start: lineStart, line } = lineAt(source, start);
  const column = start - lineStart + 1;
  let lineEnd = start;
  while (lineEnd < source.length && lineEnd < start + SHOWN && !isLineEnd(source.charCodeAt(lineEnd))) lineEnd++;
  const first = Math.max(lineStart, start - SHOWN_BEFORE);
  const last = Math.min(lineEnd, first + SHOWN);
  const cut = first > lineStart ? '…' : '';
  const before = cut + shown(source.slice(first, start));
  const marked = shown(source.slice(start, Math.min(end, last)));
  const after = shown(source.slice(Math.min(end, last), last)) + (last < lineEnd ? '…' : '');
  const mark = ' '.repeat(before.length) + '^'.repeat(Math.max(1, marked.length));
  const text = `${message} (line ${line}, column ${column})\n  ${before}${marked}${after}\n  ${mark}`;
  return new TextError(text, line, column, details);
}

function shown(text: string): string {
  return escapeUnprintable(text.replaceAll('\t', ' '));
}
