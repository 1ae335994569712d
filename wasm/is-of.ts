/** `instanceof`, for what somebody else threw or returned: a proxy may throw when it is asked what it is. */
export function isOf<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
