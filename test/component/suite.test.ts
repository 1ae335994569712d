import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SecurityPolicy } from '../../policy/index.ts';
import type { Transpiled } from '../../src/component/transpiler.ts';
import type { Component, ComponentExports, ComponentOptions } from '../../src/component.node.ts';
import { folderOf, SUITES } from '../suites.ts';
import { ENGINES, failureOf, from, transpile } from './components.ts';

const read = (name: string) => new Uint8Array(readFileSync(join(folderOf(SUITES.components), `${name}.wasm`)));

type Engine = (typeof ENGINES)[number];
type Imports = NonNullable<ComponentOptions['imports']>;

interface Trial {
  readonly name: string;
  readonly imports?: (() => Imports) | undefined;
  /** The interface that it imports and exports, in place of imports: it is given another instance's. */
  readonly mirrored?: string;
  /** Functions of it that fail where they are exported. */
  readonly own?: object;
  readonly use: (exports: ComponentExports, component: Component) => void;
}

/** A class of the embedder's, as resources are implemented. */
class Y {
  #a: number;
  constructor(a: number) {
    this.#a = a;
  }
  getA(): number {
    return this.#a;
  }
  setA(a: number): void {
    this.#a = a;
  }
  static add(y: Y, a: number): Y {
    return new Y(y.getA() + a);
  }
}

const sixteen = Array.from({ length: 16 }, (_, i) => BigInt(i + 1));
let seen: unknown[] = [];
let errors = 0;
const same = (...values: unknown[]) => values;

const TRIALS: readonly Trial[] = [
  { name: 'adder.component', imports: () => ({}), use: ({ add }) => expect(add.add(2 ** 31, 5)).toBe(2 ** 31 + 5) },
  {
    name: 'numbers.component',
    mirrored: 'test:numbers/test',
    use: ({ test: values, testImports }) => {
      testImports();
      expect([values.roundtripS8(-128), values.roundtripU32(2 ** 32 - 1)]).toEqual([-128, 2 ** 32 - 1]);
      expect([values.roundtripU64(2n ** 64n - 1n), values.roundtripS64(-(2n ** 63n))]).toEqual([
        2n ** 64n - 1n,
        -(2n ** 63n),
      ]);
      expect([values.roundtripF32(0.5), values.roundtripF64(-0), values.roundtripChar('\u{1f680}')]).toEqual([
        0.5,
        -0,
        '\u{1f680}',
      ]);
      expect(values.roundtripF64(Number.NaN)).toBeNaN();
    },
  },
  {
    name: 'records.component',
    mirrored: 'test:records/test',
    own: { multipleResults: () => [4, 5] },
    use: ({ test: values, testImports }) => {
      testImports();
      expect(values.swapTuple([1, 2])).toEqual([2, 1]);
      expect(values.roundtripFlags1({ a: true, b: false })).toEqual({ a: true, b: false });
      expect(values.roundtripRecord1({ a: 8, b: { a: true, b: false } })).toEqual({ a: 8, b: { a: true, b: false } });
    },
  },
  {
    name: 'variants.component',
    mirrored: 'test:variants/test',
    own: { variantEnums: () => [false, { tag: 'err' }, 'a'] },
    use: ({ test: values, testImports }) => {
      testImports();
      expect([values.roundtripOption(1), values.roundtripOption(undefined)]).toEqual([1, undefined]);
      expect(values.roundtripResult({ tag: 'ok', val: 2 })).toBe(2);
      expect(failureOf(() => values.roundtripResult({ tag: 'err', val: 4 }))).toMatchObject({
        code: 'COMPONENT',
        payload: 4,
      });
      expect([values.roundtripEnum('a'), values.invertBool(true)]).toEqual(['a', false]);
      const casts = [
        { tag: 'b', val: 2n },
        { tag: 'a', val: 1 },
        { tag: 'b', val: 0.5 },
        { tag: 'a', val: 7n },
        { tag: 'b', val: 0.25 },
        { tag: 'a', val: -0.5 },
      ];
      expect(values.variantCasts(casts)).toEqual(casts);
    },
  },
  {
    name: 'lists.component',
    mirrored: 'test:lists/test',
    own: Object.fromEntries(['8', '16', '32', '64', 'Float'].map((bits) => [`listMinmax${bits}`, same])),
    use: ({ test: values, testImports }) => {
      testImports();
      expect(values.stringRoundtrip('ä \u{1f680}')).toBe('ä \u{1f680}');
      expect(values.listRoundtrip(new Uint8Array([1, 2, 255]))).toEqual(new Uint8Array([1, 2, 255]));
      expect(values.listResult3()).toEqual(['hello,', 'world!']);
    },
  },
  {
    name: 'flavorful.component',
    mirrored: 'test:flavorful/test',
    own: {
      errnoResult: () => {
        if (++errors % 2 === 1) throw Object.assign(new Error('as written'), { payload: 'b' });
      },
      listTypedefs: () => [new TextEncoder().encode('typedef3'), ['typedef4']],
      listOfVariants: () => [
        [false, true],
        [{ tag: 'err' }, { tag: 'ok' }],
        ['a', 'b'],
      ],
    },
    use: ({ test: values, testImports }) => {
      testImports();
      expect(values.fListInRecord2()).toEqual({ a: 'list_in_record2' });
      expect(failureOf(() => values.errnoResult())).toMatchObject({ code: 'COMPONENT', payload: 'b' });
    },
  },
  {
    name: 'strings.component',
    imports: () => ({
      'test:strings/imports': {
        takeBasic: (text: string) => expect(text).toBe('latin utf16'),
        returnUnicode: () => '🚀🚀🚀 𠈄𓀀',
      },
    }),
    use: ({ roundtrip, returnEmpty, testImports }) => {
      testImports();
      expect([roundtrip('str'), roundtrip('\u{1f680} ä'), returnEmpty()]).toEqual(['str', '\u{1f680} ä', '']);
    },
  },
  {
    name: 'many-arguments.component',
    imports: () => ({ imports: { manyArguments: (...args: unknown[]) => void (seen = args) } }),
    use: ({ manyArguments }) => {
      manyArguments(...sixteen);
      expect(seen).toEqual(sixteen);
    },
  },
  {
    name: 'smoke.component',
    imports: () => ({ 'test:smoke/imports': { thunk: () => void (seen = ['thunk']) } }),
    use: ({ thunk }, component) => {
      thunk();
      expect(seen).toEqual(['thunk']);
      expect(component.output().stdout).toContain('howdy');
    },
  },
  {
    name: 'resources.component',
    imports: () => ({ imports: { Y } }),
    use: ({ exports: { X, Z, KebabCase, add, consume, testImports } }) => {
      testImports();
      const x = new X(5);
      x.setA(6);
      expect([x.getA(), X.add(x, 7).getA()]).toEqual([6, 13]);
      consume(X.add(new X(1), 2));
      expect(add(new Z(10), new Z(20)).getA()).toBe(30);
      expect(KebabCase.takeOwned(new KebabCase(3))).toBe(3);
    },
  },
];

