import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';

function deepFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  return Object.isFrozen(value) && Object.values(value).every(deepFrozen);
}

describe('capabilities', () => {
  const all = [
    Capability.stdio({ stdin: 'x', stdout: () => undefined }),
    Capability.clock(),
    Capability.clock({ start: 1, step: 2n }),
    Capability.random(),
    Capability.random({ seed: 1n }),
    Capability.environmentAccess('all'),
    Capability.environmentAccess(['A']),
    Capability.environmentAccess({ A: '1' }),
    Capability.networkAccess(['example.com'], { allowedPorts: [1] }),
    Capability.filesystemAccess(['/a', { host: '/b', guest: '/c' }]),
    Capability.hostFunctions('env', { f: () => 1, g: { params: ['i32'], results: [], call: () => undefined } }),
  ];

  test('are frozen all through', () => {
    expect(all.filter((capability) => !deepFrozen(capability))).toEqual([]);
  });

  test('do not change with what they were made of', () => {
    const hosts = ['a.example'];
    const mount = { host: '/b', guest: '/c' };
    const functions: Record<string, () => number> = { f: () => 1 };
    const made = [
      Capability.networkAccess(hosts),
      Capability.filesystemAccess([mount]),
      Capability.hostFunctions('env', functions),
    ];
    const before = JSON.stringify(made);
    hosts.push('b.example');
    mount.host = '/';
    functions['g'] = () => 2;
    expect(JSON.stringify(made)).toBe(before);
  });

  // Wrong arguments as JavaScript allows them.
  const wrong: [string, () => unknown][] = [
    ['an unknown option', () => Capability.networkAccess(['a.example'], { requiresHttps: true } as never)],
    ['an unknown option of files', () => Capability.filesystemAccess('/a', { readonly: true } as never)],
    ['a port that is none', () => Capability.networkAccess(['a.example'], { allowedPorts: [65_536] })],
    ['port 0', () => Capability.networkAccess(['a.example'], { allowedPorts: [0] })],
    ['hosts as text', () => Capability.networkAccess('a.example' as never)],
    ['a flag that is none', () => Capability.networkAccess(['a.example'], { requireHttps: 'no' as never })],
    ['a seed beyond 64 bits', () => Capability.random({ seed: 1n << 64n })],
    ['a negative seed', () => Capability.random({ seed: -1 })],
    ['no seed', () => Capability.random({} as never)],
    ['a clock that stands', () => Capability.clock({ step: 0 })],
    ['a clock by name', () => Capability.clock('virtual' as never)],
    ['a number as stdin', () => Capability.stdio({ stdin: 5 as never })],
    ['text as stdout', () => Capability.stdio({ stdout: 'x' as never })],
    ['an unknown stream', () => Capability.stdio({ stdwarn: () => undefined } as never)],
    ['no environment', () => Capability.environmentAccess(null as never)],
    ['an environment of numbers', () => Capability.environmentAccess({ A: 1 as never })],
    ['a price below 0', () => Capability.hostFunctions('env', {}, { gas: -1 })],
    ['a price in fractions', () => Capability.hostFunctions('env', {}, { gas: 0.5 })],
    ['no number as a price', () => Capability.hostFunctions('env', {}, { perByte: Number.NaN })],
    ['an unknown price', () => Capability.hostFunctions('env', {}, { base: 1 } as never)],
    ['a type that is none', () => Capability.hostFunctions('env', { f: { params: ['v128' as never], call: () => 1 } })],
    [
      'toString as a type',
      () => Capability.hostFunctions('env', { f: { params: ['toString' as never], call: () => 1 } }),
    ],
    ['a function without a body', () => Capability.hostFunctions('env', { f: {} as never })],
    ['null as a function', () => Capability.hostFunctions('env', { f: null as never })],
  ];

  test.each(wrong)('%s is a UsageError', (_, make) => {
    expect(make).toThrow(UsageError);
  });
});

describe('the builder', () => {
  test('collects limits and capabilities, upon strict or another policy', () => {
    const policy = SecurityPolicy.builder()
      .allowNetworkAccess(['a.example'])
      .allowFilesystemAccess('/a')
      .allowEnvironmentAccess(['A'])
      .allow(Capability.clock())
      .enableAuditLogging()
      .maxExecutionTime(1.5)
      .maxMemory(1_024)
      .maxGas(10)
      .maxOutput(5)
      .onViolation('trap')
      .build();
    expect(policy.capabilities.map(({ kind }) => kind)).toEqual(['network', 'filesystem', 'environment', 'clock']);
    expect(policy.limits).toEqual({ executionTime: 1.5, memory: 1_024, gas: 10n });
    expect([policy.outputLimit, policy.onViolation, policy.auditEvents]).toEqual([5, 'trap', 10_000]);
    const upon = SecurityPolicy.builder(policy).maxOutput(6).build();
    expect({ ...upon }).toEqual({ ...policy, outputLimit: 6 });
    expect(deepFrozen(policy)).toBe(true);
  });

  test('with() leaves the policy as it was', () => {
    const strict = SecurityPolicy.strict();
    expect(strict.with(Capability.clock()).capabilities).toHaveLength(1);
    expect(strict.capabilities).toHaveLength(0);
  });

  test('a builder goes on without changing what it built', () => {
    const builder = SecurityPolicy.builder();
    const first = builder.maxOutput(1).build();
    builder.maxOutput(2).allow(Capability.clock());
    expect(first.outputLimit).toBe(1);
    expect(first.capabilities).toHaveLength(0);
  });

  const wrong: [string, () => unknown][] = [
    [
      'a look-alike of a capability',
      () => SecurityPolicy.builder().allow(Object.freeze({ kind: 'clock', source: 'real' })),
    ],
    ['no capability', () => SecurityPolicy.builder().allow('network' as never)],
    ['a look-alike of a policy', () => SecurityPolicy.builder({ ...SecurityPolicy.strict() } as never)],
    ['no time', () => SecurityPolicy.builder().maxExecutionTime(0)],
    ['endless time', () => SecurityPolicy.builder().maxExecutionTime(Number.POSITIVE_INFINITY)],
    ['memory in fractions', () => SecurityPolicy.builder().maxMemory(1.5)],
    ['gas below 0', () => SecurityPolicy.builder().maxGas(-1n)],
    ['gas of 64 bits', () => SecurityPolicy.builder().maxGas(1n << 63n)],
    ['an unknown reaction', () => SecurityPolicy.builder().onViolation('throw' as never)],
    ['an audit of nothing', () => SecurityPolicy.builder().enableAuditLogging({ maxEvents: 0 })],
  ];

  test.each(wrong)('%s is a UsageError', (_, make) => {
    expect(make).toThrow(UsageError);
  });
});
