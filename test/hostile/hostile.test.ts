/** Guests that do what other engines failed at: docs/security.md has the list. Nothing of it may differ by the engine. */

import { describe, expect, test } from 'vitest';
import { type WasmSandbox as AnySandbox, Capability } from '../../src/index.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { WasmSandboxError } from '../../wasm/errors.ts';
import { encodeModule } from '../generate/encode.ts';
import { BULK } from './bulk.ts';
import { CONTROL } from './control.ts';
import { LIMITS, LOCALS, withLocals } from './limits.ts';
import { METERING } from './metering.ts';
import { NUMBERS } from './numbers.ts';
import { ENGINES, type Hostile, outcomeOf } from './outcome.ts';
import { POINTERS } from './pointers.ts';
import { REMEMBERED } from './remembered.ts';

function check(cases: readonly Hostile[]) {
  test.each(cases.map((hostile) => [hostile.name, hostile] as const))('%s', (_, hostile) => {
    const engines = hostile.only === undefined ? ENGINES : [hostile.only];
    const [first, ...others] = engines.map((engine) => outcomeOf(hostile, engine));
    if (hostile.ending !== undefined) expect(first?.ending).toEqual(hostile.ending);
    for (const other of others) expect(other).toEqual(first);
  });
}

describe('numbers, addresses and sizes', () => check(NUMBERS));
describe('control flow', () => check(CONTROL));
describe('bulk work', () => check(BULK));
describe('what is remembered', () => check(REMEMBERED));
describe('long lines', () => check(METERING));
describe('limits', () => check(LIMITS));
describe('pointers given to WASI', () => check(POINTERS));

describe.each(ENGINES)('locals are paid for at every call (%s)', (engine) => {
  test('more of them cost more, by a unit for each few', () => {
    const costs = LOCALS.map((count) => {
      const sandbox = WasmSandbox.create({ source: withLocals(count), engine });
      const before = sandbox.getResourceStats().gasUsed;
      sandbox.call('run');
      return Number(sandbox.getResourceStats().gasUsed - before);
    });
    const [none = 0, ...others] = costs;
    others.forEach((cost, i) => {
      expect(cost - none).toBeGreaterThanOrEqual((LOCALS[i + 1] as number) / 32);
    });
  });

  test.each(['lets everything pass', 'catches everything'])(
    'a guest and a host that call one another end: the host %s',
    (how) => {
      const source = encodeModule({
        imports: [{ module: 'env', name: 'host', function: { params: [], results: [] } }],
        functions: [{ body: [['call', 0]], export: 'run' }],
      });
      let deepest = 0;
      let depth = 0;
      let sandbox: Pick<AnySandbox, 'call'> | WasmSandbox | undefined;
      const host = () => {
        deepest = Math.max(deepest, ++depth);
        try {
          sandbox?.call('run');
        } catch (error) {
          if (how === 'lets everything pass') throw error;
        } finally {
          depth--;
        }
      };
      const made = WasmSandbox.create({ source, engine, capabilities: [Capability.hostFunctions('env', { host })] });
      sandbox = made;
      let failure: unknown;
      try {
        made.call('run');
      } catch (error) {
        failure = error;
      }
      if (how === 'lets everything pass') expect(failure).toBeInstanceOf(WasmSandboxError);
      expect(deepest).toBeLessThanOrEqual(100);
      expect(made.getResourceStats().gasUsed).toBeGreaterThan(0n);
    },
  );
});
