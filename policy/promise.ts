/** Working on values that may come later, without making those that are there already come later too. */

/** Whether a value is a promise, of this realm or another. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function';
}

/** Applies `use` now, or when the promise has settled. */
export function whenReady<T, R>(value: T | Promise<T>, use: (value: T) => R | Promise<R>): R | Promise<R> {
  return isPromise(value) ? value.then(use) : use(value);
}
