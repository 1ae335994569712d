import { describe, expect, it } from 'vitest';
import { SnapshotError } from '../../wasm/errors.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';

type Write = (to: WireWriter) => void;
type Read = (from: WireReader) => unknown;

function written(write: Write): Uint8Array {
  const to = new WireWriter();
  write(to);
  return to.written;
}

/** Bytes in the middle of others, as contents are. */
function reader(bytes: readonly number[]): WireReader {
  return new WireReader(Uint8Array.from([9, ...bytes, 9]).subarray(1, -1));
}

const INTEGER: Read = (from) => from.integer(7, 'it');
const f64 = (value: number) => [...new Uint8Array(Float64Array.of(value).buffer)];

describe('what is written', () => {
  it.each<[what: string, Write, Read, value: unknown, bytes: number[]]>([
    ['a byte', (to) => to.u8(0xab), (from) => from.u8(), 0xab, [0xab]],
    ['a flag that is set', (to) => to.flag(true), (from) => from.flag(), true, [1]],
    ['a flag that is not', (to) => to.flag(false), (from) => from.flag(), false, [0]],
    ['32 bits', (to) => to.u32(0xfedc_ba98), (from) => from.u32(), 0xfedc_ba98, [0x98, 0xba, 0xdc, 0xfe]],
    ['a number', (to) => to.number(-2), (from) => from.number(), -2, [0, 0, 0, 0, 0, 0, 0, 0xc0]],
    ['no number', (to) => to.number(-Infinity), (from) => from.number(), -Infinity, [0, 0, 0, 0, 0, 0, 0xf0, 0xff]],
    ['64 bits', (to) => to.u64(0x0102n), (from) => from.u64(), 0x0102n, [2, 1, 0, 0, 0, 0, 0, 0]],
    ['64 bits of more', (to) => to.u64(-1n), (from) => from.u64(), 2n ** 64n - 1n, new Array(8).fill(0xff)],
    ['bytes', (to) => to.raw(Uint8Array.of(3, 4)), (from) => from.raw(2), Uint8Array.of(3, 4), [3, 4]],
    [
      'counted bytes',
      (to) => to.bytesOf(Uint8Array.of(3)),
      (from) => from.bytesOf(1),
      Uint8Array.of(3),
      [1, 0, 0, 0, 3],
    ],
    [
      'a text',
      (to) => to.text('\ufeffé'),
      (from) => from.text(5),
      '\ufeffé',
      [5, 0, 0, 0, 0xef, 0xbb, 0xbf, 0xc3, 0xa9],
    ],
    [
      'words',
      (to) => to.words(Int32Array.of(0, -2, 0).subarray(1, 2)),
      (from) => from.words(1),
      Int32Array.of(-2),
      [4, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff],
    ],
  ])('is read again, to the last byte: %s', (_, write, read, value, bytes) => {
    expect([...written(write)]).toEqual(bytes);
    const from = reader(bytes);
    expect(read(from)).toEqual(value);
    expect(from.left).toBe(0);
    from.end();
    expect(() => read(reader(bytes.slice(0, -1)))).toThrow(SnapshotError);
    expect(() => read(reader([]))).toThrow(/it ends too early/);
  });

  it('is the same however much it is, and kept in few buffers', () => {
    const to = new WireWriter();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 10_000; i++) {
      to.u32(i);
      buffers.add(to.written.buffer);
    }
    to.raw(new Uint8Array(500_000).fill(7));
    expect(buffers.size).toBeLessThan(20);
    const from = new WireReader(to.written);
    for (let i = 0; i < 10_000; i++) expect(from.u32()).toBe(i);
    expect(from.raw(500_000).every((byte) => byte === 7)).toBe(true);
    from.end();
  });

  it('last can be taken back', () => {
    const to = new WireWriter();
    to.u8(1);
    to.u32(2);
    to.length = 1;
    to.u8(3);
    expect([...to.written]).toEqual([1, 3]);
  });
});

describe('what is read', () => {
  it('is a copy for words, and else a view', () => {
    const bytes = Uint8Array.of(4, 0, 0, 0, 1, 0, 0, 0);
    expect(new WireReader(bytes).bytesOf().buffer).toBe(bytes.buffer);
    expect(new WireReader(bytes).words().buffer).not.toBe(bytes.buffer);
  });

  it.each<[what: string, Read, bytes: number[], value: unknown]>([
    ['no integer', INTEGER, f64(0), 0],
    ['the largest integer', INTEGER, f64(7), 7],
    ['the largest count of events', (from) => from.counter('it'), f64(2 ** 52), 2 ** 52],
    ['as many things as there is room for', (from) => from.count(2, 'things'), [2, 0, 0, 0, 1, 2, 3, 4], 2],
    ['as many things as may be', (from) => from.count(1, 'things', 2), [2, 0, 0, 0, 1, 2], 2],
    ['things without a size', (from) => from.count(0, 'things'), [255, 255, 255, 255], 2 ** 32 - 1],
    ['the number that is known', (from) => from.exactly(3, 'things'), [3, 0, 0, 0], 3],
    ['words without a limit', (from) => from.words(), [0, 0, 0, 0], new Int32Array()],
  ])('may be %s', (_, read, bytes, value) => {
    expect(read(reader(bytes))).toEqual(value);
  });

  it.each<[what: string, Read, bytes: number[], message: string]>([
    ['a flag of 2', (from) => from.flag(), [2], 'a flag is neither 0 nor 1'],
    ['less than nothing', INTEGER, f64(-1), 'it is out of range'],
    ['half of an integer', INTEGER, f64(0.5), 'it is out of range'],
    ['no number', INTEGER, f64(Number.NaN), 'it is out of range'],
    ['too large an integer', INTEGER, f64(8), 'it is out of range'],
    ['more events than can be counted', (from) => from.counter('it'), f64(2 ** 52 + 1), 'it is out of range'],
    [
      'more things than there is room for',
      (from) => from.count(2, 'things'),
      [2, 0, 0, 0, 1, 2, 3],
      'there are too many things',
    ],
    ['more things than may be', (from) => from.count(1, 'things', 1), [2, 0, 0, 0, 1, 2], 'there are too many things'],
    ['fewer things than there are', (from) => from.exactly(3, 'things'), [2, 0, 0, 0], 'its things are not those'],
    ['more things than there are', (from) => from.exactly(3, 'things'), [4, 0, 0, 0], 'its things are not those'],
    ['too many bytes', (from) => from.bytesOf(1), [2, 0, 0, 0, 1, 2], 'a piece of it is too long'],
    ['too long a text', (from) => from.text(1), [2, 0, 0, 0, 65, 65], 'a piece of it is too long'],
    ['no UTF-8', (from) => from.text(), [1, 0, 0, 0, 0xff], 'a text is not UTF-8'],
    ['too many words', (from) => from.words(1), [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'a piece of it is too long'],
    ['part of a word', (from) => from.words(1), [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'words are cut off'],
    ['more than there should be', (from) => from.end(), [0], 'it goes on behind its end'],
  ])('is not %s', (_, read, bytes, message) => {
    expect(() => read(reader(bytes))).toThrow(`the bytes are damaged: ${message}`);
    expect(() => read(reader(bytes))).toThrow(SnapshotError);
  });
});
