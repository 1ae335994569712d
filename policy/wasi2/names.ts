/** Names of WIT as programs have them. */

/** `[method]output-stream.check-write` in its parts; functions of no resource have a name alone. */
export interface FunctionName {
  readonly kind: 'function' | 'method' | 'static' | 'constructor' | 'resource-drop';
  /** Of the resource. */
  readonly resource: string | undefined;
  /** Of the function; undefined for constructors and drops. */
  readonly name: string | undefined;
}

export function parseName(name: string): FunctionName {
  const [, kind, resource, method] = /^\[([a-z-]+)\]([a-z0-9-]+)(?:\.([a-z0-9-]+))?$/.exec(name) ?? [];
  if (kind === undefined) return { kind: 'function', resource: undefined, name };
  return { kind: kind as FunctionName['kind'], resource, name: method };
}

/** `check-write` as `checkWrite`. */
export function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `output-stream` as `OutputStream`. */
export function pascalCase(name: string): string {
  return camelCase(`-${name}`);
}
