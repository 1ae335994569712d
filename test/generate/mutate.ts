/** Damaged modules: random edits of valid ones, with the sizes of sections and bodies put right again or not. */

import fc from 'fast-check';
import { ByteWriter, concat, HEADER, SECTION } from './encode.ts';

/** A change of some bytes. `at`, `value` and `length` are any natural numbers. */
interface Edit {
  readonly kind: (typeof EDIT_KINDS)[number];
  /** Whether only the content of one section or function body is changed, and its size put right. */
  readonly framed: boolean;
  readonly piece: number;
  readonly at: number;
  readonly value: number;
  readonly length: number;
}

type Apply = (bytes: Uint8Array, at: number, edit: Edit, other: Uint8Array) => Uint8Array;

const replace = (bytes: Uint8Array, at: number, removed: number, added: Iterable<number>) =>
  concat(bytes.subarray(0, at), added, bytes.subarray(at + removed));

/** Bytes that mean much in many places. */
const TELLING = [
  0x00, 0x01, 0x02, 0x0b, 0x05, 0x40, 0x41, 0x60, 0x6f, 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xc0, 0xfc, 0xfd,
  0xff,
];

const EDITS = {
  flip: (bytes, at, { value }) => replace(bytes, at, 1, [(bytes[at] ?? 0) ^ (1 << (value % 8))]),
  set: (bytes, at, { value }) => replace(bytes, at, 1, [value & 0xff]),
  tell: (bytes, at, { value }) => replace(bytes, at, 1, [TELLING[value % TELLING.length] as number]),
  insert: (bytes, at, { value }) => replace(bytes, at, 0, [value & 0xff]),
  remove: (bytes, at, { length }) => replace(bytes, at, 1 + (length % 8), []),
  truncate: (bytes, at) => bytes.slice(0, at),
  repeat: (bytes, at, { length }) => replace(bytes, at, 0, bytes.subarray(at, at + (length % 64))),
  /** A number that takes more bytes than it needs. */
  stretch: (bytes, at, { value, length }) => {
    const last = bytes[at] ?? 0;
    if (last >= 0x80) return bytes;
    const fill = value % 2 === 0 ? 0x00 : 0x7f;
    const more = Array.from({ length: length % 10 }, () => fill | 0x80);
    return replace(bytes, at, 1, [last | 0x80, ...more, fill]);
  },
  splice: (bytes, at, { value, length }, other) => {
    const from = value % (other.length + 1);
    return replace(bytes, at, length % 16, other.subarray(from, from + (length % 64)));
  },
} satisfies Record<string, Apply>;

const EDIT_KINDS = Object.keys(EDITS) as (keyof typeof EDITS)[];

const anyEdit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom(...EDIT_KINDS),
  framed: fc.boolean(),
  piece: fc.nat(1000),
  at: fc.nat(100_000),
  value: fc.nat(1000),
  length: fc.nat(1000),
});

interface Piece {
  readonly id: number;
  readonly content: Uint8Array;
}

/** Reads `count` bytes' worth of sections, or of bodies; undefined where that is not what they are. */
function split(bytes: Uint8Array, hasIds: boolean): Piece[] | undefined {
  const pieces: Piece[] = [];
  let pos = 0;
  while (pos < bytes.length) {
    const id = hasIds ? (bytes[pos++] as number) : 0;
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[pos++];
      if (byte === undefined || shift > 28) return undefined;
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (size > bytes.length - pos) return undefined;
    pieces.push({ id, content: bytes.subarray(pos, pos + size) });
    pos += size;
  }
  return pieces;
}

function join(pieces: readonly Piece[], hasIds: boolean): Uint8Array {
  const writer = new ByteWriter();
  for (const { id, content } of pieces) {
    if (hasIds) writer.u8(id);
    writer.sized(content);
  }
  return writer.finish();
}

/** Bytes of the number of bodies that begins a code section: one, or none where it takes more. */
const countBytes = (content: Uint8Array) => ((content[0] ?? 0x80) < 0x80 ? 1 : 0);

function applyEdit(bytes: Uint8Array, edit: Edit, other: Uint8Array): Uint8Array {
  const change = (part: Uint8Array) => EDITS[edit.kind](part, edit.at % (part.length + 1), edit, other);
  const changeOne = (pieces: readonly Piece[], how: (piece: Piece) => Uint8Array) => {
    const chosen = edit.piece % pieces.length;
    return pieces.map((piece, i) => (i === chosen ? { ...piece, content: how(piece) } : piece));
  };
  const sections = edit.framed ? split(bytes.subarray(HEADER.length), true) : undefined;
  if (sections === undefined || sections.length === 0) return change(bytes);
  const changed = changeOne(sections, ({ id, content }) => {
    const skipped = countBytes(content);
    const bodies = id === SECTION.code && skipped > 0 ? split(content.subarray(skipped), false) : undefined;
    if (bodies === undefined || bodies.length === 0) return change(content);
    return concat(
      content.subarray(0, skipped),
      join(
        changeOne(bodies, (body) => change(body.content)),
        false,
      ),
    );
  });
  return concat(bytes.subarray(0, HEADER.length), join(changed, true));
}

/** Modules out of `modules` with a few edits; also none. */
export function anyMutation(modules: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .record({ base: modules, other: modules, edits: fc.array(anyEdit, { maxLength: 5, size: 'max' }) })
    .map(({ base, other, edits }) => edits.reduce((bytes, edit) => applyEdit(bytes, edit, other), base));
}

/** Random bytes, alone, behind the header, or as the content of a section. */
export const anyBytes: fc.Arbitrary<Uint8Array> = fc
  .record({
    bytes: fc.uint8Array({ maxLength: 64, size: 'max' }),
    more: fc.uint8Array({ maxLength: 64, size: 'max' }),
    id: fc.nat(14),
    form: fc.nat(3),
  })
  .map(({ bytes, more, id, form }) => {
    if (form === 0) return bytes;
    if (form === 1) return concat(HEADER, bytes);
    if (form === 2) return concat(HEADER, join([{ id, content: bytes }], true));
    return concat(
      HEADER,
      join(
        [
          { id: 1 + (id % 5), content: bytes },
          { id, content: more },
        ],
        true,
      ),
    );
  });
