import { describe, expect, test } from 'vitest';
import { Capability, decide, type PolicyRequest, SecurityPolicy } from '../../policy/index.ts';
import { UsageError } from '../../wasm/errors.ts';

const grant = (...capabilities: Capability[]) => SecurityPolicy.strict().with(...capabilities);
const url = (text: string): PolicyRequest => ({ kind: 'network', url: text });
const file = (path: string, access: 'read' | 'write' = 'read'): PolicyRequest => ({ kind: 'filesystem', path, access });
const allows = (policy: SecurityPolicy, request: PolicyRequest) => decide(policy, request).allowed;

test('grants of the embedder’s own naming', () => {
  const asks = (value?: string, name = 'table'): PolicyRequest => ({ kind: 'custom', name, value });
  const some = grant(Capability.custom('table', ['orders']));
  expect(decide(some, asks('orders'))).toMatchObject({ allowed: true, rule: expect.stringMatching(/^custom#\d+$/) });
  expect(allows(some, asks())).toBe(true);
  expect(allows(some, asks('users'))).toBe(false);
  expect(allows(some, asks('orders', 'queue'))).toBe(false);
  expect(allows(grant(Capability.custom('table')), asks('anything'))).toBe(true);
  expect(() => Capability.custom('table', 'orders' as never)).toThrow(UsageError);
  expect(() => Capability.custom(1 as never)).toThrow(UsageError);
});

describe('presets', () => {
  const { strict, moderate, permissive } = SecurityPolicy;
  const outside: PolicyRequest[] = [
    { kind: 'environment' },
    { kind: 'environment', variable: 'PATH' },
    { kind: 'filesystem' },
    file('/a'),
    { kind: 'network' },
    url('https://example.com/'),
    { kind: 'hostFunction', module: 'env', name: 'log' },
    { kind: 'custom', name: 'table' },
  ];
  const inside: PolicyRequest[] = [
    { kind: 'arguments' },
    { kind: 'process' },
    { kind: 'descriptor', descriptor: 3 },
    { kind: 'stdio', stream: 'stdout' },
    { kind: 'clock' },
    { kind: 'random' },
  ];

  test('strict and moderate allow nothing from outside', () => {
    for (const policy of [strict(), moderate()]) {
      expect(outside.filter((request) => allows(policy, request))).toEqual([]);
      expect(inside.filter((request) => !allows(policy, request))).toEqual([]);
    }
  });

  test('strict has its own clock and randomness, moderate the real ones', () => {
    expect([strict().clock.source, strict().random.source]).toEqual(['virtual', 'seeded']);
    expect([moderate().clock.source, moderate().random.source]).toEqual(['real', 'system']);
    expect(decide(strict(), { kind: 'clock' }).rule).toBe('default');
    expect(decide(moderate(), { kind: 'clock' }).rule).toBe('clock#0');
    expect(decide(moderate(), { kind: 'random' }).rule).toBe('random#1');
  });

  test('permissive allows the environment, the folder and public hosts', () => {
    for (const request of [
      { kind: 'environment', variable: 'PATH' } as const,
      file('/a/b', 'write'),
      url('https://example.com/'),
      url('http://example.com:8080/'),
    ]) {
      expect(decide(permissive(), request)).toMatchObject({ allowed: true });
    }
  });

  test.each([
    'http://localhost/',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://8.8.8.8/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://metadata.google.internal/',
    'http://router/',
    'http://printer.local/',
    'http://nas.home.arpa./',
    'file:///etc/passwd',
    'ftp://example.com/',
    'data:text/plain,x',
    'example.com',
    '',
  ])('permissive does not allow %s', (text) => {
    expect(decide(permissive(), url(text))).toMatchObject({ allowed: false, rule: 'default' });
  });
});

describe('network', () => {
  test('names are compared in one spelling', () => {
    const policy = grant(Capability.networkAccess(['API.Example.com.', 'bücher.example', '127.1', '::1']));
    for (const text of [
      'https://api.example.com/x?y',
      'https://API.EXAMPLE.COM./',
      'https://api.example.com:443/',
      'https://xn--bcher-kva.example/',
      'https://0x7f000001/',
      'https://[0:0:0:0:0:0:0:1]/',
    ]) {
      expect(decide(policy, url(text))).toEqual({ allowed: true, reason: 'granted by network#0', rule: 'network#0' });
    }
    for (const text of [
      'https://example.com/',
      'https://xapi.example.com/',
      'https://api.example.com.evil.com/',
      'https://api.example.com@evil.com/',
      'https://evil.com/#api.example.com',
      'https://127.0.0.2/',
    ]) {
      expect(allows(policy, url(text))).toBe(false);
    }
  });

  test('a wildcard covers whole labels below, not the name itself', () => {
    const policy = grant(Capability.networkAccess(['*.Example.com']));
    expect(allows(policy, url('https://a.example.com/'))).toBe(true);
    expect(allows(policy, url('https://a.b.example.com./'))).toBe(true);
    expect(allows(policy, url('https://example.com/'))).toBe(false);
    expect(allows(policy, url('https://notexample.com/'))).toBe(false);
    expect(allows(policy, url('https://.example.com/'))).toBe(false);
    expect(allows(policy, url('https://a..example.com/'))).toBe(false);
  });

  test('HTTPS on 443 unless the grant says more', () => {
    const plain = grant(Capability.networkAccess(['example.com']));
    expect(allows(plain, url('http://example.com/'))).toBe(false);
    expect(allows(plain, url('https://example.com:8443/'))).toBe(false);
    expect(decide(plain, url('https://example.com:8443/')).reason).toContain('port 8443');
    const wide = grant(Capability.networkAccess(['example.com'], { requireHttps: false }));
    expect(allows(wide, url('http://example.com/'))).toBe(true);
    expect(allows(wide, url('http://example.com:81/'))).toBe(false);
    const ports = grant(Capability.networkAccess(['example.com'], { allowedPorts: [8443] }));
    expect(allows(ports, url('https://example.com:8443/'))).toBe(true);
    expect(allows(ports, url('https://example.com/'))).toBe(false);
    expect(allows(ports, url('http://example.com:8443/'))).toBe(false);
  });

  test('each grant stands for itself', () => {
    const policy = grant(
      Capability.networkAccess(['a.example'], { requireHttps: false, allowedPorts: [80] }),
      Capability.networkAccess(['b.example']),
    );
    expect(decide(policy, url('https://b.example/')).rule).toBe('network#1');
    expect(decide(policy, url('http://a.example/')).rule).toBe('network#0');
    expect(allows(policy, url('http://b.example/'))).toBe(false);
    expect(allows(policy, url('https://a.example/'))).toBe(false);
    expect(allows(policy, { kind: 'network' })).toBe(true);
  });

  test.each([
    '',
    'https://example.com',
    'example.com/x',
    'a@b',
    'a b',
    'example.com:80',
    '*.*',
    '**',
    'a.*.b',
    '*.127.0.0.1',
  ])('is not a host: %j', (host) => {
    expect(() => Capability.networkAccess([host])).toThrow(UsageError);
  });
});

describe('environment', () => {
  test('by name or value, nothing else', () => {
    const policy = grant(Capability.environmentAccess(['HOME']), Capability.environmentAccess({ LANG: 'C' }));
    expect(decide(policy, { kind: 'environment', variable: 'HOME' }).rule).toBe('environment#0');
    expect(decide(policy, { kind: 'environment', variable: 'LANG' }).rule).toBe('environment#1');
    expect(decide(policy, { kind: 'environment' }).rule).toBe('environment#1');
    for (const variable of ['PATH', 'home', '__proto__', 'constructor', '']) {
      expect(allows(policy, { kind: 'environment', variable })).toBe(false);
    }
  });
});

describe('files', () => {
  const policy = grant(
    Capability.filesystemAccess([{ host: '/srv/data', guest: '/data' }]),
    Capability.filesystemAccess([{ host: '/tmp/out', guest: 'data/../out/' }], { readOnly: false }),
  );

  test('below a mount, as it was granted', () => {
    expect(decide(policy, file('/data/a')).rule).toBe('filesystem#0');
    expect(decide(policy, file('/data')).rule).toBe('filesystem#0');
    expect(decide(policy, file('out//x/./y', 'write')).rule).toBe('filesystem#1');
    expect(allows(policy, file('/data/a', 'write'))).toBe(false);
    expect(decide(policy, file('/data/a', 'write')).reason).toContain('writing');
  });

  test.each(['/', '/database', '/data/../etc', '/../data', '/data/../../data', '..', '/data\0/x', '/other'])(
    'not %j',
    (path) => {
      expect(allows(policy, file(path))).toBe(false);
    },
  );

  test('guest paths above the root are refused', () => {
    expect(() => Capability.filesystemAccess('../x')).toThrow(UsageError);
    expect(() => Capability.filesystemAccess([{ host: '/x', guest: '/a/../..' }])).toThrow(UsageError);
  });
});

describe('a decision says what it is, why, and by which rule', () => {
  const nothing = grant();
  const some = grant(
    Capability.stdio({ stdout: () => undefined }),
    Capability.hostFunctions('env', { log: () => 0, count: () => 0 }),
    Capability.filesystemAccess([
      { host: '/a', guest: '/a' },
      { host: '/b', guest: '/b' },
    ]),
    Capability.networkAccess(['a.example', '*.b.example', '10.0.0.7'], { allowedMethods: ['GET'] }),
    Capability.environmentAccess(['HOME']),
  );
  const whole = grant(Capability.filesystemAccess([{ host: '/srv', guest: '/' }]), Capability.environmentAccess('all'));
  const func = (name: string, module = 'env'): PolicyRequest => ({ kind: 'hostFunction', module, name });
  const stream = (name: 'stdin' | 'stdout' | 'stderr'): PolicyRequest => ({ kind: 'stdio', stream: name });
  const over = (address: string): PolicyRequest => ({ kind: 'network', url: 'https://a.example/', address });

  test.each<[SecurityPolicy, PolicyRequest, reason: string]>([
    [nothing, { kind: 'arguments' }, 'arguments are what the embedder passes'],
    [nothing, { kind: 'process' }, 'it concerns the guest alone'],
    [nothing, { kind: 'descriptor', descriptor: 3 }, 'a descriptor carries its own rights'],
    [nothing, { kind: 'clock' }, 'the virtual clock tells nothing of the host'],
    [nothing, { kind: 'random' }, 'seeded bytes tell nothing of the host'],
    [nothing, stream('stdin'), 'stdin is empty'],
    [some, stream('stderr'), 'stderr is captured'],
  ])('by default: %#', (policy, request, reason) => {
    expect(decide(policy, request)).toEqual({ allowed: true, reason, rule: 'default' });
  });

  test.each<[SecurityPolicy, PolicyRequest, rule: string]>([
    [some, stream('stdout'), 'stdio#0'],
    [some, func('log'), 'hostFunctions#1'],
    [some, func('count'), 'hostFunctions#1'],
    [some, file('/a'), 'filesystem#2'],
    [some, file('/b/c'), 'filesystem#2'],
    [some, { kind: 'filesystem' }, 'filesystem#2'],
    [whole, file('/anything'), 'filesystem#0'],
    [some, url('https://a.example/'), 'network#3'],
    [some, over('10.0.0.7'), 'network#3'],
    [some, { kind: 'environment', variable: 'HOME' }, 'environment#4'],
    [whole, { kind: 'environment', variable: 'PATH' }, 'environment#1'],
  ])('by a grant: %#', (policy, request, rule) => {
    expect(decide(policy, request)).toEqual({ allowed: true, reason: `granted by ${rule}`, rule });
  });

  test.each<[SecurityPolicy, PolicyRequest, reason: string]>([
    [nothing, { kind: 'custom', name: 'x' }, 'the policy grants nothing of the kind under that name'],
    [some, func('other'), 'the policy grants no host function of that name'],
    [some, func('log', 'other'), 'the policy grants no host function of that name'],
    [nothing, { kind: 'environment' }, 'the policy grants no environment'],
    [some, { kind: 'environment', variable: 'PATH' }, 'the policy does not grant this environment variable'],
    [nothing, file('/a'), 'the policy grants no files'],
    [some, file('/a/../..'), 'the path leads out'],
    [some, file('/a/\0'), 'the path leads out'],
    [some, file('/c'), 'the policy does not grant reading there'],
    [some, file('/a', 'write'), 'the policy does not grant writing there'],
    [some, { kind: 'filesystem', access: 'write' }, 'the policy does not grant writing there'],
    [nothing, { kind: 'network' }, 'the policy grants no network'],
    [some, url('a.example'), 'the text is not a URL'],
    [some, url('ftp://a.example/'), 'the policy grants http and https only'],
    [some, url('https://user@a.example/'), 'the URL holds a user name or password'],
    [some, url('https://:secret@a.example/'), 'the URL holds a user name or password'],
    [some, url('https://a..b.example/'), 'the URL names no host'],
    [some, url('https://c.example/'), 'the policy does not grant this host'],
    [some, url('http://a.example/'), 'the policy does not grant http on port 80 of this host'],
    [some, url('https://a.example:444/'), 'the policy does not grant https on port 444 of this host'],
    [some, { ...url('https://a.example/'), method: 'POST' } as PolicyRequest, 'the policy does not grant this method'],
    [some, over('10.0.0.8'), 'the host leads to an address that is not granted (private)'],
    [some, over('no address'), 'the host leads to an address that is not granted (reserved)'],
  ])('refused: %#', (policy, request, reason) => {
    expect(decide(policy, request)).toEqual({ allowed: false, reason, rule: 'default' });
  });
});

describe('the order of grants', () => {
  test('for one of a kind the last counts', () => {
    const policy = grant(
      Capability.clock(),
      Capability.random(),
      Capability.clock({ start: 5 }),
      Capability.random({ seed: 7 }),
    );
    expect(policy.clock).toMatchObject({ source: 'virtual', start: 5n, step: 1_000_000n });
    expect(policy.random).toMatchObject({ source: 'seeded', seed: 7n });
    expect(decide(policy, { kind: 'clock' }).rule).toBe('clock#2');
  });
});
