/** What an engine is to the rest of the project: the sandbox calls these, and knows nothing else about engines. */

import type { ResourceFigures } from './errors.ts';
import type { GuestMemory, HostFunction, WasmValue } from './host.ts';
import type { ExternKind, FuncType, WasmModule } from './types.ts';

export type EngineName = 'interpreter' | 'native';

/** Limits on one instance. */
export interface InstanceLimits {
  /** Units of the gas schedule; undefined is without limit (gas is counted all the same). */
  readonly gas: bigint | undefined;
  /** Bytes for all memories and tables together. */
  readonly memoryBytes: number;
  /** Stack weight, in bytes. */
  readonly stackBytes: number;
}

/**
 * Interrupts a running guest from time to time. Time slices are filled from the gas tank, so the guest cannot tell
 * them from ordinary execution, and they change no figure.
 */
export interface Slices {
  /** Units of gas in a slice; at least 1. */
  readonly gas: number;
  /** Called by the engine when a slice is used up. Throws to end the guest's call. */
  readonly onSlice: () => void;
}

/** Finds the host function for an import; undefined where nothing was granted. */
export type ImportResolver = (module: string, name: string, type: FuncType) => HostFunction | undefined;

export interface InstantiateOptions {
  readonly limits: InstanceLimits;
  readonly imports: ImportResolver;
  readonly slices?: Slices | undefined;
}

/** An engine. Called by the sandbox when it is built and reset. */
export interface Engine {
  readonly name: EngineName;
  /**
   * Prices and links the module. The start function does not run yet, so that a failure in it leaves an instance
   * with figures behind; call {@link EngineInstance.start}.
   * @throws CompileError where the engine cannot run the module, LinkError, MemoryLimitExceeded, GasExhausted
   */
  instantiate(module: WasmModule, options: InstantiateOptions): EngineInstance;
}

export interface EngineInstance {
  /** Copies the active segments and runs the start function. Called once, before anything else. */
  start(): void;
  /**
   * Calls an exported function. Called by the sandbox for every `call`.
   * @throws UsageError for an unknown export or arguments that do not fit, and whatever ends the guest: RuntimeError,
   *   or the GuestExit of a host function. A host function that returns a promise is an error here.
   */
  call(name: string, args: readonly WasmValue[]): WasmValue[];
  /** The same, awaiting host functions that return promises while the guest is suspended. */
  callAsync(name: string, args: readonly WasmValue[]): Promise<WasmValue[]>;
  /** The type of an exported function. */
  functionType(name: string): FuncType | undefined;
  exportKind(name: string): ExternKind | undefined;
  /** Memory 0. */
  readonly memory: GuestMemory | undefined;
  /** Exact, also after a failure. */
  figures(): ResourceFigures;
}
