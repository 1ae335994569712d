/** What may be said about a single call. */

import { CallAllowance, GasBudget } from '../../wasm/gas-budget.ts';
import { gas, milliseconds, refuse } from '../checks/check.ts';
import { type Checks, checkNamed } from '../checks/named.ts';
import { checkSignal } from '../time/signal.ts';

/** Options of one call, or of each call of a batch. */
export interface CallOptions {
  /**
   * Ends the call with CallAborted when it is aborted: at once where the guest waits or has yielded, at its next
   * checkpoint where a host function aborts it. A guest that runs without `yieldEvery` lets nobody else run who could.
   * The guest's memory stays as it is then, and it can be called again. The native engine looks at it only before.
   */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds of wall-clock time; the sandbox's own limit holds where that is less. */
  readonly timeout?: number | undefined;
  /** Milliseconds after which the guest lets the event loop go round; the sandbox's own unless given. Interpreter only. */
  readonly yieldEvery?: number | undefined;
  /**
   * Units of gas that this call may use, its host functions and the calls that these make included; the sandbox's own
   * limit holds where that is less. Beyond it GasExhausted, whose `scope` is `'call'`; the sandbox can be called again.
   */
  readonly gasLimit?: bigint | number | undefined;
  /** What the call's gas is drawn from too. */
  readonly gasBudget?: GasBudget | undefined;
}

/** Options of a call that nobody can wait for. */
export type SyncCallOptions = Pick<CallOptions, 'timeout' | 'gasLimit' | 'gasBudget'>;

export function checkGasBudget(value: unknown): GasBudget {
  return value instanceof GasBudget ? value : refuse('gasBudget', 'a GasBudget', value);
}

export const SYNC_CALL_CHECKS: Checks<SyncCallOptions> = {
  timeout: (value) => milliseconds('the timeout', value),
  gasLimit: (value) => gas('gasLimit', value),
  gasBudget: checkGasBudget,
};

export const CALL_CHECKS: Checks<CallOptions> = {
  ...SYNC_CALL_CHECKS,
  signal: checkSignal,
  yieldEvery: (value) => milliseconds('yieldEvery', value),
};

/** @throws UsageError */
export function checkCallOptions(options: unknown): CallOptions {
  return options === undefined ? {} : checkNamed<CallOptions>('a call', options, CALL_CHECKS);
}

/** @throws UsageError */
export function checkSyncCallOptions(options: unknown): SyncCallOptions {
  return options === undefined ? {} : checkNamed<SyncCallOptions>('a call', options, SYNC_CALL_CHECKS);
}

const NONE: readonly GasBudget[] = [];

/** What the gas of a call is drawn from. */
export class CallGas {
  /** Its own limit, if it has one. */
  readonly allowance: CallAllowance | undefined;
  readonly budget: GasBudget | undefined;

  constructor({ gasLimit, gasBudget }: Pick<CallOptions, 'gasLimit' | 'gasBudget'>) {
    this.allowance = gasLimit === undefined ? undefined : new CallAllowance(gasLimit);
    this.budget = gasBudget;
  }

  get budgets(): readonly GasBudget[] {
    const { allowance, budget } = this;
    if (allowance === undefined) return budget === undefined ? NONE : [budget];
    return budget === undefined ? [allowance] : [budget, allowance];
  }
}
