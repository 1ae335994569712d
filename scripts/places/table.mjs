// The places where the package has to work, as a table: which packages of npm each needs, and how the probe is run
// there. A place that is `quick` is part of CI.
import { join } from 'node:path';
import { bundler, inOneFile, load } from './bundlers.mjs';
import { chromium } from './chromium.mjs';
import { EDGE } from './edge.mjs';
import { QUICKJS } from './quickjs.mjs';
import { cjs, esm, IMPORT, MARK, REQUIRE, testFile } from './texts.mjs';
import { typescript } from './typescript.mjs';

const platform = `${process.platform}-${process.arch}`;

/** What places take from npm. A package of a Node has that Node in it, and nothing else. */
export const VERSIONS = {
  '@arethetypeswrong/cli': '0.18.5',
  '@edge-runtime/vm': '5.0.0',
  '@rollup/plugin-node-resolve': '16.0.3',
  esbuild: '0.28.2',
  jest: '30.5.2',
  'jest-environment-jsdom': '30.5.2',
  miniflare: '4.20260426.0',
  mocha: '12.0.3',
  node20: `npm:node-${platform}@20.0.0`,
  node22: `npm:node-${platform}@22.23.5`,
  node24: `npm:node-${platform}@24.22.3`,
  node26: `npm:node-${platform}@26.12.1`,
  'playwright-core': '1.65.1',
  parcel: '2.16.4',
  publint: '0.3.25',
  'quickjs-wasi': '3.7.0',
  rollup: '4.68.8',
  ses: '2.3.0',
  'ts-jest': '29.4.15',
  typescript: '5.9.3',
  typescript54: 'npm:typescript@5.4.5',
  typescript6: 'npm:typescript@6.0.3',
  vite: '8.4.0',
  vitest: '4.1.12',
  webpack: '5.113.0',
};

/** A script for this Node. */
const script = (name, flags, file, text, more = {}) => ({
  name,
  ...more,
  run: ({ write, run }) => run(process.execPath, [...flags, write(file, text)]),
});

/** Both formats on a Node of another version. */
const node = (name, key) =>
  [
    ['import', 'main.mjs', esm],
    ['require', 'main.cjs', cjs],
  ].map(([format, file, text]) => ({
    name: `${name}, ${format}`,
    needs: [key],
    run: ({ write, run, folder }) => run(join(folder, 'node_modules', key, 'bin/node'), [write(file, text)]),
  }));

/** Deno or Bun. */
const runtime = (name, key, file, text) => ({
  name,
  run: ({ write, run, runtimes }) => run(runtimes[key][0], [...runtimes[key].slice(1), write(file, text)]),
});

const jest = (name, testEnvironment, file, head, more = {}) => ({
  name,
  needs: ['jest', 'jest-environment-jsdom', 'ts-jest', 'typescript'],
  run({ write, run, folder }) {
    write(file, testFile(head));
    const config = { rootDir: folder, testEnvironment, testMatch: [`<rootDir>/${file}`], ...more };
    return run(process.execPath, [join(folder, 'node_modules/jest/bin/jest.js'), '--config', JSON.stringify(config)]);
  },
});

const TS_JEST = {
  transform: { '\\.ts$': ['ts-jest', { diagnostics: false, tsconfig: { module: 'commonjs', allowJs: true } }] },
};

/** A program of a package in the places' folder, on the packed package or a file. */
const tool = (name, path, args, more = {}) => ({
  name,
  ...more,
  run: (context) => context.run(process.execPath, [join(context.folder, 'node_modules', path), ...args(context)]),
});

