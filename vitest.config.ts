import { readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { ENTRIES } from './scripts/entries.mjs';
import { LONGEST } from './test/longest.ts';
import { PATIENCE } from './test/patience.ts';
import { testsWithoutSuite } from './test/suites.ts';

// Tests and the examples in the docs may import the package by its public names; they get the source, not a build.
const alias = Object.entries(ENTRIES).map(([entry, source]) => ({
  find: new RegExp(`^wasm-sandbox${entry.slice(1)}$`),
  replacement: fileURLToPath(new URL(`${source}.ts`, import.meta.url)),
}));

// A suite that is absent is one skipped test of test/suites.test.ts.
const exclude = [...configDefaults.exclude, ...testsWithoutSuite()];

// Tests that put something else in a module's place, which can be done only where vite loads the modules.
const tests = new URL('./test/', import.meta.url);
const mocking = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter(
    (path) => path.endsWith('.test.ts') && /\bvi\.(mock|doMock)\(/.test(readFileSync(new URL(path, tests), 'utf8')),
  )
  .map((path) => `test/${path}`);

// Examples import the package by its name: those taken out of the docs stand under node_modules/.cache.
const inline = [/node_modules\/\.cache\//, /\/examples\//];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    // One project after the other, as they come: going from one to the other takes new processes.
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const place = ({ project, moduleId }: TestSpecification): readonly [number, number] => {
      const listed = LONGEST.indexOf(relative(project.config.root, moduleId).replaceAll('\\', '/'));
      return [projects.indexOf(project.name), listed < 0 ? LONGEST.length : listed];
    };
    const placed = sorted.map((file) => ({ file, place: place(file) }));
    placed.sort(({ place: [a, listedA] }, { place: [b, listedB] }) => a - b || listedA - listedB);
    return placed.map(({ file }) => file);
  }
}

const typescript = new URL('./test/typescript.mjs', import.meta.url).href;

export default defineConfig({
  resolve: { alias },
  test: {
    setupFiles: ['test/setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Milliseconds. A test that waits for what never comes fails by its name before the watchdog ends its process.
    testTimeout: PATIENCE * 900,
    hookTimeout: PATIENCE * 900,
    server: { deps: { inline } },
    projects: [
      { extends: true, test: { name: 'mocking', include: mocking, exclude } },
      {
        extends: true,
        test: {
          name: 'plain',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, ...mocking],
          // Loaded by Node itself, once for all files: what vite makes of a module reads each import as a property, every
          // time, which makes the interpreter up to three times slower.
          isolate: false,
          // V8 makes code of the large loops again and again, which short runs never make up for: here it waits longer.
          // And it collects what is young less often: MiB.
          execArgv: [
            '--import',
            typescript,
            '--interrupt-budget=1000000',
            '--min-semi-space-size=32',
            '--max-semi-space-size=64',
          ],
          server: { deps: { inline, external: [/^(?!.*(?:\.test\.ts|node_modules|\/examples\/)).*\.ts$/] } },
        },
      },
    ],
  },
});
