import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';
import { fits, type Schema } from './json-schema.ts';

const schema = JSON.parse(readFileSync(new URL('../../docs/policy.schema.json', import.meta.url), 'utf8')) as Schema;

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));
const word = fc.stringMatching(/^[a-z]{1,8}$/);
const name = fc.oneof(word, fc.constantFrom('__proto__', 'constructor', 'toString', 'ä'));
const record = <T>(values: fc.Arbitrary<T>) =>
  fc.array(fc.tuple(name, values)).map((entries) => Object.fromEntries(entries) as Record<string, T>);
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const host = fc.oneof(
  word.map((label) => `${label}.example`),
  word.map((label) => `*.${label}.example`),
  fc.constantFrom('*', '127.0.0.1', '[::1]', 'bücher.example'),
);

const network = fc
  .record({
    hosts: fc.array(host),
    allowedPorts: some(fc.oneof(fc.constant('any' as const), fc.array(fc.integer({ min: 1, max: 65_535 })))),
    requireHttps: some(fc.boolean()),
    allowedMethods: some(fc.array(fc.constantFrom('GET', 'POST', 'PROPFIND', 'M-SEARCH'))),
    maxRequestBytes: some(fc.integer({ min: 0, max: 2 ** 30 })),
    maxResponseBytes: some(fc.integer({ min: 0, max: 2 ** 40 })),
    timeout: some(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    maxRedirects: some(fc.integer({ min: 0, max: 20 })),
    maxRequests: some(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  })
  .map(({ hosts, ...options }) => Capability.networkAccess(hosts, options));

const mount = fc.oneof(
  word,
  fc.record({ host: text, guest: word }),
  fc.record({ memory: record(fc.oneof(text, fc.uint8Array())), guest: word }),
);
const filesystem = fc
  .record({
    mounts: fc.array(mount),
    readOnly: some(fc.boolean()),
    maxBytes: some(fc.maxSafeNat()),
    maxFiles: some(fc.integer({ min: 0, max: 2 ** 31 })),
    maxDescriptors: some(fc.integer({ min: 4, max: 4_096 })),
  })
  .map(({ mounts, ...options }) => Capability.filesystemAccess(mounts, options));

const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.constant(Capability.clock()),
  fc.record({ start: u64, step: u64.map((step) => step || 1n) }).map((options) => Capability.clock(options)),
  fc.constant(Capability.random()),
  u64.map((seed) => Capability.random({ seed })),
  fc.constant(Capability.environmentAccess('all')),
  fc.tuple(text, fc.array(text)).map(([named, values]) => Capability.custom(named, values)),
  fc.array(name).map((names) => Capability.environmentAccess(names)),
  record(text).map((values) => Capability.environmentAccess(values)),
  network,
  filesystem,
);

const policy = fc
  .record({
    capabilities: fc.array(capability),
    time: some(fc.double({ min: 0.001, max: 1e9, noNaN: true })),
    memory: some(fc.maxSafeNat()),
    gas: some(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
    output: fc.integer({ min: 0, max: 2 ** 31 }),
    reaction: fc.constantFrom('errno' as const, 'trap' as const),
    audit: some(
      fc.record({
        maxEvents: fc.integer({ min: 1, max: 2 ** 24 }),
        maxBytes: some(fc.maxSafeNat()),
        keep: fc.boolean(),
      }),
    ),
  })
  .map(({ capabilities, time, memory, gas, output, reaction, audit }) => {
    const builder = SecurityPolicy.builder()
      .allow(...capabilities)
      .maxOutput(output)
      .onViolation(reaction);
    if (time !== undefined) builder.maxExecutionTime(time);
    if (memory !== undefined) builder.maxMemory(memory);
    if (gas !== undefined) builder.maxGas(gas);
    if (audit !== undefined) builder.enableAuditLogging(audit);
    return builder.build();
  });

test('every policy of data comes back from its JSON, which fits the schema', () => {
  fc.assert(
    fc.property(policy, (original) => {
      const json = JSON.stringify(original);
      expect(fits(schema, schema, JSON.parse(json))).toBe(true);
      expect(SecurityPolicy.fromJSON(json)).toEqual(original);
      expect(SecurityPolicy.fromJSON(JSON.parse(json))).toEqual(original);
    }),
    { numRuns: 300 },
  );
});

/** Every object in a document that has fixed keys: all but environments' values and files in memory. */
function objects(value: unknown, key = ''): object[] {
  if (typeof value !== 'object' || value === null || key === 'variables' || key === 'memory') return [];
  const inner = Object.entries(value).flatMap(([name, child]) => objects(child, name));
  return Array.isArray(value) ? inner : [value, ...inner];
}

test('an unknown key anywhere is an error for the reader and for the schema', () => {
  fc.assert(
    fc.property(policy, fc.nat(), fc.constantFrom('x', 'kinds', 'toString', 'Hosts'), (original, at, key) => {
      const json = JSON.parse(JSON.stringify(original));
      const places = objects(json);
      Object.assign(places[at % places.length] as object, { [key]: 1 });
      expect(() => SecurityPolicy.fromJSON(json)).toThrow(UsageError);
      expect(fits(schema, schema, json)).toBe(false);
    }),
    { numRuns: 200 },
  );
});

describe('the presets', () => {
  test.each(['strict', 'moderate', 'permissive'] as const)('%s is a base, and can be written', (base) => {
    const preset = SecurityPolicy[base]();
    expect(SecurityPolicy.fromJSON({ base })).toEqual(preset);
    expect(SecurityPolicy.fromJSON(JSON.stringify(preset))).toEqual(preset);
    expect(fits(schema, schema, { base })).toBe(true);
  });

  test('nothing at all is strict', () => {
    expect(SecurityPolicy.fromJSON('{}')).toEqual(SecurityPolicy.strict());
  });

  test("a base's grants come first", () => {
    const read = SecurityPolicy.fromJSON({
      $schema: './policy.schema.json',
      base: 'moderate',
      capabilities: [{ kind: 'random', source: 'seeded', seed: '18446744073709551615' }],
      limits: { gas: '9223372036854775807' },
    });
    expect(read.capabilities.map(({ kind }) => kind)).toEqual(['clock', 'random', 'random']);
    expect(read.random).toMatchObject({ seed: 2n ** 64n - 1n });
    expect(read.limits.gas).toBe(2n ** 63n - 1n);
  });
});

describe('mistakes name their place', () => {
  const net = (more: object) => ({ capabilities: [{ kind: 'network', hosts: ['a.example'], ...more }] });
  const files = (mount: unknown) => ({ capabilities: [{ kind: 'filesystem', mounts: [mount] }] });
  const wrong: [unknown, string][] = [
    ['{', 'policy: not JSON'],
    ['[]', 'policy: an object is wanted, not an array'],
    ['null', 'policy: an object is wanted, not null'],
    [{ capability: [] }, 'policy.capability: there is no such key; the keys are $schema, base, capabilities,'],
    ['{"__proto__": {}}', 'policy.__proto__: there is no such key'],
    [{ base: 'toString' }, 'policy.base: one of strict, moderate, permissive is wanted, not "toString"'],
    [{ capabilities: {} }, 'policy.capabilities: an array is wanted'],
    [
      { capabilities: [{ kind: 'stdio' }] },
      'policy.capabilities[0].kind: one of clock, random, environment, network, files',
    ],
    [{ capabilities: [{ kind: '__proto__' }] }, 'policy.capabilities[0].kind: one of'],
    [{ capabilities: [{ kind: 'clock' }] }, 'policy.capabilities[0].source: one of real, virtual'],
    [
      { capabilities: [{ kind: 'clock', source: 'real', step: 1 }] },
      'policy.capabilities[0].step: there is no such key',
    ],
    [
      { capabilities: [{ kind: 'clock', source: 'virtual', step: 0 }] },
      'policy.capabilities[0]: Capability.clock: step',
    ],
    [{ capabilities: [{ kind: 'clock', source: 'virtual', step: '1e3' }] }, 'policy.capabilities[0].step: an integer'],
    [{ capabilities: [{ kind: 'random', source: 'seeded' }] }, 'policy.capabilities[0].seed: an integer'],
    [{ capabilities: [{ kind: 'environment' }] }, 'policy.capabilities[0].variables: Capability.environmentAccess'],
    [
      { capabilities: [{ kind: 'network' }] },
      'policy.capabilities[0]: Capability.networkAccess: hosts must be an array',
    ],
    [
      net({ requiresHttps: true }),
      'policy.capabilities[0].requiresHttps: there is no such key; the keys are kind, hosts, allow',
    ],
    [net({ allowedPorts: [0] }), 'policy.capabilities[0]: an allowed port must be'],
    [net({ allowedMethods: ['CONNECT'] }), 'policy.capabilities[0]: Capability.networkAccess: allowedMethods must be'],
    [net({ timeout: 0 }), 'policy.capabilities[0]: Capability.networkAccess: timeout must be'],
    [files({ host: '/a' }), 'policy.capabilities[0]: a guest path must be'],
    [files({ host: '/a', guest: '/b', mode: 1 }), 'policy.capabilities[0].mounts[0].mode: there is no such key'],
    [files({ memory: { a: 1 } }), 'policy.capabilities[0].mounts[0].memory["a"]: an object is wanted'],
    [files({ memory: { a: { base64: '*' } } }), 'policy.capabilities[0].mounts[0].memory["a"]: a string is wanted'],
    [{ limits: { time: 1 } }, 'policy.limits.time: there is no such key; the keys are executionTime, memory, gas'],
    [{ limits: { gas: -1 } }, 'policy.limits.gas: maxGas must be'],
    [{ limits: { gas: '9223372036854775808' } }, 'policy.limits.gas: maxGas must be'],
    [{ outputLimit: '5' }, 'policy.outputLimit: maxOutput must be'],
    [{ onViolation: 'throw' }, "policy.onViolation: onViolation must be 'errno' or 'trap'"],
    [{ auditEvents: 0.5 }, 'policy.auditEvents: enableAuditLogging: maxEvents must be'],
  ];

  test.each(wrong)('%j', (json, message) => {
    let error: unknown;
    try {
      SecurityPolicy.fromJSON(json);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message.slice(0, message.length)).toBe(message);
  });
});

test.each([
  ['standard streams', SecurityPolicy.strict().with(Capability.stdio({ stdin: 'x' }))],
  ['host functions', SecurityPolicy.strict().with(Capability.hostFunctions('env', {}))],
  [
    'a sink of the audit',
    SecurityPolicy.builder()
      .enableAuditLogging({ sink: () => undefined })
      .build(),
  ],
])('%s cannot be written', (what, unwritable) => {
  expect(() => JSON.stringify(unwritable)).toThrow(`a policy with ${what} cannot be written as JSON`);
});
