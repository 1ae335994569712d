/** Ways out that guests and servers try. Each must be refused and recorded, and leave a host that works as before. */

import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Capability, type SecurityPolicy } from '../../../policy/index.ts';
import { nodeClient } from '../../../policy/net/client.node.ts';
import type { HttpClient } from '../../../policy/net/client.ts';
import { HTTP_ERROR } from '../../../policy/net/codes.ts';
import { HTTP_FUNCTIONS } from '../../../policy/net/functions.ts';
import { FIXED } from '../../../policy/net/limits.ts';
import { HTTP_MODULE } from '../../../policy/net/names.ts';
import { funcType, I32 } from '../../../wasm/types.ts';
import { type Answer, bytes, FakeNetwork, granting, HttpGuest, named, serve } from './http-guest.ts';

const GOOD = 'https://api.example.com/good';
const grants = granting(Capability.networkAccess(['api.example.com', '*.wild.example']));

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** The network in which everything granted exists, and answers as the test says. */
function network(
  answer: (url: URL) => Answer | Promise<Answer> = () => ({}),
  addresses?: (host: string) => readonly string[],
): FakeNetwork {
  return new FakeNetwork(({ url }) => (url.href === GOOD ? { body: [bytes('fine')] } : answer(url)), addresses);
}

/** That the guest's last attempt was refused by a rule, and that requests within the policy still work. */
async function expectRefused(guest: HttpGuest, rule: string, good = GOOD): Promise<void> {
  expect(guest.refused).toMatchObject({ allowed: false, rule });
  expect(guest.events).toContain(guest.refused);
  expect(await guest.fetch(good)).toEqual([200, 'fine']);
}

