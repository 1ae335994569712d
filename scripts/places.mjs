// `npm run places`: runs one probe on the packed package in every place where it has to work, and prints a table of
// what worked where. With --quick, the places that are part of CI; with --only NAME, those whose names begin so.
//
// What is needed comes from npm, once, into node_modules/.cache/places. The package has to be built.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { npm, run, step } from './ensure.mjs';
import { CACHE, install } from './places/install.mjs';
import { PLACES } from './places/table.mjs';
import { MARK } from './places/texts.mjs';
import { findRuntimes } from './runtimes.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A user's project: test runners look for no tests in a folder of packages. */
const folder = mkdtempSync(join(tmpdir(), 'places-'));
const COLUMNS = ['loads', 'wasi', 'async', 'snapshot', 'errors', 'same gas'];
const TITLES = ['place', 'loads', 'WASI program', 'async host function', 'snapshot and restore', 'errors', 'same gas'];

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
const places = PLACES.filter(
  ({ name, quick }) => (!options.quick || quick) && (options.only === undefined || name.startsWith(options.only)),
);

/**
 * The package as users have it.
 * @returns the tarball's path
 */
function unpack() {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [tarball, target] = [join(folder, `${name}-${version}.tgz`), join(CACHE, 'node_modules', name)];
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  step('packing', () => npm(['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder]));
  step('unpacking', () => run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']));
  return tarball;
}

const write = (name, text) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** The probe and its modules, in both formats. */
function writeProbe() {
  const bytes = (name) => [...readFileSync(join(root, 'fixtures/build', `${name}.wasm`))].join();
  const modules = `{ primes: new Uint8Array([${bytes('primes')}]), fib: new Uint8Array([${bytes('fib')}]) }`;
  const probe = readFileSync(join(root, 'scripts/places/probe.mjs'), 'utf8');
  write('modules.mjs', `export const modules = ${modules};\n`);
  write('modules.cjs', `exports.modules = ${modules};\n`);
  write('probe.mjs', probe);
  write('probe.cjs', probe.replace('export async function probe(', 'exports.probe = async function probe('));
}

/** All that a program wrote. */
function output(command, args) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: folder, maxBuffer: 1 << 26, timeout: 300_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
      else resolve(stdout + stderr);
    });
  });
}

/** What came of a place: its cells, or why there are none. */
async function outcome({ files = {}, absent, checksOnly = false, run: runPlace }, context) {
  if (absent !== undefined) return { reason: absent };
  try {
    for (const [name, text] of Object.entries(files)) write(name, text);
    const printed = await runPlace(context);
    if (checksOnly) return { cells: ['yes'] };
    const line = printed.split('\n').find((line) => line.includes(MARK));
    if (line === undefined) throw new Error(`it printed:\n${printed}`);
    const found = JSON.parse(line.slice(line.indexOf(MARK) + MARK.length));
    const gas = JSON.stringify(found.gas);
    gasOfFirst ??= gas;
    return {
      cells: COLUMNS.map((column) => ((column === 'same gas' ? gas === gasOfFirst : found[column]) ? 'yes' : 'NO')),
    };
  } catch (error) {
    return { fault: error };
  }
}

let gasOfFirst;

install(places.flatMap(({ needs = [] }) => needs));
write('package.json', '{ "private": true }\n');
symlinkSync(join(CACHE, 'node_modules'), join(folder, 'node_modules'), 'junction');
const tarball = unpack();
writeProbe();
const runtimes = options.quick ? {} : Object.fromEntries(findRuntimes().map(({ name, start }) => [name, start]));
const context = { root, folder, tarball, write, run: output, runtimes };

const rows = [];
for (const place of places) {
  const { cells, reason, fault } = await outcome(place, context);
  const isFailure = fault !== undefined || cells?.includes('NO');
  if (isFailure) process.exitCode = 1;
  if (fault !== undefined) console.error(`${place.name}: ${fault.stack}`);
  rows.push([place.name, ...(cells ?? [reason ?? 'FAILS'])]);
  console.error(`${place.name}: ${isFailure ? 'FAILS' : (reason ?? 'yes')}`);
}
rmSync(folder, { recursive: true, force: true });
for (const row of [TITLES, TITLES.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
