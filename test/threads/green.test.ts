/** Threads of a guest on one thread of JavaScript: the same order, output and gas in every run, wherever it was left. */

import { describe, expect, test } from 'vitest';
import { type Execution, WasmSandbox } from '../../src/index.ts';
import { sequence } from '../life/programs.ts';
import { PROGRAMS, program } from './programs.ts';

/** What comes out of a program. */
async function outcome(sandbox: WasmSandbox, run: () => Promise<unknown>): Promise<unknown> {
  const ended = await run().then(
    (status) => status,
    (error: Error) => error.message,
  );
  return { ended, stdout: sandbox.output().stdout, gas: sandbox.getResourceStats().gasUsed };
}

const whole = async (bytes: Uint8Array) => {
  const sandbox = await WasmSandbox.fromBytes(bytes);
  const seen = await outcome(sandbox, async () => (await sandbox.run()).exitCode);
  sandbox.dispose();
  return seen;
};

/** Runs a program in steps, and after some of them in another sandbox. */
async function inPieces(bytes: Uint8Array, next: () => number, viaBytes: boolean) {
  let sandbox = await WasmSandbox.fromBytes(bytes);
  let execution = sandbox.start('_start') as Execution;
  let moves = 0;
  for (;;) {
    const state = execution.step(next());
    if (state === 'done' || state === 'failed') break;
    moves++;
    const old = sandbox;
    sandbox = viaBytes ? await WasmSandbox.restore(await old.snapshot(), { source: bytes }) : await old.fork();
    old.dispose();
    execution = sandbox.execution as Execution;
  }
  const { stdout } = sandbox.output();
  const seen = {
    ended: execution.error instanceof Error ? execution.error.message : execution.result,
    stdout,
    gas: sandbox.getResourceStats().gasUsed,
  };
  sandbox.dispose();
  return { seen, moves };
}

describe.each(PROGRAMS)('%s', (name) => {
  const bytes = program(name);

  test('does the same a hundred times', async () => {
    const first = await whole(bytes);
    expect(first).toMatchSnapshot();
    for (let i = 1; i < 100; i++) expect(await whole(bytes)).toEqual(first);
  });

  test.each([true, false])('goes on in other sandboxes, by way of snapshots: %s', async (viaBytes) => {
    const expected = await whole(bytes);
    for (let run = 0; run < 4; run++) {
      const next = sequence(run + 1);
      const { seen, moves } = await inPieces(bytes, () => next() % (run === 0 ? 500 : 3_000), viaBytes);
      expect(seen).toEqual(expected);
      expect(moves).toBeGreaterThan(2);
    }
  });
});
