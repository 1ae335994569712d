/** `wasi:io/streams`: standard streams, and those on files. What they lead to is waited for in the call that reads or writes. */

import { HostError } from '../../wasm/errors.ts';
import { whenReady } from '../../wasm/thenable.ts';
import type { HostCallContext } from '../call.ts';
import type { PolicyRequest } from '../decide.ts';
import { OUTPUT_DENIAL } from '../denials.ts';
import type { InputStream, OutputStream } from '../streams.ts';
import { readyPollable } from './poll.ts';
import { Kind, WitError } from './resources.ts';
import { type Interface, type Preview2, row, waiting } from './table.ts';

/** A stream that leads elsewhere than the standard ones: to files, bodies. */
interface Elsewhere {
  readonly request: () => PolicyRequest;
  readonly drop: (call: HostCallContext) => void;
  isClosed: boolean;
}

export interface Source extends Elsewhere {
  readonly kind: 'source';
  /** At most so many bytes; none at the end. */
  readonly read: (call: HostCallContext, most: number) => Uint8Array | PromiseLike<Uint8Array>;
}

export interface Sink extends Elsewhere {
  readonly kind: 'sink';
  /** All of them. */
  readonly write: (call: HostCallContext, bytes: Uint8Array) => void;
}

type Input = { readonly kind: 'standard'; readonly stream: InputStream; isClosed: boolean } | Source;
type Output =
  | { readonly kind: 'standard'; readonly name: 'stdout' | 'stderr'; readonly stream: OutputStream; isClosed: boolean }
  | Sink;

/** What went wrong with a stream, and what that is called of files. */
export interface StreamFault {
  readonly text: string;
  readonly code?: string | undefined;
  /** What it is called of a response. */
  readonly http?: unknown;
}

export const INPUT = new Kind<Input>('input-stream');
export const OUTPUT = new Kind<Output>('output-stream');
export const ERROR = new Kind<StreamFault>('error');

/** Bytes that a call gives at most; what is asked for beyond is had by asking again. */
const MOST_READ = 1024 * 1024;
/** Bytes that a stream says it takes, always. */
const PERMIT = 65_536n;

const closed = (): WitError => new WitError({ tag: 'closed' });

/** The error of a stream that does not work any more. */
export function failed(host: Preview2, fault: StreamFault): WitError {
  return new WitError({ tag: 'last-operation-failed', val: host.hold(ERROR, fault) });
}

function requestOfInput(_host: Preview2, self: unknown): PolicyRequest {
  const input = INPUT.of(self);
  return input.kind === 'standard' ? { kind: 'stdio', stream: 'stdin' } : input.request();
}

function requestOfOutput(_host: Preview2, self: unknown): PolicyRequest {
  const output = OUTPUT.of(self);
  return output.kind === 'standard' ? { kind: 'stdio', stream: output.name } : output.request();
}

/** @returns the bytes, of the caller's own; a promise where standard input or a response gives one */
function read(call: HostCallContext, self: unknown, length: bigint): Uint8Array | PromiseLike<Uint8Array> {
  const input = INPUT.of(self);
  if (input.isClosed) throw closed();
  if (length === 0n) return new Uint8Array(0);
  const most = length < BigInt(MOST_READ) ? Number(length) : MOST_READ;
  const end = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > 0) return bytes;
    input.isClosed = true;
    throw closed();
  };
  if (input.kind === 'source') return whenReady(input.read(call, most), end);
  return whenReady(input.stream.peek(most), (bytes) => {
    call.chargeBytes(bytes.length);
    const taken = bytes.slice();
    input.stream.take(bytes.length);
    return end(taken);
  });
}

