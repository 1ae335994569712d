/** Components whose exports give promises. */

import { afterEach, describe, expect, test } from 'vitest';
import { SecurityPolicy } from '../../policy/index.ts';
import { Component, type ComponentExports } from '../../src/component.node.ts';
import {
  CallAborted,
  ComponentError,
  CpuTimeoutExceeded,
  GasExhausted,
  HostError,
  MemoryLimitExceeded,
  SandboxDisposed,
  UsageError,
} from '../../wasm/errors.ts';
import { create, from, HOST, PROGRAM, TYPED, transpile, type Values } from './components.ts';
import { createWaiting, LATER } from './waiting.ts';

/** Settles when the test says so. */
function later<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** A host whose `later` gives this. */
const giving = (value: (given: number) => unknown) => ({
  'test:waiting/host': { ...LATER['test:waiting/host'], later: value },
});

const open: Component<object>[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.dispose();
});
const made: typeof createWaiting = async (options) => {
  const component = await createWaiting(options);
  open.push(component);
  return component;
};

describe('functions of the embedder', () => {
  test('are waited for, one after another', async () => {
    const { exports } = await made();
    const promise = exports.work.twice(3);
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toBe(14);
  });

  test('need not promise anything', async () => {
    const { exports } = await made({ imports: giving((value) => value + 1) });
    expect(await exports.work.twice(3)).toBe(9);
  });

  test('fail with a result that is promised', async () => {
    const component = await made();
    expect(await component.exports.work.attempt(5)).toBe(5);
    const error = await component.exports.work.attempt(6).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ComponentError);
    expect(error).toMatchObject({ payload: 'too large', function: 'test:waiting/work.attempt' });
    expect(await component.exports.work.attempt(1)).toBe(1);
  });

  test('end the call with what they are rejected with, and the component until a reset', async () => {
    const imports = giving(async () => {
      throw new Error('no luck');
    });
    const component = await made({ imports });
    await expect(component.exports.work.twice(1)).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining('no luck'),
      resources: { gasUsed: expect.any(BigInt) },
    });
    await expect(component.exports.work.attempt(1)).rejects.toHaveProperty('code');
    component.reset();
    expect(await component.exports.work.attempt(1)).toBe(1);
  });

  test('promise what is of the type, or nothing', async () => {
    const { exports } = await made({ imports: giving(async () => 'x') });
    expect(await exports.work.twice(1)).toBe(0);
    const refused = await made({ imports: giving(async () => Symbol('x')) });
    await expect(refused.exports.work.twice(1)).rejects.toBeInstanceOf(HostError);
    const payload = Object.assign(new Error('no result'), { payload: 1 });
    const failing = await made({ imports: giving(() => Promise.reject(payload)) });
    await expect(failing.exports.work.twice(1)).rejects.toBeInstanceOf(HostError);
    const failingNow = await made({
      imports: giving(() => {
        throw new Error('at once');
      }),
    });
    await expect(failingNow.exports.work.twice(1)).rejects.toThrow('at once');
  });

  test('pass the gate, and are in its audit', async () => {
    const component = await made({ securityPolicy: SecurityPolicy.builder().enableAuditLogging().build() });
    await component.exports.work.twice(1);
    expect(component.auditEvents()).toMatchObject([
      { function: 'test:waiting/host.later', allowed: true },
      { function: 'test:waiting/host.later', allowed: true },
    ]);
  });

  test('are refused what they promise where nothing can be waited for, and it is said what to do', async () => {
    const component = await create({ imports: { 'test:typed/host': { shout: async () => 'x' } } });
    expect(() => component.exports.values.loud('x')).toThrow(/would have to wait: make the component with/);
  });
});

