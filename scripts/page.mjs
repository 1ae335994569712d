// The program of widgets' pages (src/jupyter/page/main.ts): of which files it is linked.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { packedRows } from './rows.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Its name in dist/, and its source. */
export const PAGE = { name: 'page', source: 'src/jupyter/page/main.ts' };

/** Parts that are loaded where they are needed, and no page needs: its module is bytes, and what it runs is not saved. */
const NOT_IN_IT =
  /[\\/](?:wasm[\\/]text[\\/]check|src[\\/]replay[\\/]recorder|interpreter[\\/]snapshot[\\/]install)\.ts$/;

/**
 * @param chunks of the bundler
 * @returns those that it is linked of, the one that runs last
 */
export function pageChunks(chunks) {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set([byName.get(`${PAGE.name}.js`)]);
  for (const { imports, dynamicImports } of found) {
    for (const name of [...imports, ...dynamicImports]) {
      const chunk = byName.get(name);
      if (!NOT_IN_IT.test(chunk.facadeModuleId)) found.add(chunk);
    }
  }
  return [...found].reverse();
}

/** @returns the files' names and texts, as the package has them */
export async function bundlePage() {
  const build = await rolldown({
    cwd: root,
    input: { [PAGE.name]: PAGE.source },
    platform: 'neutral',
    treeshake: { moduleSideEffects: (path) => path.endsWith('main.ts') },
    plugins: [await packedRows()],
  });
  const { output } = await build.generate({ format: 'es', minify: true });
  await build.close();
  return pageChunks(output).map(({ fileName, code }) => [fileName, code]);
}
