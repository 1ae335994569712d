/** Host functions that return what is no promise but behaves like one, or like a broken one. */

import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import { Capability, HostError, replay, SecurityPolicy, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';

/** `run` calls `env.host`, which is exported as `direct` too. */
const GUEST = encodeModule({
  imports: [{ module: 'env', name: 'host', function: { params: [I32], results: [I32] } }],
  functions: [
    {
      params: [I32],
      results: [I32],
      body: [
        ['local.get', 0],
        ['call', 0],
      ],
      export: 'run',
    },
  ],
  exports: [{ name: 'direct', kind: 'function', index: 0 }],
});

type Then = (use: (value: unknown) => void, failed: (error: unknown) => void) => void;

const thenable = (then: Then) => ({ then });
const later = (run: () => void) => void Promise.resolve().then(run);

class Own extends Promise<number> {
  // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
  override then(): never {
    throw new Error('not this one');
  }
}

const boom = new Error('boom');

const GIVING: Record<string, () => unknown> = {
  'a promise': () => Promise.resolve(7),
  'a promise of another realm': () => runInNewContext('Promise.resolve(7)'),
  'a promise with a method of its own': () => new Own((resolve) => resolve(7)),
  'an object that calls back at once': () => thenable((use) => use(7)),
  'an object that calls back later': () => thenable((use) => later(() => use(7))),
  'an object of another realm': () => runInNewContext('({ then(use) { use(7) } })'),
  'a function that can be waited for': () =>
    Object.assign(
      () => undefined,
      thenable((use) => use(7)),
    ),
  'what gives a promise': () => thenable((use) => use(Promise.resolve(7))),
  'what gives what gives': () => thenable((use) => use(thenable((inner) => inner(7)))),
  'what calls back twice': () => thenable((use) => [use(7), use(8)]),
  'what calls back twice, later': () => thenable((use) => later(() => [use(7), use(8)])),
  'what gives, and fails': () => thenable((use, failed) => [use(7), failed(boom)]),
  'what gives, and throws': () =>
    thenable((use) => {
      use(7);
      throw boom;
    }),
};

const FAILING: Record<string, () => unknown> = {
  'a promise': () => Promise.reject(boom),
  'an object that fails at once': () => thenable((_, failed) => failed(boom)),
  'an object that fails later': () => thenable((_, failed) => later(() => failed(boom))),
  'what fails, and gives': () => thenable((use, failed) => [failed(boom), use(7)]),
  'what fails twice': () => thenable((_, failed) => [failed(boom), failed(new Error('again'))]),
  'a method that throws': () =>
    thenable(() => {
      throw boom;
    }),
  'a getter that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
    get then() {
      throw boom;
    },
  }),
};

function options(host: () => unknown) {
  const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict())
    .enableAuditLogging()
    .allow(Capability.hostFunctions('env', { host }))
    .build();
  return { source: GUEST, securityPolicy };
}

const calls = ['run', 'direct'] as const;

describe.each(calls)('%s on the interpreter', (name) => {
  test.each(Object.entries(GIVING))('%s: the guest gets what it gives', async (_, host) => {
    const sandbox = await WasmSandbox.create({ ...options(host), record: true });
    expect(await sandbox.call(name, [1])).toBe(7);
    expect(sandbox.auditEvents()).toMatchObject([{ function: 'env.host', allowed: true, result: 7 }]);
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, hostCalls: 1 });
  });

  test.each(Object.entries(FAILING))('%s: the call fails as if the function had thrown', async (_, host) => {
    const sandbox = await WasmSandbox.create({ ...options(host), record: true });
    const error = await sandbox.call(name, [1]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HostError);
    expect(error).toMatchObject({ cause: boom, message: 'host function "env.host" failed: boom' });
    expect((error as HostError).resources).toBeDefined();
    expect(sandbox.auditEvents()).toMatchObject([{ function: 'env.host', allowed: true }]);
    expect(sandbox.auditEvents()[0]).not.toHaveProperty('result');
    expect(await replay(await sandbox.recording())).toMatchObject({ same: true, hostCalls: 1 });
    expect(await sandbox.call(name, [1]).catch((reason: unknown) => reason)).toBeInstanceOf(HostError);
  });

  test('what has the class of a promise and is none fails', async () => {
    const sandbox = await WasmSandbox.create(options(() => Object.create(Promise.prototype)));
    await expect(sandbox.call(name, [1])).rejects.toThrow(HostError);
    expect(sandbox.auditEvents()).toHaveLength(1);
  });

  test('what has no method to wait with is the value', async () => {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
    const sandbox = await WasmSandbox.create(options(() => ({ then: 5, valueOf: () => 9 })));
    expect(await sandbox.call(name, [1]).then(Number)).toBe(9);
  });
});

describe.each(calls)('%s where nothing is waited for', (name) => {
  const all = [...Object.entries(GIVING), ...Object.entries(FAILING)];

  test.each(all)('natively, %s is refused', async (_, host) => {
    const sandbox = await WasmSandbox.create({ ...options(host), engine: 'native' });
    await expect(sandbox.call(name, [1])).rejects.toThrow(HostError);
    await expect(sandbox.call(name, [1])).rejects.toThrow('returned a promise');
  });

  test.each(all)('in the synchronous sandbox, %s is refused', (_, host) => {
    for (const engine of ['interpreter', 'native'] as const) {
      const sandbox = SyncSandbox.create({ ...options(host), engine });
      expect(() => sandbox.call(name, [1])).toThrow(HostError);
      expect(() => sandbox.call(name, [1])).toThrow('returned a promise');
    }
  });
});

test('one that never calls back is given up when the time is over', async () => {
  const sandbox = await WasmSandbox.create({ ...options(() => thenable(() => undefined)), cpuTimeout: 20 });
  await expect(sandbox.call('run', [1])).rejects.toMatchObject({ code: 'CPU_TIMEOUT' });
});

test('standard streams are waited for in the same way', async () => {
  const source = loadFixture('hello');
  const pieces = ['some ', 'input', ''];
  const next = () => thenable((use) => use(new TextEncoder().encode(pieces.shift()))) as PromiseLike<Uint8Array>;
  const written: string[] = [];
  const write = (bytes: Uint8Array) => {
    written.push(new TextDecoder().decode(bytes));
    return thenable((use) => later(() => use(undefined))) as PromiseLike<void>;
  };
  const sandbox = await WasmSandbox.create({ source, stdin: next, onStdout: write });
  expect(await sandbox.run()).toMatchObject({ exitCode: 0 });
  expect(written.join('')).toContain('10 bytes of input');

  const fail = () => thenable((_, failed) => failed(boom)) as PromiseLike<never>;
  const failing = await WasmSandbox.create({ source, stdin: fail });
  await expect(failing.run()).rejects.toMatchObject({ code: 'HOST', cause: boom });
  const full = await WasmSandbox.create({ source, onStdout: fail });
  await expect(full.run()).rejects.toMatchObject({ code: 'HOST', cause: boom });
});

test('input that is no bytes is refused', async () => {
  for (const piece of ['text', [1, 2], 7, { length: 1 }]) {
    const sandbox = await WasmSandbox.create({ source: loadFixture('hello'), stdin: () => piece as never });
    await expect(sandbox.run()).rejects.toHaveProperty('cause.code', 'USAGE');
    await expect(sandbox.reset().then(() => sandbox.run())).rejects.toMatchObject({
      code: 'HOST',
      message: /piece of standard input must be bytes/,
    });
  }
});
