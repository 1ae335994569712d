/** As much of JSON Schema as docs/policy.schema.json uses. An unknown keyword is an error, so that none is overlooked. */

export type Schema = { readonly [keyword: string]: unknown };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
};

/** Whether a value is what a schema says. */
export function fits(root: Schema, schema: Schema, value: unknown): boolean {
  const every = (list: unknown[], inner: unknown) => list.every((item) => fits(root, inner as Schema, item));
  const count = (schemas: unknown) => (schemas as Schema[]).filter((inner) => fits(root, inner, value)).length;
  const keywords: Record<string, (wanted: never) => boolean> = {
    type: (wanted: string) => TYPES[wanted]?.(value) === true,
    const: (wanted: unknown) => value === wanted,
    enum: (wanted: unknown[]) => wanted.includes(value),
    not: (wanted: Schema) => !fits(root, wanted, value),
    anyOf: (wanted: unknown) => count(wanted) > 0,
    oneOf: (wanted: unknown) => count(wanted) === 1,
    items: (wanted: unknown) => !Array.isArray(value) || every(value, wanted),
    minimum: (wanted: number) => typeof value !== 'number' || value >= wanted,
    maximum: (wanted: number) => typeof value !== 'number' || value <= wanted,
    exclusiveMinimum: (wanted: number) => typeof value !== 'number' || value > wanted,
    pattern: (wanted: string) => typeof value !== 'string' || new RegExp(wanted, 'u').test(value),
    required: (wanted: string[]) => !isObject(value) || wanted.every((key) => Object.hasOwn(value, key)),
    properties: (wanted: Record<string, Schema>) =>
      !isObject(value) ||
      Object.entries(wanted).every(([key, inner]) => !Object.hasOwn(value, key) || fits(root, inner, value[key])),
    propertyNames: (wanted: Schema) => !isObject(value) || every(Object.keys(value), wanted),
    additionalProperties: (wanted: Schema | false) => {
      if (!isObject(value)) return true;
      const known = (schema['properties'] ?? {}) as object;
      const others = Object.keys(value).filter((key) => !Object.hasOwn(known, key));
      return wanted === false
        ? others.length === 0
        : every(
            others.map((key) => value[key]),
            wanted,
          );
    },
    $ref: (wanted: string) => fits(root, resolve(root, wanted), value),
    description: () => true,
    title: () => true,
    $schema: () => true,
    $defs: () => true,
  };
  return Object.entries(schema).every(([keyword, wanted]) => {
    const check = keywords[keyword];
    if (check === undefined) throw new TypeError(`unknown keyword ${keyword}`);
    return check(wanted as never);
  });
}

function resolve(root: Schema, reference: string): Schema {
  const found = (root['$defs'] as Record<string, Schema>)[reference.replace('#/$defs/', '')];
  if (found === undefined) throw new TypeError(`nothing at ${reference}`);
  return found;
}
