import { describe, expect, test } from 'vitest';
import { ComponentHost } from '../../policy/component.ts';
import { Capability, SecurityPolicy } from '../../policy/index.ts';
import { HostError, SecurityViolation } from '../../wasm/errors.ts';
import type { CallingGuest } from '../../wasm/host.ts';
import { exitStatus } from '../../wasm/host.ts';
import { failureOf } from './components.ts';

// The functions of the interfaces, called as the program of a component calls them.

type Any = Record<string, (...args: unknown[]) => unknown>;

class Payer implements CallingGuest {
  bytes = 0;
  readonly memory = undefined;
  gasUsed(): bigint {
    return BigInt(Math.ceil(this.bytes / 32));
  }
  chargeBytes(bytes: number): void {
    this.bytes += bytes;
  }
}

const AUDITED = SecurityPolicy.builder().enableAuditLogging().build();

function hostOf(policy: SecurityPolicy = AUDITED, options = {}, mayWait = false) {
  const payer = new Payer();
  const host = new ComponentHost(policy, options, { caller: () => payer, mayWait });
  const at = (name: string): Any => host.find(name) as Any;
  return { host, payer, at };
}

/** What a `result` fails with. */
const payloadOf = (call: () => unknown): unknown => (failureOf(call) as { payload: unknown }).payload;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: unknown) => new TextDecoder().decode(value as Uint8Array);
const calls = (host: ComponentHost) => host.audit.events.map((event) => event.function);

describe('wasi:cli', () => {
  test('a strict policy gives a component nothing of the host’s', () => {
    const { host, at } = hostOf(AUDITED, { environment: { HOME: '/home' } });
    expect(at('wasi:cli/environment')['getEnvironment']?.()).toEqual([]);
    expect(at('wasi:cli/environment')['getArguments']?.()).toEqual([]);
    expect(at('wasi:cli/environment')['initialCwd']?.()).toBeUndefined();
    expect(at('wasi:cli/terminal-stdout')['getTerminalStdout']?.()).toBeUndefined();
    expect(at('wasi:filesystem/preopens')['getDirectories']?.()).toEqual([]);
    expect(host.violations.events).toMatchObject([
      { function: 'wasi:cli/environment.get-environment', allowed: false },
    ]);
    expect(calls(host)).toHaveLength(5);
  });

  test('arguments and environment are what is granted', () => {
    const policy = AUDITED.with(Capability.environmentAccess({ NAME: 'a=b' }));
    const { at } = hostOf(policy, { args: ['program', 'ä'] });
    expect(at('wasi:cli/environment')['getArguments']?.()).toEqual(['program', 'ä']);
    expect(at('wasi:cli/environment')['getEnvironment']?.()).toEqual([['NAME', 'a=b']]);
  });

  test('the end of the program', () => {
    const { at } = hostOf();
    expect(exitStatus(failureOf(() => at('wasi:cli/exit')['exit']?.({ tag: 'err' })))).toBe(1);
    expect(exitStatus(failureOf(() => at('wasi:cli/exit')['exitWithCode']?.(7)))).toBe(7);
  });

  test('a violation ends the call where the policy says so', () => {
    const { at } = hostOf(SecurityPolicy.builder().onViolation('trap').build());
    expect(failureOf(() => at('wasi:cli/environment')['getEnvironment']?.())).toBeInstanceOf(SecurityViolation);
  });
});

