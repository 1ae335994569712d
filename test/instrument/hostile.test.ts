/** Nothing runs without being counted: guests that try end at the same count on every engine. */

import { describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import type { ImportResolver } from '../../wasm/engine.ts';
import { HostFunction } from '../../wasm/host.ts';
import { EXTERNREF, F64, FUNCREF, funcType, I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { MAKERS } from './random.ts';
import { ENGINES, type EngineKey, type TriangleOptions, traces } from './triangle.ts';

const [REFERENCE, ...OTHERS] = Object.keys(ENGINES) as [EngineKey, ...EngineKey[]];
const VOID = { params: [], results: [] } as const;

/** Never ends, and leaves an i32 on the stack for validation's sake. */
const FOREVER: Instruction[] = [['loop', I32], ['br', 0], 'end'];
const FOREVER_REF: Instruction[] = [['loop', FUNCREF], ['br', 0], 'end'];
const ZERO: Instruction = ['i32.const', 0];

const surroundings: ModuleDescription = {
  tables: [{ min: 4 }, { min: 4, element: EXTERNREF }],
  memories: [{ min: 1, max: 2 }],
  globals: [{ type: I32, mutable: true, init: [ZERO] }],
  elements: [{ items: [0] }],
  data: [{ bytes: [1, 2, 3] }],
};

/** Bodies of a function without parameters and results. */
const bodies: Readonly<Record<string, Instruction[]>> = {
  'an empty loop': ['loop', ['br', 0], 'end'],
  'a loop in a loop': ['loop', 'loop', ['br', 1], 'end', 'end'],
  'a loop by br_if': ['loop', ['i32.const', 1], ['br_if', 0], 'end'],
  'a loop by br_table': ['loop', ZERO, ['br_table', [0], 0], 'end'],
  'a loop with parameters': [ZERO, ['loop', { params: [I32], results: [] }], ['br', 0], 'end'],
  'a loop in an arm': [['i32.const', 1], 'if', 'loop', ['br', 0], 'end', 'else', 'end'],
  'a loop in the other arm': [ZERO, 'if', 'else', 'loop', ['br', 0], 'end', 'end'],
  'a loop as a condition': [...FOREVER, 'if', 'end'],
  'a loop as the operand of br_if': ['block', ...FOREVER, ['br_if', 0], 'end'],
  'a loop as the operand of br_table': ['block', ...FOREVER, ['br_table', [0], 0], 'end'],
  'a loop as the operand of drop': [...FOREVER, 'drop'],
  'a loop as an operand of select': [ZERO, ZERO, ...FOREVER, 'select', 'drop'],
  'a loop as an address': [...FOREVER, ['i32.load', {}], 'drop'],
  'a loop as a value to store': [ZERO, ...FOREVER, ['i32.store', {}]],
  'a loop as the value of a global': [...FOREVER, ['global.set', 0]],
  'a loop as the operand of memory.grow': [...FOREVER, ['memory.grow', 0], 'drop'],
  'a loop as an operand of memory.fill': [ZERO, ZERO, ...FOREVER, ['memory.fill', 0]],
  'a loop as an operand of memory.copy': [ZERO, ZERO, ...FOREVER, ['memory.copy', 0, 0]],
  'a loop as an operand of memory.init': [ZERO, ZERO, ...FOREVER, ['memory.init', 0, 0]],
  'a loop as an operand of table.fill': [ZERO, ['ref.null', FUNCREF], ...FOREVER, ['table.fill', 0]],
  'a loop as the value of table.fill': [ZERO, ...FOREVER_REF, ZERO, ['table.fill', 0]],
  'a loop as an operand of table.copy': [ZERO, ZERO, ...FOREVER, ['table.copy', 0, 0]],
  'a loop as an operand of table.init': [ZERO, ZERO, ...FOREVER, ['table.init', 0, 0]],
  'a loop as the value of table.grow': [...FOREVER_REF, ZERO, ['table.grow', 0], 'drop'],
  'a loop as an operand of table.set': [...FOREVER, ['ref.null', FUNCREF], ['table.set', 0]],
  'a loop as an element to call': [...FOREVER, ['call_indirect', VOID, 0]],
  'endless recursion': [['call', 0]],
  'endless growth': ['loop', ['i32.const', 1], ['memory.grow', 0], 'drop', ['br', 0], 'end'],
  'endless fills': ['loop', ZERO, ZERO, ['i32.const', 60_000], ['memory.fill', 0], ['br', 0], 'end'],
  'endless copies': ['loop', ZERO, ZERO, ['i32.const', 60_000], ['memory.copy', 0, 0], ['br', 0], 'end'],
  'endless growth of a table': [
    'loop',
    ['ref.null', FUNCREF],
    ['i32.const', 9],
    ['table.grow', 0],
    'drop',
    ['br', 0],
    'end',
  ],
  'a loop of costly code behind a branch': [
    'loop',
    'block',
    ['i32.const', 1],
    ['br_if', 0],
    'unreachable',
    'end',
    ['i64.const', 7],
    ['i64.const', 3],
    'i64.div_s',
    'drop',
    ['br', 0],
    'end',
  ],
};

function expectAgreement(module: ModuleDescription, calls: readonly string[], options: TriangleOptions): string[] {
  const list = calls.map((name) => ({ export: name, args: [] }));
  const found = traces(decode(encodeModule(module)), list, options);
  for (const other of OTHERS) expect(found[other], other).toEqual(found[REFERENCE]);
  return found[REFERENCE] as string[];
}

const LIMITS = [0n, 1_000n, 2_600n, 3_000n, 4_001n, 20_011n];

describe('run out of gas at the same count', () => {
  test.each(Object.entries(bodies))('%s', (_, body) => {
    const module = { ...surroundings, functions: [{ body, export: 'run' }] };
    for (const gas of LIMITS) {
      const lines = expectAgreement(module, ['run', 'run'], { limits: { gas, stackBytes: 2 ** 17 } });
      if (gas > 10_000n) expect(lines.join()).toMatch(/GAS_EXHAUSTED|STACK_LIMIT/);
    }
  });

  test.each(Object.entries(bodies))('%s, in time slices and with references going out', (_, body) => {
    const exports = [{ name: 'table', kind: 'table', index: 0 }] as const;
    const module = { ...surroundings, functions: [{ body, export: 'run' }], exports };
    const slices = { gas: 37, onSlice: () => undefined };
    for (const gas of [2_600n, 20_011n]) {
      expectAgreement(module, ['run', 'run'], { limits: { gas, stackBytes: 2 ** 17 }, slices });
    }
  });

  test.each(Object.entries(bodies))('%s, as the start function', (_, body) => {
    const module = { ...surroundings, functions: [{ body }], start: 0 };
    for (const gas of LIMITS) expectAgreement(module, [], { limits: { gas, stackBytes: 2 ** 17 } });
  });

  test('functions that call one another through a table', () => {
    const body: Instruction[] = [ZERO, ['call_indirect', VOID, 0]];
    for (const isOpen of [false, true]) {
      const module: ModuleDescription = {
        tables: [{ min: 1 }],
        functions: [{ body, export: 'run' }],
        elements: [{ offset: [ZERO], items: [0] }],
        exports: isOpen ? [{ name: 'table', kind: 'table', index: 0 }] : [],
      };
      for (const gas of LIMITS) expectAgreement(module, ['run'], { limits: { gas, stackBytes: 2 ** 16 } });
      const lines = expectAgreement(module, ['run', 'run'], { limits: { stackBytes: 2 ** 16 } });
      expect(lines[1]).toMatch(/STACK_LIMIT/);
    }
  });
});

describe('the host in between', () => {
  const type = funcType([], []);
  const module: ModuleDescription = {
    imports: [{ module: 'host', name: 'back', function: VOID }],
    functions: [
      { body: [['call', 0]], export: 'run' },
      { body: ['loop', ['call', 0], ['br', 0], 'end'], export: 'forever' },
    ],
  };

  /** A host function of a price. */
  const charging = (base: number, perByte: number, bytes: number) => (): ImportResolver => () =>
    new HostFunction(type, { base, perByte }, (caller) => caller.chargeBytes(bytes));

  test.each([0n, 150n, 300n, 1_000n, 12_345n])('calls of the host are paid for, limit %s', (gas) => {
    for (const [base, perByte, bytes] of [
      [50, 0, 0],
      [7, 1, 33],
      [200, 1 / 32, 100],
    ] as const) {
      const lines = expectAgreement(module, ['run', 'forever', 'run'], {
        limits: { gas },
        imports: charging(base, perByte, bytes),
      });
      expect(lines.join()).toMatch(/GAS_EXHAUSTED/);
    }
  });

  test('a host function that fails ends the guest with what it threw', () => {
    const imports = (): ImportResolver => () =>
      new HostFunction(type, { base: 50, perByte: 0 }, () => {
        throw new Error('no');
      });
    const lines = expectAgreement(module, ['run', 'forever'], { imports });
    expect(lines[1]).toMatch(/^run\(\): HOST at \d+/);
  });
});

describe('what is shared with the host', () => {
  type Shaped = typeof WebAssembly & { stats(instance: object): { readonly gasUsed: bigint } };

  /** What a run gives on each engine: lines, the last of which says what it cost. */
  function expectSameOn(gas: bigint | undefined, run: (ns: Shaped, lines: string[]) => object): string[] {
    // Host functions between guests take room on the engine's own stack that nobody weighs.
    const limits = { gas, memoryBytes: 2 ** 24, stackBytes: 2 ** 13 };
    const [expected, ...others] = Object.entries(MAKERS).map(([name, make]) => {
      const ns = make({ limits }) as unknown as Shaped;
      const lines: string[] = [];
      const { gasUsed } = ns.stats(run(ns, lines));
      return { name, lines: [...lines, `gas ${gasUsed}`] };
    });
    for (const { name, lines } of others) expect(lines, name).toEqual(expected?.lines);
    return expected?.lines ?? [];
  }

  /** Calls it, twice; what it throws, without the place where it happened. */
  function call(exported: unknown, lines: string[]): void {
    for (let i = 0; i < 2; i++) {
      try {
        lines.push(String((exported as () => unknown)()));
      } catch (error) {
        const { message } = error as Error;
        lines.push(/(Gas|Stack) limit exceeded(.*again)?/.exec(message)?.slice(1).map(Boolean).join() ?? message);
      }
    }
  }

  const loops: Readonly<Record<string, Instruction[]>> = {
    recursive: [ZERO, ['call_indirect', VOID, 0]],
    iterative: ['loop', ['i32.const', 1], ['call_indirect', VOID, 0], ['br', 0], 'end'],
  };

  test.each(Object.entries(loops))('a table that is imported, %s', (_, body) => {
    const bytes = encodeModule({
      imports: [{ module: 'host', name: 't', table: { min: 2 } }],
      functions: [{ body, export: 'run' }, { body: [] }],
      elements: [{ offset: [ZERO], items: [0, 1] }],
    }) as Uint8Array<ArrayBuffer>;
    for (const gas of [1_000n, 3_000n, 20_011n]) {
      const lines = expectSameOn(gas, (ns, out) => {
        const t = new ns.Table({ element: 'anyfunc', initial: 2 });
        const instance = new ns.Instance(new ns.Module(bytes), { host: { t } });
        call(instance.exports.run, out);
        call(t.get(0), out);
        return instance;
      });
      expect(lines[0]).not.toBe('undefined');
    }
  });

  test('instances that call one another through a table, each of which pays for itself', () => {
    const bytes = encodeModule({
      imports: [{ module: 'host', name: 't', table: { min: 2 } }],
      functions: [{ body: ['loop', ['i32.const', 1], ['call_indirect', VOID, 0], ['br', 0], 'end'], export: 'run' }],
    }) as Uint8Array<ArrayBuffer>;
    const other = encodeModule({ functions: [{ body: [ZERO, 'drop'], export: 'f' }] }) as Uint8Array<ArrayBuffer>;
    expectSameOn(4_000n, (ns, out) => {
      const t = new ns.Table({ element: 'anyfunc', initial: 2 });
      const callee = new ns.Instance(new ns.Module(other), {});
      t.set(1, callee.exports.f);
      const caller = new ns.Instance(new ns.Module(bytes), { host: { t } });
      call(caller.exports.run, out);
      out.push(String(ns.stats(callee).gasUsed));
      return caller;
    });
  });

  test('host functions that call back, until gas or stack is used up', () => {
    const bytes = encodeModule({
      imports: [{ module: 'host', name: 'back', function: VOID }],
      functions: [
        { body: [['call', 0]], export: 'run' },
        { body: ['loop', ['call', 0], ['br', 0], 'end'], export: 'forever' },
      ],
    }) as Uint8Array<ArrayBuffer>;
    for (const gas of [1_000n, 5_000n, 1_000_000n]) {
      for (const name of ['run', 'forever']) {
        const lines = expectSameOn(gas, (ns, out) => {
          let depth = 0;
          const back = () => {
            out.push(`depth ${++depth}`);
            (instance.exports[name] as () => void)();
          };
          const instance: WebAssembly.Instance = new ns.Instance(new ns.Module(bytes), { host: { back } });
          call(instance.exports.run, out);
          return instance;
        });
        expect(lines.length).toBeGreaterThan(5);
      }
    }
  });

  test('a host function that swallows what ended the guest', () => {
    const bytes = encodeModule({
      imports: [{ module: 'host', name: 'back', function: VOID }],
      functions: [
        { body: ['loop', ['br', 0], 'end'], export: 'forever' },
        { body: ['loop', ['call', 0], ['br', 0], 'end'], export: 'run' },
      ],
    }) as Uint8Array<ArrayBuffer>;
    expectSameOn(10_000n, (ns, out) => {
      const back = () => {
        try {
          (instance.exports.forever as () => void)();
        } catch (error) {
          out.push((error as Error).constructor.name);
        }
      };
      const instance: WebAssembly.Instance = new ns.Instance(new ns.Module(bytes), { host: { back } });
      call(instance.exports.run, out);
      return instance;
    });
  });
});

describe('counters near their bounds', () => {
  const body: Instruction[] = [['i64.const', 1], 'drop', ...FOREVER, 'drop'];
  const module = {
    ...surroundings,
    functions: [
      { body: [ZERO, 'drop'] as Instruction[], export: 'run' },
      { body, export: 'spin' },
    ],
  };

  test.each([31n, 53n, 63n])('a limit around 2^%s', (bits) => {
    for (const gas of [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n]) {
      if (gas >= 2n ** 63n) continue;
      expectAgreement(module, ['run', 'run'], { limits: { gas } });
    }
  });

  test('a host function that brings the count there', () => {
    const calling: ModuleDescription = {
      imports: [{ module: 'host', name: 'f', function: VOID }],
      functions: [
        { body: [['call', 0]], export: 'run' },
        { body: ['loop', ['br', 0], 'end'], export: 'spin' },
      ],
    };
    for (const [base, times] of [
      [2 ** 31 - 400, 1],
      [2 ** 31, 1],
      [2 ** 51, 4],
    ] as const) {
      const imports = (): ImportResolver => () =>
        new HostFunction(funcType([], []), { base, perByte: 0 }, () => undefined);
      const gas = BigInt(base) * BigInt(times) + 5_000n;
      const calls = [...Array.from({ length: times }, () => 'run'), 'spin', 'run'];
      const lines = expectAgreement(calling, calls, { limits: { gas }, imports });
      expect(lines[times + 1]).toMatch(/GAS_EXHAUSTED/);
    }
  });
});

test('names of the meter cannot be taken', () => {
  const taken = ['meter', "meter'", 'metergas', 'meterdepth', "meter''gas"];
  const module: ModuleDescription = {
    functions: taken.map((name) => ({ params: [I64], results: [F64], body: [['f64.const', 1]], export: name })),
  };
  const calls = taken.map((name) => ({ export: name, args: [1n] }));
  const found = traces(decode(encodeModule(module)), calls);
  for (const other of OTHERS) expect(found[other], other).toEqual(found[REFERENCE]);
});
