/** The meter of the package wasm-metering: every straight run of code begins with a call of an imported function. */

import { type Engine, plainGuest, plainImports } from '../engine.ts';
import { load } from './load.ts';

interface Package {
  readonly meterWASM: (bytes: Uint8Array, options: { readonly meterType: 'i32' | 'i64' }) => Uint8Array;
}

/** Rewrites a module. @throws Error where the package cannot read it, or what it writes is no module */
export type Rewrite = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

export async function loadWasmMetering(): Promise<Rewrite> {
  const { default: meter } = await load<{ default: Package }>('wasm-metering');
  return (bytes) => {
    // It wants a Buffer, and gives one that is a view.
    const metered = new Uint8Array(meter.meterWASM(Buffer.from(bytes), { meterType: 'i32' }));
    if (!WebAssembly.validate(metered)) throw new Error('what it writes is not valid');
    return metered;
  };
}

/** The runtime's own engine on what the package makes, with a function that counts and stops at a limit. */
export async function createWasmMetering(): Promise<Engine> {
  const rewrite = await loadWasmMetering();
  return {
    compile({ bytes }) {
      const module = new WebAssembly.Module(rewrite(bytes));
      return {
        instantiate(imports) {
          let left = Number.MAX_SAFE_INTEGER;
          const usegas = (gas: number) => {
            left -= gas;
            if (left < 0) throw new Error('out of gas');
          };
          const instance = new WebAssembly.Instance(module, { ...plainImports(imports), metering: { usegas } });
          return plainGuest(instance.exports);
        },
      };
    },
  };
}
