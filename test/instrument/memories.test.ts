/** Several memories, natively: growth, bulk instructions and segments of each, by the one budget. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import { nativeFeatures } from '../spec/probes.ts';
import { ENGINES, type EngineKey, trace } from './triangle.ts';

const SOURCE = parse(`(module (memory 1 3) (memory 1 2) (memory (export "third") 0 5)
  (data (memory 1) (i32.const 4) "abcdefgh") (data $passive "0123456789")
  (func (export "grow") (param $which i32) (param $by i32) (result i32)
    (block $2 (block $1 (block $0 (br_table $0 $1 $2 (local.get $which)))
      (return (memory.grow 0 (local.get $by))))
      (return (memory.grow 1 (local.get $by))))
    (memory.grow 2 (local.get $by)))
  (func (export "copy") (param i32 i32 i32) (result i64)
    (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 2)) (i64.load (i32.const 0)))
  (func (export "fill") (param i32 i32) (result i64)
    (memory.fill 1 (local.get 0) (i32.const 7) (local.get 1)) (i64.load 1 (i32.const 0)))
  (func (export "init") (param i32 i32 i32) (result i64)
    (memory.init 1 $passive (local.get 0) (local.get 1) (local.get 2)) (i64.load 1 offset=8 align=1 (i32.const 0)))
  (func (export "add") (param i32) (result i32) (i32.atomic.rmw.add 1 offset=4 (local.get 0) (i32.const 1)))
  (func (export "size") (result i32) (memory.size 2)))`);

const CALLS = [
  ['copy', 0, 4, 8],
  ['copy', 0, 65_530, 7],
  ['copy', 65_530, 0, 7],
  ['fill', 0, 3],
  ['fill', 65_530, 7],
  ['init', 8, 2, 4],
  ['init', 8, 8, 4],
  ['init', 65_534, 0, 4],
  ['grow', 2, 2],
  ['grow', 1, 1],
  ['grow', 1, 1],
  ['grow', 0, 1],
  ['grow', 2, 2],
  ['copy', 65_530, 0, 7],
  ['add', 0],
  ['add', 2],
  ['add', 131_072],
  ['size'],
] as const;

test('are grown, filled, copied and initialised as on the interpreter', () => {
  const module = decode(SOURCE);
  const calls = CALLS.map(([name, ...args]) => ({ export: name, args }));
  const isNative = nativeFeatures.includes('multi-memory');
  const [reference, ...others] = (Object.keys(ENGINES) as EngineKey[]).filter(
    (name) => isNative || !name.startsWith('native'),
  ) as [EngineKey, ...EngineKey[]];
  for (const pages of [4, 6, 20]) {
    const options = { limits: { memoryBytes: pages * 65_536 } };
    const expected = trace(ENGINES[reference], module, calls, options);
    for (const name of others) expect(trace(ENGINES[name], module, calls, options), name).toEqual(expected);
  }
});

describe.skipIf(!nativeFeatures.includes('multi-memory'))('in a namespace', () => {
  test('each is a memory of its own', async () => {
    const { Instance, Module, Memory } = await createWebAssembly({ engine: 'native' });
    const { exports } = new Instance(new Module(SOURCE)) as unknown as {
      exports: Record<string, (...args: number[]) => number> & { third: InstanceType<typeof Memory> };
    };
    expect([exports['grow']?.(2, 3), exports.third.buffer.byteLength, exports.third.grow(1)]).toEqual([
      0,
      3 * 65_536,
      3,
    ]);
    expect(() => exports.third.grow(2)).toThrow(RangeError);
  });
});
