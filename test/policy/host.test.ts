import { describe, expect, test } from 'vitest';
import { type AuditEvent, Capability, createHost, SecurityPolicy } from '../../policy/index.ts';
import { ERRNO } from '../../policy/wasi/errno.ts';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { SecurityViolation, UsageError } from '../../wasm/errors.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { GuestExit } from '../../wasm/host.ts';
import { EXTERNREF, F64, funcType, I32, I64, V128 } from '../../wasm/types.ts';
import { FakeCaller, Guest } from './guest.ts';

const strict = SecurityPolicy.strict();
const HOSTILE = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '',
  'prototype',
  '__defineGetter__',
];

describe('what resolves', () => {
  test('names of the language do not', () => {
    const own = Capability.hostFunctions('env', { log: () => undefined });
    const { resolve } = createHost(strict.with(own));
    const types = [funcType([], []), funcType([I32], [I32]), ...WASI_FUNCTIONS.map(({ type }) => type)];
    for (const type of types) {
      for (const name of HOSTILE) {
        expect(resolve('wasi_snapshot_preview1', name, type)).toBeUndefined();
        expect(resolve('env', name, type)).toBeUndefined();
        expect(resolve(name, 'fd_write', type)).toBeUndefined();
        expect(resolve(name, name, type)).toBeUndefined();
      }
      expect(resolve('env', 'fd_write', type)).toBeUndefined();
      expect(resolve('wasi_snapshot_preview1', 'thread_spawn', type)).toBeUndefined();
    }
  });

  test('an embedder may grant even these', () => {
    const functions = Object.fromEntries([
      ['__proto__', () => 1],
      ['constructor', () => 2],
    ]);
    const { resolve } = createHost(strict.with(Capability.hostFunctions('__proto__', functions)));
    const type = funcType([], [I32]);
    expect(resolve('__proto__', '__proto__', type)?.call(new FakeCaller(), [])).toBe(1);
    expect(resolve('__proto__', 'constructor', type)?.call(new FakeCaller(), [])).toBe(2);
    expect(resolve('__proto__', 'toString', type)).toBeUndefined();
  });

  test('what a module imports a thousand times is guarded once, and has the type of each', () => {
    const capability = Capability.hostFunctions('env', { log: () => undefined });
    const { resolve } = createHost(strict.with(capability));
    const types = [funcType([I32], []), funcType([I32], []), funcType([I64], [])];
    const found = types.map((type) => resolve('env', 'log', type));
    expect(found.map((each) => each?.type)).toEqual(types);
    for (const [i, type] of types.entries()) expect(found[i]?.type).toBe(type);
    expect(new Set(found.map((each) => each?.call)).size).toBe(1);
    const [{ name, type }] = WASI_FUNCTIONS as [(typeof WASI_FUNCTIONS)[number]];
    const known = resolve('wasi_snapshot_preview1', name, type);
    expect(known?.type.key).toBe(type.key);
    expect(resolve('wasi_snapshot_preview1', name, type)).toBe(known);
    expect(resolve('wasi_unstable', name, type)).not.toBe(known);
  });

  test('wrong options are errors', () => {
    expect(() => createHost({ ...strict } as never)).toThrow(UsageError);
    expect(() => createHost(strict, { argv: [] } as never)).toThrow(UsageError);
    expect(() => createHost(strict, { args: 'prog' as never })).toThrow(UsageError);
  });
});

