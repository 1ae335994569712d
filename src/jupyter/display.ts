/** What a kernel shows in place of a value. */

import { flame } from './flame.ts';
import { html, Markup } from './html.ts';
import type { GasProfile } from './profile.ts';
import { STYLE } from './style.ts';
import { viewOf } from './views.ts';

/** What Deno's kernel asks a value for. */
export const DISPLAY: unique symbol = Symbol.for('Jupyter.display') as never;

/** What is shown, by MIME type: notebooks take the richest that they can. */
export type MimeBundle = Readonly<Record<string, string>>;

/** A value that a notebook shows as what it stands for. */
export interface Displayable {
  /** What to show, by MIME type. */
  readonly [DISPLAY]: () => MimeBundle | Promise<MimeBundle>;
}

/** @internal */
export function page(content: Markup): string {
  return html`<div class="wasm-sandbox"><style>${new Markup(STYLE)}</style>${content}</div>`.text;
}

/**
 * Has a notebook show a value: a sandbox, its figures, those of a pool, an audit (`auditEvents()`, `violations()`, what
 * `callWithAudit` gives), the results of a batch, what a program wrote, an error, a profile, or any other value as text. What
 * guests have chosen is escaped. It is looked at when this is called.
 */
export function display(value: unknown): Displayable {
  const content = viewOf(value);
  const bundle: MimeBundle = {
    'text/html': page(content),
    'text/plain': plainText(content),
    ...(isProfile(value) && { 'image/svg+xml': flame(value).text }),
  };
  return { [DISPLAY]: () => bundle };
}

/** The HTML of {@link display}, for pages of your own. */
export function displayHtml(value: unknown): string {
  return page(viewOf(value));
}

const isProfile = (value: unknown): value is GasProfile =>
  typeof value === 'object' && value !== null && 'samples' in value && 'root' in value;

const BACK: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#96;': '`',
};

/** For front ends that show nothing but text: what the HTML says. */
export function plainText({ text }: Markup): string {
  return text
    .replace(/<(title|style)>[\s\S]*?<\/\1>/g, '')
    .replace(/<\/(?:tr|h4|h5|pre|div)>/g, '\n')
    .replace(/<\/t[dh]>|<\/span>/g, '  ')
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:amp|lt|gt|quot|#39|#96);/g, (entity) => BACK[entity] as string)
    .replace(/ +\n/g, '\n')
    .replace(/\n{2,}/g, '\n')
    .trim();
}
