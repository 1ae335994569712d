/** Requests that `wasi:http` sends, by the functions of docs/http.md: through their limits, decisions and prices. */

import { HEADER_BYTE } from '../../wasm/gas.ts';
import { encodeUtf8 } from '../../wasm/utf8.ts';
import type { HostCallContext } from '../call.ts';
import type { NetworkRequest, PolicyRequest } from '../decide.ts';
import { HTTP_ERROR } from '../net/codes.ts';
import { HTTP_FUNCTIONS } from '../net/functions.ts';
import { type Field, holdFixed } from './http-fields.ts';
import { NEVER, POLLABLE } from './poll.ts';
import { Kind, WitError } from './resources.ts';
import { failed, INPUT } from './streams.ts';
import { type Interface, type Preview2, row } from './table.ts';

/** How a request failed, as `wasi:http` has it. */
export interface ErrorCode {
  readonly tag: string;
  readonly val?: unknown;
}

/** Nanoseconds after which the guest wants no more of it. */
export interface Timeouts {
  connect: bigint | undefined;
  firstByte: bigint | undefined;
  betweenBytes: bigint | undefined;
}

/** A request that was handed over. */
export interface Exchange {
  /** Of the policy's functions. */
  readonly handle: number;
  readonly asked: NetworkRequest;
  readonly timeouts: Timeouts | undefined;
  /** What came back; undefined while its body is still being written. */
  outcome:
    | { readonly tag: 'ok'; readonly val: Response }
    | { readonly tag: 'err'; readonly val: ErrorCode }
    | undefined;
  /** Whether the guest has been given that. */
  isTaken: boolean;
}

interface Response {
  readonly exchange: Exchange;
  readonly status: number;
  readonly headers: readonly Field[];
  isConsumed: boolean;
}

interface IncomingBody {
  readonly exchange: Exchange;
  isTaken: boolean;
}

export const FUTURE = new Kind<Exchange>('future-incoming-response');
const RESPONSE = new Kind<Response>('incoming-response');
const INCOMING = new Kind<IncomingBody>('incoming-body');
const TRAILERS = new Kind<{ isTaken: boolean }>('future-trailers');

const PROCESS: PolicyRequest = { kind: 'process' };

/** Bytes of a response that one call gives at most. */
const PIECE_BYTES = 65_536;
const LONGEST_TIMER = 2 ** 31 - 1;
const NANOSECONDS = 1_000_000n;

/** What is refused by a limit of the policy, by its rule. */
const BY_RULE: Readonly<Record<string, ErrorCode>> = {
  requestLimit: { tag: 'HTTP-request-body-size' },
  responseLimit: { tag: 'HTTP-response-body-size' },
  redirectLimit: { tag: 'loop-detected' },
};
const BY_CODE: Readonly<Record<number, ErrorCode>> = {
  [HTTP_ERROR.denied]: { tag: 'HTTP-request-denied' },
  [HTTP_ERROR.invalid]: { tag: 'HTTP-request-URI-invalid' },
  [HTTP_ERROR.timeout]: { tag: 'HTTP-response-timeout' },
  [HTTP_ERROR.unreachable]: { tag: 'destination-unavailable' },
  [HTTP_ERROR.protocol]: { tag: 'HTTP-protocol-error' },
};

function errorOf(call: HostCallContext, code: number, isLate = false): ErrorCode {
  if (isLate) return BY_CODE[HTTP_ERROR.timeout] as ErrorCode;
  const { rule = '', reason = 'the request is over' } = call.refusal ?? {};
  if (code === HTTP_ERROR.limit) return BY_RULE[rule] ?? { tag: 'internal-error', val: reason };
  return BY_CODE[code] ?? { tag: 'internal-error', val: reason };
}

type Run = (...args: number[]) => number | Promise<number>;

