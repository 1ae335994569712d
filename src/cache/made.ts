/** How caches are told from what only looks like one: sandboxes need not know what else they are. */

const made = new WeakSet<object>();

/** For the cache itself. */
export function madeCache(cache: object): void {
  made.add(cache);
}

export function isCache(value: unknown): boolean {
  return typeof value === 'object' && value !== null && made.has(value);
}
