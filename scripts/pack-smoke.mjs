// Packs what is built in dist/, installs the tarball in an empty folder, and uses it as a stranger would: the command
// answers, README.md's examples run, every import path loads, and its types compile under strict settings. Then frameworks
// are there too, as they are in the project, and the examples of each adapter answer.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { tool } from './ensure.mjs';
import { ENTRIES, FRAMEWORKS, manifestFields, NEEDED } from './entries.mjs';
import { examplesIn } from './examples.mjs';
import { check, installPacked, link, onWindows, read, root } from './packed.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), `${manifest.name}-pack-`));

/** Paths of all files of the build that a part of the manifest names. */
function filesIn(part) {
  if (typeof part === 'string') return part.startsWith('./') && !part.includes('*') ? [part.slice(2)] : [];
  return Object.values(part).flatMap(filesIn);
}

/** Runs what the installed README.md shows: its first example with nothing but the package, the others beside the fixtures. */
function runExamples() {
  const examples = examplesIn(readFileSync(join(folder, 'node_modules', manifest.name, 'README.md'), 'utf8'));
  const [first, ...others] = examples;
  // Of JavaScript alone: whoever tries it has no other tool than Node.
  writeFileSync(join(folder, 'first.mjs'), first.code);
  const printed = read(process.execPath, ['first.mjs'], folder);
  check(/units of gas and \d+ bytes/.test(printed), `README.md's first example printed:\n${printed}`);

  cpSync(join(root, 'fixtures'), join(folder, 'fixtures'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/.cache'), { recursive: true });
  const path = `${join(folder, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
  for (const { line, language, code } of others) {
    try {
      if (language === 'sh') {
        // Written for a POSIX shell.
        if (!onWindows) read('sh', ['-eu', '-c', code], folder, { ...process.env, PATH: path });
        continue;
      }
      writeFileSync(join(folder, 'example.ts'), code);
      read(process.execPath, [tool('tsx'), 'example.ts'], folder);
    } catch (error) {
      throw new Error(`the example in line ${line} of README.md: ${error.message}`);
    }
  }
  return examples.length;
}

/** Examples of a document, each a program by itself, pasted in a folder. Returns what they printed. */
function runTypeScript(document, where = folder) {
  const text = readFileSync(join(root, document), 'utf8');
  return examplesIn(text).map(({ line, code }) => {
    writeFileSync(join(where, 'example.ts'), code);
    try {
      return read(process.execPath, [tool('tsx'), 'example.ts'], where);
    } catch (error) {
      throw new Error(`the example in line ${line} of ${document}: ${error.message}`);
    }
  });
}

/** Compiles against the types that were published. */
function compile(files, compilerOptions) {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  try {
    read(process.execPath, [tool('typescript', 'tsc'), '--pretty', 'false'], folder);
  } catch (error) {
    throw new Error(`the published types do not compile:\n${error.stdout}`);
  }
}

try {
  const { files, unpackedSize } = installPacked(folder);
  const names = files.map((file) => file.path);
  for (const name of ['README.md', 'LICENSE', 'SECURITY.md']) {
    check(names.includes(name), `${name} is not in the tarball`);
  }
  const stray = names.filter((name) =>
    /^(test|bench|scripts|fixtures|node_modules)\/|^docs\/.*\.md$|^CHANGELOG|\.node$/.test(name),
  );
  check(stray.length === 0, `files that do not belong in the tarball: ${stray.join(', ')}`);

  const version = read('npx', ['--no-install', manifest.name, '--version'], folder).trim();
  check(version === manifest.version, `the command says version "${version}", the manifest says ${manifest.version}`);

  // Without the host's WebAssembly: nothing but the interpreter can have run this.
  const command = join(folder, 'node_modules', manifest.name, manifest.bin[manifest.name]);
  const program = join(root, 'fixtures/build/primes.wasm');
  const printed = read(process.execPath, ['--jitless', command, 'run', program, '1000'], folder);
  check(printed.includes('168 primes'), `without WebAssembly, the program printed:\n${printed}`);

  const ran = runExamples();

  for (const file of filesIn(manifestFields())) check(names.includes(file), `${file} is named and not in the tarball`);
  const specifier = (entry) => `${manifest.name}${entry.slice(1)}`;
  const load = (entries) => {
    const lines = (words) => entries.map((entry) => `${words}('${specifier(entry)}');`).join('\n');
    writeFileSync(join(folder, 'load.mjs'), lines('await import'));
    read(process.execPath, ['load.mjs'], folder);
    writeFileSync(join(folder, 'load.cjs'), lines('require'));
    read(process.execPath, ['load.cjs'], folder);
  };
  const alone = Object.keys(ENTRIES).filter((entry) => FRAMEWORKS[entry] === undefined && NEEDED[entry] === undefined);
  load(alone);

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

  const use = (entries) =>
    entries.map((entry, index) => `import * as m${index} from '${specifier(entry)}';\nvoid m${index};`).join('\n');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  for (const file of ['use.mts', 'use.cts']) writeFileSync(join(folder, file), use(alone));
  compile(['use.mts', 'use.cts'], compilerOptions);

  const adapters = Object.keys(FRAMEWORKS);
  link(folder, [...Object.values(FRAMEWORKS).flat(), '@types/node', 'piscina']);
  load(adapters);
  writeFileSync(join(folder, 'use.mts'), use(adapters));
  // Their types are not ours to check.
  compile(['use.mts'], { ...compilerOptions, lib: ['es2022', 'dom'], types: ['node'], skipLibCheck: true });
  const services = runTypeScript('docs/service.md');
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'package.json'), JSON.stringify({ type: 'module' }));
  const answers = runTypeScript('docs/web.md', empty);
  check(
    answers.length === adapters.length,
    `docs/web.md has ${answers.length} examples for ${adapters.length} adapters`,
  );
  for (const answer of answers)
    check(/^200 \{ result: 610 \}$/m.test(answer), `an adapter's example printed:\n${answer}`);

  const maps = files.filter(({ path }) => path.endsWith('.map')).reduce((sum, { size }) => sum + size, 0);
  const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;
  console.log(
    `packed and installed: ${names.length} files, ${kilobytes(unpackedSize - maps)} without ${kilobytes(maps)} of maps, ` +
      `${Object.keys(ENTRIES).length} import paths, ${ran + services.length + answers.length} examples`,
  );
} catch (error) {
  console.error(`the packed package does not work: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
