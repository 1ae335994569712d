// Has Node load TypeScript, as `node --import ./test/typescript.mjs`. tsx would do, but goes over all JavaScript as well:
// over the 14 MB of binaryen, in each process, for longer than most tests take.
import { readFile } from 'node:fs/promises';
import { createRequire, register } from 'node:module';
import { fileURLToPath } from 'node:url';

// In worker threads too. The thread that loads for them has this file once more, by another URL.
const HOOKS = '?hooks';
if (!import.meta.url.endsWith(HOOKS)) {
  register(import.meta.url + HOOKS);
  process.setSourceMapsEnabled(true);
}

let transform;

export async function load(url, context, next) {
  if (!/^file:.*\.ts(\?|$)/.test(url)) return next(url, context);
  // Comes with tsx.
  transform ??= createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild').transform;
  const file = fileURLToPath(url);
  const options = { loader: 'ts', format: 'esm', target: 'es2022', sourcefile: file, sourcemap: 'inline' };
  const { code } = await transform(await readFile(file, 'utf8'), options);
  return { format: 'module', source: code, shortCircuit: true };
}
