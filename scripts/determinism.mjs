// Runs fixtures with the built command under Node, Deno and Bun with --deterministic, and compares everything that
// comes out: standard output with the gas in it, exit status, and the record of host calls, byte for byte.
//
//   npm run build && node scripts/determinism.mjs            takes deno and bun from npm, once, into a folder for such things
//   node scripts/determinism.mjs --runtimes FOLDER           takes them from FOLDER/node_modules/.bin
//   node scripts/determinism.mjs --only NAME --dist FOLDER   one program; may be repeated; another build

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findRuntimes } from './runtimes.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const { values: options } = parseArgs({
  options: { runtimes: { type: 'string' }, only: { type: 'string', multiple: true }, dist: { type: 'string' } },
});
const scratch = mkdtempSync(join(tmpdir(), 'wasm-sandbox-determinism-'));

function main() {
  const command = join(options.dist ?? join(root, 'dist'), 'cli.js');
  if (!existsSync(command)) throw new Error(`${command} is missing: npm run build`);
  const runtimes = findRuntimes(options.runtimes).map(({ name, start }) => ({
    name,
    start: [...start, command],
    version: versionOf(start[0]),
  }));
  for (const { name, version } of runtimes) console.log(`${name.padEnd(6)}${version}`);

  let differences = 0;
  console.log(`\n${'program'.padEnd(12)}${'gas'.padStart(14)}${'host calls'.padStart(12)}  same`);
  for (const program of programs()) {
    const runs = runtimes.map((runtime) => run(runtime, program));
    const [first] = runs;
    const others = runtimes.filter((_, i) => runs[i].digest !== first.digest).map(({ name }) => name);
    const events = first.audit.split('\n').length - 1;
    const verdict = others.length === 0 ? first.digest.slice(0, 16) : `DIFFERS on ${others.join(', ')}`;
    console.log(`${program.name.padEnd(12)}${first.gas.padStart(14)}${String(events).padStart(12)}  ${verdict}`);
    if (others.length > 0) {
      differences++;
      for (const [i, { stdout, stderr, status }] of runs.entries()) {
        console.log(`--- ${runtimes[i].name}: status ${status}\n${stdout.slice(0, 2_000)}${stderr.slice(0, 2_000)}`);
      }
    }
  }
  if (differences > 0) throw new Error(`${differences} programs differ`);
}

function versionOf(program) {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error) throw new Error(`${program} did not start: ${error.message}`);
  return stdout.split('\n')[0];
}

/** Commands as the manifest runs them, and one export of each module that has any: arguments for the command line. */
function programs() {
  const manifest = JSON.parse(readFileSync(join(root, 'fixtures/manifest.json'), 'utf8'));
  const wanted = manifest.filter(({ name, kind }) => (options.only?.includes(name) ?? true) && kind !== 'hostile');
  return wanted.map(({ name, kind, args = [], env = {}, stdin = '', bench }) => {
    const path = join(root, 'fixtures/build', `${name}.wasm`);
    const variables = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const isCommand = kind === 'wasi';
    return {
      name,
      stdin,
      before: isCommand ? variables : ['--invoke', 'run'],
      after: [path, ...(isCommand ? args : bench.small.args.map(String))],
    };
  });
}

function run({ name, start }, { name: program, before, after, stdin }) {
  const record = join(scratch, `${program}-${name}.jsonl`);
  const [file, ...args] = [...start, 'run', '--deterministic', '--json', '--audit', record, ...before, ...after];
  const { stdout, stderr, status, error } = spawnSync(file, args, {
    cwd: root,
    input: stdin,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new Error(`${name} did not run ${program}: ${error.message}`);
  const audit = existsSync(record) ? readFileSync(record, 'utf8') : '';
  const hash = createHash('sha256');
  for (const part of [stdout, stderr, String(status), audit]) hash.update(`${part.length}:${part}`);
  const gas = /"gasUsed": "(\d+)"/.exec(stdout)?.[1] ?? 'none';
  return { stdout, stderr, status, audit, gas, digest: hash.digest('hex') };
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
