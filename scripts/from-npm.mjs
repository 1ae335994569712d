// Packages to compare with, which come from npm once, each into a folder of its own beside the dependencies.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { npm, step } from './ensure.mjs';

const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url));

/**
 * @param name of the package
 * @param version exactly
 * @param beside packages that are installed with it, as npm takes them
 * @param scripts whether what it runs when it is installed is run
 * @returns what the package is imported by; undefined where it is not installed, and is not to be
 */
export function fromNpm(name, version, { installs = true, beside = [], scripts = true } = {}) {
  const folder = join(cache, name.replace(/\W+/g, '-').replace(/^-/, ''));
  const manifest = join(folder, 'node_modules', name, 'package.json');
  const isThere = existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  if (!isThere && !installs) return undefined;
  if (!isThere) {
    step(`installing ${name} ${version}`, () => {
      mkdirSync(folder, { recursive: true });
      // A manifest of its own, or npm would take the project's.
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
      const options = ['--no-audit', '--no-fund', '--loglevel=error', ...(scripts ? [] : ['--ignore-scripts'])];
      return npm(['install', '--prefix', folder, ...options, `${name}@${version}`, ...beside]);
    });
  }
  return () => import(pathToFileURL(createRequire(join(folder, 'x.cjs')).resolve(name)).href);
}
