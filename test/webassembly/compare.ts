/** The host's `WebAssembly` on the cases of values.ts: node scripts/newer-node.mjs test/webassembly/compare.ts */

import type { WebAssemblyNamespace } from '../../src/webassembly.ts';
import { shown, VALUE_CASES } from './values.ts';

const native = WebAssembly as unknown as WebAssemblyNamespace;
let differences = 0;
for (const item of VALUE_CASES) {
  const expected = item.native?.[0] ?? item.gives;
  const found = shown(native, item);
  if (found === expected) continue;
  differences++;
  console.log(`${item.name}: ${found}, expected ${expected}`);
}
const noted = VALUE_CASES.filter(({ native: other }) => other !== undefined).length;
console.log(`${VALUE_CASES.length} cases, ${noted} deviations noted, ${differences} not noted`);
process.exitCode = differences === 0 ? 0 : 1;
