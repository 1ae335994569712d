/**
 * Where this decoder and V8 may disagree on whether bytes are a valid module: every case by name, with the reason.
 * Everything else is a fault.
 */

import { decode } from '../../wasm/decode.ts';
import type { CompileError } from '../../wasm/errors.ts';

/** What one side said against bytes that the other one takes. */
interface Disagreement {
  readonly reason: string;
  readonly applies: (message: string, bytes: Uint8Array, offset: number) => boolean;
}

const says =
  (pattern: RegExp): Disagreement['applies'] =>
  (message) =>
    pattern.test(message);

/** The message, and that one of these bytes is at the offset. */
const saysAt =
  (pattern: RegExp, isThere: (byte: number, next: number) => boolean): Disagreement['applies'] =>
  (message, bytes, offset) =>
    pattern.test(message) && isThere(bytes[offset] ?? -1, bytes[offset + 1] ?? -1);

/** V8 takes what this decoder refuses. */
const ONLY_V8_ACCEPTS: readonly Disagreement[] = [
  { reason: 'what proposals after release 3.0 add', applies: says(/^the module needs/) },
  {
    reason: 'V8 reads the type of a null reference as a number of any length, the specification as a byte (5.3.4)',
    applies: says(/^malformed (?:reference|heap) type/),
  },
  {
    reason: 'V8 lets a segment of expressions have a type of numbers',
    applies: saysAt(/^malformed reference type/, (byte) => byte >= 0x7b && byte <= 0x7f),
  },
  {
    reason: 'V8 reads the empty block type as a number of any length, the specification as a byte (5.4.1)',
    applies: says(/^malformed block type/),
  },
  { reason: 'our limit on nesting', applies: says(/^constructs nested deeper/) },
];

/** This decoder takes what V8 refuses. */
const ONLY_WE_ACCEPT: readonly Disagreement[] = [
  { reason: 'relaxed vector instructions', applies: says(/enable with --experimental-relaxed-simd/) },
  { reason: 'extended constant expressions', applies: says(/is not allowed in constant expressions/) },
  {
    reason: "a module's own globals in constant expressions",
    applies: says(/non-imported globals cannot be used in constant/),
  },
  {
    reason: 'since 64-bit memories, limits and offsets are numbers of 64 bits, which may be longer (5.3.15)',
    applies: says(/expected (?:initial|maximum) size|expected offset|expected .*(?:minimum|maximum)/),
  },
  {
    reason: 'since multiple memories, the index of the memory is a number, which may be stretched (5.4.6)',
    applies: says(/expected (?:a )?memory index 0, found \d+|expected memory index 0/),
  },
  {
    reason: 'since multiple memories, a memory access may name its memory (5.4.6)',
    applies: says(/invalid alignment; expected maximum alignment is \d, actual alignment is (?:6[4-9]|7\d)/),
  },
];

/** The reason why bytes may be refused by this decoder and taken by V8. */
export function whyOnlyV8Accepts(error: CompileError, bytes: Uint8Array): string | undefined {
  return ONLY_V8_ACCEPTS.find(({ applies }) => applies(error.message, bytes, error.offset ?? 0))?.reason;
}

/** The first version of V8 that has all of release 3.0. */
const COMPLETE_V8 = 13.7;

/** The reason why bytes may be refused by V8, with this message, and taken by this decoder. */
export function whyOnlyWeAccept(message: string, bytes: Uint8Array): string | undefined {
  const { features } = decode(bytes);
  if (features.length > 0 && Number.parseFloat(process.versions.v8) < COMPLETE_V8) return `it lacks ${features}`;
  return ONLY_WE_ACCEPT.find(({ applies }) => applies(message, bytes, 0))?.reason;
}
