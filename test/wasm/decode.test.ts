import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { ModuleDecoder } from '../../wasm/decoder.ts';
import { CompileError } from '../../wasm/errors.ts';
import { MODULE_LIMITS } from '../../wasm/limits.ts';
import { complete } from '../../wasm/steps.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128 } from '../../wasm/types.ts';
import {
  ByteWriter,
  concat,
  encodeModule,
  type Instruction,
  type ModuleDescription,
  moduleOf,
  SECTION,
  section,
  unsigned,
} from '../generate/encode.ts';
import { everything, GALLERY } from '../generate/gallery.ts';

/** How decoding fails: the message without its location, and the offset. */
function refusal(bytes: Uint8Array): [message: string, offset: number | undefined] {
  try {
    decode(bytes);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return [error.message.replace(/ \([^()]*offset 0x[0-9a-f]+\)$/, ''), error.offset];
  }
  throw new Error('the module was accepted');
}

/** A type section with `[] -> []`, and a function section with one function of it. */
const ONE_FUNCTION = [section(SECTION.type, [1, 0x60, 0, 0]), section(SECTION.function, [1, 0])];
const FIRST = 8;

describe('a module', () => {
  test('with one of everything', () => {
    const module = decode(encodeModule(everything([])));
    expect(module.types.map(({ key }) => key)).toEqual(['i32,f64->', 'i32,i64->i32', '->']);
    expect(module.imports).toEqual([
      { module: 'host', name: 'f', kind: 'function', typeIndex: 0 },
      {
        module: 'host',
        name: 't',
        kind: 'table',
        type: { element: FUNCREF, address: I32, limits: { min: 1, max: 20 } },
      },
      { module: 'host', name: 'g', kind: 'global', type: { type: I32, mutable: false } },
    ]);
    expect(module.functions).toEqual([0, 1, 2]);
    expect(module.tables.map(({ element, limits }) => [element, limits.min, limits.max])).toEqual([
      [FUNCREF, 1, 20],
      [FUNCREF, 0, undefined],
      [EXTERNREF, 2, 2],
    ]);
    expect(module.memories).toEqual([{ address: I32, limits: { min: 1, max: 2 }, isShared: false }]);
    expect(module.globals.map(({ type, mutable }) => [type, mutable])).toEqual([
      [I32, false],
      [I32, true],
      [I64, false],
      [F32, false],
      [F64, true],
      [FUNCREF, false],
      [EXTERNREF, false],
      [I32, false],
    ]);
    expect(module.exports).toEqual([
      { name: 'f', kind: 'function', index: 1 },
      { name: 't', kind: 'table', index: 1 },
      { name: 'm', kind: 'memory', index: 0 },
      { name: 'g', kind: 'global', index: 1 },
    ]);
    expect([module.importedFunctions, module.importedTables, module.importedMemories, module.importedGlobals]).toEqual([
      1, 1, 0, 1,
    ]);
    expect(module.start).toBe(2);
    expect(module.elements.map(({ mode, type, items }) => [mode, type, items.length])).toEqual([
      ['active', FUNCREF, 2],
      ['passive', FUNCREF, 1],
      ['active', FUNCREF, 1],
      ['declarative', FUNCREF, 1],
      ['active', FUNCREF, 2],
      ['passive', FUNCREF, 1],
      ['active', EXTERNREF, 1],
      ['declarative', EXTERNREF, 1],
    ]);
    expect(module.elements.at(0).items).toEqual(Int32Array.of(0, 1));
    expect(module.elements.at(2)).toMatchObject({ index: 1 });
    expect(module.data.map(({ mode, bytes }) => [mode, bytes.end - bytes.start])).toEqual([
      ['active', 3],
      ['passive', 0],
      ['active', 1],
    ]);
    expect(module.bodies.map(({ localCount, locals }) => [localCount, locals])).toEqual([
      [
        5,
        [
          { count: 1, type: I32 },
          { count: 2, type: F32 },
          { count: 1, type: V128 },
          { count: 1, type: FUNCREF },
        ],
      ],
      [0, []],
    ]);
    expect(module.customSections.map(({ name }) => name)).toEqual(['note', 'name']);
    const note = module.customSections.at(0).bytes;
    expect(module.bytes.subarray(note.start, note.end)).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('may be empty', () => {
    expect(decode(moduleOf())).toMatchObject({
      types: [],
      functions: [],
      exports: [],
      start: undefined,
    });
  });

  test('keeps no hold on the bytes it was given', () => {
    const bytes = encodeModule({ custom: [{ name: 'a', bytes: [1] }] });
    const module = decode(bytes);
    bytes.fill(0);
    expect(module.bytes.at(-1)).toBe(1);
  });

  test('may have custom sections anywhere', () => {
    const custom = section(SECTION.custom, [1, 0x61, 7]);
    const bytes = moduleOf(
      custom,
      ...ONE_FUNCTION.flatMap((part) => [part, custom]),
      section(SECTION.code, [1, 2, 0, 0x0b]),
      custom,
    );
    expect(decode(bytes).customSections).toHaveLength(4);
  });
});

describe('refused, with the offset of the fault:', () => {
  const cases: [what: string, bytes: Uint8Array, message: string | RegExp, offset: number][] = [
    ['nothing', Uint8Array.of(), 'magic header not detected: unexpected end', 0],
    ['half a header', Uint8Array.of(0, 0x61, 0x73, 0x6d), 'magic header not detected: unexpected end', 4],
    ['another magic', Uint8Array.of(0, 0x61, 0x73, 0x6e, 1, 0, 0, 0), 'magic header not detected', 0],
    ['another version', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), 'unknown binary version', 4],
    ['a component', Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), /^the module needs "component model"/, 4],
    ['an unknown section', moduleOf(section(14, [])), 'malformed section id 14', FIRST],
    ['a section without a size', moduleOf([1]), 'unexpected end of section', FIRST + 1],
    ['a section cut short', moduleOf(section(1, [1, 0x60, 0], 4)), 'unexpected end of section', FIRST + 5],
    ['a section with bytes left', moduleOf(section(1, [0, 0])), 'section size mismatch: 1 bytes left', FIRST + 3],
    ['a size that is over-long', moduleOf([1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 0]), /too long$/, FIRST + 5],
    ['a size that is too large', moduleOf([1, 0xff, 0xff, 0xff, 0xff, 0x7f]), /too large$/, FIRST + 5],
    ['a size beyond every limit', moduleOf([1, ...unsigned(0xffff_ffff)]), /too large$/, MODULE_LIMITS.moduleBytes],
    [
      'sections out of order',
      moduleOf(section(3, [0]), section(1, [0])),
      /type section out of order or repeated$/,
      FIRST + 3,
    ],
    [
      'a section twice',
      moduleOf(section(1, [0]), section(1, [0])),
      /type section out of order or repeated$/,
      FIRST + 3,
    ],
    [
      'data count behind code',
      moduleOf(section(10, [0]), section(12, [0])),
      /data count section out of order or repeated$/,
      FIRST + 3,
    ],
    [
      '4294967295 types',
      moduleOf(section(1, unsigned(0xffff_ffff))),
      '4294967295 types exceed the limit of 1000000',
      FIRST + 2,
    ],
    [
      'more types than bytes',
      moduleOf(section(1, [5, 0x60, 0, 0])),
      'unexpected end: 5 types announced, 3 bytes left',
      FIRST + 2,
    ],
    [
      'more imports than bytes',
      moduleOf(section(2, unsigned(1_000_000))),
      'unexpected end: 1000000 imports announced, 0 bytes left',
      FIRST + 2,
    ],
    [
      'another kind of type',
      moduleOf(section(1, [1, 0x40, 0])),
      'malformed type: function, struct or array type expected',
      FIRST + 3,
    ],
    ['an unknown value type', moduleOf(section(1, [1, 0x60, 1, 0x7a, 0])), 'malformed value type 0x7a', FIRST + 5],
    ['an unknown type', moduleOf(section(3, [1, 0])), 'unknown type 0', FIRST + 3],
    [
      'a function without a body',
      moduleOf(...ONE_FUNCTION),
      'function and code section have inconsistent lengths: 1 and 0',
      18,
    ],
    [
      'a body without a function',
      moduleOf(section(10, [1, 2, 0, 0x0b])),
      'function and code section have inconsistent lengths: 0 and 1',
      FIRST + 2,
    ],
    ['a table of numbers', moduleOf(section(4, [1, 0x7f, 0, 0])), 'malformed reference type 0x7f', FIRST + 3],
    [
      'limits upside down',
      moduleOf(section(5, [1, 1, 2, 1])),
      'size minimum must not be greater than maximum',
      FIRST + 3,
    ],
    ['limits of another kind', moduleOf(section(5, [1, 0x10, 0, 1])), 'malformed limits flags', FIRST + 3],
    [
      'a memory of more than 4 GiB',
      moduleOf(section(5, [1, 0, ...unsigned(65_537)])),
      'memory size must be at most 65536',
      FIRST + 3,
    ],
    [
      'a maximum of more than 4 GiB',
      moduleOf(section(5, [1, 1, 0, ...unsigned(65_537)])),
      'memory size must be at most 65536',
      FIRST + 3,
    ],
    [
      'too many memories',
      moduleOf(section(5, [0x65, ...new Array(202).fill(0)])),
      '101 memories exceed the limit of 100',
      FIRST + 3,
    ],
    ['a strange mutability', moduleOf(section(6, [1, 0x7f, 4, 0x41, 0, 0x0b])), 'malformed mutability', FIRST + 4],
    ['a strange kind of export', moduleOf(section(7, [1, 0, 9, 0])), 'malformed import or export kind', FIRST + 4],
    ['an export of nothing', moduleOf(section(7, [1, 1, 0x61, 0, 0])), 'unknown function 0 exported as "a"', FIRST + 3],
    ['a name that is not UTF-8', moduleOf(section(0, [1, 0xff])), 'malformed UTF-8 encoding', FIRST + 2],
    [
      'a name longer than its section',
      moduleOf(section(0, [5, 0x61])),
      /^unexpected end: 5 bytes of a name announced, 1 bytes left$/,
      FIRST + 2,
    ],
    ['an unknown start function', moduleOf(section(8, [0])), 'unknown function 0', FIRST + 3],
    ['an element segment of a ninth form', moduleOf(section(9, [1, 8])), 'malformed elements segment kind', FIRST + 3],
    ['elements for no table', moduleOf(section(9, [1, 0, 0x41, 0, 0x0b, 0])), 'unknown table 0', FIRST + 3],
    ['data for no memory', moduleOf(section(11, [1, 0, 0x41, 0, 0x0b, 0])), 'unknown memory 0', FIRST + 3],
    ['a fourth form of data', moduleOf(section(11, [1, 3])), 'malformed data segment kind', FIRST + 3],
    [
      'data longer than the section',
      moduleOf(section(11, [1, 1, 5, 0])),
      'unexpected end: 5 bytes expected, 1 left',
      FIRST + 5,
    ],
    [
      'a data count that is wrong',
      moduleOf(section(12, [2]), section(11, [1, 1, 0])),
      'data count and data section have inconsistent lengths: 2 and 1',
      16,
    ],
  ];

  test.each(cases)('%s', (_, bytes, message, offset) => {
    const [said, at] = refusal(bytes);
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
    expect(at).toBe(offset);
  });

  test('a name exported twice', () => {
    const functions = [{ body: [], export: 'a' }];
    expect(refusal(encodeModule({ functions, memories: [{ min: 0, export: 'a' }] }))[0]).toBe(
      'duplicate export name "a"',
    );
  });

  test('a start function that takes or returns something', () => {
    expect(refusal(encodeModule({ functions: [{ params: [I32], body: [] }], start: 0 }))[0]).toMatch(
      /^start function must take/,
    );
    expect(refusal(encodeModule({ functions: [{ results: [I32], body: [['i32.const', 0]] }], start: 0 }))[0]).toMatch(
      /^start function must/,
    );
  });
});

