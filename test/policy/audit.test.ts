import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  type AuditEvent,
  auditLine,
  auditOf,
  Capability,
  HostError,
  jsonLines,
  SandboxDisposed,
  SecurityPolicy,
  SecurityViolation,
  Trap,
  UsageError,
  WasmSandbox,
} from '../../src/index.ts';
import { assemble, I32 } from '../sandbox/modules.ts';
import { Guest } from './guest.ts';

const audited = (options: Parameters<ReturnType<typeof SecurityPolicy.builder>['enableAuditLogging']>[0] = {}) =>
  SecurityPolicy.builder().enableAuditLogging(options).build();

describe('sinks', () => {
  test('a callback takes each event as it is recorded, the same as memory does', () => {
    const taken: AuditEvent[] = [];
    const guest = new Guest(audited({ sink: (event) => taken.push(event) }));
    guest.call('clock_time_get', 0, 0n, 32);
    expect(taken).toHaveLength(1);
    guest.call('environ_sizes_get', 0, 4);
    expect(taken).toEqual(guest.host.audit.events);
    expect(taken.every(Object.isFrozen)).toBe(true);
  });

  test('memory may be left out, and the bound holds for all', () => {
    const taken: AuditEvent[] = [];
    const guest = new Guest(audited({ sink: (event) => taken.push(event), keep: false, maxEvents: 3 }));
    for (let turn = 0; turn < 5; turn++) guest.call('sched_yield');
    expect(guest.host.audit.events).toEqual([]);
    expect(taken.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
    expect([guest.host.audit.total, guest.host.audit.dropped]).toEqual([5, 2]);
    guest.host.reset();
    guest.call('sched_yield');
    expect(taken.at(-1)?.sequence).toBe(0);
  });

  test('what guests chose is bounded too, and the first event that has no room is the last', () => {
    const taken: AuditEvent[] = [];
    const policy = SecurityPolicy.builder()
      .allow(Capability.filesystemAccess({ memory: { a: '' } }))
      .enableAuditLogging({ maxBytes: 2 * 100, sink: (event) => taken.push(event) })
      .build();
    const guest = new Guest(policy);
    guest.put(0, 'x'.repeat(60));
    const look = (length: number) => guest.call('path_filestat_get', 3, 0, 0, length, 1_024);
    for (const length of [39, 59, 20, 1]) look(length);
    const { audit } = guest.host;
    // A path is absolute in the record, which is a character more.
    expect(taken.map(({ request }) => 'path' in request && request.path?.length)).toEqual([40, 60]);
    expect(audit.events).toEqual(taken);
    expect([audit.total, audit.dropped, audit.isFull]).toEqual([4, 2, true]);
    audit.drain();
    look(59);
    expect([audit.events.length, audit.dropped]).toEqual([1, 0]);
  });

  test('so are the violations, which are kept in any case', () => {
    const { violations } = new Guest(SecurityPolicy.strict()).host;
    const event = { request: { kind: 'filesystem', path: 'x'.repeat(2 ** 23) } } as AuditEvent;
    violations.append(event);
    for (const path of ['x', 'xy']) violations.append({ ...event, request: { kind: 'filesystem', path } });
    expect([violations.events.length, violations.dropped]).toEqual([1, 2]);
  });

  test('a sink that fails ends the call: what is not recorded does not go on', async () => {
    const failure = new Error('disk full');
    const sink = () => {
      throw failure;
    };
    const sandbox = await WasmSandbox.fromBytes(loadFixture('hello'), {
      securityPolicy: audited({ sink }),
      args: ['x'],
    });
    await expect(sandbox.run()).rejects.toMatchObject({ code: 'HOST', cause: failure });
  });

  test('lines of JSON, one for each event', () => {
    let text = '';
    const guest = new Guest(audited({ sink: jsonLines((line) => (text += line)) }));
    guest.put(100, 'hello\n');
    guest.vectors(0, [100, 6]);
    guest.call('fd_write', 1, 0, 1, 40);
    guest.call('environ_get', 0, 0);
    expect(text).toBe(
      '{"sequence":0,"function":"wasi_snapshot_preview1.fd_write","request":{"kind":"stdio","stream":"stdout"},' +
        '"allowed":true,"rule":"default","reason":"stdout is captured","bytes":6,"result":0,"gasUsed":"33"}\n' +
        '{"sequence":1,"function":"wasi_snapshot_preview1.environ_get","request":{"kind":"environment"},' +
        '"allowed":false,"rule":"default","reason":"the policy grants no environment","gasUsed":"33"}\n',
    );
    expect(text).toBe(guest.host.audit.events.map((event) => `${auditLine(event)}\n`).join(''));
  });

  test('a guest cannot begin a line of its own', () => {
    const guest = new Guest(audited());
    guest.call('sched_yield');
    const [event] = guest.host.audit.events as [AuditEvent];
    const line = auditLine({ ...event, request: { kind: 'network', url: 'a\n{"allowed":true}\r' } });
    expect(line.split(/[\n\r]/)).toHaveLength(1);
    expect(JSON.parse(line)).toMatchObject({ allowed: true, request: { url: 'a\n{"allowed":true}\r' } });
  });

  test.each([{ sink: 'file' }, { keep: 'no' }, { maxEvents: 0 }, { maxBytes: -1 }, { maxBytes: '1k' }, { events: 1 }])(
    '%j is a UsageError',
    (options) => {
      expect(() => audited(options as never)).toThrow(UsageError);
    },
  );
});

describe('callWithAudit', () => {
  const WRITE = ['wasi_snapshot_preview1', 'fd_write', [[I32, I32, I32, I32], [I32]]] as const;
  const ENVIRON = ['wasi_snapshot_preview1', 'environ_sizes_get', [[I32, I32], [I32]]] as const;
  /** `work` writes nothing, asks for the environment, and gives 7; `trap` asks, and traps. */
  const module = assemble({
    imports: [WRITE, ENVIRON],
    memory: 1,
    functions: [
      {
        name: 'work',
        type: [[], [I32]],
        code: [0x41, 1, 0x41, 0, 0x41, 0, 0x41, 16, 0x10, 0, 0x1a, 0x41, 0, 0x41, 4, 0x10, 1, 0x1a, 0x41, 7],
      },
      { name: 'trap', type: [[], []], code: [0x41, 0, 0x41, 4, 0x10, 1, 0x1a, 0x00] },
    ],
  });
  const sandboxOf = (securityPolicy?: SecurityPolicy) => WasmSandbox.fromBytes(module, { securityPolicy });

  test('gives output, events, violations and figures, though the policy records nothing', async () => {
    const sandbox = await sandboxOf();
    const { output, events, violations, stats, dropped } = await sandbox.callWithAudit('work');
    expect(output).toBe(7);
    expect(events.map((event) => [event.function.split('.')[1], event.allowed])).toEqual([
      ['fd_write', true],
      ['environ_sizes_get', false],
    ]);
    expect(violations).toEqual([events[1]]);
    expect(dropped).toBe(0);
    expect(stats).toEqual({ ...sandbox.getResourceStats(), cpuTimeMs: stats.cpuTimeMs });
    expect(sandbox.auditEvents()).toEqual([]);
  });

  test('records its own call only', async () => {
    const sandbox = await sandboxOf(audited());
    await sandbox.call('work');
    const { events } = await sandbox.callWithAudit('work');
    expect(events.map(({ sequence }) => sequence)).toEqual([2, 3]);
    await sandbox.call('work');
    expect(sandbox.auditEvents()).toHaveLength(6);
    expect(events).toHaveLength(2);
  });

  test('costs what a call costs', async () => {
    const plain = await sandboxOf();
    await plain.call('work');
    const recorded = await sandboxOf(audited());
    const { stats } = await recorded.callWithAudit('work');
    expect(stats.gasUsed).toBe(plain.getResourceStats().gasUsed);
  });

  test('a failed call loses nothing of its record', async () => {
    const sandbox = await sandboxOf();
    const error = await sandbox.callWithAudit('trap').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Trap);
    const audit = auditOf(error);
    expect(audit?.violations).toMatchObject([{ function: 'wasi_snapshot_preview1.environ_sizes_get' }]);
    expect(audit?.stats.gasUsed).toBe((error as Trap).resources?.gasUsed);
    expect(auditOf(new HostError('another'))).toBeUndefined();
    expect(() => auditOf('text')).toThrow(UsageError);
  });

  test('so does one that the policy ends', async () => {
    const sandbox = await sandboxOf(SecurityPolicy.builder().onViolation('trap').build());
    const error = await sandbox.callWithAudit('work').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SecurityViolation);
    expect((error as Error).message).toMatch(/^Environment access denied: /);
    expect(auditOf(error)?.events).toHaveLength(2);
  });

  test('a sandbox that is gone while its guest waits still gives the record', async () => {
    let calls = 0;
    const pause = () => (++calls === 1 ? undefined : new Promise<void>(() => undefined));
    const waits = assemble({
      imports: [['env', 'pause', [[], []]]],
      functions: [{ name: 'wait', type: [[], [I32]], code: [0x10, 0, 0x10, 0, 0x41, 3] }],
    });
    const sandbox = await WasmSandbox.fromBytes(waits, { capabilities: [Capability.hostFunctions('env', { pause })] });
    const call = sandbox.callWithAudit('wait');
    await Promise.resolve();
    sandbox.dispose();
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SandboxDisposed);
    // The second host call has not ended.
    expect(auditOf(error)).toMatchObject({
      events: [{ function: 'env.pause', allowed: true }],
      stats: { functionCalls: 1 },
    });
  });
});

test('the gas of the fixtures is the same with and without a record', async () => {
  for (const name of ['hello', 'json', 'sha256']) {
    const gas = async (securityPolicy: SecurityPolicy) => {
      const sandbox = await WasmSandbox.fromBytes(loadFixture(name), {
        securityPolicy,
        args: [name, '5'],
        stdin: 'abc',
      });
      await sandbox.run();
      return sandbox.getResourceStats().gasUsed;
    };
    expect(await gas(audited())).toBe(await gas(SecurityPolicy.strict()));
  }
});
