// The program of widgets' pages (src/jupyter/page/main.ts) as one file, compressed, to stand in a page.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { packedRows } from './rows.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Whether a source is the one that the program is put in the place of. */
export const isPageScript = (path) => /[\\/]src[\\/]jupyter[\\/]page-script\.ts$/.test(path);

/** Parts that are loaded where they are needed, and no page needs: its module is bytes, and what it runs is not saved. */
const NOT_IN_IT =
  /[\\/](?:wasm[\\/]text[\\/]check|src[\\/]replay[\\/]recorder|interpreter[\\/]snapshot[\\/]install)\.ts$/;

/** @returns as base64, gzipped */
export async function bundlePage() {
  const build = await rolldown({
    cwd: root,
    input: 'src/jupyter/page/main.ts',
    platform: 'browser',
    treeshake: { moduleSideEffects: (path) => /[\\/]src[\\/]jupyter[\\/]page[\\/]main\.ts$/.test(path) },
    plugins: [{ name: 'page', load: (path) => (NOT_IN_IT.test(path) ? 'export {};' : undefined) }, await packedRows()],
  });
  const { output } = await build.generate({ format: 'es', minify: true, codeSplitting: false });
  await build.close();
  if (output.length !== 1) throw new Error(`the program of the page is ${output.length} files`);
  return gzipSync(output[0].code, { level: 9 }).toString('base64');
}
