/** Resources: what components hold of the host's, each an object that nothing can be told from. */

import { HostError } from '../../wasm/errors.ts';

/** Resources of one kind. Their objects are made of the class of the host that they belong to. */
export class Kind<S> {
  /** As WIT has it. */
  readonly name: string;
  private readonly states = new WeakMap<object, S>();

  constructor(name: string) {
    this.name = name;
  }

  bind(object: object, state: S): void {
    this.states.set(object, state);
  }

  /** @throws HostError where it was dropped, or never was one */
  of(object: unknown): S {
    const state = typeof object === 'object' && object !== null ? this.states.get(object) : undefined;
    if (state === undefined)
      throw new HostError(`the component used a handle of the kind ${this.name} that it does not have`);
    return state;
  }

  /** @throws HostError where it was dropped, or never was one */
  drop(object: unknown): S {
    const state = this.of(object);
    this.states.delete(object as object);
    return state;
  }
}

/** The error of a `result`, as the transpiler's code takes it from what is thrown. No `Error`: guests make many. */
export class WitError {
  readonly payload: unknown;

  constructor(payload: unknown) {
    this.payload = payload;
  }
}

/** What was thrown carries the error of a `result`. */
export function hasPayload(error: unknown): error is { readonly payload: unknown } {
  return typeof error === 'object' && error !== null && Object.hasOwn(error, 'payload');
}