/** Gas and memory of what a trial does on an engine. */
async function run(trial: Trial, transpiled: Transpiled, engine: Engine) {
  const options = { engine, gasLimit: 1_000_000_000n } as const;
  const imports = trial.imports?.() ?? (await mirror(transpiled, options, trial));
  const component = await from(transpiled, { ...options, imports });
  trial.use(component.exports, component);
  const { gasUsed, memoryBytes } = component.stats;
  return { gasUsed, memoryBytes };
}

/** The interface that another instance of a component exports, for one that imports it; and what exports do not do. */
async function mirror(
  transpiled: Transpiled,
  options: ComponentOptions,
  { mirrored = '', own = {} }: Trial,
): Promise<Imports> {
  const taken = transpiled.text.split('\n').find((line) => line.endsWith(`} = imports['${mirrored}'];`)) ?? '';
  const names = [...taken.matchAll(/\w+(?=[ ,])/g)].map(([name]) => name);
  const unused = Object.fromEntries(names.map((name) => [name, () => expect.unreachable()]));
  const { exports } = await from(transpiled, { ...options, imports: { [mirrored]: unused } });
  return { [mirrored]: { ...exports[mirrored], ...own } };
}

describe.each(TRIALS)('$name', (trial) => {
  test('does what it says, for the same gas on both engines', async () => {
    const transpiled = await transpile(read(trial.name));
    const interpreted = await run(trial, transpiled, 'interpreter');
    const native = await run(trial, transpiled, 'native');
    expect(interpreted.gasUsed).toBeGreaterThan(0n);
    expect(native).toEqual(interpreted);
  });
});

const STRICT = SecurityPolicy.builder().enableAuditLogging().build();

const hello = transpile(read('hello_stdout.component'));
const composed = transpile(read('stdio.composed'));

describe.each(ENGINES)('under a strict policy, on the %s engine,', (engine) => {
  test('a program prints into the output, sees no environment, and is in the audit', async () => {
    const component = await from(await hello, { engine, securityPolicy: STRICT });
    const { exitCode, stdout, stderr } = component.run();
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'writing to stdout: hello, world\n',
      stderr: 'writing to stderr: hello, world\n',
    });
    const written = component.auditEvents().filter(({ bytes }) => bytes !== undefined);
    expect(written.map((event) => [event.function, event.request])).toEqual([
      ['wasi:io/streams.[method]output-stream.blocking-write-and-flush', { kind: 'stdio', stream: 'stdout' }],
      ['wasi:io/streams.[method]output-stream.blocking-write-and-flush', { kind: 'stdio', stream: 'stderr' }],
    ]);
  });

  test('two components that were composed do', async () => {
    const component = await from(await composed, { engine, securityPolicy: STRICT });
    component.exports['testStdio']();
    expect(component.output().stdout).toBe('Hello world\n');
    expect(component.auditEvents().map((event) => event.function)).toContain('wasi:cli/stdout.get-stdout');
    // It traps with any environment, after it has asked for it.
    expect(failureOf(() => component.exports['testGetEnv']())).toMatchObject({ code: 'TRAP' });
    expect(component.violations()).toMatchObject([
      { function: 'wasi:cli/environment.get-environment', allowed: false, reason: 'the policy grants no environment' },
    ]);
  });
});

test('with exports that give promises, programs and composed components do the same', async () => {
  const program = await from(await transpile(read('hello_stdout.component'), true), { securityPolicy: STRICT });
  expect(await program.runAsync()).toMatchObject({ exitCode: 0, stdout: 'writing to stdout: hello, world\n' });
  const both = await from(await transpile(read('stdio.composed'), true), { securityPolicy: STRICT });
  await both.exports['testStdio']();
  expect(both.output().stdout).toBe('Hello world\n');
  await expect(both.exports['testGetEnv']()).rejects.toMatchObject({ code: 'TRAP' });
  both.reset();
  await both.exports['testStdio']();
});
