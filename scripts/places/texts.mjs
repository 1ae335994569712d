// What places are given to run: the probe, on what they load, in either format.

export const IMPORT = `import * as library from 'wasm-sandbox';
import { probe } from './probe.mjs';
import { modules } from './modules.mjs';
`;
export const REQUIRE = `const library = require('wasm-sandbox');
const { probe } = require('./probe.cjs');
const { modules } = require('./modules.cjs');
`;

/** What stands before the outcome in the output of a place. */
export const MARK = 'PROBE ';

const PRINT = `probe(library, modules).then((found) => console.log('${MARK}' + JSON.stringify(found)));\n`;

export const esm = IMPORT + PRINT;
export const cjs = REQUIRE + PRINT;

/** A test file of a user's project. Test runners keep standard output to themselves. */
export const testFile = (head) => `${head}
test('the package', async () => {
  process.stderr.write('${MARK}' + JSON.stringify(await probe(library, modules)) + '\\n');
});
`;
