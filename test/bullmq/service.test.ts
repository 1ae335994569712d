/** Jobs whose guests are those of a service, without an adapter. */

import { afterEach, expect, test } from 'vitest';
import { type ProcessorOptions, type WasmJob, wasmProcessor, wasmQueue } from '../../src/bullmq.ts';
import { runDurably } from '../../src/durable.ts';
import { UsageError } from '../../src/index.ts';
import type { SandboxService } from '../../src/service.node.ts';
import { inMemory } from '../durable/stores.ts';
import { MATH, serve } from '../service/guests.ts';

const COUNT = `(module
  (global $calls (mut i32) (i32.const 0))
  (func (export "sum") (param i64) (result i64) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (local.get 0)))
      (br_if $next (i64.ne (local.tee 0 (i64.sub (local.get 0) (i64.const 1))) (i64.const 0))))
    (local.get $sum))
  (func (export "calls") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls)))`;

const MODULES = { math: MATH, count: COUNT, hello: 'fixtures/build/hello.wasm' };
const DURABLE = () => ({ store: inMemory(), checkpointEvery: { gas: 10_000 } });

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A queue in process, with a worker whose guests are a service's. */
async function jobs(options: ProcessorOptions = {}, engine: 'interpreter' | 'native' = 'interpreter') {
  const service = await serve({ modules: MODULES, engine });
  closing.push(() => service.close());
  const queue = await wasmQueue('jobs');
  closing.push(() => queue.close());
  const worker = queue.worker(wasmProcessor(service, options));
  closing.push(() => worker.close());
  const run = async (job: WasmJob) => (await queue.add('job', job, { attempts: 3 })).finished();
  return { service, run };
}

const lent = (service: SandboxService) =>
  Object.values(service.metrics().modules).reduce((sum, { calls }) => sum + calls, 0);

const PROGRAM = { module: 'hello', input: { args: ['hello', 'you'], stdin: 'text' } };

test.each(['interpreter', 'native'] as const)(
  'on the %s, they run in its pools, each in a fresh guest',
  async (engine) => {
    const { service, run } = await jobs({}, engine);
    const first = await run({ module: 'count', function: 'calls' });
    expect(first.value).toBe(1);
    expect(await run({ module: 'count', function: 'calls' })).toEqual(first);
    const program = await run(PROGRAM);
    expect(await run(PROGRAM)).toEqual(program);
    const direct = await (await service.build('hello', PROGRAM.input)).run();
    expect(program).toMatchObject({ value: direct.exitCode, stdout: direct.stdout, stderr: direct.stderr });
    expect(program.stdout).not.toBe('');
    expect(lent(service)).toBe(4);
  },
);

test('they come to the same in a pool and beside it, durable and not', async () => {
  const sum = { module: 'count', function: 'sum', args: [20_000] };
  const all = [{}, { progressEvery: { gas: 1_000 } }, DURABLE()];
  const results = [];
  for (const options of all) {
    const { run } = await jobs(options);
    results.push([await run(sum), await run(PROGRAM)]);
  }
  expect(results[0]?.[0]?.value).toBe('200010000');
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test('durable ones, functions with an input and programs with an environment have guests of their own', async () => {
  const durable = await jobs(DURABLE());
  await durable.run({ module: 'math', function: 'add', args: [1, 2] });
  expect(lent(durable.service)).toBe(0);
  const plain = await jobs();
  await plain.run({ module: 'math', function: 'add', args: [1, 2], input: { stdin: 'x' } });
  const withEnvironment = { ...PROGRAM.input, env: { NAME: 'x' } };
  expect(await plain.run({ ...PROGRAM, input: withEnvironment })).toMatchObject({ value: 0 });
  expect(lent(plain.service)).toBe(0);
});

test('a durable one goes on where it was left', async () => {
  const { service } = await jobs();
  const job = { job: 'a job', module: 'count', function: 'sum', args: [20_000n], ...DURABLE() };
  const dies = ({ sequence }: { sequence: number }) => {
    if (sequence === 2) throw new Error('the worker is gone');
  };
  await expect(runDurably(service, { ...job, onCheckpoint: dies })).rejects.toThrow('the worker is gone');
  const sequences: number[] = [];
  const { value, gasUsed } = await runDurably(service, {
    ...job,
    onCheckpoint: ({ sequence }) => void sequences.push(sequence),
  });
  expect(value).toBe(200_010_000n);
  expect(sequences[0]).toBe(3);
  const undisturbed = (await service.build('count')).start('sum', [20_000n]);
  await undisturbed.run();
  expect(gasUsed).toBe(undisturbed.gasUsed);
});

test('what a service does not know, and what its guests are at fault for, is not tried again', async () => {
  const { service, run } = await jobs({ gasLimit: 100_000 });
  await expect(run({ module: 'none', function: 'add' })).rejects.toThrow('there is no module "none"');
  await expect(run({ module: 'math', function: 'none' })).rejects.toBeInstanceOf(UsageError);
  await expect(run({ module: 'math', function: 'spin' })).rejects.toThrow('100000 units');
  expect(lent(service)).toBe(2);
});
