/** The host functions of `wasm_sandbox_http`, by which a guest makes requests; docs/http.md is their reference. */

import { type Bytes, copyOf } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { HEADER_BYTE, HTTP_CALL } from '../../wasm/gas.ts';
import { HostFunction, type WasmValue } from '../../wasm/host.ts';
import { funcType, I32 } from '../../wasm/types.ts';
import { decodeUtf8 } from '../../wasm/utf8.ts';
import type { HostCallContext } from '../call.ts';
import { decide, type NetworkRequest } from '../decide.ts';
import type { Gate } from '../gate.ts';
import type { HttpResponse } from './client.ts';
import { HTTP_ERROR } from './codes.ts';
import { exceed, exchange, interrupted, refuse } from './exchange.ts';
import { headerBytes, isForbidden, isHeaderName, isHeaderValue } from './headers.ts';
import { FIXED } from './limits.ts';
import { HTTP_MODULE } from './names.ts';
import { grantOf, type Interruption, type NetworkState, OutgoingRequest } from './requests.ts';

export { NetworkState } from './requests.ts';

/** A status, a length, a handle; or an error below 0. */
type Result = number | Promise<number>;

/** Arguments are unsigned; where there are fewer than a body takes, the type of the function says so. */
type Args = readonly number[];

interface HttpFunction {
  readonly name: string;
  readonly params: number;
  readonly call: (state: NetworkState, call: HostCallContext, args: Args, asked: NetworkRequest) => Result;
}

/** What a guest has a URL and a method in: undefined where that is no text, or too long. */
function textAt(call: HostCallContext, pointer: number, length: number, longest: number): string | undefined {
  const bytes = length <= longest ? call.view(pointer, length) : undefined;
  if (bytes === undefined) return undefined;
  try {
    return decodeUtf8(bytes.slice());
  } catch {
    return undefined;
  }
}

/** Characters that are made from bytes at once: arguments of a call have to fit on the stack. */
const CHUNK = 4_096;

/** Each character a byte. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return text;
}

/** Charges for looking at a text, before anything is done with it; as moved, it is charged apart. */
function payForText(call: HostCallContext, length: number): void {
  call.chargeOverhead((HEADER_BYTE - 1) * length);
}

/** Copies as much as there is room for; the length tells the guest how much there is. */
function give(call: HostCallContext, text: string, pointer: number, room: number): number {
  const bytes = call.view(pointer, Math.min(room, text.length));
  if (bytes === undefined) return HTTP_ERROR.fault;
  call.chargeBytes(bytes.length);
  payForText(call, bytes.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return text.length;
}

/** What `request_open` asks for, as far as it can be read. */
function asksFor(call: HostCallContext, args: Args): NetworkRequest {
  const [methodPointer, methodLength, urlPointer, urlLength] = args as [number, number, number, number];
  payForText(call, Math.min(methodLength, FIXED.methodBytes) + Math.min(urlLength, FIXED.urlBytes));
  const method = textAt(call, methodPointer, methodLength, FIXED.methodBytes);
  const url = textAt(call, urlPointer, urlLength, FIXED.urlBytes);
  return method === undefined || url === undefined ? { kind: 'network' } : { kind: 'network', url, method };
}

function requestOpen(state: NetworkState, call: HostCallContext, args: Args, asked: NetworkRequest): Result {
  const [methodPointer, methodLength, urlPointer, urlLength] = args as [number, number, number, number];
  if (methodLength > FIXED.methodBytes || urlLength > FIXED.urlBytes) {
    return exceed(call, asked, 'urlLimit', `a URL of more than ${FIXED.urlBytes} bytes, or a method that is none`);
  }
  if (call.view(methodPointer, methodLength) === undefined || call.view(urlPointer, urlLength) === undefined) {
    return HTTP_ERROR.fault;
  }
  const { url, method } = asked;
  // The URL standard drops line ends and tabs; what a log shows must be what is asked.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (url === undefined || method === undefined || /[\x00-\x20\x7f\\]/.test(url)) {
    const reason = 'the method or URL is not text without spaces and control characters';
    return refuse(call, asked, { rule: 'malformed', reason }, HTTP_ERROR.invalid);
  }
  const limits = grantOf(state.policy, decide(state.policy, asked));
  if (state.open >= FIXED.openRequests) {
    return exceed(call, asked, 'handleLimit', `more than ${FIXED.openRequests} requests open at once`);
  }
  if (state.begun >= limits.maxRequests) {
    return exceed(call, asked, 'countLimit', `more than ${limits.maxRequests} requests`);
  }
  call.chargeBytes(methodLength + urlLength);
  return state.add(new OutgoingRequest(Object.freeze(asked), new URL(url), method, limits));
}

