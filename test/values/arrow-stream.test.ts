/** Streams of Apache Arrow: what its package writes is read, and what is made to mislead it is not. */

import {
  Bool,
  DateDay,
  DateMillisecond,
  Decimal,
  DenseUnion,
  Dictionary,
  DurationSecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float64,
  Int8,
  Int32,
  Int64,
  IntervalYearMonth,
  LargeUtf8,
  List,
  Map_,
  Null,
  Schema,
  SparseUnion,
  Struct,
  Table,
  TimeMicrosecond,
  TimeSecond,
  TimestampMillisecond,
  tableFromArrays,
  tableToIPC,
  Uint64,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import '../../src/arrow.ts';
import { decodeTable } from '../../src/values/arrow.ts';
import { requireStream } from '../../src/values/arrow-stream.ts';
import { SEED } from '../property/runner.ts';

const child = (type: ConstructorParameters<typeof Field>[1]) => new Field('item', type as never, true);

/** By name: values of each type, null among them where it can be. */
const COLUMNS: Record<string, [type: unknown, values: unknown[]]> = {
  nulls: [new Null(), [null, null, null]],
  bool: [new Bool(), [true, null, false]],
  int8: [new Int8(), [-128, null, 127]],
  int64: [new Int64(), [-(2n ** 63n), null, 1n]],
  uint64: [new Uint64(), [2n ** 64n - 1n, 0n, null]],
  float16: [new Float16(), [1, 2, 3]],
  float64: [new Float64(), [Number.NaN, null, -0]],
  utf8: [new Utf8(), ['', 'pi\u00f1a \u{1f34d}', null]],
  largeUtf8: [new LargeUtf8(), ['a', null, 'bc']],
  bytes: [new FixedSizeBinary(2), [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)]],
  day: [new DateDay(), [new Date(0), null, new Date(86_400_000)]],
  date: [new DateMillisecond(), [new Date(1), null, new Date(2)]],
  time: [new TimeSecond(), [1, null, 3]],
  times: [new TimeMicrosecond(), [1n, null, 3n]],
  timestamp: [new TimestampMillisecond('UTC'), [1, null, 3]],
  duration: [new DurationSecond(), [1n, null, 3n]],
  interval: [new IntervalYearMonth(), [Int32Array.of(1, 2), null, Int32Array.of(3, 4)]],
  decimal: [new Decimal(10, 2), [Uint32Array.of(1, 0, 0, 0), null, Uint32Array.of(3, 0, 0, 0)]],
  list: [new List(child(new Int32())), [[1, 2], [], null]],
  lists: [new List(child(new List(child(new Utf8())))), [[['a'], []], null, [['b', 'c']]]],
  pair: [new FixedSizeList(2, child(new Int32())), [[1, 2], null, [3, 4]]],
  struct: [
    new Struct([new Field('a', new Int32(), true), new Field('b', new Utf8(), true)]),
    [{ a: 1, b: 'x' }, null, { a: null, b: '' }],
  ],
  map: [
    new Map_(
      new Field(
        'entries',
        new Struct([new Field('key', new Utf8(), false), new Field('value', new Int32(), true)]),
        false,
      ) as never,
    ),
    [new Map([['a', 1]]), null, new Map()],
  ],
  dictionary: [new Dictionary(new Utf8(), new Int8(), 7), ['x', null, 'x']],
};

const tableOf = (name: string): Table => {
  const [type, values] = COLUMNS[name] as [never, unknown[]];
  return new Table({ [name]: vectorFromArray(values, type) } as never);
};
const everything = () =>
  new Table(Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, tableOf(name).getChildAt(0)])) as never);

const shown = (table: Table): string =>
  JSON.stringify(
    table.toArray().map((row) => row?.toJSON()),
    (_, value) => (typeof value === 'bigint' ? `${value}n` : value),
  );

