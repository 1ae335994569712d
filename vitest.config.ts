import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { PATIENCE } from './test/patience.ts';
import { testsWithoutSuite } from './test/suites.ts';

// Tests and the examples in the docs may import the package by its public names; they get the source, not a build.
const manifest = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));
const alias = Object.entries<{ default?: string }>(manifest.exports).flatMap(([entry, target]) => {
  const built = target.default;
  if (built === undefined) return [];
  const source = built.replace(/^\.\/dist\//, './').replace(/\.js$/, '.ts');
  return [
    {
      find: new RegExp(`^${manifest.name}${entry.slice(1)}$`),
      replacement: fileURLToPath(new URL(source, import.meta.url)),
    },
  ];
});

export default defineConfig({
  resolve: { alias },
  test: {
    include: ['test/**/*.test.ts'],
    // A suite that is absent is one skipped test of test/suites.test.ts.
    exclude: [...configDefaults.exclude, ...testsWithoutSuite()],
    setupFiles: ['test/watchdog.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Milliseconds. A test that waits for what never comes fails by its name before the watchdog ends its process.
    testTimeout: PATIENCE * 900,
    hookTimeout: PATIENCE * 900,
    // The examples taken out of the docs are TypeScript under node_modules/.cache, so they must be transformed too.
    server: { deps: { inline: [/node_modules\/\.cache\//] } },
  },
});
