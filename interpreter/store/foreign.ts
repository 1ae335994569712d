/** A function of the host's, as guests hold it: in tables, in references, as an import. */

import type { HostCall, HostGas } from '../../wasm/host.ts';
import type { DefinedType, FuncType } from '../../wasm/types.ts';

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
