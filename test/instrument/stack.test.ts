/** The stack limit is reached before the engine's own stack is full, however the engine compiles. */

import { setFlagsFromString } from 'node:v8';
import { afterEach, describe, expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { I32 } from '../../wasm/types.ts';
import { encodeModule } from '../generate/encode.ts';
import { FRAMES, repeat } from './frames.ts';
import { MAKERS } from './random.ts';
import { ENGINES, trace } from './triangle.ts';

const NATIVE = ENGINES['native on the instrumented module'];

/** Modes of V8, each with what turns it off again. */
const MODES: Readonly<Record<string, readonly [on: readonly string[], off: readonly string[]]>> = {
  'as it is': [[], []],
  'without optimisation': [['--liftoff-only'], ['--no-liftoff-only']],
  'optimised from the start': [
    ['--no-liftoff', '--no-wasm-dynamic-tiering'],
    ['--liftoff', '--wasm-dynamic-tiering'],
  ],
};

afterEach(() => {
  for (const [, off] of Object.values(MODES)) for (const flag of off) setFlagsFromString(flag);
});

describe.each(Object.entries(MODES))('%s', (mode, [on]) => {
  test.each(Object.entries(FRAMES))('a frame of %s', (_, description) => {
    for (const flag of on) setFlagsFromString(flag);
    // V8 knows modules it has compiled before by their bytes.
    const custom = [{ name: 'mode', bytes: new TextEncoder().encode(mode) }];
    const module = decode(
      encodeModule({ ...description, custom, types: [{ params: repeat(mode.length, () => I32), results: [] }] }),
    );
    const calls = repeat(3, () => ({ export: 'run', args: [] }));
    const limits = { stackBytes: DEFAULT_LIMITS.stackBytes };
    const found = trace(NATIVE, module, calls, { limits });
    expect(found[1]).toMatch(/STACK_LIMIT/);
    expect(found).toEqual(trace(ENGINES.interpreter, module, calls, { limits }));
  });
});

/** Recursion through a host function: `act` is called each time with how often it was, and the exports. */
function throughHost(act: (depth: number, exports: Record<'run' | 'deep', () => void>) => void) {
  const bytes = encodeModule({
    imports: [{ module: 'host', name: 'again', function: { params: [], results: [] } }],
    functions: [
      { body: [['call', 0]], export: 'run' },
      { body: [['call', 2]], export: 'deep' },
    ],
  });
  const outcomes = Object.values(MAKERS).map((make) => {
    const limits = { gas: undefined, memoryBytes: 1 << 20, stackBytes: DEFAULT_LIMITS.stackBytes };
    const namespace = make({ limits }) as unknown as typeof WebAssembly & {
      stats(instance: object): { readonly gasUsed: bigint };
    };
    let depth = 0;
    const again = () => act(++depth, exports);
    const instance: WebAssembly.Instance = new namespace.Instance(new namespace.Module(bytes.slice()), {
      host: { again },
    });
    const exports = instance.exports as Record<'run' | 'deep', () => void>;
    let error: unknown;
    try {
      exports.run();
    } catch (thrown) {
      error = thrown;
    }
    return {
      depth,
      code: (error as { code?: string }).code,
      message: (error as Error).message,
      gas: namespace.stats(instance).gasUsed,
    };
  });
  for (const { depth, code, gas } of outcomes)
    expect({ depth, code, gas }).toEqual({ depth: outcomes[0]?.depth, code: 'STACK_LIMIT', gas: outcomes[0]?.gas });
  return outcomes;
}

test('recursion through a host function ends at the same depth on all', () => {
  for (const { depth, message } of throughHost((_, { run }) => run())) {
    expect(depth).toBe(100);
    expect(message).toContain('100 calls');
  }
});

test('recursion at the end of as many calls through a host function as there may be ends at the limit', () => {
  for (const { depth, message } of throughHost((depth, { run, deep }) => (depth < 99 ? run() : deep()))) {
    expect(depth).toBe(99);
    expect(message).toMatch(
      /^Stack limit exceeded: the next call would weigh more than 786432 bytes; raise stackLimit/,
    );
  }
});
