import { Redis as Client } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ProcessorOptions,
  type QueuedJob,
  type WasmJobProgress,
  type WasmQueue,
  type WasmWorker,
  type WasmWorkerOptions,
  wasmGroup,
  wasmProcessor,
  wasmQueue,
} from '../../src/bullmq.ts';
import type { GuestFactory } from '../../src/durable.ts';
import { CallAborted, GasExhausted, HostError, Trap, UsageError, WasmSandbox } from '../../src/index.ts';
import { Ledger, workers } from '../durable/guests.ts';
import { inMemory } from '../durable/stores.ts';
import { hasRedis, onRedis, type Redis, startRedis } from './redis.ts';

const MODULES: Readonly<Record<string, string>> = {
  math: `(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "wide") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
    (func (export "halve") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
    (func (export "sum") (param i32 i32 i32) (result i32) (i32.sub (i32.add (local.get 0) (local.get 1)) (local.get 2)))
    (func (export "trap") unreachable)
    (func (export "spin") (loop (br 0))))`,
  hello: 'fixtures/build/hello.wasm',
};

const plain: GuestFactory = {
  build: (module, input) => WasmSandbox.create({ source: MODULES[module] ?? module, ...input }),
  restore: (module, bytes, input) => WasmSandbox.restore(bytes, { source: MODULES[module] ?? module, ...input }),
};

let redis: Redis | undefined;
beforeAll(async () => {
  if (hasRedis) redis = await startRedis();
});
afterAll(() => redis?.stop());

/** Each with a name of its own, and what it takes to make one. */
const PLACES = [
  { place: 'in process', isThere: true, connect: () => undefined },
  {
    place: onRedis,
    isThere: hasRedis,
    connect: () => new Client(redis?.url ?? '', { maxRetriesPerRequest: null }),
  },
];

let queues = 0;

