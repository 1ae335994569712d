/** `wasm-sandbox/node-test`, in `node:test` itself. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { WasmSandbox } from '../../src/index.ts';
import {
  AssertionError,
  assertDenied,
  assertDeterministic,
  assertGas,
  assertOutOfGas,
  assertTrap,
  poolFor,
  sandboxFor,
} from '../../src/node-test.ts';
import { oneFile } from '../one-file.ts';
import { GUEST } from './guests.ts';

const create = () => WasmSandbox.create({ source: GUEST, gasLimit: 100_000n });

describe('assertions', () => {
  test('hold where the matchers do', async () => {
    const sandbox = await create();
    await assertTrap(sandbox.call('trap'), 'unreachable');
    await assertOutOfGas(() => sandbox.call('spin', [], { gasLimit: 10 }), 'call');
    const execution = sandbox.start('add', [1, 2]);
    await execution.run();
    await assertGas(sandbox.start('add', [1, 2]), execution.gasUsed);
    await assertGas(() => sandbox.call('add', [1, 2]), execution.gasUsed, sandbox);
    await assertDenied(() => sandbox.call('environ'), 'environment', sandbox);
    await assertDenied(sandbox, 'environment');
    await assertDeterministic((fresh) => fresh.call('add', [1, 2]), { sandbox: { source: GUEST } });
  });

  test.each<[string, (sandbox: WasmSandbox) => Promise<void>]>([
    ['expected a trap, but it returned 3', (sandbox) => assertTrap(sandbox.call('add', [1, 2]))],
    ['expected the gas to run out', (sandbox) => assertOutOfGas(sandbox.call('add', [1, 2]))],
    ['expected 1 units of gas to be used', (sandbox) => assertGas(sandbox, 1)],
    ['expected a refusal', (sandbox) => assertDenied(sandbox)],
    [
      'expected the same',
      () => {
        let run = 0;
        return assertDeterministic(() => run++, { sandbox: { source: GUEST } });
      },
    ],
  ])('fail else: %s', async (message, assertion) => {
    const error = await assertion(await create()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AssertionError);
    expect(error).toMatchObject({ name: 'AssertionError', code: 'ERR_ASSERTION' });
    expect((error as Error).message).toContain(message);
  });
});

describe('what ends with a test', () => {
  const ending = () => {
    const ends: (() => unknown)[] = [];
    return { t: { after: (end: () => unknown) => void ends.push(end) }, end: () => Promise.all(ends.map((f) => f())) };
  };

  test('is a sandbox, and a pool', async () => {
    const { t, end } = ending();
    const sandbox = await sandboxFor(t, { source: GUEST });
    const built = await sandboxFor(t, WasmSandbox.builder().source(GUEST));
    const pool = await poolFor(t, { sandbox: { source: GUEST } });
    expect(await pool.use((lent) => lent.call('add', [1, 2]))).toBe(3);
    await end();
    for (const ended of [sandbox, built]) expect(() => ended.getResourceStats()).toThrow('disposed');
    await expect(pool.acquire()).rejects.toThrow('drained');
  });

  test('only if it is a test: else nothing is made', async () => {
    await expect(sandboxFor({} as never, { source: GUEST })).rejects.toThrow('after');
    await expect(poolFor({} as never, { sandbox: { source: GUEST } })).rejects.toThrow('after');
  });
});

/** Runs a file of tests by `node --test`, and gives its report. */
async function runByNode(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'node-test-'));
  try {
    let code = script;
    for (const name of ['node-test', 'text']) {
      code = code.replaceAll(`'wasm-sandbox/${name}'`, `'${pathToFileURL(await oneFile(`src/${name}.ts`)).href}'`);
    }
    const file = join(folder, 'guest.test.mjs');
    writeFileSync(file, code);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    return spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { encoding: 'utf8', env }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('node:test shows what was expected, and ends what was made', async () => {
  const report = await runByNode(`
import { test } from 'node:test';
import { assertTrap, sandboxFor } from 'wasm-sandbox/node-test';
const source = new Uint8Array([${GUEST}]);
let kept;
test('holds', async (t) => {
  kept = await sandboxFor(t, { source });
  await assertTrap(kept.call('trap'), 'unreachable');
});
test('is over', async () => {
  if (!(await kept.call('trap').catch((error) => error.code === 'DISPOSED'))) throw new Error('it lives');
});
test('fails', async (t) => {
  const sandbox = await sandboxFor(t, { source });
  await assertTrap(sandbox.call('divide', [0]), 'unreachable');
});
`);
  expect(report).toMatch(/# pass 2\n# fail 1/);
  expect(report).toContain("expected the trap 'unreachable', but it failed with Trap: integer divide by zero");
  expect(report).toContain('ERR_ASSERTION');
});

test('the example in the documents holds', async () => {
  const page = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
  const [, example = ''] = /^```ts\n(import \{ test \} from 'node:test';[\s\S]*?)^```$/m.exec(page) ?? [];
  expect(await runByNode(example)).toMatch(/# pass 1\n# fail 0/);
});
