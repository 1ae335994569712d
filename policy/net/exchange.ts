/** Sends a request, hop by hop: each is decided by its URL, and again by the addresses its host leads to. */

import { ignore, whenSettled } from '../../wasm/thenable.ts';
import type { HostCallContext, Refusal } from '../call.ts';
import { type Decision, decide, type NetworkRequest } from '../decide.ts';
import { DENIALS, NETWORK_LIMIT_DENIAL } from '../denials.ts';
import { isAddress, normalHost } from '../hostname.ts';
import type { HttpClient, HttpFailure, HttpResponse } from './client.ts';
import { HTTP_ERROR, type HttpErrorCode } from './codes.ts';
import { headerBytes } from './headers.ts';
import { FIXED, narrow } from './limits.ts';
import { type Hop, nextHop } from './redirect.ts';
import { grantOf, type Interruption, type NetworkState, type OutgoingRequest } from './requests.ts';

/** Marks the call as refused by a decision or for what was passed, and gives the guest's error. */
export function refuse(
  call: HostCallContext,
  request: NetworkRequest,
  { rule, reason }: Pick<Decision, 'rule' | 'reason'>,
  code: HttpErrorCode,
): HttpErrorCode {
  call.refusal = { request, what: DENIALS.network as string, rule, reason } satisfies Refusal;
  return code;
}

/** Marks the call as refused by a limit. */
export function exceed(call: HostCallContext, request: NetworkRequest, rule: string, reason: string): HttpErrorCode {
  call.refusal = { request, what: NETWORK_LIMIT_DENIAL, rule, reason } satisfies Refusal;
  return HTTP_ERROR.limit;
}

const FAILURES: Readonly<Record<Exclude<HttpFailure, 'headers'>, HttpErrorCode>> = {
  protocol: HTTP_ERROR.protocol,
  unreachable: HTTP_ERROR.unreachable,
};

/** What a wait came to when it gave nothing else. */
export function interrupted(call: HostCallContext, request: OutgoingRequest, why: Interruption): HttpErrorCode {
  if (why === 'closed') return HTTP_ERROR.handle;
  exceed(call, request.asked, 'timeLimit', 'the request, or the call it was made in, took too long');
  return HTTP_ERROR.timeout;
}

/** Sends the request, and gives the guest the status of the response that ends it, or an error. */
export async function exchange(state: NetworkState, call: HostCallContext, request: OutgoingRequest): Promise<number> {
  request.phase = 'sending';
  request.limitTime(state.timeLeft());
  // It may have to be loaded first. The guest, or who it belonged to, may be gone by then.
  const client = await request.within(state.client());
  if (typeof client === 'string') return interrupted(call, request, client);
  const outcome = await follow(state, call, request, client);
  if (typeof outcome !== 'number') {
    request.phase = 'answered';
    request.response = outcome;
    return outcome.status;
  }
  request.end();
  return outcome;
}

/** The first response that leads no further. */
async function follow(
  state: NetworkState,
  call: HostCallContext,
  request: OutgoingRequest,
  client: HttpClient,
): Promise<HttpResponse | HttpErrorCode> {
  const { method, url, headers, body } = request;
  let hop: Hop = { method, url, headers, body };
  for (let redirects = 0; ; redirects++) {
    const asked: NetworkRequest = { kind: 'network', url: hop.url.href, method: hop.method };
    const decision = decide(state.policy, asked);
    if (!decision.allowed) return refuse(call, asked, decision, HTTP_ERROR.denied);
    request.limits = narrow(request.limits, grantOf(state.policy, decision));
    request.limitTime(state.timeLeft());
    if (redirects > request.limits.maxRedirects) {
      return exceed(call, asked, 'redirectLimit', `more than ${request.limits.maxRedirects} redirects`);
    }
    if ((hop.body?.length ?? 0) > request.limits.maxRequestBytes) {
      return exceed(call, asked, 'requestLimit', `a body of more than ${request.limits.maxRequestBytes} bytes`);
    }
    const addresses = await addressesOf(request, client, hop.url);
    if (addresses === 'timeout' || addresses === 'closed') return interrupted(call, request, addresses);
    if (addresses === 'none') {
      call.decide({ request: asked, ...decision });
      return HTTP_ERROR.unreachable;
    }
    // One address that is not granted is enough: a name that leads to both sides is made for getting across.
    for (const address of addresses ?? []) {
      const over: NetworkRequest = { ...asked, address };
      const again = decide(state.policy, over);
      if (!again.allowed) return refuse(call, over, again, HTTP_ERROR.denied);
      if (address === addresses?.[0]) call.decide({ request: over, ...again });
    }
    if (addresses === undefined) call.decide({ request: asked, ...decision });

    const response = await attempt(request, client, hop, addresses);
    if (response === 'timeout' || response === 'closed') return interrupted(call, request, response);
    if (response === 'headers') return exceed(call, asked, 'headerLimit', 'the response has too many headers');
    if (typeof response === 'string') return FAILURES[response];
    const over = overLimit(request, hop, response);
    if (over !== undefined) {
      response.cancel();
      return exceed(call, asked, ...over);
    }
    const next = nextHop(hop, response);
    if (next === undefined) return response;
    response.cancel();
    if (next === 'nowhere') return HTTP_ERROR.protocol;
    hop = next;
  }
}

/** Undefined where nobody can tell; `none` where the name leads nowhere. */
async function addressesOf(
  request: OutgoingRequest,
  client: HttpClient,
  url: URL,
): Promise<readonly string[] | undefined | 'none' | Interruption> {
  const host = normalHost(url.hostname) as string;
  if (isAddress(host)) return client.resolve && [host.replaceAll(/[[\]]/g, '')];
  if (client.resolve === undefined) return undefined;
  try {
    const found = await request.within(client.resolve(host));
    if (typeof found === 'string') return found;
    return found.length === 0 ? 'none' : found.slice(0, FIXED.addresses);
  } catch {
    return 'none';
  }
}

async function attempt(
  request: OutgoingRequest,
  client: HttpClient,
  { method, url, headers, body }: Hop,
  addresses: readonly string[] | undefined,
): Promise<HttpResponse | HttpFailure | Interruption> {
  const target = new URL(url);
  target.hash = '';
  try {
    const sent = client.send({ method, url: target, headers, body: body?.slice(), addresses }, request.signal);
    const outcome = await request.within(sent);
    // A response that comes after all has nobody to read it.
    if (typeof outcome === 'string') ignore(whenSettled(sent, (late) => typeof late === 'object' && late.cancel()));
    return outcome;
  } catch {
    return 'unreachable';
  }
}

/** The rule and reason where a response is more than the guest may have. */
function overLimit(
  request: OutgoingRequest,
  hop: Hop,
  response: HttpResponse,
): [rule: string, reason: string] | undefined {
  const { headers } = response;
  if (headers.length > FIXED.responseHeaders || headerBytes(headers) > FIXED.responseHeaderBytes) {
    return ['headerLimit', 'the response has too many headers'];
  }
  const { maxResponseBytes } = request.limits;
  const length = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? 0);
  const hasBody = hop.method !== 'HEAD' && response.status !== 204 && response.status !== 304;
  return hasBody && length > maxResponseBytes
    ? ['responseLimit', `a body of more than ${maxResponseBytes} bytes`]
    : undefined;
}
