/** Snapshots of guests with threads in which bytes are others: refused, or a guest within its limits. */

import { expect, test } from 'vitest';
import { WasmSandbox } from '../../src/index.ts';
import { unpack } from '../../src/snapshot/container.ts';
import { tryContents } from '../forgery/trial.ts';
import { sequence } from '../life/programs.ts';
import { type PROGRAMS, program } from './programs.ts';

const LIMITS = { memoryLimit: 2 ** 22, stackLimit: 2 ** 15, gasLimit: 2_000_000n } as const;

/** The contents of a snapshot of a program that was left after so many units. */
async function left(name: (typeof PROGRAMS)[number], gas: number): Promise<Uint8Array> {
  const sandbox = await WasmSandbox.create({ source: program(name), ...LIMITS });
  sandbox.start('_start').step(gas);
  const bytes = await sandbox.snapshot({ compress: false });
  sandbox.dispose();
  return unpack(bytes, { kind: 'snapshot', maxBytes: 2 ** 24 });
}

test.each([
  ['mutex', 60_000],
  ['mutex', 200_000],
  ['condition', 12_000],
  ['sleep', 15_000],
  ['deadlock', 24_000],
] as const)('%s, left after %i units', async (name, gas) => {
  const contents = await left(name, gas);
  const options = { source: program(name), ...LIMITS };
  expect(await tryContents(contents, options)).toMatch(/^restored/);
  const next = sequence(gas);
  const outcomes = new Set<string>();
  // What is behind the memory: registers, threads, and what they wait for.
  const from = contents.length - Math.floor(contents.length / 2);
  for (let i = 0; i < 150; i++) {
    const forged = contents.slice();
    const at = i % 3 === 0 ? next() % contents.length : from + (next() % (contents.length - from));
    forged[at] = i % 2 === 0 ? next() & 0xff : (forged[at] as number) ^ (1 << (next() & 7));
    outcomes.add((await tryContents(forged, options)).slice(0, 8));
  }
  expect(outcomes).toEqual(new Set(['refused,', 'restored']));
});
