/** The official suite on the three engines: the same results, and the same gas for every instance. */

import { describe, expect, test } from 'vitest';
import { selectFiles } from '../spec/features.ts';
import { featuresOf } from '../spec/hosts.ts';
import { namespaceHost } from '../spec/namespace-host.ts';
import { runScript } from '../spec/run.ts';
import { loadScript } from '../spec/suite.ts';
import supported from '../spec/supported.json' with { type: 'json' };
import { MAKERS, type Make } from './random.ts';

const LIMITS = { gas: undefined, memoryBytes: 2 ** 32, stackBytes: 256 * 1024 };

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
  const host = namespaceHost('metered', Object.create(namespace, { Instance: { value: Instance } }), {
    table64: false,
  });
  const { failed } = runScript(loadScript(file), host);
  return { failed, gas: instances.map((instance) => String(namespace.stats(instance as never).gasUsed)) };
}

function filesForNative(): readonly string[] {
  const scripts = supported.files.map((file) => [file, loadScript(file)] as const);
  return selectFiles(scripts, featuresOf('native-metered')).files;
}

describe('the official suite, counted', () => {
  test.each(filesForNative())('%s', (file) => {
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
