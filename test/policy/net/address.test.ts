import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Capability, decide, SecurityPolicy } from '../../../policy/index.ts';
import { addressKind, normalAddress, parseAddress } from '../../../policy/net/address.ts';
import { UsageError } from '../../../wasm/errors.ts';

describe('what an address leads to', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['1.1.1.1', 'public'],
    ['9.255.255.255', 'public'],
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['11.0.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['100.64.0.0', 'shared'],
    ['100.127.255.255', 'shared'],
    ['100.128.0.0', 'public'],
    ['100.100.100.200', 'metadata'],
    ['126.255.255.255', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.255', 'loopback'],
    ['128.0.0.0', 'public'],
    ['169.253.255.255', 'public'],
    ['169.254.0.1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['172.15.255.255', 'public'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', 'public'],
    ['192.167.255.255', 'public'],
    ['192.168.0.0', 'private'],
    ['192.169.0.0', 'public'],
    ['192.0.2.1', 'reserved'],
    ['198.17.255.255', 'public'],
    ['198.18.0.0', 'reserved'],
    ['198.19.255.255', 'reserved'],
    ['198.20.0.0', 'public'],
    ['223.255.255.255', 'public'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.0', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'reserved'],
    ['2606:4700::1111', 'public'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'reserved'],
    ['::127.0.0.1', 'reserved'],
    ['::ffff:8.8.8.8', 'public'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:0:7f00:1', 'reserved'],
    ['64:ff9b::a00:1', 'private'],
    ['64:ff9b:1::a00:1', 'reserved'],
    ['2002:a00:1::', 'private'],
    ['2002:808:808::', 'public'],
    ['2001::1', 'reserved'],
    ['2001:1ff:ffff::', 'reserved'],
    ['2001:200::', 'public'],
    ['2001:db8::1', 'reserved'],
    ['3fff:fff::1', 'reserved'],
    ['4000::', 'reserved'],
    ['fbff::', 'reserved'],
    ['fc00::', 'private'],
    ['fdff::1', 'private'],
    ['fd00:ec2::254', 'metadata'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['100::1', 'reserved'],
    ['[::1]', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['0:0::0:1', 'loopback'],
    ['::FFFF:7F00:1', 'loopback'],
  ])('%s: %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  test.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '0x7f.0.0.1',
    'fe80::1%eth0',
    '::1::',
    '1:2',
    '[::1',
    ':',
    '::g',
    '1.2.3.4:80',
    'a'.repeat(1_000),
  ])('%j is no address, and reserved', (text) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(normalAddress(text)).toBeUndefined();
    expect(addressKind(text)).toBe('reserved');
  });

  test('every spelling of an address has one normal form', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const normal = normalAddress(text) as string;
        expect(normalAddress(normal)).toBe(normal);
        expect(addressKind(normal)).toBe(addressKind(text));
        expect(normalAddress(text.toUpperCase())).toBe(normal);
      }),
    );
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(normalAddress(text)).toBe(text);
        expect(normalAddress(`::ffff:${text}`)).toBe(text);
        expect(addressKind(`[::ffff:${text}]`)).toBe(addressKind(text));
      }),
    );
  });
});

describe('decisions', () => {
  const allows = (policy: SecurityPolicy, url: string, more: { method?: string; address?: string } = {}) =>
    decide(policy, { kind: 'network', url, ...more }).allowed;
  const grant = (...parameters: Parameters<typeof Capability.networkAccess>) =>
    SecurityPolicy.strict().with(Capability.networkAccess(...parameters));

  test('by method', () => {
    const policy = grant(['a.example'], { allowedMethods: ['GET', 'PROPFIND'] });
    expect(allows(policy, 'https://a.example/', { method: 'PROPFIND' })).toBe(true);
    expect(allows(policy, 'https://a.example/', { method: 'POST' })).toBe(false);
    expect(allows(policy, 'https://a.example/', { method: 'toString' })).toBe(false);
    expect(decide(policy, { kind: 'network', url: 'https://a.example/', method: 'POST' }).reason).toContain('method');
  });

  test('by the address a name leads to', () => {
    const policy = grant(['a.example', '*.internal', 'localhost', '192.168.7.7', '[fd00::7]']);
    const at = (host: string, address: string) => allows(policy, `https://${host}/`, { address });
    expect(at('a.example', '8.8.8.8')).toBe(true);
    expect(at('a.example', '10.0.0.1')).toBe(false);
    expect(at('a.example', '192.168.7.7')).toBe(true);
    expect(at('a.example', '::ffff:192.168.7.7')).toBe(true);
    expect(at('a.example', '192.168.7.8')).toBe(false);
    expect(at('a.example', 'fd00:0::7')).toBe(true);
    expect(at('db.internal', '10.0.0.1')).toBe(true);
    expect(at('db.internal', 'fd12::1')).toBe(true);
    expect(at('db.internal', '127.0.0.1')).toBe(false);
    expect(at('db.internal', '169.254.169.254')).toBe(false);
    expect(at('db.internal', '100.64.0.1')).toBe(false);
    expect(at('localhost', '127.0.0.1')).toBe(true);
    expect(at('localhost', '::1')).toBe(true);
    expect(at('localhost', '10.0.0.1')).toBe(false);
    expect(decide(policy, { kind: 'network', url: 'https://a.example/', address: '10.0.0.1' }).reason).toContain(
      '(private)',
    );
  });

  test('one grant must cover all of a request', () => {
    const policy = SecurityPolicy.strict().with(
      Capability.networkAccess(['a.example'], { allowedMethods: ['GET'] }),
      Capability.networkAccess(['b.example', '10.0.0.1'], { allowedMethods: ['POST'] }),
    );
    expect(allows(policy, 'https://a.example/', { method: 'POST' })).toBe(false);
    expect(allows(policy, 'https://a.example/', { method: 'GET', address: '10.0.0.1' })).toBe(false);
    expect(allows(policy, 'https://b.example/', { method: 'POST', address: '10.0.0.1' })).toBe(true);
  });

  test('ports of other protocols are in no grant of any port, but may be named', () => {
    const any = grant(['a.example'], { requireHttps: false, allowedPorts: 'any' });
    expect([22, 25, 587, 6667].some((port) => allows(any, `http://a.example:${port}/`))).toBe(false);
    expect([80, 443, 8080, 65_535].every((port) => allows(any, `http://a.example:${port}/`))).toBe(true);
    expect(allows(grant(['a.example'], { requireHttps: false, allowedPorts: [25] }), 'http://a.example:25/')).toBe(
      true,
    );
  });

  test('permissive allows no name that leads to anything but a public address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const allowed = allows(SecurityPolicy.permissive(), 'https://example.com/', { address });
        expect(allowed).toBe(addressKind(address) === 'public');
      }),
    );
  });

  test.each([
    { allowedMethods: ['CONNECT'] },
    { allowedMethods: ['TRACE'] },
    { allowedMethods: ['get'] },
    { allowedMethods: ['GET\r\n'] },
    { allowedMethods: [''] },
    { allowedMethods: 'GET' },
    { maxRequestBytes: -1 },
    { maxResponseBytes: Number.POSITIVE_INFINITY },
    { timeout: 0 },
    { timeout: 2 ** 31 },
    { maxRedirects: 21 },
    { maxRequests: 0.5 },
    { maxRequest: 1 },
  ])('%j is a UsageError', (options) => {
    expect(() => Capability.networkAccess(['a.example'], options as never)).toThrow(UsageError);
  });
});
