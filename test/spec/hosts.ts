/** The implementations the suite can run on, by name. */

import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import { type Feature, METERED, SUPPORTED } from './features.ts';
import type { SpecHost } from './host.ts';
import { type HostOptions, namespaceHost } from './namespace-host.ts';
import { nativeFeatures } from './probes.ts';

/** Loaded when it is asked for, so that one implementation's absence does not keep the others from running. */
async function interpreter(options?: HostOptions): Promise<SpecHost> {
  const { createWebAssembly } = await import('../../src/webassembly.ts');
  return namespaceHost('interpreter', await createWebAssembly({ engine: 'interpreter', perInstance: true }), options);
}

/** The interpreter with the loop that counts no gas. */
async function unmetered(options?: HostOptions): Promise<SpecHost> {
  const { createWebAssembly } = await import('../../src/webassembly.ts');
  return namespaceHost(
    'interpreter-unmetered',
    await createWebAssembly({ metering: false, perInstance: true }),
    options,
  );
}

/** Units of gas. Something is charged before every checkpoint, so that execution stops at each. */
const TINY_SLICE = 0;

/** The interpreter once more, its execution interrupted and resumed at every checkpoint. */
async function sliced(options?: HostOptions): Promise<SpecHost> {
  const { createNamespace } = await import('../../src/webassembly/namespace.ts');
  let interruptions = 0;
  const namespace = createNamespace({
    limits: { ...DEFAULT_LIMITS, gas: undefined },
    slices: {
      gas: TINY_SLICE,
      onSlice: () => {
        interruptions++;
        return undefined;
      },
    },
    enter: (run) => run(),
  });
  return Object.assign(namespaceHost('interpreter-sliced', namespace, options), { interruptions: () => interruptions });
}

/** Modules that meter themselves, on the host's own WebAssembly. */
async function nativeMetered(): Promise<SpecHost> {
  const { createMeteredNamespace } = await import('../../instrument/index.ts');
  const limits = { gas: undefined, memoryBytes: 2 ** 32, stackBytes: 256 * 1024 };
  return namespaceHost('native-metered', createMeteredNamespace(WebAssembly, { limits }));
}

/** Each call makes a fresh host. */
export const hosts: Readonly<Record<string, (options?: HostOptions) => Promise<SpecHost>>> = {
  native: async (options) => namespaceHost('native', WebAssembly, options),
  interpreter,
  'interpreter-sliced': sliced,
  'interpreter-unmetered': unmetered,
  'native-metered': nativeMetered,
};

/** What a host has beyond release 2.0: files that need more fail on it. */
export function featuresOf(name: string): readonly Feature[] {
  if (name === 'native') return nativeFeatures;
  if (name === 'native-metered') return METERED.filter((feature) => nativeFeatures.includes(feature));
  return SUPPORTED;
}

/**
 * A fresh host.
 * @throws Error for a name that is not in {@link hosts}.
 */
export async function createHost(name: string, options?: HostOptions): Promise<SpecHost> {
  const create = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (!create) throw new Error(`unknown host "${name}": use one of ${Object.keys(hosts).join(', ')}`);
  return create(options);
}
