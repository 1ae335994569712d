import { expect, test } from 'vitest';
import { buildComponent, COMPONENTS, readComponent } from '../../scripts/components.ts';
import { ComponentError, WasmSandboxError } from '../../wasm/errors.ts';
import { create, ENGINES, failureOf, type Values } from './components.ts';

test.each(COMPONENTS)('%s.wasm is what its text and its world say', async (name) => {
  expect(await buildComponent(name)).toEqual(readComponent(name));
});

/** By function: what goes there, and comes back as it is. */
const ROUND_TRIPS: { readonly [K in keyof Values]?: readonly unknown[] } = {
  echoPoint: [
    { x: -7, label: 'é🚀' },
    { x: 2 ** 31 - 1, label: '' },
  ],
  echoShape: [{ tag: 'circle', val: 0.5 }, { tag: 'name', val: 'a name' }, { tag: 'nothing' }],
  echoAccess: [
    { read: true, write: false, run: true },
    { read: false, write: false, run: false },
  ],
  echoColour: ['red', 'green', 'blue'],
  echoNumbers: [new Uint32Array([0, 1, 2 ** 32 - 1]), new Uint32Array(0)],
  echoNames: [['one', '', '二', '\u{1f600}'], []],
  echoOption: ['some', '', undefined],
  echoResult: [],
  echoChar: ['a', '\u{10ffff}'],
  echoBool: [true, false],
  echoU64: [0n, 2n ** 64n - 1n],
  echoF32: [0.5, Number.POSITIVE_INFINITY],
  echoTuple: [[255, -(2n ** 63n)]],
};

function roundTrip(values: Values): void {
  for (const [name, each] of Object.entries(ROUND_TRIPS)) {
    const func = values[name as keyof Values] as (value: unknown) => unknown;
    for (const value of each) expect(func(value), name).toEqual(value);
  }
}

test.each(ENGINES)('values of every type go there and back on the %s engine', async (engine) => {
  const { exports } = await create({ engine });
  roundTrip(exports.values);
  expect(exports.values.echoNumbers([1, 2])).toEqual(new Uint32Array([1, 2]));
  expect(exports.values.loud('hey')).toBe('HEY!');
});

test('either engine uses the same gas and memory for it', async () => {
  const figures = await Promise.all(
    ENGINES.map(async (engine) => {
      const component = await create({ engine });
      roundTrip(component.exports.values);
      component.exports.values.loud('hey');
      const { gasUsed, memoryBytes, peakMemoryBytes } = component.stats;
      return { gasUsed, memoryBytes, peakMemoryBytes };
    }),
  );
  expect(figures[0]?.gasUsed).toBeGreaterThan(0n);
  expect(figures[1]).toEqual(figures[0]);
});

test.each(ENGINES)('the error of a result is thrown with its payload on the %s engine', async (engine) => {
  const component = await create({ engine });
  const { values } = component.exports;
  expect(values.echoResult({ tag: 'ok', val: 3 })).toBe(3);
  const error = failureOf(() => values.echoResult({ tag: 'err', val: 'no luck' })) as ComponentError;
  expect(error).toBeInstanceOf(ComponentError);
  expect(error).toMatchObject({ code: 'COMPONENT', payload: 'no luck', function: 'test:typed/values.echoResult' });
  expect(error.message).toContain('"no luck"');
  expect(error.resources?.gasUsed).toBe(component.stats.gasUsed);
  expect(values.echoResult({ tag: 'ok', val: 4 })).toBe(4);
});

test('a ComponentError is data, and an error again', () => {
  const payload = { size: 7n, bytes: new Uint8Array([1, 2]), tag: 'x', inner: [undefined, true] };
  const error = new ComponentError('it failed', { function: 'f', payload });
  const data = JSON.parse(JSON.stringify(error));
  expect(data.payload).toEqual({ size: '7', bytes: [1, 2], tag: 'x', inner: [null, true] });
  const again = WasmSandboxError.from(data) as ComponentError;
  expect(again).toBeInstanceOf(ComponentError);
  expect(again).toMatchObject({ function: 'f', message: 'it failed', payload: data.payload });
});

test.each(ENGINES)('resources have methods, and are dropped, on the %s engine', async (engine) => {
  const component = await create({ engine });
  const { Counter } = component.exports.values;
  const counter = new Counter(7);
  expect([counter.next(), counter.next()]).toEqual([7, 8]);
  expect(counter).toBeInstanceOf(Counter);
  const { functionCalls } = component.stats;
  expect(functionCalls).toBe(3);
  (counter as unknown as Disposable)[Symbol.dispose]();
  expect(failureOf(() => counter.next())).toBeInstanceOf(WasmSandboxError);
});

test('an interface is found by its name, and by the last part of it', async () => {
  const { exports } = await create();
  expect((exports as Record<string, unknown>)['test:typed/values']).toBe(exports.values);
  expect(Object.isFrozen(exports) && Object.isFrozen(exports.values)).toBe(true);
});
