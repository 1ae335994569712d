/** References that do not keep what they refer to; some runtimes have none, and there they do. */

export interface Weak<T> {
  deref(): T | undefined;
}

export function weakly<T extends object>(value: T): Weak<T> {
  return typeof WeakRef === 'undefined' ? { deref: () => value } : new WeakRef(value);
}
