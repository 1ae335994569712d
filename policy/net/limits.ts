/** What HTTP requests may use, and what of it a grant may set. Everything is bounded before it is allocated. */

import { checkArray, checkInteger, checkString, refuse } from '../check.ts';

/** A row for each limit a grant can set: what it is where the grant says nothing, and its range. */
const ROWS = {
  /** Bytes of a request's body. */
  maxRequestBytes: { default: 1024 * 1024, min: 0, max: 2 ** 30 },
  /** Bytes of a response's body. */
  maxResponseBytes: { default: 16 * 1024 * 1024, min: 0, max: 2 ** 40 },
  /** Milliseconds from sending a request to the last byte of its response, redirects included. */
  timeout: { default: 30_000, min: 1, max: 2 ** 31 - 1 },
  /** Redirects followed for one request. */
  maxRedirects: { default: 5, min: 0, max: 20 },
  /** Requests a guest may begin before a reset, refused ones not counted. */
  maxRequests: { default: 1_000, min: 1, max: 2 ** 31 - 1 },
} as const;

export type NetworkLimit = keyof typeof ROWS;
export type NetworkLimits = { readonly [K in NetworkLimit]: number };

export const NETWORK_LIMITS = Object.keys(ROWS) as readonly NetworkLimit[];

/** Limits that are the same for every policy. */
export const FIXED = {
  /** Requests open at once. */
  openRequests: 16,
  /** Bytes of a URL or method a guest passes. */
  urlBytes: 4_096,
  methodBytes: 32,
  requestHeaders: 64,
  /** Bytes of all names and values together. */
  requestHeaderBytes: 16 * 1024,
  responseHeaders: 128,
  responseHeaderBytes: 32 * 1024,
  /** Addresses of a name that are tried. */
  addresses: 8,
} as const;

/** @throws UsageError naming the limit */
export function checkLimits(what: string, given: Partial<Record<NetworkLimit, number | undefined>>): NetworkLimits {
  const entries = NETWORK_LIMITS.map((name) => {
    const { default: usual, min, max } = ROWS[name];
    return [name, checkInteger(`${what}: ${name}`, given[name] ?? usual, min, max)] as const;
  });
  return Object.fromEntries(entries) as NetworkLimits;
}

/** The stricter of two, limit by limit. */
export function narrow(a: NetworkLimits, b: NetworkLimits): NetworkLimits {
  const entries = NETWORK_LIMITS.map((name) => [name, Math.min(a[name], b[name])] as const);
  return Object.fromEntries(entries) as NetworkLimits;
}

/** What a guest may use where the grant names no methods. */
const DEFAULT_METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Methods that make a tunnel of a connection, or send a request's headers back: never granted. */
const NEVER: readonly string[] = ['CONNECT', 'TRACE', 'TRACK'];

export function isMethod(text: string): boolean {
  return /^[A-Z][A-Z-]*$/.test(text) && text.length <= FIXED.methodBytes && !NEVER.includes(text);
}

/** @throws UsageError for a method that can never be granted */
export function checkMethods(what: string, methods: unknown): readonly string[] {
  if (methods === undefined) return Object.freeze([...DEFAULT_METHODS]);
  const list = checkArray(what, methods).map((method) => {
    const text = checkString(what, method);
    return isMethod(text) ? text : refuse(what, `of methods in capitals, without ${NEVER.join(', ')}`, method);
  });
  return Object.freeze(list);
}
