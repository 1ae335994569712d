/** Which headers a guest may send, and which of them go along when a redirect leads to another origin. */

/** A name and a value; characters up to U+00FF stand for bytes. */
export type Header = readonly [name: string, value: string];

/** Tokens (RFC 9110, 5.6.2). */
const NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;

/** Visible characters, spaces and tabs, and bytes above ASCII: nothing that ends a line (RFC 9110, 5.5). */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What belongs to the connection, or says to the server what the policy has not decided. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);
const FORBIDDEN_PREFIXES = ['proxy-', 'sec-'];

/** What says nothing about who asks. */
const KEPT_ACROSS_ORIGINS: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-language',
  'content-type',
  'range',
  'user-agent',
]);

export function isHeaderName(name: string): boolean {
  return NAME.test(name);
}

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value);
}

/** @param name in lower case */
export function isForbidden(name: string): boolean {
  return FORBIDDEN.has(name) || FORBIDDEN_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** @param name in lower case */
export function isKeptAcrossOrigins(name: string): boolean {
  return KEPT_ACROSS_ORIGINS.has(name);
}

/** A sum that bounds how much memory headers take. */
export function headerBytes(headers: readonly Header[]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
