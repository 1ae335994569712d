import { loadNapi, NAPI_OPTIONS } from './napi.mjs';

/** Compilers, parsers, formatters. */
export const COMPILERS = [
  {
    name: 'esbuild-wasm',
    async load({ import: load, bytes }) {
      globalThis.self = globalThis;
      const esbuild = await load('esbuild-wasm/lib/browser.js');
      const api = esbuild.default ?? esbuild;
      const wasmModule = await WebAssembly.compile(bytes('esbuild-wasm/esbuild.wasm'));
      await api.initialize({ wasmModule, worker: false });
      return async () =>
        (await api.transform('const a: number = 1 + 2; export { a as b }', { loader: 'ts', minify: true })).code;
    },
  },
  {
    name: '@swc/wasm',
    async load({ require }) {
      const swc = require('@swc/wasm');
      return () =>
        swc.transformSync('const f = async (a?: number) => a ?? 1; class A { #b = 1 }', {
          jsc: { parser: { syntax: 'typescript' }, target: 'es5' },
        }).code;
    },
  },
  {
    name: '@rollup/wasm-node',
    async load({ import: load }) {
      const { parseAst } = await load('@rollup/wasm-node/dist/es/parseAst.js');
      return () => parseAst('export const a = [1, ...b].map((c) => c ** 2);');
    },
  },
  {
    name: 'lightningcss-wasm',
    async load({ import: load }) {
      const css = await load('lightningcss-wasm');
      await css.default?.();
      return () =>
        String(
          css.transform({
            filename: 'a.css',
            code: Buffer.from('.a { color: rgb(255 0 0 / 50%); & b { margin: 0px } }'),
            minify: true,
          }).code,
        );
    },
  },
  {
    name: '@biomejs/wasm-nodejs',
    async load({ require }) {
      const { Workspace } = require('@biomejs/wasm-nodejs');
      const workspace = new Workspace();
      return () => {
        const { projectKey } = workspace.openProject({ path: '/', openUninitialized: true });
        const file = { projectKey, path: '/a.js' };
        workspace.openFile({ ...file, content: { type: 'fromClient', content: 'let a=1;if(a){b( )}', version: 0 } });
        return workspace.formatFile(file).code;
      };
    },
  },
  {
    name: '@taplo/lib',
    async load({ require }) {
      const taplo = await require('@taplo/lib').Taplo.initialize();
      return () => [taplo.decode('a = [1, 2]\n[b]\nc = "d"'), taplo.format('a=1\n[b]\nc  =  2')];
    },
  },
  {
    name: '@wasm-fmt/gofmt',
    async load({ import: load }) {
      const { format } = await load('@wasm-fmt/gofmt');
      return () => format('package main\nfunc main(){\nx:=1;_=x}\n');
    },
  },
  {
    name: '@wasm-fmt/clang-format',
    async load({ import: load }) {
      const { format } = await load('@wasm-fmt/clang-format');
      return () => format('int main(){int a=1;return a;}', 'a.c', 'LLVM');
    },
  },
  {
    name: 'web-tree-sitter',
    needs: ['tree-sitter-javascript', 'web-tree-sitter'],
    async load({ import: load, path }) {
      const { Language, Parser } = await load('web-tree-sitter');
      await Parser.init();
      const language = await Language.load(path('tree-sitter-javascript/tree-sitter-javascript.wasm'));
      return () => {
        const parser = new Parser();
        parser.setLanguage(language);
        return parser.parse(`const a = (b) => \`x\${b}\`; // c`).rootNode.toString();
      };
    },
  },
  {
    name: '@oxc-parser/binding-wasm32-wasi',
    options: NAPI_OPTIONS,
    async load(from) {
      const { parseSync } = await loadNapi('@oxc-parser/binding-wasm32-wasi', 'parser', from);
      return () => parseSync('a.js', 'export const a = 1;').program;
    },
  },
  {
    name: '@prisma/prisma-schema-wasm',
    async load({ require }) {
      const prisma = require('@prisma/prisma-schema-wasm');
      const schema = 'model A {\n id Int @id\n name String?\n}\n';
      return () =>
        prisma.format(
          JSON.stringify([['a.prisma', schema]]),
          JSON.stringify({ textDocument: { uri: 'file:/a.prisma' }, options: { tabSize: 2, insertSpaces: true } }),
        );
    },
  },
  {
    name: '@astrojs/compiler',
    async load({ import: load }) {
      const { transform } = await load('@astrojs/compiler');
      return async () => (await transform('---\nconst a = 1;\n---\n<p>{a}</p>', { filename: 'a.astro' })).code;
    },
  },
  {
    name: 'vscode-oniguruma',
    async load({ require, bytes }) {
      const onig = require('vscode-oniguruma');
      await onig.loadWASM({ data: bytes('vscode-oniguruma/release/onig.wasm') });
      return () => new onig.OnigScanner(['(?<=a)b+', 'c']).findNextMatchSync('xxabbbc', 0);
    },
  },
  {
    name: 're2-wasm',
    async load({ require }) {
      const { RE2 } = require('re2-wasm');
      return () => ['x123y45'.match(new RE2('[0-9]+', 'gu')), 'a-b'.replace(new RE2('-', 'u'), '+')];
    },
  },
  {
    name: 'libxml2-wasm',
    async load({ import: load }) {
      const { XmlDocument } = await load('libxml2-wasm');
      return () => {
        const document = XmlDocument.fromString('<a><b c="1">x</b><b/></a>');
        return [document.find('//b').length, document.get('//b/@c').value, document.toString()];
      };
    },
  },
  {
    name: 'tiktoken',
    async load({ require }) {
      const tiktoken = require('tiktoken');
      const encoding = tiktoken.get_encoding('cl100k_base');
      return () => [...encoding.encode('Hello, wörld! 12345')];
    },
  },
  {
    name: '@yowasp/yosys',
    async load({ import: load }) {
      const { runYosys } = await load('@yowasp/yosys');
      const decoder = new TextDecoder();
      return async () => {
        let out = '';
        const files = { 'a.v': 'module a(input b, c, output d); assign d = b ^ c; endmodule' };
        const print = (bytes) => (out += bytes === null ? '' : decoder.decode(bytes));
        const made = await runYosys(['-q', '-p', 'read_verilog a.v; synth; write_json a.json'], files, {
          stdout: print,
          stderr: print,
        });
        return [made['a.json'], out];
      };
    },
  },
  {
    name: 'es-module-lexer',
    async load({ import: load }) {
      const { init, parse } = await load('es-module-lexer');
      await init;
      return () => parse('import a from "b"; export const c = 1; import("x")').slice(0, 2);
    },
  },
  {
    name: 'source-map',
    async load({ require }) {
      const { SourceMapConsumer } = require('source-map');
      const map = { version: 3, sources: ['a.js'], names: [], mappings: 'AAAA;AACA,CAAC' };
      return async () => (await new SourceMapConsumer(map)).originalPositionFor({ line: 2, column: 1 });
    },
  },
  {
    name: 'binaryen',
    async load({ import: load }) {
      const { default: binaryen } = await load('binaryen');
      return () => {
        const text = '(module (func (export "f") (result i32) (i32.add (i32.const 1) (i32.const 2))))';
        const module = binaryen.parseText(text);
        module.optimize();
        return module.emitText();
      };
    },
  },
  {
    name: '@wasm-fmt/ruff_fmt',
    async load({ import: load }) {
      const { format } = await load('@wasm-fmt/ruff_fmt');
      return () => format('x = {  "a":37,"b":42 }\n', 'a.py');
    },
  },
  {
    name: '@dprint/typescript',
    needs: ['@dprint/formatter', '@dprint/typescript'],
    async load({ import: load, bytes }) {
      const { createFromBuffer } = await load('@dprint/formatter');
      const formatter = createFromBuffer(bytes('@dprint/typescript/plugin.wasm'));
      return () => formatter.formatText({ filePath: 'a.ts', fileText: 'const t   =   5;;' });
    },
  },
  {
    name: '@noir-lang/acvm_js',
    async load({ require }) {
      const { buildInfo, xor } = require('@noir-lang/acvm_js');
      return () => [xor('0x0f', '0x33'), buildInfo().version];
    },
  },
];