function requestHeader(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle, namePointer, nameLength, valuePointer, valueLength] = args as [number, number, number, number, number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.phase !== 'collecting') return HTTP_ERROR.state;
  const { asked, headers } = request;
  const size = headerBytes(headers) + nameLength + valueLength;
  if (headers.length >= FIXED.requestHeaders || size > FIXED.requestHeaderBytes) {
    const reason = `more than ${FIXED.requestHeaders} headers, or ${FIXED.requestHeaderBytes} bytes of them`;
    return exceed(call, asked, 'headerLimit', reason);
  }
  const nameBytes = call.view(namePointer, nameLength);
  const valueBytes = call.view(valuePointer, valueLength);
  if (nameBytes === undefined || valueBytes === undefined) return HTTP_ERROR.fault;
  payForText(call, nameLength + valueLength);
  const name = latin1(nameBytes);
  const value = latin1(valueBytes);
  if (!isHeaderName(name) || !isHeaderValue(value)) {
    const reason = 'the name or value of a header has characters that none can have';
    return refuse(call, asked, { rule: 'malformed', reason }, HTTP_ERROR.invalid);
  }
  if (isForbidden(name.toLowerCase())) {
    const reason = `the header ${name} is the host's to send`;
    return refuse(call, asked, { rule: 'forbiddenHeader', reason }, HTTP_ERROR.denied);
  }
  call.chargeBytes(nameLength + valueLength);
  headers.push([name.toLowerCase(), value.trim()]);
  return 0;
}

function requestWrite(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle, pointer, length] = args as [number, number, number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.phase !== 'collecting' || request.method === 'GET' || request.method === 'HEAD') return HTTP_ERROR.state;
  const bytes = call.view(pointer, length);
  if (bytes === undefined) return HTTP_ERROR.fault;
  if (length > request.room) {
    const reason = `a body of more than ${request.limits.maxRequestBytes} bytes`;
    return exceed(call, request.asked, 'requestLimit', reason);
  }
  call.chargeBytes(length);
  request.write(bytes);
  return 0;
}

function requestSend(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle] = args as [number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.phase !== 'collecting') return HTTP_ERROR.state;
  return exchange(state, call, request);
}

function responseHeader(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle, namePointer, nameLength, pointer, room] = args as [number, number, number, number, number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.response === undefined) return HTTP_ERROR.state;
  if (nameLength > FIXED.requestHeaderBytes) return HTTP_ERROR.absent;
  const nameBytes = call.view(namePointer, nameLength);
  if (nameBytes === undefined) return HTTP_ERROR.fault;
  payForText(call, nameLength);
  const name = latin1(nameBytes).toLowerCase();
  const values = request.response.headers.filter(([other]) => other === name).map(([, value]) => value);
  return values.length === 0 ? HTTP_ERROR.absent : give(call, values.join(', '), pointer, room);
}

function responseHeaderAt(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle, index, pointer, room] = args as [number, number, number, number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.response === undefined) return HTTP_ERROR.state;
  const header = request.response.headers[index];
  return header === undefined ? HTTP_ERROR.absent : give(call, header.join(': '), pointer, room);
}

