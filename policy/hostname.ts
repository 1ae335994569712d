/** Host names in network grants: one spelling for each, and what a pattern covers. */

import { UsageError } from '../wasm/errors.ts';
import { show } from './check.ts';

/** Names that never lead to the public network (RFC 6761, RFC 6762, RFC 8375 and common practice). */
const PRIVATE_SUFFIXES = ['localhost', 'local', 'internal', 'lan', 'intranet', 'corp', 'home', 'home.arpa', 'test'];

/**
 * The one spelling of a host: lower case, punycode, no trailing dot, addresses as the URL standard writes them
 * (`0x7f.1` is `127.0.0.1`, version 6 in brackets). Undefined for what is not a host.
 */
export function normalHost(text: string): string | undefined {
  const bracketed = text.includes(':') && !text.startsWith('[') ? `[${text}]` : text;
  // Anything else of a URL in a host is a mistake, or an attempt to have it read as something else.
  if (!bracketed.startsWith('[') && /[\s/\\@?#:]/.test(bracketed)) return undefined;
  let url: URL;
  try {
    url = new URL(`http://${bracketed}/`);
  } catch {
    return undefined;
  }
  if (url.pathname !== '/' || url.port !== '' || url.username !== '' || url.search !== '' || url.hash !== '') {
    return undefined;
  }
  return withoutTrailingDot(url.hostname);
}

function withoutTrailingDot(host: string): string | undefined {
  const short = host.endsWith('.') ? host.slice(0, -1) : host;
  return short === '' || short.startsWith('.') || short.endsWith('.') || short.includes('..') ? undefined : short;
}

/**
 * A pattern of {@link coversHost}, in its one spelling.
 * @throws UsageError where it is not a host, `*.` and a host, or `*`
 */
export function normalPattern(pattern: string): string {
  if (pattern === '*') return pattern;
  const wildcard = pattern.startsWith('*.');
  const host = normalHost(wildcard ? pattern.slice(2) : pattern);
  if (host === undefined || host.includes('*') || (wildcard && isAddress(host))) {
    throw new UsageError(
      `${show(pattern)} is not a host: give a name (api.example.com), an address, ` +
        '*.example.com for every name below one, or * for every public name; ports go into allowedPorts',
    );
  }
  return wildcard ? `*.${host}` : host;
}

/** Whether the URL standard reads the host as an address. */
export function isAddress(host: string): boolean {
  return host.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether a name, in its one spelling, stands for the machine itself (RFC 6761). */
export function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

/** Whether a name, in its one spelling, never leads to the public network: one label, or a private suffix. */
export function isPrivateName(host: string): boolean {
  const isBelow = (suffix: string) => host === suffix || host.endsWith(`.${suffix}`);
  return !isAddress(host) && (!host.includes('.') || PRIVATE_SUFFIXES.some(isBelow));
}

/**
 * Whether a pattern covers a host, both in their one spelling. `*.example.com` covers every name below
 * `example.com`, not `example.com` itself. `*` covers public names: no address, no single label, no private suffix;
 * those must be named.
 */
export function coversHost(pattern: string, host: string): boolean {
  if (pattern === '*') return !isAddress(host) && !isPrivateName(host);
  if (pattern.startsWith('*.')) return host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1;
  return pattern === host;
}
