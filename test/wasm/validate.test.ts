import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, nonNull, type ValType } from '../../wasm/types.ts';
import {
  encodeModule,
  type FunctionDescription,
  type Instruction,
  type ModuleDescription,
} from '../generate/encode.ts';
import { alone, CORE, everything } from '../generate/gallery.ts';

/** A body of `[i32 i64] -> []` with two locals, f32 and funcref, among one of everything. */
function check(body: readonly Instruction[]): void {
  const functions: FunctionDescription[] = [
    { params: [I32, I64], locals: [F32, FUNCREF], body, export: 'f' },
    { body: [] },
    { body: [] },
  ];
  decode(encodeModule({ ...everything([]), functions }));
}

const zero: Instruction = ['i32.const', 0];

describe('valid', () => {
  test.each(CORE.map((row) => [row.mnemonic, row] as const))('%s in unreachable code', (_, row) => {
    const result = row.mnemonic === 'end' ? [] : ['unreachable' as const];
    expect(() => decode(encodeModule(everything([row])))).not.toThrow();
    expect(() => check([...alone(row), ...result])).not.toThrow();
  });

  const bodies: Record<string, Instruction[]> = {
    'parameters of a block': [
      zero,
      ['block', { params: [I32], results: [I32, I32] }],
      ['local.get', 0],
      'end',
      'drop',
      'drop',
    ],
    'a branch that leaves operands behind': ['block', zero, zero, ['br', 0], 'end'],
    'a branch to a loop takes its parameters': [zero, ['loop', { params: [I32], results: [] }], ['br', 0], 'end'],
    'a branch out of the function': [zero, ['br_if', 0], ['br', 0]],
    'an if with parameters as results, without else': [
      zero,
      zero,
      ['if', { params: [I32], results: [I32] }],
      'end',
      'drop',
    ],
    'both arms': [zero, ['if', I32], zero, 'else', ['i32.const', 1], 'end', 'drop'],
    'operands of any type after a branch': [['br', 0], 'i32.add', 'drop'],
    'select of what is not there': ['unreachable', 'select', 'drop'],
    'select of references with a type': [
      ['ref.null', FUNCREF],
      ['local.get', 3],
      zero,
      ['select_t', [FUNCREF]],
      'drop',
    ],
    'a table of labels of one type': ['block', 'block', zero, ['br_table', [0, 1, 2], 1], 'end', 'end'],
    'labels of different types in unreachable code': [
      ['block', F32],
      ['block', I32],
      'unreachable',
      zero,
      ['br_table', [0, 1], 1],
      'end',
      'drop',
      ['f32.const', 0],
      'end',
      'drop',
    ],
    'a result in unreachable code': [['block', I64], 'unreachable', 'end', 'drop'],
    'the least alignment, and the largest offset': [zero, ['i64.load', { align: 0, offset: 0xffff_ffff }], 'drop'],
    'a reference to a declared function': [['ref.func', 1], 'drop'],
    'a copy between tables of one type': [zero, zero, zero, ['table.copy', 0, 1]],
  };
  test.each(Object.entries(bodies))('%s', (_, body) => {
    expect(() => check(body)).not.toThrow();
  });

  test('constant expressions with arithmetic and earlier globals', () => {
    const description: ModuleDescription = {
      globals: [
        { type: I64, init: [['i64.const', 5], ['i64.const', 6], 'i64.mul'] },
        { type: I64, init: [['global.get', 0], ['i64.const', 1], 'i64.sub'] },
      ],
    };
    expect(decode(encodeModule(description)).globalInits).toHaveLength(2);
  });
});

