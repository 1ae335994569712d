/** Writes the generated sources; with `--check`, only says whether they are what would be written. */

import { readFileSync, writeFileSync } from 'node:fs';
import { generateLoop, generateUnmeteredLoop, generateVectorLoop } from '../interpreter/generate/loop.ts';

const GENERATED: Record<string, () => string> = {
  'interpreter/machine/loop.generated.ts': generateLoop,
  'interpreter/machine/unmetered-loop.generated.ts': generateUnmeteredLoop,
  'interpreter/machine/vector-loop.generated.ts': generateVectorLoop,
};

const isCheck = process.argv.includes('--check');
for (const [path, generate] of Object.entries(GENERATED)) {
  const url = new URL(`../${path}`, import.meta.url);
  const text = generate();
  if (isCheck) {
    if (readFileSync(url, 'utf8') !== text) {
      console.error(`${path} is stale: run \`npm run generate\` and commit it.`);
      process.exitCode = 1;
    }
  } else {
    writeFileSync(url, text);
    console.error(`${path}: ${text.length} characters`);
  }
}
