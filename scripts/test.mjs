// `npm test`: installs what is missing, then runs vitest; arguments are passed on to it.
import { rmSync } from 'node:fs';
import { ensureInstalled, run, tool } from './ensure.mjs';
import { reportFile } from './test-summary.mjs';

// A report left by an earlier run must never be taken for this one's.
rmSync(new URL(`../${reportFile}`, import.meta.url), { force: true });
ensureInstalled();
console.error('> running the tests');
process.exitCode = run(process.execPath, [
  tool('vitest'),
  'run',
  '--reporter=default',
  '--reporter=./scripts/skipped.mjs',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
]);
