// A guest that moves every second: from native on Node to interpreted on workerd, native on Deno, native on Bun, and round again,
// each time in another process. Its result, output and gas have to be those that it has undisturbed. Runs the built package.
//
//   npm run build && npm run moving                   one minute of work
//   npm run moving -- --seconds 5 --stay 300          less of it, and less than a second in each place
//   npm run moving -- --program minivm                another program of the fixtures whose argument says how long
//
// What it needs comes from npm, once, into folders for such things.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { stay } from './moving/stay.mjs';
import { inOneFile, load } from './places/bundlers.mjs';
import { CACHE, install } from './places/install.mjs';
import { findRuntimes } from './runtimes.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    stay: { type: 'string', default: '1000' },
    program: { type: 'string', default: 'nbody' },
    arg: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
  },
});
const source = readFileSync(join(root, `fixtures/build/${options.program}.wasm`));
const dist = join(root, 'dist/index.node.js');

/** In a process of its own: begins, or goes on with what is in a file, and leaves what comes of it in another. */
async function stayHere({ arg, from, to, stay: milliseconds }) {
  const snapshot = from === undefined ? undefined : new Uint8Array(readFileSync(from));
  const guest = { source, args: [options.program, arg] };
  const { snapshot: left, ...rest } = await stay(
    await import(pathToFileURL(dist).href),
    guest,
    'native',
    snapshot,
    milliseconds === 'end' ? undefined : Number(milliseconds),
  );
  if (left !== undefined) writeFileSync(to, left);
  console.log(JSON.stringify(rest));
}

/** The same in a new process of a runtime. */
function stayOn([command, ...first], { arg, from, to, milliseconds }) {
  const files = [...(from === undefined ? [] : ['--from', from]), '--to', to];
  const words = ['--program', options.program, '--arg', String(arg), '--stay', String(milliseconds), ...files];
  const script = fileURLToPath(import.meta.url);
  const { stdout, stderr, status, error } = spawnSync(command, [...first, script, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error ?? stderr}`);
  return JSON.parse(stdout);
}

const WORKER = (library) => `import * as library from ${JSON.stringify(library)};
import { stay } from ${JSON.stringify(fileURLToPath(new URL('moving/stay.mjs', import.meta.url)))};

export default {
  async fetch(request) {
    const { guest, milliseconds } = JSON.parse(request.headers.get('x-guest'));
    const form = await request.formData();
    const bytes = async (name) => new Uint8Array(await form.get(name).arrayBuffer());
    const source = await bytes('source');
    const { snapshot, ...rest } = await stay(library, { ...guest, source }, 'interpreter', await bytes('snapshot'), milliseconds);
    return new Response(snapshot, { headers: { 'x-rest': encodeURIComponent(JSON.stringify(rest)) } });
  },
};
`;

/** The same on workerd, in a new process each time. */
async function stayOnWorkerd(script, Miniflare, { arg, from, to, milliseconds }) {
  const miniflare = new Miniflare({ modules: true, script, compatibilityDate: '2026-01-01' });
  try {
    const body = new FormData();
    body.set('source', new Blob([source]));
    body.set('snapshot', new Blob([readFileSync(from)]));
    const url = await miniflare.ready;
    const guest = JSON.stringify({ guest: { args: [options.program, String(arg)] }, milliseconds });
    const response = await fetch(url, { method: 'POST', headers: { 'x-guest': guest }, body });
    if (!response.ok) throw new Error(`workerd: ${await response.text()}`);
    const rest = JSON.parse(decodeURIComponent(response.headers.get('x-rest')));
    if (rest.end === undefined) writeFileSync(to, new Uint8Array(await response.arrayBuffer()));
    return rest;
  } finally {
    await miniflare.dispose();
  }
}

/** An argument for so many seconds of native work, on Node. */
function argFor(seconds, scratch) {
  let arg = 1_000;
  for (;;) {
    const { took } = stayOn([process.execPath], { arg, to: scratch, milliseconds: 'end' });
    if (took > 1_000) return Math.ceil((arg * seconds * 1_000) / took);
    arg *= 4;
  }
}

async function main() {
  if (!existsSync(dist)) throw new Error(`${dist} is missing: npm run build`);
  install(['miniflare', 'esbuild']);
  const scratch = mkdtempSync(join(tmpdir(), 'wasm-sandbox-moving-'));
  try {
    await move(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function move(scratch) {
  const { Miniflare } = await load(CACHE, 'miniflare');
  const worker = join(scratch, 'worker.mjs');
  writeFileSync(worker, WORKER(join(root, 'dist/index.js')));
  const script = await inOneFile(CACHE, worker, ['workerd', 'worker', 'browser']);
  const [node, deno, bun] = findRuntimes().map(({ name, start }) => ({
    name: `${name}, native`,
    go: (visit) => stayOn(start, visit),
  }));
  const workerd = { name: 'workerd, interpreted', go: (visit) => stayOnWorkerd(script, Miniflare, visit) };
  const places = [node, workerd, deno, bun];

  // A quarter of the time it is interpreted, which does little.
  const arg = options.arg ?? argFor(0.75 * Number(options.seconds), join(scratch, 'tried'));
  const used = new Map(places.map(({ name }) => [name, { stays: 0, gas: 0, took: 0 }]));
  const begun = performance.now();
  let from;
  let end;
  for (let i = 0; end === undefined; i++) {
    const { name, go } = places[i % places.length];
    const to = join(scratch, `guest-${i % 2}`);
    const stayed = await go({ arg, from, to, milliseconds: Number(options.stay) });
    const figures = used.get(name);
    figures.stays++;
    figures.gas += Number(stayed.used);
    figures.took += stayed.took;
    from = to;
    end = stayed.end;
  }
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  for (const [name, { stays, gas, took }] of used) {
    if (stays === 0) continue;
    const [millions, rate] = [gas / 1e6, gas / took / 1e3].map((figure) => figure.toFixed(0));
    console.log(`${name}: ${stays} stays, ${(took / 1_000).toFixed(1)} s, ${millions} million units, ${rate} a second`);
  }
  const { end: home } = node.go({ arg, to: from, milliseconds: 'end' });
  const isSame = JSON.stringify(end) === JSON.stringify(home);
  console.log(
    `${options.program} ${arg}: ${seconds} s, ${home.gas} units; ${isSame ? 'the same as at home' : 'DIFFERS'}`,
  );
  if (isSame) return;
  console.log(JSON.stringify({ end, home }, undefined, 1));
  process.exitCode = 1;
}

if (options.to !== undefined) await stayHere(options);
else await main();