/** One of the policy's functions, for the guest that calls now. */
function functionOf(host: Preview2, call: HostCallContext, name: string, asked: NetworkRequest): Run {
  const found = HTTP_FUNCTIONS.find((each) => each.name === name);
  return (...args) => found?.call(host.network, call, args, asked) ?? HTTP_ERROR.state;
}

/** What is opened, and not sent yet. @throws WitError */
export function open(
  host: Preview2,
  call: HostCallContext,
  asked: NetworkRequest,
  headers: readonly Field[],
  timeouts: Timeouts | undefined,
): Exchange {
  const give = (bytes: Uint8Array): [number, number] => [host.give(call, bytes), bytes.length];
  const check = (result: number | Promise<number>): number => {
    if (typeof result === 'number' && result >= 0) return result;
    throw new WitError(errorOf(call, result as number));
  };
  const { url = '', method = '' } = asked;
  const opening = functionOf(host, call, 'request_open', asked);
  const handle = check(opening(...give(encodeUtf8(method)), ...give(encodeUtf8(url))));
  try {
    const adding = functionOf(host, call, 'request_header', asked);
    for (const [name, value] of headers) check(adding(handle, ...give(encodeUtf8(name)), ...give(value)));
  } catch (error) {
    host.network.close(handle);
    throw error;
  }
  return { handle, asked, timeouts, outcome: undefined, isTaken: false };
}

/** Sends it, and waits for the head of the response. Whatever comes of it is its outcome. */
export async function send(
  host: Preview2,
  call: HostCallContext,
  exchange: Exchange,
  body: Uint8Array | undefined,
): Promise<void> {
  const { handle, asked, timeouts } = exchange;
  if (body !== undefined && body.length > 0) {
    const writing = functionOf(host, call, 'request_write', asked);
    const written = await writing(handle, host.give(call, body), body.length);
    if (written < 0) return fail(host, exchange, errorOf(call, written));
  }
  const { connect, firstByte } = timeouts ?? {};
  const time = connect === undefined ? firstByte : connect + (firstByte ?? 0n);
  const sending = functionOf(host, call, 'request_send', asked);
  const status = await inTime(host, exchange, time, () => sending(handle));
  if (typeof status !== 'number') return fail(host, exchange, status);
  if (status < 0) return fail(host, exchange, errorOf(call, status, host.network.get(handle)?.isLate));
  const { headers = [] } = host.network.get(handle)?.response ?? {};
  const fields = headers.map(([name, value]): Field => [name, latin1(value)]);
  exchange.outcome = { tag: 'ok', val: { exchange, status, headers: fields, isConsumed: false } };
}

export function fail(host: Preview2, exchange: Exchange, code: ErrorCode): void {
  host.network.close(exchange.handle);
  exchange.outcome = { tag: 'err', val: code };
}

