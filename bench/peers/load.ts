/** Packages that need not be there. */

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export function isInstalled(name: string): boolean {
  return (require.resolve.paths(name) ?? []).some((folder) => exists(`${folder}/${name}/package.json`));
}

function exists(path: string): boolean {
  try {
    require.resolve(path);
    return true;
  } catch {
    return false;
  }
}

/** Loads a package whose types are not known here. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}