describe('what the package writes is read', () => {
  test.each(Object.keys(COLUMNS))('%s', async (name) => {
    const table = tableOf(name);
    expect(shown((await decodeTable(tableToIPC(table, 'stream'))) as Table)).toBe(shown(table));
  });

  test('all together, in several batches, and in none', async () => {
    const table = everything();
    const twice = table.concat(everything()).concat(everything().slice(1, 2));
    const back = (await decodeTable(tableToIPC(twice, 'stream'))) as Table;
    expect(back.batches).toHaveLength(3);
    expect(shown(back)).toBe(shown(twice));
    const none = new Table(table.schema, []);
    expect(((await decodeTable(tableToIPC(none, 'stream'))) as Table).numCols).toBe(Object.keys(COLUMNS).length);
    expect(((await decodeTable(tableToIPC(table.slice(0, 0), 'stream'))) as Table).numRows).toBe(0);
    expect(((await decodeTable(tableToIPC(new Table(), 'stream'))) as Table).numCols).toBe(0);
  });

  test('unions', () => {
    const fields = [new Field('a', new Int32(), true), new Field('b', new Utf8(), true)];
    for (const type of [new SparseUnion([0, 1], fields), new DenseUnion([0, 1], fields)]) {
      const schema = new Schema([new Field('union', type, true)]);
      requireStream(tableToIPC(new Table(schema, []), 'stream'));
    }
  });

  test('a hundred thousand rows', async () => {
    const table = tableFromArrays({
      id: Int32Array.from({ length: 100_000 }, (_, i) => i),
      name: Array.from({ length: 100_000 }, (_, i) => `name ${i % 100}`),
    });
    expect(((await decodeTable(tableToIPC(table, 'stream'))) as Table).numRows).toBe(100_000);
  });
});

describe('what is none is refused', () => {
  const SIMPLE = tableToIPC(tableFromArrays({ a: Int32Array.of(1, 2, 3), s: ['x', 'y', 'z'] }), 'stream');

  test.each([
    ['nothing', new Uint8Array(0), 'it has no message'],
    ['text', new TextEncoder().encode('hello world'), 'there is no message at byte 0'],
    ['a stream that is cut off', SIMPLE.slice(0, -30), 'it is cut off'],
    ['a stream with something behind it', Uint8Array.of(...SIMPLE, 1), 'bytes are behind its end'],
    ['an end alone', Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0), 'it has no message'],
    [
      'metadata of zeros',
      Uint8Array.of(255, 255, 255, 255, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      'its metadata is damaged',
    ],
  ])('%s', (_, bytes, reason) => {
    expect(() => requireStream(bytes)).toThrow(SyntaxError);
    expect(() => requireStream(bytes)).toThrow(reason);
  });

  test('cut off anywhere', () => {
    for (let length = 0; length < SIMPLE.length - 8; length += 4) {
      let isRefused = false;
      try {
        requireStream(SIMPLE.slice(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        isRefused = true;
      }
      // Between two messages it is a shorter stream.
      if (!isRefused) expect(length).toBeGreaterThan(100);
    }
  });

  test('columns of no bytes with more rows than anybody wants', () => {
    const bytes = tableToIPC(tableOf('nulls'), 'stream');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let changed = 0;
    // Lengths of the batch and of its node are the only places with 3 as 64 bits.
    for (let at = 0; at + 8 <= bytes.length; at += 4) {
      if (view.getBigInt64(at, true) !== 3n) continue;
      view.setBigInt64(at, 2n ** 40n, true);
      changed++;
    }
    expect(changed).toBeGreaterThanOrEqual(2);
    expect(() => requireStream(bytes)).toThrow('rows that take no bytes');
  });

  test('changed anywhere: refused, or a table that can be read', async () => {
    const genuine = tableToIPC(everything(), 'stream');
    const outcomes = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(genuine.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const bytes = genuine.slice();
          for (const [at, byte] of changes) bytes[at] = byte;
          let table: Table;
          try {
            requireStream(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxError);
            outcomes.refused++;
            return;
          }
          try {
            table = (await decodeTable(bytes)) as Table;
          } catch {
            // A type that the package does not have.
            return;
          }
          outcomes.read++;
          expect(table.numRows).toBeLessThan(2 ** 23);
          for (const row of table.toArray().slice(0, 100)) {
            try {
              row?.toJSON();
            } catch {
              // A time that is none, and the like.
            }
          }
        },
      ),
      { numRuns: 3_000, seed: SEED },
    );
    expect(outcomes.read).toBeGreaterThan(300);
    expect(outcomes.refused).toBeGreaterThan(300);
  });
});
