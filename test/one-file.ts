/**
 * Scripts that tests run in processes of their own, each made one file of before. To load the sources one by one takes
 * a process longer than most of what is tested in it.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** For packages that are no ES modules. */
const REQUIRE = `import { createRequire as makeRequire } from 'node:module';
const require = makeRequire(import.meta.url);
const [__filename, __dirname] = ['', ''];`;

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = fileURLToPath(new URL('../node_modules/.cache/one-file', import.meta.url));

async function make(script: string, withPackages: boolean): Promise<string> {
  // Comes with tsx.
  const tsx = createRequire(import.meta.url).resolve('tsx');
  const { build } = createRequire(tsx)('esbuild') as typeof import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [script],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: withPackages ? 'bundle' : 'external',
    ...(withPackages && { banner: { js: REQUIRE } }),
    write: false,
    plugins: [
      {
        name: 'where a module is',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, 'utf8').replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
            loader: 'ts',
          }));
        },
      },
    ],
  });
  mkdirSync(folder, { recursive: true });
  // Checkouts may share their dependencies, and the folder with them.
  const checkout = createHash('sha256').update(root).digest('hex').slice(0, 8);
  const file = `${folder}/${basename(script, '.ts')}-${checkout}.mjs`;
  // Nobody finds half a file: other tests may run the same script.
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, outputFiles[0]!.contents);
  renameSync(unfinished, file);
  return file;
}

const made = new Map<string, Promise<string>>();

/**
 * Path of the file that is made of a script, which is named by its path from the root of the repository.
 * @param withPackages whether what it uses of packages is in the file too, which takes a process less time to load
 */
export function oneFile(script: string, withPackages = false): Promise<string> {
  const file = made.get(script) ?? make(root + script, withPackages);
  made.set(script, file);
  return file;
}
