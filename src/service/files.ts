/** Folders of modules, for the entry of a runtime that has folders. */

import { UsageError } from '../../wasm/errors.ts';

/** What is used of a runtime's files. */
export interface ModuleFiles {
  /**
   * The modules in a folder, by name.
   * @throws UsageError where it cannot be read, or two files have one name
   */
  list(folder: string | URL): Promise<ReadonlyMap<string, string>>;
  /** The path that {@link ModuleFiles.watch} takes. */
  absolute(path: string | URL): string;
  /** That of the folder that a file is in. */
  folderOf(file: string | URL): string;
  /**
   * Tells that something in folders may have changed, a while after it did, as files are written in pieces.
   * @returns ends it
   */
  watch(folders: ReadonlySet<string>, onChange: () => void): () => void;
}

let provided: (() => Promise<ModuleFiles>) | undefined;

/** For the entry of a runtime that has folders. */
export function provideModuleFiles(load: () => Promise<ModuleFiles>): void {
  provided = load;
}

/** @throws UsageError where there are none */
export async function moduleFiles(what: string): Promise<ModuleFiles> {
  const files = await provided?.();
  if (files === undefined)
    throw new UsageError(`${what} needs folders, which this runtime has not: name modules one by one`);
  return files;
}
