import { describe, expect, test, vi } from 'vitest';
import { type CurrentPlugin, PluginError, type PluginOptions, type StandardSchema } from '../../src/extism.node.ts';
import { SandboxDisposed, SecurityPolicy, UsageError } from '../../src/index.node.ts';
import { create, ENGINES, gasOf } from './plugins.ts';

const text = { as: 'text' } as const;

describe.each(ENGINES)('on the %s engine', (engine) => {
  const make = (options: PluginOptions = {}) => create({ ...options, engine });

  test.each(['', 'World', 'Zoë 🦜\0 end', 'x'.repeat(5_000)])('text goes in and comes out', async (name) => {
    const plugin = await make();
    expect(await plugin.call('greet', name, text)).toBe(`Hello, ${name}`);
  });

  test('settings are found by their own names only', async () => {
    expect(await (await make({ config: { greeting: 'Hej' } })).call('greet', 'du', text)).toBe('Hej, du');
    expect(await (await make({ config: { toString: 'Hej' } })).call('greet', 'du', text)).toBe('Hello, du');
  });

  test('inputs are text, bytes, JSON or nothing', async () => {
    const plugin = await make();
    for (const name of ['echo', 'echo_bulk']) {
      expect(await plugin.call(name, Uint8Array.of(0, 255, 3), { as: 'bytes' })).toEqual(Uint8Array.of(0, 255, 3));
      expect(await plugin.call(name, new Float64Array([1.5]).subarray(0), { as: 'bytes' })).toHaveLength(8);
      expect(await plugin.call(name, { a: [1, 'é'] }, { as: 'json' })).toEqual({ a: [1, 'é'] });
      expect(await plugin.call(name, [null], { as: 'json' })).toEqual([null]);
      expect(await plugin.call(name, undefined, { as: 'bytes' })).toHaveLength(0);
    }
    const buffer = new Uint8Array(100);
    buffer.set([1, 2, 3], 10);
    expect(await plugin.call('echo', buffer.subarray(10, 13), { as: 'bytes' })).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('text is UTF-8, whatever is in it, and JSON keeps what text cannot', async () => {
    const plugin = await make();
    for (const name of ['echo', 'echo_bulk']) {
      for (const input of ['', '\0', 'a\0b', 'pi\u00f1a \u{1f34d}\u{10ffff}', '\ufeffmark']) {
        expect(await plugin.call(name, input, text), JSON.stringify(input)).toBe(input);
      }
      expect(await plugin.call(name, 'x\ud800y', text)).toBe('x\ufffdy');
      expect(await plugin.call(name, [{ any: 'x\ud800y' }], { as: 'json' })).toEqual([{ any: 'x\ud800y' }]);
      expect(await plugin.call(name, { a: Number.NaN, b: undefined }, { as: 'json' })).toEqual({ a: null });
    }
  });

  test('an output is a view with what reads it, and its own; none is null', async () => {
    const plugin = await make();
    const first = await plugin.call('echo', '"twelve bytes"');
    await plugin.call('echo', 'something else');
    expect(first?.byteLength).toBe(14);
    expect(first?.json()).toBe('twelve bytes');
    expect(first?.string()).toBe('"twelve bytes"');
    expect(first?.getUint8(0)).toBe(0x22);
    expect(first?.bytes().buffer).toBe(first?.arrayBuffer());
    expect(await plugin.call('grab', new BigUint64Array([0n]))).toBeNull();
    expect(await plugin.call('grab', new BigUint64Array([0n]), text)).toBe('');
  });

  test('what cannot be an input is a usage error', async () => {
    const plugin = await make();
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const input of [cyclic, 1n, () => 1, Symbol.iterator, Promise.resolve('x'), { a: 1n }]) {
      await expect(plugin.call('echo', input)).rejects.toBeInstanceOf(UsageError);
    }
  });

  test('an output that is not what was asked for is a PluginError, and the plug-in goes on', async () => {
    const plugin = await make();
    const bad = Uint8Array.of(0x22, 0xff, 0x22);
    await expect(plugin.call('echo', bad, text)).rejects.toThrow(/the output of "echo" is no UTF-8/);
    await expect(plugin.call('echo', bad, { as: 'json' })).rejects.toBeInstanceOf(PluginError);
    await expect(plugin.call('echo', '{', { as: 'json' })).rejects.toMatchObject({ code: 'PLUGIN', function: 'echo' });
    await expect(plugin.call('echo', '['.repeat(100_000), { as: 'json' })).rejects.toBeInstanceOf(PluginError);
    expect(await plugin.call('echo', '{}', { as: 'json' })).toEqual({});
  });

  test('a schema validates what comes back, and changes it', async () => {
    const even: StandardSchema<string> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) =>
          typeof value === 'number' && value % 2 === 0 ? { value: `${value}!` } : { issues: [{ message: 'not even' }] },
      },
    };
    const plugin = await make();
    const result: string = await plugin.call('echo', 4, { schema: even });
    expect(result).toBe('4!');
    await expect(plugin.call('echo', 5, { schema: even })).rejects.toThrow(/does not fit its schema: not even/);
    await expect(plugin.call('echo', 5, { schema: {} as never })).rejects.toBeInstanceOf(UsageError);
  });

  test('an error that is set, and a status, are a PluginError', async () => {
    const plugin = await make();
    await expect(plugin.call('fail')).rejects.toMatchObject({
      name: 'PluginError',
      message: 'plug-in function "fail" failed with status 1: no luck today',
      function: 'fail',
      status: 1,
      reason: 'no luck today',
      resources: { gasLimit: undefined },
    });
    await expect(plugin.call('seven')).rejects.toMatchObject({ status: 7, reason: undefined });
    expect(await plugin.call('greet', 'again', text)).toBe('Hello, again');
  });

  test('variables stay until a reset', async () => {
    const plugin = await make();
    expect([await plugin.call('count', '', text), await plugin.call('count', '', text)]).toEqual(['1', '2']);
    await plugin.reset();
    expect(await plugin.call('count', '', text)).toBe('1');
    await plugin.sandbox.reset();
    expect(await plugin.call('count', '', text)).toBe('1');
  });

  test('functions of the embedder read, store, and know what the call is for', async () => {
    const seen: unknown[] = [];
    const shout = (plugin: CurrentPlugin, address: bigint) => {
      plugin.setVariable('count', '6');
      seen.push(plugin.hostContext(), plugin.length(address), plugin.getVariable('count')?.text(), plugin.read(0));
      return plugin.store('heard');
    };
    const plugin = await make({ functions: { 'extism:host/user': { shout } } });
    expect(await plugin.call('ask', 'psst', { as: 'text', hostContext: { user: 3 } })).toBe('heard');
    expect(seen).toEqual([{ user: 3 }, 4n, '6', null]);
    expect(await plugin.call('count', '', text)).toBe('7');
  });

  test('what is declared for a function is what it costs', async () => {
    const priced = (gas: number, perByte: number) => {
      const call = (plugin: CurrentPlugin, address: bigint) => plugin.store(plugin.read(address)?.bytes() ?? '');
      return make({ functions: { 'extism:host/user': { shout: { call, gas, perByte } } } });
    };
    const costs = [];
    for (const plugin of [await priced(0, 0), await priced(1_000, 0), await priced(0, 2)]) {
      const before = gasOf(plugin);
      await plugin.call('ask', '12345');
      costs.push(gasOf(plugin) - before);
    }
    const [free = 0n, base, bytes] = costs;
    expect([base, bytes]).toEqual([free + 1_000n, free + 20n]);
  });

  test('an error of theirs is the plug-in’s, what they throw the cause of a HostError', async () => {
    const refusing = (plugin: CurrentPlugin) => {
      plugin.setError('not you');
      return 0n;
    };
    const plugin = await make({ functions: { 'extism:host/user': { shout: refusing } } });
    await expect(plugin.call('ask', '')).rejects.toMatchObject({ status: 0, reason: 'not you' });
    const cause = new Error('no such row');
    const failing = () => {
      throw cause;
    };
    const other = await make({ functions: { 'extism:host/user': { shout: failing } } });
    await expect(other.call('ask', '')).rejects.toMatchObject({ code: 'HOST', cause });
    expect(await other.call('greet', '', text)).toBe('Hello, ');
  });

  test('what they kept of a call reaches nothing behind it', async () => {
    let kept: CurrentPlugin | undefined;
    let at = 0n;
    const shout = (plugin: CurrentPlugin) => {
      kept = plugin;
      at = plugin.store('secret');
      return at;
    };
    const plugin = await make({ functions: { 'extism:host/user': { shout } } });
    await plugin.call('ask', '');
    expect(kept?.read(at)).toBeNull();
    expect(kept?.length(at)).toBe(0n);
    expect(() => kept?.store('late')).toThrow(UsageError);
    expect(() => kept?.setVariable('late', '')).toThrow(UsageError);
    expect(() => kept?.setError('late')).toThrow(UsageError);
  });

  test('messages are logged from a level on, with nothing in them that a terminal obeys', async () => {
    const info = vi.fn();
    const none = () => undefined;
    const logger = { trace: none, debug: none, info, warn: none, error: none };
    const plugin = await make({ logger, logLevel: 'info' });
    await plugin.call('say', 'good\u001b[31m');
    expect(info.mock.calls).toEqual([['good\\u001b[31m']]);
    const quiet = await make({ logger, logLevel: 'warn' });
    await expect(quiet.call('say', 'nobody hears')).rejects.toMatchObject({ status: 1 });
    expect(info).toHaveBeenCalledTimes(1);
    const securityPolicy = SecurityPolicy.builder().enableAuditLogging().build();
    const audited = await make({ logger, logLevel: 'info', securityPolicy });
    await audited.call('say', 'for the record');
    const logged = { function: 'extism:host/env.log_info', allowed: true, bytes: 14 };
    const request = { kind: 'custom', name: 'log_info', value: 'for the record' };
    expect(audited.sandbox.auditEvents()).toContainEqual(expect.objectContaining({ ...logged, request }));
  });

  test('one call at a time, and none behind the end', async () => {
    let inner: Promise<unknown> | undefined;
    const shout = () => {
      inner = plugin.call('greet');
      inner.catch(() => undefined);
      return 0n;
    };
    const plugin = await make({ functions: { 'extism:host/user': { shout } } });
    await plugin.call('ask', '');
    await expect(inner).rejects.toThrow(/not reentrant/);
    expect(plugin.isActive).toBe(false);
    plugin.close();
    await expect(plugin.call('greet')).rejects.toBeInstanceOf(SandboxDisposed);
  });

  test('what it exports, and what it does not', async () => {
    const plugin = await make();
    expect([plugin.functionExists('greet'), plugin.functionExists('memory'), plugin.functionExists('no')]).toEqual([
      true,
      false,
      false,
    ]);
    await expect(plugin.call('gret')).rejects.toThrow(/no function "gret"; did you mean "greet"/);
  });
});

