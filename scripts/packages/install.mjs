// Packages from npm that are tried: exact versions, in a folder of their own, from which no script is run.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, step } from '../ensure.mjs';

/** Where they are. */
export const folder = fileURLToPath(new URL('../../node_modules/.cache/packages', import.meta.url));
const VERSIONS = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8'));

export const path = (file) => join(folder, 'node_modules', file);

export function versionOf(name) {
  const manifest = path(`${name}/package.json`);
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

/** Installs those of the names that are missing, also where they say that they are for another processor. */
export function install(names) {
  mkdirSync(folder, { recursive: true });
  const files = {
    // A manifest of its own, or npm would take the project's.
    'package.json': '{ "private": true }\n',
    'load.mjs': 'export const load = (name) => import(name);\n',
    'first.cjs': 'exports.first = 1;\n',
  };
  for (const [name, text] of Object.entries(files))
    if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), text);
  const missing = [...new Set(names)].filter((name) => versionOf(name) !== VERSIONS[name]);
  if (missing.length === 0) return;
  const packages = missing.map((name) => `${name}@${VERSIONS[name]}`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--force', '--legacy-peer-deps'];
  step(`installing ${missing.join(', ')}`, () => npm(['install', '--prefix', folder, ...quiet, ...packages]));
}
