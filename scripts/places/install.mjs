// Packages of npm that places need, in a folder of their own, which is kept.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, step } from '../ensure.mjs';
import { VERSIONS } from './table.mjs';

/** The folder whose node_modules has them. */
export const CACHE = fileURLToPath(new URL('../../node_modules/.cache/places', import.meta.url));

function versionOf(name) {
  const path = join(CACHE, 'node_modules', name, 'package.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version.replace(/^v/, '') : undefined;
}

/** Installs what is missing, as it is in the table. Scripts of packages are not run. */
export function install(names) {
  mkdirSync(CACHE, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  const manifest = join(CACHE, 'package.json');
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const missing = [...new Set(names)].filter((name) => versionOf(name) !== VERSIONS[name].replace(/.*@/, ''));
  if (missing.length === 0) return;
  const packages = missing.map((name) => `${name}@${VERSIONS[name]}`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  step(`installing ${missing.join(', ')}`, () => npm(['install', '--prefix', CACHE, ...quiet, ...packages]));
}