describe('URLs', () => {
  const denied = [
    ['loopback', 'https://127.0.0.1/'],
    ['loopback, in decimal', 'https://2130706433/'],
    ['loopback, in octal', 'https://0177.0.0.1/'],
    ['loopback, in hexadecimal', 'https://0x7f.0.0.1/'],
    ['loopback, in hexadecimal as one', 'https://0x7f000001/'],
    ['loopback, shortened', 'https://127.1/'],
    ['loopback, with a trailing dot', 'https://127.0.0.1./'],
    ['loopback, percent-encoded', 'https://%31%32%37.0.0.1/'],
    ['loopback, in full-width digits', 'https://１２７.0.0.1/'],
    ['loopback, in circled digits', 'https://①②⑦.⓪.⓪.①/'],
    ['loopback of version 6', 'https://[::1]/'],
    ['loopback of version 6, written out', 'https://[0:0:0:0:0:0:0:1]/'],
    ['loopback, mapped', 'https://[::ffff:127.0.0.1]/'],
    ['loopback, mapped in hexadecimal', 'https://[::ffff:7f00:1]/'],
    ['localhost', 'https://localhost/'],
    ['any address', 'https://0.0.0.0/'],
    ['nothing but zero', 'https://0/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data/'],
    ['metadata, in decimal', 'https://2852039166/'],
    ['metadata by name', 'https://metadata.google.internal./'],
    ['a private address', 'https://10.0.0.1/'],
    ['a public address that is not named', 'https://93.184.216.34/'],
    ['a granted host as user name', 'https://api.example.com@127.0.0.1/'],
    ['a granted host as user name and password', 'https://api.example.com:443@evil.example/'],
    ['a password for a granted host', 'https://user:secret@api.example.com/'],
    ['a granted host in the fragment', 'https://evil.example/#@api.example.com/'],
    ['a granted host in the query', 'https://evil.example?api.example.com'],
    ['a granted host as prefix', 'https://api.example.com.evil.example/'],
    ['a granted host as suffix', 'https://evilapi.example.com/'],
    ['a name below a granted one', 'https://sub.api.example.com/'],
    ['the name above a granted one', 'https://example.com/'],
    ['a letter that looks the same', 'https://аpi.example.com/'],
    ['the name a wildcard stands below', 'https://wild.example/'],
    ['a name that ends like a wildcard', 'https://notwild.example/'],
    ['an empty label below a wildcard', 'https://.wild.example/'],
    ['a wildcard in the middle', 'https://x.wild.example.evil.example/'],
    ['another port', 'https://api.example.com:8443/'],
    ['port 0', 'https://api.example.com:0/'],
    ['without TLS', 'http://api.example.com/'],
    ['without TLS on the port of TLS', 'http://api.example.com:443/'],
    ['a file', 'file:///etc/passwd'],
    ['a file of a granted host', 'file://api.example.com/etc/passwd'],
    ['a socket', 'wss://api.example.com/'],
    ['data', 'data:text/plain,x'],
    ['a blob', 'blob:https://api.example.com/x'],
    ['a relative URL', '//api.example.com/'],
    ['no URL', 'api.example.com'],
    ['an address with a zone', 'https://[fe80::1%25eth0]/'],
    ['the longest port', 'https://api.example.com:65979/'],
  ] as const;

  test.each(denied)('%s', async (_, url) => {
    const fake = network();
    const guest = new HttpGuest(grants, fake);
    expect(await guest.fetch(url)).toBe('denied');
    expect(guest.refused?.request).toMatchObject({ url });
    expect([fake.resolved, fake.sent]).toEqual([[], []]);
    await expectRefused(guest, 'default');
  });

  test.each([
    ['a line end in the host', 'https://api.example\n.com/'],
    ['a tab', 'https://\tapi.example.com/'],
    ['a second request in the path', `https://api.example.com/ HTTP/1.1\r\nHost: evil.example\r\n\r\n`],
    ['a NUL', 'https://api.example.com/\0'],
    ['a backslash', 'https://api.example.com\\@127.0.0.1/'],
    ['a space before', ' https://api.example.com/'],
  ])('%s', async (_, url) => {
    const guest = new HttpGuest(grants, network());
    expect(await guest.fetch(url)).toBe(new URL(url).hostname === 'api.example.com' ? 'invalid' : 'denied');
    await expectRefused(guest, 'malformed');
  });

  test('bytes that are no UTF-8', async () => {
    const guest = new HttpGuest(grants, network());
    expect(named(guest.open(Uint8Array.of(...bytes('https://api.example.com/'), 0xff)))).toBe('invalid');
    await expectRefused(guest, 'malformed');
  });

  test('more than a URL may have', async () => {
    const guest = new HttpGuest(grants, network());
    expect(await guest.fetch(`${GOOD}/${'x'.repeat(FIXED.urlBytes)}`)).toBe('limit');
    await expectRefused(guest, 'urlLimit');
  });

  test('the spellings of a granted host are that host', async () => {
    for (const url of ['https://API.EXAMPLE.COM./', 'https://api.example.com:443/', 'https://a.b.WILD.example./']) {
      expect(await new HttpGuest(grants, network()).fetch(url)).toEqual([200, '']);
    }
  });
});

describe('methods', () => {
  test.each(['CONNECT', 'TRACE', 'TRACK', 'get', 'PROPFIND', '', 'GET / HTTP/1.1\r\nX:', 'GET\0', '__proto__'])(
    '%j',
    async (method) => {
      const guest = new HttpGuest(grants, network());
      expect(await guest.fetch(GOOD, { method })).toBe('denied');
      await expectRefused(guest, 'default');
    },
  );

  test('one that the grant leaves out', async () => {
    const policy = granting(Capability.networkAccess(['api.example.com'], { allowedMethods: ['GET'] }));
    const guest = new HttpGuest(policy, network());
    expect(await guest.fetch(GOOD, { method: 'DELETE' })).toBe('denied');
    await expectRefused(guest, 'default');
  });
});

