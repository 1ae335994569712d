/** A sandbox on loan, and how the pool notices that nobody has it any more. */

import { UsageError } from '../../wasm/errors.ts';
import { makeDisposable } from '../runtime/disposable.ts';
import { type Weak, weakly } from '../runtime/weak.ts';
import type { WasmSandbox } from '../sandbox.ts';

/** What the pool keeps of a lease: nothing that would keep the sandbox from being collected. */
export interface Loan {
  readonly instanceId: string;
  /** The sandbox, while somebody has it. */
  readonly sandbox: Weak<WasmSandbox>;
  /** Lets go of what the instance has open. */
  readonly close: () => void;
}

/**
 * The caller's alone until it is released. Then the sandbox is reset for the next one, and the object that this caller
 * had is disposed of: nothing can be done with it behind the pool's back.
 */
export class Lease {
  /** The caller's until the release; disposed of afterwards. */
  readonly sandbox: WasmSandbox;
  readonly #giveBack: () => Promise<void>;
  #isReleased = false;

  /** @internal */
  constructor(sandbox: WasmSandbox, giveBack: () => Promise<void>) {
    this.sandbox = sandbox;
    this.#giveBack = giveBack;
  }

  /** Whether {@link Lease.release} has been called. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /**
   * Gives the sandbox back. Calls that are under way in it are ended.
   * @returns a promise for when it can be used again, or has been replaced; the pool takes care of failures
   * @throws UsageError the second time
   */
  async release(): Promise<void> {
    if (this.#isReleased) {
      throw new UsageError(`the lease of the sandbox ${this.sandbox.instanceId} has been released already`);
    }
    this.#isReleased = true;
    await this.#giveBack();
  }

  /** {@link Lease.release}, unless that has been called. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  static {
    // Whoever releases early, inside of an `await using`, has done nothing wrong.
    makeDisposable(Lease.prototype, { async: async (lease) => (lease.#isReleased ? undefined : lease.release()) });
  }
}

/** Tells when a sandbox on loan has been collected as garbage. Some runtimes have no way to find out. */
export class Watch {
  readonly #registry: FinalizationRegistry<Loan> | undefined;

  constructor(onCollected: (loan: Loan) => void) {
    this.#registry = typeof FinalizationRegistry === 'undefined' ? undefined : new FinalizationRegistry(onCollected);
  }

  /** Begins to watch. */
  loan(sandbox: WasmSandbox, close: () => void): Loan {
    const weak = weakly(sandbox);
    sandbox.knowAs(weak);
    const loan: Loan = { instanceId: sandbox.instanceId, sandbox: weak, close };
    this.#registry?.register(sandbox, loan, sandbox);
    return loan;
  }

  end(sandbox: WasmSandbox): void {
    this.#registry?.unregister(sandbox);
  }
}
