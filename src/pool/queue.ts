/** Callers that wait, the oldest first. Every one of them is answered exactly once, and leaves nothing behind. */

/** The most that a timer can wait for, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

export interface WaitOptions {
  /** Milliseconds; no limit unless given. */
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** What it is rejected with when the time is over. */
  readonly timedOut: () => unknown;
  /** What it is rejected with when the signal is aborted. */
  readonly aborted: () => unknown;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export class WaitingQueue<T> {
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter<T>>();

  get length(): number {
    return this.#waiters.size;
  }

  wait({ timeout, signal, timedOut, aborted }: WaitOptions): Promise<T> {
    if (signal?.aborted) return Promise.reject(aborted());
    return new Promise((resolve, reject) => {
      const onAbort = () => waiter.reject(aborted());
      const leave = () => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter<T> = {
        resolve(value) {
          leave();
          resolve(value);
        },
        reject(error) {
          leave();
          reject(error);
        },
      };
      const isLimited = timeout !== undefined && timeout <= LONGEST;
      const timer = isLimited ? setTimeout(() => waiter.reject(timedOut()), timeout) : undefined;
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Answers the oldest, of which there must be one. */
  serve(value: T): void {
    this.#oldest()?.resolve(value);
  }

  /** Turns the oldest away. */
  fail(error: unknown): void {
    this.#oldest()?.reject(error);
  }

  /** Turns all away. */
  failAll(error: () => unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error());
  }

  #oldest(): Waiter<T> | undefined {
    return this.#waiters.values().next().value;
  }
}
