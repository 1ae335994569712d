/** What the meter counts, beside other guests that do more or less of the same: docs/security.md has the list. */

import { describe, expect, test } from 'vitest';
import { Capability } from '../../src/index.ts';
import type { SandboxOptions } from '../../src/sandbox/options.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { Trap, WasmSandboxError } from '../../wasm/errors.ts';
import { FAILING } from './bulk.ts';
import { FORKED_WAYS, STEPS, TRAPPING } from './metering.ts';
import { ENGINES, type EngineName, onlyOn } from './outcome.ts';

/** Units that a call takes, however it ends. */
function cost(source: Uint8Array, engine: EngineName, args: readonly unknown[] = []): number {
  const sandbox = WasmSandbox.create({ source, engine });
  const before = sandbox.getResourceStats().gasUsed;
  try {
    sandbox.call('run', args);
  } catch (error) {
    if (!(error instanceof WasmSandboxError)) throw error;
  }
  return Number(sandbox.getResourceStats().gasUsed - before);
}

const enginesOf = (source: Uint8Array): readonly EngineName[] => {
  const { only } = onlyOn(source);
  return only === undefined ? ENGINES : [only];
};

describe('where ways part, each pays for all that was done before', () => {
  test.each(FORKED_WAYS.map((way) => [way.name, way] as const))('%s', (_, { source, argument }) => {
    for (const engine of enginesOf(source(0))) {
      const [none, some, more] = [0, 10, 1_000].map((units) => cost(source(units), engine, [argument]));
      // A drop is free, a comparison costs a unit, and four values that are pushed cost one.
      expect((some as number) - (none as number)).toBeGreaterThanOrEqual(12);
      expect((more as number) - (none as number)).toBe(1_250);
    }
  });
});

describe('what was done before a trap is paid for', () => {
  test.each(TRAPPING.map((trapping) => [trapping.name, trapping] as const))('%s', (_, { kind, source }) => {
    const outcomes = ENGINES.map((engine) => {
      const sandbox = WasmSandbox.create({ source, engine });
      const gas = [sandbox.getResourceStats().gasUsed];
      for (const rounds of [1, 1_000, 1_000, 2_000]) {
        let failure: unknown;
        try {
          sandbox.call('run', [rounds]);
        } catch (error) {
          failure = error;
        }
        expect(failure).toBeInstanceOf(Trap);
        const { kind: ended, resources } = failure as Trap;
        expect(ended).toBe(kind);
        gas.push(sandbox.getResourceStats().gasUsed);
        expect(resources?.gasUsed).toBe(gas.at(-1));
      }
      return gas.slice(1).map((used, i) => Number(used - (gas[i] as bigint)));
    });
    const [first = [], ...others] = outcomes;
    for (const other of others) expect(other).toEqual(first);
    const [one = 0, thousand = 0, again = 0, two = 0] = first;
    expect(again).toBe(thousand);
    expect(two - thousand).toBeGreaterThan(1_000);
    // Each round costs the same.
    expect((two - thousand) * 999).toBe((thousand - one) * 1_000);
  });
});

describe('bulk work that fails costs the same, however much there would have been', () => {
  test.each(FAILING)('%s', (_, sources) => {
    const costs = sources.flatMap((source) => enginesOf(source).map((engine) => cost(source, engine)));
    expect(new Set(costs).size).toBe(1);
    expect(costs[0]).toBeLessThan(1_500);
  });
});

describe('with every limit there is', () => {
  function run(engine: EngineName, gasLimit: bigint | undefined) {
    const steps: number[] = [];
    const step = (number: number) => {
      steps.push(number);
    };
    const options: SandboxOptions = {
      source: STEPS,
      engine,
      capabilities: [Capability.hostFunctions('env', { step })],
    };
    let ending = 'done';
    let gas: bigint | undefined;
    try {
      const sandbox = WasmSandbox.create(gasLimit === undefined ? options : { ...options, gasLimit });
      try {
        sandbox.call('run');
      } catch (error) {
        ending = (error as WasmSandboxError).code;
      }
      gas = sandbox.getResourceStats().gasUsed;
    } catch (error) {
      ending = (error as WasmSandboxError).code;
    }
    return { ending, gas, steps };
  }

  const whole = run('interpreter', undefined);
  const all = whole.gas as bigint;

  test('the guest does nothing once its gas is used up, on both engines alike', () => {
    expect(whole).toMatchObject({ ending: 'done', steps: [1, 2, 2, 2, 3, 11, 12, 5, 11, 12, 6, 7, 8, 9, 10] });
    let done = 0;
    for (let limit = 0n; limit <= all; limit += 31n) {
      const [first, other] = ENGINES.map((engine) => run(engine, limit));
      expect(other).toEqual(first);
      expect(first?.ending).toBe('GAS_EXHAUSTED');
      expect(first?.steps).toEqual(whole.steps.slice(0, first?.steps.length));
      expect(first?.steps.length).toBeGreaterThanOrEqual(done);
      done = first?.steps.length ?? 0;
    }
  });

  test('a unit too few ends it, and as many as it takes do not', () => {
    for (const engine of ENGINES) {
      expect(run(engine, all)).toEqual(whole);
      expect(run(engine, all - 1n)).toMatchObject({ ending: 'GAS_EXHAUSTED' });
    }
  });
});
