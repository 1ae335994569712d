/** HTML out of texts that guests have chosen: whatever is put into a template is escaped, unless it is HTML itself. */

import { escapeUnprintable } from '../../wasm/quote.ts';
import { visibleLines } from './values.ts';

/** HTML or SVG that this folder has made. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What may stand in a template; nothing of undefined and false is shown. */
export type Piece = Markup | string | number | bigint | false | undefined | readonly Piece[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Fit for text and for attributes in quotes. What would not show, or change how others show (controls, NUL, what turns the
 * direction of text, line separators), is there as its escapes.
 */
export function escapeHtml(text: string): string {
  return escapeEntities(escapeUnprintable(text));
}

function escapeEntities(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ENTITIES[character] as string);
}

/** A page of this folder's own, as an attribute in quotes: it stays as it is. */
export function inAttribute(page: string): Markup {
  return new Markup(page.replace(/[&<>"]/g, (character) => ENTITIES[character] as string));
}

/** The same over lines: newlines and tabs stay. */
export function escapeLines(text: string): Markup {
  return new Markup(escapeEntities(visibleLines(text)));
}

export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return new Markup(strings.map((string, i) => string + show(pieces[i])).join(''));
}

function show(piece: Piece): string {
  if (piece === undefined || piece === false) return '';
  if (piece instanceof Markup) return piece.text;
  return Array.isArray(piece) ? piece.map(show).join('') : escapeHtml(String(piece));
}
