/** What is reported as plain objects, and can be given to `JSON.stringify` although units of gas are bigints. */

const text = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function toJSON(this: object): object {
  const values = Object.entries(this).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map(text) : text(value),
  ]);
  return Object.fromEntries(values);
}

/** Has JSON show the bigints of an object as decimal digits in a string. Nothing else sees a difference. */
export function reported<T extends object>(values: T): T {
  return Object.defineProperty(values, 'toJSON', { value: toJSON });
}
