/**
 * `npm run leaving`: random programs that run natively, are left somewhere, go on interpreted and come back, or begin interpreted
 * and go native, on Node, a newer Node, Deno and Bun; each has to end as an undisturbed one does, to the bytes of its snapshots.
 *
 *   npm run leaving -- --programs 10000 --seed 7          so many on each runtime
 *   npm run leaving -- --only node --only bun
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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
const runtimes = [...findRuntimes(undefined), { name: 'newer-node', start: [process.execPath, NEWER] }];
const script = await oneFile('test/instrument/leaving-process.ts', true);

for (const { name, start } of runtimes) {
  if (options.only?.includes(name) === false) continue;
  const [command = '', ...words] = start;
  const { stdout, stderr } = spawnSync(command, [...words, script, options.programs, options.seed], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
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
