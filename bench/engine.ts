/** What the benchmark asks of an engine: little enough that interpreters and translators of any shape can give it. */

import { typeOfFunction, type WasmModule } from '../wasm/module.ts';
import type { FuncType } from '../wasm/types.ts';
import type { Product } from './product.ts';

/** i32, f32 and f64 as numbers, i64 as bigint. */
export type Value = number | bigint;

export interface HostImport {
  readonly type: FuncType;
  readonly call: (...args: Value[]) => Value | undefined;
}

/** By module and name. */
export type Imports = Readonly<Record<string, Readonly<Record<string, HostImport>>>>;

/** A module, with what the project's decoder knows of it. */
export interface Unit {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly module: WasmModule;
}

export function unitOf(product: Product, name: string, bytes: Uint8Array<ArrayBuffer>): Unit {
  return { name, bytes, module: product.decoder.decode(bytes) };
}

/** The type of an exported function. */
export function exportType({ name, module }: Unit, exported: string): FuncType {
  const found = module.exports.find((item) => item.kind === 'function' && item.name === exported);
  if (found === undefined) throw new Error(`${name} exports no function ${exported}`);
  return typeOfFunction(module, found.index);
}

/** An instance. */
export interface Guest {
  readonly invoke: (exported: string, args: readonly Value[]) => Value | undefined;
  readonly memory: () => ArrayBuffer;
  /** Units of gas so far; undefined for engines that do not count. */
  readonly gasUsed: (() => bigint) | undefined;
}

export interface Compiled {
  instantiate(imports: Imports): Guest;
}

export interface Engine {
  compile(unit: Unit): Compiled | Promise<Compiled>;
}

/** The part of a `WebAssembly` that is used here. */
interface Namespace {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: never, imports: never) => { readonly exports: object };
}

type Exported = Readonly<Record<string, unknown>>;

/** Imports as plain functions. */
export function plainImports(imports: Imports): Record<string, Record<string, HostImport['call']>> {
  const plain: Record<string, Record<string, HostImport['call']>> = {};
  for (const [module, functions] of Object.entries(imports)) {
    plain[module] = Object.fromEntries(Object.entries(functions).map(([name, { call }]) => [name, call]));
  }
  return plain;
}

/** A guest whose exports are plain functions, and whose memory has a `buffer`. */
export function plainGuest(exports: object, gasUsed?: () => bigint): Guest {
  const own = exports as Exported;
  return {
    invoke: (name, args) => (own[name] as (...args: readonly Value[]) => Value | undefined)(...args),
    memory: () => (own['memory'] as { readonly buffer: ArrayBuffer }).buffer,
    gasUsed,
  };
}

/** An engine with the shape of `WebAssembly`. */
export function engineOf(namespace: Namespace, gasUsed?: (instance: object) => bigint): Engine {
  return {
    compile({ bytes }) {
      const module = new namespace.Module(bytes);
      return {
        instantiate(imports) {
          const instance = new namespace.Instance(module as never, plainImports(imports) as never);
          return plainGuest(instance.exports, gasUsed && (() => gasUsed(instance)));
        },
      };
    },
  };
}
