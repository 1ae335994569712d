import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** The tests of one target of `npm run mutants`. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: (process.env.MUTANTS_TESTS ?? '').split(' '), setupFiles: [] },
});