describe('wasi:io', () => {
  test('output is captured, priced and recorded', () => {
    const { host, payer, at } = hostOf();
    const stdout = at('wasi:cli/stdout')['getStdout']?.() as Any;
    expect(stdout['checkWrite']?.()).toBe(65_536n);
    const before = payer.bytes;
    stdout['write']?.(bytes('x'.repeat(3_200)));
    // What any call costs, beside what any host function does, and the bytes.
    expect(payer.bytes - before).toBe(200 * 32 + 3_200);
    stdout['blockingWriteZeroesAndFlush']?.(2n);
    stdout['blockingFlush']?.();
    expect(text(host.output('stdout'))).toBe(`${'x'.repeat(3_200)}\0\0`);
    expect(host.audit.events.find(({ bytes: moved }) => moved === 3_200)).toMatchObject({
      function: 'wasi:io/streams.[method]output-stream.write',
      request: { kind: 'stdio', stream: 'stdout' },
    });
  });

  test('output beyond the limit is a violation, and fails the write', () => {
    const { host, at } = hostOf(SecurityPolicy.builder(AUDITED).maxOutput(4).build());
    const stdout = at('wasi:cli/stdout')['getStdout']?.() as Any;
    const payload = payloadOf(() => stdout['blockingWriteAndFlush']?.(bytes('12345'))) as { tag: string; val: Any };
    expect(payload.tag).toBe('last-operation-failed');
    expect(payload.val).toBeInstanceOf(at('wasi:io/error')['Error'] as never);
    expect(payload.val['toDebugString']?.()).toContain('beyond the limit on output');
    expect(at('wasi:filesystem/types')['filesystemErrorCode']?.(payload.val)).toBe('insufficient-space');
    expect(host.violations.events).toMatchObject([{ rule: 'outputLimit' }]);
  });

  test('input is read to its end', () => {
    const { at } = hostOf(AUDITED.with(Capability.stdio({ stdin: 'abcdef' })));
    const stdin = at('wasi:cli/stdin')['getStdin']?.() as Any;
    expect(text(stdin['blockingRead']?.(2n))).toBe('ab');
    expect(stdin['skip']?.(1n)).toBe(1n);
    expect(stdin['read']?.(0n)).toHaveLength(0);
    expect(text(stdin['read']?.(1_000n))).toBe('def');
    expect(payloadOf(() => stdin['read']?.(1n))).toEqual({ tag: 'closed' });
  });

  test('input that would have to be waited for is refused', () => {
    const { at } = hostOf(AUDITED.with(Capability.stdio({ stdin: async () => undefined })));
    const stdin = at('wasi:cli/stdin')['getStdin']?.() as Any;
    expect(failureOf(() => stdin['read']?.(1n))).toBeInstanceOf(HostError);
  });

  test('and is waited for by a guest that can', async () => {
    const pieces = ['later', ''];
    const stdin = async () => bytes(pieces.shift() ?? '');
    const { at } = hostOf(AUDITED.with(Capability.stdio({ stdin })), {}, true);
    const stream = at('wasi:cli/stdin')['getStdin']?.() as Any;
    const first = stream['blockingRead']?.(3n);
    expect(first).toBeInstanceOf(Promise);
    expect(text(await first)).toBe('lat');
    expect(text(await stream['read']?.(100n))).toBe('er');
    await expect(stream['read']?.(1n)).rejects.toEqual({ payload: { tag: 'closed' } });
  });

  test('one stream goes into another', () => {
    const { host, at } = hostOf(AUDITED.with(Capability.stdio({ stdin: 'abc' })));
    const stdin = at('wasi:cli/stdin')['getStdin']?.();
    const stderr = at('wasi:cli/stderr')['getStderr']?.() as Any;
    expect(stderr['splice']?.(stdin, 100n)).toBe(3n);
    expect(text(host.output('stderr'))).toBe('abc');
  });

  test('a resource that was dropped, or never was one, is of no use', () => {
    const { at } = hostOf();
    const stdout = at('wasi:cli/stdout')['getStdout']?.() as Any & Disposable;
    stdout[Symbol.dispose]();
    expect(failureOf(() => stdout['checkWrite']?.())).toBeInstanceOf(HostError);
    const type = at('wasi:io/streams')['OutputStream'] as unknown as { prototype: object };
    const forged = Object.create(type.prototype) as Any;
    expect(failureOf(() => forged['checkWrite']?.())).toBeInstanceOf(HostError);
  });
});

