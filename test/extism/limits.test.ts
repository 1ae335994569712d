/** Plug-ins that ask for more than they may have, or reach for what is not theirs. */

import { describe, expect, test } from 'vitest';
import { type CurrentPlugin, Plugin, PluginError, type PluginOptions } from '../../src/extism.node.ts';
import {
  CallAborted,
  CpuTimeoutExceeded,
  GasExhausted,
  KiB,
  MemoryLimitExceeded,
  MiB,
  Trap,
} from '../../src/index.node.ts';
import { parse } from '../../src/text.ts';
import { create, ENGINES } from './plugins.ts';

const PAGE = 64 * KiB;
/** The plug-in's own memory. */
const OWN = 17 * PAGE;
const TABLE = 8;

const word = (number: bigint) => BigUint64Array.of(number);
const alive = async (plugin: Plugin) =>
  expect(await plugin.call('greet', 'again', { as: 'text' })).toBe('Hello, again');

describe.each(ENGINES)('on the %s engine', (engine) => {
  const make = (options: PluginOptions = {}) => create({ ...options, engine });

  test('blocks share the memory limit with the memory of the plug-in', async () => {
    const plugin = await make({ memoryLimit: OWN + 4 * PAGE });
    const before = plugin.sandbox.memoryUsage().usedBytes;
    expect(before - OWN).toBeLessThanOrEqual(TABLE * 8);
    const fits = 3n * BigInt(PAGE);
    expect(await plugin.call('grab', word(fits))).toBeNull();
    await expect(plugin.call('grab', word(fits + BigInt(PAGE)))).rejects.toThrow(/no room/);
    const grown = (pages: number) => plugin.call('grow', Uint8Array.of(pages), { as: 'bytes' });
    expect(await grown(4)).toEqual(Uint8Array.of(0));
    expect(await grown(2)).toEqual(Uint8Array.of(1));
    await expect(plugin.call('grab', word(fits))).rejects.toThrow(/no room/);
    expect(plugin.sandbox.memoryUsage().usedBytes).toBe(before + 2 * PAGE);
    await plugin.reset();
    expect(plugin.sandbox.memoryUsage().usedBytes).toBe(before);
    expect(await plugin.call('grab', word(fits))).toBeNull();
  });

  test.each([2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('no block has %d bytes', async (length) => {
    const plugin = await make();
    await expect(plugin.call('grab', word(length))).rejects.toThrow(/no room/);
    await alive(plugin);
  });

  test('many small blocks count for what they take, and are given back', async () => {
    const plugin = await make({ memoryLimit: OWN + 256 * KiB });
    const counts = [];
    for (let i = 0; i < 3; i++) counts.push((await plugin.call('fill'))?.getBigUint64(0, true));
    expect(counts).toEqual([208n, 208n, 208n]);
  });

  test('maxPages bounds the blocks alone', async () => {
    const plugin = await make({ memory: { maxPages: 2 } });
    expect(await plugin.call('grab', word(BigInt(2 * PAGE - 8)))).toBeNull();
    await expect(plugin.call('grab', word(BigInt(2 * PAGE - 7)))).rejects.toThrow(/no room/);
  });

  test('an input beyond the limit is refused before the plug-in runs', async () => {
    const plugin = await make({ memoryLimit: OWN + PAGE });
    await expect(plugin.call('echo', new Uint8Array(PAGE))).rejects.toBeInstanceOf(MemoryLimitExceeded);
    await expect(make({ memoryLimit: PAGE })).rejects.toBeInstanceOf(MemoryLimitExceeded);
    await alive(plugin);
  });

  test('an output that has no room is the plug-in’s to deal with', async () => {
    const plugin = await make({ memoryLimit: OWN + PAGE });
    await expect(plugin.call('echo_bulk', new Uint8Array(40 * KiB))).rejects.toMatchObject({ status: -1 });
    await alive(plugin);
  });

  test('variables have a quota, and share the memory limit', async () => {
    const plugin = await make({ memory: { maxVarBytes: 100 }, memoryLimit: OWN + PAGE });
    await plugin.call('keep', 'x'.repeat(100));
    const refused = plugin.call('keep', 'y');
    await expect(refused).rejects.toThrow(/var memory limit exceeded: 101 bytes requested, 100 allowed/);
    const roomy = await make({ memory: { maxVarBytes: MiB }, memoryLimit: OWN + PAGE });
    await roomy.call('keep', 'x'.repeat(9_000));
    await roomy.call('keep', 'x'.repeat(9_000));
    await expect(roomy.call('keep', 'y'.repeat(12_000))).rejects.toThrow(/no room for the variable/);
    await expect(roomy.call('keep', Uint8Array.of(0xff))).rejects.toThrow(/the name of a variable is no UTF-8/);
    await alive(roomy);
  });

  test.each([8n, 2n ** 33n, 2n ** 52n, 2n ** 63n, 2n ** 64n - 8n])(
    'nothing is loaded %d bytes further on',
    async (by) => {
      const plugin = await make();
      await expect(plugin.call('load', word(by))).rejects.toThrow(/no block of the plug-in has these bytes/);
      await expect(plugin.call('load', word(1n))).rejects.toBeInstanceOf(Trap);
      expect((await plugin.call('load', word(0n)))?.byteLength).toBe(8);
    },
  );

  test.each([
    ['output_write', '(call $out (i32.const 65530) (i32.const 100))'],
    ['output_write', '(call $out (i32.const -4) (i32.const 8))'],
    ['input_read', '(call $in (i32.const 0) (i32.const 65530) (i32.const 100))'],
    ['output_set', '(call $set (i64.const 123456) (i64.const 8)) (i32.const 0)'],
    ['output_set', '(call $set (i64.const -1) (i64.const -1)) (i32.const 0)'],
    ['error_set', '(call $error (i64.const 99)) (i32.const 0)'],
    ['log_info', '(call $log (i64.const -1)) (i32.const 0)'],
  ])('%s is given nothing that lies elsewhere: %s', async (_, body) => {
    const source = parse(`(module
      (import "wasm_sandbox_plugin" "output_write" (func $out (param i32 i32) (result i32)))
      (import "wasm_sandbox_plugin" "input_read" (func $in (param i32 i32 i32) (result i32)))
      (import "extism:host/env" "output_set" (func $set (param i64 i64)))
      (import "extism:host/env" "error_set" (func $error (param i64)))
      (import "extism:host/env" "log_info" (func $log (param i64)))
      (memory (export "memory") 1)
      (func (export "reach") (result i32) ${body})
      (func (export "stay") (result i32) (call $out (i32.const 0) (i32.const 4))))`);
    const plugin = await Plugin.create(source, { engine });
    await expect(plugin.call('reach', 'x'.repeat(200))).rejects.toBeInstanceOf(Trap);
    expect(await plugin.call('stay', '', { as: 'bytes' })).toHaveLength(4);
  });

  test('a block that was freed is none', async () => {
    const plugin = await make();
    await expect(plugin.call('stale')).rejects.toBeInstanceOf(Trap);
    await alive(plugin);
  });

  test('an output, an error or an input whose block was freed is gone', async () => {
    const plugin = await make();
    expect(await plugin.call('forget')).toBeNull();
    await expect(plugin.call('forget', 'x')).rejects.toMatchObject({ code: 'PLUGIN', status: 0, reason: undefined });
  });

  test('gas and time end a call as they end every other', async () => {
    const plugin = await make();
    await expect(plugin.call('spin', '', { timeout: 20 })).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    await expect(plugin.call('spin', '', { gasLimit: 5_000 })).rejects.toMatchObject({ scope: 'call' });
    await alive(plugin);
    const poor = await make({ gasLimit: 1_000_000n });
    await expect(poor.call('echo', 'x'.repeat(100_000))).rejects.toBeInstanceOf(GasExhausted);
    await poor.reset();
    await alive(poor);
  });

  test('what a plug-in says of itself does not become a line of somebody else’s log', async () => {
    const shout = (plugin: CurrentPlugin) => {
      plugin.setError(`\u001b[2J\n${'x'.repeat(5_000)}`);
      return 0n;
    };
    const plugin = await make({ functions: { 'extism:host/user': { shout } } });
    const error: PluginError = await plugin.call('ask').then(
      () => expect.unreachable(),
      (caught) => caught,
    );
    expect(error).toBeInstanceOf(PluginError);
    expect(error.message).toMatch(/^[ -~…]{1000,1200}$/);
    expect(error.reason).toHaveLength(5_005);
  });
});

test('a function that comes late finds nothing of the call after its own', async () => {
  const begun = deferred<void>();
  const end = deferred<void>();
  const late = deferred<unknown>();
  const shout = async (plugin: CurrentPlugin, address: bigint) => {
    begun.resolve();
    await end.promise;
    late.resolve([
      plugin.read(address),
      codeOf(() => plugin.store('late')),
      codeOf(() => plugin.setVariable('count', '8')),
    ]);
    return 0n;
  };
  const plugin = await create({ functions: { 'extism:host/user': { shout } } });
  const controller = new AbortController();
  const waiting = plugin.call('ask', 'first', { signal: controller.signal });
  waiting.catch(() => undefined);
  await begun.promise;
  controller.abort();
  await expect(waiting).rejects.toBeInstanceOf(CallAborted);
  end.resolve();
  expect(await late.promise).toEqual([null, 'USAGE', 'USAGE']);
  expect(await plugin.call('count', '', { as: 'text' })).toBe('1');
});

function codeOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}

/** Node 20 has no `Promise.withResolvers`. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
