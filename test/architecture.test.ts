import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ENTRIES } from '../scripts/entries.mjs';

/** Which folders a folder may import, by value or by type. */
const mayImport: Record<string, readonly string[]> = {
  wasm: [],
  interpreter: ['wasm'],
  instrument: ['wasm'],
  policy: ['wasm'],
  src: ['wasm', 'interpreter', 'instrument', 'policy'],
};

/** Folders and the files beside them, from the bottom up: each may import those before it, by value or by type. */
const interpreterUpwards = [
  'numeric.ts',
  'code',
  'generate',
  'values',
  'gc',
  'store',
  'vector',
  'machine',
  'snapshot',
  'parts.ts',
  'engine.ts',
  'index.ts',
].map((name) => `interpreter/${name}`);

const srcUpwards = [
  'checks',
  'crypto',
  'runtime',
  'time',
  'webassembly',
  'module',
  'engines',
  'cache',
  'call',
  'snapshot',
  'replay',
  'sandbox',
  'sandbox.ts',
  'scheduler',
  'pool',
  'sync',
  'values',
  'extism',
  'service',
  'component',
  'testing',
  'telemetry',
  'jupyter',
  'durable',
  'bullmq',
  'parts.ts',
  'component-parts.ts',
  'component-parts.node.ts',
  'node.node.ts',
  'api.ts',
  'index.ts',
  'interpreter.ts',
  'minimal.ts',
  'sync.ts',
  'policy.ts',
  'webassembly.ts',
  'instrument.ts',
  'symbols',
  'symbols.ts',
  'text.ts',
  'extism.ts',
  'service.ts',
  'express.ts',
  'fastify.ts',
  'hono.ts',
  'nest.ts',
  'ndarray.ts',
  'arrow.ts',
  'vitest.ts',
  'node-test.ts',
  'otel.ts',
  'prometheus.ts',
  'jupyter.ts',
  'durable.ts',
  'bullmq.ts',
  'extism.node.ts',
  'service.node.ts',
  'service-thread.node.ts',
  'fastify.node.ts',
  'nest.node.ts',
  'component.ts',
  'component.node.ts',
  'index.node.ts',
  'interpreter.node.ts',
  'minimal.node.ts',
  'sync.node.ts',
  'policy.node.ts',
  'instrument.node.ts',
  'vitest.node.ts',
  'node-test.node.ts',
  'jupyter.node.ts',
  'cli/io',
  'cli/arguments',
  'cli/commands',
  'cli',
].map((name) => `src/${name}`);

const upwards = [...interpreterUpwards, ...srcUpwards];

/** The only place where each package may be imported. */
const packageHome: Record<string, string> = {
  '@bytecodealliance/jco-transpile/component': 'src/component-parts.ts',
  '@jridgewell/trace-mapping': 'src/symbols/',
  '@nestjs/common': 'src/nest.ts',
  '@nestjs/core': 'src/nest.ts',
  'apache-arrow': 'src/arrow.ts',
  express: 'src/express.ts',
  fastify: 'src/fastify.ts',
  'fastify-plugin': 'src/fastify.ts',
  hono: 'src/hono.ts',
  binaryen: 'instrument/',
  vitest: 'src/testing/vitest-api.ts',
  '@opentelemetry/api': 'src/telemetry/otel-api.ts',
  bullmq: 'src/bullmq/on-redis.ts',
  piscina: 'src/service/piscina.node.ts',
  '@bomb.sh/tab': 'src/cli/commands/',
  commander: 'src/cli/',
  picocolors: 'src/cli/',
  'yocto-spinner': 'src/cli/io/',
};

interface Import {
  specifier: string;
  /** `dynamic` covers `import('…').Type` too; neither is loaded together with the file it stands in. */
  kind: 'value' | 'type' | 'dynamic';
}

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = new Map<string, string>();
for (const folder of Object.keys(mayImport)) {
  for (const path of filesBelow(folder)) {
    if (path.endsWith('.ts')) sources.set(path, readFileSync(`${root}/${path}`, 'utf8'));
  }
}

function filesBelow(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' });
  } catch {
    return []; // A folder that has no file yet does not exist in a clone.
  }
  return entries.map((entry) => `${folder}/${entry.replaceAll('\\', '/')}`).sort();
}

const comment = String.raw`\/\*[\s\S]*?\*\/|\/\/[^\n]*`;
const quoted = String.raw`'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"`;
const template = String.raw`\x60(?:\\[\s\S]|[^\x60\\])*\x60`;
const tokens = new RegExp(`(${comment})|(${quoted})|(${template})`, 'g');

