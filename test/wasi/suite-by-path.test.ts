/** The official programs that use files, on a folder that is held by its path, as on hosts without `/proc/self/fd`. */

import { describe, test, vi } from 'vitest';
import exceptions from './exceptions.json' with { type: 'json' };
import { loadSuite, runInFolder } from './suite.ts';

vi.mock('../../policy/fs/node/open.node.ts', async () => {
  const { HostFileSystem } = await import('../../policy/fs/node/directory.ts');
  return {
    openFolder: (path: string, options: ConstructorParameters<typeof HostFileSystem>[1]) =>
      new HostFileSystem(path, { ...options, anchor: 'path' }),
  };
});

const except: Readonly<Record<string, string>> = exceptions.directoryByPath;
const programs = loadSuite().filter(({ name, root }) => root !== undefined && !Object.hasOwn(except, name));

describe('wasi-testsuite, directories held by path', () => {
  test.each(programs)('$name', runInFolder);
});