/** The guest's own time is no limit of the policy's, whose end would be recorded. */
async function inTime<T>(
  host: Preview2,
  { handle }: Exchange,
  nanoseconds: bigint | undefined,
  work: () => T | Promise<T>,
): Promise<T | ErrorCode> {
  if (nanoseconds === undefined) return work();
  let isLate = false;
  const milliseconds = Math.min(Number(nanoseconds / NANOSECONDS), LONGEST_TIMER);
  const timer = setTimeout(() => {
    isLate = true;
    host.network.get(handle)?.end();
  }, milliseconds);
  try {
    const value = await work();
    return isLate ? { tag: 'HTTP-response-timeout' } : value;
  } finally {
    clearTimeout(timer);
  }
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Of the response, once; nothing before there is one. */
function take(host: Preview2, _call: HostCallContext, self: unknown): unknown {
  const exchange = FUTURE.of(self);
  const { outcome } = exchange;
  if (outcome === undefined) return undefined;
  if (exchange.isTaken) return { tag: 'err', val: undefined };
  exchange.isTaken = true;
  const val = outcome.tag === 'ok' ? { tag: 'ok', val: host.hold(RESPONSE, outcome.val) } : outcome;
  return { tag: 'ok', val };
}

function consume(host: Preview2, _call: HostCallContext, self: unknown): object {
  const response = RESPONSE.of(self);
  if (response.isConsumed) throw new WitError(undefined);
  response.isConsumed = true;
  return host.hold(INCOMING, { exchange: response.exchange, isTaken: false });
}

/** The body, which is read from the network when the guest reads. */
function stream(host: Preview2, _call: HostCallContext, self: unknown): object {
  const body = INCOMING.of(self);
  if (body.isTaken) throw new WitError(undefined);
  body.isTaken = true;
  const { exchange } = body;
  return host.hold(INPUT, {
    kind: 'source',
    request: () => exchange.asked,
    read: (call, most) => readBody(host, call, exchange, Math.min(most, PIECE_BYTES)),
    drop: () => undefined,
    isClosed: false,
  });
}

async function readBody(host: Preview2, call: HostCallContext, exchange: Exchange, most: number): Promise<Uint8Array> {
  const { handle, asked, timeouts } = exchange;
  const bytes = new Uint8Array(most);
  const reading = functionOf(host, call, 'response_read', asked);
  const pointer = host.give(call, bytes);
  const count = await inTime(host, exchange, timeouts?.betweenBytes, () => reading(handle, pointer, most));
  const code = typeof count !== 'number' ? count : count < 0 ? errorOf(call, count) : undefined;
  if (code === undefined) return bytes.subarray(0, count as number);
  throw failed(host, { text: `the response breaks off: ${code.tag}`, http: code });
}

const close = (host: Preview2, { handle }: Exchange): void => void host.network.close(handle);

export const RESPONSE_ROWS: Interface = {
  '[method]future-incoming-response.subscribe': row(PROCESS, (host, _call, self: unknown) => {
    const exchange = FUTURE.of(self);
    return host.hold(POLLABLE, {
      get at() {
        return exchange.outcome === undefined ? NEVER : 0n;
      },
    });
  }),
  '[method]future-incoming-response.get': row(PROCESS, take),
  '[resource-drop]future-incoming-response': row(PROCESS, (host, _call, self: unknown) => {
    const exchange = FUTURE.drop(self);
    if (!exchange.isTaken) close(host, exchange);
  }),
  '[method]incoming-response.status': row(PROCESS, (_host, _call, self: unknown) => RESPONSE.of(self).status),
  '[method]incoming-response.headers': row(PROCESS, (host, call, self: unknown) => {
    const { headers } = RESPONSE.of(self);
    call.chargeOverhead(HEADER_BYTE * headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0));
    return holdFixed(host, headers);
  }),
  '[method]incoming-response.consume': row(PROCESS, consume),
  '[resource-drop]incoming-response': row(PROCESS, (host, _call, self: unknown) => {
    const { exchange, isConsumed } = RESPONSE.drop(self);
    if (!isConsumed) close(host, exchange);
  }),
  '[method]incoming-body.stream': row(PROCESS, stream),
  '[static]incoming-body.finish': row(PROCESS, (host, _call, self: unknown) => {
    close(host, INCOMING.drop(self).exchange);
    return host.hold(TRAILERS, { isTaken: false });
  }),
  '[resource-drop]incoming-body': row(PROCESS, (host, _call, self: unknown) =>
    close(host, INCOMING.drop(self).exchange),
  ),
  '[method]future-trailers.subscribe': row(PROCESS, (host) => host.hold(POLLABLE, { at: 0n })),
  // None are ever had: what carries requests out drops them.
  '[method]future-trailers.get': row(PROCESS, (_host, _call, self: unknown) => {
    const trailers = TRAILERS.of(self);
    if (trailers.isTaken) return { tag: 'err', val: undefined };
    trailers.isTaken = true;
    return { tag: 'ok', val: { tag: 'ok', val: undefined } };
  }),
  '[resource-drop]future-trailers': row(PROCESS, (_host, _call, self: unknown) => void TRAILERS.drop(self)),
};
