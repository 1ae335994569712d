/** The interpreter of webassemblyjs as an engine. */

import { type Engine, plainGuest, plainImports, type Value } from '../engine.ts';
import { load } from './load.ts';

interface Package {
  readonly compile: (bytes: Uint8Array) => Promise<object>;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

export async function createWebassemblyjs(): Promise<Engine> {
  const { default: api } = await load<{ default: Package }>('webassemblyjs');
  return {
    async compile({ bytes }) {
      const module = await api.compile(bytes);
      return {
        instantiate(imports) {
          const guest = plainGuest(new api.Instance(module, plainImports(imports)).exports);
          return { ...guest, invoke: (name, args) => fromResult(guest.invoke(name, args)) };
        },
      };
    },
  };
}

/** It returns an i64 as an object that prints as the number. */
function fromResult(value: unknown): Value | undefined {
  return typeof value === 'object' && value !== null ? BigInt(String(value)) : (value as Value | undefined);
}
