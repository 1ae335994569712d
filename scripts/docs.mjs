// `npm run docs`: the reference of everything that the import paths give, from the comments of the source, in docs/api/.
// Fails for names without a comment, for links that lead nowhere, and for types that are used and not in it.
//
// TypeDoc reads the source with a compiler of its own, as its version of TypeScript is older than the project's. Both
// come from npm, once, into a folder beside the dependencies.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, npm, run, step } from './ensure.mjs';
import { ENTRIES } from './entries.mjs';

const PACKAGES = { typedoc: '0.28.20', typescript: '6.0.3' };

/** What names in it lead to, and only the library itself makes or uses. */
const NOT_IN_IT = [
  // The JavaScript API describes the classes of a namespace, which it makes for itself.
  ...['Exception', 'Global', 'Instance', 'Memory', 'Table', 'Tag'].map(
    (name) => `src/webassembly/namespace.ts:${name}`,
  ),
  'src/webassembly/shape.ts:ErrorConstructor',
  'src/webassembly/promises.ts:SuspendError',
  'src/webassembly/promises.ts:Suspending',
  'policy/capability.ts:Capability',
  'policy/capability.ts:TypeName',
  'policy/fs/filesystem.ts:FileSystem',
  'policy/fs/mounts.ts:MountOptions',
  'wasm/types.ts:FuncType',
  'wasm/module.ts:WasmModule',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'node_modules/.cache/docs');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function isInstalled([name, version]) {
  const path = join(folder, 'node_modules', name, 'package.json');
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).version === version;
}

function install() {
  mkdirSync(folder, { recursive: true });
  // A manifest of its own, or npm would take the project's.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const packages = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  return npm(['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', ...packages]);
}

/** The source of each import path. */
const entryPoints = Object.values(ENTRIES).map((source) => join(root, `${source}.ts`));

const settings = {
  name: manifest.name,
  entryPoints,
  tsconfig: join(root, 'tsconfig.build.json'),
  out: join(root, 'docs/api'),
  readme: 'none',
  // The compiler of the project has checked the types.
  skipErrorChecking: true,
  disableSources: true,
  disableGit: true,
  excludeInternal: true,
  excludePrivate: true,
  // What errors have of the host's.
  excludeExternals: true,
  treatWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true },
  // Names and types of properties often say all there is.
  requiredToBeDocumented: ['Enum', 'Variable', 'Function', 'Class', 'Interface', 'Method', 'Accessor', 'TypeAlias'],
  intentionallyNotExported: NOT_IN_IT,
};

ensureInstalled();
if (!Object.entries(PACKAGES).every(isInstalled)) step(`installing TypeDoc ${PACKAGES.typedoc}`, install);
const config = join(folder, 'config.json');
writeFileSync(config, JSON.stringify(settings));
process.exitCode = run(process.execPath, [join(folder, 'node_modules/typedoc/bin/typedoc'), '--options', config]);
