/** The functions of a namespace that wait: for bytes, and for what is made of them (JavaScript API, 5.2). */

import { viewOfBufferSource } from '../../wasm/bytes.ts';
import { CompileError } from '../../wasm/errors.ts';
import type { ImportObject } from '../../wasm/imports.ts';
import { quote } from '../../wasm/quote.ts';
import type { CompileOptions } from './builtins.ts';
import { type BufferSource, Module } from './objects.ts';

/** Of the headers of a response, what is asked for. */
export interface Headings {
  /** The value of a field; null where there is none. */
  get(name: string): string | null;
}

/** Where bytes may come from as they arrive: a `Response`, or a promise of one. */
export interface Streamed {
  readonly ok: boolean;
  readonly status: number;
  /** Where there are any, the content type has to be `application/wasm`. */
  readonly headers?: Headings;
  /** All of the body. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

// As an arrow function, it is no constructor.
export const validate = (bytes: BufferSource, options: CompileOptions = {}): boolean => {
  const given = viewOfBufferSource(bytes);
  try {
    new Module(given, options);
    return true;
  } catch (error) {
    if (error instanceof CompileError) return false;
    throw error;
  }
};

export async function compile(bytes: BufferSource, options: CompileOptions = {}): Promise<Module> {
  return new Module(bytes, options);
}

export async function compileStreaming(
  source: Streamed | Promise<Streamed>,
  options: CompileOptions = {},
): Promise<Module> {
  const response = await source;
  if (!response.ok) throw new TypeError(`the response has HTTP status ${response.status}`);
  const type = response.headers?.get('content-type') ?? '';
  if (response.headers !== undefined && type.trim().toLowerCase() !== 'application/wasm') {
    throw new TypeError(`the response has the content type ${quote(type)}: 'application/wasm' was expected`);
  }
  return new Module(await response.arrayBuffer(), options);
}

/** The two that make instances, of the class of a namespace. */
export function instantiating<T>(Instance: new (module: Module, imports?: ImportObject) => T) {
  async function instantiate(
    bytes: BufferSource,
    imports?: ImportObject,
    options?: CompileOptions,
  ): Promise<{ module: Module; instance: T }>;
  async function instantiate(module: Module, imports?: ImportObject): Promise<T>;
  async function instantiate(
    source: Module | BufferSource,
    imports: ImportObject | undefined = undefined,
    options: CompileOptions = {},
  ): Promise<T | { module: Module; instance: T }> {
    // At once, start function and all, as V8 does.
    if (source instanceof Module) return new Instance(source, imports);
    const module = await compile(source, options);
    return { module, instance: new Instance(module, imports) };
  }

  async function instantiateStreaming(
    source: Streamed | Promise<Streamed>,
    imports: ImportObject | undefined = undefined,
    options: CompileOptions = {},
  ) {
    const module = await compileStreaming(source, options);
    return { module, instance: new Instance(module, imports) };
  }

  return {
    /**
     * An instance of bytes, together with their module, or of a module. Of bytes, imports are read and the start function runs
     * after this has returned.
     * @throws CompileError, LinkError, TypeError, and whatever ends the start function
     */
    instantiate,
    /**
     * The same from a response, which is read whole before any of it is decoded.
     * @throws TypeError too, for a response that has failed
     */
    instantiateStreaming,
  };
}
