/** `wasm-sandbox/prometheus`, by prom-client; and the audit in a logger. */

import { createRequire } from 'node:module';
import * as client from 'prom-client';
import { describe, expect, test } from 'vitest';
import { jsonLines, SandboxPool, SecurityPolicy, WasmSandbox } from '../../src/index.ts';
import { createPrometheus } from '../../src/prometheus.ts';
import { HISTOGRAMS, POOL } from '../../src/telemetry/figures.ts';
import { GUEST } from '../testing/guests.ts';

const make = (labelNames: readonly string[] = []) => {
  const register = new client.Registry();
  return { register, telemetry: createPrometheus(client, { register, labelNames }) };
};

describe('a registry', () => {
  test('has the figures of calls, as numbers that equal those of the sandbox', async () => {
    const { register, telemetry } = make(['tenant']);
    const sandbox = await telemetry.load(() => WasmSandbox.create({ source: GUEST }), { tenant: 'ada' });
    const before = sandbox.getResourceStats().gasUsed;
    await sandbox.call('add', [1, 2]);
    await expect(sandbox.call('trap')).rejects.toThrow('unreachable');
    const { gasUsed, peakMemoryBytes } = sandbox.getResourceStats();
    const text = await register.metrics();
    const sums = [...text.matchAll(/^wasm_sandbox_call_gas_sum\{.*\} (\d+)$/gm)].map(([, sum]) => Number(sum));
    expect(sums).toHaveLength(2);
    expect(sums.reduce((sum, each) => sum + each)).toBe(Number(gasUsed - before));
    expect(text).toContain(
      `wasm_sandbox_call_memory_bytes_sum{tenant="ada",wasm_engine="interpreter",error_type="Trap"} ${peakMemoryBytes}`,
    );
    expect(text).toContain('wasm_sandbox_call_duration_seconds_count{tenant="ada",wasm_engine="interpreter"} 1');
    expect(text).toContain('wasm_sandbox_load_duration_seconds_count{tenant="ada",wasm_engine="interpreter"} 1');
  });

  test('has the figures of pools, each under its name, whenever it is asked', async () => {
    const { register, telemetry } = make();
    const pools = await Promise.all(
      [1, 2].map((min) => SandboxPool.create({ sandbox: { source: GUEST }, min, max: 4 })),
    );
    const [stop] = pools.map((pool, i) => telemetry.observe(pool, `p${i}`));
    const lease = await pools[1]!.acquire();
    const read = async (name: string) =>
      (await register.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
    expect(await read('wasm_pool_idle')).toEqual([
      'wasm_pool_idle{wasm_pool_name="p0"} 1',
      'wasm_pool_idle{wasm_pool_name="p1"} 1',
    ]);
    const acquired = [
      'wasm_pool_acquired_total{wasm_pool_name="p0"} 0',
      'wasm_pool_acquired_total{wasm_pool_name="p1"} 1',
    ];
    expect(await read('wasm_pool_acquired_total')).toEqual(acquired);
    expect(await read('wasm_pool_acquired_total')).toEqual(acquired);
    stop?.();
    await lease.release();
    expect(await read('wasm_pool_leased')).toEqual(['wasm_pool_leased{wasm_pool_name="p1"} 0']);
    await Promise.all(pools.map((pool) => pool.drain()));
  });

  test('has a name that Prometheus takes for every figure, and no other', async () => {
    const { register } = make();
    const names = (await register.getMetricsAsJSON()).map(({ name }) => name);
    expect(names).toHaveLength(Object.keys(HISTOGRAMS).length + 1 + Object.keys(POOL).length);
    for (const name of names) expect(name).toMatch(/^wasm_[a-z_]+$/);
  });

  test('counts requests by what was asked, and by whom', async () => {
    const { register, telemetry } = make();
    const securityPolicy = SecurityPolicy.builder().enableAuditLogging({ sink: telemetry.sink }).build();
    await (await WasmSandbox.create({ source: GUEST, securityPolicy })).call('environ');
    expect(await register.metrics()).toContain(
      'wasm_sandbox_requests_total{wasm_host_function="wasi_snapshot_preview1.environ_sizes_get",wasm_request_kind="environment",wasm_request_allowed="false"} 1',
    );
  });

  test('is refused what it could not take, before anything is run', async () => {
    const { register, telemetry } = make(['tenant']);
    const sandbox = await WasmSandbox.create({ source: GUEST });
    expect(() => telemetry.wrap(sandbox, { user: 'ada' })).toThrow('"user" is not among the labelNames');
    expect(() => createPrometheus(client, { register })).toThrow('already been registered');
    expect(() => createPrometheus({} as never)).toThrow('has a Histogram');
    expect(() => createPrometheus(client, { labels: [] } as never)).toThrow('no option "labels"');
  });
});

test('pino takes the audit, with gas as text', async () => {
  // Comes with fastify.
  const pino = createRequire(createRequire(import.meta.url).resolve('fastify'))('pino') as (
    options: object,
    to: { write(line: string): void },
  ) => { info(event: object): void };
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  const sink = jsonLines((line) => log.info(JSON.parse(line)));
  const securityPolicy = SecurityPolicy.builder().enableAuditLogging({ sink, keep: false }).build();
  await (await WasmSandbox.create({ source: GUEST, securityPolicy })).call('environ');
  expect(lines).toMatchObject([
    {
      level: 30,
      function: 'wasi_snapshot_preview1.environ_sizes_get',
      allowed: false,
      gasUsed: expect.stringMatching(/^\d+$/),
    },
  ]);
});
