/**
 * Where this decoder and V8 may disagree on whether bytes are a valid module: every case by name, with the reason.
 * Everything else is a fault.
 */

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

const among =
  (...listed: readonly number[]) =>
  (byte: number) =>
    listed.includes(byte);

/** Bytes of types that later proposals added: typed references, garbage collection, exceptions. */
const isLaterType = (byte: number) => (byte >= 0x63 && byte <= 0x75 && byte !== 0x70 && byte !== 0x6f) || byte === 0x40;

/** V8 takes what this decoder refuses. */
const ONLY_V8_ACCEPTS: readonly Disagreement[] = [
  {
    reason: 'instructions of later proposals: exceptions, tail calls, typed references, garbage collection, threads',
    applies: saysAt(
      /^illegal opcode/,
      among(0x06, 0x07, 0x08, 0x09, 0x0a, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1f, 0xd3, 0xd4, 0xd5, 0xd6, 0xfb, 0xfe),
    ),
  },
  {
    reason: 'shared memories, 64-bit memories',
    applies: saysAt(/^malformed limits flags/, (byte) => byte >= 2 && byte <= 7),
  },
  { reason: 'tags', applies: saysAt(/^malformed (?:section id 13|import or export kind)/, among(0x0d, 0x04)) },
  { reason: 'several memories', applies: says(/memories exceed the limit of 1|multiple memories/) },
  { reason: 'later types of references', applies: saysAt(/^malformed (?:value|reference) type/, isLaterType) },
  { reason: 'later kinds of types', applies: saysAt(/^malformed type/, (byte) => byte >= 0x4d && byte <= 0x5f) },
  {
    reason: 'V8 reads the type of a null reference as a number of any length, the specification as a byte (5.3.4)',
    applies: says(/^malformed reference type/),
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

/** The reason why bytes may be refused by V8, with this message, and taken by this decoder. */
export function whyOnlyWeAccept(message: string, bytes: Uint8Array): string | undefined {
  return ONLY_WE_ACCEPT.find(({ applies }) => applies(message, bytes, 0))?.reason;
}
