// Bundles the declarations of all entries for `require`; those for `import` lead there, as they say the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseSync } from 'rolldown/utils';
import { sources } from './entries.mjs';

/**
 * @param from the folder of the declarations that the compiler wrote
 * @param to where they go
 * @param external packages, whose declarations are their own
 */
export async function bundleTypes(from, to, external) {
  const { rolldown } = await import('rolldown');
  const { dts } = await import('rolldown-plugin-dts');
  const entries = Object.entries(sources()).filter(([name]) => !name.endsWith('.node'));
  for (const [source, names] of Object.entries(OPAQUE)) hide(join(from, source), names);
  const build = await rolldown({
    input: Object.fromEntries(entries.map(([name, source]) => [name, join(from, source.replace(/\.ts$/, '.d.ts'))])),
    external,
    plugins: [besideOneAnother, dts({ dtsInput: true, tsconfig: false })],
  });
  const { output } = await build.generate({
    format: 'es',
    chunkFileNames: 'chunks/[name].d.ts',
    minifyInternalExports: false,
    codeSplitting: { groups: [{ name: 'types', minShareCount: 2 }] },
  });
  await build.close();
  const written = new Map();
  for (const { fileName, code, isEntry, exports } of output) {
    const text = short(forAll(code).replace(/(from "\.[^"]*)\.js"/g, '$1.cjs"'));
    const other = `./${fileName.replace(/\.d\.ts$/, '.cjs')}`;
    const same = written.get(text);
    if (same === undefined) written.set(text, other);
    writeFileSync(
      join(to, fileName.replace(/\.d\.ts$/, '.d.cts')),
      same === undefined ? text : `export * from "${same}";\n`,
    );
    if (!isEntry) continue;
    const more = exports.includes('default') ? defaultOf(text, other) : '';
    writeFileSync(join(to, fileName), `export * from "${other}";\n${more}`);
  }
}

/** Without the names of the compiler's files, and of a file that only passes on what another has, without names twice. */
const short = (text) =>
  text
    .replaceAll(/^\/\/(?:#region| dist\/).*\n/gm, '')
    .replace(/^import (\{[^{}]*\}) from ("[^"]*");\s*export \1;\s*$/m, 'export $1 from $2;\n');

/**
 * The default of declarations, by another name that it has there or by its type: what `import` has for the default of a file
 * for `require` is all of it.
 */
function defaultOf(text, other) {
  const [, name] = /\b([\w$]+) as default\b/.exec(text);
  const exported = text.slice(text.lastIndexOf('export {'));
  if (new RegExp(`[{,] ${name}[, }](?!as)`).test(exported)) return `export { ${name} as default } from "${other}";\n`;
  const type = new RegExp(`^declare const ${name}: ([\\w$]+);`, 'm').exec(text)?.[1];
  if (type === undefined) throw new Error(`the default of ${other} has no name but ${name}, and no type with one`);
  return `import type { ${type} } from "${other}";\ndeclare const ${name}: ${type};\nexport default ${name};\n`;
}

/**
 * What types of the API are made of, and nobody sees: with their members, all that these lead to would be published. By the
 * compiler's declarations.
 */
const OPAQUE = {
  'policy/fs/filesystem.d.ts': ['FileSystem'],
  'src/sandbox/guest.d.ts': ['Guest'],
  'src/sandbox/life.d.ts': ['Life'],
  'src/sync/life.d.ts': ['SyncLife'],
  'src/webassembly/options.d.ts': ['NamespaceOptions'],
  'wasm/module.d.ts': ['WasmModule'],
};

/** Takes the members out of declarations. */
function hide(path, names) {
  let code = readFileSync(path, 'utf8');
  const found = parseSync(path, code)
    .program.body.map((statement) => statement.declaration ?? statement)
    .filter(({ id }) => names.includes(id?.name));
  if (found.length !== names.length) throw new Error(`${path} does not declare ${names.join(', ')}`);
  for (const { type, body } of found.reverse()) {
    // Nobody else can make one.
    const members = type === 'ClassDeclaration' ? '{ #private; }' : '{ readonly opaque: never; }';
    code = code.slice(0, body.start) + members + code.slice(body.end);
  }
  writeFileSync(path, code);
}

/** Declarations name the sources that they were made of. */
const besideOneAnother = {
  name: 'beside one another',
  resolveId(specifier, importer) {
    if (importer === undefined || !/^\.{1,2}\/.*(?<!\.d)\.ts$/.test(specifier)) return undefined;
    return join(dirname(importer), specifier.replace(/\.ts$/, '.d.ts'));
  },
};

/**
 * What is named of the web, and stands in its place in programs whose types have none of it: with neither the DOM's nor
 * Node's, nobody has such values to pass.
 */
const WEB = {
  AbortSignal: '{ readonly aborted: boolean; readonly reason: any; throwIfAborted(): void }',
  Blob: '{ readonly size: number; stream(): unknown; arrayBuffer(): Promise<ArrayBuffer> }',
  CryptoKey: '{ readonly type: string; readonly extractable: boolean; readonly usages: readonly string[] }',
  Request: '{ readonly url: string; readonly method: string; readonly bodyUsed: boolean }',
  Response: '{ readonly ok: boolean; readonly status: number; readonly bodyUsed: boolean }',
  URL: '{ readonly href: string; readonly protocol: string }',
};
/** Of streams, which have a parameter, the program's own cannot be taken so: these are as much of them as is used. */
const STREAMS = {
  ReadableStream:
    '{ readonly locked: boolean; getReader(): { read(): Promise<{ done: boolean; value?: T | undefined }> } }',
  WritableStream:
    '{ readonly locked: boolean; getWriter(): { write(chunk: T): Promise<void>; close(): Promise<void> } }',
};

/** The same declarations for compilers from 5.4 on, and for programs without the types of any runtime. */
function forAll(code) {
  const isNamed = (name) => new RegExp(`[^.\\w"'\`]${name}\\b(?!["'\`])`).test(code.replace(/\/\*[\s\S]*?\*\//g, ''));
  const web = Object.entries(WEB)
    .filter(([name]) => isNamed(name))
    .map(
      ([name, other]) => `type ${name} = typeof globalThis extends { ${name}: { prototype: infer T } } ? T : ${other};`,
    );
  const streams = Object.entries(STREAMS)
    .filter(([name]) => isNamed(name))
    .map(([name, used]) => `type ${name}<T = any> = ${used};`);
  return [
    // `using` is there from 5.2 on; who uses it has the library, and who does not may lack its symbols.
    '/// <reference lib="esnext.disposable" />',
    ...web,
    ...streams,
    // Before 5.7, arrays do not say what they are views of: what `slice` returns says it where it can be said.
    code
      .replace(/(\w+Array)<ArrayBuffer>/g, "ReturnType<$1['slice']>")
      .replace(/DataView<ArrayBuffer>|(\w+Array)<ArrayBufferLike>/g, (_, array = 'DataView') => array),
  ].join('\n');
}
