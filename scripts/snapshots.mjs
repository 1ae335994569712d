// Snapshots made on Node, Deno and Bun, each continued on all three: the end must be the same everywhere. Runs the
// built package.
//
//   npm run build && node scripts/snapshots.mjs             takes deno and bun from npm, once, into a folder for such things
//   node scripts/snapshots.mjs --runtimes FOLDER            takes them from FOLDER/node_modules/.bin
//   node scripts/snapshots.mjs --dist FOLDER                another build

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { findRuntimes } from './runtimes.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const { values: options } = parseArgs({
  options: {
    runtimes: { type: 'string' },
    dist: { type: 'string' },
    make: { type: 'string' },
    continue: { type: 'string' },
    objects: { type: 'string' },
  },
});
const dist = options.dist ?? join(root, 'dist');

/** Fixtures with their arguments, and after how much gas they are left. */
const PROGRAMS = [
  ['hello', ['one', 'two'], 9_000],
  ['json', ['100'], 400_000],
  ['qsort', ['500'], 300_000],
  ['sha256', ['16'], 500_000],
  ['nbody', ['1000'], 700_000],
  ['minivm', ['100'], 200_000],
  ['files', ['write', '/new.txt', 'text'], 5_000],
];

/** A module with structs, arrays and exceptions, left in the middle of a call. */
const OBJECTS = { name: 'objects', function: 'run', args: [400], gas: 8_000 };

async function sandboxOptions({ Capability }, fixture, args) {
  return {
    source: readFileSync(join(root, `fixtures/build/${fixture}.wasm`)),
    args: [fixture, ...args],
    stdin: 'some lines\nto read\n',
    capabilities: [
      Capability.filesystemAccess({ memory: { 'in.txt': 'a file' } }),
      Capability.random({ seed: 3n }),
      Capability.clock({}),
    ],
  };
}

const load = () => import(pathToFileURL(join(dist, 'index.node.js')).href);

/** Runs each program up to where it is left. */
async function make(folder) {
  const api = await load();
  for (const [fixture, args, gas] of PROGRAMS) {
    const sandbox = await api.WasmSandbox.create(await sandboxOptions(api, fixture, args));
    const state = sandbox.start('_start').step(gas);
    if (state !== 'paused') throw new Error(`${fixture} is ${state} after ${gas} units`);
    writeFileSync(join(folder, fixture), await sandbox.snapshot());
  }
  const sandbox = await api.WasmSandbox.fromBytes(readFileSync(options.objects));
  const state = sandbox.start(OBJECTS.function, OBJECTS.args).step(OBJECTS.gas);
  if (state !== 'paused') throw new Error(`${OBJECTS.name} is ${state} after ${OBJECTS.gas} units`);
  writeFileSync(join(folder, OBJECTS.name), await sandbox.snapshot());
}

/** Runs each program from there to its end, and prints everything about it. */
async function goOn(folder) {
  const api = await load();
  const ends = [];
  const goOnWith = async (name, options) => {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    const sandbox = await api.WasmSandbox.restore(bytes, options);
    const result = await sandbox.execution.run();
    const { gasUsed, memoryBytes } = sandbox.getResourceStats();
    const files = [...sandbox.files()].map(([path, content]) => `${path} ${content}`);
    const digest = [...(await sandbox.snapshot({ compress: false })).subarray(20, 52)];
    const end = [name, String(result), String(gasUsed), memoryBytes, sandbox.output().stdout, files, digest];
    ends.push(JSON.stringify(end));
  };
  for (const [fixture, args] of PROGRAMS) await goOnWith(fixture, await sandboxOptions(api, fixture, args));
  await goOnWith(OBJECTS.name, { source: readFileSync(options.objects) });
  console.log(ends.join('\n'));
}

async function main() {
  const scratch = mkdtempSync(join(tmpdir(), 'wasm-sandbox-snapshots-'));
  try {
    await compare(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function compare(scratch) {
  if (!existsSync(join(dist, 'index.node.js'))) throw new Error(`${dist} holds no build: npm run build`);
  const runtimes = findRuntimes(options.runtimes);
  const objects = join(scratch, 'objects.wasm');
  await assemble(objects);
  for (const { name, start } of runtimes) {
    mkdirSync(join(scratch, name));
    run(start, ['--objects', objects, '--make', join(scratch, name)]);
  }
  let expected;
  let differences = 0;
  for (const maker of runtimes) {
    for (const { name, start } of runtimes) {
      const end = run(start, ['--objects', objects, '--continue', join(scratch, maker.name)]);
      expected ??= end;
      const isSame = end === expected;
      if (!isSame) differences++;
      const verdict = isSame ? `same, ${PROGRAMS.length + 1} programs` : 'DIFFERS';
      console.log(`made on ${maker.name.padEnd(5)} continued on ${name.padEnd(5)} ${verdict}`);
      if (!isSame) console.log(end.slice(0, 2_000));
    }
  }
  if (differences > 0) throw new Error(`${differences} of ${runtimes.length ** 2} combinations differ`);
}

async function assemble(file) {
  const { default: binaryen } = await import('binaryen');
  const module = binaryen.parseText(readFileSync(join(root, 'test/life/objects.wat'), 'utf8'));
  module.setFeatures(binaryen.Features.All);
  writeFileSync(file, module.emitBinary());
}

function run([command, ...first], args) {
  const script = fileURLToPath(import.meta.url);
  const done = spawnSync(command, [...first, script, '--dist', dist, ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command}: ${done.error ?? done.stderr}`);
  return done.stdout;
}

if (options.make !== undefined) await make(options.make);
else if (options.continue !== undefined) await goOn(options.continue);
else await main();
