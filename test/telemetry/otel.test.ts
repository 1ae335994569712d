/** `wasm-sandbox/otel`, by OpenTelemetry's own SDK with what keeps spans and figures in memory. */

import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GasExhausted, SandboxPool, Scheduler, SecurityPolicy, WasmSandbox } from '../../src/index.ts';
import { createTelemetry } from '../../src/otel.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { wat } from '../../src/text.ts';
import { GUEST } from '../testing/guests.ts';

const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());
beforeEach(() => spans.reset());

/** Telemetry with a meter of its own, and what it has been told. */
function watching() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const telemetry = createTelemetry({ tracerProvider, meterProvider });
  const collect = async () => {
    exporter.reset();
    await reader.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  const histogram = async (name: string) => {
    const points = (await collect()).get(name)?.dataPoints ?? [];
    return points.map(({ attributes, value }) => ({ attributes, ...(value as Histogram) }));
  };
  return { telemetry, collect, histogram };
}

const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name);
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;

/** Calls a function of the host's, which may make it wait, and then again. */
const ASKING = wat`(module
  (import "env" "ask" (func $ask (param i32) (result i32)))
  (func (export "twice") (result i32) (i32.add (call $ask (i32.const 1)) (call $ask (i32.const 2)))))`;

describe('a call', () => {
  test('is told in numbers that equal the figures of the sandbox', async () => {
    const { telemetry, histogram, collect } = watching();
    const sandbox = telemetry.wrap(await WasmSandbox.create({ source: GUEST }));
    const before = sandbox.getResourceStats().gasUsed;
    expect(await sandbox.call('add', [1, 2])).toBe(3);
    await sandbox.call('add', [3, 4]);
    const { gasUsed, peakMemoryBytes } = sandbox.getResourceStats();
    const [gas] = await histogram('wasm.sandbox.call.gas');
    expect(gas).toMatchObject({
      count: 2,
      sum: Number(gasUsed - before),
      attributes: { 'wasm.engine': 'interpreter' },
    });
    expect(await histogram('wasm.sandbox.call.memory')).toMatchObject([{ count: 2, sum: 2 * peakMemoryBytes }]);
    const [duration] = await histogram('wasm.sandbox.call.duration');
    expect(duration).toMatchObject({ count: 2 });
    expect(duration?.sum).toBeGreaterThan(0);
    const units = [...(await collect()).values()].map(({ descriptor: { name, unit } }) => `${name} ${unit}`);
    expect(units).toContain('wasm.sandbox.call.gas {gas}');
    expect(units).toContain('wasm.sandbox.call.duration s');
    expect(units).toContain('wasm.sandbox.call.memory By');
    const [span] = named('wasm.call');
    expect(span?.attributes).toEqual({
      'wasm.sandbox.id': sandbox.instanceId,
      'wasm.function': 'add',
      'wasm.engine': 'interpreter',
      'wasm.gas.used': Number(gasUsed - before) / 2,
      'wasm.memory.peak': peakMemoryBytes,
    });
  });

  test('has figures whichever method makes it', async () => {
    const { telemetry, histogram } = watching();
    const sandbox = telemetry.wrap(await WasmSandbox.create({ source: GUEST }), { tenant: 'ada' });
    const before = sandbox.getResourceStats().gasUsed;
    await sandbox.callWithTimeout('add', [1, 2], 1_000);
    await sandbox.callWithAudit('add', [1, 2]);
    await sandbox.callBatch([{ name: 'add', args: [1, 2] }]);
    await sandbox.functions<{ add(a: number, b: number): number }>().add(1, 2);
    await sandbox.start('add', [1, 2]).run();
    const [gas] = await histogram('wasm.sandbox.call.gas');
    expect(gas).toMatchObject({ count: 5, sum: Number(sandbox.getResourceStats().gasUsed - before) });
    expect(gas?.attributes).toMatchObject({ tenant: 'ada' });
    expect(named('wasm.call')).toHaveLength(5);
    expect(named('wasm.call').every(({ attributes }) => attributes['tenant'] === 'ada')).toBe(true);
  });

  test('that fails is told by class and kind, without a word of the guest', async () => {
    const { telemetry, histogram } = watching();
    const secret = 'secret_of_the_guest';
    const source = `(module (func (export "${secret}") unreachable) (func (export "spin") (loop (br 0))))`;
    const sandbox = telemetry.wrap(await WasmSandbox.create({ source, gasLimit: 10_000n }));
    await expect(sandbox.call('', [])).rejects.toThrow(secret);
    await expect(sandbox.functions<Record<string, () => void>>()[secret]?.()).rejects.toThrow('unreachable');
    await expect(sandbox.call('spin')).rejects.toBeInstanceOf(GasExhausted);
    const calls = named('wasm.call');
    expect(calls.map(({ status }) => status.message)).toEqual([
      'UsageError',
      'Trap: unreachable',
      'GasExhausted: sandbox',
    ]);
    expect(calls.map(({ attributes }) => attributes['error.type'])).toEqual(['UsageError', 'Trap', 'GasExhausted']);
    const told = JSON.stringify(
      calls.map(({ attributes: { 'wasm.function': _, ...rest }, events, status }) => [rest, events, status]),
    );
    expect(told).not.toContain(secret);
    const failed = await histogram('wasm.sandbox.call.gas');
    expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual(['UsageError', 'Trap', 'GasExhausted']);
    expect(failed.reduce((sum, point) => sum + (point.sum ?? 0), 0)).toBe(
      Number(sandbox.getResourceStats().gasUsed) -
        Number((await WasmSandbox.create({ source })).getResourceStats().gasUsed),
    );
  });

  test('whose sandbox is disposed of meanwhile ends too', async () => {
    const { telemetry } = watching();
    const env = telemetry.hostFunctions('env', { ask: () => new Promise(() => undefined) });
    const sandbox = telemetry.wrap(await WasmSandbox.create({ source: ASKING, capabilities: [env] }));
    const call = sandbox.call('twice');
    sandbox.dispose();
    await expect(call).rejects.toThrow('disposed');
    expect(named('wasm.call').map(({ status }) => status.message)).toEqual(['SandboxDisposed']);
  });

  test('in a sandbox without waiting', () => {
    const { telemetry } = watching();
    const sandbox = telemetry.wrap(SyncSandbox.fromBytes(GUEST));
    expect(sandbox.call('add', [1, 2])).toBe(3);
    expect(() => sandbox.call('trap')).toThrow('unreachable');
    expect(named('wasm.call').map(({ status }) => status.message)).toEqual([undefined, 'Trap: unreachable']);
  });
});

