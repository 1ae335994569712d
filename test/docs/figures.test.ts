/** Figures that documents mention in passing are those of the code. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WINDOWS } from '../../instrument/analyse.ts';
import { FIRST_RARE, MACHINE_OPS, SETTLE_BELOW } from '../../interpreter/code/isa.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { GROWTH_COST, PER_UNIT } from '../../wasm/gas.ts';
import { STEP_BYTES } from '../../wasm/steps.ts';
import { CORE_ASSERTIONS, SUITES } from '../suites.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** Line ends are nobody's business. */
const prose = (path: string) => read(path).replaceAll('\n', ' ');
const manifest = JSON.parse(read('package.json'));
const { engines, dependencies } = manifest;
const digits = (range: string) => /\d+/.exec(range)?.[0];

const KiB = 1_024;
const hot = MACHINE_OPS.slice(0, FIRST_RARE);
const longest = Math.max(...hot.map(({ parts }) => parts?.length ?? 1));
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

test.each([
  ['RATIONALE.md', `this one, of up to ${NUMBERS[longest]} instructions`],
  ['RATIONALE.md', `has sunk below −2${superscript(Math.log2(-SETTLE_BELOW))} is settled`],
  ['RATIONALE.md', `Why does a failed growth cost ${GROWTH_COST} units?`],
  ['RATIONALE.md', `that is why they cost ${1 / PER_UNIT.tableElements}.`],
  ['RATIONALE.md', `yield after ${STEP_BYTES / KiB} KiB of the module each`],
  ['RATIONALE.md', `A function of more than ${WINDOWS.whole / KiB} KiB is cut into windows`],
  [
    'RATIONALE.md',
    `commander ${digits(dependencies.commander)} (the newest that runs on Node ${digits(engines.node)};`,
  ],
  ['docs/limits.md', `All work is done in steps of ${STEP_BYTES / KiB} KiB of the module`],
  ['ARCHITECTURE.md', `WASI is a table of ${WASI_FUNCTIONS.length} calls`],
  ['docs/security.md', `all ${WASI_FUNCTIONS.length} calls of it`],
  ['README.md', `all ${CORE_ASSERTIONS.toLocaleString('en-GB')} assertions`],
  ['docs/conformance.md', `${CORE_ASSERTIONS.toLocaleString('en-GB')} assertions pass on the interpreter`],
  ['docs/conformance.md', `spec: ${CORE_ASSERTIONS} passed, 0 failed, 0 skipped`],
  ['docs/conformance.md', `${SUITES.core.files} files \`*${SUITES.core.extension}\``],
  ['docs/conformance.md', `${SUITES.wasi.files} modules \`*${SUITES.wasi.extension}\``],
  ['docs/conformance.md', `${SUITES.programs.files} modules \`*${SUITES.programs.extension}\``],
  ['CONTRIBUTING.md', `A fresh clone needs only Node ${digits(engines.node)} or later`],
])('%s: %s', (path, text) => {
  expect(prose(path)).toContain(text);
});

test('most cases of the loop come from rows of the table, and most others are sequences', () => {
  const fromRows = hot.filter(({ row }) => row !== undefined).length;
  const sequences = hot.filter(({ form }) => form === 'fused').length;
  expect(fromRows).toBeGreaterThan(hot.length / 2);
  expect(sequences).toBeGreaterThan((hot.length - fromRows) / 2);
});

function superscript(number: number): string {
  return [...String(number)].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]).join('');
}