describe('redirects', () => {
  const START = 'https://api.example.com/start';
  const redirecting = (location: string, status = 302) =>
    network((url) =>
      url.href === START ? { status, headers: [['location', location]] } : { body: [bytes('inside')] },
    );

  test.each([
    ['to the loopback', 'http://127.0.0.1/'],
    ['to the loopback, in decimal', 'https://2130706433/'],
    ['to the loopback, mapped', 'https://[::ffff:127.0.0.1]/'],
    ['to metadata', 'http://169.254.169.254/latest/meta-data/iam/'],
    ['to another host', 'https://evil.example/'],
    ['to another host, without scheme', '//evil.example/'],
    ['to another host, with backslashes', '\\\\evil.example\\'],
    ['to no TLS', 'http://api.example.com/'],
    ['to another port', 'https://api.example.com:8443/'],
    ['to a file', 'file:///etc/passwd'],
    ['to data', 'data:text/plain,inside'],
    ['to a user name', 'https://user@api.example.com/'],
    ['to another host behind a user name', 'https://api.example.com@evil.example/'],
  ])('%s', async (_, location) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const fake = redirecting(location, status);
      const guest = new HttpGuest(grants, fake);
      expect(await guest.fetch(START)).toBe('denied');
      expect(fake.sent).toHaveLength(1);
      expect(guest.refused?.request).toMatchObject({ url: new URL(location, START).href });
      await expectRefused(guest, 'default');
    }
  });

  test('without end', async () => {
    const fake = network((url) => ({ status: 302, headers: [['location', `${url.pathname}x`]] }));
    const guest = new HttpGuest(grants, fake);
    expect(await guest.fetch(START)).toBe('limit');
    expect(fake.sent).toHaveLength(6);
    await expectRefused(guest, 'redirectLimit');
  });

  test('to two places at once', async () => {
    const headers = [
      ['location', GOOD],
      ['location', 'https://evil.example/'],
    ] as const;
    const guest = new HttpGuest(
      grants,
      network(() => ({ status: 302, headers })),
    );
    expect(await guest.fetch(START)).toBe('protocol');
  });

  test('into a stricter grant: its method and size count', async () => {
    const policy = granting(
      Capability.networkAccess(['api.example.com']),
      Capability.networkAccess(['small.example'], { maxRequestBytes: 4 }),
      Capability.networkAccess(['read.example'], { allowedMethods: ['GET'] }),
    );
    const guest = new HttpGuest(policy, redirecting('https://small.example/', 307));
    expect(await guest.fetch(START, { method: 'POST', body: '12345' })).toBe('limit');
    await expectRefused(guest, 'requestLimit');
    const other = new HttpGuest(policy, redirecting('https://read.example/', 307));
    expect(await other.fetch(START, { method: 'POST', body: '12345' })).toBe('denied');
    await expectRefused(other, 'default');
  });

  test('from one server on this machine to another', async () => {
    await using inside = await serve((_, response) => response.end('inside'));
    await using outside = await serve((request, response) =>
      request.url === '/good' ? response.end('fine') : response.writeHead(302, { location: inside.url }).end(),
    );
    const grant = Capability.networkAccess(['127.0.0.1'], { requireHttps: false, allowedPorts: [outside.port] });
    const guest = new HttpGuest(granting(grant));
    expect(await guest.fetch(outside.url)).toBe('denied');
    expect(inside.seen).toEqual([]);
    await expectRefused(guest, 'default', `${outside.url}/good`);
  });
});

