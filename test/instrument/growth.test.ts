/** What growing costs, and what limits it: the same on both engines, whether it succeeds, fails or adds nothing. */

import { describe, expect, it, vi } from 'vitest';
import { WasmSandbox } from '../../src/sync.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import { GROWTH_COST, INSTANCE_BYTES, PAGE_COST, PER_UNIT, TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import { FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { failureOf } from '../interpreter/engine.ts';

const MiB = 1024 * 1024;
const ENGINES = ['interpreter', 'native'] as const;
const grown = (...body: Instruction[]) => ({ params: [I32], results: [I32], body });
const bytes = encodeModule({
  memories: [{ min: 1, max: 100 }],
  tables: [{ min: 1, max: 20_000 }, { min: 0 }],
  functions: [
    { ...grown(['local.get', 0], 'memory.grow'), export: 'memory' },
    { ...grown(['ref.null', FUNCREF], ['local.get', 0], ['table.grow', 0]), export: 'table' },
    { ...grown(['ref.null', FUNCREF], ['local.get', 0], ['table.grow', 1]), export: 'other' },
    { ...grown(['local.get', 0], 'memory.grow', 'drop', 'unreachable'), export: 'trap' },
    { results: [I32, I32, I32], body: ['memory.size', ['table.size', 0], ['table.size', 1]], export: 'sizes' },
  ],
});

const create = (engine: (typeof ENGINES)[number], options = {}) => WasmSandbox.fromBytes(bytes, { engine, ...options });

describe.each(ENGINES)('on %s', (engine) => {
  const priced = (name: string, delta: number, options = {}) => {
    const sandbox = create(engine, options);
    const { gasUsed } = sandbox.getResourceStats();
    const result = sandbox.call(name, [delta]);
    return { result, gas: Number(sandbox.getResourceStats().gasUsed - gasUsed), sandbox };
  };
  /** What calling and growing take by themselves. */
  const bare = (name: string) => priced(name, 0).gas;

  it.each([
    ['memory', 0, 1, 0],
    ['memory', 1, 1, PAGE_COST],
    ['memory', 99, 1, 99 * PAGE_COST],
    ['memory', 100, -1, 0],
    ['memory', -1, -1, 0],
    ['table', 0, 1, 0],
    ['table', 1, 1, 1 / PER_UNIT.tableElements],
    ['table', 19_999, 1, 19_999 / PER_UNIT.tableElements],
    ['table', 20_000, -1, 0],
    ['table', -1, -1, 0],
    ['other', 5, 0, 5 / PER_UNIT.tableElements],
    ['other', 10_000_001, -1, 0],
  ])('%s by %i gives %i', (name, delta, result, more) => {
    const found = priced(name, delta);
    expect([found.result, found.gas]).toEqual([result, bare(name) + more]);
    expect(found.gas - more).toBeGreaterThan(GROWTH_COST);
    expect(found.gas - more).toBeLessThan(GROWTH_COST + 30);
  });

  // A sandbox of one page under 1 MiB has room for 15 more, or for as many elements.
  const ROOM = MiB - PAGE_BYTES - TABLE_ELEMENT_BYTES;

  it.each([
    ['memory', Math.floor(ROOM / PAGE_BYTES), PAGE_BYTES],
    ['other', Math.floor(ROOM / TABLE_ELEMENT_BYTES), TABLE_ELEMENT_BYTES],
  ])('%s within its budget, and no further', (name, most, size) => {
    const { result, sandbox } = priced(name, most, { memoryLimit: MiB });
    expect(result).toBeGreaterThanOrEqual(0);
    const usedBytes = PAGE_BYTES + TABLE_ELEMENT_BYTES + most * size;
    expect(sandbox.memoryUsage()).toMatchObject({ usedBytes, peakBytes: usedBytes });
    expect(sandbox.call(name, [1])).toBe(-1);
    expect(priced(name, most + 1, { memoryLimit: MiB }).result).toBe(-1);
    expect(sandbox.memoryUsage()).toMatchObject({ usedBytes, peakBytes: usedBytes });
  });

  it('one budget holds memories and tables', () => {
    const { sandbox } = priced('memory', 10, { memoryLimit: MiB });
    const left = Math.floor((ROOM - 10 * PAGE_BYTES) / TABLE_ELEMENT_BYTES);
    expect(sandbox.call('other', [left + 1])).toBe(-1);
    expect(sandbox.call('other', [left])).toBe(0);
    expect(sandbox.call('memory', [1])).toBe(-1);
    expect(sandbox.call('sizes')).toEqual([11, 1, left]);
  });

  it('where the host has no room, a growth is paid for and takes nothing', () => {
    const sandbox = create(engine);
    const { gasUsed } = sandbox.getResourceStats();
    const refuse = () => {
      throw new RangeError('no room');
    };
    vi.stubGlobal('Uint8Array', refuse);
    vi.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(refuse);
    const result = sandbox.call('memory', [3]);
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    expect(result).toBe(-1);
    expect(Number(sandbox.getResourceStats().gasUsed - gasUsed)).toBe(bare('memory') + 3 * PAGE_COST);
    expect(sandbox.memoryUsage().usedBytes).toBe(PAGE_BYTES + TABLE_ELEMENT_BYTES);
    expect(() => sandbox.call('trap', [100])).not.toThrow(MemoryLimitExceeded);
  });

  it('a refusal by the budget is the cause of the trap that follows, one by the maximum is not', () => {
    expect(() => create(engine, { memoryLimit: MiB }).call('trap', [16])).toThrow(MemoryLimitExceeded);
    expect(() => create(engine).call('trap', [100])).not.toThrow(MemoryLimitExceeded);
  });
});

