/** Arrays and tables through plug-ins, on both engines. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Table, tableFromArrays, tableToIPC } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { callTable } from '../../src/arrow.ts';
import { Plugin, PluginError } from '../../src/extism.node.ts';
import { UsageError } from '../../src/index.node.ts';
import { callNdarray, type NdArray } from '../../src/ndarray.ts';
import { arrow } from '../../src/values/arrow.ts';

const require = createRequire(import.meta.url);
const ndarray = require('ndarray') as (
  data: Float64Array,
  shape: readonly number[],
  stride?: readonly number[],
) => NdArray & { transpose(...axes: number[]): NdArray };

const SOURCE = new Uint8Array(readFileSync(new URL('../../fixtures/build/ndarray.wasm', import.meta.url)));

/** The product, by hand. */
function product(a: readonly number[][], b: readonly number[][]): number[] {
  return a.flatMap((row) => (b[0] as number[]).map((_, j) => row.reduce((sum, x, k) => sum + x * (b[k]?.[j] ?? 0), 0)));
}

describe.each(['interpreter', 'native'] as const)('on the engine %s', (engine) => {
  const create = () => Plugin.create(SOURCE, { engine });

  test('matrices are multiplied, however they lie in memory', async () => {
    const plugin = await create();
    const a = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const b = [
      [1, -1],
      [2, 0.5],
      [0, 3],
    ];
    const [x, y] = [ndarray(Float64Array.from(a.flat()), [2, 3]), ndarray(Float64Array.from(b.flat()), [3, 2])];
    const [found] = await callNdarray(plugin, 'multiply', [x, y]);
    expect(found).toMatchObject({ shape: [2, 2], dtype: 'float64', data: Float64Array.from(product(a, b)) });

    // By columns, as transposing leaves them; and as @stdlib/ndarray has them, whose types are objects.
    const byColumn = ndarray(Float64Array.of(1, 4, 2, 5, 3, 6), [3, 2]).transpose(1, 0);
    const stdlib = {
      data: Float64Array.from(b.flat()),
      shape: [3, 2],
      strides: [2, 1],
      offset: 0,
      dtype: { toString: () => 'float64' },
    };
    const [again] = await callNdarray(plugin, 'multiply', [byColumn, stdlib as unknown as NdArray]);
    expect(again?.data).toEqual(found?.data);
  });

  test('a matrix is one by itself, too', async () => {
    const plugin = await create();
    const array = ndarray(Float64Array.of(1, 2, 3, 4), [2, 2]);
    expect(await plugin.call('echo', array, { as: 'npy' })).toMatchObject({ shape: [2, 2], data: array.data });
  });

  test.each([
    [
      'multiply',
      [
        [2, 2],
        [3, 2],
      ],
      /failed with status 3/,
    ],
    ['multiply', [[2, 2]], /failed with status 1/],
    ['cut', [[2, 2]], /the output of "cut" is no .npy file: it has 31 of 32 bytes/],
  ])('%s of %j says what is wrong', async (name, shapes, message) => {
    const plugin = await create();
    const arrays = shapes.map((shape) => ndarray(new Float64Array((shape[0] ?? 0) * (shape[1] ?? 0)), shape));
    const error = await callNdarray(plugin, name, arrays).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(PluginError);
    expect((error as Error).message).toMatch(message);
    await expect(plugin.call('cut', arrays[0], { as: 'npy' })).rejects.toThrow(
      /is no \.npy file: no \.npy file|is no \.npy file/,
    );
    await expect(plugin.call('echo', 'x', { as: 'npy' })).rejects.toThrow(
      /^the output of "echo" is no \.npy file: it does not begin like one$/,
    );
    // And is there for the next.
    expect(await callNdarray(plugin, 'echo', [])).toEqual([]);
  });

  test('a table goes in and comes out', async () => {
    const plugin = await create();
    const table = tableFromArrays({ id: Int32Array.of(1, 2, 3), name: ['a', 'é', ''] });
    const back = await callTable<Table>(plugin, 'echo', table);
    expect(back.toArray().map((row) => row?.toJSON())).toEqual(table.toArray().map((row) => row?.toJSON()));
    expect(back.schema.toString()).toBe(table.schema.toString());
    const read = (await plugin.call('echo', table, { as: 'arrow' })) as Table;
    expect(read.numRows).toBe(3);
  });

  test('what is no table is not passed', async () => {
    const plugin = await create();
    for (const none of [{ a: 1 }, [1], 'x', undefined]) {
      await expect(callTable(plugin, 'echo', none as never)).rejects.toThrow(
        /callTable must be a table of apache-arrow/,
      );
    }
  });

  test('what is no table is an error of the plug-in', async () => {
    const plugin = await create();
    const table = tableFromArrays({ id: Int32Array.from({ length: 1_000 }, (_, i) => i) });
    for (const input of ['', '{"a": 1}', new Uint8Array(40), Uint8Array.of(255, 255, 255, 255, 9, 0, 0, 0)]) {
      await expect(plugin.call('echo', input, { as: 'arrow' })).rejects.toThrow(
        /^the output of "echo" is no IPC stream/,
      );
    }
    await expect(plugin.call('cut', table, { as: 'arrow' })).rejects.toThrow(/is cut off/);
    const stream = tableToIPC(table, 'stream');
    for (const length of [3, 11, 100, stream.length - 9, stream.length - 1]) {
      const error = await plugin
        .call('echo', stream.subarray(0, length), { as: 'arrow' })
        .catch((caught: unknown) => caught);
      expect(error, `${length} of ${stream.length}`).toBeInstanceOf(PluginError);
    }
    expect(await plugin.call('echo', 'x', { as: 'text' })).toBe('x');
  });
});

test('gas is the same on both engines', async () => {
  const costs = async (engine: 'interpreter' | 'native') => {
    const plugin = await Plugin.create(SOURCE, { engine });
    const array = ndarray(
      Float64Array.from({ length: 400 }, (_, i) => i),
      [20, 20],
    );
    await callNdarray(plugin, 'multiply', [array, array]);
    return plugin.sandbox.getResourceStats().gasUsed;
  };
  expect(await costs('interpreter')).toBe(await costs('native'));
});

test('a table needs the package, and the entry that loads it', async () => {
  expect(arrow.isOffered).toBe(true);
  const plugin = await Plugin.create(SOURCE);
  await expect(plugin.call('echo', 'x', { as: 'table' as 'arrow' })).rejects.toThrow(UsageError);
});
