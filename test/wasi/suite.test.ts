/** The official programs for WASI preview 1, on a folder of the host's and on files in memory. */

import { describe, expect, test } from 'vitest';
import { Capability } from '../../src/index.ts';
import exceptions from './exceptions.json' with { type: 'json' };
import { loadSuite, type Program, readTree, run, runInFolder } from './suite.ts';

const programs = loadSuite();

const onFileSystem: Record<'directory' | 'memory', (program: Program) => Promise<void>> = {
  directory: runInFolder,
  memory: (program) =>
    run(program, program.root === undefined ? [] : [Capability.filesystemAccess({ memory: readTree(program.root) })]),
};

describe('wasi-testsuite', () => {
  describe.each(Object.entries(onFileSystem))('%s', (kind, runOn) => {
    const except: Readonly<Record<string, string>> = exceptions[kind as 'directory' | 'memory'];

    test.each(programs.filter(({ name }) => !Object.hasOwn(except, name)))('$name', async (program) => {
      await runOn(program);
    });

    test('exceptions are programs of the suite', () => {
      const names = programs.map(({ name }) => name);
      expect(Object.keys(except).filter((name) => !names.includes(name))).toEqual([]);
    });
  });
});
