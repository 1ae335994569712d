/**
 * What stands behind the objects of the API: a private field that is put onto them. A WeakMap would keep what is behind
 * objects that nobody has any more alive until the next full collection of garbage, and make each collection longer.
 */

import type { ExternValue, GuestFunction, Instance } from '../../interpreter/store/instance.ts';
import type { ExceptionInstance } from '../../interpreter/values/exception.ts';

/** What objects that are no functions stand for. */
export type Address = Exclude<ExternValue, GuestFunction> | ExceptionInstance;

type Core = Address | GuestFunction | Instance;

/** Makes of any object its instance. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what the constructor returns gets the fields of those below.
    return object;
  }
}

class Behind extends Given {
  readonly #core: Core;

  constructor(object: object, core: Core) {
    super(object);
    this.#core = core;
  }

  static of(object: object): Core | undefined {
    return #core in object ? object.#core : undefined;
  }
}

/** Puts something behind an object, once. */
export function hide(object: object, core: Core): void {
  new Behind(object, core);
}

/** Makes an object stand for an address, or a function for a guest's: the only one to do so. */
export function bind(object: object, address: Address | GuestFunction): void {
  hide(object, address);
  address.shown = object;
}

/** What is behind an object; undefined where it is none of the API's. */
export function behind(object: object): Core | undefined {
  return Behind.of(object);
}