describe("the embedder's functions", () => {
  const make = (...parameters: Parameters<typeof Capability.hostFunctions>) =>
    createHost(strict.with(Capability.hostFunctions(...parameters)));

  test('a plain one takes the type of the import and its arguments', () => {
    const host = make('env', { add: (a: number, b: bigint) => BigInt(a) + b });
    const type = funcType([I32, I64], [I64]);
    const add = host.resolve('env', 'add', type);
    expect(add?.type.key).toBe(type.key);
    expect(add?.gas).toEqual(HOST_CALL);
    expect(add?.call(new FakeCaller(), [2, 3n])).toBe(5n);
    expect(host.resolve('env', 'add', funcType([EXTERNREF, F64], []))).toBeDefined();
    expect(host.resolve('env', 'add', funcType([V128], []))).toBeUndefined();
    expect(host.resolve('env', 'add', funcType([], [V128]))).toBeUndefined();
  });

  test('a declared one is granted with its own type only, and sees the caller', () => {
    const host = make(
      'env',
      {
        read: {
          params: ['i32', 'i32'],
          results: ['i32'],
          call: (caller, [pointer, length]) => {
            caller.chargeBytes(length as number);
            const bytes = caller.memory?.view(pointer as number, length as number) ?? [];
            return [...bytes].reduce((sum, byte) => sum + byte, 0);
          },
        },
      },
      { gas: 7, perByte: 0.5 },
    );
    const read = host.resolve('env', 'read', funcType([I32, I32], [I32]));
    expect(read?.gas).toEqual({ base: 7, perByte: 0.5 });
    const caller = new FakeCaller();
    caller.bytes.set([1, 2, 3, 4], 10);
    expect(read?.call(caller, [11, 2])).toBe(5);
    expect(caller.charges).toEqual([2]);
    expect(host.resolve('env', 'read', funcType([I32], [I32]))).toBeUndefined();
    expect(host.resolve('env', 'read', funcType([I32, I32], []))).toBeUndefined();
  });

  test('a half-declared one takes the rest from the import', () => {
    const host = make('env', { f: { results: ['f64'], call: () => 1 } });
    expect(host.resolve('env', 'f', funcType([I32], [F64]))).toBeDefined();
    expect(host.resolve('env', 'f', funcType([], [I32]))).toBeUndefined();
  });

  test('grants for one module add up, the last of a name counts, and WASI can be overruled', () => {
    const policy = strict.with(
      Capability.hostFunctions('env', { a: () => 1, b: () => 2 }),
      Capability.hostFunctions('env', { b: () => 3 }),
      Capability.hostFunctions('wasi_snapshot_preview1', { sched_yield: () => 99 }),
    );
    const guest = new Guest(policy);
    const type = funcType([], [I32]);
    expect(guest.host.resolve('env', 'a', type)?.call(guest, [])).toBe(1);
    expect(guest.host.resolve('env', 'b', type)?.call(guest, [])).toBe(3);
    expect(guest.call('sched_yield')).toBe(99);
    expect(guest.call('proc_raise', 1)).toBe(ERRNO.nosys);
  });

  test('what it throws and what it promises go through as they are', async () => {
    const thrown = new RangeError('mine');
    const promise = Promise.resolve(4);
    // biome-ignore lint/suspicious/noThenProperty: that is the case to look at.
    const thenable = { then: (use: (value: unknown) => void) => use(thrown) };
    const host = createHost(
      SecurityPolicy.builder()
        .allow(
          Capability.hostFunctions('env', {
            fail: () => {
              throw thrown;
            },
            later: () => promise,
            never: () => Promise.reject(thrown),
            object: () => thenable,
          }),
        )
        .enableAuditLogging()
        .build(),
    );
    const call = (name: string) => host.resolve('env', name, funcType([], [EXTERNREF]))?.call(new FakeCaller(), []);
    expect(() => call('fail')).toThrow(thrown);
    expect(await call('later')).toBe(4);
    await expect(call('never')).rejects.toBe(thrown);
    expect(await call('object')).toBe(thrown);
    expect(host.audit.events.map((event) => event.function)).toEqual([
      'env.fail',
      'env.later',
      'env.never',
      'env.object',
    ]);
  });
});

