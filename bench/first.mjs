// How soon a guest gives its first result in a process that has done nothing else, and how soon it is at native speed: CoreMark's
// small run through the built package, on each engine in turn.
//
//   npm run build && node bench/first.mjs [--rounds 9]
//   node bench/first.mjs --child auto                  what each process does: prints milliseconds, from its first statement on
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, child: { type: 'string' } },
});
const SETTINGS = {
  interpreter: { engine: 'interpreter' },
  native: { engine: 'native' },
  leavable: { engine: 'native', leavable: true },
  auto: { engine: 'auto' },
};
const CALLS = 10;
/** What CoreMark's clock says, one reading after the other. */
const READINGS = [0, 1_000, 0, 11_000];

async function child(name) {
  const begun = performance.now();
  const { Capability, WasmSandbox } = await import('wasm-sandbox');
  const loaded = performance.now() - begun;
  const folder = process.env.WASM_PROGRAMS_DIR ?? fileURLToPath(new URL('../../shared/programs', import.meta.url));
  let reading = 0;
  const clock = { params: [], results: ['i32'], call: () => READINGS[reading++ % READINGS.length] };
  const source = readFileSync(join(folder, 'coremark-minimal.wasm'));
  const sandbox = await WasmSandbox.create({
    source,
    gasLimit: 1n << 62n,
    capabilities: [Capability.hostFunctions('env', { clock_ms: clock })],
    ...SETTINGS[name],
  });
  const results = [];
  for (let i = 0; i < CALLS; i++) {
    await sandbox.call('run');
    results.push(performance.now() - begun);
  }
  const { engine, gasUsed } = sandbox.getResourceStats();
  console.log(JSON.stringify({ loaded, results, engine, gas: String(gasUsed) }));
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

function main() {
  const seen = Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of Object.keys(SETTINGS)) {
      const { stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--child', name], {
        encoding: 'utf8',
      });
      if (stdout === '') throw new Error(`${name}: ${stderr.slice(0, 500)}`);
      seen[name].push(JSON.parse(stdout));
    }
  }
  console.log('ms, medians      package   first result   second   a later call   ended on');
  for (const [name, runs] of Object.entries(seen)) {
    const at = (pick) => median(runs.map(pick)).toFixed(1);
    const later = at(({ results }) => Math.min(...results.slice(1).map((end, i) => end - results[i])));
    const cells = [at(({ loaded }) => loaded), at(({ results }) => results[0]), at(({ results }) => results[1]), later];
    const widths = [10, 15, 9, 15];
    console.log(`${name.padEnd(14) + cells.map((cell, i) => cell.padStart(widths[i])).join('')}   ${runs[0].engine}`);
  }
  const gas = new Set(Object.values(seen).flatMap((runs) => runs.map((run) => run.gas)));
  console.log(gas.size === 1 ? `the same gas in all: ${[...gas][0]}` : 'THE GAS DIFFERS');
  if (gas.size !== 1) process.exitCode = 1;
}

if (options.child === undefined) main();
else await child(options.child);
