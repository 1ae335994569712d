/** Modules that compilers made: the fixtures, and the programs that nobody here wrote, where they are. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf, folderOf, SUITES } from '../suites.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/build', import.meta.url));

export const programs: readonly string[] = [
  ...readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => join(FIXTURES, name)),
  ...filesOf(SUITES.programs).map((path) => join(folderOf(SUITES.programs), path)),
];
