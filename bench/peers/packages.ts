/** Packages of others that are compared with, which come from npm once, and what is used of them. */

import { fromNpm } from '../../scripts/from-npm.mjs';

interface ExtismPlugin {
  call(name: string, input: string | Uint8Array): Promise<{ text(): string } | null>;
  reset(): Promise<boolean>;
  close(): Promise<void>;
}
type CreatePlugin = (manifest: object, options: object) => Promise<ExtismPlugin>;

export interface QuickJsContext {
  evalCode(code: string): { readonly value: { dispose(): void } };
  getNumber(handle: object): number;
  dispose(): void;
}

const load = (name: string, version: string): Promise<unknown> => (fromNpm(name, version) as () => Promise<unknown>)();

/** What makes plug-ins, by Extism's own package. */
export async function loadExtism(): Promise<CreatePlugin> {
  // Its main file is CommonJS, whose function that is.
  return ((await load('@extism/extism', '1.0.3')) as { readonly default: CreatePlugin }).default;
}

export async function loadQuickJs(): Promise<{ newContext(): QuickJsContext }> {
  const { getQuickJS } = (await load('quickjs-emscripten', '0.32.0')) as {
    getQuickJS(): Promise<{ newContext(): QuickJsContext }>;
  };
  return getQuickJS();
}