/** Writes all, or nothing. Output beyond the policy's limit is a violation. */
function write(host: Preview2, call: HostCallContext, self: unknown, bytes: Uint8Array): unknown {
  const output = OUTPUT.of(self);
  if (output.isClosed) throw closed();
  if (bytes.length === 0) return undefined;
  if (output.kind === 'sink') {
    output.write(call, bytes);
    return undefined;
  }
  const { stream, name } = output;
  if (bytes.length > stream.rest) {
    const reason = `${bytes.length} bytes more are beyond the limit on output (${stream.rest} bytes are left)`;
    call.refusal = { request: { kind: 'stdio', stream: name }, what: OUTPUT_DENIAL, rule: 'outputLimit', reason };
    throw failed(host, { text: reason, code: 'insufficient-space' });
  }
  call.chargeBytes(bytes.length);
  return whenReady(
    stream.write(bytes.length, (room) => room.set(bytes)),
    () => undefined,
  );
}

function writeZeroes(host: Preview2, call: HostCallContext, self: unknown, length: bigint): unknown {
  if (length > PERMIT)
    throw new HostError(`the component writes ${length} zeroes to a stream that takes ${PERMIT} bytes`);
  return write(host, call, self, new Uint8Array(Number(length)));
}

/** @returns how many bytes there were */
function skip(_host: Preview2, call: HostCallContext, self: unknown, length: bigint): unknown {
  return whenReady(read(call, self, length), (bytes) => BigInt(bytes.length));
}

function splice(host: Preview2, call: HostCallContext, self: unknown, from: unknown, length: bigint): unknown {
  const most = length < PERMIT ? length : PERMIT;
  return whenReady(read(call, from, most), (bytes) =>
    whenReady(write(host, call, self, bytes), () => BigInt(bytes.length)),
  );
}

/** Nothing is held back. */
function flush(_host: Preview2, _call: HostCallContext, self: unknown): void {
  if (OUTPUT.of(self).isClosed) throw closed();
}

function checkWrite(host: Preview2, call: HostCallContext, self: unknown): bigint {
  flush(host, call, self);
  return PERMIT;
}

const reading = waiting(requestOfInput, (_host, call, self: unknown, length: bigint) => read(call, self, length));
const skipping = waiting(requestOfInput, skip);
const writing = waiting(requestOfOutput, write);
const zeroing = waiting(requestOfOutput, writeZeroes);
const splicing = waiting(requestOfOutput, splice);
const flushing = row(requestOfOutput, flush);

export const STREAMS: Interface = {
  '[method]input-stream.read': reading,
  '[method]input-stream.blocking-read': reading,
  '[method]input-stream.skip': skipping,
  '[method]input-stream.blocking-skip': skipping,
  '[method]input-stream.subscribe': row(requestOfInput, readyPollable),
  '[resource-drop]input-stream': row(requestOfInput, (_host, call, self: unknown) => {
    const input = INPUT.drop(self);
    if (input.kind === 'source') input.drop(call);
  }),
  '[method]output-stream.check-write': row(requestOfOutput, checkWrite),
  '[method]output-stream.write': writing,
  '[method]output-stream.blocking-write-and-flush': writing,
  '[method]output-stream.flush': flushing,
  '[method]output-stream.blocking-flush': flushing,
  '[method]output-stream.subscribe': row(requestOfOutput, readyPollable),
  '[method]output-stream.write-zeroes': zeroing,
  '[method]output-stream.blocking-write-zeroes-and-flush': zeroing,
  '[method]output-stream.splice': splicing,
  '[method]output-stream.blocking-splice': splicing,
  '[resource-drop]output-stream': row(requestOfOutput, (_host, call, self: unknown) => {
    const output = OUTPUT.drop(self);
    if (output.kind === 'sink') output.drop(call);
  }),
};

export const ERRORS: Interface = {
  '[method]error.to-debug-string': row({ kind: 'process' }, (_host, call, self: unknown) => {
    const { text } = ERROR.of(self);
    call.chargeBytes(text.length);
    return text;
  }),
  '[resource-drop]error': row({ kind: 'process' }, (_host, _call, self: unknown) => void ERROR.drop(self)),
};
