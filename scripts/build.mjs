// `npm run build`: makes dist/ from nothing, so that no file of an earlier build survives. Rolldown bundles the sources
// as ES modules and as CommonJS; the entries of each share their chunks, and so their classes. The compiler writes
// declarations without what is `@internal`, which are bundled the same way.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, tool } from './ensure.mjs';
import { COMMAND, sources } from './entries.mjs';
import { bundleTypes } from './types.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const FORMATS = [
  { format: 'es', ending: 'js', input: { ...sources(), [COMMAND.name]: COMMAND.source } },
  { format: 'cjs', ending: 'cjs', input: sources() },
];

/** Names that people see, in the console and in messages, stay. */
const keepNames = { class: true, function: false };

async function bundle({ format, ending, input }) {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'neutral',
    external: [/^node:/, 'binaryen', 'commander', /^wasm-sandbox\//],
    // The manifest says the same of the build.
    treeshake: { moduleSideEffects: (path) => path.includes('.node.') },
  });
  const { output } = await build.write({
    dir: dist,
    format,
    exports: 'named',
    entryFileNames: `[name].${ending}`,
    chunkFileNames: `chunks/[name].${ending}`,
    sourcemap: true,
    minify: { compress: { keepNames }, mangle: { keepNames }, codegen: true },
    codeSplitting: { groups: GROUPS },
  });
  await build.close();
  for (const { type, fileName, map } of output) {
    // The sources are no part of the package; what a map has of them is names and lines.
    if (type === 'chunk' && map) writeMap(`${fileName}.map`, map);
  }
}

function writeMap(name, { sourcesContent: _, ...map }) {
  writeFileSync(join(dist, name), JSON.stringify(map));
}

/** What every entry needs is one file: to open many takes longer than to read much. */
const GROUPS = [];

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const declarations = join(dist, 'declarations');
const options = ['--emitDeclarationOnly', '--stripInternal', '--outDir', declarations];
const status = run(process.execPath, [tool('typescript', 'tsc'), '-p', 'tsconfig.build.json', ...options]);
if (status !== 0) process.exit(status);
for (const format of FORMATS) await bundle(format);
await bundleTypes(declarations, dist);
rmSync(declarations, { recursive: true });
chmodSync(join(dist, `${COMMAND.name}.js`), 0o755);
