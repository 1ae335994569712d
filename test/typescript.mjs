// Has Node load TypeScript, as `node --import ./test/typescript.mjs`. tsx would do, but goes over all JavaScript as well:
// over the 14 MB of binaryen, in each process, for longer than most tests take.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread, threadId } from 'node:worker_threads';

// In worker threads too. The thread that loads for them has this file once more, by another URL.
const HOOKS = '?hooks';
if (!import.meta.url.endsWith(HOOKS)) {
  register(import.meta.url + HOOKS);
  // To read the maps takes a thread a seventh of the time in which it has loaded everything.
  if (isMainThread) process.setSourceMapsEnabled(true);
}

const OPTIONS = { loader: 'ts', format: 'esm', target: 'es2022', sourcemap: 'inline' };

// What has become of a file is kept for the next process or thread: otherwise each starts an esbuild of its own.
const folder = new URL('../node_modules/.cache/typescript/', import.meta.url);
const digestOf = (...parts) => createHash('sha256').update(parts.join('\0')).digest('hex');

let transform;

async function javascriptOf(file, source) {
  const kept = fileURLToPath(new URL(`${digestOf(file).slice(0, 32)}.js`, folder));
  const mark = `//${digestOf(source, JSON.stringify(OPTIONS))}\n`;
  try {
    const code = readFileSync(kept, 'utf8');
    if (code.endsWith(mark)) return code;
  } catch {
    // It is the first time.
  }
  // Comes with tsx.
  transform ??= createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild').transform;
  const code = `${(await transform(source, { ...OPTIONS, sourcefile: file })).code}${mark}`;
  mkdirSync(folder, { recursive: true });
  // Nobody finds half a file.
  const unfinished = `${kept}.${process.pid}-${threadId}`;
  writeFileSync(unfinished, code);
  renameSync(unfinished, kept);
  return code;
}

export async function load(url, context, next) {
  if (!/^file:.*\.ts(\?|$)/.test(url)) return next(url, context);
  const file = fileURLToPath(url);
  return { format: 'module', source: await javascriptOf(file, readFileSync(file, 'utf8')), shortCircuit: true };
}
