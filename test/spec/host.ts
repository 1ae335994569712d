/** What the runner asks of an implementation of WebAssembly. */

import type { SpecValue } from './values.ts';

/** How something failed; `malformed` is a text that is no module. `other` is never expected: a fault of the implementation, of its host or of the runner. */
export type FailureKind = 'malformed' | 'compile' | 'link' | 'trap' | 'exhaustion' | 'exception' | 'other';

/**
 * One implementation, fresh for one script. Values cross it as bit patterns; whatever fails is thrown as the
 * implementation's own error, and `classify` says which kind it is.
 */
export interface SpecHost<Module = unknown, Instance = unknown> {
  readonly name: string;
  /** Decodes and validates. Fails with `compile`. */
  compile(bytes: Uint8Array): Module;
  /** Imports come from the instances in the registry. Fails with `link`, `trap` or `exhaustion`. */
  instantiate(module: Module, registry: ReadonlyMap<string, Instance>): Instance;
  /** Calls an exported function. Fails with `trap`, `exhaustion` or `exception`. */
  invoke(instance: Instance, field: string, args: readonly SpecValue[]): readonly SpecValue[];
  /** Reads an exported global. */
  get(instance: Instance, field: string): SpecValue;
  classify(error: unknown): FailureKind;
  /** An instance of the suite's host module; spectest.ts has its bytes. */
  spectest(): Instance;
  /** Gas used by each instance so far, in the order in which they were made; empty where it is not counted. */
  gasUsed?(): readonly bigint[];
  /** How often the host was asked, in the middle of a call, whether the guest may go on. */
  interruptions?(): number;
}
