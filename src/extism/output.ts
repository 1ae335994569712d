/** What goes into plug-ins and comes out of them, as bytes and as values. */

import { isBytes, viewOf } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { messageOf } from '../../wasm/quote.ts';
import { isThenable } from '../../wasm/thenable.ts';
import { decodeUtf8, encodeUtf8 } from '../../wasm/utf8.ts';
import { encodeTable, isTable } from '../values/arrow.ts';
import { ndArrayIn } from '../values/ndarray.ts';
import { encodeNpy } from '../values/npy.ts';

/** Of this type alone, because the number of type arguments that a DataView takes depends on the compiler. */
const OwnedView: new (buffer: ArrayBuffer) => DataView<ArrayBuffer> = DataView;

/** Bytes of a plug-in's, which their owner can do with as they like. */
export class PluginOutput extends OwnedView {
  /** @param isOwn whether nobody else has them any more: else they are copied @internal */
  constructor(bytes: Uint8Array, isOwn = false) {
    const isWhole = bytes.length > 0 && bytes.length === bytes.buffer.byteLength;
    super(isOwn && isWhole ? (bytes.buffer as ArrayBuffer) : new Uint8Array(bytes).buffer);
  }

  /** All of it. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer);
  }

  /** All of it. */
  arrayBuffer(): ArrayBuffer {
    return this.buffer;
  }

  /** As UTF-8. @throws TypeError where it is none */
  text(): string {
    return decodeUtf8(new Uint8Array(this.buffer));
  }

  /** {@link PluginOutput.text}. */
  string(): string {
    return this.text();
  }

  /** As JSON in UTF-8. @throws TypeError, SyntaxError where it is none */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/**
 * An input as bytes: text as UTF-8, bytes of any kind as they are, a typed array as its bytes, an array of several
 * dimensions as a `.npy` file, a table as an IPC stream, anything else as JSON.
 * @returns undefined where there is none
 * @throws UsageError for what cannot be written so
 */
export function inputBytes(input: unknown): Uint8Array | undefined | Promise<Uint8Array> {
  if (input === undefined) return undefined;
  if (isBytes(input)) return viewOf(input, 'the input');
  const array = ndArrayIn(input);
  if (array !== undefined) return encodeNpy(array);
  if (isTable(input)) return encodeTable(input);
  // As JSON it would be an empty object.
  if (isThenable(input)) throw new UsageError('the input is a promise: await it first');
  return encodeUtf8(typeof input === 'string' ? input : jsonOf(input));
}

function jsonOf(input: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(input);
  } catch (cause) {
    throw new UsageError(`the input cannot be written as JSON: ${messageOf(cause)}`, { cause });
  }
  if (json === undefined) throw new UsageError('the input must be text, bytes, or what can be written as JSON');
  return json;
}