describe('wasi:clocks and wasi:random', () => {
  test('the virtual clock is the same at every run, and advances by what is waited for', () => {
    const run = () => {
      const { at } = hostOf();
      const clock = at('wasi:clocks/monotonic-clock');
      const hour = clock['subscribeDuration']?.(3_600_000_000_000n) as Any;
      const second = clock['subscribeDuration']?.(1_000_000_000n) as Any;
      const seen: unknown[] = [at('wasi:clocks/wall-clock')['now']?.(), second['ready']?.()];
      seen.push(at('wasi:io/poll')['poll']?.([hour, second]));
      seen.push(second['ready']?.(), hour['ready']?.());
      hour['block']?.();
      seen.push(clock['now']?.(), at('wasi:random/random')['getRandomU64']?.());
      seen.push(at('wasi:random/insecure-seed')['insecureSeed']?.());
      return seen;
    };
    const first = run();
    expect(first.slice(0, 6)).toEqual([
      { seconds: 946_684_800n, nanoseconds: 0 },
      false,
      new Uint32Array([1]),
      true,
      false,
      3_600_000_000_000n,
    ]);
    expect(run()).toEqual(first);
  });

  test('on the real clock nothing can be waited for', () => {
    const { at } = hostOf(SecurityPolicy.moderate());
    const later = at('wasi:clocks/monotonic-clock')['subscribeDuration']?.(10n ** 15n) as Any;
    expect(later['ready']?.()).toBe(false);
    expect(failureOf(() => later['block']?.())).toMatchObject({
      message: expect.stringContaining('would have to wait'),
    });
  });

  test('random bytes are bounded and priced', () => {
    const { payer, at } = hostOf();
    const random = at('wasi:random/random')['getRandomBytes'];
    const before = payer.bytes;
    expect(random?.(1_000n)).toHaveLength(1_000);
    expect(payer.bytes - before).toBe(200 * 32 + 8_000);
    expect(failureOf(() => random?.(2n ** 63n))).toBeInstanceOf(HostError);
  });

  test('nobody waits for nothing, or for too much at once', () => {
    const { at } = hostOf();
    expect(failureOf(() => at('wasi:io/poll')['poll']?.([]))).toBeInstanceOf(HostError);
    const stdout = at('wasi:cli/stdout')['getStdout']?.() as Any;
    const ready = stdout['subscribe']?.();
    expect(failureOf(() => at('wasi:io/poll')['poll']?.(Array.from({ length: 1_025 }, () => ready)))).toBeInstanceOf(
      HostError,
    );
  });
});