describe('refused:', () => {
  const bodies: [what: string, body: Instruction[], message: string][] = [
    ['an operand of another type', [['local.get', 1], 'i32.eqz', 'drop'], 'type mismatch: i32 expected, i64 found'],
    ['an operand too few', [zero, 'i32.add', 'drop'], 'type mismatch: operand expected, stack is empty'],
    [
      'an operand of the construct outside',
      [zero, 'block', 'drop', 'end'],
      'type mismatch: operand expected, stack is empty',
    ],
    ['an operand left in a block', ['block', zero, 'end'], 'type mismatch: 1 operands left at the end of a block'],
    ['an operand left in the function', [zero, zero], 'type mismatch: 2 operands left at the end of a block'],
    [
      'an operand left in unreachable code',
      ['unreachable', zero],
      'type mismatch: 1 operands left at the end of a block',
    ],
    [
      'an operand of a wrong type in unreachable code',
      ['unreachable', ['f32.const', 0], 'i32.eqz', 'drop'],
      'type mismatch: i32 expected, f32 found',
    ],
    ['a result missing', [['block', I32], 'end', 'drop'], 'type mismatch: operand expected, stack is empty'],
    [
      'a result of another type',
      [['block', I32], ['f32.const', 0], 'end', 'drop'],
      'type mismatch: i32 expected, f32 found',
    ],
    [
      'an if with a result without else',
      [zero, ['if', I32], zero, 'end', 'drop'],
      'type mismatch: if without else must leave its parameters',
    ],
    ['an else without if', ['block', 'else', 'end'], 'else without if'],
    ['two elses', [zero, 'if', 'else', 'else', 'end'], 'else without if'],
    ['an unknown label', [['br', 1]], 'unknown label 1'],
    ['the largest label', [['br', 0xffff_ffff]], 'unknown label'],
    [
      'labels of different arity',
      [['block', I32], zero, zero, ['br_table', [0], 1], 'end', 'drop'],
      'type mismatch: branch targets of different arity',
    ],
    [
      'labels of different types',
      [
        ['block', F32],
        ['block', I32],
        zero,
        zero,
        ['br_table', [0], 1],
        'end',
        'drop',
        ['f32.const', 0],
        'end',
        'drop',
      ],
      'type mismatch',
    ],
    ['an unknown local', [['local.get', 4], 'drop'], 'unknown local 4'],
    ['a value of another type for a local', [zero, ['local.set', 2]], 'type mismatch: f32 expected, i32 found'],
    ['an unknown global', [['global.get', 9], 'drop'], 'unknown global 9'],
    ['a global that is immutable', [zero, ['global.set', 0]], 'global is immutable'],
    ['an unknown function', [['call', 9]], 'unknown function 9'],
    ['arguments of another type', [zero, zero, ['call', 0]], 'type mismatch: f64 expected, i32 found'],
    ['an unknown type', [zero, ['call_indirect', 99, 0]], 'unknown type 99'],
    ['an unknown table', [zero, ['call_indirect', 0, 9]], 'unknown table 9'],
    [
      'a call through a table of externref',
      [zero, ['call_indirect', { params: [], results: [] }, 2]],
      'type mismatch: indirect call through a table of no functions',
    ],
    ['an unknown type of a block', [{ raw: [0x02, 0x90, 0x00, 0x0b] }], 'unknown type of a block'],
    ['a type of a block that is none', [{ raw: [0x02, 0x41, 0x0b] }], 'malformed value type 0x41'],
    [
      'a type of a block with a sign, stretched',
      [{ raw: [0x02, 0xff, 0x7f, 0x41, 0, 0x0b, 0x1a] }],
      'malformed block type',
    ],
    [
      'select of different types',
      [zero, ['f32.const', 0], zero, 'select', 'drop'],
      'type mismatch: select of different types',
    ],
    [
      'select of references',
      [['ref.null', FUNCREF], ['ref.null', FUNCREF], zero, 'select', 'drop'],
      'type mismatch: select of references needs a type',
    ],
    ['select of two types', ['unreachable', ['select_t', [I32, I32]], 'drop'], 'invalid result arity of select'],
    ['select of no type', ['unreachable', ['select_t', []], 'drop'], 'invalid result arity of select'],
    ['null of a number', [['ref.null', I32 as never], 'drop'], 'malformed heap type'],
    [
      'a number asked whether it is null',
      [zero, 'ref.is_null', 'drop'],
      'type mismatch: reference expected, i32 found',
    ],
    ['a reference to a function not declared', [['ref.func', 3], 'drop'], 'undeclared function reference 3'],
    [
      'a reference for another kind of table',
      [zero, ['ref.null', FUNCREF], ['table.set', 2]],
      'type mismatch: externref expected, funcref found',
    ],
    [
      'a copy between tables of different types',
      [zero, zero, zero, ['table.copy', 0, 2]],
      'type mismatch: tables of different types',
    ],
    [
      'a segment for another kind of table',
      [zero, zero, zero, ['table.init', 0, 2]],
      'type mismatch: segment and table differ',
    ],
    ['an unknown element segment', [['elem.drop', 99]], 'unknown elem segment 99'],
    ['an unknown data segment', [['data.drop', 99]], 'unknown data segment 99'],
    ['too much alignment', [zero, ['i32.load16_u', { align: 2 }], 'drop'], 'alignment must not be larger than natural'],
    [
      'an alignment of 2 ** 32',
      [zero, { raw: [0x28, 0x20, 0x00] }, 'drop'],
      'alignment must not be larger than natural',
    ],
    ['an alignment out of all bounds', [zero, { raw: [0x28, 0x80, 0x01, 0x00] }, 'drop'], 'malformed alignment'],
    ['a second memory', [{ raw: [0x3f, 0x01] }, 'drop'], 'unknown memory 1'],
    ['a lane too many', ['unreachable', ['i32x4.extract_lane', 4], 'drop'], 'invalid lane index'],
    ['a lane of memory too many', ['unreachable', ['v128.load64_lane', {}, 2], 'drop'], 'invalid lane index'],
    [
      'a shuffle of lane 32',
      ['unreachable', ['i8x16.shuffle', [32, ...Array(15).fill(0)]], 'drop'],
      'invalid lane index',
    ],
    ['a catch without try', ['catch_all'], 'catch or catch_all without try'],
    ['a catch in a block', ['block', 'catch_all', 'end'], 'catch or catch_all without try'],
    ['a catch behind catch_all', ['try', 'catch_all', 'catch_all', 'end'], 'catch or catch_all without try'],
    ['a catch of an unknown tag', ['try', ['catch', 99], 'end'], 'unknown tag 99'],
    ['a delegate without try', ['block', ['delegate', 0]], 'delegate without try'],
    ['a delegate behind what catches', ['try', 'catch_all', ['delegate', 0]], 'delegate without try'],
    ['a delegate out of the function', ['try', ['delegate', 1]], 'unknown label 1'],
    ['a rethrow out of no arm', ['try', ['rethrow', 0], 'catch_all', 'end'], 'invalid rethrow label 0'],
    ['a rethrow out of the function', [['rethrow', 7]], 'unknown label 7'],
    ['an arm that takes what was caught', ['try', 'catch_all', 'drop', 'end'], 'type mismatch: operand expected'],
    ['an arm that leaves too much', ['try', 'catch_all', zero, 'end'], 'type mismatch: 1 operands left'],
    ['an else in a try', ['try', 'else', 'end'], 'else without if'],
    ['an opcode that is none', [{ raw: [0x1e] }], 'illegal opcode 0x1e'],
    ['a prefixed opcode that is none', [{ raw: [0xfc, 0x20] }], 'illegal opcode 0xfc'],
  ];

  test.each(bodies)('%s', (_, body, message) => {
    expect(() => check(body)).toThrow(CompileError);
    expect(() => check(body)).toThrow(message);
    expect(() => check(body)).toThrow(expect.objectContaining({ functionIndex: 1 }));
  });

  const modules: [what: string, description: ModuleDescription, message: string][] = [
    ['a memory access without memory', { functions: [{ body: [zero, ['i32.load'], 'drop'] }] }, 'unknown memory 0'],
    [
      'a data segment named without a data count',
      { functions: [{ body: [['data.drop', 0]] }], data: [{ bytes: [] }], dataCount: null },
      'data count section required',
    ],
    [
      'a constant expression that is none',
      { globals: [{ type: I32, init: [zero, 'i32.eqz'] }] },
      'constant expression required, i32.eqz found',
    ],
    [
      'a constant expression of another type',
      { globals: [{ type: I32, init: [['f64.const', 0]] }] },
      'type mismatch: i32 expected, f64 found',
    ],
    [
      'a constant expression of two values',
      { globals: [{ type: I32, init: [zero, zero] }] },
      'type mismatch: 1 operands left',
    ],
    ['a constant expression of none', { globals: [{ type: I32, init: [] }] }, 'type mismatch: operand expected'],
    ['a global that refers to itself', { globals: [{ type: I32, init: [['global.get', 0]] }] }, 'unknown global 0'],
    [
      'a global that refers to a later one',
      {
        globals: [
          { type: I32, init: [['global.get', 1]] },
          { type: I32, init: [zero] },
        ],
      },
      'unknown global 1',
    ],
    [
      'a constant expression with a mutable global',
      {
        imports: [{ module: 'a', name: 'b', global: { type: I32, mutable: true } }],
        globals: [{ type: I32, init: [['global.get', 0]] }],
      },
      'constant expression required: global is mutable',
    ],
    [
      'an offset that is not an i32',
      { memories: [{ min: 1 }], data: [{ offset: [['i64.const', 0]], bytes: [] }] },
      'type mismatch: i32 expected, i64 found',
    ],
    [
      'an element of another type',
      { tables: [{ min: 1 }], elements: [{ items: [[['ref.null', EXTERNREF]]] }] },
      'type mismatch: funcref expected, externref found',
    ],
    [
      'a segment for a table of another type',
      { tables: [{ min: 1 }], elements: [{ type: EXTERNREF, offset: [zero], items: [[['ref.null', EXTERNREF]]] }] },
      'type mismatch: element segment and table differ',
    ],
    [
      'an element that is no function',
      { tables: [{ min: 1 }], elements: [{ offset: [zero], items: [0] }] },
      'unknown function 0',
    ],
    [
      'a function that refers to itself and nothing else does',
      { functions: [{ body: [['ref.func', 0], 'drop'] }] },
      'undeclared function reference 0',
    ],
    [
      'start is no declaration',
      { functions: [{ body: [['ref.func', 0], 'drop'] }], start: 0 },
      'undeclared function reference 0',
    ],
  ];

  test.each(modules)('%s', (_, description, message) => {
    expect(() => decode(encodeModule(description))).toThrow(CompileError);
    expect(() => decode(encodeModule(description))).toThrow(message);
  });
});

