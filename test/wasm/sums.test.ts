import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { SUM_LIMITS } from '../../wasm/limits.ts';
import { F32, I32, I64 } from '../../wasm/types.ts';
import { ByteWriter, concat, moduleOf, SECTION, section, unsigned } from '../generate/encode.ts';

const MANY = 1000;
const list = (type: number) => [...unsigned(MANY), ...new Array<number>(MANY).fill(type)];

/** Types by index: `[] -> []`, `[] -> [1000]`, `[1000] -> []`, `[1000] -> [1000]`. */
const TYPES = section(SECTION.type, [
  ...[4, 0x60, 0, 0, 0x60, 0, ...list(I32), 0x60, ...list(I32), 0, 0x60, ...list(I32), ...list(I32)],
]);
/** Tag 0 passes a thousand values. */
const TAGS = section(SECTION.tag, [1, 0, 2]);

function repeat(bytes: readonly number[], times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
  return all;
}

/** Functions of the types, all with the same content. */
function functions(types: readonly number[], ...content: Iterable<number>[]): Uint8Array {
  const body = new ByteWriter().sized(concat(...content)).finish();
  return moduleOf(
    TYPES,
    section(SECTION.function, concat(unsigned(types.length), types)),
    TAGS,
    section(SECTION.code, concat(unsigned(types.length), ...types.map(() => body))),
  );
}

function failure(bytes: Uint8Array): CompileError | undefined {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

/** In unreachable code whatever is asked for is there. */
const UNREACHABLE = 0x00;
const END = 0x0b;
const BLOCK_OF_MANY = [0x02, 1];
const DROPPED = repeat([0x1a], MANY);

/** By name: what is repeated within a block of a thousand results, in unreachable code; how many values it carries. */
const CARRYING: Readonly<Record<string, readonly [bytes: readonly number[], values: number]>> = {
  br_if: [[0x0d, 0], MANY],
  'br_table with one label': [[0x0e, 0, 0], MANY],
  'br_table with four': [[0x0e, 3, 0, 0, 0, 0], 4 * MANY],
  br_on_null: [[0xd5, 0, UNREACHABLE], MANY],
  'a block with results': [[0x02, 1, UNREACHABLE, END, UNREACHABLE], MANY],
  'a block with parameters': [[0x02, 2, UNREACHABLE, END], MANY],
  'a loop with both': [[0x03, 3, UNREACHABLE, END, UNREACHABLE], 2 * MANY],
  'a call': [[0x10, 0, UNREACHABLE], 2 * MANY],
  'a tail call': [[0x12, 1], MANY],
  'a catch clause': [[0x1f, 0x40, 1, 0x00, 0, 0, END], MANY],
};

describe('values that are carried', () => {
  const { base, perByte } = SUM_LIMITS.carriedValues;
  // Function 0 takes and leaves a thousand values, function 1 leaves them.
  const repeated = (bytes: readonly number[], times: number) =>
    functions([3, 1], [0], BLOCK_OF_MANY, [UNREACHABLE], repeat(bytes, times), [END], DROPPED, [UNREACHABLE, END]);

  test.each(Object.entries(CARRYING))('%s', (_, [bytes, values]) => {
    const most = Math.ceil((base + 20_000) / (values - perByte * bytes.length));
    const error = failure(repeated(bytes, most));
    expect(error?.message).toMatch(
      /^imports, exports, blocks, calls and branches carry more values than 50000 and 1 for each byte so far \(function 0, offset /,
    );
    // As soon as they are too many.
    expect(failure(repeated(bytes, 2 * most))?.offset).toBe(error?.offset);
    expect(failure(repeated(bytes, Math.floor((base - 20_000) / (2 * values))))).toBeUndefined();
  });

  test('imported functions', () => {
    const imported = (times: number) =>
      moduleOf(TYPES, section(SECTION.import, concat(unsigned(times), repeat([1, 0x61, 1, 0x61, 0, 3], times))));
    expect(failure(imported(base / (2 * MANY)))).toBeUndefined();
    const error = failure(imported(2 * base));
    expect(error?.message).toMatch(
      /^imports, exports, blocks, calls and branches carry more values than 50000 .* \(offset /,
    );
    expect(error?.offset).toBeLessThan(10_000);
  });

  test('those of exported functions', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => [1, 0x30 + i, 0, 0]);
    const exports = (count: number) =>
      moduleOf(
        TYPES,
        section(SECTION.import, [1, 0, 0, 0, 3]),
        section(SECTION.export, concat(unsigned(count), ...names(count))),
      );
    expect(failure(exports(25))).toBeUndefined();
    expect(failure(exports(40))?.message).toMatch(/^imports, exports, .* than 50000 .* \(offset /);
  });

  test('values named one by one are not counted', () => {
    const constants = repeat([0x41, 0], 400_000);
    expect(failure(functions([0], [0], constants, repeat([0x1a], 400_000), [END]))).toBeUndefined();
  });
});

describe('locals', () => {
  const { base } = SUM_LIMITS.declaredLocals;
  const withLocals = (count: number) => functions(new Array(count).fill(0), [1], unsigned(50_000), [F32, END]);

  test('of all functions together', () => {
    expect(failure(withLocals(base / 50_000))).toBeUndefined();
    expect(failure(withLocals(base / 50_000 + 1))?.message).toMatch(
      /^functions have more parameters and locals than 250000 and 1 for each byte so far \(function 5, offset /,
    );
  });

  test('parameters count', () => {
    expect(failure(functions(new Array(260).fill(2), [0, END]))?.message).toMatch(/^functions have more parameters/);
  });

  test('bytes before make room', () => {
    const bytes = withLocals(base / 50_000 + 1);
    const custom = section(0, concat([1, 0x61], new Uint8Array(50_000)));
    expect(failure(concat(bytes.subarray(0, 8), custom, bytes.subarray(8)))).toBeUndefined();
  });
});

describe('locals without a value', () => {
  // The locals of a function: an i64, and three references that are never null.
  const locals = [2, 1, I64, 3, 0x64, 0x70];
  const SOME = [0xd0, 0x70, 0xd4];
  const validates = (...code: number[]) => failure(functions([0], locals, code, [END]))?.message ?? 'valid';

  test('become readable where they got one, and only to the end of the construct', () => {
    expect(validates(0x20, 1, 0x1a)).toMatch(/^uninitialized local 1/);
    expect(validates(...SOME, 0x21, 1, 0x20, 1, 0x1a)).toBe('valid');
    expect(validates(...SOME, 0x21, 1, 0x20, 2, 0x1a)).toMatch(/^uninitialized local 2/);
    expect(validates(0x02, 0x40, ...SOME, 0x21, 1, 0x20, 1, 0x1a, END)).toBe('valid');
    expect(validates(0x02, 0x40, ...SOME, 0x21, 1, END, 0x20, 1, 0x1a)).toMatch(/^uninitialized local 1/);
    expect(validates(...SOME, 0x22, 3, 0x21, 2, 0x20, 3, 0x1a, 0x20, 2, 0x1a)).toBe('valid');
  });

  test('are none of the function before', () => {
    const bodies = [
      [...locals, ...SOME, 0x21, 1, END],
      [...locals, 0x20, 1, 0x1a, END],
    ].map((body) => new ByteWriter().sized(body).finish());
    const bytes = moduleOf(TYPES, section(SECTION.function, [2, 0, 0]), section(SECTION.code, concat([2], ...bodies)));
    expect(failure(bytes)?.message).toMatch(/^uninitialized local 1 \(function 1/);
  });
});