describe('a wrapped sandbox', () => {
  test('is one, wrapped once, and hides nothing', async () => {
    const { telemetry } = watching();
    const plain = await WasmSandbox.create({ source: GUEST });
    const sandbox = telemetry.wrap(plain);
    expect(sandbox).toBeInstanceOf(WasmSandbox);
    expect(telemetry.wrap(sandbox)).toBe(sandbox);
    expect(sandbox.call).toBe(sandbox.call);
    expect(sandbox.memory.byteLength).toBe(65_536);
    expect(sandbox.exports).toEqual(plain.exports);
    await sandbox.reset();
    await plain.call('add', [1, 2]);
    expect(named('wasm.call')).toEqual([]);
    sandbox.dispose();
    expect(() => plain.getResourceStats()).toThrow('disposed');
  });

  test('takes attributes that libraries can take', async () => {
    const { telemetry } = watching();
    const plain = await WasmSandbox.create({ source: GUEST });
    expect(() => telemetry.wrap(plain, { tenant: 1n as never })).toThrow('must be a string, a number or a boolean');
    expect(() => telemetry.wrap(plain, 'ada' as never)).toThrow('the attributes must be an object');
  });
});

describe('loading', () => {
  test('has a span, and figures, also where it fails', async () => {
    const { telemetry, histogram } = watching();
    const sandbox = await telemetry.load(() => WasmSandbox.create({ source: GUEST }), { tenant: 'ada' });
    await expect(telemetry.load(() => WasmSandbox.create({ source: new Uint8Array(3) }))).rejects.toThrow('magic');
    await sandbox.call('add', [1, 2]);
    expect(named('wasm.load').map(({ status }) => status.message)).toEqual([undefined, 'CompileError']);
    expect(named('wasm.call').map(({ attributes }) => attributes['tenant'])).toEqual(['ada']);
    const points = await histogram('wasm.sandbox.load.duration');
    expect(points.map(({ count, attributes }) => [count, attributes])).toEqual([
      [1, { tenant: 'ada', 'wasm.engine': 'interpreter' }],
      [1, { 'error.type': 'CompileError' }],
    ]);
  });
});

