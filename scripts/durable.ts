// Kills the workers of many jobs again and again, and says what checkpoints cost. Needs redis-server, or REDIS_URL.
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Redis as Client } from 'ioredis';
import { createStorage } from 'unstorage';
import memory from 'unstorage/drivers/memory';
import redisDriver from 'unstorage/drivers/redis';
import { type CheckpointStore, type GuestFactory, runDurably } from '../src/durable.ts';
import { MiB, WasmSandbox } from '../src/index.ts';
import { kill } from '../test/bullmq/killed.ts';
import { hasRedis, startRedis } from '../test/bullmq/redis.ts';
import { sequence } from '../test/life/programs.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100' },
    kills: { type: 'string', default: '3' },
    processes: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
  },
});
const number = (name: keyof typeof values) => Number(values[name]);

/** A memory of so many MiB, half of it filled with what does not compress, of which a page changes each round. */
const heavy = (megabytes: number) => `(module (memory ${16 * megabytes})
  (func (export "run") (param $rounds i32) (result i32) (local $at i32) (local $x i32)
    (local.set $x (i32.const 1))
    (loop $fill
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (i32.store (local.get $at) (local.get $x))
      (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const ${megabytes * (MiB / 2)}))))
    (loop $round
      (local.set $at (i32.const 0))
      (loop $work
        (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $rounds)))
        (br_if $work (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 65536))))
      (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (i32.load (i32.const 0))))`;

/** Units between two checkpoints. */
const CHECKPOINT = 4_000_000;

/** Milliseconds of processor time of this process, which others do not change; checkpoints and bytes of a run. */
async function timed(guests: GuestFactory, store: CheckpointStore, gas: number, compress: boolean) {
  let [count, bytes] = [0, 0];
  const onCheckpoint = (checkpoint: { bytes: number }) => {
    count++;
    bytes += checkpoint.bytes;
  };
  const begun = process.cpuUsage();
  const checkpointEvery = { gas };
  const job = `overhead ${performance.now()}`;
  await runDurably(guests, {
    job,
    module: '',
    function: 'run',
    args: [400],
    store,
    checkpointEvery,
    compress,
    onCheckpoint,
  });
  const { user, system } = process.cpuUsage(begun);
  return { ms: (user + system) / 1_000, count, bytes };
}

async function overhead(url: string): Promise<void> {
  const stores: [string, CheckpointStore][] = [
    ['memory', createStorage({ driver: memory() })],
    ['Redis', createStorage({ driver: redisDriver({ url, base: 'overhead' }) })],
  ];
  console.log('what a checkpoint costs in processor time, above the same run without:');
  for (const megabytes of [2, 16]) {
    const source = heavy(megabytes);
    const guests: GuestFactory = {
      build: () => WasmSandbox.create({ source }),
      restore: (_, bytes) => WasmSandbox.restore(bytes, { source }),
    };
    for (const [name, store] of stores) {
      for (const compress of [true, false]) {
        await timed(guests, store, CHECKPOINT, compress); // Loads and warms.
        const without = await timed(guests, store, Number.MAX_SAFE_INTEGER, compress);
        const withThem = await timed(guests, store, CHECKPOINT, compress);
        const each = (withThem.ms - without.ms) / withThem.count;
        const size = withThem.bytes / withThem.count / MiB;
        console.log(
          `  ${String(megabytes).padStart(2)} MiB of memory, ${name}, ${compress ? 'compressed' : 'as it is'}: ` +
            `${(each / megabytes).toFixed(1)} ms per MiB of memory, ${(each / size).toFixed(1)} ms per MiB stored ` +
            `(${each.toFixed(1)} ms each, ${size.toFixed(2)} MiB stored, ${withThem.count} checkpoints)`,
        );
      }
    }
  }
  for (const [, store] of stores) await (store as ReturnType<typeof createStorage>).dispose();
}

if (!hasRedis) throw new Error('redis-server is not installed, and REDIS_URL is not set');
const redis = await startRedis();
try {
  const next = sequence(number('seed'));
  const random = () => (next() >>> 0) / 2 ** 32;
  const begun = performance.now();
  const report = await kill({
    url: redis.url,
    jobs: number('jobs'),
    killsEach: number('kills'),
    processes: number('processes'),
    random,
    jitter: 30,
    tell: console.log,
  });
  const { kills, killsOf, wrong, calls, again } = report;
  console.log(
    `${number('jobs')} jobs, ${kills} kills of their workers (${killsOf.size} jobs were hit), ` +
      `${((performance.now() - begun) / 1_000).toFixed(0)} s, seed ${number('seed')}`,
  );
  console.log(
    `${calls} calls of the recorded function with ${calls - again} keys, which are those of undisturbed runs: none was lost, ` +
      'and a receiver that looks at the key has done each once',
  );
  console.log(
    `${again} of them were made again under the same key, as their worker was killed between what it did and its record; ` +
      `${wrong.filter((line) => line.includes('was recorded')).length} whose result was recorded`,
  );
  console.log(wrong.length === 0 ? 'every result, output and gas is that of an undisturbed run' : wrong.join('\n'));
  process.exitCode = wrong.length === 0 ? 0 : 1;
  const client = new Client(redis.url);
  await overhead(redis.url);
  client.disconnect();
} finally {
  await redis.stop();
}
