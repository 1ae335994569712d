/** What property tests once found stays found: every file in the folder is replayed. */

import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'vitest';
import { assertSame } from './differential.ts';
import { checkBytes } from './hostile.ts';
import { loadNamespace } from './namespace.ts';
import { type KeptProgram, restore } from './program.ts';

/** `calls` for a program that two engines ran differently, `sizes` of the pieces for bytes alone. */
type Kept = KeptProgram & { readonly sizes?: readonly number[] };

const namespace = await loadNamespace();
const folder = new URL('./counterexamples/', import.meta.url);

test.each(readdirSync(folder).filter((name) => name.endsWith('.json')))('%s', (name) => {
  const kept = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Kept;
  const program = restore(kept);
  checkBytes({ bytes: program.bytes, sizes: kept.sizes ?? [1] });
  if (kept.calls !== undefined) assertSame(namespace, program);
});
