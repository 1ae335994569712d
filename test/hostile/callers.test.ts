/** Guests that are called by hosts that they call, from any depth and with any setting. docs/security.md has the list. */

import { afterEach, describe, expect, test } from 'vitest';
import { Capability, SecurityPolicy } from '../../src/index.ts';
import type { SandboxOptions } from '../../src/sandbox/options.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { Trap, type WasmSandboxError } from '../../wasm/errors.ts';
import { FUNCREF, I32, I64, type ValType } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { ENGINES, type EngineName } from './outcome.ts';

const NOTHING = { params: [], results: [] };
const HOST = { module: 'env', name: 'host', function: NOTHING };

type Ended = { readonly ending: unknown; readonly gas: bigint };
function endingOf(sandbox: WasmSandbox, name: string, args: readonly unknown[] = []): Ended {
  let ending: unknown;
  try {
    ending = sandbox.call(name, args);
  } catch (error) {
    ending = error instanceof Trap ? error.kind : (error as WasmSandboxError).code;
  }
  return { ending, gas: sandbox.getResourceStats().gasUsed };
}

/** A guest whose host does something with it in the middle of a call. */
function during(engine: EngineName, source: Uint8Array, act: (sandbox: WasmSandbox) => void, more = {}): WasmSandbox {
  let made: WasmSandbox | undefined;
  const host = () => act(made as WasmSandbox);
  made = WasmSandbox.create({ source, engine, capabilities: [Capability.hostFunctions('env', { host })], ...more });
  return made;
}

const onAll = <T>(run: (engine: EngineName) => T): T => {
  const [first, other] = ENGINES.map(run);
  expect(other).toEqual(first);
  return first as T;
};

describe('what a call from a host function changes, the call around it sees', () => {
  /** Changes everything there is, in `change`; `run` reads it before and after, with values waiting on its stack. */
  const source = encodeModule({
    imports: [HOST],
    memories: [{ min: 1, max: 4, export: 'memory' }],
    tables: [{ min: 1, max: 9 }],
    globals: [{ type: I64, mutable: true, init: [['i64.const', 1]] }],
    data: [{ bytes: [9] }],
    elements: [{ items: [3] }],
    functions: [
      {
        results: [I64, I32, I32, I32, I64],
        locals: [I64],
        body: [
          ['i64.const', 5],
          ['local.set', 0],
          ['global.get', 0],
          ['local.get', 0],
          'i64.add',
          ['call', 0],
          ['memory.size', 0],
          ['i32.const', 2 * 65_536],
          ['i32.load', {}],
          ['i32.const', 4],
          ['call_indirect', { params: [], results: [I32] }, 0],
          ['global.get', 0],
        ],
        export: 'run',
      },
      {
        body: [
          ['i32.const', 2],
          ['memory.grow', 0],
          'drop',
          ['i32.const', 2 * 65_536],
          ['i32.const', 77],
          ['i32.store', {}],
          ['ref.null', FUNCREF],
          ['i32.const', 5],
          ['table.grow', 0],
          'drop',
          ['i32.const', 4],
          ['i32.const', 0],
          ['i32.const', 1],
          ['table.init', 0, 0],
          ['elem.drop', 0],
          ['data.drop', 0],
          ['i64.const', 42],
          ['global.set', 0],
        ],
        export: 'change',
      },
      { results: [I32], body: [['i32.const', 33]] },
      { results: [I32], body: [['call', 2], 'unreachable'], export: 'trap' },
      { body: ['loop', ['br', 0], 'end'], export: 'spin' },
      { body: [['call', 6]], export: 'recurse' },
    ],
  });
  const results = [6n, 3, 77, 33, 42n];

  test('memories, tables, globals and segments', () => {
    onAll((engine) => {
      const sandbox = during(engine, source, (guest) => guest.call('change'));
      const ended = endingOf(sandbox, 'run');
      expect(ended.ending).toEqual(results);
      return ended;
    });
  });

  test.each(['trap', 'recurse'])('also where another one has ended with an error in between: %s', (name) => {
    onAll((engine) => {
      const sandbox = during(engine, source, (guest) => {
        endingOf(guest, name);
        guest.call('change');
        endingOf(guest, name);
      });
      const ended = endingOf(sandbox, 'run');
      expect(ended.ending).not.toBe('HOST');
      return ended;
    });
  });

  test('gas that the inner call used up ends the outer one, whatever the host makes of it', () => {
    onAll((engine) => {
      const inner: Ended[] = [];
      const act = (guest: WasmSandbox) => inner.push(endingOf(guest, 'spin'), endingOf(guest, 'change'));
      const sandbox = during(engine, source, act as (guest: WasmSandbox) => void, { gasLimit: 50_000n });
      const outer = endingOf(sandbox, 'run');
      expect([...inner, outer].map(({ ending }) => ending)).toEqual(Array(3).fill('GAS_EXHAUSTED'));
      return [...inner, outer];
    });
  });

  test('each call pays for itself, the inner one as much as alone', () => {
    onAll((engine) => {
      let inner = 0n;
      const used = (guest: WasmSandbox) => guest.getResourceStats().gasUsed;
      const sandbox = during(engine, source, (guest) => {
        const before = used(guest);
        guest.call('change');
        inner = used(guest) - before;
      });
      const before = used(sandbox);
      sandbox.call('run');
      const both = used(sandbox) - before;
      const alone = during(engine, source, () => undefined);
      const start = used(alone);
      alone.call('change');
      expect(used(alone) - start).toBe(inner);
      return { both, inner };
    });
  });
});

