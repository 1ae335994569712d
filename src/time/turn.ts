/** Leaving the JavaScript thread to others, and waiting for what may never come. */

/** A turn of the event loop: everything else that is ready runs first. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate: immediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
    if (immediate !== undefined) {
      immediate(resolve);
      return;
    }
    if (typeof MessageChannel === 'undefined') {
      setTimeout(resolve, 0);
      return;
    }
    // Browsers make nested timers wait for 4 ms.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** The most that a timer can wait for. */
const LONGEST = 2 ** 31 - 1;

/** Whether the promise, which is never rejected, settled within so many milliseconds. */
export function settlesWithin(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  if (milliseconds > LONGEST) return promise.then(() => true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), Math.max(0, milliseconds));
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Sleeps that can be cut short, for guests that wait on the real clock. */
export class Sleeper {
  private readonly sleeping = new Map<ReturnType<typeof setTimeout>, (error: Error) => void>();

  /** Rejected where {@link cancel} came first. */
  readonly sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.sleeping.delete(timer);
        resolve();
      }, milliseconds);
      this.sleeping.set(timer, reject);
    });

  cancel(): void {
    for (const [timer, reject] of this.sleeping) {
      clearTimeout(timer);
      reject(new Error('the call was ended while its guest slept'));
    }
    this.sleeping.clear();
  }
}