describe('a host call', () => {
  const later = () => new Promise<void>((resolve) => setImmediate(resolve));

  test('is below its call, also behind a wait, and what it begins is below it', async () => {
    const { telemetry, histogram } = watching();
    const tracer = tracerProvider.getTracer('test');
    const env = telemetry.hostFunctions('env', {
      ask: async (n: number) => {
        await later();
        tracer.startSpan(`query ${n}`).end();
        return n;
      },
    });
    const sandbox = await telemetry.load(() => WasmSandbox.create({ source: ASKING, capabilities: [env] }));
    const fork = telemetry.wrap(await sandbox.fork());
    const results = await tracer.startActiveSpan('request', async (span) => {
      const both = await Promise.all([sandbox.call('twice'), fork.call('twice')]);
      span.end();
      return both;
    });
    expect(results).toEqual([3, 3]);
    const [request] = named('request');
    const calls = named('wasm.call');
    const hostCalls = named('wasm.host_call');
    expect(calls.map(parentOf)).toEqual([idOf(request), idOf(request)]);
    for (const call of calls) expect(hostCalls.filter((each) => parentOf(each) === idOf(call))).toHaveLength(2);
    const queries = [...named('query 1'), ...named('query 2')];
    expect(new Set(queries.map(parentOf))).toEqual(new Set(hostCalls.map(idOf)));
    expect(hostCalls[0]?.attributes).toEqual({ 'wasm.host.function': 'env.ask' });
    expect(await histogram('wasm.sandbox.host_call.duration')).toMatchObject([
      { count: 4, attributes: { 'wasm.host.function': 'env.ask' } },
    ]);
  });

  test('is below its execution where a scheduler runs it', async () => {
    const { telemetry } = watching();
    const env = telemetry.hostFunctions('env', { ask: { call: (_caller, [n]) => later().then(() => n) } });
    const make = async () => telemetry.wrap(await WasmSandbox.create({ source: ASKING, capabilities: [env] }));
    const scheduler = new Scheduler({ slice: 1 });
    const tasks = [await make(), await make()].map((sandbox) => scheduler.add(sandbox.start<number>('twice')));
    await scheduler.run();
    expect(await Promise.all(tasks.map(({ result }) => result))).toEqual([3, 3]);
    for (const call of named('wasm.call')) {
      expect(named('wasm.host_call').filter((each) => parentOf(each) === idOf(call))).toHaveLength(2);
    }
  });

  test('that calls the guest has that call below it', async () => {
    const { telemetry } = watching();
    const env = telemetry.hostFunctions('env', { ask: (n: number) => (n === 1 ? inner.call('add', [1, 2]) : 0) });
    const inner = telemetry.wrap(await WasmSandbox.create({ source: GUEST }));
    const sandbox = telemetry.wrap(await WasmSandbox.create({ source: ASKING, capabilities: [env] }));
    expect(await sandbox.call('twice')).toBe(3);
    const [innermost] = named('wasm.call');
    expect(named('wasm.host_call').map(idOf)).toContain(parentOf(innermost));
  });

  test('is below its call also where another has wrapped the sandbox before', async () => {
    const { telemetry } = watching();
    const env = telemetry.hostFunctions('env', { ask: (n: number) => n });
    const plain = await WasmSandbox.create({ source: ASKING, capabilities: [env] });
    await context.with(ROOT_CONTEXT, () => telemetry.wrap(watching().telemetry.wrap(plain)).call('twice'));
    const [inner, outer] = named('wasm.call');
    expect(parentOf(inner)).toBe(idOf(outer));
    expect(named('wasm.host_call').map(parentOf)).toEqual([idOf(outer), idOf(outer)]);
  });

  test('that fails is told by class', async () => {
    const { telemetry } = watching();
    const fail = () => {
      throw new TypeError('secret');
    };
    const sandbox = telemetry.wrap(
      await WasmSandbox.create({ source: ASKING, capabilities: [telemetry.hostFunctions('env', { ask: fail })] }),
    );
    await expect(sandbox.call('twice')).rejects.toThrow('secret');
    expect(named('wasm.host_call').map(({ status }) => status.message)).toEqual(['Error']);
    expect(named('wasm.call').map(({ status }) => status.message)).toEqual(['HostError']);
  });

  test('costs the guest the same, and refuses what is no function', async () => {
    const { telemetry } = watching();
    const gas = async (capability: Parameters<typeof WasmSandbox.create>[0]['capabilities']) => {
      const sandbox = await WasmSandbox.create({ source: ASKING, capabilities: capability });
      await sandbox.call('twice');
      return sandbox.getResourceStats().gasUsed;
    };
    const { Capability } = await import('../../src/index.ts');
    const functions = { ask: { params: ['i32'], results: ['i32'], call: () => 1 } } as const;
    const price = { gas: 7 };
    expect(await gas([telemetry.hostFunctions('env', functions, price)])).toBe(
      await gas([Capability.hostFunctions('env', functions, price)]),
    );
    expect(() => telemetry.hostFunctions('env', { ask: 1 as never })).toThrow('ask');
    expect(() => telemetry.hostFunctions('env', 1 as never)).toThrow('must be an object');
  });
});

