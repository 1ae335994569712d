/** The fixture programs on all three engines. */

import { describe, expect, test } from 'vitest';
import { type Fixture, loadFixture, manifest } from '../../fixtures/load.node.ts';
import { createHost, SecurityPolicy } from '../../policy/index.ts';
import { decode } from '../../wasm/decode.ts';
import { CompileError } from '../../wasm/errors.ts';
import { ENGINES, type EngineKey, type TriangleCall, type TriangleOptions, trace, traces } from './triangle.ts';

const [REFERENCE, ...OTHERS] = Object.keys(ENGINES) as EngineKey[];

/** The calls that the manifest lists, or the start of a command. */
function callsOf(fixture: Fixture): readonly TriangleCall[] {
  if (fixture.kind === 'wasi') return [{ export: '_start', args: [] }];
  return fixture.expect?.calls ?? [];
}

function optionsOf(fixture: Fixture): TriangleOptions {
  if (fixture.kind === 'hostile') return { limits: { gas: 1_000_000n } };
  if (fixture.kind !== 'wasi') return {};
  return { imports: () => createHost(SecurityPolicy.strict(), { args: ['program', ...fixture.args] }).resolve };
}

/** Those that the decoder takes, so far. */
const usable = manifest.filter(({ name }) => {
  try {
    decode(loadFixture(name));
    return true;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
});

describe('agree on every fixture', () => {
  test.each(usable.map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
    const module = decode(loadFixture(name));
    const found = traces(module, callsOf(fixture), optionsOf(fixture));
    for (const other of OTHERS) expect(found[other], other).toEqual(found[REFERENCE as EngineKey]);
  });

  test.each(usable.map((fixture) => [fixture.name, fixture] as const))('%s in slices', (name, fixture) => {
    const module = decode(loadFixture(name));
    const slices = () => ({ gas: 997, onSlice: () => undefined });
    const calls = callsOf(fixture);
    const expected = trace(ENGINES.interpreter, module, calls, optionsOf(fixture));
    for (const other of OTHERS) {
      expect(trace(ENGINES[other], module, calls, { ...optionsOf(fixture), slices: slices() }), other).toEqual(
        expected,
      );
    }
  });
});

describe('run out of gas at the same place', () => {
  test.each(usable.map((fixture) => [fixture.name, fixture] as const))('%s', (name, fixture) => {
    const module = decode(loadFixture(name));
    const calls = callsOf(fixture);
    const whole = trace(ENGINES.interpreter, module, calls, optionsOf(fixture));
    const total = BigInt(/gas (\d+)/.exec(whole.findLast((line) => line.includes('gas')) ?? '')?.[1] ?? 0);
    for (const share of [0n, 1n, 300n, 500n, 900n, 999n, 1000n]) {
      const limits = { gas: (total * share) / 1000n };
      const found = traces(module, calls, { ...optionsOf(fixture), limits });
      for (const other of OTHERS)
        expect(found[other], `${other}, ${limits.gas}`).toEqual(found[REFERENCE as EngineKey]);
    }
  });
});