describe('wasi:filesystem', () => {
  const files = (options = {}) =>
    hostOf(
      AUDITED.with(
        Capability.filesystemAccess([{ guest: '/data', memory: { 'a.txt': 'hello', 'sub/b.txt': 'inner' } }], options),
      ),
    );
  const rootOf = (at: (name: string) => Any): Any & Disposable => {
    const found = at('wasi:filesystem/preopens')['getDirectories']?.() as [[Any & Disposable, string]];
    expect(found[0][1]).toBe('/data');
    return found[0][0];
  };
  const open = (root: Any, path: string, openFlags = {}, flags: object = { read: true }) =>
    root['openAt']?.({ symlinkFollow: true }, path, openFlags, flags) as Any & Disposable;

  test('files are opened, read, written and listed', () => {
    const { host, at } = files();
    const root = rootOf(at);
    expect(root['getType']?.()).toBe('directory');
    const file = open(root, 'a.txt');
    expect(file['stat']?.()).toMatchObject({ type: 'regular-file', size: 5n, linkCount: 1n });
    expect(file['read']?.(100n, 1n)).toEqual([bytes('ello'), true]);
    expect(file['getFlags']?.()).toMatchObject({ read: true, write: false });
    expect(payloadOf(() => file['write']?.(bytes('x'), 0n))).toBe('not-permitted');

    const made = open(root, 'new.txt', { create: true, exclusive: true }, { read: true, write: true });
    expect(made['write']?.(bytes('12345'), 0n)).toBe(5n);
    const appending = made['appendViaStream']?.() as Any;
    appending['blockingWriteAndFlush']?.(bytes('678'));
    const writing = made['writeViaStream']?.(1n) as Any;
    writing['write']?.(bytes('x'));
    writing['write']?.(bytes('y'));
    made['setSize']?.(7n);
    expect(text(host.files().get('/data/new.txt'))).toBe('1xy4567');

    const entries = root['readDirectory']?.() as Any;
    const names: unknown[] = [];
    for (
      let entry = entries['readDirectoryEntry']?.();
      entry !== undefined;
      entry = entries['readDirectoryEntry']?.()
    ) {
      names.push(entry);
    }
    expect(names).toEqual([
      { type: 'regular-file', name: 'a.txt' },
      { type: 'regular-file', name: 'new.txt' },
      { type: 'directory', name: 'sub' },
    ]);
    expect(calls(host)).toContain('wasi:filesystem/types.[method]descriptor.open-at');
    expect(host.audit.events.map(({ request }) => request)).toContainEqual({
      kind: 'filesystem',
      path: '/data/new.txt',
      access: 'write',
    });
  });

  test('a stream outlives the descriptor that it came from', () => {
    const { at } = files();
    const file = open(rootOf(at), 'sub/b.txt');
    const stream = file['readViaStream']?.(1n) as Any & Disposable;
    file[Symbol.dispose]();
    expect(failureOf(() => file['stat']?.())).toBeInstanceOf(HostError);
    expect(text(stream['read']?.(3n))).toBe('nne');
    expect(text(stream['blockingRead']?.(100n))).toBe('r');
    expect(payloadOf(() => stream['read']?.(1n))).toEqual({ tag: 'closed' });
    stream[Symbol.dispose]();
  });

  test('paths are made, renamed, linked and removed', () => {
    const { host, at } = files();
    const root = rootOf(at);
    root['createDirectoryAt']?.('made');
    root['renameAt']?.('a.txt', root, 'made/c.txt');
    root['linkAt']?.({}, 'made/c.txt', root, 'd.txt');
    root['symlinkAt']?.('made/c.txt', 'link');
    expect(root['readlinkAt']?.('link')).toBe('made/c.txt');
    expect(root['statAt']?.({}, 'link')).toMatchObject({ type: 'symbolic-link' });
    expect(root['statAt']?.({ symlinkFollow: true }, 'link')).toMatchObject({ type: 'regular-file', linkCount: 2n });
    expect(open(root, 'd.txt')['isSameObject']?.(open(root, 'link'))).toBe(true);
    expect(root['metadataHashAt']?.({}, 'd.txt')).toEqual(open(root, 'link')['metadataHash']?.());
    root['setTimesAt']?.({}, 'd.txt', { tag: 'no-change' }, { tag: 'timestamp', val: { seconds: 5n, nanoseconds: 7 } });
    expect(root['statAt']?.({}, 'd.txt')).toMatchObject({
      dataModificationTimestamp: { seconds: 5n, nanoseconds: 7 },
    });
    root['unlinkFileAt']?.('link');
    root['unlinkFileAt']?.('d.txt');
    expect(payloadOf(() => root['removeDirectoryAt']?.('made'))).toBe('not-empty');
    root['unlinkFileAt']?.('made/c.txt');
    root['removeDirectoryAt']?.('made');
    expect([...host.files().keys()]).toEqual(['/data/sub/b.txt']);
  });

  test('nothing leads out of what is granted', () => {
    const { host, at } = files();
    const root = rootOf(at);
    for (const path of ['..', '../x', '/etc/passwd', 'sub/../../x']) {
      expect(
        payloadOf(() => open(root, path)),
        path,
      ).toBe('not-permitted');
    }
    expect(payloadOf(() => open(root, 'nothing'))).toBe('no-entry');
    expect(payloadOf(() => open(root, 'a\0b'))).toBe('invalid');
    expect(host.violations.events.map(({ rule }) => rule)).toEqual(['path', 'path', 'path', 'path']);
  });

  test('what is granted for reading cannot be changed', () => {
    const { host, at } = files({ readOnly: true });
    const root = rootOf(at);
    expect(payloadOf(() => open(root, 'x', { create: true }, { write: true }))).toBe('read-only');
    expect(payloadOf(() => root['unlinkFileAt']?.('a.txt'))).toBe('read-only');
    expect(root['getFlags']?.()).toMatchObject({ mutateDirectory: false });
    expect(host.violations.events.every(({ rule }) => rule === 'readOnly')).toBe(true);
  });

  test('descriptors are bounded, and come free when they are dropped', () => {
    const { host, at } = files({ maxDescriptors: 8 });
    const root = rootOf(at);
    const opened = [open(root, 'a.txt'), open(root, 'a.txt'), open(root, 'a.txt')];
    expect(payloadOf(() => open(root, 'a.txt'))).toBe('insufficient-memory');
    expect(payloadOf(() => root['readDirectory']?.())).toBe('insufficient-memory');
    opened[0]?.[Symbol.dispose]();
    open(root, 'a.txt');
    expect(host.violations.events.map(({ rule }) => rule)).toEqual(['fileLimit', 'fileLimit']);
  });

  test('files have limits, and a stream that meets one has failed', () => {
    const { at } = files({ maxBytes: 100 });
    const file = open(rootOf(at), 'new', { create: true }, { write: true });
    const stream = file['writeViaStream']?.(0n) as Any;
    const payload = payloadOf(() => stream['write']?.(new Uint8Array(1_000))) as { tag: string; val: Any };
    expect(payload.tag).toBe('last-operation-failed');
    expect(at('wasi:filesystem/types')['filesystemErrorCode']?.(payload.val)).toBe('insufficient-space');
  });
});

