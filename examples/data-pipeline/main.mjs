/** `npm start [FILE.csv]`: writes `out/levels.arrow` and `out/report.html`. With REDIS_URL, the jobs go over Redis. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { analyse } from './pipeline.mjs';
import { report } from './report.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

async function connect(url) {
  const { Redis } = await import('ioredis');
  return new Redis(url, { maxRetriesPerRequest: null });
}

const { REDIS_URL } = process.env;
const connection = REDIS_URL ? await connect(REDIS_URL) : undefined;
try {
  const { arrow, runs } = await analyse(readFileSync(process.argv[2] ?? path('levels.csv'), 'utf8'), { connection });
  mkdirSync(path('out'), { recursive: true });
  writeFileSync(path('out/levels.arrow'), arrow);
  writeFileSync(path('out/report.html'), report(arrow, runs));
  for (const { station, gasUsed } of runs) console.log(`${station}: ${gasUsed} units of gas`);
  console.log(`out/levels.arrow and out/report.html, ${connection ? 'over Redis' : 'in this process'}`);
} finally {
  connection?.disconnect();
}