describe('hostile modules', () => {
  const body = (...bytes: Iterable<number>[]) => {
    const content = concat(...bytes);
    return moduleOf(...ONE_FUNCTION, section(SECTION.code, new ByteWriter().u8(1).sized(content).finish()));
  };

  test('4 billion locals in 30 bytes', () => {
    const bytes = body([1], unsigned(0xffff_ffff), [I32, 0x0b]);
    expect(bytes.length).toBeLessThanOrEqual(30);
    expect(refusal(bytes)).toEqual([`too many locals: the limit is ${MODULE_LIMITS.locals}`, 23]);
  });

  test('4 billion locals, in runs whose sum overflows 32 bits', () => {
    const run = [...unsigned(0xffff_ffff), I32];
    expect(refusal(body([2], run, run, [0x0b]))[0]).toMatch(/^too many locals/);
    expect(refusal(body([2], [1, I32], run, [0x0b]))[0]).toMatch(/^too many locals/);
  });

  test('as many locals as allowed, parameters among them', () => {
    const withLocals = (count: number): ModuleDescription => ({
      functions: [{ params: [I32], locals: Array(count).fill(I64), body: [] }],
    });
    expect(decode(encodeModule(withLocals(MODULE_LIMITS.locals - 1))).bodies.at(0).localCount).toBe(49_999);
    expect(refusal(encodeModule(withLocals(MODULE_LIMITS.locals)))[0]).toMatch(/^too many locals/);
  });

  test('200,000 nested blocks', () => {
    const blocks = new Uint8Array(400_000).fill(0x02);
    for (let i = 1; i < blocks.length; i += 2) blocks[i] = 0x40;
    const [message, offset] = refusal(body([0], blocks, new Uint8Array(200_001).fill(0x0b)));
    expect(message).toBe(`constructs nested deeper than ${MODULE_LIMITS.nesting}`);
    // The function itself is the first construct.
    expect(offset).toBeGreaterThan(2 * (MODULE_LIMITS.nesting - 1));
  });

  test('blocks nested as deep as allowed', () => {
    const depth = MODULE_LIMITS.nesting - 1;
    const code: Instruction[] = [...Array(depth).fill('block'), ...Array(depth).fill('end')];
    expect(decode(encodeModule({ functions: [{ body: code }] })).bodies).toHaveLength(1);
  });

  test('a constant expression without end', () => {
    const zeros = new Uint8Array(100_000).fill(0x41).map((byte, i) => (i % 2 === 0 ? byte : 0));
    expect(refusal(moduleOf(section(6, concat([1, 0x7f, 0], zeros))))[0]).toMatch(/^unexpected end/);
  });

  test('a branch table of 4 billion labels', () => {
    expect(refusal(body([0, 0x41, 0, 0x0e], unsigned(0xffff_ffff), [0x0b]))[0]).toBe(
      `4294967295 branch targets exceed the limit of ${MODULE_LIMITS.brTableTargets}`,
    );
  });

  test('an operand stack a million high', () => {
    const code: Instruction[] = [...Array(1_000_000).fill(['i32.const', 0]), 'unreachable'];
    expect(decode(encodeModule({ functions: [{ body: code }] })).bodies.at(0).maxHeight).toBe(1_000_000);
  });

  test('a body longer than allowed, not one byte of which is there', () => {
    const bytes = moduleOf(...ONE_FUNCTION, [SECTION.code, ...unsigned(9_000_000), 1, ...unsigned(8_000_000)]);
    expect(refusal(bytes)[0]).toBe(
      `function body of 8000000 bytes exceeds the limit of ${MODULE_LIMITS.functionBytes}`,
    );
  });

  test('a body that reaches past its section', () => {
    const bytes = moduleOf(...ONE_FUNCTION, section(SECTION.code, [1, 9, 0, 0x0b]));
    expect(refusal(bytes)[0]).toBe('unexpected end: function body reaches past its section');
  });

  test('a body with bytes behind its end, or without an end', () => {
    expect(refusal(body([0, 0x0b, 0x01]))[0]).toBe('junk after the end of the function');
    expect(refusal(body([0, 0x01]))[0]).toBe('unexpected end of section or function');
    expect(refusal(body([]))[0]).toBe('unexpected end of section or function');
  });

  test('names of properties of objects', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const module = decode(encodeModule({ functions: names.map((name) => ({ body: [], export: name })) }));
    expect(module.exports.map(({ name }) => name)).toEqual(names);
  });
});

