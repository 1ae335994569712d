/** Promises of any realm, and what behaves like one: all of them make a guest wait, whoever made them. */

const { then } = Promise.prototype;

/** Whether `await` would wait for the value. What cannot even be asked is one that fails. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  try {
    return typeof (value as Partial<PromiseLike<T>>).then === 'function';
  } catch {
    return true;
  }
}

/** Applies `use` now, or when the thenable has settled: what is there already does not come later too. */
export function whenReady<T, R>(value: T | PromiseLike<T>, use: (value: T) => R | Promise<R>): R | Promise<R> {
  return isThenable(value) ? whenSettled(value, use) : use(value);
}

/**
 * What `use` or `failed` makes of the value: one of them is called, once and later, whatever the thenable does. Never
 * throws, and gives a promise without methods of its own.
 */
export function whenSettled<T, R, F = never>(
  thenable: PromiseLike<T>,
  use: (value: T) => R | PromiseLike<R>,
  failed: (error: unknown) => F | PromiseLike<F> = rethrow,
): Promise<R | F> {
  return new Promise((resolve, reject) => {
    const settle =
      <V>(make: (value: V) => R | F | PromiseLike<R | F>) =>
      (value: V) => {
        try {
          resolve(make(value));
        } catch (error) {
          reject(error);
        }
      };
    try {
      // For promises, whatever their class has in its place.
      Reflect.apply(then, thenable, [settle(use), settle(failed)]);
    } catch {
      new Promise<T>((adopt) => adopt(thenable)).then(settle(use), settle(failed));
    }
  });
}

function rethrow(error: unknown): never {
  throw error;
}

/** Lets a thenable fail, or not, with nobody looking. Other values need nothing. */
export function ignore(value: unknown): void {
  const nothing = () => undefined;
  if (isThenable(value)) void whenSettled(value, nothing, nothing);
}
