/**
 * A worker to be killed: takes jobs from a queue on Redis, keeps checkpoints in it, pays by it, and says what it does on a line
 * each. The arguments are Redis's URL and the queue's name.
 */

import { Redis } from 'ioredis';
import { createStorage } from 'unstorage';
import redisDriver from 'unstorage/drivers/redis';
import { wasmProcessor, wasmQueue } from '../../src/bullmq.ts';
import { workers } from '../durable/guests.ts';

const [url = '', name = ''] = process.argv.slice(2);
const say = (...words: unknown[]) => process.stdout.write(`${words.join(' ')}\n`);

const client = new Redis(url, { maxRetriesPerRequest: null });
const store = createStorage({ driver: redisDriver({ url, base: `${name}:kept` }) });

/** Counts how often it was asked; the receipt is the number of the call, whoever asks. */
async function pay(key: string): Promise<bigint> {
  say('call', key);
  await client.hincrby(`${name}:paid`, key, 1);
  return BigInt(key.slice(key.lastIndexOf('#') + 1)) + 1n;
}

const queue = await wasmQueue(name, { connection: client });
const processor = wasmProcessor(workers(pay), { store, checkpointEvery: { gas: 20_000 } });
const worker = queue.worker(processor, { lockDuration: 2_000, stalledInterval: 300 });
worker.on('active', ({ id }) => say('active', id));
worker.on('progress', ({ id }) => say('checkpoint', id));
worker.on('completed', ({ id }) => say('completed', id));
// Whoever started it has the other end.
process.stdin.resume().on('close', () => process.exit());
say('ready');
