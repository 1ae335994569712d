/** Folders of modules on Node's file system. */

import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../../wasm/errors.ts';
import { messageOf, quote } from '../../wasm/quote.ts';
import type { ModuleFiles } from './files.ts';

const MODULE = /^(.+)\.(?:wasm|wat)$/;
/** Milliseconds without a change after which a file is taken for written. */
const SETTLED = 100;

export const nodeFiles: ModuleFiles = {
  async list(folder) {
    const path = nodeFiles.absolute(folder);
    let names: string[];
    try {
      names = await readdir(path);
    } catch (cause) {
      throw new UsageError(`modules: cannot read the folder ${quote(path, 200)}: ${messageOf(cause)}`, { cause });
    }
    const found = new Map<string, string>();
    for (const file of names.sort()) {
      const name = MODULE.exec(file)?.[1];
      if (name === undefined || name.startsWith('.')) continue;
      if (found.has(name)) throw new UsageError(`modules: two files in ${quote(path, 200)} are named ${quote(name)}`);
      found.set(name, join(path, file));
    }
    return found;
  },

  absolute: (path) => resolve(path instanceof URL || path.startsWith('file:') ? fileURLToPath(path) : path),

  folderOf: (file) => dirname(nodeFiles.absolute(file)),

  watch(folders, onChange) {
    let timer: NodeJS.Timeout | undefined;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(onChange, SETTLED).unref();
    };
    const watchers: FSWatcher[] = [...folders].map((folder) => {
      const watcher = watch(folder, { persistent: false }, changed);
      // A folder that is gone has no more changes.
      return watcher.on('error', () => watcher.close());
    });
    return () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    };
  },
};