test('a function may take its time on the interpreter, and is refused on the native engine', async () => {
  const shout = async (plugin: CurrentPlugin, address: bigint) => {
    const heard = plugin.read(address)?.text();
    await Promise.resolve();
    return plugin.store(`${heard}?`);
  };
  const functions = { 'extism:host/user': { shout } };
  expect(await (await create({ functions })).call('ask', 'well', text)).toBe('well?');
  const native = await create({ functions, engine: 'native' });
  await expect(native.call('ask', 'well')).rejects.toThrow(/returned a promise, and/);
});

test('gas is the same on both engines, to the unit', async () => {
  const plugins = await Promise.all(ENGINES.map((engine) => create({ engine })));
  for (const [name, input] of [
    ['greet', 'Zoë'],
    ['count', ''],
    ['echo', 'x'.repeat(999)],
    ['echo_bulk', 'x'.repeat(999)],
    ['fail', ''],
    ['fill', ''],
    ['ask', 'a'],
    ['stale', ''],
  ] as const) {
    await Promise.allSettled(plugins.map((plugin) => plugin.call(name, input)));
    const [interpreter, native] = plugins.map(gasOf);
    expect(native, name).toBe(interpreter);
  }
});

test('the bulk functions cost less than a twentieth of the standard ones', async () => {
  const input = new Uint8Array(1 << 20);
  const cost = async (name: string) => {
    const plugin = await create();
    const before = gasOf(plugin);
    await plugin.call(name, input);
    return gasOf(plugin) - before;
  };
  expect(20n * (await cost('echo_bulk'))).toBeLessThan(await cost('echo'));
});
