/** Stores that die: of whatever they are asked, the one that is counted is the last, and may be done by half. */

import { createStorage } from 'unstorage';
import type { CheckpointStore } from '../../src/durable.ts';

/** In the middle of the last operation, or behind it. */
export type Death = 'half' | 'behind';

/** Thrown in the place of a worker's death. */
export class Died extends Error {}

/** A store in memory; `mortal` gives what one worker has of it. */
export class Shelf {
  readonly items = new Map<string, Uint8Array>();

  /** @param life operations after which the worker dies, and at which point of the last */
  mortal(life: number, death: Death = 'behind'): CheckpointStore & { readonly asked: number } {
    const { items } = this;
    let asked = 0;
    const ask = <T>(whole: () => T, half?: () => void): T => {
      asked++;
      if (asked > life) throw new Died('asked by the dead');
      if (asked < life) return whole();
      if (death === 'half') half?.();
      if (death === 'behind') whole();
      throw new Died(death);
    };
    return {
      getItemRaw: async (name) => ask(() => items.get(name) ?? null),
      setItemRaw: async (name, bytes) =>
        ask(
          () => void items.set(name, bytes.slice()),
          () => void items.set(name, bytes.slice(0, bytes.length / 2)),
        ),
      removeItem: async (name) => ask(() => void items.delete(name)),
      get asked() {
        return asked;
      },
    };
  }

  get store(): CheckpointStore {
    return this.mortal(Number.POSITIVE_INFINITY);
  }
}

/** One of the package, as users have it: this holds the two together by their types too. */
export const inMemory = (): CheckpointStore => createStorage();
