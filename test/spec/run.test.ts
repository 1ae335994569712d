import { describe, expect, test } from 'vitest';
import { ascii, funcType, list, module, section, sized } from './byte-writer.ts';
import { compareWithKnown } from './deviations.ts';
import { moduleFeatures } from './features.ts';
import type { FailureKind, SpecHost } from './host.ts';
import { createHost } from './hosts.ts';
import { PROBES } from './probes.ts';
import { runScript } from './run.ts';
import { parseScript } from './script.ts';
import type { SpecValue } from './values.ts';

class Failed extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind) {
    super(kind);
    this.kind = kind;
  }
}

/** Instances count from 1; the name of a function says what calling it does, the bytes of a module what becomes of it. */
function fakeHost(): SpecHost<string, number> {
  let instances = 0;
  return {
    name: 'fake',
    compile: (bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (text === 'bad') throw new Failed('compile');
      return text;
    },
    instantiate: (text, registry) => {
      if (text === 'trap') throw new Failed('trap');
      if (text === 'import' && !registry.has('M')) throw new Failed('link');
      return ++instances;
    },
    invoke: (instance, field, args): readonly SpecValue[] => {
      if (field === 'which') return [{ type: 'i32', bits: BigInt(instance) }];
      if (field === 'same') return args;
      throw new Failed(field as FailureKind);
    },
    get: (instance) => ({ type: 'i64', bits: BigInt(instance) }),
    classify: (error) => (error instanceof Failed ? error.kind : 'other'),
    spectest: () => 0,
  };
}

function run(source: string) {
  const { passed, failed, skipped } = runScript(parseScript(source), fakeHost());
  return { passed, failed: failed.map(({ line }) => line), skipped };
}

describe('the runner', () => {
  test('counts what is as asserted', () => {
    const source = `
      (module binary "a")
      (assert_return (invoke "same" (i32.const 1) (f32.const nan)) (i32.const 1) (f32.const nan:canonical))
      (assert_return (invoke "same"))
      (assert_return (get "x") (i64.const 1))
      (assert_trap (invoke "trap") "t")
      (assert_exhaustion (invoke "exhaustion") "e")
      (assert_exception (invoke "exception"))
      (assert_invalid (module binary "bad") "i")
      (assert_malformed (module binary "b" "ad") "m")
      (module definition binary "trap")
      (assert_trap (module instance) "t")
      (module definition binary "import")
      (assert_unlinkable (module instance) "l")
      (invoke "same")`;
    expect(run(source)).toEqual({ passed: 10, failed: [], skipped: 0 });
  });

  test('reports what is not, by line', () => {
    const source = `(module binary "a")
      (assert_return (invoke "same" (i32.const 1)) (i32.const 2))
      (assert_return (invoke "same" (i32.const 1)))
      (assert_return (invoke "same") (i32.const 1))
      (assert_return (invoke "trap"))
      (assert_trap (invoke "same") "t")
      (assert_trap (invoke "exhaustion") "t")
      (assert_exhaustion (invoke "trap") "e")
      (assert_invalid (module binary "good") "i")
      (assert_unlinkable (module instance) "l")
      (assert_return (get $nobody "x") (i64.const 1))
      (invoke "trap")
      (register "N" $nobody)`;
    expect(run(source)).toEqual({ passed: 0, failed: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], skipped: 0 });
  });

  test('names mean what they were given to last', () => {
    const source = `
      (module definition $A binary "a")
      (module definition $B binary "import")
      (module instance $one $A)
      (module instance $two $A)
      (assert_return (invoke "which") (i32.const 2))
      (assert_return (invoke $one "which") (i32.const 1))
      (assert_unlinkable (module instance $three $B) "l")
      (assert_return (invoke "which") (i32.const 2))
      (register "M" $one)
      (module instance $one $B)
      (assert_return (invoke $one "which") (i32.const 3))
      (assert_return (get $two "x") (i64.const 2))`;
    expect(run(source)).toEqual({ passed: 6, failed: [], skipped: 0 });
  });

  test('after a failed module nothing older is used', () => {
    const source = `(module binary "a")
      (module binary "bad")
      (assert_return (invoke "same"))
      (module definition binary "a")
      (module definition binary "bad")
      (module instance)
      (assert_return (invoke "same"))`;
    // Line 2 counts twice: as a definition, and as an instance of it.
    expect(run(source)).toEqual({ passed: 0, failed: [2, 2, 3, 5, 6, 7], skipped: 0 });
  });

  test('leaves out what it is told to', () => {
    const commands = parseScript(
      '(module binary "a")\n(assert_return (invoke "trap"))\n(assert_return (invoke "same"))',
    );
    const report = runScript(commands, fakeHost(), { skip: (line) => line === 2 });
    expect(report).toEqual({ passed: 1, failed: [], skipped: 1 });
  });

  test.each(['(assert_something)', '(module)', 'x', '(assert_return (invoke x))'])(
    'a form it does not know is an error: %s',
    (source) => {
      expect(() => parseScript(source)).toThrow(/^line 1: /);
    },
  );
});