it.each([
  ['memory', { memories: [{ min: 2, max: 2 }] }, 2 * PAGE_BYTES],
  ['memory beyond what there can be', { memories: [{ min: 32_768 }] }, 2 ** 40],
  ['table', { tables: [{ min: 0 }, { min: 9 }] }, 9 * TABLE_ELEMENT_BYTES],
])('a module whose %s does not fit is none, on both engines, and says how much it asks for', (_, module, bytes) => {
  const wanted = encodeModule(module);
  const [one, other] = ENGINES.map((engine) => {
    const fits = bytes < MiB && WasmSandbox.fromBytes(wanted, { engine, memoryLimit: bytes });
    if (fits) expect(fits.memoryUsage()).toMatchObject({ usedBytes: bytes, peakBytes: bytes });
    return failureOf(() => WasmSandbox.fromBytes(wanted, { engine, memoryLimit: bytes - 1 })) as MemoryLimitExceeded;
  });
  expect(one).toBeInstanceOf(MemoryLimitExceeded);
  expect(one?.message).toMatch(/asks for a (memory of (2|32768) pages|table of 9 elements) \(\d+ bytes\)/);
  expect([other?.code, other?.message, other?.resources]).toEqual([one?.code, one?.message, one?.resources]);
});

it.each([
  ['memory', 3, 1],
  ['memory', 100, -1],
  ['table', 7, 1],
  ['table', 20_000, -1],
])('running out of gas while growing %s by %i leaves the same behind at every limit', (name, delta, result) => {
  const whole = create('interpreter');
  const begin = whole.getResourceStats().gasUsed;
  whole.call(name, [delta]);
  const end = whole.getResourceStats().gasUsed;
  const middle = (begin + end) / 2n;
  for (const gasLimit of [begin, begin + 1n, begin + 20n, middle, end - 1n, end, end + 1n]) {
    const [one, other] = ENGINES.map((engine) => {
      const sandbox = create(engine, { gasLimit });
      let outcome: unknown;
      try {
        outcome = sandbox.call(name, [delta]);
      } catch (error) {
        outcome = (error as { code: string }).code;
      }
      return { outcome, gas: sandbox.getResourceStats().gasUsed, memory: sandbox.memoryUsage() };
    });
    expect(one).toEqual(other);
    expect(one?.outcome).toEqual(gasLimit < end ? 'GAS_EXHAUSTED' : result);
  }
});

it.each(ENGINES)(
  'another instance takes what it holds of the budget of its namespace, or there is none, on %s',
  async (engine) => {
    const { Module, Instance } = await createWebAssembly({ engine, memoryLimit: MiB });
    const functions = Array.from({ length: 5_000 }, () => ({ body: [] }));
    const module = new Module(encodeModule({ functions }));
    const each = 5_000 * INSTANCE_BYTES.function;
    for (let i = 0; i <= Math.floor(MiB / each); i++) new Instance(module);
    expect(() => new Instance(module)).toThrow(/the module asks for another instance of it \(\d+ bytes\)/);
  },
);
