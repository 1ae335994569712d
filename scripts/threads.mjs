// Runs the programs of fixtures/threads under Node, Deno and Bun with the built package: a hundred times each, and in pieces, with
// a snapshot behind each of them. Output, gas and how they end have to be the same in every run on every runtime.
//
//   npm run build && node scripts/threads.mjs                takes deno and bun from npm, once, into a folder for such things
//   node scripts/threads.mjs --runtimes FOLDER               takes them from FOLDER/node_modules/.bin
//   node scripts/threads.mjs --once                          what each runtime runs: prints a line for each program

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findRuntimes } from './runtimes.mjs';

const FOLDER = new URL('../fixtures/threads/', import.meta.url);
const RUNS = 100;
/** Units of gas of a piece: no multiple of a turn. */
const PIECE = 3_001;

const { values: options } = parseArgs({ options: { runtimes: { type: 'string' }, once: { type: 'boolean' } } });

/** What came of a program, in a line. */
const line = (sandbox, ended) => `${ended} ${sandbox.output().stdout} ${sandbox.getResourceStats().gasUsed}`;

async function whole(WasmSandbox, source) {
  const sandbox = await WasmSandbox.create({ source });
  const ended = await sandbox.run().then(
    ({ exitCode }) => exitCode,
    ({ message }) => message,
  );
  return line(sandbox, ended);
}

async function inPieces(WasmSandbox, source) {
  let sandbox = await WasmSandbox.create({ source });
  let execution = sandbox.start('_start');
  while (!['done', 'failed'].includes(execution.step(PIECE))) {
    sandbox = await WasmSandbox.restore(await sandbox.snapshot(), { source });
    execution = sandbox.execution;
  }
  return line(sandbox, execution.error?.message ?? execution.result);
}

async function once() {
  const dist = (name) => import(new URL(`../dist/${name}.js`, import.meta.url).href);
  const [{ WasmSandbox }, { parse }] = await Promise.all([dist('index.node'), dist('text')]);
  const read = (file) => readFileSync(new URL(file, FOLDER), 'utf8');
  for (const file of readdirSync(FOLDER).toSorted()) {
    if (file === 'prelude.wat') continue;
    const source = parse(`(module ${read('prelude.wat')} ${read(file)})`);
    const seen = new Set([await inPieces(WasmSandbox, source)]);
    for (let i = 0; i < RUNS; i++) seen.add(await whole(WasmSandbox, source));
    console.log(`${file}: ${[...seen].join(' | ')}`);
  }
}

function compare() {
  const script = fileURLToPath(import.meta.url);
  const outputs = findRuntimes(options.runtimes).map(({ name, start: [program, ...words] }) => {
    const { stdout, stderr, status, error } = spawnSync(program, [...words, script, '--once'], { encoding: 'utf8' });
    if (error || status !== 0) throw new Error(`${name} failed: ${error?.message ?? stderr}`);
    return { name, stdout };
  });
  const [first] = outputs;
  console.log(first.stdout);
  const others = outputs.filter(({ stdout }) => stdout !== first.stdout);
  for (const { name, stdout } of others) console.log(`--- ${name} differs:\n${stdout}`);
  if (others.length > 0 || first.stdout.includes(' | ')) throw new Error('not the same in every run');
  console.log(`the same ${RUNS} times, and in pieces, on ${outputs.map(({ name }) => name).join(', ')}`);
}

if (options.once) await once();
else compare();
