/** Modules that are small, or quickly made, and a lot of work for who is not careful. */

const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);

/** A module of one function with this body, size excluded. */
function withBody(body: ArrayLike<number>): Uint8Array {
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10];
  const size = leb(body.length);
  head.push(...leb(1 + size.length + body.length), 1, ...size);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** Two million times `block` or `loop`, without results, and as many `end`, and no locals. */
function nested(opcode: number): Uint8Array {
  const depth = 2_000_000;
  const body = new Uint8Array(1 + 3 * depth + 1).fill(0x0b);
  body[0] = 0;
  for (let i = 0; i < depth; i++) body.set([opcode, 0x40], 1 + 2 * i);
  return withBody(body);
}

/** Those that are refused, and what the error says. */
export const REFUSED: Readonly<Record<string, { readonly bytes: () => Uint8Array; readonly message: RegExp }>> = {
  '29 bytes that declare five million locals': {
    bytes: () => withBody([1, ...leb(5_000_000), 0x7f, 0x0b]),
    message: /too many locals/,
  },
  'the most locals there can be': {
    bytes: () => withBody([1, ...leb(50_000), 0x7f, 0x0b]),
    message: /too large to be instrumented, use the interpreter: too many locals/,
  },
  'two million nested blocks': { bytes: () => nested(0x02), message: /nested deeper than/ },
  'two million nested loops': { bytes: () => nested(0x03), message: /nested deeper than/ },
};

/** Strange, and valid. */
export function chainedOperators(): Uint8Array {
  const additions = Array.from({ length: 10_000 }, () => [0x41, 1, 0x6a]).flat();
  return withBody([0, 0x41, 0, ...additions, 0x1a, 0x0b]);
}