/** The text without comments; with `keepStrings` false also without strings, save what templates compute. */
function strip(text: string, keepStrings: boolean): string {
  return text.replace(tokens, (all, isComment, isQuoted) => {
    if (isComment !== undefined) return ' ';
    if (keepStrings) return all;
    return isQuoted === undefined ? `(${(all.match(/\$\{[^}]*\}/g) ?? []).join(' ')})` : "''";
  });
}

function importsOf(text: string): Import[] {
  const code = strip(text, true);
  const found: Import[] = [];
  const statement = /(?<![.\w$])(?:import|export)(\s+type\b)?(?:[^'"`;()=]*?\bfrom)?\s*(['"])([^'"\n]+)\2/g;
  for (const [, type, , specifier] of code.matchAll(statement)) {
    found.push({ specifier: specifier!, kind: type === undefined ? 'value' : 'type' });
  }
  for (const [, , specifier] of code.matchAll(/(?<![.\w$])import\s*\(\s*(['"])([^'"\n]+)\1/g)) {
    found.push({ specifier: specifier!, kind: 'dynamic' });
  }
  return found;
}

const isRelative = (specifier: string) => /^\.{1,2}\//.test(specifier);
const resolve = (from: string, specifier: string) => posix.join(posix.dirname(from), specifier);
/** Where in `upwards` a file stands; a folder in another comes before that one, and so is found first. */
const levelOf = (path: string) => upwards.findIndex((name) => path === name || path.startsWith(`${name}/`));
const isNodeFile = (path: string) => path.endsWith('.node.ts') || path.includes('/node/');

/** What a folder of the interpreter has for the others is in its index. */
function isOffered(from: string, target: string): boolean {
  const [, folder] = /^(interpreter\/\w+)\//.exec(target) ?? [];
  return (
    folder === undefined || from.startsWith(`${folder}/`) || target === `${folder}/index.ts` || !isInterpreter(from)
  );
}
const isInterpreter = (path: string) => path.startsWith('interpreter/');

/** Every rule that one file breaks, each as a sentence. */
function faults(path: string, text: string): string[] {
  const found: string[] = [];
  const home = path.slice(0, path.indexOf('/'));
  for (const { specifier } of importsOf(text)) {
    if (isRelative(specifier)) {
      const target = resolve(path, specifier);
      const folder = target.slice(0, target.indexOf('/'));
      if (!target.endsWith('.ts')) found.push(`imports ${specifier} without the ending .ts`);
      const [level, wanted] = [levelOf(path), levelOf(target)];
      if (wanted > level && level >= 0)
        found.push(`${upwards[level]} imports ${upwards[wanted]}, which stands above it`);
      if (folder !== home && !mayImport[home]?.includes(folder)) found.push(`${home} imports ${folder}`);
      if (!isOffered(path, target)) found.push(`imports ${specifier}, which is not its folder's index`);
    } else if (specifier.startsWith('node:')) {
      if (!isNodeFile(path)) found.push(`imports ${specifier} outside a *.node.ts file`);
    } else {
      const allowed = packageHome[specifier];
      if (allowed === undefined) found.push(`imports the package ${specifier}`);
      else if (!path.startsWith(allowed)) found.push(`imports ${specifier} outside ${allowed}`);
    }
  }
  const code = strip(text, false);
  // What components become is a text, which is made a module nowhere else.
  if (/(?<![.\w$])import\s*\(\s*(?!'')/.test(code) && path !== 'src/component/evaluate.ts')
    found.push('imports a computed path');
  if (/(?<![.\w$])require\s*\(/.test(code)) found.push('uses require');
  if (/(?<![.\w$])eval\s*\(|\(\s*0\s*,\s*eval\s*\)/.test(code)) found.push('uses eval');
  if (/(?<![.\w$])Function\s*\(/.test(code)) found.push('makes a function from text');
  if (!path.startsWith('instrument/')) {
    // A file that declares or imports the name means its own; the linter, which knows scopes, sees the rest.
    const own = /\b(?:const|let|class|interface|type)\s+WebAssembly\b|\bimport\b[^;]*?\bWebAssembly\b[^;]*?\bfrom\b/;
    const bare = /(?<![.\w$'])WebAssembly\s*(?:\?\.|\.|\[)/;
    if (bare.test(code) && !own.test(code)) found.push("uses the host's WebAssembly");
    if (/\b(?:globalThis|self|window|global)\s*(?:\?\.|\.|\[|\?\.\[)\s*['"`]?WebAssembly\b/.test(strip(text, true))) {
      found.push("uses the host's WebAssembly through the global object");
    }
  }
  if (!isNodeFile(path) && /(?<![.\w$])(?:Buffer\b|NodeJS\.|process\.)/.test(code)) found.push("uses Node's globals");
  if (/^(?:export )?(?:const|let) .*\bnew Text(?:De|En)coder\b/m.test(code)) {
    found.push('makes while it is loaded what some runtimes do not have: wasm/utf8.ts does without');
  }
  return found;
}

const imports = new Map([...sources].map(([path, text]) => [path, importsOf(text)]));

/** What loading `entry` loads with it, or what is reached from it by imports of more kinds. */
function closure(
  entry: string,
  kinds: readonly Import['kind'][] = ['value'],
): { files: Set<string>; external: Set<string> } {
  const files = new Set([entry]);
  const external = new Set<string>();
  for (const path of files) {
    for (const { specifier, kind } of imports.get(path) ?? []) {
      if (!kinds.includes(kind)) continue;
      if (isRelative(specifier)) files.add(resolve(path, specifier));
      else external.add(`${path} imports ${specifier}`);
    }
  }
  return { files, external };
}

function isCyclic(path: string, kinds: readonly Import['kind'][]): boolean {
  const next = (imports.get(path) ?? []).filter(({ specifier, kind }) => kinds.includes(kind) && isRelative(specifier));
  return next.some(({ specifier }) => closure(resolve(path, specifier), kinds).files.has(path));
}

describe('every source file keeps to its place', () => {
  test('the folders hold source files', () => {
    expect([...sources.keys()].filter((path) => path.startsWith('wasm/')).length).toBeGreaterThan(0);
  });

  test('arrows between folders, packages, node:, WebAssembly and eval', () => {
    const all = [...sources].flatMap(([path, text]) => faults(path, text).map((fault) => `${path} ${fault}`));
    expect(all).toEqual([]);
  });

  test('every file of interpreter/ and src/ has a place in the order', () => {
    const ordered = [...sources.keys()].filter((path) => /^(interpreter|src)\//.test(path));
    expect(ordered.filter((path) => levelOf(path) < 0)).toEqual([]);
    expect(upwards.filter((_, level) => !ordered.some((path) => levelOf(path) === level))).toEqual([]);
  });

  test('no file imports itself by way of others', () => {
    expect([...sources.keys()].filter((path) => isCyclic(path, ['value']))).toEqual([]);
  });

  test('nor does one by way of types', () => {
    expect([...sources.keys()].filter((path) => isCyclic(path, ['value', 'type']))).toEqual([]);
  });

  test('nor, in src/, by way of what is loaded later', () => {
    const inSrc = [...sources.keys()].filter((path) => path.startsWith('src/'));
    expect(inSrc.filter((path) => isCyclic(path, ['value', 'type', 'dynamic']))).toEqual([]);
  });
});

/** Optional packages that an entry asks for when somebody uses what needs them. */
const peers: Record<string, readonly string[]> = {
  'src/component': ['src/component-parts.ts imports @bytecodealliance/jco-transpile/component'],
  'src/arrow': ['src/arrow.ts imports apache-arrow'],
  'src/fastify': ['src/fastify.ts imports fastify-plugin'],
  'src/nest': ['src/nest.ts imports @nestjs/common', 'src/nest.ts imports @nestjs/core'],
  'src/otel': ['src/telemetry/otel-api.ts imports @opentelemetry/api'],
  'src/vitest': ['src/testing/vitest-api.ts imports vitest'],
  'src/bullmq': ['src/bullmq/on-redis.ts imports bullmq'],
  'src/symbols': ['src/symbols/source-map.ts imports @jridgewell/trace-mapping'],
};

describe('what a program loads', () => {
  test.each(Object.values(ENTRIES))('%s needs no package and no Node, now or later', (entry) => {
    const { files, external } = closure(`${entry}.ts`, ['value', 'dynamic']);
    expect([...files].filter((path) => !sources.has(path))).toEqual([]);
    expect([...files].filter(isNodeFile)).toEqual([]);
    expect([...external]).toEqual(peers[entry] ?? []);
  });
});

test('the text format is loaded where there is a text, and by nobody else', () => {
  const others = Object.values(ENTRIES).filter((entry) => entry !== 'src/text');
  const loaded = others.flatMap((entry) =>
    [...closure(`${entry}.ts`, ['value']).files].filter((path) => path.startsWith('wasm/text/')),
  );
  expect(loaded).toEqual([]);
});

describe('the rules themselves', () => {
  const planted: [path: string, text: string, faults: string[]][] = [
    ['wasm/a.ts', "import { x } from './b.ts';", []],
    ['wasm/a.ts', "import { x } from '../interpreter/b.ts';", ['wasm imports interpreter']],
    ['wasm/a.ts', "import type { X } from '../src/b.ts';", ['wasm imports src']],
    ['wasm/a.ts', "import {\n  x,\n  type Y,\n} from '../policy/b.ts';", ['wasm imports policy']],
    ['interpreter/a.ts', "export * from '../policy/b.ts';", ['interpreter imports policy']],
    ['interpreter/a/b.ts', "import '../../wasm/b.ts';", []],
    ['interpreter/a.ts', "type T = import('../instrument/b.ts').T;", ['interpreter imports instrument']],
    ['policy/a.ts', "await import('../src/b.ts');", ['policy imports src']],
    ['src/time/a.ts', "import { x } from '../checks/b.ts';", []],
    ['src/time/a.ts', "import { x } from './b.ts';", []],
    [
      'src/checks/a.ts',
      "import type { X } from '../time/b.ts';",
      ['src/checks imports src/time, which stands above it'],
    ],
    [
      'src/sandbox/a.ts',
      "await import('../sandbox.ts');",
      ['src/sandbox imports src/sandbox.ts, which stands above it'],
    ],
    ['interpreter/machine/a.ts', "import { x } from '../store/index.ts';", []],
    ['interpreter/machine/a.ts', "import { x } from './b.ts';", []],
    [
      'interpreter/machine/a.ts',
      "import { x } from '../store/b.ts';",
      ["imports ../store/b.ts, which is not its folder's index"],
    ],
    [
      'interpreter/store/a.ts',
      "import type { X } from '../machine/index.ts';",
      ['interpreter/store imports interpreter/machine, which stands above it'],
    ],
    ['src/cli/a.ts', "import { x } from './io/b.ts';", []],
    ['src/cli/io/a.ts', "import { x } from '../b.ts';", ['src/cli/io imports src/cli, which stands above it']],
    ['src/a.ts', "import { x } from '../test/b.ts';", ['src imports test']],
    ['src/a.ts', "import { x } from '../wasm/b.js';", ['imports ../wasm/b.js without the ending .ts']],
    ['src/a.ts', 'import { x } from "node:fs";', ['imports node:fs outside a *.node.ts file']],
    ['src/a.node.ts', "import { x } from 'node:fs';", []],
    ['src/a.ts', "import b from 'binaryen';", ['imports binaryen outside instrument/']],
    ['instrument/a.ts', "const b = await import('binaryen');", []],
    ['src/a.ts', "import x from 'left-pad';", ['imports the package left-pad']],
    ['src/a.ts', 'await import(name);', ['imports a computed path']],
    ['src/a.ts', 'await import(`./x`);', ['imports a computed path']],
    ['src/a.ts', "// import { x } from 'node:fs';\n/* import 'y' */", []],
    ['src/a.ts', 'new WebAssembly.Module(b);', ["uses the host's WebAssembly"]],
    ['src/a.ts', 'let m: WebAssembly.Memory;', ["uses the host's WebAssembly"]],
    ['src/a.ts', `const s = \`\${WebAssembly.validate(b)}\`;`, ["uses the host's WebAssembly"]],
    ['src/a.ts', "const WebAssembly = make();\nWebAssembly.validate(b); throw Error('WebAssembly.x');", []],
    ['src/a.ts', "// WebAssembly.Module\nthrow Error('WebAssembly.Module(): no');", []],
    ['src/a.ts', "globalThis['WebAssembly']", ["uses the host's WebAssembly through the global object"]],
    ['instrument/a.ts', 'new WebAssembly.Module(b);', []],
    ['src/a.ts', "eval('1'); (0, eval)('1');", ['uses eval']],
    ['src/a.ts', "const f = new Function('return 1');", ['makes a function from text']],
    ['src/a.ts', 'instanceofFunction(x); decoder.Function(x); evaluate(x);', []],
    ['src/a.ts', 'process.exit(1);', ["uses Node's globals"]],
    ['src/a.ts', 'guest.process.exit(1);', []],
    [
      'wasm/a.ts',
      'const encoder = new TextEncoder();',
      ['makes while it is loaded what some runtimes do not have: wasm/utf8.ts does without'],
    ],
    ['wasm/a.ts', 'function f() {\n  const decoder = new TextDecoder();\n}', []],
  ];

  test.each(planted)('%s: %s', (path, text, expected) => {
    expect(faults(path, text)).toEqual(expected);
  });
});
