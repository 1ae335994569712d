/** The example that runs JavaScript, and what ends it. QuickJS comes from a package for development. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ScriptError, type ScriptOptions, Scripts } from '../examples/untrusted-javascript/scripts.ts';
import { CallAborted, GasExhausted, MiB } from '../src/index.ts';

const WASM = new Uint8Array(readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm')));

const FUNCTIONS = {
  add: (a: number, b: number) => a + b,
  fail: () => {
    throw new Error('not today');
  },
  later: (text: string) => Promise.resolve(text.toUpperCase()),
  never: () => new Promise(() => undefined),
  long: () => 'x'.repeat(100_000),
  big: () => 1n,
  bigLater: async () => 1n,
};

const create = (options?: ScriptOptions) => Scripts.create(WASM, FUNCTIONS, options);

describe.each(['interpreter', 'native'] as const)('a script on the engine %s', (engine) => {
  /** For scripts that leave nothing behind. */
  let shared: Scripts;
  beforeAll(async () => {
    shared = await create({ engine });
  });

  test.each([
    ['1 + 2', 3],
    ['({ a: [1, "é😀\\0"], b: null })', { a: [1, 'é😀\0'], b: null }],
    ['undefined', null],
    ['add(3, 4)', 7],
    ['(async () => { await null; return [1, 2].map((x) => 2 * x); })()', [2, 4]],
    ['try { fail() } catch (error) { error.message }', 'not today'],
    ['[typeof process, typeof require, typeof fetch, typeof host, typeof WebAssembly]', Array(5).fill('undefined')],
    ['new Date().toISOString()', expect.stringMatching(/^2000-01-01T00:00:/)],
  ])('%s', async (source, expected) => {
    expect(await shared.run(source)).toEqual(expected);
  });

  test.each([
    ['throw new TypeError("x")', /^TypeError: x$/],
    ['a b', /^SyntaxError: expecting ';'$/],
    ['fail()', /^Error: not today$/],
    ['long()', /^Error: the result is too long$/],
    ['big()', /^Error: Do not know how to serialize a BigInt$/],
    ['new Promise(() => {})', /never settles/],
    ['Promise.reject(new RangeError("r"))', /^RangeError: r$/],
    ['(function f() { f(); })()', /^RangeError: Maximum call stack size exceeded$/],
    ['{ const f = () => [2, 1].sort(f); f() }', /^RangeError: Maximum call stack size exceeded$/],
    ['{ const f = () => JSON.stringify({ toJSON: f }); f() }', /^RangeError: Maximum call stack size exceeded$/],
    ['"x".repeat(100000)', /more than 65536 characters/],
  ])('%s is refused', async (source, message) => {
    const error = await shared.run(source).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ScriptError);
    expect((error as ScriptError).message).toMatch(message);
    expect(await shared.run('1')).toBe(1);
  });

  test('what it does to its own world is its own affair', async () => {
    const scripts = await create({ engine });
    expect(await scripts.run('JSON.parse = undefined; JSON = add(1, 2)')).toBe(3);
    await expect(scripts.run('String.fromCharCode = () => "["; add(1, 2)')).rejects.toThrow(/^SyntaxError/);
  });

  test('says where it failed', async () => {
    const error = (await shared.run('\n\n  null.x').catch((caught: unknown) => caught)) as ScriptError;
    expect(error.trace).toMatch(/script:3:\d+/);
  });

  test.each([
    ['a loop', 'for (;;);'],
    ['a regular expression', '/^(a+)+$/.test("a".repeat(40) + "b")'],
    ['a sort', 'Array.from({ length: 1e6 }, (_, i) => -i).sort()'],
  ])('is ended within %s', async (_, source) => {
    const scripts = await create({ engine });
    const before = scripts.gasUsed;
    await expect(scripts.run(source, { gasLimit: 1_000_000 })).rejects.toBeInstanceOf(GasExhausted);
    expect(scripts.gasUsed - before).toBeLessThan(1_100_000n);
  });

  test('has no more memory than it is given', async () => {
    const scripts = await create({ engine, memoryLimit: 8 * MiB });
    await expect(scripts.run('const a = []; for (;;) a.push(new Uint8Array(65536));')).rejects.toThrow(/out of memory/);
  });
});

test('a script costs the same on both engines, to the unit', async () => {
  const sources = ['1', '[3, 1, 2].sort().map((x) => add(x, 1))', 'JSON.stringify("x".repeat(1000).split(""))'];
  const costs = async (engine: 'interpreter' | 'native') => {
    const scripts = await create({ engine });
    const units = [scripts.gasUsed];
    for (const source of sources) {
      await scripts.run(source);
      units.push(scripts.gasUsed);
    }
    return units;
  };
  expect(await costs('interpreter')).toEqual(await costs('native'));
});

describe('on the interpreter', () => {
  test('what a promise is for is what the script sees', async () => {
    expect(await (await create()).run('later("abc") + add(1, 2)')).toBe('ABC3');
  });

  test('what comes late and cannot be passed is an error in the script', async () => {
    await expect((await create()).run('bigLater()')).rejects.toThrow(/^Error: Do not know how to serialize a BigInt$/);
  });

  test('a script that waits can be aborted', async () => {
    const controller = new AbortController();
    const run = (await create()).run('never()', { signal: controller.signal });
    controller.abort();
    await expect(run).rejects.toBeInstanceOf(CallAborted);
  });

  test('a script is left in the middle, and goes on elsewhere to the same result and gas', async () => {
    const source = 'let sum = 0; for (let i = 0; i < 200; i++) sum = add(sum, i); sum';
    const whole = await create();
    const expected = await whole.finish(await whole.start(source));

    const first = await create();
    (await first.start(source)).step(200_000);
    const second = await Scripts.restore(await first.snapshot(), WASM, FUNCTIONS);
    first.close();
    const { execution } = second;
    expect(execution?.state).toBe('paused');
    expect(await second.finish(execution!)).toBe(expected);
    expect(second.gasUsed).toBe(whole.gasUsed);
  });

  test('a world is made once, and each script has one of its own', async () => {
    const made = await (await create()).snapshot();
    const worlds = await Promise.all([1, 2].map(() => Scripts.restore(made, WASM, FUNCTIONS)));
    const values = await Promise.all(worlds.map((scripts, i) => scripts.run(`globalThis.x = [globalThis.x, ${i}]; x`)));
    expect(values).toEqual([
      [null, 0],
      [null, 1],
    ]);
  });
});

test('the example of the document', async () => {
  const root = new URL('../', import.meta.url);
  const text = readFileSync(new URL('docs/untrusted-javascript.md', root), 'utf8');
  const [, code = ''] = /```ts\n(.*?)```/s.exec(text) ?? [];
  const file = new URL('examples/untrusted-javascript/document.tmp.ts', root);
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  writeFileSync(file, code);
  try {
    await import(file.href);
    expect(log.mock.calls.map(([shown]) => shown)).toEqual(['ADA', expect.any(BigInt)]);
  } finally {
    rmSync(file);
    log.mockRestore();
  }
});
