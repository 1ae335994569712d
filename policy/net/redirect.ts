/** Where a response leads on, and what goes along: the Fetch standard's HTTP-redirect fetch, stricter on headers. */

import type { HttpResponse } from './client.ts';
import { type Header, isKeptAcrossOrigins } from './headers.ts';

/** One request on the way to a response. */
export interface Hop {
  readonly method: string;
  /** As the guest, or the response before, wrote it: absolute, decided as it stands. */
  readonly url: URL;
  readonly headers: readonly Header[];
  readonly body: Uint8Array | undefined;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The next hop; undefined where the response is no redirect, `nowhere` where it leads to no URL. */
export function nextHop(
  hop: Hop,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
): Hop | 'nowhere' | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const locations = headers.filter(([name]) => name === 'location').map(([, value]) => value);
  const [location] = locations;
  if (location === undefined) return undefined;
  if (locations.some((other) => other !== location)) return 'nowhere';
  let url: URL;
  try {
    url = new URL(location, hop.url);
  } catch {
    return 'nowhere';
  }
  url.hash = '';
  const { method } = hop;
  const becomesGet =
    ((status === 301 || status === 302) && method === 'POST') ||
    (status === 303 && method !== 'GET' && method !== 'HEAD');
  const crosses = url.origin !== hop.url.origin;
  return {
    url,
    method: becomesGet ? 'GET' : method,
    body: becomesGet ? undefined : hop.body,
    headers: hop.headers.filter(
      ([name]) => (!becomesGet || !name.startsWith('content-')) && (!crosses || isKeptAcrossOrigins(name)),
    ),
  };
}
