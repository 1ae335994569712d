/** What carries requests out: one request at a time, no redirects, no cookies, no cache, no proxy. */

import type { Bytes } from '../../wasm/bytes.ts';
import type { Header } from './headers.ts';

/** A request that has been decided: to be sent as it is. */
export interface HttpRequest {
  readonly method: string;
  /** Without user name, password and fragment. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: readonly Header[];
  /** The client's own. */
  readonly body: Uint8Array | undefined;
  /** Where to connect, in this order, and nowhere else. Undefined where the client cannot resolve names. */
  readonly addresses: readonly string[] | undefined;
}

/** The head of a response, and what reads its body. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case, in the order received. */
  readonly headers: readonly Header[];
  /** The next piece of the body, never empty, copied before the next is asked for; undefined at its end. Rejects where the connection breaks. */
  read(): Promise<Bytes | undefined>;
  /** Lets go of the connection. */
  cancel(): void;
}

/** Why there is no response: headers beyond what can be taken, no HTTP at all, no connection. */
export type HttpFailure = 'headers' | 'protocol' | 'unreachable';

/** Every failure but those named is `unreachable`, also a rejection. */
export interface HttpClient {
  /** All addresses of a name. Absent where the runtime resolves names by itself, and lets nobody look. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Ends early, rejecting, when the signal says so; so does reading the response. */
  readonly send: (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse | HttpFailure>;
}

let provided: (() => Promise<HttpClient | undefined>) | undefined;

/** For the entry of a runtime that has a client which resolves names. */
export function provideClient(load: () => Promise<HttpClient | undefined>): void {
  provided = load;
}

/**
 * The client for this runtime. With Node's modules, addresses are checked and pinned; elsewhere `fetch` connects to
 * whatever the runtime resolves, and policies decide by name alone.
 */
export async function loadClient(): Promise<HttpClient> {
  return (await provided?.()) ?? (await import('./fetch.ts')).fetchClient;
}
