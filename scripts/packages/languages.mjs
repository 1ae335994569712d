/** Interpreters of other languages. */

async function loadPhp({ import: load }) {
  const { loadNodeRuntime } = await load('@php-wasm/node');
  const { PHP } = await load('@php-wasm/universal');
  const php = new PHP(await loadNodeRuntime('8.3', { emscriptenOptions: { processId: 1 } }));
  return async () => (await php.run({ code: '<?php echo json_encode([array_sum(range(1, 100)), PHP_VERSION]);' })).text;
}

export const LANGUAGES = [
  {
    name: 'quickjs-emscripten',
    async load({ import: load }) {
      const QuickJS = await (await load('quickjs-emscripten')).getQuickJS();
      return () => [
        QuickJS.evalCode('const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)); fib(15)'),
        QuickJS.evalCode('JSON.stringify([..."héllo"].map((c) => c.codePointAt(0)))'),
        QuickJS.evalCode('const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); deep(200)'),
      ];
    },
  },
  {
    name: 'pyodide',
    async load({ import: load, path }) {
      const { loadPyodide } = await load('pyodide');
      const pyodide = await loadPyodide({ indexURL: path('pyodide/') });
      return () =>
        pyodide.runPython('import sys, json; json.dumps([sum(i * i for i in range(100)), sys.version_info[:2]])');
    },
  },
  {
    name: '@micropython/micropython-webassembly-pyscript',
    async load({ import: load }) {
      const { loadMicroPython } = await load('@micropython/micropython-webassembly-pyscript');
      const python = await loadMicroPython();
      return () => python.runPython('sum(i * i for i in range(1000))') ?? python.globals.get('__name__');
    },
  },
  {
    name: 'wasmoon',
    async load({ require }) {
      const lua = await new (require('wasmoon').LuaFactory)().createEngine();
      return () => lua.doString('local t = {} for i = 1, 100 do t[i] = i * i end return table.concat(t, ",")');
    },
  },
  {
    name: '@php-wasm/node-8-3',
    needs: ['@php-wasm/node', '@php-wasm/universal', '@php-wasm/node-8-3'],
    // It has a second program for hosts with promise integration.
    without: ['Suspending', 'promising'],
    load: loadPhp,
  },
  {
    name: '@php-wasm/node-8-3, suspended',
    engines: ['interpreter'],
    note: "native has no promise integration, and gets the package's other program",
    needs: ['@php-wasm/node', '@php-wasm/universal', '@php-wasm/node-8-3'],
    load: loadPhp,
  },
  {
    name: '@ruby/3.4-wasm-wasi',
    needs: ['@ruby/wasm-wasi', '@bjorn3/browser_wasi_shim', '@ruby/3.4-wasm-wasi'],
    async load({ import: load, bytes }) {
      const { DefaultRubyVM } = await load('@ruby/wasm-wasi/dist/esm/browser.js');
      const module = await WebAssembly.compile(bytes('@ruby/3.4-wasm-wasi/dist/ruby.wasm'));
      const { vm } = await DefaultRubyVM(module, { consolePrint: false });
      return () => vm.eval('[RUBY_VERSION, (1..100).sum { |i| i * i }].inspect').toString();
    },
  },
  {
    name: '@6over3/zeroperl-ts',
    async load({ import: load }) {
      const { ZeroPerl } = await load('@6over3/zeroperl-ts');
      let out = '';
      const perl = await ZeroPerl.create({
        stdout: (text) => (out += typeof text === 'string' ? text : Buffer.from(text)),
      });
      return async () => {
        await perl.eval('print join(",", map { $_ * $_ } 1..20)');
        await perl.flush?.();
        return out;
      };
    },
  },
  {
    name: 'swipl-wasm',
    async load({ require }) {
      const swipl = await require('swipl-wasm/dist/swipl/swipl-bundle.js')({ arguments: ['-q'] });
      return () => swipl.prolog.query('numlist(1, 10, L), sum_list(L, S)').once().S;
    },
  },
  {
    name: 'clingo-wasm',
    async load({ require }) {
      const { run } = require('clingo-wasm');
      return async () => (await run('{ a; b; c }. :- a, b.', 0)).Models;
    },
  },
  {
    name: 'z3-solver',
    async load({ require }) {
      const { Context } = await require('z3-solver').init();
      const { Solver, Int } = new Context('main');
      return async () => {
        const [solver, x] = [new Solver(), Int.const('x')];
        solver.add(x.gt(3), x.lt(5));
        return [await solver.check(), String(solver.model().get(x))];
      };
    },
  },
  {
    name: 'jq-web',
    async load({ require }) {
      const jq = await require('jq-web');
      return () => jq.json({ a: [1, 2, 3] }, '.a | map(. * 2) | add');
    },
  },
  {
    name: 'hunspell-asm',
    async load({ require }) {
      const factory = await require('hunspell-asm').loadModule();
      return () => {
        const affixes = factory.mountBuffer(Buffer.from('SET UTF-8\nTRY esianrtolcdugmphbyfvkwz\n'), 'a.aff');
        const words = factory.mountBuffer(Buffer.from('2\nhello\nworld\n'), 'a.dic');
        const spelling = factory.create(affixes, words);
        return [spelling.spell('hello'), spelling.spell('helo'), spelling.suggest('helo')];
      };
    },
  },
  {
    name: 'wasm-git',
    async load({ import: load }) {
      const { default: make } = await load('wasm-git/lg2.js');
      const lines = [];
      const print = (line) => lines.push(line);
      const git = await make({ print, printErr: print });
      return () => {
        git.FS.mkdir('/r');
        git.FS.chdir('/r');
        git.callMain(['init', '.']);
        git.FS.writeFile('a', 'hello');
        git.callMain(['add', 'a']);
        git.callMain(['status']);
        return lines;
      };
    },
  },
];