test('the highest operand stack is told, parameters of blocks not counted twice', () => {
  const height = (body: Instruction[]) => decode(encodeModule({ functions: [{ body }] })).bodies.at(0).maxHeight;
  expect(height([])).toBe(0);
  expect(height([zero, 'drop', zero, 'drop'])).toBe(1);
  expect(height([zero, zero, zero, 'i32.add', 'i32.add', 'drop'])).toBe(3);
  expect(height([zero, zero, ['block', { params: [I32, I32], results: [I32] }], 'i32.add', 'end', 'drop'])).toBe(2);
  expect(height([['f64.const', 1], ['block', F64], ['f64.const', 2], 'end', 'drop', 'drop'])).toBe(2);
});

describe('branches that take a reference along', () => {
  const funcref: Instruction = ['ref.null', FUNCREF];
  const branches: Record<string, Instruction> = {
    br_on_non_null: ['br_on_non_null', 0],
    br_on_cast: ['br_on_cast', 3, 0, FUNCREF, FUNCREF],
    br_on_cast_fail: ['br_on_cast_fail', 1, 0, FUNCREF, nonNull(FUNCREF)],
  };
  /** What the label takes, and operands of these types but for the reference. */
  const labels: [what: string, results: ValType[], operands: Instruction[], isValid: boolean][] = [
    ['a label that takes nothing', [], [], false],
    ['a label that takes a number', [I32], [zero], false],
    ['a label that takes a number last', [FUNCREF, I32], [funcref, zero], false],
    ['a label that takes a reference', [FUNCREF], [], true],
    ['a label that takes a reference last', [I32, FUNCREF], [zero], true],
  ];
  const starts: [where: string, Instruction[]][] = [
    ['', []],
    [' in unreachable code', ['unreachable']],
    [' behind a branch', [['br', 1]]],
  ];
  const cases = Object.entries(branches).flatMap(([name, branch]) =>
    labels.flatMap(([what, results, operands, isValid]) =>
      starts.flatMap(([where, start]) =>
        (['block', 'loop'] as const).flatMap((block) => {
          const label = { [block === 'block' ? 'results' : 'params']: results };
          const type = { params: [], results: [], ...label };
          const given = block === 'loop' ? ['unreachable' as const] : [];
          const body: Instruction[] = [
            'block',
            ...given,
            [block, type],
            ...start,
            ...operands,
            funcref,
            branch,
            'unreachable',
            'end',
            'unreachable',
            'end',
          ];
          return [[`${name} to ${what} of a ${block}${where}`, body, isValid] as const];
        }),
      ),
    ),
  );

  test.each(cases)('%s', (_, body, isValid) => {
    const bytes = encodeModule({ functions: [{ body }] });
    if (isValid) expect(() => decode(bytes)).not.toThrow();
    else expect(() => decode(bytes)).toThrow(CompileError);
  });

  test.each(Object.entries(branches))('%s says what is wrong with its label', (_, branch) => {
    const body = ['block' as const, 'unreachable' as const, branch, 'unreachable' as const, 'end' as const];
    expect(() => decode(encodeModule({ functions: [{ body }] }))).toThrow('type mismatch: label 0 takes no reference');
  });

  test('br_on_null leaves the reference behind, and may lead to any label', () => {
    const body: Instruction[] = ['block', funcref, ['br_on_null', 0], 'drop', 'end'];
    expect(() => decode(encodeModule({ functions: [{ body }] }))).not.toThrow();
    const number: Instruction[] = [['block', I32], zero, funcref, ['br_on_null', 0], 'drop', 'end', 'drop'];
    expect(() => decode(encodeModule({ functions: [{ body: number }] }))).not.toThrow();
  });
});
