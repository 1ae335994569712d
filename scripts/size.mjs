// Prints what `import { WasmSandbox }` weighs in a bundle for the browser, minified and gzipped: what is loaded at
// once, and all of it where nothing can be loaded later. The package has to be built.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { atOnce } from './at-once.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const MAIN = 'virtual:main';

async function bundle(from, isSplit) {
  const build = await rolldown({
    cwd: root,
    input: MAIN,
    platform: 'browser',
    external: ['commander'],
    plugins: [
      {
        name: 'main',
        resolveId: (id) => (id === MAIN ? `${root}main.virtual.mjs` : undefined),
        load: (id) => (id.endsWith('main.virtual.mjs') ? `export { WasmSandbox } from '${from}';\n` : undefined),
      },
    ],
  });
  const { output } = await build.generate({ format: 'es', minify: true, codeSplitting: isSplit });
  await build.close();
  return output;
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const weigh = (chunks) => kilobytes(chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0));

for (const entry of ['wasm-sandbox', 'wasm-sandbox/interpreter', 'wasm-sandbox/minimal']) {
  const first = weigh(atOnce(await bundle(entry, true)));
  const whole = weigh(await bundle(entry, false));
  console.log(`import { WasmSandbox } from '${entry}': ${first} gzipped, ${whole} in one file`);
}
