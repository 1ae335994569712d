/** The official suite on the three engines: the same results, and the same gas for every instance. */

import { describe, expect, test } from 'vitest';
import { superseded } from '../spec/deviations.ts';
import { selectFiles } from '../spec/features.ts';
import { featuresOf } from '../spec/hosts.ts';
import { namespaceHost } from '../spec/namespace-host.ts';
import { type Failure, runScript } from '../spec/run.ts';
import type { Command } from '../spec/script.ts';
import { loadScript, loadText, textFiles } from '../spec/suite.ts';
import supported from '../spec/supported.json' with { type: 'json' };
import { MAKERS, type Make } from './random.ts';

const LIMITS = { gas: undefined, memoryBytes: 2 ** 32, stackBytes: 256 * 1024 };

/** Runs a script; returns what failed, and the gas of all instances in their order. */
function run(
  make: Make,
  commands: readonly Command[],
  sharedMemory: boolean,
): { failed: readonly Failure[]; gas: readonly string[] } {
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
    sharedMemory,
  });
  const { failed } = runScript(commands, host);
  return { failed, gas: instances.map((instance) => String(namespace.stats(instance as never).gasUsed)) };
}

/** @param known lines that fail everywhere */
function compare(commands: readonly Command[], known: readonly number[] = [], sharedMemory = false): void {
  const [reference, ...others] = Object.entries(MAKERS) as [string, Make][];
  const unknown = ({ failed }: ReturnType<typeof run>) =>
    failed.filter(({ line }) => !known.includes(line)).slice(0, 5);
  const expected = run((reference as [string, Make])[1], commands, sharedMemory);
  expect(unknown(expected)).toEqual([]);
  for (const [name, make] of others) {
    const found = run(make, commands, sharedMemory);
    expect(unknown(found), name).toEqual([]);
    expect(found.gas, name).toEqual(expected.gas);
  }
}

/** The one that needs a second memory of the test's own module, a shared one. */
const IMPORTS = 'proposals/threads/imports';

function beyondForNative(): readonly string[] {
  // Tags, which the scripts about the exceptions of old have too, count as exceptions there.
  const has = [...featuresOf('native-metered'), 'exceptions'] as const;
  const files = textFiles()
    .filter((file) => /^(proposals\/threads|legacy)\//.test(file))
    .filter((file) => file !== IMPORTS || has.includes('multi-memory'))
    .map((file) => [file, loadText(file)] as const);
  return selectFiles(files, has).files;
}

function filesForNative(): readonly string[] {
  const scripts = supported.files.map((file) => [file, loadScript(file)] as const);
  return selectFiles(scripts, featuresOf('native-metered')).files;
}

describe('the official suite, counted', () => {
  test.each(filesForNative())('%s', (file) => {
    compare(loadScript(file));
  });
});

/** What the published suite has beyond release 3.0: of proposals, and of what it has left out. */
describe('the published suite, counted', () => {
  test.each(beyondForNative())('%s', (file) => {
    compare(loadText(file), superseded[file], file === IMPORTS);
  });
});