describe('what a function is called with weighs as much from outside as from inside', () => {
  const FRAME = 128;
  const OPERAND = 8;
  const HOST_CALL = 4_096;
  /** Of so many parameters: those beyond the eighth once more. */
  const given = (count: number) => OPERAND * (count + Math.max(count - 8, 0));

  test.each([0, 1, 7, 128, 900])('%d parameters of an exported function', (count) => {
    const params = Array<ValType>(count).fill(I64);
    const source = encodeModule({
      functions: [
        { params, results: [I32], body: [['i32.const', 1]], export: 'run' },
        {
          results: [I32],
          body: [...params.map((): Instruction => ['i64.const', 1]), ['call', 0]],
          export: 'inside',
        },
      ],
    });
    const args = params.map(() => 1n);
    const weight = FRAME + given(count) + OPERAND;
    const call = (name: string, stackLimit: number) =>
      onAll((engine) => {
        const values = name === 'run' ? args : [];
        return endingOf(WasmSandbox.create({ source, engine, stackLimit }), name, values);
      }).ending;
    expect(call('run', weight)).toBe(1);
    expect(call('run', weight - 1)).toBe('STACK_LIMIT');
    const caller = FRAME + OPERAND * Math.max(count, 1);
    expect(call('inside', caller + weight)).toBe(1);
    expect(call('inside', caller + weight - 1)).toBe('STACK_LIMIT');
  });

  test.each([1, 100, 180])('%d parameters at every call back', (count) => {
    const params = Array<ValType>(count).fill(I64);
    const source = encodeModule({ imports: [HOST], functions: [{ params, body: [['call', 0]], export: 'run' }] });
    const args = params.map(() => 1n);
    const weight = FRAME + given(count);
    const calls = 20;
    const depthAt = (stackLimit: number) =>
      onAll((engine) => {
        let deepest = 0;
        let depth = 0;
        const act = (guest: WasmSandbox) => {
          deepest = Math.max(deepest, ++depth);
          if (depth < calls) guest.call('run', args);
          depth--;
        };
        const ended = endingOf(during(engine, source, act, { stackLimit }), 'run', args);
        return { ...ended, deepest };
      });
    const needed = calls * weight + (calls - 1) * HOST_CALL;
    expect(depthAt(needed)).toMatchObject({ ending: undefined, deepest: calls });
    expect(depthAt(needed - 1)).toMatchObject({ ending: 'STACK_LIMIT', deepest: calls - 1 });
  });
});

