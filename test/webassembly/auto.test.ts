/** A namespace that chooses by module. */

import { describe, expect, it } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly, type WebAssemblyNamespace, type WebAssemblyOptions } from '../../src/webassembly.ts';
import { GENERATED_FEATURES } from '../generate/later.ts';
import type { Namespace } from '../property/compare.ts';
import { assertSame, differential } from '../property/differential.ts';
import { assertProperty } from '../property/runner.ts';

// biome-ignore lint/suspicious/noExplicitAny: exports are of any kind.
type Exports = Record<string, any>;

const auto = (options: WebAssemblyOptions = {}) => createWebAssembly({ engine: 'auto', ...options });
function make(W: WebAssemblyNamespace, text: string, imports?: object) {
  const instance = new W.Instance(new W.Module(parse(text)), imports as never);
  const { engine, engineReason } = W.stats(instance);
  return { instance, exports: instance.exports as Exports, engine, engineReason };
}

/** Natively they run, and only the interpreter runs them. */
const NATIVE =
  '(func (export "spin") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))';
const ONLY = '(func (export "t") (drop (ref.null exn)))';

describe('runs natively what can, and interprets', () => {
  const locals = (count: number) => `(local ${'i32 '.repeat(count)})`;
  it.each<[string, string, RegExp]>([
    ['references to exceptions', `(module ${ONLY})`, /exception-references/],
    ['tags that others see', '(module (tag (export "t")))', /exports a tag/],
    ['two memories', '(module (memory 1) (memory 1))', /multi-memory/],
    ['64-bit memories', '(module (memory i64 1))', /memory64/],
    ['structs', '(module (type (struct)) (func (drop (struct.new 0))))', /gc/],
    ['types of functions', '(module (type $f (func)) (func (param (ref null $f))))', /function-references/],
    ['as many locals as there may be', `(module (func ${locals(50_000)}))`, /locals/],
    [
      'as many parameters as there may be',
      `(module (type $t (func (param ${'i32 '.repeat(1_000)}))) (table 1 funcref) (memory 1)
        (func (type $t) (drop (memory.grow (i32.const 1)))))`,
      /./,
    ],
  ])('%s', async (name, text, reason) => {
    const W = await auto();
    const made = make(W, text);
    if (name === 'as many parameters as there may be' && made.engine === 'native') return;
    expect(made.engine).toBe('interpreter');
    expect(made.engineReason).toMatch(reason);
    expect(make(W, `(module ${NATIVE})`)).toMatchObject({
      engine: 'native',
      engineReason: expect.stringMatching(/fastest/),
    });
  });

  it('what the host’s engine lacks', async () => {
    const text = '(module (global (export "g") i32 (i32.add (i32.const 40) (i32.const 2))))';
    const { exports, engine } = make(await auto(), text);
    expect(exports['g'].value).toBe(42);
    const hasIt = WebAssembly.validate(parse(text));
    expect(engine).toBe(hasIt ? 'native' : 'interpreter');
  });
});

