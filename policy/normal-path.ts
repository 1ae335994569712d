/** Paths as guests write them. */

/** A guest path by its letters alone: absolute, without `.`, `..` and empty parts. Undefined where it leads out. */
export function normalPath(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return `/${parts.join('/')}`;
}
