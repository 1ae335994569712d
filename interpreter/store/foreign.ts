/** A function of the host's, as guests hold it: in tables, in references, as an import. */

import type { CallingGuest, HostGas, WasmValue } from '../../wasm/host.ts';
import type { DefinedType, FuncType } from '../../wasm/types.ts';

/** As {@link HostCall}, for the function that it is the body of. */
export type ForeignCall = (
  this: ForeignFunction,
  caller: CallingGuest,
  args: readonly WasmValue[],
) => WasmValue | PromiseLike<WasmValue>;

/** A function of the host's. */
export class ForeignFunction {
  readonly type: FuncType;
  readonly gas: HostGas;
  readonly call: ForeignCall;
  /** What it calls, where many functions have one body: an import may be four bytes. */
  readonly code: unknown;
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
    call: ForeignCall,
    awaits: boolean,
    keepsViews = false,
    code: unknown = undefined,
  ) {
    this.type = type;
    this.types = types;
    this.gas = gas;
    this.call = call;
    this.awaits = awaits;
    this.keepsViews = keepsViews;
    this.code = code;
  }
}
