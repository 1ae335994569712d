// `npm run commands`: runs large programs for WASI from npm through the command, with --deterministic, on both engines and on
// node:wasi, and prints a table: whether output, files and exit status are the host's, whether the gas is the same on both
// engines, and how much longer all of it takes.
//
//   npm run commands -- --only pandoc
//   npm run commands -- --engine interpreter --json
//
// What is needed comes from npm, once, into node_modules/.cache/packages. The package has to be built.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from './ensure.mjs';
import { COMMANDS } from './packages/commands.mjs';
import { install, path, versionOf } from './packages/install.mjs';
import { heading, row, sameGas, times, units, word } from './packages/table-of.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const HOST = fileURLToPath(new URL('packages/host.mjs', import.meta.url));

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    engine: { type: 'string', multiple: true, default: ['interpreter', 'native'] },
    json: { type: 'boolean' },
  },
});
const commands = COMMANDS.filter(({ name }) => options.only?.includes(name) ?? true);
/** One folder for all: numbers of files and their times are what programs may look at. */
const cwd = mkdtempSync(join(tmpdir(), 'commands-'));

function start(args, stdin = '') {
  const begin = performance.now();
  const { output, status } = spawnSync(process.execPath, ['--no-warnings', ...args], {
    cwd,
    input: stdin,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  return { stdout: output[1], stderr: output[2], found: output[3], status, ms: performance.now() - begin };
}

/** What came of a command in a place. */
function runIn(place, { module, made, as, args, dirs = {}, stdin, makes }) {
  const file = as ?? made ?? path(module);
  if (as !== undefined && !existsSync(join(cwd, as))) symlinkSync(path(module), join(cwd, as));
  const target = makes && join(cwd, makes);
  if (target !== undefined) rmSync(target, { force: true });
  const ended = place === 'host' ? onHost(file, args, dirs, stdin) : onEngine(place, file, args, dirs, stdin);
  const bytes = target && existsSync(target) ? readFileSync(target).toString('base64') : undefined;
  const missing = makes !== undefined && bytes === undefined ? `made no ${makes}` : undefined;
  return { ...ended, bytes, error: ended.error ?? missing };
}

function onHost(file, args, dirs, stdin) {
  const name = file.split('/').at(-1);
  const { stdout, stderr, found, ms } = start([HOST, file, JSON.stringify(dirs), name, ...args], stdin);
  if (found === '')
    return {
      error: stderr
        .replaceAll(/^ +at .*$/gm, '')
        .trim()
        .slice(0, 300),
      ms,
    };
  return { stdout, ms, ...JSON.parse(found) };
}

function onEngine(engine, file, args, dirs, stdin) {
  const given = Object.entries(dirs).flatMap(([guest, folder]) => ['--dir', `${folder}::${guest}`]);
  const flags = ['run', '--deterministic', '--json', '--engine', engine, ...given];
  const { stdout, stderr, ms } = start([CLI, ...flags, file, ...args], stdin);
  try {
    const { stdout: text, exitCode, stats, error } = JSON.parse(stdout);
    return { stdout: text, exitCode, gas: stats?.gasUsed, ms, error: error?.message };
  } catch {
    return { error: (stderr || stdout).trim().slice(0, 300), ms };
  }
}

const isSame = (found, host) =>
  found.error === undefined && ['stdout', 'exitCode', 'bytes'].every((key) => found[key] === host[key]);

install(commands.flatMap(({ needs }) => needs));
const titles = ['command', 'version', ...options.engine, 'same gas', 'gas', 'all of it', 'notes'];
if (!options.json) console.log(heading(titles));
const all = [];
for (const command of commands) {
  await command.prepare?.({ folder: cwd, run });
  const host = runIn('host', command);
  const engines = {};
  for (const engine of options.engine) {
    const found = runIn(engine, command);
    engines[engine] = { ...found, ok: isSame(found, host) };
  }
  const found = Object.values(engines);
  const same = sameGas(found);
  const version = versionOf(command.needs.at(-1));
  all.push({ command: command.name, version, host, engines, sameGas: same });
  if (options.json) continue;
  const notes = Object.entries(engines)
    .filter(([, { ok }]) => !ok)
    .map(([engine, { error, stdout }]) => `${engine}: ${error ?? `answered ${stdout}`}`);
  if (host.error !== undefined) notes.unshift(`host: ${host.error}`);
  const taken = found.map(({ ok, ms }) => (ok ? ms : undefined));
  const gas = units(found.find(({ ok }) => ok)?.gas);
  console.log(
    row([
      command.name,
      version,
      ...found.map(({ ok }) => word(ok)),
      word(same),
      gas,
      times(taken, host.ms),
      notes.join('; ').slice(0, 400),
    ]),
  );
}
rmSync(cwd, { recursive: true, force: true });
if (options.json) console.log(JSON.stringify(all, (key, value) => (key === 'bytes' ? undefined : value), 2));
if (all.some(({ sameGas }) => sameGas === false)) process.exitCode = 1;