function feed(decoder: ModuleDecoder, bytes: Uint8Array): void {
  decoder.push(bytes);
  complete(decoder.decode());
}

describe('decoding in pieces', () => {
  test.each([1, 2, 3, 5, 8, 64])('of %i bytes gives the same module', (size) => {
    for (const bytes of GALLERY) {
      const decoder = new ModuleDecoder();
      for (let pos = 0; pos < bytes.length; pos += size) feed(decoder, bytes.subarray(pos, pos + size));
      expect(decoder.finish()).toEqual(decode(bytes));
    }
  });

  test('fails as soon as the fault is there', () => {
    const bytes = moduleOf(section(1, [1, 0x40, 0]), new Uint8Array(1000));
    const decoder = new ModuleDecoder();
    feed(decoder, bytes.subarray(0, 12));
    expect(() => feed(decoder, bytes.subarray(12, 13))).toThrow('malformed type');
  });

  test('validates a body before the next one is there', () => {
    const bytes = encodeModule({ functions: [{ body: ['i32.add'] }, { body: Array(1000).fill('nop') }] });
    const decoder = new ModuleDecoder();
    expect(() => feed(decoder, bytes.subarray(0, 40))).toThrow('type mismatch');
  });

  test('does not take more bytes than it was told to', () => {
    expect(() => decode(moduleOf(section(0, [1, 0x61, 0])), 12)).toThrow('module of more than 12 bytes: too large');
    expect(decode(moduleOf(section(0, [1, 0x61, 0])), 13).customSections).toHaveLength(1);
    // An announcement is enough.
    const decoder = new ModuleDecoder(100);
    expect(() => feed(decoder, moduleOf([0, 99]))).toThrow('module of more than 100 bytes: too large');
  });

  test('accepts empty pieces, and not the end before all is there', () => {
    const decoder = new ModuleDecoder();
    feed(decoder, new Uint8Array());
    expect(() => decoder.finish()).toThrow('magic header not detected');
    feed(decoder, moduleOf());
    feed(decoder, new Uint8Array());
    expect(decoder.finish().types).toEqual([]);
  });
});

test('limits of tables and memories at their edges', () => {
  const bytes = encodeModule({ tables: [{ min: 0, max: 0xffff_ffff }], memories: [{ min: 65_536, max: 65_536 }] });
  const { tables, memories } = decode(bytes);
  expect(tables[0]?.limits).toEqual({ min: 0, max: 0xffff_ffff });
  expect(memories[0]?.limits).toEqual({ min: 65_536, max: 65_536 });
});

test('an error names function and offset, once', () => {
  const bytes = encodeModule({ functions: [{ body: [] }, { body: ['nop', 'i32.add'] }] });
  expect(() => decode(bytes)).toThrow(/^type mismatch: operand expected, stack is empty \(function 1, offset 0x1c\)$/);
  // Found by the reader, which knows no functions.
  const cut = encodeModule({ functions: [{ body: [{ raw: [0x41, ...Array(9).fill(0x80)] }] }] });
  expect(() => decode(cut)).toThrow(/^signed 32-bit integer representation too long \(function 0, offset 0x1c\)$/);
});
