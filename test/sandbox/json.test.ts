import { expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, replay, Scheduler, SecurityPolicy, Trap, WasmSandbox, WasmSandboxError } from '../../src/index.ts';

// Whatever is reported can be given to JSON.stringify, with units of gas as text.

const json = (value: unknown) => JSON.parse(JSON.stringify(value));

test('statistics, batches, audits, violations and recordings', async () => {
  const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict())
    .allow(Capability.stdio({}))
    .enableAuditLogging()
    .build();
  const sandbox = await WasmSandbox.create({
    source: loadFixture('hello'),
    securityPolicy,
    record: true,
    gasLimit: 1e9,
  });
  const audited = await sandbox.callWithAudit('_start').catch((error) => error);
  expect(json(audited)).toBeDefined();
  const stats = sandbox.getResourceStats();
  expect(json(stats)).toMatchObject({ gasUsed: String(stats.gasUsed), gasLimit: String(stats.gasLimit) });
  const events = sandbox.auditEvents();
  expect(events.length).toBeGreaterThan(0);
  expect(json(events)[0]).toMatchObject({ gasUsed: String(events[0]?.gasUsed) });
  const report = await replay(await sandbox.recording());
  expect(json(report)).toMatchObject({ same: true, gasUsed: String(report.gasUsed) });
});

test('results of batches that are bigints, and tenants', async () => {
  const sandbox = await WasmSandbox.create({ source: loadFixture('i64mix') });
  const [result] = await sandbox.callBatch([{ name: 'run', args: [1] }]);
  expect(json(result)).toMatchObject({ name: 'run', ok: true, gasUsed: String(result?.gasUsed) });
  const scheduler = new Scheduler();
  scheduler.grant('a', 1_000);
  expect(json(scheduler.tenant('a'))).toEqual({ gasUsed: '0', gasBudget: '1000' });
});

test('a guest’s failure, and the same in another process', async () => {
  const sandbox = await WasmSandbox.create({ source: loadFixture('traps') });
  const failure = await sandbox.call('i32_div_s_zero', []).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Trap);
  const again = WasmSandboxError.from(json(failure));
  expect(again).toBeInstanceOf(Trap);
  expect(again.resources).toEqual((failure as Trap).resources);
});