describe('a guest and a host that call one another with many values end before the host has no room', () => {
  test.each([
    [0, 0, 0],
    [100, 0, 0],
    [900, 0, 0],
    [0, 900, 0],
    [0, 0, 900],
    [300, 300, 300],
    [900, 90, 900],
  ])('%d parameters, %d results, and %d parameters of the host function', (params, results, given) => {
    const types = (count: number) => Array<ValType>(count).fill(I64);
    const zeros = (count: number) => types(count).map((): Instruction => ['i64.const', 0]);
    const source = encodeModule({
      imports: [{ ...HOST, function: { params: types(given), results: [] } }],
      functions: [
        {
          params: types(params),
          results: types(results),
          body: [...zeros(given), ['call', 0], ...zeros(results)],
          export: 'run',
        },
      ],
    });
    const args = types(params).map(() => 0n);
    const ended = onAll((engine) => {
      let deepest = 0;
      let depth = 0;
      const act = (guest: WasmSandbox) => {
        deepest = Math.max(deepest, ++depth);
        guest.call('run', args);
      };
      return { ...endingOf(during(engine, source, act, { stackLimit: 1 << 24 }), 'run', args), deepest };
    });
    expect(ended.ending).toBe('STACK_LIMIT');
    expect(ended.deepest).toBeGreaterThan(1);
    expect(ended.deepest).toBeLessThanOrEqual(100);
    expect((ended.deepest - 1) * (params + results + given)).toBeLessThanOrEqual(4_000);
  });
});

describe('what the host is set to, to find faults, changes nothing (CWA-2025-003)', () => {
  const guest = (isNamed: boolean) =>
    encodeModule({
      imports: [HOST],
      memories: [{ min: 1 }],
      functions: [
        { body: [['call', 1]], export: 'recurse' },
        { body: ['unreachable'], export: 'trap' },
        { body: [['i32.const', -1], ['i32.load', {}], 'drop'], export: 'load' },
        { body: ['loop', ['br', 0], 'end'], export: 'spin' },
        { body: [['call', 0]], export: 'ask' },
      ],
      ...(isNamed && { names: { 1: 'recurse', 2: 'trap', 3: 'load', 4: 'spin', 5: 'ask' } }),
    });
  const source = guest(true);
  const CALLS = ['recurse', 'trap', 'load', 'ask', 'spin'];
  const failing = () => {
    throw new Error('no');
  };

  function outcomes(engine: EngineName, options: Partial<SandboxOptions> = {}): Ended[] {
    const sandbox = WasmSandbox.create({
      source,
      engine,
      gasLimit: 200_000n,
      capabilities: [Capability.hostFunctions('env', { host: failing })],
      ...options,
    });
    return CALLS.map((name) => endingOf(sandbox, name));
  }

  const plain = outcomes('interpreter');
  const { stackTraceLimit, prepareStackTrace } = Error;
  afterEach(() => {
    Error.stackTraceLimit = stackTraceLimit;
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Error.prepareStackTrace = prepareStackTrace;
  });

  test('each call ends as it does', () => {
    expect(plain.map(({ ending }) => ending)).toEqual([
      'STACK_LIMIT',
      'unreachable',
      'memory-out-of-bounds',
      'HOST',
      'GAS_EXHAUSTED',
    ]);
  });

  describe.each(ENGINES)('%s', (engine) => {
    test.each([0, 1, 1_000, Number.POSITIVE_INFINITY, undefined])('with stack traces of %s lines', (lines) => {
      (Error as { stackTraceLimit?: number | undefined }).stackTraceLimit = lines;
      expect(outcomes(engine)).toEqual(plain);
    });

    test('with stack traces that fail, or are something else', () => {
      for (const prepare of [failing, () => undefined, () => 7]) {
        Error.prepareStackTrace = prepare;
        expect(outcomes(engine)).toEqual(plain);
      }
    });

    test('with a record of all that the host is asked', () => {
      const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict()).enableAuditLogging().build();
      expect(outcomes(engine, { securityPolicy })).toEqual(plain);
    });

    test('without the names of functions', () => {
      expect(outcomes(engine, { source: guest(false) })).toEqual(plain);
    });

    test.each([10, 1_000, 3_000])('from %d calls deep in the host', (depth) => {
      const at = (left: number): Ended[] => (left === 0 ? outcomes(engine) : at(left - 1));
      expect(at(depth)).toEqual(plain);
    });
  });
});
