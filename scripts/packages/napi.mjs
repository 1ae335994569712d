// Packages that are built with napi-rs, by their glue for browsers: that for Node hands the memory to Node's own WASI, which
// takes none but the host's.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { folder } from './install.mjs';

/** Their shared memories begin with 4,000 pages. */
export const NAPI_OPTIONS = { memoryLimit: 1 << 29 };

const addressOf = (file) => `data:application/wasm;base64,${readFileSync(file).toString('base64')}`;

/** What bundlers for browsers do: a file's address in place of the file, by either way of asking for it. */
const ADDRESSES = {
  name: 'addresses',
  resolveId: (id, from) => (id.endsWith('?url') ? join(from, '..', id) : undefined),
  load: (id) => (id.endsWith('?url') ? `export default '${addressOf(id.slice(0, -'?url'.length))}'` : undefined),
  transform: (code, id) =>
    code.replaceAll(
      /new URL\('(\.\/[^']+\.wasm)', import\.meta\.url\)/g,
      (_, file) => `new URL('${addressOf(join(id, '..', file))}')`,
    ),
};

/** Loads a package for `wasm32-wasi` by the file that it has for browsers, as a bundler makes it. */
export async function loadNapi(name, file, { import: load, path }) {
  const bundle = await rolldown({
    input: path(`${name}/${file}.wasi-browser.js`),
    platform: 'browser',
    plugins: [ADDRESSES],
  });
  const { output } = await bundle.generate({ format: 'es' });
  await bundle.close();
  const bundled = join(folder, `${file}.mjs`);
  writeFileSync(bundled, output[0].code);
  return load(pathToFileURL(bundled).href);
}