describe('names', () => {
  const leading = (...addresses: string[]) =>
    network(undefined, (host) => (host === 'a.wild.example' ? addresses : ['93.184.216.34']));

  test.each([
    ['the loopback', '127.0.0.1'],
    ['the loopback elsewhere', '127.8.8.8'],
    ['the loopback of version 6', '::1'],
    ['the loopback, mapped', '::ffff:127.0.0.1'],
    ['the loopback by NAT64', '64:ff9b::7f00:1'],
    ['the loopback by 6to4', '2002:7f00:1::'],
    ['a private address', '10.1.2.3'],
    ['a private address', '172.31.255.255'],
    ['a private address', '192.168.0.1'],
    ['a private address of version 6', 'fd12:3456::1'],
    ['the carrier', '100.64.0.1'],
    ['the link', '169.254.1.1'],
    ['the link of version 6', 'fe80::1'],
    ['the link of version 6 with a zone', 'fe80::1%eth0'],
    ['metadata', '169.254.169.254'],
    ['metadata of version 6', 'fd00:ec2::254'],
    ['metadata at a public address', '168.63.129.16'],
    ['everybody', '224.0.0.1'],
    ['everybody of version 6', 'ff02::1'],
    ['everybody at once', '255.255.255.255'],
    ['nowhere', '0.0.0.0'],
    ['nowhere of version 6', '::'],
    ['what is reserved', '240.0.0.1'],
    ['no address', 'localhost'],
    ['no text', ''],
  ])('that lead to %s: %s', async (_, address) => {
    for (const addresses of [[address], ['93.184.216.34', address]]) {
      const fake = leading(...addresses);
      const guest = new HttpGuest(grants, fake);
      expect(await guest.fetch('https://a.wild.example/')).toBe('denied');
      expect(fake.sent).toEqual([]);
      expect(guest.refused?.request).toMatchObject({ address });
      await expectRefused(guest, 'default');
    }
  });

  test('that lead inside only after a redirect', async () => {
    const fake = network(
      () => ({ status: 302, headers: [['location', 'https://a.wild.example/']] }),
      (host) => (host === 'a.wild.example' ? ['10.0.0.1'] : ['93.184.216.34']),
    );
    const guest = new HttpGuest(grants, fake);
    expect(await guest.fetch('https://api.example.com/')).toBe('denied');
    await expectRefused(guest, 'default');
  });

  test('that change between check and connection', async () => {
    await using inside = await serve((_, response) => response.end('inside'));
    await using outside = await serve((request, response) => response.end(`fine ${request.headers.host}`));
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.2']];
    const resolved: string[] = [];
    const client: HttpClient = {
      send: (nodeClient as HttpClient).send,
      resolve: async (host) => {
        resolved.push(host);
        return answers.shift() ?? [];
      },
    };
    const { port } = outside;
    const grant = Capability.networkAccess(['a.example', '127.0.0.1'], { requireHttps: false, allowedPorts: [port] });
    const guest = new HttpGuest(granting(grant), client);
    expect(await guest.fetch(`http://a.example:${port}/`)).toEqual([200, `fine a.example:${port}`]);
    expect(resolved).toEqual(['a.example']);
    expect(await guest.fetch(`http://a.example:${port}/`)).toBe('denied');
    expect(guest.refused?.request).toMatchObject({ address: '127.0.0.2' });
    expect(inside.seen).toEqual([]);
  });

  test('that are private reach private addresses only where they are named, and never metadata', async () => {
    const inside = granting(Capability.networkAccess(['db.internal', 'localhost'], { requireHttps: false }));
    const leads: [string, string, unknown][] = [
      ['http://db.internal/', '10.0.0.5', [200, '']],
      ['http://db.internal/', '127.0.0.1', 'denied'],
      ['http://db.internal/', '169.254.169.254', 'denied'],
      ['http://localhost/', '127.0.0.1', [200, '']],
      ['http://localhost/', '10.0.0.5', 'denied'],
    ];
    for (const [url, address, outcome] of leads) {
      expect(
        await new HttpGuest(
          inside,
          network(undefined, () => [address]),
        ).fetch(url),
      ).toEqual(outcome);
    }
  });
});

