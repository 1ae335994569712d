// The library inside of itself: bundled, run by QuickJS, which is a guest of the library. QuickJS's own glue code is given
// the library's namespace in the place of the host's `WebAssembly`.
import { inOneFile } from './bundlers.mjs';
import { MARK } from './texts.mjs';

const INSIDE = `import * as library from 'wasm-sandbox/interpreter';
import { probe } from './probe.mjs';
import { modules } from './modules.mjs';
globalThis.found = probe(library, modules).then((found) => JSON.stringify(found));
`;

const OUTSIDE = `import { readFileSync } from 'node:fs';
import { createWebAssembly } from 'wasm-sandbox/webassembly';

const limits = { gasLimit: 10n ** 12n, memoryLimit: 2 ** 28, stackLimit: 2 ** 24 };
globalThis.WebAssembly = await createWebAssembly({ engine: 'native', ...limits });
const { QuickJS } = await import('quickjs-wasi');
const wasm = readFileSync(new URL(import.meta.resolve('quickjs-wasi/quickjs.wasm')));
const vm = await QuickJS.create({ wasm });
vm.evalCode(readFileSync(new URL('quickjs.bundle.js', import.meta.url), 'utf8')).dispose();
const found = vm.resolvePromise(vm.evalCode('globalThis.found'));
while (vm.executePendingJobs() > 0);
const { value, error } = await found;
if (error !== undefined) throw new Error(error.toString());
console.log('${MARK}' + value.toString());
`;

export const QUICKJS = {
  name: 'QuickJS in a guest',
  needs: ['quickjs-wasi', 'esbuild'],
  async run({ folder, write, run }) {
    const entry = write('quickjs.entry.mjs', INSIDE);
    write('quickjs.bundle.js', await inOneFile(folder, entry, ['worker', 'browser'], 'iife'));
    return run(process.execPath, [write('quickjs.mjs', OUTSIDE)]);
  },
};
