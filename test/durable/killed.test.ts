import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { runDurably } from '../../src/durable.ts';
import { oneFile } from '../one-file.ts';
import { Ledger, workers } from './guests.ts';
import { inMemory } from './stores.ts';

const ROUNDS = 30;
const folder = mkdtempSync(join(tmpdir(), 'durable-'));
afterEach(() => rmSync(folder, { recursive: true }));

/** What a worker says until it has ended, or was killed after so many lines. */
async function work(script: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, folder, String(ROUNDS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (said.push(line) === lines) child.kill('SIGKILL');
  });
  await exit;
  return said;
}

test('a job that is kept in files ends as if none of its workers had been killed', async () => {
  const script = await oneFile('test/durable/file-worker.ts', true);
  const ledger = new Ledger();
  const guests = workers((key) => ledger.pay(key));
  const args = { job: 'a', module: 'worker', function: 'run', args: [ROUNDS], checkpointEvery: { gas: 10 ** 12 } };
  const { value, gasUsed, stdout } = await runDurably(guests, { ...args, store: inMemory() });

  for (const lines of [1, 9, 14, 17]) await work(script, lines);
  const said = await work(script, Number.POSITIVE_INFINITY);
  const result = said.find((line) => line.startsWith('result '));
  expect(JSON.parse(result?.slice('result '.length) ?? 'null')).toEqual([String(value), String(gasUsed), stdout]);
  const paid = readFileSync(`${folder}/paid`, 'utf8').trim().split('\n');
  expect([...new Set(paid)]).toEqual(ledger.keys);
  // Each death may come between a payment and its record, once.
  expect(paid.length).toBeLessThanOrEqual(ROUNDS + 4);
  expect(said.filter((line) => line.startsWith('call')).length).toBeLessThan(ROUNDS);
  // Run again, it ends in the same way, and nothing is done.
  expect(await work(script, Number.POSITIVE_INFINITY)).toEqual([result]);
});
