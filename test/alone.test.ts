/** A clone with nothing beside it: its tests pass and say what they skipped, save where all suites must be there. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { absenceOf, SUITES } from './suites.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const suites = Object.values(SUITES);

let nothing = '';

beforeAll(() => {
  nothing = mkdtempSync(`${tmpdir()}/wasm-sandbox-alone-`);
});
afterAll(() => rmSync(nothing, { recursive: true, force: true }));

/** Runs the tests of the suites, and that they are there, where they are not. */
function runAlone(ci: string) {
  const absent = {
    WASM_SPEC_DIR: nothing,
    WASM_PROGRAMS_DIR: nothing,
    EXTISM_PLUGINS_DIR: nothing,
    COMPONENTS_DIR: nothing,
  };
  const files = ['test/suites.test.ts', ...suites.flatMap(({ tests }): readonly string[] => tests)];
  const args = ['run', '--reporter=default', '--reporter=./scripts/skipped.mjs', ...files];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', ...args], {
    cwd: root,
    env: { ...process.env, ...absent, CI: ci, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr, absences: suites.map((suite) => absenceOf(suite, absent)) };
}

test('passes, and names each suite that it skipped, once', () => {
  const { status, output, absences } = runAlone('');
  expect(status, output).toBe(0);
  for (const absence of absences) expect(output.split(absence)).toHaveLength(2);
  expect(output).toMatch(/Test Files +1 passed \(1\)/);
  expect(output).toContain(`${suites.length} skipped`);
});

test('fails where suites are required, and says which is missing', () => {
  const { status, output, absences } = runAlone('true');
  expect(status, output).toBe(1);
  for (const absence of absences) expect(output).toContain(`Error: ${absence}`);
  expect(output).toMatch(new RegExp(`Test Files +1 failed \\(1\\)\\s+Tests +${suites.length} failed`));
});
