/** What namespaces on every engine look like: their members, their error classes, and what guests' errors look like outside. */

import {
  CompileError,
  LinkError,
  RuntimeError,
  StackLimitExceeded,
  Trap,
  WasmSandboxError,
} from '../../wasm/errors.ts';

/** As errors of the language, they can be called as well. */
type ErrorConstructor = {
  new (message?: string, options?: ErrorOptions): Error;
  (message?: string, options?: ErrorOptions): Error;
  readonly prototype: Error;
};

/**
 * A class of errors as the language's own are. Those that the embedder makes are nothing else, so that guests can catch them;
 * `instanceof` takes those of the library's family for it, too.
 */
function errorClass(name: string, Family: abstract new (...args: never[]) => Error): ErrorConstructor {
  const Class = function (...given: [message?: string, options?: ErrorOptions]): Error {
    return Reflect.construct(Error, given, new.target ?? Class);
  } as ErrorConstructor;
  Object.setPrototypeOf(Class, Error);
  const hidden = { configurable: true, writable: true };
  Object.defineProperties(Class, {
    name: { value: name, configurable: true },
    length: { value: 1, configurable: true },
    prototype: { value: Object.create(Error.prototype), writable: false },
    [Symbol.hasInstance]: {
      value(this: unknown, value: unknown): boolean {
        if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
        return this === Class && value instanceof Family && !(value instanceof RangeError);
      },
    },
  });
  Object.defineProperties(Class.prototype, {
    constructor: { value: Class, ...hidden },
    name: { value: name, ...hidden },
    message: { value: '', ...hidden },
  });
  return Class;
}

export const ERRORS = {
  CompileError: errorClass('CompileError', CompileError),
  LinkError: errorClass('LinkError', LinkError),
  RuntimeError: errorClass('RuntimeError', RuntimeError),
};

/** Of errors that say that the stack is full: what the language throws then, with what the library's errors have. */
const OVERFLOW: object = Object.create(RangeError.prototype, {
  ...Object.getOwnPropertyDescriptors(WasmSandboxError.prototype),
  constructor: { value: RangeError, configurable: true, writable: true },
  name: { value: 'RangeError', configurable: true, writable: true },
});

/** Makes what ends a guest look like what the host's engine throws, by which glue code tells errors apart. */
export function asHosts(error: unknown): unknown {
  if (error instanceof Trap) {
    Object.defineProperty(error, 'name', { value: 'RuntimeError', configurable: true, writable: true });
  } else if (error instanceof StackLimitExceeded && !(error instanceof RangeError)) {
    error.message += ': Maximum call stack size exceeded';
    Object.setPrototypeOf(error, OVERFLOW);
  }
  return error;
}

/** What is not enumerable in the host's namespace, by what it begins with. */
const CLASS = /^[A-Z]/;

/** The namespace of the members. Glue code may assign to them, as to the host's. */
export function shaped<T extends object>(members: T): T & { readonly [Symbol.toStringTag]: 'WebAssembly' } {
  for (const name of Object.keys(members)) {
    const enumerable = !CLASS.test(name) && name !== 'stats';
    Object.defineProperty(members, name, { enumerable });
  }
  const tag = { value: 'WebAssembly', configurable: true, enumerable: false, writable: false };
  return Object.defineProperty(members, Symbol.toStringTag, tag) as T & {
    readonly [Symbol.toStringTag]: 'WebAssembly';
  };
}
