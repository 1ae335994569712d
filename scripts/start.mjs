// `npm start`: from a fresh clone to a program run under limits.
import { ensureInstalled, run, step } from './ensure.mjs';

/** The main job: what the command line of wasm-sandbox is given. */
const job = ['run', '--gas', '10000000000', '--memory', '64MiB', '--stats', 'fixtures/build/primes.wasm'];

ensureInstalled();
step('building', () => run(process.execPath, ['scripts/build.mjs']));
console.error(`> wasm-sandbox ${job.join(' ')}`);
process.exitCode = run(process.execPath, ['dist/cli.js', ...job]);
