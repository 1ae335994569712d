/** Functions as guests hold them: in tables, in references, in exports. */

import type { HostCall, HostGas } from '../../wasm/host.ts';
import { type DefinedType, type FuncType, isSubtype } from '../../wasm/types.ts';
import type { Instance } from './instance.ts';

/** A function of an instance's own. */
export class WasmFunction {
  readonly type: FuncType;
  readonly instance: Instance;
  /** Index in the module, imports included. */
  readonly index: number;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;

  constructor(type: FuncType, instance: Instance, index: number) {
    this.type = type;
    this.instance = instance;
    this.index = index;
  }

  /** What the types of its parameters and results may name. */
  get types(): readonly DefinedType[] {
    return this.instance.module.types;
  }

  /**
   * First word of its code, which is made if it has not been; 0 where the guest is to be left first.
   * @throws MemoryLimitExceeded, CpuTimeoutExceeded
   */
  entry(): number {
    const { code, module, patron } = this.instance;
    return code.entry(this.index - module.importedFunctions, patron);
  }

  /** The same, where the guest cannot be left. */
  entryAtOnce(): number {
    for (;;) {
      const entry = this.entry();
      if (entry !== 0) return entry;
    }
  }
}

/** A function of the host's. */
export class ForeignFunction {
  readonly type: FuncType;
  readonly gas: HostGas;
  readonly call: HostCall;
  /** Whether the guest waits for what it promises: for a pending result. A promise as such is a value. */
  readonly awaits: boolean;
  /** What stands for it in the JavaScript API, once something does. */
  shown: object | undefined;
  /** What the types of its parameters and results may name. */
  readonly types: readonly DefinedType[];
  /** Whether it may keep views of memory. */
  readonly keepsViews: boolean;

  constructor(
    type: FuncType,
    types: readonly DefinedType[],
    gas: HostGas,
    call: HostCall,
    awaits: boolean,
    keepsViews = false,
  ) {
    this.type = type;
    this.types = types;
    this.gas = gas;
    this.call = call;
    this.awaits = awaits;
    this.keepsViews = keepsViews;
  }
}

export type GuestFunction = WasmFunction | ForeignFunction;

export function isFunction(value: unknown): value is GuestFunction {
  return value instanceof WasmFunction || value instanceof ForeignFunction;
}

/**
 * What a reference may be: null, a function, a struct, an array, an exception, a number for an i31, or any value of the
 * embedder's.
 */
export type Reference = GuestFunction | null | unknown;

/** Copies references, also within a list; `copyWithin` takes eight times as long. */
export function copyReferences(
  to: Reference[],
  target: number,
  from: readonly Reference[],
  source: number,
  length: number,
): void {
  if (target <= source) for (let i = 0; i < length; i++) to[target + i] = from[source + i];
  else for (let i = length - 1; i >= 0; i--) to[target + i] = from[source + i];
}

/** Whether a function may be called as `type`. */
export function hasType(func: GuestFunction, type: FuncType): boolean {
  return isSubtype(func.type, type);
}
