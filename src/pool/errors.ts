/** Why a pool gave nothing. */

import { UsageError } from '../../wasm/errors.ts';

/** `full`: too many wait already. `timeout`: none came free in time. `draining`: the pool takes no more work. */
export type PoolRefusal = 'full' | 'timeout' | 'draining';

/** The pool is used up or closed: the caller may try again later, or elsewhere. */
export class PoolUnavailable extends UsageError {
  readonly reason: PoolRefusal;

  constructor(reason: PoolRefusal, message: string) {
    super(message);
    this.reason = reason;
  }
}
