/** The host's `WebAssembly` on the cases of values.ts and strings.ts: node scripts/newer-node.mjs test/webassembly/compare.ts */

import { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { compare, DIFFERENCES, NATIVE_DIFFERENCES, observe } from './api.ts';
import { STRING_CASES } from './strings.ts';
import { shown, VALUE_CASES } from './values.ts';

const native = WebAssembly as unknown as WebAssemblyNamespace;
const cases = [...VALUE_CASES, ...STRING_CASES];
let differences = 0;
for (const item of cases) {
  const expected = item.native?.[0] ?? item.gives;
  const found = shown(native, item);
  if (found === expected) continue;
  differences++;
  console.log(`${item.name}: ${found}, expected ${expected}`);
}
const deviations = cases.filter(({ native: other }) => other !== undefined).length;
console.log(`${cases.length} cases, ${deviations} deviations noted, ${differences} not noted`);
const expected = await observe(native);
for (const engine of ['interpreter', 'native', 'auto'] as const) {
  const noted = engine === 'native' ? [...DIFFERENCES, ...NATIVE_DIFFERENCES] : DIFFERENCES;
  const found = compare(await observe(await createWebAssembly({ engine })), expected, noted);
  for (const difference of found) console.log(`${engine}: ${difference}`);
  console.log(`${engine}: ${expected.size} operations, ${noted.length} differences noted, ${found.length} not noted`);
  differences += found.length;
}
process.exitCode = differences === 0 ? 0 : 1;
