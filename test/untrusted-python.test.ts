/** The example that runs Python, and what ends it. MicroPython comes from a package for development. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { link, ScriptError, type ScriptOptions, Scripts } from '../examples/untrusted-python/scripts.ts';
import { CallAborted, GasExhausted, MiB, SandboxCache } from '../src/index.ts';

const PACKAGE = '@micropython/micropython-webassembly-pyscript';

function published(): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(createRequire(import.meta.url).resolve(`${PACKAGE}/micropython.wasm`)));
  } catch {
    return undefined;
  }
}

const FUNCTIONS = {
  add: (a: number, b: number) => a + b,
  fail: () => {
    throw new Error('not today');
  },
  later: (text: string) => Promise.resolve(text.toUpperCase()),
  never: () => new Promise(() => undefined),
  nothing: () => undefined,
  long: () => 'é'.repeat(40_000),
  big: () => 1n,
  bigLater: async () => 1n,
};

const wasm = published();

if (wasm === undefined) test.skip(`${PACKAGE} is not installed`, () => undefined);
else
  describe('scripts in Python', () => {
    let module: Uint8Array;
    beforeAll(() => {
      module = link(wasm);
    });
    const cache = SandboxCache.inMemory();
    const create = (options?: ScriptOptions) => Scripts.create(module, FUNCTIONS, { cache, ...options });

    test('what is linked imports WASI and one function', () => {
      const imports = WebAssembly.Module.imports(new WebAssembly.Module(module as Uint8Array<ArrayBuffer>));
      const others = imports.filter(({ module }) => module !== 'wasi_snapshot_preview1');
      expect(others).toEqual([{ module: 'host', name: 'call', kind: 'function' }]);
    });

    describe.each(['interpreter', 'native'] as const)('on the engine %s', (engine) => {
      /** For scripts that leave nothing behind. */
      let shared: Scripts;
      beforeAll(async () => {
        shared = await create({ engine });
      });

      test.each([
        ['1 + 2', 3],
        ['[1, "é😀\\0", {"a": None, "b": 1.5}]', [1, 'é😀\0', { a: null, b: 1.5 }]],
        ['add(3, 4)', 7],
        ['nothing()', null],
        ['__import__("time").gmtime()[:3]', [2000, 1, 1]],
        ['sorted([3, 1, 2], key=lambda x: -x)', [3, 2, 1]],
        ['str(2 ** 100)', '1267650600228229401496703205376'],
        ['__import__("js").__dict__.get("document")', null],
      ])('%s', async (expression, expected) => {
        expect(await shared.evaluate(expression)).toEqual(expected);
      });

      test.each([
        ['print(1, "é", sep="-")', '1-é\n'],
        ['print("a", end="")', 'a'],
        ['try:\n  fail()\nexcept Exception as e:\n  print("caught", e)', 'caught not today\n'],
        ['try:\n  open("/etc/passwd")\nexcept OSError as e:\n  print(e.errno)', '2\n'],
        ['import js\nprint([hasattr(js, n) for n in ("document", "fetch", "process")])', '[False, False, False]\n'],
        ['import jsffi\nprint(jsffi.to_js([1]), jsffi.create_proxy(1))', '<undefined> <undefined>\n'],
        ['try:\n  import host\nexcept ImportError:\n  print("none")', 'none\n'],
        ['import time\ntime.sleep(0.01)\nprint("woke")', 'woke\n'],
        ['def f():\n  try:\n    yield 1\n  finally:\n    print("end")\nfor x in f(): print(x)', '1\nend\n'],
      ])('%s', async (source, expected) => {
        expect(await shared.run(source)).toBe(expected);
      });

      test.each([
        ['1 / 0', 'ZeroDivisionError', /^ZeroDivisionError: divide by zero$/],
        ['x = [', 'SyntaxError', /^SyntaxError: invalid syntax$/],
        ['raise ValueError("a\\nb")', 'ValueError', /^ValueError: a\nb$/],
        ['import sys\nsys.exit(3)', 'SystemExit', /^SystemExit: 3$/],
        ['fail()', 'Exception', /^Exception: not today$/],
        ['long()', 'Exception', /^Exception: the result is more than 65536 bytes as JSON$/],
        ['big()', 'Exception', /^Exception: Do not know how to serialize a BigInt$/],
        ['add({1, 2}, 3)', 'Exception', /^Exception: what is given cannot be JSON$/],
        ['def f(): f()\nf()', 'RuntimeError', /^RuntimeError: maximum recursion depth exceeded$/],
        ['def f(): [2, 1].sort(key=lambda x: f())\nf()', 'RuntimeError', /^RuntimeError: maximum recursion depth/],
        ['a = []\nfor i in range(3000): a = [a]\nstr(a)', 'RuntimeError', /^RuntimeError: maximum recursion depth/],
      ])('%s is refused', async (source, type, message) => {
        const error = await shared.run(source).catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(ScriptError);
        expect((error as ScriptError).type).toBe(type);
        expect((error as ScriptError).message).toMatch(message);
        expect(await shared.run('print(1)')).toBe('1\n');
      });

      test('says where it failed', async () => {
        const error = await shared.run('def f():\n  return g()\n\nf()').catch((caught: unknown) => caught);
        expect((error as ScriptError).traceback).toBe(
          [
            'Traceback (most recent call last):',
            '  File "<stdin>", line 4, in <module>',
            '  File "<stdin>", line 2, in f',
            "NameError: name 'g' isn't defined",
            '',
          ].join('\n'),
        );
      });

      test('an expression sees what scripts before have defined', async () => {
        const scripts = await create({ engine });
        await scripts.run('def double(x):\n  return 2 * x');
        expect(await scripts.evaluate('double(add(1, 2))')).toBe(6);
      });

      test.each([
        ['a loop', 'while True: pass'],
        ['a regular expression', 'import re\nre.match("(a+)+$", "a" * 40 + "b")'],
        ['a sort', 'sorted(range(1000000), key=lambda x: -x)'],
        ['a power', '2 ** 1000000'],
        ['waiting for input', 'input()'],
      ])('is ended within %s', async (_, source) => {
        const scripts = await create({ engine });
        const before = scripts.gasUsed;
        await expect(scripts.run(source, { gasLimit: 1_000_000 })).rejects.toBeInstanceOf(GasExhausted);
        expect(scripts.gasUsed - before).toBeLessThan(1_100_000n);
      });

      test('has no more memory than it is given', async () => {
        const scripts = await create({ engine, memoryLimit: 32 * MiB });
        await expect(scripts.run('bytearray(40 * 2 ** 20)')).rejects.toThrow(/^MemoryError/);
        expect(await scripts.evaluate('len(bytearray(2 ** 20))')).toBe(2 ** 20);
      });
    });

    test('a script costs the same on both engines, to the unit', async () => {
      const sources = [
        'print(1)',
        'print(add(1, 2), sorted([3, 1, 2]))',
        'def f(n):\n  if n == 0: raise ValueError()\n  f(n - 1)\ntry:\n  f(20)\nexcept ValueError as e: print(repr(e))',
      ];
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
        expect(await (await create()).evaluate('later("abc") + str(add(1, 2))')).toBe('ABC3');
      });

      test('what comes late and cannot be passed is an error in the script', async () => {
        await expect((await create()).run('bigLater()')).rejects.toThrow(/^Exception: Do not know how to serialize/);
      });

      test('a script that waits can be aborted', async () => {
        const controller = new AbortController();
        const run = (await create()).run('never()', { signal: controller.signal });
        controller.abort();
        await expect(run).rejects.toBeInstanceOf(CallAborted);
      });

      test('a script is left in the middle, and goes on elsewhere to the same result and gas', async () => {
        const source = [
          'def check(i):',
          '  if i % 7 == 0: raise ValueError(i)',
          'sum = 0',
          'for i in range(50):',
          '  try:',
          '    check(i)',
          '    sum = add(sum, i)',
          '  except ValueError as e:',
          '    print(e)',
          'print(sum)',
        ].join('\n');
        const whole = await create();
        const expected = await whole.finish(await whole.start(source));
        expect(expected).toMatch(/^0\n7\n.*\n49\n1029\n$/s);

        const first = await create();
        (await first.start(source)).step(1_000_000);
        const second = await Scripts.restore(await first.snapshot(), module, FUNCTIONS, { cache });
        first.close();
        const { execution } = second;
        expect(execution?.state).toBe('paused');
        expect(await second.finish(execution!)).toBe(expected);
        expect(second.gasUsed).toBe(whole.gasUsed);
      });

      test('a world is made once, and each script has one of its own', async () => {
        const made = await (await create()).snapshot();
        const worlds = await Promise.all([1, 2].map(() => Scripts.restore(made, module, FUNCTIONS, { cache })));
        const shown = await Promise.all(worlds.map((scripts, i) => scripts.run(`print("x" in globals())\nx = ${i}`)));
        expect(shown).toEqual(['False\n', 'False\n']);
        expect(await Promise.all(worlds.map((scripts) => scripts.evaluate('x')))).toEqual([0, 1]);
      });
    });

    test('the example of the document', async () => {
      const root = new URL('../', import.meta.url);
      const text = readFileSync(new URL('docs/untrusted-python.md', root), 'utf8');
      const [, code = ''] = /```ts\n(.*?)```/s.exec(text) ?? [];
      const file = new URL('examples/untrusted-python/document.tmp.ts', root);
      const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
      writeFileSync(file, code);
      try {
        await import(file.href);
        expect(log.mock.calls.map(([shown]) => shown)).toEqual(['Ada has 3 letters\n', 3, expect.any(BigInt)]);
      } finally {
        rmSync(file);
        log.mockRestore();
      }
    });
  });
