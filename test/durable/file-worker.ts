/**
 * A worker to be killed: runs a job that is kept in files, pays by a line in a file, and says what it does on a line each. The
 * arguments are the folder, and how many rounds there are.
 */

import { appendFileSync } from 'node:fs';
import { createStorage } from 'unstorage';
import files from 'unstorage/drivers/fs';
import { runDurably } from '../../src/durable.ts';
import { workers } from './guests.ts';

const [folder = '', rounds = ''] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

const guests = workers((key) => {
  say(`call ${key}`);
  appendFileSync(`${folder}/paid`, `${key}\n`);
  return BigInt(key.slice(key.lastIndexOf('#') + 1)) + 1n;
});
const { value, gasUsed, stdout } = await runDurably(guests, {
  job: 'a',
  module: 'worker',
  function: 'run',
  args: [Number(rounds)],
  store: createStorage({ driver: files({ base: `${folder}/kept` }) }),
  checkpointEvery: { gas: 12_000 },
  onCheckpoint: ({ sequence }) => say(`checkpoint ${sequence}`),
});
say(`result ${JSON.stringify([String(value), String(gasUsed), stdout])}`);
