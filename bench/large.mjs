// A guest with 10 MB of code, esbuild: how soon it is usable and what its first build takes of the processor, on each engine
// and on the host's own WebAssembly, each in a process that has done nothing else.
//
//   npm run build && node bench/large.mjs [--rounds 5] [--copies 0 --copies 1 --copies 8]
//   node bench/large.mjs --child auto --copies 1      what each process does: prints milliseconds
//
// It comes from npm, as for `npm run packages`, and runs in its own glue code. It bundles its JavaScript so many times; with no
// copies it translates one line. Files and clock are the same each time, or the gas would differ.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { path as inPackages, install } from '../scripts/packages/install.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    copies: { type: 'string', multiple: true, default: ['0', '1', '8'] },
    child: { type: 'string' },
  },
});
const SETTINGS = {
  interpreter: { engine: 'interpreter' },
  auto: { engine: 'auto' },
  native: { engine: 'native' },
  leavable: { engine: 'native', leavable: true },
};

/** Files and directories in memory, as Go asks for them by callbacks; nothing is called back before `later` says so. */
function fileSystem(files, later, onOutput) {
  const open = new Map();
  const fail = (code) => {
    throw Object.assign(new Error(code), { code });
  };
  const stats = (bytes) => ({
    ...{ dev: 1, ino: 1, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, blocks: 8 },
    ...{ mode: bytes === undefined ? 0o40_755 : 0o100_644, size: bytes?.length ?? 0 },
    ...{ atimeMs: 0, mtimeMs: 0, ctimeMs: 0, isDirectory: () => bytes === undefined },
  });
  const find = (name) => (name === '/' ? undefined : (files.get(name) ?? fail('ENOENT')));
  const operations = {
    stat: (name) => stats(find(name)),
    lstat: (name) => stats(find(name)),
    fstat: (fd) => stats(open.get(fd)?.bytes),
    readdir: (name) => (name === '/' ? [...files.keys()].map((file) => file.slice(1)) : fail('ENOENT')),
    readlink: () => fail('EINVAL'),
    close: (fd) => void open.delete(fd),
    open(name) {
      const fd = 10 + open.size;
      open.set(fd, { bytes: find(name), at: 0 });
      return fd;
    },
    read(fd, buffer, offset, length, position) {
      const file = open.get(fd);
      if (file?.bytes === undefined) return 0;
      const from = position ?? file.at;
      const piece = file.bytes.subarray(from, from + length);
      buffer.set(piece, offset);
      if (position === null) file.at += piece.length;
      return piece.length;
    },
    write(_fd, buffer, offset, length) {
      onOutput(Buffer.from(buffer.subarray(offset, offset + length)));
      return length;
    },
  };
  const asCallbacks =
    (operation) =>
    (...args) => {
      const call = args.pop();
      try {
        const result = operation(...args);
        later(() => call(null, result));
      } catch (error) {
        later(() => call(error));
      }
    };
  const asked = Object.entries(operations).map(([name, operation]) => [name, asCallbacks(operation)]);
  return {
    ...Object.fromEntries(asked),
    constants: { O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_TRUNC: 512, O_APPEND: 1024, O_EXCL: 128, O_DIRECTORY: 65_536 },
    writeSync: (_fd, bytes) => {
      onOutput(Buffer.from(bytes));
      return bytes.length;
    },
  };
}

/** Go's glue code, with what happens one after the other in the place of timers. */
class Program {
  output = [];
  #events = [];
  #pointer = 0;
  #time = 0;

