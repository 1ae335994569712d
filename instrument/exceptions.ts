/** Tags and exceptions (JavaScript API, 5.10 and 5.11) of a namespace whose instances run on another one. */

import { CompileError, LinkError, WasmSandboxError } from '../wasm/errors.ts';
import { exitStatus } from '../wasm/host.ts';
import { isOf } from '../wasm/is-of.ts';
import { FUNCREF, type FuncType } from '../wasm/types.ts';
import { dictionary, index, sequence } from '../wasm/web-idl.ts';
import type { RawException, RawTag, WasmHost } from './host.ts';
import type { Raised, References } from './metered-instance.ts';

type Traced = { readonly traceStack?: boolean };

/** The classes, and what is between their objects and the engine's. */
export function exceptionsOf(host: WasmHost, references: References, canonical: (value: unknown) => unknown) {
  const rawTags = new WeakMap<object, RawTag>();
  const shownTags = new WeakMap<RawTag, object>();
  /** By tag: which of its values are functions. */
  const functions = new WeakMap<RawTag, readonly boolean[]>();
  const rawExceptions = new WeakMap<object, RawException>();
  const shownExceptions = new WeakMap<RawException, object>();

  function bindTag(object: object, raw: RawTag, areFunctions: readonly boolean[]): void {
    rawTags.set(object, raw);
    shownTags.set(raw, object);
    functions.set(raw, areFunctions);
  }

  function bindException(object: object, raw: RawException): void {
    rawExceptions.set(object, raw);
    shownExceptions.set(raw, object);
  }

  class Tag {
    /** @throws TypeError */
    constructor(descriptor: { readonly parameters: readonly string[] }) {
      const given = sequence(dictionary(descriptor, 'tag')['parameters'], 'the parameters of a tag');
      const parameters = given.map((name) => `${name}`.replace(/^funcref$/, 'anyfunc'));
      const Class = host.Tag as NonNullable<WasmHost['Tag']>;
      bindTag(
        this,
        new Class({ parameters: parameters as WebAssembly.ValueType[] }),
        parameters.map((name) => name === 'anyfunc'),
      );
    }
  }

  /** An exception with a tag, thrown by a guest or by the embedder. */
  class Exception {
    /** @throws TypeError */
    constructor(tag: Tag, payload: Iterable<unknown>, ...[options]: [options?: Traced]) {
      const raw = rawTag(tag);
      if (raw === host.JSTag) throw new TypeError('exceptions with JSTag are thrown as they are');
      const areFunctions = functions.get(raw) ?? [];
      const given = sequence(payload, 'the payload of an exception');
      if (given.length !== areFunctions.length) throw new TypeError(`the tag takes ${areFunctions.length} values`);
      const values = given.map((value, i) => (areFunctions[i] === true ? references.toGuest(value) : canonical(value)));
      const Class = host.Exception as NonNullable<WasmHost['Exception']>;
      const exception = new Class(raw, values, ...(options == null ? [] : [options]));
      bindException(this, exception);
      if ('stack' in exception) {
        Object.defineProperty(this, 'stack', { value: exception.stack, configurable: true, writable: true });
      }
    }

    /** Whether it has the tag. @throws TypeError */
    is(tag: Tag): boolean {
      return rawException(this).is(rawTag(tag));
    }

    /** A value of its payload. @throws TypeError, RangeError */
    getArg(tag: Tag, at: number): unknown {
      const [exception, raw] = [rawException(this), rawTag(tag)];
      if (!exception.is(raw)) throw new TypeError('the exception has another tag');
      const place = index(at, 'index');
      const value = exception.getArg(raw, place);
      return functions.get(raw)?.[place] === true ? references.toHost(value) : value;
    }
  }

  function rawTag(tag: unknown): RawTag {
    const raw = typeof tag === 'object' && tag !== null ? rawTags.get(tag) : undefined;
    if (raw === undefined) throw new TypeError('a WebAssembly.Tag was expected');
    return raw;
  }

  function rawException(exception: object): RawException {
    const raw = rawExceptions.get(exception);
    if (raw === undefined) throw new TypeError('incompatible receiver');
    return raw;
  }

  /** The object for a tag of a guest's. */
  function showTag(raw: RawTag, { params }: FuncType): object {
    let found = shownTags.get(raw);
    if (found === undefined) {
      found = Object.create(Tag.prototype) as object;
      bindTag(
        found,
        raw,
        params.map((type) => type === FUNCREF),
      );
    }
    return found;
  }

  /** What the embedder gets of what nobody has caught: what its own code threw comes as it is. */
  function uncaught(error: unknown): unknown {
    const { Exception: Class } = host;
    if (Class === undefined || !(error instanceof Class)) return error;
    let found = shownExceptions.get(error);
    if (found === undefined) {
      found = Object.create(Exception.prototype) as object;
      bindException(found, error);
    }
    return found;
  }

  /** What the embedder's code has thrown, as guests may catch it; undefined where it ends them. */
  function exceptionOf(error: unknown): Raised | undefined {
    const raw = typeof error === 'object' && error !== null ? rawExceptions.get(error) : undefined;
    if (raw !== undefined) return { error: raw };
    // What compiling and linking throw is the host function's own failure: it ends no guest.
    const isFailure = error instanceof WasmSandboxError && !isOf(error, CompileError) && !isOf(error, LinkError);
    return isFailure || exitStatus(error) !== undefined ? undefined : { error };
  }

  let jsTag: object | undefined;
  if (host.JSTag !== undefined) {
    jsTag = Object.create(Tag.prototype) as object;
    bindTag(jsTag, host.JSTag, []);
  }

  return {
    classes: host.Tag === undefined || host.Exception === undefined ? {} : { Tag, Exception },
    jsTag,
    rawTags,
    showTag,
    uncaught,
    exceptionOf,
  };
}