const I32 = [0x7f];
const F32 = [0x7d];
const F64 = [0x7c];
const V128 = [0x7b];

/** A module with one function, exported as "f", that gives its parameters back and ends with `body`. */
function identity(types: readonly (readonly number[])[], body: readonly number[]): Uint8Array {
  return module(
    section(1, list([funcType(types, types)])),
    section(3, list([[0]])),
    section(7, list([[...ascii('f'), 0, 0]])),
    section(10, list([sized([0, ...types.flatMap((_, index) => [0x20, index]), ...body, 0x0b])])),
  );
}

describe('a namespace as a host', () => {
  test('carries floats and vectors to the bit', async () => {
    const host = await createHost('native');
    const instance = host.instantiate(host.compile(identity([F32, V128, I32, F64], [])), new Map());
    const values: SpecValue[] = [
      { type: 'f32', bits: 0xffa00001n },
      { type: 'v128', bits: 0xfedcba98_76543210_ff800001_7fa00000n },
      { type: 'i32', bits: 0x80000000n },
      { type: 'f64', bits: 0x7ff4000000000001n },
    ];
    expect(host.invoke(instance, 'f', values)).toEqual(values);
  });

  test('tells traps, exhaustion and its own faults apart', async () => {
    const host = await createHost('native');
    const classify = (body: readonly number[], field = 'f', args: readonly SpecValue[] = []) => {
      const instance = host.instantiate(host.compile(identity([], body)), new Map());
      try {
        host.invoke(instance, field, args);
        return 'nothing';
      } catch (error) {
        return host.classify(error);
      }
    };
    expect(classify([])).toBe('nothing');
    expect(classify([0x00])).toBe('trap');
    expect(classify([0x10, 0])).toBe('exhaustion');
    expect(classify([], 'missing')).toBe('other');
    expect(classify([], 'f', [{ type: 'i32', bits: 0n }])).toBe('other');
  });
});

describe('features', () => {
  test.each(Object.entries(PROBES))('the probe for %s needs it alone', (feature, bytes) => {
    expect([...moduleFeatures(bytes)]).toEqual([feature]);
  });

  test.each([
    ['nothing new', identity([I32, F64], [0x41, 0, 0x1a]), []],
    ['a vector type', identity([V128], []), ['simd']],
    ['a relaxed instruction', identity([], [0xfd, 0x80, 0x02]), ['relaxed-simd']],
    ['a tail call', identity([], [0x12, 0]), ['tail-calls']],
    ['a null of a bottom type', identity([], [0xd0, 0x71, 0x1a]), ['gc']],
    ['a null of an old type', identity([], [0xd0, 0x70, 0x1a]), []],
    ['a reference that is not null', identity([[0x64, 0x70]], []), ['function-references']],
    ['a handler', identity([], [0x1f, 0x40, 1, 2, 0, 0x0b]), ['exceptions']],
    [
      'a second memory',
      module(
        section(
          5,
          list([
            [0, 1],
            [0, 1],
          ]),
        ),
      ),
      ['multi-memory'],
    ],
    ['a wide memory', module(section(5, list([[4, 1]]))), ['memory64']],
    ['a wide table', module(section(4, list([[0x70, 4, 1]]))), ['memory64']],
    ['addition in a constant', module(section(6, list([[0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b]]))), ['extended-const']],
    ['memory 0 by name', identity([], [0x3f, 0x80, 0x00, 0x1a]), ['multi-memory']],
    ['a recursion group', module(section(1, list([[0x4e, 1, 0x60, 0, 0]]))), ['gc']],
  ])('%s', (_, bytes, expected) => {
    expect([...moduleFeatures(bytes)]).toEqual(expected);
  });
});

test('failures are compared with those that are listed', () => {
  const failure = (line: number) => ({ line, command: 'define', reason: 'r' });
  const listed = compareWithKnown('native', 'memory64', [21, 25, 29, 30].map(failure));
  expect(listed).toEqual({ unknown: [failure(30)], absent: [] });
  const { unknown, absent } = compareWithKnown('native', 'table', []);
  expect([unknown, absent.map(({ line }) => line)]).toEqual([[], [31]]);
  expect(compareWithKnown('interpreter', 'table', [failure(31)])).toEqual({ unknown: [failure(31)], absent: [] });
});