test('the audit is counted, and noted in the span of its call, without what guests choose', async () => {
  const { telemetry, collect } = watching();
  const securityPolicy = SecurityPolicy.builder().enableAuditLogging({ sink: telemetry.sink }).build();
  const sandbox = telemetry.wrap(await WasmSandbox.create({ source: GUEST, securityPolicy }));
  await sandbox.call('environ');
  await sandbox.call('random');
  const points = (await collect()).get('wasm.sandbox.requests')?.dataPoints;
  expect(points).toMatchObject([
    { value: 1, attributes: { 'wasm.request.kind': 'environment', 'wasm.request.allowed': false } },
    { value: 1, attributes: { 'wasm.request.kind': 'random', 'wasm.request.allowed': true } },
  ]);
  expect(
    named('wasm.call').map(({ events }) => events.map(({ attributes }) => attributes?.['wasm.host.function'])),
  ).toEqual([['wasi_snapshot_preview1.environ_sizes_get'], ['wasi_snapshot_preview1.random_get']]);
});

test('a pool is observed under its name, as numbers that equal its own', async () => {
  const { telemetry, collect } = watching();
  await using pool = await SandboxPool.create({ sandbox: { source: GUEST }, min: 2 });
  const stop = telemetry.observe(pool, 'plugins');
  const lease = await pool.acquire();
  await telemetry.wrap(lease.sandbox).call('add', [1, 2]);
  const metrics = await collect();
  const read = (name: string) => metrics.get(`wasm.pool.${name}`)?.dataPoints;
  const stats = pool.getStats();
  for (const name of ['size', 'idle', 'leased', 'waiting', 'acquired'] as const) {
    expect(read(name)).toMatchObject([{ value: stats[name], attributes: { 'wasm.pool.name': 'plugins' } }]);
  }
  expect([...metrics.keys()].filter((name) => name.startsWith('wasm.pool.'))).toHaveLength(Object.keys(stats).length);
  expect(named('wasm.call')).toHaveLength(1);
  stop();
  await lease.release();
});

test('without providers nothing is told, and everything works', async () => {
  trace.disable();
  const telemetry = createTelemetry();
  const sandbox = telemetry.wrap(await WasmSandbox.create({ source: GUEST }));
  expect(await sandbox.call('add', [1, 2])).toBe(3);
});
