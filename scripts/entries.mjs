// The import paths of the package, and what follows from them: the build, the manifest, the aliases of tests, the
// reference. `npm run generate` writes the manifest's part.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Each with its source, without the ending. One with a `.node.ts` beside it has more where Node's modules are. */
export const ENTRIES = {
  '.': 'src/index',
  './sync': 'src/sync',
  './webassembly': 'src/webassembly',
  './instrument': 'src/instrument',
  './extism': 'src/extism',
  './component': 'src/component',
  './ndarray': 'src/ndarray',
  './arrow': 'src/arrow',
  './durable': 'src/durable',
  './bullmq': 'src/bullmq',
  './interpreter': 'src/interpreter',
  './minimal': 'src/minimal',
  './policy': 'src/policy',
  './symbols': 'src/symbols',
  './text': 'src/text',
  './service': 'src/service',
  './express': 'src/express',
  './fastify': 'src/fastify',
  './hono': 'src/hono',
  './nest': 'src/nest',
  './vitest': 'src/vitest',
  './node-test': 'src/node-test',
  './otel': 'src/otel',
  './prometheus': 'src/prometheus',
  './jupyter': 'src/jupyter',
};

/** Of entries that are for a framework: what their users have installed, with what its documents' examples use. */
export const FRAMEWORKS = {
  './express': ['express', '@types/express'],
  './fastify': ['fastify', 'fastify-plugin', '@fastify/type-provider-typebox', 'typebox'],
  './hono': ['hono', '@hono/standard-validator', 'zod'],
  './nest': ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'],
};

/** Import paths that cannot be loaded without a package beside this one. */
export const NEEDED = { './vitest': 'vitest', './otel': '@opentelemetry/api' };

/** The command. */
export const COMMAND = { name: 'cli', source: 'src/cli/main.node.ts' };

/** Programs of worker threads, which those who start them find in dist/. */
export const THREADS = { 'service-thread.node': 'src/service-thread.node.ts' };

/** Runtimes and bundlers that must not meet Node's modules, and those that have them; whoever is not named has none. */
const WITHOUT_NODE = ['workerd', 'edge-light', 'browser'];
const WITH_NODE = ['node', 'deno', 'bun'];

/** The name that an entry has in dist/. */
export const nameOf = (entry) => entry.slice(2) || 'index';

/** Whether an entry has more where Node's modules are. */
export function hasNode(entry) {
  return existsSync(fileURLToPath(new URL(`../${ENTRIES[entry]}.node.ts`, import.meta.url)));
}

/** Sources of all entries by their names in dist/. */
export function sources() {
  return Object.fromEntries(
    Object.entries(ENTRIES).flatMap(([entry, source]) => [
      [nameOf(entry), `${source}.ts`],
      ...(hasNode(entry) ? [[`${nameOf(entry)}.node`, `${source}.node.ts`]] : []),
    ]),
  );
}

/** What the manifest says of one entry: ES modules, then what `require` takes them by, each with types of its own. */
function conditions(entry) {
  const name = nameOf(entry);
  const format = (code, types) => ({
    types: `./dist/${name}.${types}`,
    ...(hasNode(entry) && {
      ...Object.fromEntries(WITHOUT_NODE.map((condition) => [condition, `./dist/${name}.${code}`])),
      ...Object.fromEntries(WITH_NODE.map((condition) => [condition, `./dist/${name}.node.${code}`])),
    }),
    default: `./dist/${name}.${code}`,
  });
  return { import: format('js', 'd.ts'), require: format('cjs', 'd.cts') };
}

/** The manifest's fields that say what is loaded, in its order; those before `exports` are for tools that do not read it. */
export function manifestFields() {
  const entries = Object.keys(ENTRIES);
  const others = entries.filter((entry) => entry !== '.').map(nameOf);
  return {
    // Entries say which parts there are, in the sources as well; what they share does nothing by itself.
    sideEffects: ['./src/*.ts', './dist/*.js', './dist/*.cjs'],
    main: './dist/index.node.cjs',
    module: './dist/index.js',
    browser: {
      ...Object.fromEntries(
        entries.filter(hasNode).map((entry) => [`./dist/${nameOf(entry)}.node.cjs`, `./dist/${nameOf(entry)}.cjs`]),
      ),
      // Reads files, where \`require\` takes no ES modules: bundlers do.
      './dist/commonjs.cjs': false,
    },
    types: './dist/index.d.cts',
    typesVersions: { '*': Object.fromEntries(others.map((name) => [name, [`./dist/${name}.d.cts`]])) },
    exports: {
      ...Object.fromEntries(entries.map((entry) => [entry, conditions(entry)])),
      './policy.schema.json': './docs/policy.schema.json',
      './package.json': './package.json',
    },
  };
}
