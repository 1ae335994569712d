/** The runtime's garbage collector, for the few runtimes that let themselves be asked. */

/** What collectors are called, where they can be called: V8 with `--expose-gc`, and Bun. */
interface Collectors {
  readonly gc?: unknown;
  readonly Bun?: { readonly gc?: unknown };
}

/** Collects now, and wholly. Returns false where the runtime offers no way to ask. */
export function collectGarbage(): boolean {
  const { gc, Bun } = globalThis as unknown as Collectors;
  if (typeof gc === 'function') {
    gc();
    return true;
  }
  if (typeof Bun?.gc === 'function') {
    Bun.gc(true);
    return true;
  }
  return false;
}
