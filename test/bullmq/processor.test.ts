import { context, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Processor } from 'bullmq';
import { afterEach, describe, expect, test } from 'vitest';
import { JobFailure, type QueueJob, wasmProcessor, wasmQueue } from '../../src/bullmq.ts';
import { Trap, UsageError, WasmSandbox, WasmSandboxError } from '../../src/index.ts';
import { Ledger, workers } from '../durable/guests.ts';
import { inMemory } from '../durable/stores.ts';

/** A job that nobody but a test has. */
function job(data: unknown, id = '1'): QueueJob & { readonly told: object[] } {
  const told: object[] = [];
  return {
    id,
    name: 'a job',
    queueName: 'a queue',
    data,
    timestamp: 1,
    told,
    updateProgress: async (progress) => void told.push(progress),
    getChildrenValues: async () => ({}),
    moveToWait: async () => undefined,
  };
}

describe('a processor', () => {
  test('is one of BullMQ’s, with the parameters that it looks at, to give it a signal', () => {
    const processor: Processor = wasmProcessor(workers(() => 1n));
    expect(processor).toHaveLength(3);
  });

  test('fails with what JSON can have, and the error can be made of again', async () => {
    const processor = wasmProcessor(workers(() => 1n));
    const asked = job({ module: 'worker', function: 'trap', args: [1] });
    const failure = await processor(asked).catch((error) => error);
    expect(failure).toBeInstanceOf(JobFailure);
    // What BullMQ carries between processes: own enumerable properties.
    const carried = JSON.parse(JSON.stringify({ ...failure, message: failure.message }));
    expect(carried.name).toBe('UnrecoverableError');
    const again = WasmSandboxError.from(carried.data);
    expect(again).toBeInstanceOf(Trap);
    expect(again.resources?.gasUsed).toBe(failure.cause.resources.gasUsed);
    expect(asked.told).toEqual([{ error: carried.data }]);
  });

  test.each<[string, unknown]>([
    ['a job must have', null],
    ['options of a job must be an object', 5],
    ['no option "modul"', { modul: 'worker' }],
    ['args must be an array', { module: 'worker', function: 'run', args: 'x' }],
    ['gasLimit must be', { module: 'worker', function: 'run', gasLimit: '1e9' }],
    ['whose result this one needs', { after: ['none'] }],
    ['has no option "stdout"', { module: 'worker', input: { stdout: '' } }],
  ])('data of anybody’s: %s', async (message, data) => {
    const failure = await wasmProcessor(workers(() => 1n))(job(data)).catch((error) => error);
    expect(failure.name).toBe('UnrecoverableError');
    expect(failure.cause).toBeInstanceOf(UsageError);
    if (data !== null) expect(failure.message).toContain(message);
  });

  test('bounds what a job may use, whatever it asks for', async () => {
    const processor = wasmProcessor(
      workers(() => 1n),
      { gasLimit: 10_000 },
    );
    const asked = { module: 'worker', function: 'run', args: [100], gasLimit: '1000000000' };
    await expect(processor(job(asked))).rejects.toThrow('10000 units');
  });

  test('runs on the native engine what is not durable', async () => {
    const source = '(module (func (export "five") (result i32) (i32.const 5)))';
    const make = (engine: 'native' | 'interpreter') =>
      wasmProcessor({
        build: (_, input) => WasmSandbox.create({ source, engine, ...input }),
        restore: (_, bytes) => WasmSandbox.restore(bytes, { source }),
      })(job({ module: 'm', function: 'five' }));
    expect(await make('native')).toEqual(await make('interpreter'));
  });

  test('writes output that is no text as base64', async () => {
    const processor = wasmProcessor(workers(() => 1n));
    const result = await processor(job({ module: 'worker', function: 'run', args: [3], output: 'base64' }));
    expect(result).toMatchObject({ stdout: btoa('...') });
  });

  test('forgets what is kept of a job, and nothing of another of its name', async () => {
    const ledger = new Ledger();
    const processor = wasmProcessor(
      workers((key) => ledger.pay(key)),
      { store: inMemory(), checkpointEvery: { gas: 1_000 } },
    );
    const asked = { module: 'worker', function: 'run', args: [2] };
    const first = await processor(job(asked));
    expect(await processor(job(asked))).toEqual(first);
    await processor.forget(job(asked, '2'));
    expect(await processor(job(asked))).toEqual(first);
    expect(ledger.again).toBe(0);
    await processor.forget(job(asked));
    await processor(job(asked));
    expect(ledger.again).toBe(2);
  });

  test.each<[string, object]>([
    ['both a store and checkpointEvery', { store: inMemory() }],
    ['both a store and checkpointEvery', { checkpointEvery: { gas: 1 } }],
    ['tracer.startActiveSpan', { tracer: {} }],
    ['no option "guest"', { guest: 1 }],
  ])('%s', async (message, options) => {
    const make = async () =>
      wasmProcessor(
        workers(() => 1n),
        options,
      )(job({ module: 'worker', function: 'run', args: [1] }));
    await expect(make()).rejects.toThrow(message);
  });
});

describe('spans', () => {
  afterEach(() => context.disable());

  test('one for each run, within the one that is active, with its checkpoints and its failure', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    const exporter = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const tracer: Tracer = provider.getTracer('test');
    const options = { store: inMemory(), checkpointEvery: { gas: 5_000 }, tracer };
    const processor = wasmProcessor(
      workers(() => 1n),
      options,
    );
    const outer = tracer.startSpan('process');
    const result = await context.with(trace.setSpan(context.active(), outer), () =>
      processor(job({ module: 'worker', function: 'run', args: [4] })),
    );
    await processor(job({ module: 'worker', function: 'trap', args: [1] }, '2')).catch(() => undefined);
    const [ran, trapped] = exporter.getFinishedSpans();
    expect(ran?.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
    expect(ran?.attributes).toMatchObject({
      'messaging.message.id': '1',
      'wasm.module': 'worker',
      'wasm.function': 'run',
      'wasm.gas_used': (result as { gasUsed: string }).gasUsed,
    });
    expect(new Set(ran?.events.map(({ name }) => name))).toEqual(new Set(['checkpoint']));
    expect(ran?.events.length).toBeGreaterThan(1);
    expect(trapped?.attributes['error.type']).toBe('TRAP');
    expect(trapped?.status.code).toBe(2);
  });
});

test('a queue that was closed takes no more jobs, and what has not begun is told', async () => {
  const queue = await wasmQueue('q');
  const waiting = await queue.add('job', { module: 'worker' });
  const ending = expect(waiting.finished()).rejects.toThrow('was closed');
  await queue.close();
  await ending;
  await expect(queue.add('job', { module: 'worker' })).rejects.toThrow(UsageError);
});
