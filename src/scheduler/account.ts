/** What a task draws on while a scheduler runs it, beside what its sandbox does. */

import type { GasBudget } from '../../wasm/gas-budget.ts';

interface Account {
  readonly budget: GasBudget;
  /** Units that it has counted and the budget did not have: to be paid before it goes on. */
  owed: number;
}

/**
 * A guest is left at the first checkpoint behind the end of a budget, with the segment that begins there counted and not
 * run: what of it the budget could not pay is owed, and paid first when there is more. So a budget never gives more than
 * was granted to it, and nothing is run that nobody pays for.
 */
export class TaskAccounts {
  private readonly accounts: Account[] = [];

  /** Begins to draw on a budget, if it does not yet. */
  add(budget: GasBudget): void {
    if (!this.accounts.some((account) => account.budget === budget)) this.accounts.push({ budget, owed: 0 });
  }

  /** Counts what the guest has used. */
  take(units: number): void {
    for (const account of this.accounts) account.owed += account.budget.take(units);
  }

  /** Pays what is owed. Returns the budget that keeps the guest from going on, if one does. */
  settle(): GasBudget | undefined {
    for (const account of this.accounts) {
      if (account.owed > 0) account.owed = account.budget.take(account.owed);
      if (account.owed > 0 || account.budget.atHand === 0) return account.budget;
    }
    return undefined;
  }

  /** Units that it can use now, of so many. */
  within(units: bigint): bigint {
    let room = units;
    for (const { budget } of this.accounts) {
      const atHand = BigInt(budget.atHand);
      if (atHand < room) room = atHand;
    }
    return room;
  }

  /** In the order in which the budgets were added. */
  get owed(): readonly number[] {
    return this.accounts.map(({ owed }) => owed);
  }

  set owed(units: readonly number[]) {
    for (const [i, account] of this.accounts.entries()) account.owed = units[i] ?? 0;
  }

  has(budget: GasBudget): boolean {
    return this.accounts.some((account) => account.budget === budget);
  }
}
