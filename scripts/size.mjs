// Prints what `import { WasmSandbox }` weighs in a bundle for the browser, minified and gzipped: what is loaded at
// once, and all of it where nothing can be loaded later; and what the package weighs. Fails where either is more than it
// may be. The package has to be built.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { atOnce } from './at-once.mjs';

/** Bytes of what is loaded at once, by the import path, and of the files of the package that are no source maps. */
const MOST = { 'wasm-sandbox': 90_000, 'wasm-sandbox/interpreter': 90_000, 'wasm-sandbox/minimal': 90_000 };
const MOST_PACKED = 1_500_000;

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
const weigh = (chunks) => chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);

/** Bytes of the files in the tarball. */
function packed() {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root }),
  );
  return files.filter(({ path }) => !path.endsWith('.map')).reduce((sum, { size }) => sum + size, 0);
}

function refuseMore(what, bytes, most) {
  if (bytes <= most) return;
  console.error(`${what}: ${kilobytes(bytes)}, and may be ${kilobytes(most)}`);
  process.exitCode = 1;
}

for (const [entry, most] of Object.entries(MOST)) {
  const first = weigh(atOnce(await bundle(entry, true)));
  const whole = weigh(await bundle(entry, false));
  const what = `import { WasmSandbox } from '${entry}'`;
  console.log(`${what}: ${kilobytes(first)} gzipped, ${kilobytes(whole)} in one file`);
  refuseMore(what, first, most);
}
const bytes = packed();
console.log(`the package: ${kilobytes(bytes)} without source maps`);
refuseMore('the package', bytes, MOST_PACKED);