describe('headers', () => {
  test.each([
    ['a line end in a value', 'x-a', 'b\r\nHost: evil.example', 'invalid', 'malformed'],
    ['a lone line feed in a value', 'x-a', 'b\nX: y', 'invalid', 'malformed'],
    ['a NUL in a value', 'x-a', 'b\0', 'invalid', 'malformed'],
    ['a line end in a name', 'x-a: b\r\nx-c', 'd', 'invalid', 'malformed'],
    ['a colon in a name', 'host:', 'evil.example', 'invalid', 'malformed'],
    ['a space after a name', 'host ', 'evil.example', 'invalid', 'malformed'],
    ['no name', '', 'x', 'invalid', 'malformed'],
    ['another host', 'Host', 'evil.example', 'denied', 'forbiddenHeader'],
    ['a second length', 'Content-Length', '0', 'denied', 'forbiddenHeader'],
    ['chunks', 'Transfer-Encoding', 'chunked', 'denied', 'forbiddenHeader'],
    ['an upgrade', 'Upgrade', 'websocket', 'denied', 'forbiddenHeader'],
    ['the connection', 'Connection', 'keep-alive', 'denied', 'forbiddenHeader'],
    ['a proxy', 'Proxy-Authorization', 'Basic x', 'denied', 'forbiddenHeader'],
    ['compression, a bomb by another name', 'Accept-Encoding', 'gzip', 'denied', 'forbiddenHeader'],
    ['another method', 'X-HTTP-Method-Override', 'TRACE', 'denied', 'forbiddenHeader'],
  ])('%s', async (_, name, value, error, rule) => {
    const fake = network();
    const guest = new HttpGuest(grants, fake);
    expect(await guest.fetch(GOOD, { headers: [[name, value]] })).toBe(error);
    expect(fake.sent).toEqual([]);
    await expectRefused(guest, rule);
  });

  test('names of the language are names like any other', async () => {
    await using server = await serve((request, response) => response.end(request.rawHeaders.join('|')));
    const grant = Capability.networkAccess(['127.0.0.1'], { requireHttps: false, allowedPorts: [server.port] });
    const headers: [string, string][] = [
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ];
    const [, text] = (await new HttpGuest(granting(grant)).fetch(server.url, { headers })) as [number, string];
    expect(text).toContain('__proto__|a|constructor|b|tostring|c');
  });

  test('too many', async () => {
    const guest = new HttpGuest(grants, network());
    const headers = Array.from({ length: FIXED.requestHeaders + 1 }, (_, i) => [`x-${i}`, ''] as const);
    expect(await guest.fetch(GOOD, { headers })).toBe('limit');
    await expectRefused(guest, 'headerLimit');
  });

  test('too large', async () => {
    const guest = new HttpGuest(grants, network());
    const headers = Array.from({ length: 2 }, () => ['x', 'y'.repeat(FIXED.requestHeaderBytes / 2)] as const);
    expect(await guest.fetch(GOOD, { headers })).toBe('limit');
    await expectRefused(guest, 'headerLimit');
  });

  test('of 4 GiB', async () => {
    const guest = new HttpGuest(grants, network());
    const handle = guest.open(GOOD);
    expect(guest.call('request_header', handle, 0, 0xffff_ffff, 0, 0xffff_ffff)).toBe(HTTP_ERROR.limit);
    guest.call('request_close', handle);
    await expectRefused(guest, 'headerLimit');
  });

  test.each([
    ['in number', Array.from({ length: FIXED.responseHeaders + 1 }, (_, i) => [`x-${i}`, ''] as const)],
    ['in size', [['x', 'y'.repeat(FIXED.responseHeaderBytes)] as const]],
  ])('a bomb of them %s, in the response', async (_, headers) => {
    const guest = new HttpGuest(
      grants,
      network(() => ({ headers })),
    );
    expect(await guest.fetch('https://api.example.com/')).toBe('limit');
    await expectRefused(guest, 'headerLimit');
  });
});