  constructor(args, files) {
    const later = (event) => this.#events.push(event);
    globalThis.fs = fileSystem(files, later, (bytes) => this.output.push(bytes));
    globalThis.path = path;
    process.cwd = () => '/';
    createRequire(import.meta.url)(inPackages('esbuild-wasm/wasm_exec.js'));
    const go = new globalThis.Go();
    this.go = go;
    go.argv = ['esbuild', ...args];
    go.env = {};
    go.exit = (status) => {
      this.status = status;
    };
    const own = {
      'runtime.nanotime1': (sp) => go.mem.setBigInt64(sp + 8, BigInt((this.#time += 1_000)), true),
      'runtime.walltime': (sp) => {
        go.mem.setBigInt64(sp + 8, 1_700_000_000n, true);
        go.mem.setInt32(sp + 16, 0, true);
      },
      'runtime.getRandomData': () => undefined,
      'runtime.scheduleTimeoutEvent': (sp) => {
        const id = go._nextCallbackTimeoutID++;
        go._scheduledTimeouts.set(id, 0);
        go.mem.setInt32(sp + 16, id, true);
        later(() => go._scheduledTimeouts.has(id) && this.resume());
      },
      'runtime.clearTimeoutEvent': (sp) => go._scheduledTimeouts.delete(go.mem.getInt32(sp + 8, true)),
    };
    const all = { ...go.importObject.gojs, ...own };
    for (const [name, call] of Object.entries(all)) {
      all[name] = (sp) => {
        this.#pointer = sp >>> 0;
        call(this.#pointer);
      };
    }
    this.imports = all;
  }

  resume(event = null) {
    this.#events.push({ name: 'resume', args: [], event });
  }

  /** @param instance its memory's buffer, and how its exports are called */
  async run(instance) {
    const { go } = this;
    const exports = {
      mem: instance,
      run: (...args) => this.#events.push({ name: 'run', args, event: null }),
      resume: () => this.resume(go._pendingEvent),
      getsp: () => this.#pointer,
    };
    // The glue code insists on one of the host's.
    const shown = Object.create(WebAssembly.Instance.prototype, { exports: { value: exports } });
    go.run(shown).catch(() => undefined);
    while (this.#events.length > 0) {
      const next = this.#events.shift();
      if (typeof next === 'function') next();
      else {
        go._pendingEvent = next.event;
        await instance.call(next.name, next.args);
      }
      if (this.status !== undefined) return;
    }
    throw new Error('it waits for nothing');
  }
}

async function onHost(program, source) {
  const importObject = { gojs: program.imports };
  const { instance } = await WebAssembly.instantiate(source, importObject);
  const { mem, ...calls } = instance.exports;
  return { buffer: () => mem.buffer, call: (name, args) => calls[name](...args), stats: () => ({}) };
}

async function onSandbox(name, program, source) {
  const { Capability, WasmSandbox } = await import('wasm-sandbox');
  const bufferOf = (memory) => memory.view(0, memory.byteLength).buffer;
  const functions = {};
  for (const [name, call] of Object.entries(program.imports)) {
    const refreshed = (caller, [sp]) => {
      const buffer = bufferOf(caller.memory);
      if (program.go.mem.buffer !== buffer) program.go.mem = new DataView(buffer);
      call(sp);
    };
    functions[name] = { params: ['i32'], results: [], call: refreshed };
  }
  const sandbox = await WasmSandbox.create({
    source,
    gasLimit: 1n << 62n,
    memoryLimit: 1 << 30,
    capabilities: [Capability.hostFunctions('gojs', functions)],
    ...SETTINGS[name],
  });
  return {
    buffer: () => bufferOf(sandbox.memory),
    call: (name, args) => sandbox.call(name, args),
    stats: () => sandbox.getResourceStats(),
  };
}

async function child(name, copies) {
  const begun = performance.now();
  const files = new Map();
  const text = readFileSync(inPackages('esbuild-wasm/lib/main.js'));
  for (let i = 0; i < copies; i++) files.set(`/m${i}.js`, text);
  const line = 'const a: number = 1 + 2; export { a as b }';
  const lines = Array.from({ length: copies }, (_, i) => `export * as m${i} from './m${i}.js';`);
  files.set('/in.ts', Buffer.from(copies === 0 ? line : lines.join('\n')));
  const args = ['in.ts', '--minify', ...(copies === 0 ? [] : ['--bundle', '--platform=node'])];
  const program = new Program(args, files);
  const source = readFileSync(inPackages('esbuild-wasm/esbuild.wasm'));
  const { buffer, call, stats } =
    name === 'host' ? await onHost(program, source) : await onSandbox(name, program, source);
  const usable = performance.now() - begun;
  const instance = {
    get buffer() {
      return buffer();
    },
    call,
  };
  await program.run(instance);
  const built = performance.now() - begun;
  const { user, system } = process.cpuUsage();
  const { engine = 'host', gasUsed } = stats();
  const output = Buffer.concat(program.output).length;
  const processor = (user + system) / 1_000;
  console.log(
    JSON.stringify({ status: program.status, output, usable, built, processor, engine, gas: String(gasUsed) }),
  );
  process.exit(0);
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

function measure(name, copies) {
  const args = [fileURLToPath(import.meta.url), '--child', name, '--copies', copies];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(`${name}: ${stderr.slice(0, 500)}`);
  return JSON.parse(stdout);
}

function main() {
  install(['esbuild-wasm']);
  const names = ['host', ...Object.keys(SETTINGS)];
  console.log('medians               usable, ms   of interpreter   built, ms   processor, ms   of host   ended on');
  for (const copies of options.copies) {
    const seen = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const name of names) seen[name].push(measure(name, copies));
    }
    const at = (name, what) => median(seen[name].map((run) => run[what]));
    console.log(copies === '0' ? 'one line' : `${copies} times ${seen.host[0].output} bytes of output`);
    for (const name of names) {
      const times = (what, of) => (at(name, what) / at(of, what)).toFixed(2);
      const cells = [
        at(name, 'usable').toFixed(0).padStart(20),
        times('usable', 'interpreter').padStart(17),
        at(name, 'built').toFixed(0).padStart(12),
        at(name, 'processor').toFixed(0).padStart(16),
        times('processor', 'host').padStart(10),
      ];
      console.log(
        `  ${name.padEnd(12)}${cells.join('')}   ${[...new Set(seen[name].map(({ engine }) => engine))].join(', ')}`,
      );
    }
    const of = (what, list) => new Set(list.flatMap((name) => seen[name].map((run) => run[what])));
    const isSame = of('gas', Object.keys(SETTINGS)).size === 1 && of('output', names).size === 1;
    console.log(isSame ? `  the same gas and output: ${seen.auto[0].gas}` : '  GAS OR OUTPUT DIFFERS');
    if (!isSame) process.exitCode = 1;
  }
}

if (options.child === undefined) main();
else await child(options.child, Number(options.copies.at(-1)));