describe.each(PLACES)('a queue $place', ({ isThere, connect }) => {
  /** With workers that end behind the test. */
  async function withQueue(use: (queue: WasmQueue, work: Work) => Promise<void>): Promise<void> {
    const connection = connect();
    const queue = await wasmQueue(`queue ${++queues} of ${process.pid}`, { connection });
    const workers: WasmWorker[] = [];
    try {
      await use(queue, (guests, { worker, ...options } = {}) => {
        const made = queue.worker(wasmProcessor(guests, options), worker);
        workers.push(made);
        return made;
      });
    } finally {
      for (const worker of workers) await worker.close();
      await queue.close();
      connection?.disconnect();
    }
  }

  const it = test.skipIf(!isThere);

  it('gives results of functions and programs, as JSON has them', async () => {
    await withQueue(async (queue, work) => {
      work(plain, { worker: { concurrency: 2 } });
      const results = async (...jobs: QueuedJob[]) => Promise.all(jobs.map((job) => job.finished()));
      const add = (job: Parameters<WasmQueue['add']>[1]) => queue.add('job', job);
      const [sum, wide, nan, program] = await results(
        await add({ module: 'math', function: 'add', args: [2, 3] }),
        await add({ module: 'math', function: 'wide', args: [2n ** 61n] }),
        await add({ module: 'math', function: 'halve', args: ['-0'] }),
        await add({ module: 'hello', input: { args: ['hello', 'you'], env: {}, stdin: 'text' } }),
      );
      expect(sum?.value).toBe(5);
      expect(wide?.value).toBe(String(BigInt.asIntN(64, 2n ** 61n * 3n)));
      expect(nan?.value).toBe('-0');
      const direct = await (await plain.build('hello', { args: ['hello', 'you'], env: {}, stdin: 'text' })).run();
      expect(program).toMatchObject({ value: direct.exitCode, stdout: direct.stdout, stderr: direct.stderr });
    });
  });

  it('does not try again where a retry cannot help', async () => {
    await withQueue(async (queue, work) => {
      const failed: string[] = [];
      const allFailed = new Promise<void>((resolve) => {
        work(plain).on('failed', (_, { name }) => failed.push(name) === 4 && resolve());
      });
      const fail = async (job: Parameters<WasmQueue['add']>[1]) =>
        (await queue.add('job', job, { attempts: 5 })).finished().catch((error) => error);
      expect(await fail({ module: 'math', function: 'trap' })).toBeInstanceOf(Trap);
      expect(await fail({ module: 'math', function: 'spin', gasLimit: 100_000 })).toBeInstanceOf(GasExhausted);
      expect(await fail({ module: 'math', function: 'none' })).toBeInstanceOf(UsageError);
      const error = await fail({ module: 'math', function: 'trap' });
      expect(error.resources.gasUsed).toBeGreaterThan(0n);
      await allFailed;
      expect(failed).toEqual(Array(4).fill('UnrecoverableError'));
    });
  });

  it('tries again where one can, and goes on from the last checkpoint', async () => {
    await withQueue(async (queue, work) => {
      const ledger = new Ledger();
      let failures = 2;
      const guests = workers((key) => {
        if (key.endsWith('#2') && failures-- > 0) throw new Error('no network');
        return ledger.pay(key);
      });
      const attempts: string[] = [];
      work(guests, { store: inMemory(), checkpointEvery: { gas: 2_500 } }).on('failed', (_, error) =>
        attempts.push(`${error.name}: ${error.message}`),
      );
      const job = await queue.add('job', { module: 'worker', function: 'run', args: [4] }, { attempts: 3, backoff: 1 });
      expect((await job.finished()).stdout).toBe('....');
      expect(attempts).toEqual(Array(2).fill(expect.stringMatching(/^JobFailure: .*no network/)));
      expect([...ledger.payments.values()]).toEqual([1, 1, 1, 1]);
    });
  });

  it('fails with the host’s failure when no attempt is left', async () => {
    await withQueue(async (queue, work) => {
      work(
        workers(() => {
          throw new Error('no network');
        }),
      );
      const job = await queue.add('job', { module: 'worker', function: 'run', args: [1] }, { attempts: 2 });
      await expect(job.finished()).rejects.toBeInstanceOf(HostError);
    });
  });

  it('cancels a job for good', async () => {
    await withQueue(async (queue, work) => {
      const worker = work(plain, { yieldEvery: 1, progressEvery: { gas: 1_000_000 } });
      const job = await queue.add('job', { module: 'math', function: 'spin' }, { attempts: 5 });
      worker.on('progress', ({ id }) => id === job.id && worker.cancelJob(job.id, 'not wanted'));
      await expect(job.finished()).rejects.toBeInstanceOf(CallAborted);
      expect(worker.cancelJob(job.id)).toBe(false);
    });
  });

  it('tells of progress in gas', async () => {
    await withQueue(async (queue, work) => {
      const seen: WasmJobProgress[] = [];
      const worker = work(
        workers(() => 1n),
        { store: inMemory(), checkpointEvery: { gas: 5_000 } },
      );
      worker.on('progress', (_, progress) => seen.push(progress));
      const job = await queue.add('job', { module: 'worker', function: 'run', args: [6] });
      await job.finished();
      expect(seen.length).toBeGreaterThan(2);
      expect(seen.map(({ checkpoints }) => checkpoints)).toEqual(seen.map((_, i) => i + 1));
      expect(seen.every(({ gasUsed }, i) => BigInt(gasUsed ?? 0) >= 5_000n * BigInt(i + 1))).toBe(true);
    });
  });

  it('moves a job from a worker to another, and no call is made again', async () => {
    await withQueue(async (queue, work) => {
      const store = inMemory();
      const ledger = new Ledger();
      const options: ProcessorOptions = { store, checkpointEvery: { gas: 2_500 } };
      const seen: string[] = [];
      let reached: () => void = () => undefined;
      const isAtThree = new Promise<void>((resolve) => {
        reached = resolve;
      });
      let goOn: () => void = () => undefined;
      const mayGoOn = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const first = work(
        workers(async (key) => {
          if (key.endsWith('#3')) {
            reached();
            await mayGoOn;
          }
          return ledger.pay(key);
        }),
        options,
      );
      first.on('active', () => seen.push('first'));
      const job = await queue.add('job', { module: 'worker', function: 'run', args: [8] });
      await isAtThree;
      const second = work(
        workers((key) => ledger.pay(key)),
        options,
      );
      second.on('active', () => seen.push('second'));
      const released = first.release(job.id);
      goOn();
      expect(await released).toBe(1);
      const result = await job.finished();
      expect(result.stdout).toBe('.'.repeat(8));
      expect(seen).toEqual(['first', 'second']);
      expect(ledger.again).toBe(0);
      expect(ledger.keys).toHaveLength(8);
    });
  });

  it('groups, chains and chords', async () => {
    await withQueue(async (queue, work) => {
      work(plain, { worker: { concurrency: 3 } });
      const flow = wasmGroup(queue);
      const add = (...args: number[]) => ({ data: { module: 'math', function: 'add', args } });
      const group = await flow.group([add(1, 2), add(3, 4), add(5, 6)]);
      expect((await group.finished()).map(({ value }) => value)).toEqual([3, 7, 11]);
      const chain = await flow.chain([add(1, 2), add(10), add(100)]);
      expect((await chain.finished()).value).toBe(113);
      const chord = await flow.chord([add(1, 2), add(3, 4)], { data: { module: 'math', function: 'sum', args: [1] } });
      expect((await chord.finished()).value).toBe(9);
      const hello = { data: { module: 'hello', input: { env: {} } } };
      const piped = await flow.chain([hello, hello]);
      const [once] = [await (await queue.add('job', hello.data)).finished()];
      const twice = await (await plain.build('hello', { env: {}, stdin: once.stdout })).run();
      expect((await piped.finished()).stdout).toBe(twice.stdout);
    });
  });

  it('fails what waits for a job that fails', async () => {
    await withQueue(async (queue, work) => {
      work(plain);
      const trap = { data: { module: 'math', function: 'trap' } };
      const add = { data: { module: 'math', function: 'add', args: [1] } };
      const chain = await wasmGroup(queue).chain([add, trap, add]);
      await expect(chain.finished()).rejects.toThrow();
    });
  });

  it('begins no more jobs than the limiter lets', async () => {
    await withQueue(async (queue, work) => {
      let begun = 0;
      const entry = { data: { module: 'math', function: 'add', args: [1, 1] } };
      const [first, second] = await queue.addBulk([entry, entry, entry, entry]);
      // Without it, all would begin at once.
      const limiter = { max: 2, duration: 3_600_000 };
      work(plain, { worker: { concurrency: 4, limiter } }).on('active', () => begun++);
      await Promise.all([first?.finished(), second?.finished()]);
      expect(begun).toBe(2);
    });
  });

  it('refuses what is no job', async () => {
    await withQueue(async (queue) => {
      const add = (job: object) => queue.add('job', job as never);
      await expect(add({})).rejects.toThrow('must have a module');
      await expect(add({ module: 'math', arguments: [] })).rejects.toThrow('no option "arguments"');
      await expect(add({ module: 'math', args: [{}] })).rejects.toThrow(UsageError);
      await expect(add({ module: 'math', gasLimit: 'much' })).rejects.toThrow('gasLimit');
    });
  });
});

type Work = (guests: GuestFactory, options?: ProcessorOptions & { worker?: WasmWorkerOptions }) => WasmWorker;
