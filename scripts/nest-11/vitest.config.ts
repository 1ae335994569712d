// The tests of the adapter for Nest, with Nest 11 in the place of what is installed.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { PATIENCE } from '../../test/patience.ts';
import { FOLDER, VERSIONS } from './versions.mjs';

const alias = Object.keys(VERSIONS).map((name) => ({
  find: new RegExp(`^${name}$`),
  replacement: join(FOLDER, 'node_modules', name),
}));
const here = (path: string) => new URL(path, import.meta.url);

export default defineConfig({
  root: fileURLToPath(here('../..')),
  resolve: { alias },
  test: {
    include: ['test/service/nest.test.ts', 'test/service/adapters.test.ts'],
    setupFiles: ['test/setup.ts'],
    pool: 'forks',
    isolate: false,
    testTimeout: PATIENCE * 900,
    hookTimeout: PATIENCE * 900,
    execArgv: ['--import', here('./hooks.mjs').href, '--import', here('../../test/typescript.mjs').href],
    server: { deps: { external: [/^(?!.*(?:\.test\.ts|node_modules)).*\.ts$/] } },
  },
});
