/** What a service tells of a call: all that its guest asked for, and what it used. */

import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { type CallAudit, Capability } from '../../src/index.node.ts';
import type { SandboxService } from '../../src/service.node.ts';
import { MATH, serve, until, WAITS } from './guests.ts';

/** Asks for what is not granted, for what is, and then traps or not. */
const ASKS = `(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run") (param $fails i32) (result i32)
    (drop (call $unlink (i32.const 3) (i32.const 0) (i32.const 1)))
    (drop (call $random (i32.const 0) (i32.const 8)))
    (if (local.get $fails) (then unreachable))
    (i32.const 7)))`;

const names = (audit: CallAudit | undefined) => audit?.events.map(({ function: name, allowed }) => [name, allowed]);
const ASKED = [
  ['wasi_snapshot_preview1.path_unlink_file', false],
  ['wasi_snapshot_preview1.random_get', true],
];

/** What was told before the call had settled, and how it ended. */
async function audited(call: (onAudit: (audit: CallAudit) => void) => Promise<unknown>) {
  const told: CallAudit[] = [];
  const result = await call((audit) => told.push(audit)).catch((error: { code: string }) => error.code);
  return { result, told: [...told] };
}

describe.each([
  ['in a pool', {}],
  ['on a worker thread', { workers: { threads: 1 } }],
])('%s', (_, where) => {
  test('is told once, also where the call fails, whether or not the policy records', async () => {
    await using service = await serve({ modules: { asks: ASKS }, ...where });
    for (const [fails, result] of [
      [0, 7],
      [1, 'TRAP'],
    ]) {
      const done = await audited((onAudit) => service.call('asks', 'run', [fails], { onAudit }));
      expect(done.result).toBe(result);
      expect(done.told.map(names)).toEqual([ASKED]);
      const [audit] = done.told;
      expect(audit?.violations).toEqual(audit?.events.slice(0, 1));
      expect(audit).toMatchObject({ dropped: 0, stats: { functionCalls: 1 } });
      const json = JSON.parse(JSON.stringify(audit));
      expect(json.stats.gasUsed).toBe(String(audit?.stats.gasUsed));
      expect(BigInt(json.events[1].gasUsed)).toBeGreaterThan(0n);
    }
    const json = await audited((onAudit) => service.callJson('asks', 'run', [0], { onAudit }));
    expect([json.result, json.told.map(names)]).toEqual([7, [ASKED]]);
    expect(await service.call('asks', 'run', [0])).toBe(7);
    await expect(service.call('asks', 'run', [0], { onAudit: 'yes' as never })).rejects.toThrow('onAudit must be');
  });

  test('of a plug-in and of a program', async () => {
    const modules = { plugin: loadFixture('plugin'), hello: loadFixture('hello') };
    const functions = { 'extism:host/user': { shout: () => 0n } };
    const plugin = 'workers' in where ? {} : { plugin: { functions } };
    const wanted = 'workers' in where ? { hello: modules.hello } : modules;
    await using service = await serve({ modules: wanted, ...plugin, ...where });
    const run = await audited((onAudit) => service.run('hello', { onAudit }));
    expect(names(run.told[0])?.map(([name]) => name)).toContain('wasi_snapshot_preview1.fd_write');
    if ('workers' in where) return;
    const call = await audited((onAudit) => service.plugin('plugin', 'echo_bulk', 'x', { as: 'text', onAudit }));
    expect(call.result).toBe('x');
    expect(names(call.told[0])?.length).toBeGreaterThan(0);
  });
});

test('the gas is that of the call, where the sandbox has been taken back before it has ended', async () => {
  await using service = await serve();
  const gone = new AbortController();
  const spinning = audited((onAudit) => service.withSignal(gone.signal).call('math', 'spin', [], { onAudit }));
  await until(() => service.metrics().modules['math']?.pool.leased === 1);
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  gone.abort();
  const { result, told } = await spinning;
  expect([result, told.length]).toEqual(['ABORTED', 1]);
  expect(told[0]?.stats.gasUsed).toBe(
    BigInt(service.metrics().modules['math']?.gasUsed ?? 0) + (await idleGas(service)),
  );
});

/** What making a sandbox costs, which is no call's. */
const idleGas = (service: SandboxService) => service.use('math', (sandbox) => sandbox.getResourceStats().gasUsed);

test('of what is done with a sandbox that is lent; of none nothing is told', async () => {
  const capabilities = [Capability.hostFunctions('env', { wait: (value: number) => value })];
  await using service = await serve({ modules: { math: MATH, waits: WAITS }, capabilities });
  const used = await audited((onAudit) =>
    service.use('waits', async (sandbox) => [await sandbox.call('run', [1]), await sandbox.call('run', [2])], {
      onAudit,
    }),
  );
  expect([used.result, names(used.told[0])]).toEqual([
    [1, 2],
    [
      ['env.wait', true],
      ['env.wait', true],
    ],
  ]);
  const refused = await audited((onAudit) =>
    service.call('waits', 'run', [1], { signal: AbortSignal.abort(), onAudit }),
  );
  expect(refused).toEqual({ result: 'ABORTED', told: [] });
});