describe('the audit', () => {
  const program = (policy: SecurityPolicy) => {
    const guest = new Guest(policy, { args: ['p'] });
    guest.put(100, 'hello');
    guest.vectors(0, [100, 5]);
    guest.call('args_sizes_get', 8, 12);
    guest.call('args_get', 16, 20);
    guest.call('environ_sizes_get', 8, 12);
    guest.call('clock_time_get', 0, 0n, 32);
    guest.call('fd_write', 1, 0, 1, 40);
    guest.call('fd_write', 9, 0, 1, 40);
    guest.call('fd_close', 1);
    guest.call('fd_close', 1);
    guest.call('path_open', 3, 0, 100, 5, 0, 0n, 0n, 0, 40);
    try {
      guest.call('proc_exit', 1);
    } catch (error) {
      expect(error).toBeInstanceOf(GuestExit);
    }
    return guest;
  };
  const audited = SecurityPolicy.builder().enableAuditLogging().build();

  test('records every call: what was asked, decided, by which rule, moved, and the gas', () => {
    const { audit, violations } = program(audited).host;
    const short = (event: AuditEvent) => [
      event.sequence,
      event.function.split('.')[1],
      event.allowed,
      event.rule,
      event.bytes,
    ];
    expect(audit.events.map(short)).toEqual([
      [0, 'args_sizes_get', true, 'default', undefined],
      [1, 'args_get', true, 'default', 6],
      [2, 'environ_sizes_get', false, 'default', undefined],
      [3, 'clock_time_get', true, 'default', undefined],
      [4, 'fd_write', true, 'default', 5],
      [5, 'fd_write', true, 'default', undefined],
      [6, 'fd_close', true, 'default', undefined],
      [7, 'fd_close', true, 'default', undefined],
      [8, 'path_open', false, 'default', undefined],
      [9, 'proc_exit', true, 'default', undefined],
    ]);
    expect(audit.events.map(({ request }) => request)).toEqual([
      { kind: 'arguments' },
      { kind: 'arguments' },
      { kind: 'environment' },
      { kind: 'clock' },
      { kind: 'stdio', stream: 'stdout' },
      { kind: 'descriptor', descriptor: 9 },
      { kind: 'stdio', stream: 'stdout' },
      { kind: 'descriptor', descriptor: 1 },
      { kind: 'filesystem' },
      { kind: 'process' },
    ]);
    const gas = audit.events.map(({ gasUsed }) => gasUsed);
    expect(gas).toEqual([0n, 5n, 5n, 5n, 38n, 38n, 38n, 38n, 38n, 38n]);
    expect(violations.events).toEqual(audit.events.filter(({ allowed }) => !allowed));
  });

  test('is off unless turned on; violations and gas are the same', () => {
    const off = program(strict);
    const on = program(audited);
    expect(off.host.audit.total).toBe(0);
    expect(off.host.violations.events).toEqual(on.host.violations.events);
    expect(off.charges).toEqual(on.charges);
  });

  test('the same program leaves the same record', () => {
    expect(program(audited).host.audit.events).toEqual(program(audited).host.audit.events);
  });

  test('is bounded, and counts what it drops', () => {
    const guest = new Guest(SecurityPolicy.builder().enableAuditLogging({ maxEvents: 3 }).build());
    for (let turn = 0; turn < 5; turn++) guest.call('sched_yield');
    expect(guest.host.audit.events.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
    expect([guest.host.audit.total, guest.host.audit.dropped]).toEqual([5, 2]);
    expect(guest.host.audit.drain()).toHaveLength(3);
    guest.call('sched_yield');
    expect(guest.host.audit.events.map(({ sequence }) => sequence)).toEqual([5]);
  });

  test('violations are bounded though nothing turned them on', () => {
    const guest = new Guest();
    for (let turn = 0; turn < 1_500; turn++) guest.call('environ_sizes_get', 0, 4);
    expect(guest.host.violations.events).toHaveLength(1_000);
    expect(guest.host.violations.dropped).toBe(500);
  });

  test('a call that waits is recorded when it ends, and not after a reset', async () => {
    const release: (() => void)[] = [];
    const stdout = () => new Promise<void>((resolve) => void release.push(resolve));
    const guest = new Guest(SecurityPolicy.builder(audited).allow(Capability.stdio({ stdout })).build());
    guest.vectors(0, [100, 5]);
    const first = guest.call('fd_write', 1, 0, 1, 40);
    expect(guest.host.audit.total).toBe(0);
    release[0]?.();
    await first;
    expect(guest.host.audit.events).toMatchObject([{ bytes: 5, rule: 'stdio#0' }]);
    const second = guest.call('fd_write', 1, 0, 1, 40);
    guest.host.reset();
    release[1]?.();
    await second;
    expect(guest.host.audit.total).toBe(0);
  });
});

describe('refusals', () => {
  const trapping = SecurityPolicy.builder().onViolation('trap').maxOutput(4).build();
  const refused: [string, (number | bigint)[], string, number][] = [
    ['environ_get', [0, 0], 'Environment access denied', ERRNO.success],
    ['environ_sizes_get', [0, 4], 'Environment access denied', ERRNO.success],
    ['path_open', [3, 0, 0, 1, 0, 0n, 0n, 0, 64], 'Filesystem access denied', ERRNO.badf],
    ['path_unlink_file', [3, 0, 1], 'Filesystem access denied', ERRNO.badf],
    ['sock_accept', [3, 0, 0], 'Network access denied', ERRNO.badf],
    ['sock_send', [3, 0, 0, 0, 0], 'Network access denied', ERRNO.badf],
    ['fd_write', [1, 0, 1, 64], 'Output limit exceeded', ERRNO.nospc],
  ];

  test.each(refused)('%s ends in a SecurityViolation where the policy says so', (name, args, message) => {
    const guest = new Guest(trapping);
    guest.vectors(0, [100, 5]);
    let error: unknown;
    try {
      guest.call(name, ...args);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SecurityViolation);
    expect((error as Error).message).toMatch(
      new RegExp(`^${message}: wasi_snapshot_preview1\\.${name} was called, but `),
    );
    expect(guest.host.violations.events).toMatchObject([{ sequence: 0, allowed: false }]);
  });

  test.each(refused)('%s gives an error value elsewhere, and is recorded', (name, args, _, errno) => {
    const guest = new Guest(SecurityPolicy.builder().maxOutput(4).build());
    guest.vectors(0, [100, 5]);
    expect(guest.call(name, ...args)).toBe(errno);
    expect(guest.host.violations.total).toBe(1);
  });

  test('an empty environment that was granted is no violation', () => {
    const guest = new Guest(trapping.with(Capability.environmentAccess([])));
    expect(guest.call('environ_sizes_get', 0, 4)).toBe(ERRNO.success);
    expect([guest.u32(0), guest.u32(4)]).toEqual([0, 0]);
    expect(guest.host.violations.total).toBe(0);
  });
});

describe('reset', () => {
  test('a strict guest does the same again, to the byte', () => {
    const guest = new Guest(SecurityPolicy.builder().enableAuditLogging().maxOutput(8).build());
    const run = () => {
      guest.bytes.fill(0);
      guest.used = 0;
      guest.vectors(0, [100, 8]);
      guest.call('random_get', 100, 8);
      guest.call('clock_time_get', 0, 0n, 200);
      const errnos = [
        guest.call('fd_write', 1, 0, 1, 64),
        guest.call('fd_write', 1, 0, 1, 64),
        guest.call('fd_close', 2),
      ];
      const { host } = guest;
      return {
        errnos,
        memory: [...guest.bytes.subarray(0, 300)],
        output: [...host.output('stdout')],
        events: host.audit.events,
        violations: host.violations.events,
      };
    };
    const first = run();
    expect(first.errnos).toEqual([ERRNO.success, ERRNO.nospc, ERRNO.success]);
    guest.host.reset();
    expect(guest.host.outputBytes).toBe(0);
    expect(run()).toEqual(first);
    expect(guest.call('fd_close', 2)).toBe(ERRNO.badf);
  });
});
