/** Values of guests as text. */

import { describe, escapeUnprintable } from '../../wasm/quote.ts';

/** Elements that are told one by one. */
const MOST_ELEMENTS = 200;

/** As a program would write it; what holds much, in a few words. */
export function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value) && value.length <= MOST_ELEMENTS) return `[${value.map(elementText).join(', ')}]`;
  return describe(value);
}

const elementText = (value: unknown) => (Array.isArray(value) ? describe(value) : valueText(value));

/** Text over lines, in which every character shows: newlines and tabs stay, other controls are there as their escapes. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, (part) => escapeUnprintable(part.replace(/\r$/, '')));
}
