/** What namespaces on every engine look like beyond their members: error classes that need no `new`, and a tag. */

import { CompileError, LinkError, RuntimeError } from '../../wasm/errors.ts';

/** As errors of the language, they can be called as well. */
type ErrorConstructor<T extends Error> = {
  new (message?: string, options?: ErrorOptions): T;
  (message?: string, options?: ErrorOptions): T;
  readonly prototype: T;
};

function callable<T extends Error>(Class: { readonly prototype: T; readonly name: string }): ErrorConstructor<T> {
  const make = (target: object, [message = '', ...rest]: unknown[], newTarget: object): object => {
    const error: T = Reflect.construct(target as new () => T, [String(message), ...rest], newTarget as new () => T);
    // A class that only stands for others has no name of its own.
    if (!error.name) Object.defineProperty(error, 'name', { value: Class.name, configurable: true, writable: true });
    return error;
  };
  const handler = {
    construct: make,
    apply: (target: object, _: unknown, given: unknown[]) => make(target, given, target),
  };
  return new Proxy<object>(Class, handler) as ErrorConstructor<T>;
}

/** `instanceof` takes them for the classes that are thrown. */
export const ERRORS = {
  CompileError: callable(CompileError),
  LinkError: callable(LinkError),
  RuntimeError: callable(RuntimeError),
};

/** The namespace of the members. Glue code may assign to them, as to the host's. */
export function shaped<T extends object>(members: T): T & { readonly [Symbol.toStringTag]: 'WebAssembly' } {
  const tag = { value: 'WebAssembly', configurable: true, enumerable: false, writable: false };
  return Object.defineProperty(members, Symbol.toStringTag, tag) as T & {
    readonly [Symbol.toStringTag]: 'WebAssembly';
  };
}
