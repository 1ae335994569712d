/** What `using` and `await using` call. */

interface Disposers<T> {
  /** For `using`. */
  readonly sync?: (self: T) => void;
  /** For `await using`. */
  readonly async?: (self: T) => Promise<void>;
}

/** Gives a class the methods. A runtime without their symbols has no `using` either, and is left alone. */
export function makeDisposable<T extends object>(prototype: T, { sync, async }: Disposers<T>): void {
  const define = (symbol: symbol | undefined, method: ((self: T) => unknown) | undefined) => {
    if (symbol === undefined || method === undefined) return;
    const value = function (this: T) {
      return method(this);
    };
    Object.defineProperty(prototype, symbol, { value, configurable: true, writable: true });
  };
  define(Symbol.dispose, sync);
  define(Symbol.asyncDispose, async);
}
