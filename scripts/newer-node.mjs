// Runs a TypeScript file of the project under a Node whose V8 has all of WebAssembly 3.0:
//
//   node scripts/newer-node.mjs scripts/test-spec.ts --host native --all
//   node scripts/newer-node.mjs scripts/fuzz.ts differential --features all
//
// Node itself comes from npm, once, into a folder beside the dependencies; NEWER_NODE names another one to use.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, npm, run, step, tool } from './ensure.mjs';

const VERSION = '26.10.0';

const folder = fileURLToPath(new URL('../node_modules/.cache/newer-node/', import.meta.url));
const binary = join(folder, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');

function install() {
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  return npm(['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', `node@${VERSION}`]);
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/newer-node.mjs FILE [arguments]');
  process.exit(2);
}
ensureInstalled();
const node = process.env.NEWER_NODE ?? binary;
if (node === binary && !existsSync(binary)) step(`installing Node ${VERSION}`, install);
process.exitCode = run(node, [tool('tsx'), file, ...args]);
