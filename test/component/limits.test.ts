import { describe, expect, test } from 'vitest';
import { SecurityPolicy } from '../../policy/index.ts';
import { Component } from '../../src/component.node.ts';
import {
  CompileError,
  ComponentError,
  CpuTimeoutExceeded,
  GasExhausted,
  HostError,
  LinkError,
  MemoryLimitExceeded,
  RuntimeError,
  SandboxDisposed,
  type Trap,
  UsageError,
} from '../../wasm/errors.ts';
import { type Counter, create, ENGINES, failureOf, HOST, TYPED } from './components.ts';

const MiB = 1024 * 1024;

describe.each(ENGINES)('on the %s engine', (engine) => {
  test('gas ends a call, and the component until a reset', async () => {
    const component = await create({ engine, gasLimit: 200_000 });
    const { values } = component.exports;
    const error = failureOf(() => values.spin()) as GasExhausted;
    expect(error).toBeInstanceOf(GasExhausted);
    expect(error.resources?.gasLimit).toBe(200_000n);
    expect(error.resources?.gasUsed).toBeGreaterThanOrEqual(200_000n);
    expect(failureOf(() => values.echoBool(true))).toBeInstanceOf(RuntimeError);
    component.reset();
    expect(failureOf(() => values.echoBool(true))).toBeInstanceOf(UsageError);
    expect(component.exports.values.echoBool(true)).toBe(true);
    expect(component.stats.gasUsed).toBeLessThan(200_000n);
  });

  test('whatever ends a call in the middle ends the component until a reset, and says so', async () => {
    const component = await create({ engine, memoryLimit: MiB });
    const { values } = component.exports;
    const counter = new values.Counter(1) as Counter & Disposable;
    expect(failureOf(() => values.echoResult({ tag: 'err', val: 'x' }))).toBeInstanceOf(ComponentError);
    expect(failureOf(() => values.echoNames([1 as never]))).toBeInstanceOf(UsageError);
    expect(counter.next()).toBe(1);
    const cause = failureOf(() => values.echoNames(['x'.repeat(2 * MiB)]));
    for (const call of [() => counter.next(), () => values.echoBool(true), () => new values.Counter(1)]) {
      const error = failureOf(call);
      expect(error).toBeInstanceOf(HostError);
      expect(error).toMatchObject({ message: expect.stringMatching(/has failed .* reset it first/), cause });
    }
    // As `using` does when the failure leaves its block.
    counter[Symbol.dispose]();
    component.reset();
    expect(component.exports.values.echoBool(true)).toBe(true);
    counter[Symbol.dispose]();
  });

  test('handles that are no longer, or never were, are the caller’s fault', async () => {
    const { values } = (await create({ engine })).exports;
    const counter = new values.Counter(1) as Counter & Disposable;
    const elsewhere = new (await create({ engine })).exports.values.Counter(1);
    const { next } = values.Counter.prototype;
    counter[Symbol.dispose]();
    counter[Symbol.dispose]();
    for (const self of [counter, elsewhere, {}, null, 7]) {
      expect(failureOf(() => Reflect.apply(next, self, []))).toBeInstanceOf(UsageError);
    }
    expect(values.echoBool(true)).toBe(true);
  });

  test('time ends a call', async () => {
    const { exports } = await create({ engine, cpuTimeout: 30 });
    expect(failureOf(() => exports.values.spin())).toBeInstanceOf(CpuTimeoutExceeded);
  });

  test('what a call passes is bounded, though lists overlap in a small memory', async () => {
    const component = await create({ engine, memoryLimit: 4 * MiB });
    expect(component.exports.values.overlap(3)).toHaveLength(3);
    const error = failureOf(() => component.exports.values.overlap(1_000));
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect(component.stats.memoryBytes).toBeLessThan(MiB);
  });

  test('memory is', async () => {
    const component = await create({ engine, memoryLimit: MiB });
    expect(failureOf(() => component.exports.values.echoNames(['x'.repeat(2 * MiB)]))).toBeInstanceOf(RuntimeError);
    await expect(create({ engine, memoryLimit: 1_000 })).rejects.toBeInstanceOf(MemoryLimitExceeded);
  });

  test('resources that it holds are', async () => {
    const { exports } = await create({ engine });
    exports.values.hold(1_000);
    expect(failureOf(() => exports.values.hold(100_000))).toBeInstanceOf(MemoryLimitExceeded);
  });

  test('text outside of memory is a trap, and a case that there is not ends the call', async () => {
    const { exports } = await create({ engine });
    expect(failureOf(() => exports.values.outside())).toMatchObject({
      kind: 'memory-out-of-bounds',
    } satisfies Partial<Trap>);
    expect(failureOf(() => exports.values.noColour())).toBeInstanceOf(HostError);
  });

  test('what a host function is passed is paid for', async () => {
    const { exports, stats } = await create({ engine });
    const component = await create({ engine });
    component.exports.values.loud('x'.repeat(3_200));
    exports.values.loud('x');
    expect(component.stats.gasUsed - stats.gasUsed).toBeGreaterThan(100n);
  });
});

