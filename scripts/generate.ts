/** Writes the generated sources and parts of files; with `--check`, only says whether they are what would be written. */

import { readFileSync, writeFileSync } from 'node:fs';
import {
  generateFirstLoop,
  generateLoop,
  generateUnmeteredLoop,
  generateVectorLoop,
} from '../interpreter/generate/loop.ts';
import { manifestFields } from './entries.mjs';

/** The manifest, with the fields that follow from the table of entries. */
function manifest(before: string): string {
  return `${JSON.stringify({ ...JSON.parse(before), ...manifestFields() }, null, 2)}\n`;
}

const GENERATED: Record<string, (before: string) => string> = {
  'package.json': manifest,
  'interpreter/machine/loop.generated.ts': generateLoop,
  'interpreter/machine/first-loop.generated.ts': generateFirstLoop,
  'interpreter/machine/unmetered-loop.generated.ts': generateUnmeteredLoop,
  'interpreter/machine/vector-loop.generated.ts': generateVectorLoop,
};

const isCheck = process.argv.includes('--check');
for (const [path, generate] of Object.entries(GENERATED)) {
  const url = new URL(`../${path}`, import.meta.url);
  const before = readFileSync(url, 'utf8');
  const text = generate(before);
  if (isCheck) {
    if (before !== text) {
      console.error(`${path} is stale: run \`npm run generate\` and commit it.`);
      process.exitCode = 1;
    }
  } else {
    writeFileSync(url, text);
    console.error(`${path}: ${text.length} characters`);
  }
}