export const PLACES = [
  script('Node, import', [], 'main.mjs', esm, { quick: true }),
  script('Node, require', [], 'main.cjs', cjs, { quick: true }),
  script('Node --jitless', ['--jitless'], 'main.mjs', esm, { quick: true }),
  script('Node without eval', ['--disallow-code-generation-from-strings'], 'main.mjs', esm, { quick: true }),
  ...node('Node 20.0', 'node20'),
  ...node('Node 22', 'node22'),
  ...node('Node 24', 'node24'),
  ...node('Node 26', 'node26'),
  runtime('Deno', 'deno', 'main.mjs', esm),
  runtime('Bun, import', 'bun', 'main.mjs', esm),
  runtime('Bun, require', 'bun', 'main.cjs', cjs),
  {
    name: 'workerd',
    needs: ['miniflare', 'esbuild'],
    async run({ folder, write }) {
      const { Miniflare } = await load(folder, 'miniflare');
      const text = `${IMPORT}export default { fetch: async () => Response.json(await probe(library, modules)) };\n`;
      const bundle = await inOneFile(folder, write('worker.mjs', text), ['workerd', 'worker', 'browser']);
      const miniflare = new Miniflare({ modules: true, script: bundle, compatibilityDate: '2026-01-01' });
      try {
        const response = await miniflare.dispatchFetch('http://localhost/');
        return MARK + (await response.text());
      } finally {
        await miniflare.dispose();
      }
    },
  },
  {
    name: 'edge-runtime',
    needs: ['@edge-runtime/vm', 'esbuild'],
    async run({ folder, write }) {
      const { EdgeVM } = await load(folder, '@edge-runtime/vm');
      const text = `${IMPORT}globalThis.found = probe(library, modules).then((found) => JSON.stringify(found));\n`;
      const vm = new EdgeVM();
      vm.evaluate(await inOneFile(folder, write('edge.mjs', text), ['edge-light', 'worker'], 'iife'));
      return MARK + (await vm.evaluate('globalThis.found'));
    },
  },
  script(
    'SES lockdown',
    [],
    'ses.mjs',
    esm.replace("import * as library from 'wasm-sandbox';", "import './lockdown.mjs';\n$&"),
    {
      needs: ['ses'],
      files: { 'lockdown.mjs': "import 'ses';\nlockdown();\n" },
    },
  ),
  jest('Jest', 'node', 'package.test.js', REQUIRE),
  jest('Jest, jsdom', 'jsdom', 'jsdom.test.js', REQUIRE),
  jest(
    'ts-jest',
    'node',
    'package.test.ts',
    REQUIRE.replace(/.*/, "import * as library from 'wasm-sandbox';"),
    TS_JEST,
  ),
  tool('vitest', 'vitest/vitest.mjs', ({ folder }) => ['run', '--root', folder, 'vitest.test.mjs'], {
    needs: ['vitest'],
    files: { 'vitest.test.mjs': testFile(`import { test } from 'vitest';\n${IMPORT}`) },
  }),
  script('node:test', [], 'node.test.mjs', testFile(`import { test } from 'node:test';\n${IMPORT}`)),
  tool('mocha', 'mocha/bin/mocha.js', ({ folder }) => ['-u', 'tdd', join(folder, 'mocha.cjs')], {
    needs: ['mocha'],
    files: { 'mocha.cjs': testFile(REQUIRE) },
  }),
  bundler('esbuild', ['esbuild'], { quick: true }),
  bundler('esbuild', ['esbuild'], { quick: true, isRequired: true }),
  bundler('Rollup', ['rollup', '@rollup/plugin-node-resolve'], { quick: true }),
  bundler('webpack', ['webpack']),
  bundler('webpack', ['webpack'], { isRequired: true }),
  bundler('Vite', ['vite']),
  bundler('Parcel', ['parcel']),
  QUICKJS,
  ...chromium(),
  ...EDGE,
  typescript('5.4', 'typescript54'),
  typescript('5.9', 'typescript'),
  typescript('6.0', 'typescript6'),
  tool('publint', 'publint/src/cli.js', ({ tarball }) => ['run', tarball, '--strict'], {
    needs: ['publint'],
    quick: true,
    checksOnly: true,
  }),
  // The schema is a file that nobody asks for by types.
  tool(
    'types',
    '@arethetypeswrong/cli/dist/index.js',
    ({ tarball }) => [tarball, '--exclude-entrypoints', 'policy.schema.json'],
    {
      needs: ['@arethetypeswrong/cli'],
      quick: true,
      checksOnly: true,
    },
  ),
];
