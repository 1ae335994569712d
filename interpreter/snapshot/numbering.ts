/**
 * Numbers for what the modules of a program define, which run through all of them in its order. Those of a guest alone are
 * those of its module.
 */

import type { Instance } from '../store/index.ts';

const COUNTS = {
  functions: ({ module }: Instance): number => module.functions.length,
  bodies: ({ module }: Instance): number => module.bodies.length,
  types: ({ module }: Instance): number => module.types.length,
  tags: ({ tags }: Instance): number => tags.length,
};
type Counted = keyof typeof COUNTS;

/** Something of an instance's, by its index in the module. */
export interface Place {
  readonly instance: Instance;
  readonly index: number;
}

export class Numbering {
  readonly instances: readonly Instance[];
  private readonly numbers: ReadonlyMap<Instance, number>;
  /** By kind, the number that the first of each instance has. */
  private readonly firsts: Readonly<Record<Counted, readonly number[]>>;

  /** @param instances of one account, in its order */
  constructor(instances: readonly Instance[]) {
    this.instances = instances;
    this.numbers = new Map(instances.map((instance, i) => [instance, i]));
    const firstsOf = (count: (instance: Instance) => number) => {
      let first = 0;
      return instances.map((instance) => {
        const own = first;
        first += count(instance);
        return own;
      });
    };
    this.firsts = {
      functions: firstsOf(COUNTS.functions),
      bodies: firstsOf(COUNTS.bodies),
      types: firstsOf(COUNTS.types),
      tags: firstsOf(COUNTS.tags),
    };
  }

  /** -1 for what is of an instance that is none of these. */
  of(kind: Counted, instance: Instance, index: number): number {
    const number = this.numbers.get(instance);
    return number === undefined ? -1 : (this.firsts[kind][number] as number) + index;
  }

  /** Undefined where nothing has that number. */
  find(kind: Counted, number: number): Place | undefined {
    const firsts = this.firsts[kind];
    let i = firsts.length - 1;
    while (i > 0 && (firsts[i] as number) > number) i--;
    const instance = this.instances[i] as Instance;
    const index = number - (firsts[i] as number);
    return index < COUNTS[kind](instance) ? { instance, index } : undefined;
  }
}
