/** What comes of a hostile guest, on every engine: as a user of the library sees it. */

import type { SandboxOptions } from '../../src/sandbox/options.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { decode } from '../../wasm/decode.ts';
import { RuntimeError, Trap, WasmSandboxError } from '../../wasm/errors.ts';

export const ENGINES = ['interpreter', 'native'] as const;
export type EngineName = (typeof ENGINES)[number];

/** How a case ends: with results, a trap of a kind, or an error of a code. */
export type Ending = { readonly results: unknown } | { readonly trap: string } | { readonly code: string };

export interface Outcome {
  readonly ending: Ending;
  /** Units used; undefined where there was never an instance. */
  readonly gas: bigint | undefined;
}

export interface Hostile {
  readonly name: string;
  readonly options: Omit<SandboxOptions, 'engine'>;
  /** Calls of exported functions, one after another; the last one counts. */
  readonly calls: readonly (readonly [name: string, ...args: unknown[]])[];
  /** What has to come of it; the same on every engine, whatever it is, unless given. */
  readonly ending?: Ending;
  /** The only engine that can run it. */
  readonly only?: EngineName;
}

/** The native engine meters release 2.0 of the specification, and refuses what is newer. */
export function onlyOn(source: Uint8Array): Pick<Hostile, 'only'> {
  return decode(source).features.length > 0 ? { only: 'interpreter' } : {};
}

const MOST_GAS = 50_000_000n;

/** @throws what is no error of the library's: that would be a fault */
export function outcomeOf({ options, calls }: Hostile, engine: EngineName): Outcome {
  let sandbox: WasmSandbox | undefined;
  try {
    sandbox = WasmSandbox.create({ gasLimit: MOST_GAS, ...options, engine });
    let results: unknown;
    for (const [name, ...args] of calls) results = sandbox.call(name, args);
    return { ending: { results }, gas: sandbox.getResourceStats().gasUsed };
  } catch (error) {
    if (!(error instanceof WasmSandboxError)) throw error;
    const gas = error instanceof RuntimeError ? error.resources?.gasUsed : undefined;
    return { ending: error instanceof Trap ? { trap: error.kind } : { code: error.code }, gas };
  }
}