function responseRead(state: NetworkState, call: HostCallContext, args: Args): Result {
  const [handle, pointer, room] = args as [number, number, number];
  const request = state.get(handle);
  if (request === undefined) return HTTP_ERROR.handle;
  if (request.response === undefined) return HTTP_ERROR.state;
  if (call.view(pointer, room) === undefined) return HTTP_ERROR.fault;
  if (room === 0 || request.hasEnded) return 0;
  if (request.pending.length > 0) return takePending(call, request, pointer, room);
  if (request.phase === 'over') return request.isLate ? interrupted(call, request, 'timeout') : HTTP_ERROR.state;
  request.limitTime(state.timeLeft());
  return receive(call, request, request.response, pointer, room);
}

/** Waits for the next piece of the body. */
async function receive(
  call: HostCallContext,
  request: OutgoingRequest,
  response: Pick<HttpResponse, 'read'>,
  pointer: number,
  room: number,
): Promise<number> {
  let piece: Bytes | undefined | Interruption;
  try {
    piece = await request.within(response.read());
  } catch {
    request.end();
    return HTTP_ERROR.unreachable;
  }
  if (typeof piece === 'string') return interrupted(call, request, piece);
  if (piece === undefined) {
    request.finish();
    return 0;
  }
  // The client may use its buffer again.
  const bytes = copyOf(piece, 'a piece of a response') ?? refuseNoBytes();
  const { maxResponseBytes } = request.limits;
  request.received += bytes.length;
  if (request.received > maxResponseBytes) {
    request.end();
    return exceed(call, request.asked, 'responseLimit', `a body of more than ${maxResponseBytes} bytes`);
  }
  request.pending = bytes;
  return takePending(call, request, pointer, room);
}

function refuseNoBytes(): never {
  throw new UsageError('the HTTP client must give the pieces of a response as bytes');
}

function takePending(call: HostCallContext, request: OutgoingRequest, pointer: number, room: number): number {
  const bytes = request.pending.subarray(0, room);
  call.chargeBytes(bytes.length);
  (call.view(pointer, bytes.length) as Uint8Array).set(bytes);
  request.pending = request.pending.subarray(bytes.length);
  return bytes.length;
}

function requestClose(state: NetworkState, _call: HostCallContext, args: Args): Result {
  return state.close(args[0] as number) ? 0 : HTTP_ERROR.handle;
}

/** Every function, with how many i32 it takes; each gives an i32. */
export const HTTP_FUNCTIONS: readonly HttpFunction[] = [
  { name: 'request_open', params: 4, call: requestOpen },
  { name: 'request_header', params: 5, call: requestHeader },
  { name: 'request_write', params: 3, call: requestWrite },
  { name: 'request_send', params: 1, call: requestSend },
  { name: 'response_header', params: 5, call: responseHeader },
  { name: 'response_header_at', params: 4, call: responseHeaderAt },
  { name: 'response_read', params: 3, call: responseRead },
  { name: 'request_close', params: 1, call: requestClose },
];

const BY_NAME: ReadonlyMap<string, HttpFunction> = new Map(HTTP_FUNCTIONS.map((row) => [row.name, row]));

/** Undefined for a function that the module does not have. */
export function httpFunction(state: NetworkState, gate: Gate, name: string): HostFunction | undefined {
  const row = BY_NAME.get(name);
  if (row === undefined) return undefined;
  const asked = (values: readonly WasmValue[], call: HostCallContext): NetworkRequest => {
    const args = values.map(unsigned);
    return row.call === requestOpen
      ? asksFor(call, args)
      : (state.get(args[0] as number)?.asked ?? { kind: 'network' });
  };
  const guarded = gate.guard(
    `${HTTP_MODULE}.${name}`,
    asked,
    (call, values, asked) => row.call(state, call, values.map(unsigned), asked as NetworkRequest),
    () => HTTP_ERROR.denied,
  );
  const type = funcType(new Array(row.params).fill(I32), [I32]);
  return new HostFunction(type, HTTP_CALL, guarded, { keepsViews: false });
}

function unsigned(value: WasmValue): number {
  return (value as number) >>> 0;
}