describe('servers', () => {
  const local = (port: number, options = {}): SecurityPolicy =>
    granting(Capability.networkAccess(['127.0.0.1'], { requireHttps: false, allowedPorts: [port], ...options }));

  /** A server that misbehaves everywhere but at /good. */
  const hostile = (misbehave: Parameters<typeof serve>[0]) =>
    serve((request, response) => (request.url === '/good' ? response.end('fine') : misbehave(request, response)));

  const endless = (response: ServerResponse) => {
    const piece = Buffer.alloc(16_384, 'x');
    const more = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  };

  const misdeeds: [string, Parameters<typeof serve>[0], string, string][] = [
    ['a body without end', (_, response) => endless(response), 'limit', 'responseLimit'],
    [
      'a body that says how large it is',
      (_, response) => response.writeHead(200, { 'content-length': '1000000' }).write('x'),
      'limit',
      'responseLimit',
    ],
    [
      'a header of a megabyte',
      ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1_000_000)}\r\n\r\n`),
      'limit',
      'headerLimit',
    ],
    [
      'a thousand headers',
      ({ socket }) => void socket.write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(1_000)}\r\n`),
      'limit',
      'headerLimit',
    ],
    ['silence', () => undefined, 'timeout', 'timeLimit'],
    ['silence after the headers', (_, response) => response.flushHeaders(), 'timeout', 'timeLimit'],
    ['silence within the body', (_, response) => response.write('x'), 'timeout', 'timeLimit'],
    ['silence within the headers', ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nx:'), 'timeout', 'timeLimit'],
    [
      'nothing but preliminaries',
      (_, response) => {
        const more = () => {
          if (response.destroyed) return;
          response.writeProcessing();
          setImmediate(more);
        };
        more();
      },
      'timeout',
      'timeLimit',
    ],
  ];

  test.each(misdeeds)('%s', async (_, misbehave, error, rule) => {
    await using server = await hostile(misbehave);
    const timeout = error === 'timeout' ? 500 : 20_000;
    const guest = new HttpGuest(local(server.port, { maxResponseBytes: 100_000, timeout }));
    expect(await guest.fetch(server.url)).toBe(error);
    await expectRefused(guest, rule, `${server.url}/good`);
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'protocol'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx', 'protocol'],
    [
      'length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'protocol',
    ],
    ['a line end within a header', 'HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n', 'protocol'],
    ['another protocol', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', 'protocol'],
  ])('%s', async (_, text, error) => {
    await using server = await hostile(({ socket }) => void socket.end(text));
    const guest = new HttpGuest(local(server.port, { timeout: 5_000 }));
    expect(await guest.fetch(server.url)).toBe(error);
    expect(await guest.fetch(`${server.url}/good`)).toEqual([200, 'fine']);
  });

  test('TLS that is none', async () => {
    await using server = await hostile((_, response) => response.end());
    const guest = new HttpGuest(local(server.port));
    expect(await guest.fetch(server.url.replace('http:', 'https:'))).toBe('unreachable');
    expect(server.seen).toEqual([]);
    expect(await guest.fetch(`${server.url}/good`)).toEqual([200, 'fine']);
  });

  test('a name that is never resolved', async () => {
    const policy = granting(Capability.networkAccess(['slow.example', 'api.example.com'], { timeout: 30 }));
    const fake = network();
    const client = {
      ...fake,
      resolve: (host: string) => (host === 'slow.example' ? new Promise<never>(() => undefined) : fake.resolve(host)),
    };
    const guest = new HttpGuest(policy, client);
    expect(await guest.fetch('https://slow.example/')).toBe('timeout');
    expect(fake.sent).toEqual([]);
    await expectRefused(guest, 'timeLimit');
  });

  test('time that runs out while the guest does something else', async () => {
    vi.useFakeTimers();
    try {
      const guest = new HttpGuest(
        grants,
        network(() => ({ body: [bytes('late')] })),
      );
      const handle = guest.open('https://api.example.com/');
      expect(await guest.send(handle)).toBe(200);
      vi.advanceTimersByTime(30_000);
      expect(named((await guest.body(handle)) as number)).toBe('timeout');
      expect(named((await guest.body(handle)) as number)).toBe('timeout');
      await expectRefused(guest, 'timeLimit');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('floods', () => {
  test('of open requests', async () => {
    const guest = new HttpGuest(grants, network());
    const handles = Array.from({ length: FIXED.openRequests + 1 }, () => guest.open(GOOD));
    expect(named(handles.at(-1) as number)).toBe('limit');
    expect(handles.slice(0, -1).every((handle) => handle > 0)).toBe(true);
    guest.call('request_close', handles[0] as number);
    await expectRefused(guest, 'handleLimit');
  });

  test('of requests, one after another', async () => {
    const policy = granting(Capability.networkAccess(['api.example.com'], { maxRequests: 3 }));
    const guest = new HttpGuest(policy, network());
    for (let i = 0; i < 3; i++) expect(await guest.fetch(GOOD)).toEqual([200, 'fine']);
    expect(await guest.fetch(GOOD)).toBe('limit');
    expect(guest.refused?.rule).toBe('countLimit');
    guest.host.reset();
    expect(await guest.fetch(GOOD)).toEqual([200, 'fine']);
  });

  test('of the body', async () => {
    const policy = granting(Capability.networkAccess(['api.example.com'], { maxRequestBytes: 10 }));
    const guest = new HttpGuest(policy, network());
    const handle = guest.open(GOOD, 'POST');
    expect([guest.write(handle, '12345'), guest.write(handle, '123456'), guest.write(handle, '12345')]).toEqual([
      0,
      HTTP_ERROR.limit,
      0,
    ]);
    await expectRefused(guest, 'requestLimit');
  });

  test('of refusals: only the first are kept', async () => {
    const guest = new HttpGuest(grants, network());
    for (let i = 0; i < 1_100; i++) guest.open('https://127.0.0.1/');
    expect([guest.host.violations.events.length, guest.host.violations.total]).toEqual([1_000, 1_100]);
    await expectRefused(guest, 'default');
  });
});

describe('handles and pointers', () => {
  const FAR = 0xffff_fff0;

  test.each([0, -1, 2, 0x7fff_ffff, FAR])('the handle %i, which is none', async (handle) => {
    const guest = new HttpGuest(grants, network());
    guest.open(GOOD);
    for (const { name, params } of HTTP_FUNCTIONS) {
      if (name === 'request_open') continue;
      const args = [handle, ...new Array(params - 1).fill(FAR)];
      expect([name, await guest.call(name, ...args)]).toEqual([name, HTTP_ERROR.handle]);
    }
    expect(guest.events.slice(1).every(({ result }) => result === HTTP_ERROR.handle)).toBe(true);
  });

  test('a stale handle is never another request', async () => {
    const guest = new HttpGuest(grants, network());
    const first = guest.open(GOOD);
    guest.call('request_close', first);
    const second = guest.open(GOOD);
    expect(second).not.toBe(first);
    expect(await guest.send(first)).toBe(HTTP_ERROR.handle);
    expect(await guest.send(second)).toBe(200);
  });

  test('pointers outside of the memory', async () => {
    const guest = new HttpGuest(
      grants,
      network(() => ({ headers: [['a', 'b']], body: [bytes('x')] })),
    );
    const end = guest.bytes.length;
    const faults = async (...calls: [string, ...number[]][]) => {
      for (const [name, ...args] of calls)
        expect([name, await guest.call(name, ...args)]).toEqual([name, HTTP_ERROR.fault]);
    };
    await faults(
      ['request_open', FAR, 3, 0, 10],
      ['request_open', 0, 3, end - 1, 2],
      ['request_open', 0, 32, FAR, 4_096],
    );
    const handle = guest.open('https://api.example.com/', 'POST');
    await faults(
      ['request_header', handle, end, 1, 0, 1],
      ['request_header', handle, 0, 1, FAR, 100],
      ['request_write', handle, end - 1, 2],
      ['request_write', handle, 0, 0xffff_ffff],
      ['request_write', handle, 0xffff_ffff, 0xffff_ffff],
    );
    expect(await guest.send(handle)).toBe(200);
    await faults(
      ['response_header', handle, FAR, 1, 0, 1],
      ['response_header_at', handle, 0, end - 1, 10],
      ['response_read', handle, end - 1, 2],
      ['response_read', handle, 0, 0xffff_ffff],
    );
    expect(await guest.body(handle)).toBe('x');
  });

  test('a guest without memory', async () => {
    const guest = new HttpGuest(grants, network());
    guest.hasMemory = false;
    expect(guest.call('request_open', 0, 3, 0, 10)).toBe(HTTP_ERROR.fault);
    expect(guest.call('request_open', 0, 0, 0, 0)).toBe(HTTP_ERROR.denied);
  });

  test('memory that moves while the guest waits', async () => {
    const guest: HttpGuest = new HttpGuest(
      grants,
      network(() => {
        guest.move();
        return { body: [bytes('moved')] };
      }),
    );
    const handle = guest.open('https://api.example.com/');
    expect(await guest.send(handle)).toBe(200);
    expect(await guest.body(handle)).toBe('moved');
  });
});

describe('imports', () => {
  const hostile = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '', 'request_opens', 'fetch'];

  test.each(hostile)('%j', (name) => {
    const { host } = new HttpGuest(grants, network());
    for (const params of [0, 1, 3, 4, 5]) {
      const type = funcType(new Array(params).fill(I32), [I32]);
      expect(host.resolve(HTTP_MODULE, name, type)).toBeUndefined();
      expect(host.resolve(name, 'request_open', type)).toBeUndefined();
    }
  });
});
