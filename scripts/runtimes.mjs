// Node, Deno and Bun, for scripts that compare them.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm, step } from './ensure.mjs';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/runtimes/', import.meta.url));

/**
 * Names of the three, and the words that start a script on each.
 * @param folder whose node_modules/.bin has deno and bun; unless given they are taken from npm, once
 */
export function findRuntimes(folder = CACHE) {
  const bin = (name) => join(folder, 'node_modules/.bin', name);
  if (folder === CACHE && !existsSync(bin('bun'))) step('installing deno and bun', install);
  return [
    { name: 'node', start: [process.execPath] },
    { name: 'deno', start: [bin('deno'), 'run', '-A', '--node-modules-dir=manual'] },
    { name: 'bun', start: [bin('bun')] },
  ];
}

function install() {
  mkdirSync(CACHE, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  writeFileSync(join(CACHE, 'package.json'), '{ "private": true }\n');
  return npm(['install', '--prefix', CACHE, '--no-audit', '--no-fund', '--loglevel=error', 'deno', 'bun']);
}