describe('limits hold for both together', () => {
  const work = async (options: WebAssemblyOptions) => {
    const W = await auto(options);
    return {
      W,
      natively: make(
        W,
        `(module ${NATIVE} (memory (export "m") 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))`,
      ),
      interpreted: make(
        W,
        `(module ${NATIVE} ${ONLY} (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))`,
      ),
    };
  };

  it.each([
    ['natively', 'interpreted'],
    ['interpreted', 'natively'],
  ] as const)('gas, %s and then %s', async (first, second) => {
    const found = await work({ gasLimit: 20_000 });
    const { W } = found;
    expect([found.natively.engine, found.interpreted.engine]).toEqual(['native', 'interpreter']);
    const before = W.stats().gasUsed;
    found[first].exports['spin'](500);
    const once = W.stats().gasUsed - before;
    found[second].exports['spin'](500);
    expect(W.stats().gasUsed - before).toBe(2n * once);
    expect(W.stats(found.natively.instance).gasUsed).toBe(W.stats().gasUsed);
    expect(() => found[second].exports['spin'](100_000)).toThrow(/^Gas limit exceeded: the limit is 20000 units/);
    expect(() => found[first].exports['spin'](1)).toThrow(/^Gas limit exceeded/);
    expect(() => found[second].exports['spin'](1)).toThrow(/^Gas limit exceeded/);
    expect(() => make(W, `(module ${NATIVE})`)).toThrow(/^Gas limit exceeded/);
    expect(W.stats()).toMatchObject({ gasLimit: 20_000n });
    expect(W.stats().gasUsed).toBeLessThan(20_100n);
  });

  it('errors are those of one engine', async () => {
    const errors = await Promise.all(
      (['interpreter', 'native', 'auto'] as const).map(async (engine) => {
        const W = await createWebAssembly({ engine, gasLimit: 1_000 });
        try {
          make(W, `(module ${NATIVE})`).exports['spin'](10_000);
        } catch (error) {
          const { name, message, code, scope } = error as Error & { code: string; scope: string };
          return [name, message.replace(/ \(function.*/, ''), code, scope, W.stats().gasUsed];
        }
        return [];
      }),
    );
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[2]).toEqual(errors[0]);
  });

  it('memory', async () => {
    const { W, natively, interpreted } = await work({ memoryLimit: 5 * 65_536 });
    const memory = new W.Memory({ initial: 1 });
    expect(natively.exports['grow']()).toBe(1);
    expect(interpreted.exports['grow']()).toBe(1);
    expect(W.stats()).toMatchObject({ memoryBytes: 5 * 65_536, peakMemoryBytes: 5 * 65_536 });
    for (const { exports } of [natively, interpreted]) expect(exports['grow']()).toBe(-1);
    expect(() => memory.grow(1)).toThrow(RangeError);
    expect(() => new W.Memory({ initial: 1 })).toThrow(RangeError);
    expect(W.stats().growthRefused).toBe(true);
  });

  it('gas without an end', async () => {
    for (const gasLimit of [2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const { W, natively, interpreted } = await work({ gasLimit });
      for (const { exports } of [natively, interpreted]) exports['spin'](100);
      expect(W.stats()).toMatchObject({ gasLimit });
    }
    expect((await work({})).W.stats().gasLimit).toBe(undefined);
  });

  it('instances', async () => {
    const { W } = await work({ instanceLimit: 3 });
    make(W, '(module)');
    expect(() => make(W, '(module)')).toThrow(RangeError);
  });

  it('or each has its own', async () => {
    const { W, natively, interpreted } = await work({ gasLimit: 20_000, memoryLimit: 2 * 65_536, perInstance: true });
    for (const { exports, instance, engine } of [natively, interpreted]) {
      const before = W.stats(instance).gasUsed;
      exports['spin'](100);
      expect(W.stats(instance).gasUsed - before).toBe(305n);
      expect([exports['grow'](), exports['grow']()]).toEqual([1, -1]);
      expect(W.stats(instance)).toMatchObject({ engine, memoryBytes: 2 * 65_536, gasLimit: 20_000n });
      expect(() => exports['spin'](100_000)).toThrow(/^Gas limit exceeded/);
    }
  });
});

describe('both sides see', () => {
  const USES = `(import "m" "m" (memory 1)) (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))`;

  it.each(['the embedder', 'a guest'])('a memory of %s', async (whose) => {
    const W = await auto();
    const m =
      whose === 'a guest'
        ? make(W, '(module (memory (export "m") 1 5))').exports['m']
        : new W.Memory({ initial: 1, maximum: 5 });
    const sides = [`(module ${USES})`, `(module ${USES} ${ONLY})`].map((text) => make(W, text, { m: { m } }));
    expect(sides.map(({ engine }) => engine)).toEqual(['native', 'interpreter']);
    const [one, other] = sides.map(({ exports }) => exports) as [Exports, Exports];
    one['set'](5, 7);
    expect([other['get'](5), new Uint8Array(m.buffer)[5]]).toEqual([7, 7]);
    const { buffer } = m;
    expect(one['grow']()).toBe(1);
    expect(buffer.byteLength).toBe(0);
    other['set'](65_536 + 5, 8);
    expect(one['get'](65_536 + 5)).toBe(8);
    expect(other['grow']()).toBe(2);
    one['set'](2 * 65_536, 9);
    expect([other['get'](2 * 65_536), new Uint8Array(m.buffer)[2 * 65_536]]).toEqual([9, 9]);
    expect(m.grow(2)).toBe(3);
    expect([one['grow'](), other['grow']()]).toEqual([-1, -1]);
    expect(() => one['get'](5 * 65_536)).toThrow('out of bounds memory access');
    expect(() => other['get'](5 * 65_536)).toThrow('out of bounds memory access');
    expect(m).toBeInstanceOf(W.Memory);
  });

  it('a memory that grows while the other side calls', async () => {
    const W = await auto();
    const m = new W.Memory({ initial: 1, maximum: 5 });
    const { exports: native } = make(W, `(module ${USES})`, { m: { m } });
    const text = `(module (import "n" "grow" (func $grow (result i32))) ${USES} ${ONLY}
      (func (export "both") (result i32) (drop (call $grow)) (i32.store8 (i32.const 65536) (i32.const 5)) (i32.load8_u (i32.const 65536))))`;
    const { exports } = make(W, text, { m: { m }, n: native });
    expect(exports['both']()).toBe(5);
  });

  it.each(['returns', 'throws'])('a memory that grows while an instance between them %s', async (how) => {
    const W = await auto();
    const m = new W.Memory({ initial: 1, maximum: 5 });
    const { exports: native } = make(W, `(module ${USES})`, { m: { m } });
    const between = make(
      W,
      `(module (import "n" "f" (func $f)) (tag $t (export "t"))
      (func (export "f") (call $f) ${how === 'throws' ? '(throw $t)' : ''}))`,
      { n: { f: () => native['grow']() } },
    );
    const text = `(module (import "b" "f" (func $f)) (import "b" "t" (tag $t)) ${USES}
      (func (export "both") (result i32)
        (block $caught (try_table (catch $t $caught) (call $f)))
        (i32.store8 (i32.const 65536) (i32.const 5)) (i32.load8_u (i32.const 65536))))`;
    const { exports } = make(W, text, { m: { m }, b: between.exports });
    expect([exports['both'](), native['get'](65_536)]).toEqual([5, 5]);
  });

  it('functions', async () => {
    const W = await auto();
    const native = make(
      W,
      '(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))',
    );
    const text = (only: string) => `(module (import "m" "f" (func $f (param i32) (result i32))) ${only}
      (func (export "f") (param i32) (result i32) (i32.mul (call $f (local.get 0)) (i32.const 2))))`;
    const interpreted = make(W, text(ONLY), { m: native.exports });
    const third = make(W, text(''), { m: interpreted.exports });
    const fourth = make(W, text(''), { m: native.exports });
    expect([native, interpreted, third, fourth].map(({ engine }) => engine)).toEqual([
      'native',
      'interpreter',
      'interpreter',
      'native',
    ]);
    expect([interpreted, third, fourth].map(({ exports }) => exports['f'](4))).toEqual([10, 20, 10]);
    expect(third.engineReason).toMatch(/function of an instance that is interpreted/);
  });

  it('tables and globals, where the instances that have them run alike', async () => {
    const W = await auto();
    const { exports } = make(
      W,
      '(module (table (export "t") 1 funcref) (global (export "g") (mut i32) (i32.const 1)))',
    );
    expect([exports['t'] instanceof W.Table, exports['g'] instanceof W.Global]).toEqual([true, true]);
    expect(exports['t'].constructor).toBe(W.Table);
    const text =
      '(module (import "m" "t" (table 1 funcref)) (import "m" "g" (global (mut i32))) (func (export "f") (result i32) (global.get 0))';
    expect(make(W, `${text})`, { m: exports })).toMatchObject({ engine: 'native' });
    expect(() => make(W, `${text} ${ONLY})`, { m: exports })).toThrow(/runs natively.*engine: 'interpreter'/);
    const own = {
      t: new W.Table({ element: 'anyfunc', initial: 1 }),
      g: new W.Global({ value: 'i32', mutable: true }, 5),
    };
    const made = make(W, `${text})`, { m: own });
    expect([made.engine, made.exports['f']()]).toEqual(['interpreter', 5]);
    expect(made.engineReason).toMatch(/imports a (table|global)/);
  });

  it('builtins', async () => {
    const W = await auto();
    const engineOf = (text: string) => {
      const instance = new W.Instance(new W.Module(parse(text), { builtins: ['js-string'] }));
      return [W.stats(instance).engine, (instance.exports as Exports)['f']('abc')];
    };
    const length = '(import "wasm:js-string" "length" (func $length (param externref) (result i32)))';
    const made = '(import "wasm:js-string" "cast" (func (param externref) (result (ref extern))))';
    const f = '(func (export "f") (param externref) (result i32) (call $length (local.get 0)))';
    expect([engineOf(`(module ${length} ${f})`), engineOf(`(module ${length} ${made} ${f})`)]).toEqual([
      ['native', 3],
      ['interpreter', 3],
    ]);
  });

  it('promises', async () => {
    const W = await auto();
    const text = '(module (import "m" "f" (func $f (result i32))) (func (export "f") (result i32) (call $f)))';
    const suspending = make(W, text, { m: { f: new W.Suspending(async () => 5) } });
    expect(suspending).toMatchObject({ engine: 'interpreter', engineReason: expect.stringMatching(/suspend/) });
    expect(await W.promising(suspending.exports['f'])()).toBe(5);
    const plain = make(W, text, { m: { f: () => 6 } });
    expect(plain.engine).toBe('native');
    expect(await W.promising(plain.exports['f'])()).toBe(6);
    await expect(
      W.promising(
        make(W, text, {
          m: {
            f: () => {
              throw new Error('mine');
            },
          },
        }).exports['f'],
      )(),
    ).rejects.toThrow('mine');
  });
});

// Programs that need what natively is not metered, and others, with whatever they import.
it.each([[], GENERATED_FEATURES])('runs every random program as the interpreter does (%#)', async (...features) => {
  const [tested, reference] = await Promise.all([
    auto({ perInstance: true }),
    createWebAssembly({ perInstance: true }),
  ]);
  await assertProperty({
    ...differential(tested as unknown as Namespace, { features }),
    name: 'random programs where the engine is chosen, and interpreted',
    runs: 60,
    check: (program) => assertSame(tested as unknown as Namespace, program, reference as unknown as Namespace),
  });
});
