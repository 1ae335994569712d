import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

// Without projects: a mutant is switched on where vite loads the modules.
const { projects: _, ...test } = base.test ?? {};

/** The tests of one target of `npm run mutants`; of the setup, what has to be loaded. */
export default defineConfig({
  ...base,
  test: { ...test, include: (process.env.MUTANTS_TESTS ?? '').split(' '), setupFiles: ['test/parts.ts'] },
});
