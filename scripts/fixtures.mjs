// Builds the fixture modules from their sources, as fixtures/manifest.json lists them.
//
//   node scripts/fixtures.mjs                 builds all
//   node scripts/fixtures.mjs --only NAME     builds one; may be repeated
//   node scripts/fixtures.mjs --check         builds, writes nothing, fails where a committed module differs

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const WABT = 'wabt@1.0.39';
const DEBIAN = 'apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 rustc libstd-rust-dev-wasm32 (Debian 12)';

/** Another than the first of the path may be the one that has a standard library for WebAssembly. */
const RUSTC = process.env.RUSTC ?? 'rustc';

/** How to get each program that is started here. */
const WHERE_FROM = {
  clang: DEBIAN,
  'wasm-ld': DEBIAN,
  [RUSTC]: DEBIAN,
  npx: 'it comes with Node.js',
};

/** Where wasi-libc lies: `include/wasm32-wasi` and `lib/wasm32-wasi` under this folder. */
const SYSROOT = process.env.WASI_SYSROOT ?? '/usr';

/** Parts of WebAssembly 2.0 that clang 14 leaves out unless told. */
const FEATURES = ['-msign-ext', '-mbulk-memory', '-mnontrapping-fptoint'];

const COMPILE = [
  '-O2',
  '-Wall',
  '-Wno-missing-field-initializers',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-ffunction-sections',
  '-fdata-sections',
  ...FEATURES,
];

const RUST = [
  '--target=wasm32-unknown-unknown',
  '--edition=2021',
  '--crate-type=cdylib',
  '--crate-name=guest',
  '-Copt-level=s',
  '-Clto',
  '-Ccodegen-units=1',
  '-Cpanic=abort',
  '-Cstrip=symbols',
  '-Dwarnings',
];

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** Its compiler, of the version that package.json has. */
const ASSEMBLYSCRIPT = fileURLToPath(new URL('../node_modules/assemblyscript/bin/asc.js', import.meta.url));

class BuildError extends Error {}

function run(tool, args, hint = '') {
  const done = spawnSync(tool, args, { cwd: fixtures, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.error?.code === 'ENOENT') throw new BuildError(`${tool} is missing. To get it: ${WHERE_FROM[tool]}`);
  if (done.error) throw new BuildError(`${tool} did not run: ${done.error.message}`);
  if (done.status !== 0) {
    const ending = done.status === null ? `was stopped by ${done.signal}` : `failed with status ${done.status}`;
    throw new BuildError([`${tool} ${args.join(' ')}\n${ending}`, done.stderr.trim(), hint].filter(Boolean).join('\n'));
  }
}

// The compiler and the linker run apart: a clang that both compiles with -O2 and links would pass its output through
// any wasm-opt it finds, and the bytes would depend on what else is installed.
function buildC(fixture, output) {
  const object = `${output}.o`;
  const flags = [...COMPILE, ...(fixture.flags ?? []), '-c', fixture.source, '-o', object];
  const strip = ['--gc-sections', '--strip-all'];
  if (fixture.kind === 'wasi') {
    if (!existsSync(join(SYSROOT, 'include/wasm32-wasi/stdio.h'))) {
      throw new BuildError(`No wasi-libc under ${SYSROOT}. To get it: ${DEBIAN}; or set WASI_SYSROOT to its folder.`);
    }
    const target = ['--target=wasm32-wasi', `--sysroot=${SYSROOT}`];
    run('clang', [...target, ...flags]);
    run('wasm-ld', ['--version']);
    run(
      'clang',
      [...target, object, '-o', output, ...strip.map((option) => `-Wl,${option}`)],
      `If libclang_rt.builtins-wasm32.a is what is missing: ${DEBIAN}`,
    );
  } else {
    run('clang', ['--target=wasm32', '-ffreestanding', ...flags]);
    run('wasm-ld', ['--no-entry', '-z', 'stack-size=16384', ...strip, object, '-o', output]);
  }
}

// abort is what AssemblyScript imports for failed assertions; left out, a failure is a plain trap.
function buildAssemblyScript(fixture, output) {
  const options = ['-O3', '--runtime', 'incremental', '--noAssert', '--use', 'abort='];
  run(process.execPath, [ASSEMBLYSCRIPT, fixture.source, ...options, '-o', output], 'npm ci installs AssemblyScript.');
}

function buildRust(fixture, output) {
  const hint = `If the standard library is what is missing: ${DEBIAN}; or set RUSTC to a compiler that has it.`;
  run(RUSTC, [...RUST, fixture.source, '-o', output], hint);
}

function buildText(fixture, output) {
  const command = ['--yes', `--package=${WABT}`, 'wat2wasm', '--debug-names', fixture.source, '-o', output];
  run('npx', command, `npx takes ${WABT} from the npm registry or its cache.`);
}

const BUILDERS = { '.c': buildC, '.rs': buildRust, '.ts': buildAssemblyScript, '.wat': buildText };

/** The module without its custom sections; hostile modules keep function names, for error messages to be tested. */
function strip(bytes, keepNames) {
  const kept = [bytes.subarray(0, 8)];
  let at = 8;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const id = bytes[at++];
    const size = leb();
    const end = at + size;
    const nameLength = id === 0 ? leb() : 0;
    const isName = id === 0 && bytes.toString('utf8', at, at + nameLength) === 'name';
    if (id !== 0 || (isName && keepNames)) kept.push(bytes.subarray(start, end));
    at = end;
  }
  return Buffer.concat(kept);
}

function build(fixture, scratch) {
  const output = join(scratch, `${fixture.name}.wasm`);
  BUILDERS[extname(fixture.source)](fixture, output);
  return strip(readFileSync(output), fixture.kind === 'hostile');
}

function main() {
  const { values: options } = parseArgs({
    options: { only: { type: 'string', multiple: true }, check: { type: 'boolean', default: false } },
  });
  const manifest = JSON.parse(readFileSync(join(fixtures, 'manifest.json'), 'utf8'));
  const names = manifest.map((fixture) => fixture.name);
  for (const name of options.only ?? []) {
    if (!names.includes(name)) throw new BuildError(`No fixture is called "${name}". There are: ${names.join(', ')}`);
  }

  const scratch = mkdtempSync(join(tmpdir(), 'fixtures-'));
  const stale = [];
  let total = 0;
  try {
    for (const fixture of manifest) {
      if (options.only && !options.only.includes(fixture.name)) continue;
      const module = build(fixture, scratch);
      const path = join(fixtures, 'build', `${fixture.name}.wasm`);
      const same = existsSync(path) && readFileSync(path).equals(module);
      if (options.check) {
        if (!same) stale.push(fixture.name);
      } else if (!same) {
        writeFileSync(path, module);
      }
      total += module.length;
      const state = same ? 'same' : options.check ? 'DIFFERS' : 'written';
      console.log(`${fixture.name.padEnd(12)} ${String(module.length).padStart(7)} bytes  ${state}`);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  console.log(`${'total'.padEnd(12)} ${String(total).padStart(7)} bytes`);
  if (stale.length > 0) {
    throw new BuildError(
      `Differs from what is committed: ${stale.join(', ')}. Either a source changed (run \`npm run fixtures\`), or the tools are of other versions than fixtures/README.md names.`,
    );
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof BuildError) && error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
  console.error(error.message);
  process.exitCode = error instanceof BuildError ? 1 : 2;
}
