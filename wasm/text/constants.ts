/** Constants (specification 6.5.9, 6.5.10): of numbers a literal, of vectors the lanes of a shape. */

import type { Writer } from '../writer.ts';
import type { Input } from './input.ts';
import { TOKEN } from './lexer.ts';
import { float32, float64, signed, signed64 } from './numbers.ts';

/** How many lanes a shape has, and how one is written. */
const SHAPES: Readonly<Record<string, readonly [lanes: number, write: (input: Input, writer: Writer) => void]>> = {
  i8x16: [16, (input, writer) => writer.u8(input.checked(signed(literal(input), 8), 'an integer of 8 bits') & 0xff)],
  i16x8: [
    8,
    (input, writer) => {
      const value = input.checked(signed(literal(input), 16), 'an integer of 16 bits');
      writer.u8(value & 0xff);
      writer.u8((value >> 8) & 0xff);
    },
  ],
  i32x4: [4, (input, writer) => writer.fixed32(input.checked(signed(literal(input), 32), 'an integer of 32 bits'))],
  i64x2: [2, (input, writer) => writer.fixed64(input.checked(signed64(literal(input)), 'an integer of 64 bits'))],
  f32x4: [4, (input, writer) => f32(input, writer)],
  f64x2: [2, (input, writer) => f64(input, writer)],
};

/** A number, `inf` or `nan`. */
function literal(input: Input): string {
  return input.kind === TOKEN.number || input.kind === TOKEN.word ? input.text : '';
}

export function i32(input: Input, writer: Writer): void {
  writer.signed(input.checked(signed(literal(input), 32), 'an integer of 32 bits'));
}

export function i64(input: Input, writer: Writer): void {
  writer.s64(input.checked(signed64(literal(input)), 'an integer of 64 bits'));
}

export function f32(input: Input, writer: Writer): void {
  writer.fixed32(input.checked(float32(literal(input)), 'a number of 32 bits'));
}

export function f64(input: Input, writer: Writer): void {
  writer.fixed64(input.checked(float64(literal(input)), 'a number of 64 bits'));
}

export function v128(input: Input, writer: Writer): void {
  const shape = input.kind === TOKEN.word && Object.hasOwn(SHAPES, input.text) ? SHAPES[input.text] : undefined;
  const [lanes, write] = shape ?? input.expected(`the shape of a vector (${Object.keys(SHAPES).join(', ')})`);
  input.advance();
  for (let i = 0; i < lanes; i++) write(input, writer);
}
