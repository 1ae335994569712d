/** The official suite on the three engines: the same results, and the same gas for every instance. */

import { describe, expect, test } from 'vitest';
import { SUPPORTED, selectFiles } from '../spec/features.ts';
import { namespaceHost } from '../spec/namespace-host.ts';
import { runScript } from '../spec/run.ts';
import { loadScript, suiteFiles, suiteFound, suiteMissing } from '../spec/suite.ts';
import supported from '../spec/supported.json' with { type: 'json' };
import { MAKERS, type Make } from './random.ts';

const LIMITS = { gas: undefined, memoryBytes: 2 ** 32, stackBytes: 256 * 1024 };

if (!suiteFound) console.warn(suiteMissing);

/** Runs a script; returns what failed, and the gas of all instances in their order. */
function run(make: Make, file: string): { failed: readonly unknown[]; gas: readonly string[] } {
  const namespace = make({ limits: LIMITS });
  const instances: object[] = [];
  const Base = namespace.Instance as new (...args: unknown[]) => object;
  class Instance extends Base {
    constructor(...args: unknown[]) {
      super(...args);
      instances.push(this);
    }
  }
  const host = namespaceHost('metered', { ...namespace, Instance });
  const { failed } = runScript(loadScript(file), host);
  return { failed, gas: instances.map((instance) => String(namespace.stats(instance as never).gasUsed)) };
}

/** A global whose initial value is a sum: Node 20 does not take it. */
const EXTENDED_CONST = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 6, 9, 1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b];

function filesForNative(): readonly string[] {
  if (WebAssembly.validate(Uint8Array.from(EXTENDED_CONST))) return supported.files;
  const scripts = suiteFiles().map((file) => [file, loadScript(file)] as const);
  return selectFiles(
    scripts,
    SUPPORTED.filter((feature) => feature !== 'extended-const'),
  ).files;
}

describe.skipIf(!suiteFound)('the official suite, counted', () => {
  test.each(suiteFound ? filesForNative() : [])('%s', (file) => {
    const [reference, ...others] = Object.entries(MAKERS) as [string, Make][];
    const expected = run((reference as [string, Make])[1], file);
    expect(expected.failed).toEqual([]);
    for (const [name, make] of others) {
      const found = run(make, file);
      expect(found.failed.slice(0, 5), name).toEqual([]);
      expect(found.gas, name).toEqual(expected.gas);
    }
  });
});
