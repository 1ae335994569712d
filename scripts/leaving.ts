/**
 * `npm run leaving`: random programs that run natively, are left somewhere, go on interpreted and come back, or begin interpreted
 * and go native, on Node, a newer Node, Deno, Bun, and Chromium where it is installed; each has to end as an undisturbed one
 * does, to the bytes of its snapshots.
 *
 *   npm run leaving -- --programs 10000 --seed 7          so many on each runtime
 *   npm run leaving -- --only node --only bun
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { LeavingReport } from '../test/instrument/leaving-process.ts';
import { oneFile } from '../test/one-file.ts';
import { findRuntimes } from './runtimes.mjs';

const { values: options } = parseArgs({
  options: {
    programs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
  },
});

const NEWER = fileURLToPath(new URL('newer-node.mjs', import.meta.url));
const script = await oneFile('test/instrument/leaving-process.ts', true);
const runtimes = [...findRuntimes(undefined), { name: 'newer-node', start: [process.execPath, NEWER] }].map(
  ({ name, start }) => ({ name, start: [...start, script, options.programs, options.seed] }),
);
const CHROMIUM = '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'leaving-'));
if (existsSync(CHROMIUM)) {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--allow-file-access-from-files', '--dump-dom'];
  runtimes.push({ name: 'chromium', start: [CHROMIUM, ...flags, page()] });
}

/** What a page is given in place of a process, and what shows its report. */
function page(): string {
  const file = join(folder, 'page.html');
  const process = JSON.stringify({ argv: ['', '', options.programs, options.seed], env: {}, platform: '' });
  const show = 'console.log = (text) => { document.documentElement.textContent = text; };';
  // Nothing in it needs what Node has.
  const source = readFileSync(script, 'utf8').replace(/^import .* 'node:module';\nconst require = .*$/m, '');
  writeFileSync(join(folder, 'process.mjs'), `globalThis.process = ${process};\n${show}\n`);
  writeFileSync(join(folder, 'script.mjs'), `import './process.mjs';\n${source}`);
  writeFileSync(file, '<!doctype html><title>x</title><script type="module" src="script.mjs"></script>\n');
  return pathToFileURL(file).href;
}

for (const { name, start } of runtimes) {
  if (options.only?.includes(name) === false) continue;
  const [command = '', ...words] = start;
  const { stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const [line] = /\{"programs".*\}/.exec(stdout) ?? [];
  if (line === undefined) {
    console.log(`${name}: ended without a report: ${stderr.slice(0, 1_000)}`);
    process.exitCode = 1;
    continue;
  }
  const { programs, runs, differing } = JSON.parse(line) as LeavingReport;
  console.log(`${name}: ${programs} programs, ${runs} runs that were disturbed, ${differing.length} ended otherwise`);
  for (const text of differing.slice(0, 3)) console.log(`  ${text.slice(0, 2_000)}`);
  if (differing.length > 0) process.exitCode = 1;
}
rmSync(folder, { recursive: true, force: true });
