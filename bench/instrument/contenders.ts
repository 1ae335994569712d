/** Who takes part where the question is what metering costs on the runtime's own engine. */

import type { ImportResolver, Slices } from '../../wasm/engine.ts';
import { HOST_CALL } from '../../wasm/gas.ts';
import { type Absent, type Contender, contender } from '../contenders.ts';
import type { Engine, Imports, Value } from '../engine.ts';
import { isInstalled } from '../peers/load.ts';
import { createWasmMetering } from '../peers/wasm-metering.ts';
import type { Product } from '../product.ts';

/** Never reached, and yet limits: everything is counted and checked. */
const LIMITS = { gas: 2n ** 60n, memoryBytes: 2 ** 30, stackBytes: 512 * 1024 };

/** As in a sandbox. */
const SLICE_GAS = 500_000;

function resolver({ host: { HostFunction } }: Product, imports: Imports): ImportResolver {
  return (module, name) => {
    const found = imports[module]?.[name];
    if (found === undefined) return undefined;
    const { type, call } = found;
    return new HostFunction(type, HOST_CALL, (_caller, args) => call(...(args as Value[])));
  };
}

function nativeEngine(product: Product, slices: Slices | undefined): Engine | Absent {
  const { instrument, decoder } = product;
  const absent = instrument.nativeUnavailable();
  if (absent !== undefined) return { absent };
  const engine = instrument.nativeEngine();
  return {
    compile({ bytes }) {
      const module = decoder.decode(bytes);
      return {
        instantiate(imports) {
          const instance = engine.instantiate(module, { limits: LIMITS, imports: resolver(product, imports), slices });
          instance.start();
          return {
            invoke: (name, args) => instance.call(name, args)[0] as Value | undefined,
            memory: () => instance.memory?.view(0, instance.memory.byteLength)?.buffer as ArrayBuffer,
            gasUsed: () => instance.figures().gasUsed,
          };
        },
      };
    },
  };
}

export const METERED = 'native';
export const SLICED = 'native-sliced';

export const METERED_CONTENDERS: readonly Contender[] = [
  contender('v8'),
  {
    key: METERED,
    label: 'metered',
    role: 'product',
    what: 'the same engine; the module counts gas, and limits memory and stack; NaN is canonical',
    create: async (product) => nativeEngine(product, undefined),
  },
  {
    key: SLICED,
    label: 'in time slices',
    role: 'product',
    what: `the same, and the host looks at its clock after every ${SLICE_GAS.toLocaleString('en-US')} units of gas`,
    create: async (product) => nativeEngine(product, { gas: SLICE_GAS, onSlice: () => undefined }),
  },
  {
    key: 'wasm-metering',
    label: 'wasm-metering',
    role: 'peer',
    what: 'the same engine; the module calls an imported function at every branch (npm package wasm-metering); gas only',
    create: async () =>
      isInstalled('wasm-metering') ? createWasmMetering() : { absent: 'not installed (npm install wasm-metering)' },
  },
];
