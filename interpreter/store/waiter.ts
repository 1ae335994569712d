import { PendingResult } from '../../wasm/host-call.ts';

/** A guest that waits. */
export class Waiter {
  /** In the memory, of the first byte. */
  readonly address: number;
  /** Nanoseconds of the clock at which it has waited long enough; undefined: it never has. */
  readonly deadline: bigint | undefined;
  readonly result: PendingResult = new PendingResult();

  constructor(address: number, deadline: bigint | undefined) {
    this.address = address;
    this.deadline = deadline;
  }

  get isOver(): boolean {
    return this.result.outcome !== undefined;
  }

  /** What it has come to, where it is over. */
  get value(): number | undefined {
    const { outcome } = this.result;
    return outcome !== undefined && 'value' in outcome ? (outcome.value as number) : undefined;
  }

  /** Lets it go on with what `WAITED` says (waiters.ts); whoever looks sees it at once. */
  end(value: number): void {
    this.result.settle({ value });
  }
}
