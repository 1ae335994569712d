/** What may be used of gas and memory, and has been: by one instance, or by several that share it. */

import { Budget } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import type { ResourceFigures } from '../../wasm/errors.ts';
import { Draws } from '../../wasm/gas-budget.ts';
import { reported } from '../../wasm/reported.ts';
import { Heap, type Roots, type RootsOf } from '../gc/index.ts';
import { Tank } from './tank.ts';

export class Account<Member extends Roots = Roots> {
  readonly limits: InstanceLimits;
  readonly tank: Tank;
  readonly budget: Budget;
  readonly heap: Heap;
  /** Who draws on it, in the order in which they were made. */
  readonly members: Member[] = [];

  /** @param budget one that others draw on, too */
  constructor(
    limits: InstanceLimits,
    slices: Slices | undefined,
    isMetered: boolean,
    rootsOf: RootsOf,
    budget: Budget = new Budget(limits.memoryBytes),
  ) {
    this.limits = limits;
    this.tank = new Tank(limits.gas, slices, isMetered, new Draws(limits.budgets));
    this.budget = budget;
    this.heap = new Heap(this.members, this.budget, limits.stackBytes, rootsOf);
  }

  /** Nothing has been used. Calls under way are paid for by nobody any more. */
  reset(): void {
    this.budget.reset();
    this.tank.draws.reset();
    this.tank.restore(0n, false);
    this.heap.reset();
  }

  figures(): ResourceFigures {
    const { tank, budget, limits } = this;
    return reported({
      gasUsed: tank.total(),
      gasLimit: tank.limit,
      memoryBytes: budget.used,
      peakMemoryBytes: budget.peak,
      memoryLimit: budget.limit,
      stackLimit: limits.stackBytes,
      growthRefused: budget.refused,
    });
  }
}
