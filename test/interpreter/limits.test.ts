import { describe, expect, it } from 'vitest';
import { loadFixture } from '../../fixtures/load.node.ts';
import {
  CpuTimeoutExceeded,
  GasExhausted,
  MemoryLimitExceeded,
  StackLimitExceeded,
  type WasmSandboxError,
} from '../../wasm/errors.ts';
import { HostFunction } from '../../wasm/host.ts';
import { definedRef, funcType, I31REF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { failureOf, instantiate, MiB, prepare } from './engine.ts';

const gasOf = (instance: ReturnType<typeof instantiate>) => instance.figures().gasUsed;

describe('gas', () => {
  it('stops an endless loop, at the same count every time', () => {
    const counts = [1, 2].map(() => {
      const instance = instantiate(loadFixture('spin'), { gas: 1_000_000n });
      expect(failureOf(() => instance.call('run', []))).toBeInstanceOf(GasExhausted);
      return gasOf(instance);
    });
    expect(counts[0]).toBe(1_000_001n);
    expect(counts[1]).toBe(counts[0]);
  });

  it('carries the figures on the error, and refuses to enter the instance again', () => {
    const instance = instantiate(loadFixture('spin'), { gas: 5_000n });
    const error = failureOf(() => instance.call('run', [])) as WasmSandboxError;
    expect(error.message).toContain('Gas limit exceeded');
    expect(error.resources?.gasUsed).toBe(gasOf(instance));
    const again = failureOf(() => instance.call('run', []));
    expect(again).toBeInstanceOf(GasExhausted);
    expect((again as Error).message).toContain('cannot be entered again');
    expect(gasOf(instance)).toBe(error.resources?.gasUsed);
  });

  it('is enough exactly from the total on', () => {
    const free = instantiate(loadFixture('fib'));
    free.call('run', [8]);
    const total = gasOf(free);
    expect(instantiate(loadFixture('fib'), { gas: total }).call('run', [8])).toEqual([21]);
    for (let limit = gasOf(prepare(loadFixture('fib'))); limit < total; limit += 7n) {
      const short = instantiate(loadFixture('fib'), { gas: limit });
      expect(failureOf(() => short.call('run', [8]))).toBeInstanceOf(GasExhausted);
      expect(gasOf(short)).toBeGreaterThan(limit);
      expect(gasOf(short)).toBeLessThanOrEqual(total);
    }
  });

  it('counts the start function', () => {
    const instance = prepare(loadFixture('start-loop'), { gas: 10_000n });
    expect(failureOf(() => instance.start())).toBeInstanceOf(GasExhausted);
    expect(gasOf(instance)).toBeGreaterThan(10_000n);
  });

  it.each([2n ** 31n, 2n ** 53n, 2n ** 63n])('is exact with limits about %d', (limit) => {
    const instance = instantiate(loadFixture('fib'), { gas: limit });
    const before = gasOf(instance);
    instance.call('run', [10]);
    const used = gasOf(instance) - before;
    const free = instantiate(loadFixture('fib'));
    free.call('run', [10]);
    expect(used).toBe(gasOf(free) - before);
  });

  it('has room for charges beyond what a number counts exactly', () => {
    const dear = { base: 2 ** 53 - 1, perByte: 0 };
    const host = new HostFunction(funcType([], []), dear, () => undefined);
    const bytes = encodeModule({
      imports: [{ module: 'env', name: 'f', function: { params: [], results: [] } }],
      functions: [
        {
          export: 'run',
          body: [
            ['call', 0],
            ['call', 0],
            ['call', 0],
          ],
        },
      ],
    });
    const limited = instantiate(bytes, { imports: () => host, gas: 3n * BigInt(dear.base) });
    expect(failureOf(() => limited.call('run', []))).toBeInstanceOf(GasExhausted);
    const free = instantiate(bytes, { imports: () => host });
    free.call('run', []);
    expect(gasOf(free) - gasOf(limited)).toBe(BigInt(dear.base));
    expect(gasOf(free)).toBeGreaterThan(3n * BigInt(dear.base));
  });

  it('does not depend on how often the host looks at the clock', () => {
    let looks = 0;
    const instance = instantiate(loadFixture('fib'), { slices: { gas: 1, onSlice: () => looks++ } });
    const free = instantiate(loadFixture('fib'));
    expect(instance.call('run', [10])).toEqual(free.call('run', [10]));
    expect(gasOf(instance)).toBe(gasOf(free));
    expect(looks).toBeGreaterThan(100);
  });
});

describe('time', () => {
  it('ends an endless loop when the host says so', () => {
    let left = 5;
    const slices = {
      gas: 10_000,
      onSlice() {
        if (--left === 0) throw new CpuTimeoutExceeded('CPU timeout exceeded: test');
      },
    };
    const instance = instantiate(loadFixture('spin-work'), { slices });
    expect(failureOf(() => instance.call('run', []))).toBeInstanceOf(CpuTimeoutExceeded);
    expect(gasOf(instance)).toBeGreaterThan(40_000n);
  });
});

describe('the clock is looked at while an instance is made', () => {
  const looksAt = (module: ModuleDescription) => {
    let looks = 0;
    instantiate(encodeModule(module), { slices: { gas: 2 ** 30, onSlice: () => ++looks } });
    return looks;
  };
  const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
  const sum: Instruction[] = [['i32.const', 0], ...many(500, [['i32.const', 1], 'i32.add'] as Instruction[]).flat()];

  it('by how large the objects are', () => {
    const type = definedRef(0, true);
    const init: Instruction[] = [['struct.new_default', 0]];
    const types = [{ struct: many(1_000, { type: I32, mutable: true }) }];
    expect(looksAt({ types, globals: many(1_000, { type, init }) })).toBeGreaterThan(50);
    expect(looksAt({ types, elements: [{ type, items: many(1_000, init) }] })).toBeGreaterThan(50);
  });

  it.each<[string, ModuleDescription]>([
    ['globals', { globals: many(1_000, { type: I32, init: sum }) }],
    ['tables', { tables: many(1_000, { element: I31REF, min: 0, init: [...sum, 'ref.i31'] }) }],
    [
      'segments of elements',
      { elements: [{ type: I31REF, items: many(1_000, [...sum, 'ref.i31'] as Instruction[]) }] },
    ],
    [
      'segments of data',
      {
        memories: [{ min: 1 }],
        data: many(1_000, { offset: [...sum, ['i32.const', 500], 'i32.sub'] as Instruction[], bytes: [] }),
      },
    ],
  ])('by how long the expressions of %s are', (_, module) => {
    expect(looksAt(module)).toBeGreaterThan(50);
  });
});

describe('stack', () => {
  it.each(['recurse', 'recurse-big'])('ends endless recursion of %s at the same depth and gas', (name) => {
    const runs = [1, 2].map(() => {
      const instance = instantiate(loadFixture(name));
      const error = failureOf(() => instance.call('run', []));
      expect(error).toBeInstanceOf(StackLimitExceeded);
      expect((error as Error).message).toContain('Stack limit exceeded');
      // The stack was given back: the guest can go just as deep again.
      const before = gasOf(instance);
      expect(failureOf(() => instance.call('run', []))).toBeInstanceOf(StackLimitExceeded);
      return { first: before, both: gasOf(instance) };
    });
    expect(runs[1]).toEqual(runs[0]);
  });

  it('is proportional to the limit', () => {
    const gas = [128, 256].map((kib) => {
      const instance = instantiate(loadFixture('recurse'), { stackBytes: kib * 1024 });
      failureOf(() => instance.call('run', []));
      return Number(gasOf(instance));
    });
    expect((gas[1] as number) / (gas[0] as number)).toBeCloseTo(2, 1);
  });
});

describe('memory', () => {
  it('refuses a module that asks for too much at once', () => {
    expect(failureOf(() => prepare(loadFixture('hugemem')))).toBeInstanceOf(MemoryLimitExceeded);
  });

  it('refuses growth beyond the budget, and names the limit when the guest then traps', () => {
    const instance = instantiate(loadFixture('grow'), { memoryBytes: 4 * MiB });
    const error = failureOf(() => instance.call('run', [])) as Error;
    expect(error).toBeInstanceOf(MemoryLimitExceeded);
    expect(error.message).toContain('Memory limit exceeded');
    expect(instance.figures()).toMatchObject({ memoryBytes: 4 * MiB, memoryLimit: 4 * MiB });
  });

  it('lets the guest go on after a refusal', () => {
    const instance = instantiate(loadFixture('grow'), { memoryBytes: MiB });
    expect(instance.call('grow', [100])).toEqual([-1]);
    expect(instance.call('size', [])).toEqual([1]);
    expect(instance.call('grow', [2])).toEqual([1]);
  });

  it('charges growth only where it succeeds', () => {
    const costs = [1, 100].map((pages) => {
      const instance = instantiate(loadFixture('grow'), { memoryBytes: MiB });
      const before = gasOf(instance);
      instance.call('grow', [pages]);
      return gasOf(instance) - before;
    });
    expect((costs[0] as bigint) - (costs[1] as bigint)).toBe(2_048n);
  });
});
