/** What NumPy 2.4 writes: version of the format, header, where elements begin, and those as hexadecimal digits. */

type Written = readonly [what: string, version: number, header: string, start: number, elements: string];

const WRITTEN: readonly Written[] = [
  [
    'float64',
    1,
    "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }",
    128,
    '000000000000f83f00000000000000c000000000000008409c7500883ce4577e',
  ],
  [
    'float32 column',
    1,
    "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
    128,
    '0000803f00008040000000400000a040000040400000c040',
  ],
  ['float16', 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (8,), }", 128, '0000003c00c0ff7b0100ff03007c007e'],
  ['bool', 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", 128, '010001'],
  [
    'int64 big endian',
    1,
    "{'descr': '>i8', 'fortran_order': False, 'shape': (3,), }",
    128,
    '0000000000000001fffffffffffffffe4000000000000000',
  ],
  ['uint16', 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (1, 2, 1), }", 128, '0100ffff'],
  ['scalar', 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (), }", 128, '07'],
  ['empty', 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3), }", 128, ''],
  ['complex64', 1, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 128, '000000000000803f'],
  ['version 2', 2, "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", 128, '0100000002000000'],
];

/** By name, the files. */
export const NUMPY: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map(
  WRITTEN.map(([what, version, header, start, elements]) => {
    const prefix = version === 1 ? 10 : 12;
    const length = start - prefix;
    const lengths = version === 1 ? [length & 0xff, length >> 8] : [length & 0xff, length >> 8, 0, 0];
    const text = `${header.padEnd(length - 1)}\n`;
    const bytes = [0x93, ...'NUMPY'].map((c) => (typeof c === 'number' ? c : c.charCodeAt(0)));
    const data = (elements.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
    return [
      what,
      Uint8Array.from([...bytes, version, 0, ...lengths, ...[...text].map((c) => c.charCodeAt(0)), ...data]),
    ];
  }),
);
