// Packs what is built in dist/, installs the tarball in an empty folder, and uses it as a stranger would:
// the command answers, every import path loads, and its types compile under strict settings.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tool } from './ensure.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), `${manifest.name}-pack-`));
const shell = process.platform === 'win32';

function read(command, args, cwd) {
  return execFileSync(command, args, {
    cwd,
    shell: shell && command !== process.execPath,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

try {
  const packed = JSON.parse(
    read('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], root),
  );
  // npm 12 and later key the list by package name.
  const { filename, files, size } = Object.values(packed)[0];
  const names = files.map((file) => file.path);
  for (const name of ['README.md', 'LICENSE', 'ARCHITECTURE.md', 'RATIONALE.md']) {
    check(names.includes(name), `${name} is not in the tarball`);
  }
  const stray = names.filter((name) => /^(test|bench|scripts|fixtures|node_modules)\/|\.node$/.test(name));
  check(stray.length === 0, `files that do not belong in the tarball: ${stray.join(', ')}`);

  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  read('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', `./${filename}`], folder);

  const version = read('npx', ['--no-install', manifest.name, '--version'], folder).trim();
  check(version === manifest.version, `the command says version "${version}", the manifest says ${manifest.version}`);

  // Without the host's WebAssembly: nothing but the interpreter can have run this.
  const command = join(folder, 'node_modules', manifest.name, manifest.bin[manifest.name]);
  const program = join(root, 'fixtures/build/primes.wasm');
  const printed = read(process.execPath, ['--jitless', command, 'run', program, '1000'], folder);
  check(printed.includes('168 primes'), `without WebAssembly, the program printed:\n${printed}`);

  const imports = [];
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const specifier = `${manifest.name}${entry.slice(1)}`;
    check(existsSync(join(folder, 'node_modules', manifest.name, target.types)), `${specifier} has no types`);
    imports.push(specifier);
  }
  const load = imports.map((specifier) => `await import('${specifier}');`).join('\n');
  writeFileSync(join(folder, 'load.mjs'), load);
  read(process.execPath, ['load.mjs'], folder);

  // The synchronous entry has Node's folders: the manifest leads there.
  const sync = `
    import { readFileSync } from 'node:fs';
    import { Capability, WasmSandbox } from '${manifest.name}/sync';
    const capabilities = [Capability.filesystemAccess([{ host: '.', guest: '/data' }])];
    const args = ['files', 'cat', '/data/package.json'];
    const source = readFileSync(${JSON.stringify(join(root, 'fixtures/build/files.wasm'))});
    console.log(WasmSandbox.create({ source, args, capabilities }).run().stdout);`;
  writeFileSync(join(folder, 'sync.mjs'), sync);
  const shown = read(process.execPath, ['sync.mjs'], folder);
  check(shown.includes('"consumer"'), `the synchronous sandbox printed:\n${shown}`);

  const use = imports.map((specifier, index) => `import * as m${index} from '${specifier}';\nvoid m${index};`);
  writeFileSync(join(folder, 'use.ts'), use.join('\n'));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  try {
    read(process.execPath, [tool('typescript', 'tsc'), '--pretty', 'false'], folder);
  } catch (error) {
    throw new Error(`the published types do not compile:\n${error.stdout}`);
  }
  console.log(
    `packed and installed: ${names.length} files, ${Math.round(size / 1024)} kB, ${imports.length} import paths`,
  );
} catch (error) {
  console.error(`the packed package does not work: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