describe('a call', () => {
  test('of a method waits, and resources are made at once', async () => {
    const { exports } = await made();
    const sum = new exports.work.Sum(10);
    expect(await sum.add(4)).toBe(18);
    sum[Symbol.dispose]();
    await expect(sum.add(1)).rejects.toBeInstanceOf(UsageError);
  });

  test('is not begun while another is under way, and says so by its promise', async () => {
    const answer = later<number>();
    const component = await made({ imports: giving(() => answer.promise) });
    const first = component.exports.work.twice(1);
    await expect(component.exports.work.twice(1)).rejects.toThrow(/not reentrant/);
    expect(() => new component.exports.work.Sum(1)).toThrow(/not reentrant/);
    answer.resolve(20);
    expect(await first).toBe(40);
    expect(await component.exports.work.twice(1)).toBe(40);
  });

  test('uses the same gas as one that returns at once', async () => {
    const asynchronous = await from<{ values: Record<keyof Values, (...args: unknown[]) => unknown> }>(
      await transpile(TYPED, true),
      { imports: HOST },
    );
    const synchronous = await create({ engine: 'interpreter' });
    const calls: [keyof Values, unknown][] = [
      ['echoPoint', { x: -5, label: 'pi\u00f1a \u{1f34d}\0' }],
      ['echoShape', { tag: 'name', val: '' }],
      ['echoAccess', { read: true, write: false, run: true }],
      ['echoNumbers', new Uint32Array([1, 2 ** 32 - 1])],
      ['echoNames', ['', 'a', '\u{10ffff}']],
      ['echoOption', undefined],
      ['echoChar', '\u{1f34d}'],
      ['echoU64', 2n ** 64n - 1n],
      ['echoTuple', [255, -(2n ** 63n)]],
      ['loud', 'hey'],
    ];
    for (const [name, value] of calls) {
      const given = (synchronous.exports.values[name] as (value: unknown) => unknown)(value);
      expect(await asynchronous.exports.values[name](value), name).toEqual(given);
    }
    expect(asynchronous.stats.gasUsed).toBe(synchronous.stats.gasUsed);
    expect(asynchronous.stats.memoryBytes).toBe(synchronous.stats.memoryBytes);
  });

  test('ends at each limit as any other', async () => {
    const component = await made({ gasLimit: 100_000n });
    await expect(component.exports.work.spin()).rejects.toBeInstanceOf(GasExhausted);
    component.reset();
    const large = new Uint8Array(300 * 1024 * 1024);
    await expect(component.exports.work.fetch('a', '/', large, 0n)).rejects.toHaveProperty('code');
    const slow = await made({ cpuTimeout: 400 });
    await expect(slow.exports.work.spin()).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    slow.reset();
    expect(await slow.exports.work.twice(1)).toBe(6);
    const small = await transpile(TYPED, true);
    const typed = await from<ComponentExports>(small, { imports: HOST, memoryLimit: 4 * 1024 * 1024 });
    await expect(typed.exports['values'].overlap(1_000)).rejects.toBeInstanceOf(MemoryLimitExceeded);
  });

  test('that waits for what never comes ends with its time', async () => {
    const component = await made({ imports: giving(() => new Promise(() => undefined)), cpuTimeout: 400 });
    await expect(component.exports.work.twice(1)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    component.reset();
    expect(await component.exports.work.attempt(1)).toBe(1);
  });

  test('that waits ends with its component', async () => {
    const called = later<void>();
    const answer = later<number>();
    const imports = giving(() => {
      called.resolve();
      return answer.promise;
    });
    const component = await made({ imports });
    const first = component.exports.work.twice(1);
    await called.promise;
    component.reset();
    await expect(first).rejects.toBeInstanceOf(CallAborted);
    const second = component.exports.work.twice(1);
    component.dispose();
    await expect(second).rejects.toBeInstanceOf(SandboxDisposed);
    answer.resolve(1);
    await answer.promise;
  });
});

describe('clocks', () => {
  test('that are virtual advance by what is waited for, at once', async () => {
    const run = async () => {
      const { exports, stats } = await made();
      const rest = await exports.work.sleep(3_600_000_000_000n);
      return [rest, stats];
    };
    const [rest] = await run();
    expect(rest).toBeGreaterThanOrEqual(3_600_000_000_000n);
    expect((await run())[0]).toBe(rest);
  });

  test('that are real are waited for, and the thread goes on', async () => {
    const component = await made({ securityPolicy: SecurityPolicy.moderate() });
    expect(await component.exports.work.sleep(1_000_000n)).toBeGreaterThanOrEqual(1_000_000n);
    const hour = component.exports.work.sleep(3_600_000_000_000n);
    component.reset();
    await expect(hour).rejects.toBeInstanceOf(CallAborted);
    const late = await made({ securityPolicy: SecurityPolicy.moderate(), cpuTimeout: 400 });
    await expect(late.exports.work.sleep(3_600_000_000_000n)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });
});

test('a program is run, and waited for', async () => {
  const program = await from(await transpile(PROGRAM, true), { args: ['one', 'two'] });
  expect(await program.runAsync()).toMatchObject({ exitCode: 0, stdout: 'one\ntwo\n' });
  expect(() => program.run()).toThrow(/run it with runAsync/);
  const plain = await from(await transpile(PROGRAM), { args: ['one'] });
  expect(await plain.runAsync()).toMatchObject({ exitCode: 0, stdout: 'one\n' });
});

test('the native engine is refused, and not chosen', async () => {
  await expect(createWaiting({ engine: 'native' })).rejects.toThrow(/needs the interpreter/);
  const component = await made({ engine: 'auto' });
  expect(component.stats.engine).toBe('interpreter');
});

test('whether exports give promises is true or false', async () => {
  await expect(Component.create(TYPED, { async: 'yes' as never })).rejects.toThrow(/async must be true or false/);
});
