import { describe, expect, test } from 'vitest';
import * as errors from '../../wasm/errors.ts';
import { reported } from '../../wasm/reported.ts';

const { CompileError, HostError, PoolUnavailable, Trap, UncaughtException, UsageError, WasmSandboxError } = errors;

const RESOURCES = {
  gasUsed: 2n ** 64n - 1n,
  gasLimit: undefined,
  memoryBytes: 65_536,
  peakMemoryBytes: 131_072,
  memoryLimit: 1_000_000,
  stackLimit: 10,
  growthRefused: true,
};
const LOCATION = { functionIndex: 7, functionName: 'a\u0000b', offset: 300 };

const FRAMES = [
  { functionIndex: 7, functionName: 'inner', offset: 300, codeOffset: 200 },
  { functionIndex: 2, functionName: undefined, offset: 100, codeOffset: 0 },
];

type Made = new (message: string, details: errors.ErrorDetails) => errors.WasmSandboxError;

const family = Object.values(errors).filter(
  (value) => typeof value === 'function' && value.prototype instanceof WasmSandboxError,
) as unknown as Made[];
const plain = family.filter(
  (Class) =>
    ![
      Trap,
      UncaughtException,
      PoolUnavailable,
      errors.PluginError,
      errors.ComponentError,
      errors.RuntimeError,
      errors.TextError,
    ].includes(Class as never),
);
const others = [
  new Trap('divide-by-zero', { ...LOCATION, resources: RESOURCES }),
  new UncaughtException('of the guest', LOCATION),
  new PoolUnavailable('draining', 'the pool is being drained'),
  new errors.PluginError('it failed', { function: 'f', status: 3, reason: 'no luck' }),
  new errors.ComponentError('it failed', { function: 'a.f', payload: { tag: 'no-luck', val: ['x', 1] } }),
  new errors.TextError('no module', 3, 14, LOCATION),
  new errors.GasExhausted('Gas budget exhausted', { scope: 'budget', frames: () => FRAMES }),
];
const all = [...plain.map((Class) => new Class('what happened', { ...LOCATION, resources: RESOURCES })), ...others];

/** All that programs look at. */
const shown = (error: errors.WasmSandboxError) => {
  const { name, code, message, functionIndex, functionName, offset, resources, frames } = error;
  const scope = error instanceof errors.GasExhausted ? error.scope : undefined;
  return { name, code, message, functionIndex, functionName, offset, resources, frames, scope };
};

test('every class of the family is among them', () => {
  expect(new Set(all.map((error) => error.constructor)).size).toBe(family.length - 1);
});

describe('an error comes back from its data', () => {
  test.each(all.map((error) => [error.name, error] as const))('%s', (name, error) => {
    expect(name).toBe(error.constructor.name);
    for (const data of [JSON.parse(JSON.stringify(error)), structuredClone(error.toJSON())]) {
      const again = WasmSandboxError.from(data);
      expect(again.constructor).toBe(error.constructor);
      expect(shown(again)).toEqual(shown(error));
      expect(JSON.stringify(again)).toBe(JSON.stringify(error));
    }
  });

  test('with what is special to its class', () => {
    const again = (error: errors.WasmSandboxError) => WasmSandboxError.from(JSON.parse(JSON.stringify(error)));
    expect(again(others[0] as errors.Trap)).toMatchObject({ kind: 'divide-by-zero' });
    expect(again(others[2] as errors.PoolUnavailable)).toMatchObject({ reason: 'draining' });
  });

  test('figures that a worker’s boundary has carried as they are', () => {
    const data = { ...new CompileError('x').toJSON(), resources: structuredClone(RESOURCES) };
    expect(WasmSandboxError.from(data).resources).toEqual(RESOURCES);
  });

  test('with its causes', () => {
    const cause = new HostError('inner', { cause: new TypeError('innermost') });
    const again = WasmSandboxError.from(JSON.parse(JSON.stringify(new HostError('outer', { cause }))));
    expect(again.cause).toBeInstanceOf(HostError);
    expect((again.cause as Error).cause).toMatchObject({ name: 'TypeError', message: 'innermost' });
    expect(WasmSandboxError.from(new UsageError('x', { cause: 5n }).toJSON()).cause).toBe('5n');
  });

  test('a cause that leads in a circle ends somewhere', () => {
    const error = new HostError('round');
    Object.defineProperty(error, 'cause', { value: error });
    expect(WasmSandboxError.from(JSON.parse(JSON.stringify(error)))).toBeInstanceOf(HostError);
  });
});

describe('what is no data of an error is refused', () => {
  const good = new Trap('unreachable', { resources: RESOURCES }).toJSON();
  let deep: unknown = good;
  for (let i = 0; i < 100_000; i++) deep = { ...good, cause: deep };
  const faults: [string, unknown, RegExp][] = [
    ['nothing', undefined, /must be an object/],
    ['a list', [], /must be an object/],
    ['no code', {}, /code is unknown/],
    ['a code of the prototype', { ...good, code: 'toString' }, /code is unknown/],
    ['no message', { code: 'USAGE' }, /must have a message/],
    ['a message that is none', { code: 'USAGE', message: 5 }, /message must be text/],
    ['a scope that is none', { code: 'GAS_EXHAUSTED', message: '', scope: 'galaxy' }, /scope is unknown/],
    ['frames that are none', { ...good, frames: 5 }, /frames must be a list/],
    ['a frame without a place', { ...good, frames: [{ functionIndex: 1 }] }, /a frame must have offset/],
    ['a kind that is none', { ...good, kind: 'constructor' }, /kind of trap/],
    ['a reason that is none', { code: 'POOL', message: '', reason: 'x' }, /reason is unknown/],
    ['an offset below 0', { ...good, offset: -1 }, /offset must be a count/],
    ['gas that is none', { ...good, resources: { ...good.resources, gasUsed: '1e9' } }, /gasUsed must be units of gas/],
    ['very much gas', { ...good, resources: { ...good.resources, gasUsed: '9'.repeat(1e6) } }, /units of gas/],
    ['figures without gas', { ...good, resources: {} }, /must have gasUsed/],
    ['a cause that is none', { ...good, cause: 5 }, /cause must be/],
  ];

  test.each(faults)('%s', (_, data, message) => {
    expect(() => WasmSandboxError.from(data)).toThrow(UsageError);
    expect(() => WasmSandboxError.from(data)).toThrow(message);
  });

  test('causes beyond the eighth are plain errors', () => {
    let error: unknown = WasmSandboxError.from(deep);
    let depth = 0;
    for (; error instanceof WasmSandboxError; error = error.cause) depth++;
    expect(depth).toBe(9);
  });
});

test('reports are JSON, with gas as text, and otherwise what they were', () => {
  const report = reported({ gasUsed: 5n, list: [1n, 'a'], count: 3 });
  expect(JSON.stringify(report)).toBe('{"gasUsed":"5","list":["1","a"],"count":3}');
  expect(Object.keys(report)).toEqual(['gasUsed', 'list', 'count']);
  expect(structuredClone(report)).toEqual({ gasUsed: 5n, list: [1n, 'a'], count: 3 });
});