test('a call inside of a call is refused', async () => {
  const component = await Component.create(TYPED, {
    imports: { 'test:typed/host@1.0.0': { shout: () => component.exports['values'].echoChar('x') } },
  });
  expect(failureOf(() => component.exports['values'].loud('x'))).toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('not reentrant'),
  });
});

test('arguments that do not fit are the caller’s fault, and nothing else fails for them', async () => {
  const { exports } = await create();
  for (const names of [undefined, null, [3]]) {
    expect(failureOf(() => exports.values.echoNames(names as never))).toBeInstanceOf(UsageError);
  }
  expect(failureOf(() => exports.values.echoColour('pink'))).toBeInstanceOf(UsageError);
  expect(failureOf(() => exports.values.echoU64('x' as never))).toBeInstanceOf(UsageError);
  expect(exports.values.echoNames(['x'])).toEqual(['x']);
});

describe('functions of the embedder', () => {
  const withShout = (shout: unknown) => create({ imports: { 'test:typed/host': { shout } } as never });

  test('have to be there', async () => {
    await expect(create({ imports: {} })).rejects.toThrow(/import "test:typed\/host": it was not given/);
    await expect(create({ imports: { 'test:typed/host': {} } })).rejects.toBeInstanceOf(LinkError);
    await expect(create({ imports: { 'test:typed/host': Object.create(HOST['test:typed/host']) } })).rejects.toThrow(
      LinkError,
    );
  });

  test('fail as host functions do', async () => {
    const cause = new Error('as written');
    const failing = await withShout(() => {
      throw cause;
    });
    const error = failureOf(() => failing.exports.values.loud('x')) as HostError;
    expect(error).toBeInstanceOf(HostError);
    expect(error.cause).toBe(cause);
    const waiting = await withShout(async () => 'x');
    expect(failureOf(() => waiting.exports.values.loud('x'))).toMatchObject({
      code: 'HOST',
      message: expect.stringContaining('would have to wait'),
    });
    const wrong = await withShout(() => 3);
    expect(failureOf(() => wrong.exports.values.loud('x'))).toBeInstanceOf(HostError);
  });

  test('pass the gate', async () => {
    const securityPolicy = SecurityPolicy.builder().enableAuditLogging().build();
    const component = await create({ securityPolicy });
    component.exports.values.loud('x');
    expect(component.auditEvents()).toMatchObject([
      { function: 'test:typed/host.shout', allowed: true, rule: 'hostFunctions#0' },
    ]);
    expect(component.violations()).toEqual([]);
  });
});

test('a component that was disposed of is of no use', async () => {
  const component = await create();
  const { values } = component.exports;
  component.dispose();
  component.dispose();
  expect(failureOf(() => component.exports)).toBeInstanceOf(SandboxDisposed);
  expect(failureOf(() => values.echoBool(true))).toBeInstanceOf(SandboxDisposed);
});

test('a component that is disposed of by a function that it calls goes no further', async () => {
  const component = await Component.create(TYPED, {
    imports: {
      'test:typed/host': {
        shout: () => {
          component.dispose();
          return 'x';
        },
      },
    },
  });
  const { values } = component.exports;
  expect(failureOf(() => values.loud('x'))).toBeInstanceOf(SandboxDisposed);
});

test('options are checked by name', async () => {
  await expect(create({ gasLimt: 3 } as never)).rejects.toThrow(/a component has no option "gasLimt"; .*gasLimit/);
  await expect(create({ imports: { 'a:b/c': 3 } } as never)).rejects.toBeInstanceOf(UsageError);
  await expect(Component.create(TYPED, { moduleLimit: 100 })).rejects.toBeInstanceOf(CompileError);
  await expect(Component.create(TYPED, { engine: 'fast' } as never)).rejects.toBeInstanceOf(UsageError);
});
