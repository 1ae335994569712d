// Bundles the declarations of all entries, once for `import` and once for `require`.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sources } from './entries.mjs';

/**
 * @param from the folder of the declarations that the compiler wrote
 * @param to where they go
 */
export async function bundleTypes(from, to) {
  const { rolldown } = await import('rolldown');
  const { dts } = await import('rolldown-plugin-dts');
  const entries = Object.entries(sources()).filter(([name]) => !name.endsWith('.node'));
  const build = await rolldown({
    input: Object.fromEntries(entries.map(([name, source]) => [name, join(from, source.replace(/\.ts$/, '.d.ts'))])),
    plugins: [besideOneAnother, dts({ dtsInput: true, tsconfig: false })],
  });
  const { output } = await build.generate({ format: 'es', chunkFileNames: 'chunks/[name].d.ts' });
  await build.close();
  for (const { fileName, code } of output) {
    const text = forOlderCompilers(code);
    writeFileSync(join(to, fileName), text);
    writeFileSync(join(to, commonJs(fileName)), text.replace(/(from "\.[^"]*)\.js"/g, '$1.cjs"'));
  }
}

const commonJs = (name) => name.replace(/\.d\.ts$/, '.d.cts');

/** Declarations name the sources that they were made of. */
const besideOneAnother = {
  name: 'beside one another',
  resolveId(specifier, importer) {
    if (importer === undefined || !/^\.{1,2}\/.*(?<!\.d)\.ts$/.test(specifier)) return undefined;
    return join(dirname(importer), specifier.replace(/\.ts$/, '.d.ts'));
  },
};

/**
 * Before TypeScript 5.7, typed arrays do not say what they are views of. What `slice` returns is the array that says it
 * where it can be said.
 */
function forOlderCompilers(code) {
  return code
    .replaceAll('Uint8Array<ArrayBuffer>', "ReturnType<Uint8Array['slice']>")
    .replaceAll('Uint8Array<ArrayBufferLike>', 'Uint8Array');
}
