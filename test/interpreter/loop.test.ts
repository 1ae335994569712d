/** V8 leaves functions of more than 61,440 bytes of bytecode to the tiers below its optimising compiler. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** What V8 optimises at most (`--max-optimized-bytecode-size`). */
const LIMIT = 61_440;
/**
 * Versions of V8 make different bytecode from one text: those of Node 22 and 24 make up to 8 bytes less than that of Node
 * 20, that of Node 26 makes 800 less. So what is measured here may be a little more elsewhere, and a version to come may
 * add to every access. A fused instruction takes 100 to 400 bytes: where this bound is passed, another has to go.
 */
const MARGIN = 1_024;

/** Bytes of bytecode of a generated function. */
function bytecodeLength(file: string, name: string): number {
  const source = readFileSync(new URL(`../../interpreter/machine/${file}`, import.meta.url), 'utf8');
  const start = source.indexOf(`function ${name}(`);
  const text = source.slice(start, source.indexOf('\n}\n', start) + 2).replace('(thread: Thread): number', '(thread)');
  // Compiled when it is first called: with code that ends at once.
  const script = `${text}\n${name}({ registers: [], floats: [], doubles: [], frames: [], code: [0], memory: {} });`;
  const flags = ['--print-bytecode', `--print-bytecode-filter=${name}`];
  const { stdout } = spawnSync(process.execPath, [...flags, '-'], {
    input: script,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return Number(/^Bytecode length: (\d+)$/m.exec(stdout)?.[1]);
}

describe('the generated loops', () => {
  test.each([
    ['loop.generated.ts', 'run'],
    ['vector-loop.generated.ts', 'runVectors'],
    ['unmetered-loop.generated.ts', 'runUnmetered'],
  ])('%s is small enough to be optimised', (file, name) => {
    const length = bytecodeLength(file, name);
    // As large as loops are: something else would have been measured.
    expect(length).toBeGreaterThan(LIMIT / 2);
    expect(length).toBeLessThanOrEqual(LIMIT - MARGIN);
  });
});
