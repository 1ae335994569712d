/** The implementations the suite can run on, by name. */

import type { SpecHost } from './host.ts';
import { namespaceHost } from './namespace-host.ts';

/** Loaded when it is asked for, so that one implementation's absence does not keep the others from running. */
async function interpreter(): Promise<SpecHost> {
  // The specifier is computed: this file has to pass the type check with or without the module.
  const specifier = new URL('../../src/webassembly.ts', import.meta.url).href;
  const { createWebAssembly } = (await import(/* @vite-ignore */ specifier)) as {
    readonly createWebAssembly: (options: { readonly engine: 'interpreter' }) => Promise<object>;
  };
  return namespaceHost('interpreter', await createWebAssembly({ engine: 'interpreter' }));
}

/** Modules that meter themselves, on the host's own WebAssembly. */
async function nativeMetered(): Promise<SpecHost> {
  const { createMeteredNamespace } = await import('../../instrument/index.ts');
  const limits = { gas: undefined, memoryBytes: 2 ** 32, stackBytes: 256 * 1024 };
  return namespaceHost('native-metered', createMeteredNamespace(WebAssembly, { limits }));
}

/** Each call makes a fresh host. */
export const hosts: Readonly<Record<string, () => Promise<SpecHost>>> = {
  native: async () => namespaceHost('native', WebAssembly),
  interpreter,
  'native-metered': nativeMetered,
};

/**
 * A fresh host.
 * @throws Error for a name that is not in {@link hosts}.
 */
export async function createHost(name: string): Promise<SpecHost> {
  const create = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
  if (!create) throw new Error(`unknown host "${name}": use one of ${Object.keys(hosts).join(', ')}`);
  return create();
}