describe('wasi:http', () => {
  const requestTo = (at: (name: string) => Any, authority: string, path = '/') => {
    const types = at('wasi:http/types') as unknown as Record<string, new (...args: unknown[]) => Any>;
    const headers = new types['Fields']!();
    headers['append']?.('X-One', bytes('1'));
    const request = new types['OutgoingRequest']!(headers);
    request['setAuthority']?.(authority);
    request['setPathWithQuery']?.(path);
    request['setMethod']?.({ tag: 'post' });
    return request;
  };
  const handle = (at: (name: string) => Any, request: unknown) =>
    payloadOf(() => at('wasi:http/outgoing-handler')['handle']?.(request, undefined));

  test('a request is decided by the policy', () => {
    const { host, at } = hostOf();
    expect(handle(at, requestTo(at, 'example.com', '/x?y'))).toEqual({ tag: 'HTTP-request-denied' });
    expect(host.violations.events).toMatchObject([
      {
        function: 'wasi:http/outgoing-handler.handle',
        request: { kind: 'network', url: 'https://example.com/x?y', method: 'POST' },
        reason: 'the policy grants no network',
      },
    ]);
  });

  test('one that is granted cannot be waited for, and says so', () => {
    const { host, at } = hostOf(AUDITED.with(Capability.networkAccess(['example.com'])));
    expect(handle(at, requestTo(at, 'example.com'))).toMatchObject({
      tag: 'internal-error',
      val: expect.stringContaining('wait'),
    });
    expect(handle(at, requestTo(at, 'example.org'))).toEqual({ tag: 'HTTP-request-denied' });
    expect(host.violations.total).toBe(1);
  });

  test('bodies that are not sent are bounded together, and given back', () => {
    const grant = Capability.networkAccess(['example.com'], { maxRequestBytes: 100 });
    const { at } = hostOf(AUDITED.with(grant), {}, true);
    const bodyOf = (request: Any) => {
      const body = request['body']?.() as Any & Disposable;
      return { body, stream: body['write']?.() as Any };
    };
    const first = requestTo(at, 'example.com') as Any & Disposable;
    const one = bodyOf(first);
    expect(payloadOf(() => first['body']?.())).toBeUndefined();
    expect(payloadOf(() => one.body['write']?.())).toBeUndefined();
    one.stream['blockingWriteAndFlush']?.(new Uint8Array(60));
    const second = bodyOf(requestTo(at, 'example.com'));
    const write = (stream: Any, length: number) => stream['blockingWriteAndFlush']?.(new Uint8Array(length));
    const failed = payloadOf(() => write(second.stream, 41)) as { tag: string; val: Any };
    expect(failed.tag).toBe('last-operation-failed');
    expect(failed.val['toDebugString']?.()).toContain('may have 100 bytes');
    write(second.stream, 40);
    first[Symbol.dispose]();
    // Nobody sends it any more.
    expect(payloadOf(() => write(one.stream, 1))).toMatchObject({ tag: 'last-operation-failed' });
    write(second.stream, 60);
    second.body[Symbol.dispose]();
    expect(payloadOf(() => write(second.stream, 1))).toMatchObject({ tag: 'last-operation-failed' });
    write(bodyOf(requestTo(at, 'example.com')).stream, 100);
  });

  test('a response that would never come is not waited for', () => {
    const grant = Capability.networkAccess(['example.com']);
    const { at } = hostOf(AUDITED.with(grant), {}, true);
    const request = requestTo(at, 'example.com');
    request['body']?.();
    const future = at('wasi:http/outgoing-handler')['handle']?.(request, undefined) as Any & Disposable;
    expect(future['get']?.()).toBeUndefined();
    const pollable = future['subscribe']?.() as Any;
    expect(pollable['ready']?.()).toBe(false);
    expect(failureOf(() => pollable['block']?.())).toMatchObject({ message: expect.stringContaining('not finished') });
    expect(failureOf(() => at('wasi:http/outgoing-handler')['handle']?.(request, undefined))).toBeInstanceOf(HostError);
    future[Symbol.dispose]();
  });

  test('headers are checked, bounded, and not changed behind a request', () => {
    const { at } = hostOf();
    const { Fields } = at('wasi:http/types') as unknown as Record<string, (new () => Any) & Any>;
    const headers = new Fields!();
    expect(payloadOf(() => headers['append']?.('a b', bytes('1')))).toEqual({ tag: 'invalid-syntax' });
    expect(payloadOf(() => headers['append']?.('a', bytes('1\r\nb: 2')))).toEqual({ tag: 'invalid-syntax' });
    headers['set']?.('A', [bytes('1'), bytes('2')]);
    expect(headers['get']?.('a')).toEqual([bytes('1'), bytes('2')]);
    expect(payloadOf(() => headers['append']?.('Host', bytes('x')))).toEqual({ tag: 'forbidden' });
    headers['delete']?.('a');
    expect(headers['has']?.('A')).toBe(false);
    const long = new Uint8Array(60_000).fill(65);
    headers['append']?.('a', long);
    expect(failureOf(() => headers['append']?.('a', long))).toBeInstanceOf(HostError);
    const copies: (Any & Partial<Disposable>)[] = [];
    expect(
      failureOf(() => {
        for (;;) copies.push(headers['clone']?.() as Any);
      }),
    ).toBeInstanceOf(HostError);
    expect(copies.length).toBeLessThan(20);
    (copies[0] as unknown as Disposable)[Symbol.dispose]();
    headers['clone']?.();
    headers['delete']?.('a');
    const shown = requestTo(at, 'example.com')['headers']?.() as Any;
    expect(shown['entries']?.()).toEqual([['x-one', bytes('1')]]);
    expect(payloadOf(() => shown['append']?.('a', bytes('1')))).toEqual({ tag: 'immutable' });
  });
});
