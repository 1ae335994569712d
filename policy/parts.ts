/** Host functions, the embedder's own and others: loaded for modules that import them. */

import type { ModuleGraph } from '../wasm/module-graph.ts';
import { Part } from '../wasm/part.ts';
import { HTTP_MODULE } from './net/names.ts';
import { PREVIEW1, UNSTABLE } from './wasi/names.ts';

/** What makes a policy real. */
export const hostFunctions = new Part<typeof import('./host.ts')>('host functions', () => import('./host.ts'));

export const wasi = new Part<typeof import('./wasi/program.ts')>('WASI', () => import('./wasi/program.ts'));

/** Offered by entries that have it. */
export const http = new Part<typeof import('./net/functions.ts')>('network');

/** By the module that guests import. */
export function partOf(module: string): typeof wasi | typeof http | undefined {
  if (module === PREVIEW1 || module === UNSTABLE) return wasi;
  return module === HTTP_MODULE ? http : undefined;
}

/** What of a host a guest has use for. */
export interface HostNeeds {
  /** Anything. */
  readonly any: boolean;
  /** WASI, and what is behind it. */
  readonly program: boolean;
  /** HTTP. */
  readonly network: boolean;
}

/**
 * As the program and the policy say, whatever has been loaded: whether a snapshot has what is behind WASI depends on it. The
 * embedder sees granted files without the guest's doing.
 */
export function hostNeeds({ hostImports, modules }: ModuleGraph, { capabilities }: Grants): HostNeeds {
  const parts = new Set(hostImports.map(({ module }) => partOf(module)));
  const hasFiles = capabilities.some(({ kind }) => kind === 'filesystem');
  // Guests with threads wait, and their policy says by which clock.
  const waits = modules.some(({ module: { features } }) => features.includes('threads'));
  return { any: parts.size > 0 || hasFiles || waits, program: parts.has(wasi) || hasFiles, network: parts.has(http) };
}

interface Grants {
  readonly capabilities: readonly { readonly kind: string }[];
}

/** Loads what is needed, as far as the entry of the package has it. */
export async function loadHostFunctions({ any, program, network }: HostNeeds): Promise<void> {
  await Promise.all([any && hostFunctions.load(), program && wasi.load(), network && http.isOffered && http.load()]);
}
