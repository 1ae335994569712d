/** Whatever a module's bytes are: what is made of them is in proportion to them, in steps, and made once. */

import { describe, expect, test } from 'vitest';
import type { WeaveOptions } from '../../instrument/analyse.ts';
import { meteredEngine } from '../../instrument/engine.ts';
import { codeBytes } from '../../instrument/meter-module.ts';
import { type Woven, weave } from '../../instrument/weave.ts';
import { WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync/sandbox.ts';
import { parse } from '../../src/text.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { InstructionReader } from '../../wasm/instructions.ts';
import { OPCODES } from '../../wasm/opcodes.ts';
import { complete, STEP_BYTES, type Steps } from '../../wasm/steps.ts';
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { type EngineKey, traces } from './triangle.ts';

const OPTIONS: WeaveOptions = { canonicalNaN: true, refills: true };

/** Most bytes that are written for a byte that is read: for an exported function that does nothing. */
const FACTOR = 16;
/** What every module gets. */
const BASE = 1_000;

function drive<T>(steps: Steps<T>): { value: T; yields: number } {
  for (let yields = 0; ; yields++) {
    const { done, value } = steps.next();
    if (done === true) return { value, yields };
  }
}

/** Loops of all functions. */
function loopsIn(bytes: Uint8Array): number {
  const { bodies } = decode(bytes);
  let loops = 0;
  for (let i = 0; i < bodies.length; i++) {
    const { codeStart, end } = bodies.at(i);
    const reader = new InstructionReader(bytes, codeStart, end);
    while (reader.pos < end) if (OPCODES[reader.next()]?.mnemonic === 'loop') loops++;
  }
  return loops;
}

function woven(bytes: Uint8Array): Woven & { yields: number } {
  const { value, yields } = drive(weave(decode(bytes), OPTIONS));
  return { ...value, yields };
}

const repeated = (count: number, ...code: readonly Instruction[]): Instruction[] =>
  Array.from({ length: count }, () => code).flat();

/** Instructions that leave the stack as it was, and of which what is written takes much more than they do. */
const DENSE: Readonly<Record<string, readonly Instruction[]>> = {
  loops: ['loop', 'end'],
  'loops with results': [['loop', I32], ['i32.const', 0], 'end', 'drop'],
  'arms of an if': [['local.get', 0], 'if', 'else', 'end'],
  branches: [
    ['local.get', 0],
    ['br_if', 0],
  ],
  'branches out of loops': ['loop', ['local.get', 0], ['br_if', 1], 'end'],
  calls: [['call', 1]],
  'indirect calls': [
    ['local.get', 0],
    ['call_indirect', { params: [], results: [] }, 0],
  ],
  conversions: [['f32.const', 1], 'i32.trunc_f32_s', 'drop'],
  'computations that may be NaN': [['f64.const', 1], 'f64.sqrt', 'i64.reinterpret_f64', 'drop'],
  'lanes that may be NaN': [['local.get', 2], 'f32x4.sqrt', 'f64x2.sqrt', ['local.set', 2]],
  'growths of memory': [['i32.const', 0], ['memory.grow', 0], 'drop'],
  'growths of a table': [['ref.null', FUNCREF], ['i32.const', 0], ['table.grow', 0], 'drop'],
  fills: [...repeated(3, ['i32.const', 0]), ['memory.fill', 0]],
  'copies of tables': [...repeated(3, ['i32.const', 0]), ['table.copy', 0, 0]],
  globals: [['global.get', 0], 'drop'],
};

const surrounded = (body: readonly Instruction[]): ModuleDescription => ({
  functions: [
    { params: [I32], locals: [F64, 0x7b as ValType], body, export: 'run' },
    { params: [], results: [], body: [] },
  ],
  tables: [{ min: 1 }],
  memories: [{ min: 1 }],
  globals: [{ type: I32, mutable: true, init: [['i32.const', 0]] }],
});

describe.each(Object.entries(DENSE))('%s', (_, code) => {
  test.each([1_000, 4_000])('take a bounded multiple of their bytes, %i of them', (count) => {
    const bytes = encodeModule(surrounded(repeated(count, ...code)));
    expect(woven(bytes).bytes.length).toBeLessThan(FACTOR * bytes.length + BASE);
  });

  test('are metered alike on all engines, however many there are', () => {
    const module = decode(encodeModule(surrounded(repeated(1_500, ...code))));
    const calls = [0, 1].map((argument) => ({ export: 'run', args: [argument] }));
    const [expected, ...others] = Object.values(traces(module, calls));
    for (const found of others) expect(found).toEqual(expected);
  });
});

describe('items of a module', () => {
  const many = (make: (i: number) => ModuleDescription) => encodeModule(make(5_000));
  const functions = (count: number) => Array.from({ length: count }, () => ({ body: [] }));

  test.each<[string, Uint8Array]>([
    ['functions', many((count) => ({ functions: functions(count) }))],
    [
      'exported functions',
      many((n) => ({ functions: functions(n).map((f, i) => ({ ...f, export: i.toString(36) })) })),
    ],
    [
      'functions in a table that is exported',
      many((n) => ({
        functions: functions(n),
        tables: [{ min: 1, export: 't' }],
        elements: [{ items: functions(n).map((_, i) => i) }],
      })),
    ],
    [
      'imported functions that may be seen',
      many((n) => ({
        imports: functions(n).map(() => ({ module: '', name: '', function: { params: [], results: [] } })),
        tables: [{ min: 1, export: 't' }],
      })),
    ],
    ['tables', many((n) => ({ tables: functions(n).map(() => ({ min: 0, element: EXTERNREF })) }))],
  ])('%s take a bounded multiple of their bytes', (_, bytes) => {
    expect(woven(bytes).bytes.length).toBeLessThan(FACTOR * bytes.length + BASE);
  });

  test('names that begin like the meter’s own do not make its names long', () => {
    const names = Array.from({ length: 200 }, (_, i) => `meter${"'".repeat(i)}`);
    const imports = Array.from({ length: 1_000 }, () => ({
      module: 'm',
      name: 'f',
      function: { params: [], results: [] } as const,
    }));
    const bytes = encodeModule({
      imports,
      tables: [{ min: 1, export: 't' }],
      functions: names.map((name) => ({ body: [], export: name })),
    });
    const { exportPrefix, bytes: result } = woven(bytes);
    expect(exportPrefix.length).toBeLessThan(10);
    expect(names.some((name) => name.startsWith(exportPrefix))).toBe(false);
    expect(result.length).toBeLessThan(FACTOR * bytes.length + BASE);
  });

  test('functions of a thousand parameters that are referred to are refused', () => {
    const params = new Array<ValType>(900).fill(I64);
    const bytes = encodeModule({
      imports: Array.from({ length: 2_000 }, () => ({ module: '', name: '', function: { params, results: [] } })),
      tables: [{ min: 2_000 }],
      elements: [{ items: Array.from({ length: 2_000 }, (_, i) => i) }],
    });
    expect(() => woven(bytes)).toThrow(CompileError);
  });
});

describe('what a compiler would have to keep track of', () => {
  const operandsAt = (branch: readonly Instruction[], operands: number, branches: number) =>
    surrounded([...repeated(operands, ['i32.const', 0]), ...repeated(branches, ...branch), 'unreachable']);
  const IF: Instruction[] = [['local.get', 0], 'if', 'end'];

  test.each<[string, readonly Instruction[]]>([
    ['an if', IF],
    ['a loop', ['loop', 'end']],
    ['a block that is left', ['block', ['local.get', 0], ['br_if', 0], 'end']],
    ['a br_table', ['block', ['local.get', 0], ['br_table', [0, 0], 0], 'end']],
  ])('many operands at %s are refused', (_, branch) => {
    expect(() => woven(encodeModule(operandsAt(branch, 2_000, 2_000)))).toThrow(
      /too many locals and operands at the branches of function 0/,
    );
  });

  test('many locals at branches are refused, and at calls', () => {
    const locals = new Array<ValType>(40_000).fill(I64);
    const module = (body: readonly Instruction[]) => encodeModule({ functions: [{ params: [I32], locals, body }] });
    expect(() => woven(module(repeated(200, ...IF)))).toThrow(/too many locals/);
    expect(() => woven(module(repeated(1_000, ['i32.const', 0], ['call', 0])))).toThrow(/too many locals/);
    expect(woven(module(repeated(10, ...IF))).bytes.length).toBeGreaterThan(0);
  });

  // Each of which the host calls something for, and notes which locals and operands are references.
  test.each<[string, readonly Instruction[]]>([
    ['table.get', [['i32.const', 0], ['table.get', 0], 'drop']],
    [
      'table.set',
      [
        ['i32.const', 0],
        ['ref.null', FUNCREF],
        ['table.set', 0],
      ],
    ],
    ['table.grow', [['ref.null', FUNCREF], ['i32.const', 0], ['table.grow', 0], 'drop']],
    [
      'memory.fill',
      [
        ['i32.const', 0],
        ['i32.const', 0],
        ['i32.const', 0],
        ['memory.fill', 0],
      ],
    ],
    ['ref.func', [['ref.func', 0], 'drop']],
    ['elem.drop', [['elem.drop', 0]]],
  ])('many locals at %s are refused', (_, body) => {
    const module = (count: number) =>
      encodeModule({
        memories: [{ min: 0 }],
        tables: [{ min: 1 }],
        elements: [{ items: [0] }],
        functions: [{ params: [I32], locals: new Array<ValType>(40_000).fill(I64), body: repeated(count, ...body) }],
      });
    expect(() => woven(module(1_000))).toThrow(/too many locals and operands at the branches of function 0/);
    expect(woven(module(50)).bytes.length).toBeGreaterThan(0);
  });

  test('exceptions are operands of the arms within theirs', () => {
    const thrown = '(try (do (throw $e)) (catch_all ';
    const module = (code: string) => parse(`(module (tag $e) (func (export "f") ${code}))`);
    const nested = (count: number) => module(thrown.repeat(count) + '))'.repeat(count));
    expect(() => woven(nested(2_000))).toThrow(/too many locals and operands/);
    expect(woven(nested(500)).bytes.length).toBeGreaterThan(0);
    expect(woven(module(`${thrown}))`.repeat(2_000))).bytes.length).toBeGreaterThan(0);
  });

  test('a high stack is refused where the code is long', () => {
    const high = (length: number) =>
      surrounded([...repeated(20_000, ['i32.const', 0]), ...repeated(length, 'nop'), 'unreachable']);
    expect(() => woven(encodeModule(high(10_000)))).toThrow(/too many locals and operands/);
  });

  test.each<[string, readonly Instruction[]]>([
    ['branches', IF],
    ['loops', ['loop', 'end']],
    ['calls', [['call', 1]]],
    ['conversions', [['f32.const', 1], 'i32.trunc_f32_s', 'drop']],
    ['divisions', [['i32.const', 1], ['i32.const', 1], 'i32.div_u', 'drop']],
  ])('a function of nothing but %s is refused where the module is all of it', (_, code) => {
    const bytes = encodeModule(surrounded(repeated(60_000, ...code)));
    expect(() => woven(bytes)).toThrow(
      /too many branches, calls, instructions that may trap and constructs within one another \(\d+\) in function 0/,
    );
  });

  test.each(['block', 'loop'] as const)(
    'many a %s within one another is refused where the module is all of it',
    (open) => {
      const nested = (depth: number) => encodeModule(surrounded([...repeated(depth, open), ...repeated(depth, 'end')]));
      expect(() => woven(nested(9_000))).toThrow(/constructs within one another \(9001\) in function 0/);
      expect(woven(nested(4_000)).bytes.length).toBeGreaterThan(0);
    },
  );

  test('of many loops few are put into another: a compiler that optimises takes time by the square of them', () => {
    const [count, code]: [number, readonly Instruction[]] = [900, ['loop', ['local.get', 0], ['br_if', 0], 'end']];
    const bytes = encodeModule(surrounded(repeated(count, ...code)));
    const added = loopsIn(woven(bytes).bytes) - count;
    expect(added).toBeGreaterThan(16);
    expect(added).toBeLessThanOrEqual(16 + bytes.length / 64);
    // As many as there are, in a function that has more beside them.
    const roomy = encodeModule(surrounded(repeated(count, ...code, ...repeated(20, 'nop' as const, 'nop', 'nop'))));
    expect(loopsIn(woven(roomy).bytes)).toBe(2 * count);
  });

  test('types, tables and functions are counted', () => {
    const types = Array.from({ length: 2_500 }, (_, i) => ({
      params: Array.from({ length: 12 }, (_, bit) => ((i >> bit) & 1 ? I64 : I32)),
      results: [],
    }));
    expect(() => woven(encodeModule({ types, functions: [{ body: [] }] }))).toThrow(/too many types/);
    const tables = Array.from({ length: 10_001 }, () => ({ min: 0 }));
    expect(() => woven(encodeModule({ tables }))).toThrow(/too many tables/);
    const elements = (min: number) => encodeModule({ tables: [{ min: 125_000 }, { min }] });
    expect(() => woven(elements(125_010))).toThrow(/too many elements of tables \(250010\) for its \d+ bytes/);
    expect(woven(elements(125_000)).bytes.length).toBeGreaterThan(0);
    const imports = (count: number) => parse(`(module ${'(import "" "" (func))'.repeat(count)})`);
    expect(() => woven(imports(5_100))).toThrow(/too many imports \(5100\) for its \d+ bytes/);
    expect(woven(imports(5_000)).bytes.length).toBeGreaterThan(0);
    const functions = Array.from({ length: 15_000 }, () => ({ body: [] }));
    expect(() => woven(encodeModule({ functions }))).toThrow(/too many functions \(15000\) for its \d+ bytes/);
    expect(woven(encodeModule({ functions: functions.slice(0, 12_000) })).bytes.length).toBeGreaterThan(0);
  });

  test('as many as compilers make are not', () => {
    expect(woven(encodeModule(operandsAt(IF, 20, 2_000))).bytes.length).toBeGreaterThan(0);
  });

  test('is for the interpreter where the choice is left open, and says so', async () => {
    const source = encodeModule(operandsAt(IF, 2_000, 2_000));
    await expect(WasmSandbox.create({ source, engine: 'native' })).rejects.toThrow(/too many locals and operands/);
    for (const sandbox of [
      await WasmSandbox.create({ source, engine: 'auto' }),
      SyncSandbox.create({ source, engine: 'auto' }),
    ]) {
      expect(sandbox.getResourceStats()).toMatchObject({
        engine: 'interpreter',
        engineReason: expect.stringContaining('too many locals and operands'),
      });
    }
  });
});

describe('steps', () => {
  /** Of one function that is looked at as a whole, of one that is not, of many small ones, and of data. */
  const LARGE: Readonly<Record<string, ModuleDescription>> = {
    'one function': surrounded(repeated(20_000, ['local.get', 0], ['i32.const', 1], 'i32.add', ['local.set', 0])),
    'one function in windows': surrounded(
      repeated(60_000, ['local.get', 0], ['i32.const', 1], 'i32.add', ['local.set', 0]),
    ),
    'many functions': { functions: Array.from({ length: 20_000 }, () => ({ body: repeated(16, 'nop') })) },
    'many elements': { elements: [{ items: new Array<number>(100_000).fill(0) }], functions: [{ body: [] }] },
    'many segments': { elements: Array.from({ length: 50_000 }, () => ({ items: [] })) },
    'many globals': {
      globals: Array.from({ length: 20_000 }, () => ({ type: F32, init: [['f32.const', 0]] as Instruction[] })),
    },
  };

  test.each(Object.entries(LARGE))('%s', (_, description) => {
    const bytes = encodeModule(description);
    expect(woven(bytes).yields).toBeGreaterThan(bytes.length / STEP_BYTES / 2);
  });

  test('of one module are shared by all who need it, and made once', async () => {
    const module = decode(encodeModule(LARGE['one function'] as ModuleDescription));
    const alone = woven(module.bytes).yields;
    const engine = meteredEngine(WebAssembly, 'native');
    const slices = { gas: 1_000, onSlice: () => undefined };
    const first = engine.prepare?.(module, { slices }) as Steps<void>;
    const second = engine.prepare?.(module, { slices }) as Steps<void>;
    let taken = 0;
    for (let done = false; !done; taken++) {
      const one = first.next();
      const other = second.next();
      done = one.done === true && other.done === true;
    }
    expect(taken).toBeLessThan(alone / 2 + 3);
    expect(drive(engine.prepare?.(module, { slices }) as Steps<void>).yields).toBe(0);
    await engine.compile?.(module, { slices });
    expect(codeBytes(module)).toBe(woven(module.bytes).bytes.length);
    expect(engine.codeBytes?.(module)).toBe(codeBytes(module));
  });

  test('that were left are taken up by whoever needs the module next', () => {
    const module = decode(encodeModule(LARGE['many functions'] as ModuleDescription));
    const engine = meteredEngine(WebAssembly, 'native');
    const alone = woven(module.bytes).yields;
    const left = engine.prepare?.(module, { slices: undefined }) as Steps<void>;
    for (let i = 0; i < 5; i++) left.next();
    left.return();
    const { yields } = drive(engine.prepare?.(module, { slices: undefined }) as Steps<void>);
    // Whether the gas is refilled makes no difference here, but for the size.
    expect(yields).toBeLessThan(alone);
    expect(yields).toBeGreaterThan(0);
  });

  test('a module that cannot be instrumented is found so once', () => {
    const module = decode(
      encodeModule(
        surrounded([
          ...repeated(2_000, ['i32.const', 0]),
          ...repeated(2_000, ['local.get', 0], 'if', 'end'),
          'unreachable',
        ]),
      ),
    );
    const engine = meteredEngine(WebAssembly, 'native');
    const prepare = () => engine.prepare?.(module, { slices: undefined }) as Steps<void>;
    expect(() => drive(prepare())).toThrow(/too many locals/);
    const again = prepare();
    expect(() => again.next()).toThrow(/too many locals/);
  });
});

test('a function in windows does as on the interpreter', () => {
  const body: Instruction[] = [
    ['local.get', 0],
    'if',
    ...repeated(
      12_000,
      ['local.get', 1],
      ['f64.const', -1],
      'f64.add',
      'f64.sqrt',
      ['local.tee', 1],
      'i64.reinterpret_f64',
      ['global.get', 0],
      'i64.extend_i32_u',
      'i64.add',
      'i32.wrap_i64',
      ['global.set', 0],
      'block',
      ['local.get', 0],
      ['br_if', 0],
      ['call', 1],
      'end',
    ),
    'else',
    'unreachable',
    'end',
    ['i32.const', 1],
    ['i32.const', 0],
    'i32.div_u',
    'drop',
  ];
  const module = decode(encodeModule(surrounded(body)));
  expect(module.bodies.at(0).end - module.bodies.at(0).codeStart).toBeGreaterThan(1 << 18);
  const found = traces(module, [
    { export: 'run', args: [1] },
    { export: 'run', args: [0] },
  ]);
  const { interpreter, ...others } = found;
  expect(interpreter.join()).toMatch(/divide-by-zero.*unreachable/s);
  for (const key of Object.keys(others) as Exclude<EngineKey, 'interpreter'>[])
    expect(others[key], key).toEqual(interpreter);
});

test('the weaver can be asked for the same module in two ways', () => {
  const module = decode(encodeModule(surrounded([])));
  const one = complete(weave(module, OPTIONS));
  const other = complete(weave(module, { ...OPTIONS, refills: false }));
  expect(one.bytes).not.toEqual(other.bytes);
});
