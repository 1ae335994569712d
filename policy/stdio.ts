/** What an embedder may connect to standard streams: bytes, text, functions, streams. */

import { type Bytes, copyOf, viewOf } from '../wasm/bytes.ts';
import { encodeUtf8 } from '../wasm/utf8.ts';
import { refuse } from './check.ts';

/** A standard stream. */
export type StreamName = 'stdin' | 'stdout' | 'stderr';
/** By their descriptors. */
export const STREAMS: readonly StreamName[] = ['stdin', 'stdout', 'stderr'];

/** Takes the bytes of one write, which are its own to keep. A promise suspends the guest until it settles. */
export type ByteSink = (bytes: Uint8Array) => void | PromiseLike<void>;

/** As much of a `WritableStream` as is used; it is locked during a write alone, and never closed. */
export interface WritableBytes {
  /** Locks the stream. */
  readonly getWriter: () => {
    /** Settles when the queue has room. */
    readonly ready: Promise<unknown>;
    /** Settles when the bytes have been taken. */
    readonly write: (bytes: Uint8Array) => Promise<unknown>;
    /** Lets others write. */
    readonly releaseLock: () => void;
  };
}

/** As much of a `ReadableStream` as is used. It is locked from the first read on. */
export interface ReadableBytes {
  /** Locks the stream. */
  readonly getReader: () => {
    /** The next piece, bytes or text; none at the end. */
    readonly read: () => Promise<{ readonly done: boolean; readonly value?: unknown }>;
  };
}

/**
 * Bytes for the guest to read: all of them, text as UTF-8, or a function that gives the next piece, of any size, and
 * undefined (or no bytes) at the end. `wanted` is what the guest has room for. A promise suspends the guest. Streams and
 * async iterables give bytes or text, can be read once, and always suspend it. Bytes are copied as they are given.
 */
export type ByteSource =
  | Bytes
  | string
  | ((wanted: number) => Bytes | undefined | PromiseLike<Bytes | undefined>)
  | ReadableBytes
  | AsyncIterable<Bytes | string>;

/** What is kept of a {@link ByteSource}. */
export type KeptSource = Uint8Array | string | ((wanted: number) => Bytes | undefined | PromiseLike<Bytes | undefined>);

type Pieces = Exclude<KeptSource, Uint8Array | string>;

/** @throws UsageError */
export function toInput(what: string, source: unknown): KeptSource {
  if (typeof source === 'string' || typeof source === 'function') return source as string | Pieces;
  if (isObject(source)) {
    const { getReader, [Symbol.asyncIterator]: iterate } = source as Partial<ReadableBytes & AsyncIterable<unknown>>;
    if (typeof getReader === 'function') {
      return fromNext(what, () => {
        const reader = getReader.call(source);
        return () => reader.read();
      });
    }
    if (typeof iterate === 'function') {
      return fromNext(what, () => {
        const iterator = iterate.call(source);
        return () => iterator.next();
      });
    }
  }
  return copyOf(source, what) ?? refuse(what, 'bytes, a string, a function, a stream or an async iterable', source);
}

type Next = () => PromiseLike<{ readonly done?: boolean | undefined; readonly value?: unknown }>;

/** Pieces without bytes are not the end here. */
function fromNext(what: string, begin: () => Next): Pieces {
  let next: Next | undefined;
  return async () => {
    next ??= begin();
    for (;;) {
      const { done, value } = await next();
      if (done === true) return undefined;
      const piece = typeof value === 'string' ? encodeUtf8(value) : viewOf(value, `a piece of ${what}`);
      if (piece === undefined) refuse(`a piece of ${what}`, 'bytes or a string', value);
      if (piece.length > 0) return piece;
    }
  };
}

/** @throws UsageError */
export function toOutput(what: string, sink: unknown): ByteSink {
  if (typeof sink === 'function') return sink as ByteSink;
  if (!isObject(sink) || typeof (sink as Partial<WritableBytes>).getWriter !== 'function') {
    refuse(what, 'a function or a WritableStream', sink);
  }
  return async (bytes) => {
    const writer = (sink as WritableBytes).getWriter();
    try {
      // Its queue is full until then, and the guest waits.
      await writer.ready;
      await writer.write(bytes);
    } finally {
      writer.releaseLock();
    }
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
