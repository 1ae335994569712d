/**
 * How much stack weight the host's own stack holds before it is full: the limit that is the default has to be less on all
 * runtimes, with room left for whoever calls.
 *
 *   npx tsx scripts/stack.ts [what the names of runtimes begin with]
 *
 * Prints the highest limit, in KiB, at which recursion of every kind ends with it on the native engine, by runtime. Deno and Bun
 * come from npm, and Chromium is taken where it is installed. Needs the built package.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeModule } from '../test/generate/encode.ts';
import { FRAMES } from '../test/instrument/frames.ts';
import { findRuntimes } from './runtimes.mjs';

const folder = mkdtempSync(join(tmpdir(), 'stack-'));
const library = new URL('../dist/sync.js', import.meta.url).href;

/** Recursion at the end of as many calls inside one another as there may be, each with a host function in between. */
const NESTED = encodeModule({
  imports: [{ module: 'env', name: 'host', function: { params: [], results: [] } }],
  functions: [
    { body: [['call', 0]], export: 'run' },
    { body: [['call', 2]], export: 'deep' },
  ],
});

const modules = Object.entries({
  ...Object.fromEntries(Object.entries(FRAMES).map(([name, module]) => [name, encodeModule(module)])),
  'nothing, at the end of 99 host calls': NESTED,
}).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);

/** Runs in every place: the highest limit that holds, by kind of frame. */
const PROBE = `
import { Capability, SecurityPolicy, WasmSandbox } from ${JSON.stringify(library)};

const modules = ${JSON.stringify(modules)};
const STEP = 4096;

function holds(source, stackLimit) {
  let depth = 0;
  const host = () => sandbox.call(++depth < 99 ? 'run' : 'deep');
  const capabilities = [Capability.hostFunctions('env', { host })];
  const sandbox = WasmSandbox.create({ source, engine: 'native', stackLimit, capabilities });
  for (let i = 0; i < 3; i++) {
    depth = 0;
    try {
      sandbox.call('run');
    } catch (error) {
      // Where the host's stack is full, what says so may not fit on it either.
      if (error.code !== 'STACK_LIMIT' || /own stack/.test(error.message)) return false;
    }
  }
  return true;
}

export function probe() {
  return modules.map(([name, text]) => {
    const source = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    let [low, high] = [0, 8 << 20];
    while (high - low > STEP) {
      const middle = (low + high) / 2;
      if (holds(source, middle)) low = middle;
      else high = middle;
    }
    return [name, low >> 10];
  });
}
`;

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

write('probe.mjs', PROBE);
const main = write('main.mjs', `import { probe } from './probe.mjs';\nconsole.log(JSON.stringify(probe()));\n`);
write('in.mjs', `import { probe } from './probe.mjs';\npostMessage(JSON.stringify(probe()));\n`);
write(
  'in-node.mjs',
  `import { parentPort } from 'node:worker_threads';\nimport { probe } from './probe.mjs';\nparentPort.postMessage(JSON.stringify(probe()));\n`,
);
const worker = write(
  'worker.mjs',
  `const worker = new Worker(new URL('./in.mjs', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => { console.log(data); worker.terminate(); };
worker.onerror = (error) => { console.error(error.message); };
`,
);
const nodeWorker = write(
  'node-worker.mjs',
  `import { Worker } from 'node:worker_threads';\nnew Worker(new URL('./in-node.mjs', import.meta.url)).on('message', console.log);\n`,
);

const places: [name: string, command: readonly string[]][] = [];
for (const { name, start } of findRuntimes()) {
  places.push([name, [...start, main]]);
  if (name === 'node') {
    places.push(['node, without optimisation', [process.execPath, '--liftoff-only', main]]);
    places.push([
      'node, optimised from the start',
      [process.execPath, '--no-liftoff', '--no-wasm-dynamic-tiering', main],
    ]);
    places.push(['node, worker', [process.execPath, nodeWorker]]);
  } else places.push([`${name}, worker`, [...start, worker]]);
  if (name === 'bun') {
    const interpreted = ['env', 'BUN_JSC_useBBQJIT=0', 'BUN_JSC_useOMGJIT=0', ...start];
    places.push(['bun, interpreted', [...interpreted, main]], ['bun, interpreted, worker', [...interpreted, worker]]);
  }
}

const chromium = '/usr/bin/chromium';
if (existsSync(chromium)) {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--allow-file-access-from-files', '--dump-dom'];
  const page = (name: string, script: string) =>
    write(`${name}.html`, `<!doctype html><title>x</title><script type="module">\n${script}</script>\n`);
  const show = 'document.documentElement.textContent = ';
  const alone = page('page', `import { probe } from './probe.mjs';\n${show}JSON.stringify(probe());\n`);
  places.push(['chromium', [chromium, ...flags, pathToFileURL(alone).href]]);
  const asked = `const worker = new Worker('./in.mjs', { type: 'module' });\nworker.onmessage = ({ data }) => { ${show}data; };\n`;
  // Time stands still while the worker is waited for.
  const patient = [...flags, '--virtual-time-budget=1000'];
  places.push(['chromium, worker', [chromium, ...patient, pathToFileURL(page('in-worker', asked)).href]]);
}

const [only = ''] = process.argv.slice(2);
const wanted = places.filter(([name]) => name.startsWith(only));
const rows = modules.map(([name]) => [name as string]);
for (const [name, [command, ...args]] of wanted) {
  const { stdout, stderr } = spawnSync(command as string, args, { cwd: folder, encoding: 'utf8' });
  const [text] = /\[\[.*\]\]/s.exec(stdout) ?? [];
  const found: [string, number][] | undefined = text && JSON.parse(text);
  if (found === undefined) console.error(`${name}: ${stderr.trim().slice(-400)}`);
  for (const [i, row] of rows.entries()) row.push(String(found?.[i]?.[1] ?? '?'));
}
rmSync(folder, { recursive: true, force: true });
const titles = ['frame', ...wanted.map(([name]) => name)];
for (const row of [titles, titles.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
