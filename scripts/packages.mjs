// `npm run packages`: runs packages of npm as they are, through their own glue code, with `globalThis.WebAssembly` replaced,
// on either engine and on the host's own, each in a process of its own, and prints a table of what came of it: whether the
// answers are the host's, whether the gas is the same on both engines, and how much longer loading and running take.
//
//   npm run packages -- --only sql.js --only tiktoken
//   npm run packages -- --engine interpreter --json
//
// What is needed comes from npm, once, into node_modules/.cache/packages. The package has to be built.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folder, install, versionOf } from './packages/install.mjs';
import { MARK, ROWS } from './packages/table.mjs';
import { heading, row as line, sameGas, times, units, word } from './packages/table-of.mjs';

const CHILD = fileURLToPath(new URL('packages/child.mjs', import.meta.url));
const NAMESPACE = new URL('../dist/webassembly.js', import.meta.url).href;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    engine: { type: 'string', multiple: true, default: ['interpreter', 'native'] },
    with: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean' },
    timeout: { type: 'string', default: '600' },
  },
});
const rows = ROWS.filter(({ name }) => options.only?.includes(name) ?? true);
const needsOf = ({ name, needs = [name] }) => needs;
/** Options of the namespace, for all rows. */
const given = Object.fromEntries(options.with.map((text) => [text.split('=')[0], Number(text.split('=')[1])]));

/** What a child found, or how it ended. */
function runChild(name, engine) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CHILD, name, engine, folder, NAMESPACE, JSON.stringify(given)], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      timeout: Number(options.timeout) * 1000,
    });
    let found = '';
    let said = '';
    child.stdio[3].on('data', (text) => (found += text));
    child.stderr.on('data', (text) => (said = (said + text).slice(-2000)));
    child.on('close', (status, signal) => {
      const line = found.split('\n').find((line) => line.startsWith(MARK));
      if (line !== undefined) resolve(JSON.parse(line.slice(MARK.length)));
      else {
        const why = said.split('\n').find((line) => /Error:/.test(line)) ?? said.trim().split('\n').at(-1);
        resolve({ error: `ended with ${signal ?? `status ${status}`}: ${why}` });
      }
    });
  });
}

const isHostsAnswer = (found, host) => found?.answer !== undefined && found.answer === host.answer;

/** A row of what was found, for machines. */
async function tryOut(row) {
  const host = await runChild(row.name, 'host');
  const engines = {};
  for (const engine of options.engine) {
    if (row.engines?.includes(engine) === false) {
      engines[engine] = { ok: undefined };
      continue;
    }
    const found = await runChild(row.name, engine);
    engines[engine] = { ...found, ok: isHostsAnswer(found, host) };
  }
  const version = versionOf(needsOf(row).at(-1));
  return {
    package: row.name,
    version,
    options: row.options,
    host,
    engines,
    note: row.note,
    sameGas: sameGas(Object.values(engines)),
  };
}

/** The same for people. */
function cells({ package: name, version, host, engines, sameGas: same, options: needed, note }) {
  const found = Object.values(engines);
  const taken = (key) =>
    times(
      found.map(({ ok, [key]: ms }) => (ok ? ms : undefined)),
      host[key],
    );
  const notes = [
    ...(note === undefined ? [] : [note]),
    ...(host.error === undefined ? [] : [`host: ${host.error}`]),
    ...Object.entries(needed ?? {}).map(([option, value]) => `with ${option} ${value}`),
    ...Object.entries(engines)
      .filter(([, { ok }]) => ok === false)
      .map(([engine, { error, answer }]) => `${engine}: ${error ?? `answered ${answer}`}`),
  ];
  const oks = found.map(({ ok }) => word(ok));
  const gas = units(found.find(({ ok }) => ok)?.gas);
  return [name, version, ...oks, word(same), gas, taken('loadMs'), taken('runMs'), notes.join('; ').slice(0, 500)];
}

install(rows.flatMap(needsOf));
const titles = ['package', 'version', ...options.engine, 'same gas', 'gas', 'load', 'run', 'notes'];
if (!options.json) console.log(heading(titles));
const all = [];
for (const row of rows) {
  const found = await tryOut(row);
  all.push(found);
  if (!options.json) console.log(line(cells(found)));
}
if (options.json) console.log(JSON.stringify(all, undefined, 2));
if (all.some(({ sameGas }) => sameGas === false)) process.exitCode = 1;
