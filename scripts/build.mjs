// `npm run build`: makes dist/ from nothing, so that no file of an earlier build survives. Rolldown bundles the sources
// as ES modules; the entries share their chunks, and so their classes. The compiler writes declarations without what is
// `@internal`, which are bundled the same way.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { atOnce } from './at-once.mjs';
import { writeCommonJs } from './commonjs.mjs';
import { run, tool } from './ensure.mjs';
import { COMMAND, ENTRIES, sources, THREADS } from './entries.mjs';
import { withoutMarks } from './marks.mjs';
import { PAGE, pageChunks } from './page.mjs';
import { packedRows } from './rows.mjs';
import { bundleTypes } from './types.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Names that people see, in the console and in messages, stay. */
const keepNames = { class: true, function: false };

/** What is installed beside the package, or may be. */
const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).map(
  (name) => new RegExp(`^${name}(?:/|$)`),
);

const options = {
  cwd: root,
  platform: 'neutral',
  external: [/^node:/, ...packages, /^wasm-sandbox\//],
  // The manifest says the same of the build.
  treeshake: { moduleSideEffects: (path) => /\/src\/[^/]+$/.test(path) || path.endsWith(PAGE.source) },
  // Constants take part in many chunks, and each that one of them takes from another costs a name on either side.
  optimization: { inlineConst: true },
};

/**
 * What is one file each: to open many takes longer than to read much. What every sandbox needs comes first, then what
 * programs name beside it, of which bundlers leave out the more.
 */
const FILES = { core: 'src/sandbox.ts', api: `${ENTRIES['./minimal']}.ts` };

/** @returns the paths of a source and of all that it needs: of what is loaded at once with it, unless another choice is given */
async function findAll(source, choose = atOnce) {
  const build = await rolldown({ ...options, input: { [PAGE.name]: source } });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  return new Set(choose(output).flatMap(({ moduleIds }) => moduleIds));
}

async function bundle(input, groups, plugins) {
  const build = await rolldown({ ...options, input, plugins });
  const { output } = await build.write({
    dir: dist,
    format: 'es',
    exports: 'named',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    sourcemap: true,
    minify: { compress: { keepNames }, mangle: { keepNames }, codegen: true },
    codeSplitting: { groups },
  });
  await build.close();
  const chunks = output.filter(({ type }) => type === 'chunk');
  for (const chunk of chunks) {
    const { code, map } = withoutMarks(chunk);
    const path = join(dist, chunk.fileName);
    writeFileSync(path, code);
    if (map) writeFileSync(`${path}.map`, JSON.stringify(map));
  }
  return chunks;
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const declarations = join(dist, 'declarations');
const flags = ['--emitDeclarationOnly', '--stripInternal', '--outDir', declarations];
const status = run(process.execPath, [tool('typescript', 'tsc'), '-p', 'tsconfig.build.json', ...flags]);
if (status !== 0) process.exit(status);
const [core, api, page] = [await findAll(FILES.core), await findAll(FILES.api), await findAll(PAGE.source, pageChunks)];
const groups = [
  { name: 'core', test: (path) => core.has(path), priority: 3 },
  // Pages have no use for the rest of it.
  { name: 'api-in-pages', test: (path) => api.has(path) && page.has(path), priority: 2 },
  { name: 'api', test: (path) => api.has(path), priority: 1 },
];
const input = { ...sources(), [COMMAND.name]: COMMAND.source, [PAGE.name]: PAGE.source, ...THREADS };
const chunks = await bundle(input, groups, [await packedRows()]);
await writeCommonJs(dist, chunks, Object.keys(sources()));
writeFileSync(join(dist, 'page.json'), JSON.stringify(pageChunks(chunks).map(({ fileName }) => fileName)));
await bundleTypes(declarations, dist, packages);
rmSync(declarations, { recursive: true });
chmodSync(join(dist, `${COMMAND.name}.js`), 0o755);
