/** Gas that several guests draw on together, and what one instance draws on beside its own limit. */

import { type ErrorDetails, GasExhausted, UsageError } from './errors.ts';
import { HIGHEST_GAS } from './gas.ts';
import { describe } from './quote.ts';

/** Gas as embedders write it. @throws UsageError unless it is a bigint, or a number that is a safe integer; 0 to 2⁶³ − 1 */
export function gasUnits(what: string, value: unknown): bigint {
  const amount = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof amount === 'bigint' && amount >= 0n && amount <= HIGHEST_GAS) return amount;
  throw new UsageError(`${what} must be a bigint or a safe integer, at least 0 and below 2^63, not ${describe(value)}`);
}

/** A budget as JSON has it: both are decimal digits. */
export interface GasBudgetState {
  readonly granted: string;
  readonly used: string;
}

/** Units that are counted down as a number, at most: far below where numbers lose integers. */
const AT_HAND = 2 ** 50;

/**
 * Units of gas that any number of calls, sandboxes, pools and schedulers draw on together, however their calls overlap:
 * never more is used than was granted, and nothing is lost. A guest that needs more than is left ends with GasExhausted
 * whose `scope` is `'budget'`; it can be called again once more has been granted.
 */
export class GasBudget {
  #granted: bigint;
  /** What is left: a number to count on, and the rest. */
  #atHand = 0;
  #rest: bigint;
  readonly #reserved: Set<GasBudget> = new Set();
  #lender: GasBudget | undefined;
  #listeners: (() => void)[] = [];

  /**
   * @param units granted to begin with, below 2⁶³
   * @throws UsageError
   */
  constructor(units: bigint | number) {
    this.#granted = this.#rest = gasUnits('the units of a budget', units);
  }

  /**
   * A budget as {@link GasBudget.toJSON} saved it.
   * @throws UsageError where that is none
   */
  static from(state: GasBudgetState): GasBudget {
    const [granted, used] = (['granted', 'used'] as const).map((name) => {
      const digits: unknown = (state as Partial<GasBudgetState> | null | undefined)?.[name];
      if (typeof digits === 'string' && /^\d{1,19}$/.test(digits))
        return gasUnits(`"${name}" of a budget`, BigInt(digits));
      throw new UsageError(`the state of a budget has "${name}" in decimal digits, not ${describe(digits)}`);
    }) as [bigint, bigint];
    if (used > granted) throw new UsageError(`the state of a budget has ${used} units used of ${granted} granted`);
    const budget = new GasBudget(granted);
    budget.takeExactly(used);
    return budget;
  }

  /** Units granted in all. */
  get granted(): bigint {
    return this.#granted;
  }

  /** Units that can still be used: neither used nor reserved. */
  get remaining(): bigint {
    return this.#rest + BigInt(this.#atHand);
  }

  /** Units used, those of its reservations included. */
  get used(): bigint {
    let held = 0n;
    const open = [...this.#reserved];
    for (let budget = open.pop(); budget !== undefined; budget = open.pop()) {
      held += budget.remaining;
      open.push(...budget.#reserved);
    }
    return this.#granted - this.remaining - held;
  }

  /**
   * Adds to what can be used.
   * @throws UsageError for what is no amount, where all that was granted would pass 2⁶³ − 1, and for a reservation
   */
  grant(units: bigint | number): void {
    const more = gasUnits('the gas granted', units);
    if (this.#lender !== undefined) throw new UsageError('a reservation is granted nothing: grant it to the budget');
    gasUnits('all that is granted to a budget', this.#granted + more);
    this.#granted += more;
    this.#give(more);
  }

  /**
   * Uses units for something of the embedder's own.
   * @throws GasExhausted where less is left, and nothing is used then; UsageError
   */
  charge(units: bigint | number): void {
    if (!this.takeExactly(gasUnits('a charge', units))) throw this.exhausted();
  }

  /**
   * Sets units aside, which nobody else can use: a budget of its own, until {@link GasBudget.release}.
   * @throws GasExhausted where less is left; UsageError
   */
  reserve(units: bigint | number): GasBudget {
    const amount = gasUnits('the gas reserved', units);
    if (!this.takeExactly(amount)) throw this.exhausted();
    const reservation = new GasBudget(amount);
    reservation.#lender = this;
    this.#reserved.add(reservation);
    return reservation;
  }

  /**
   * Gives what is left of a reservation, and of its own reservations, back to the budget that it was made of: what was
   * granted to them is then what they have used. Doing it again does nothing.
   * @throws UsageError for a budget that is no reservation
   */
  release(): void {
    const lender = this.#lender;
    if (lender === undefined)
      throw new UsageError('this budget was not reserved from another: there is nobody to give it back to');
    if (!lender.#reserved.delete(this)) return;
    const all: GasBudget[] = [this];
    for (const budget of all) all.push(...budget.#reserved);
    const used = all.map((budget) => budget.used);
    const left = this.#granted - this.used;
    all.forEach((budget, i) => {
      budget.#granted = used[i] as bigint;
      budget.#atHand = 0;
      budget.#rest = 0n;
    });
    lender.#give(left);
  }

  /** For saving it. What is reserved and not used counts as left: the reservations are not in it. */
  toJSON(): GasBudgetState {
    return { granted: String(this.#granted), used: String(this.used) };
  }

  #give(units: bigint): void {
    this.#rest += units;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls the listener whenever there is more. Returns what ends that. @internal */
  onMore(listener: () => void): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** Units that can be used at once; there may be more behind them. @internal */
  get atHand(): number {
    if (this.#atHand < AT_HAND && this.#rest > 0n) {
      const more = this.#rest < BigInt(AT_HAND) ? this.#rest : BigInt(AT_HAND);
      this.#atHand += Number(more);
      this.#rest -= more;
    }
    return this.#atHand;
  }

  /** Uses so many units, or as many as there are. Returns how many are lacking. @internal */
  take(units: number): number {
    const lack = Math.max(0, units - this.atHand);
    this.#atHand -= units - lack;
    return lack;
  }

  /** The same, or nothing at all. @internal */
  takeExactly(units: bigint): boolean {
    const left = this.remaining - units;
    if (left < 0n) return false;
    this.#atHand = 0;
    this.#rest = left;
    return true;
  }

  /** @internal */
  exhausted(where: ErrorDetails = {}): GasExhausted {
    const message = `Gas budget exhausted: all ${this.#granted} units that were granted are used or reserved`;
    return new GasExhausted(message, { ...where, scope: 'budget' });
  }
}

/** What a single call may use. */
export class CallAllowance extends GasBudget {
  override exhausted(where: ErrorDetails = {}): GasExhausted {
    const message = `Gas limit exceeded: the limit of this call is ${this.granted} units`;
    return new GasExhausted(message, { ...where, scope: 'call' });
  }
}

/** What an instance draws on beside its own limit: the budgets of its sandbox, and those of the calls under way. */
export class Draws {
  private readonly budgets: GasBudget[];
  private readonly own: number;
  /** Whether there is anything to draw on: looked at around every host call. */
  isActive: boolean;
  /** The one that had too little, until the call that met it has ended. */
  short: GasBudget | undefined;
  /** Where it ended, from what was counted when it did: below 0 where that had passed it. */
  private shortBy = 0;

  constructor(own: readonly GasBudget[] = []) {
    this.budgets = [...own];
    this.own = own.length;
    this.isActive = this.own > 0;
  }

  /** Returns those that were not among them, for {@link Draws.remove}: nothing is paid for twice. */
  add(budgets: readonly GasBudget[]): readonly GasBudget[] {
    if (budgets.length === 0) return budgets;
    const added = budgets.filter((budget) => !this.budgets.includes(budget));
    this.budgets.push(...added);
    this.isActive = this.budgets.length > 0;
    return added;
  }

  remove(budgets: readonly GasBudget[]): void {
    for (const budget of budgets) {
      const index = this.budgets.indexOf(budget);
      if (index >= 0) this.budgets.splice(index, 1);
      if (this.short === budget) this.short = undefined;
    }
    this.isActive = this.budgets.length > 0;
  }

  /**
   * Adds one for what has been used before, too.
   * @param total what the instance has counted
   * @returns those that were not among them, for {@link Draws.remove}
   * @throws GasExhausted where it holds less than that; nothing has changed then
   */
  addFor(budget: GasBudget, total: bigint): readonly GasBudget[] {
    if (this.budgets.includes(budget)) return [];
    budget.charge(total);
    return this.add([budget]);
  }

  /** Leaves those of the instance alone. */
  reset(): void {
    this.budgets.length = this.own;
    this.isActive = this.own > 0;
    this.short = undefined;
  }

  /** A call begins that is no part of another: what another has met is over. */
  begin(): void {
    this.short = undefined;
  }

  /** Units that can be used before somebody has to look again; below 0 where more has been used than there was. */
  get room(): number {
    if (this.short !== undefined) return -1;
    let room = Number.POSITIVE_INFINITY;
    for (const budget of this.budgets) room = Math.min(room, budget.atHand);
    return room;
  }

  /** Counts what has been used. */
  take(units: number): void {
    for (let i = this.budgets.length - 1; i >= 0; i--) {
      const budget = this.budgets[i] as GasBudget;
      const lack = budget.take(units);
      if (lack > 0) this.runShort(budget, -lack);
    }
  }

  hold(units: bigint): boolean {
    for (let i = this.budgets.length - 1; i >= 0; i--) {
      const budget = this.budgets[i] as GasBudget;
      const { remaining } = budget;
      if (remaining >= units) continue;
      this.runShort(budget, Number(remaining));
      return false;
    }
    return this.short === undefined;
  }

  /** Counts a cost, if there is enough for it. */
  takeExactly(units: bigint): boolean {
    if (!this.hold(units)) return false;
    for (const budget of this.budgets) budget.takeExactly(units);
    return true;
  }

  private runShort(budget: GasBudget, by: number): void {
    if (this.short !== undefined) return;
    this.short = budget;
    this.shortBy = by;
  }

  /** The error for the budget that ran short, where one has; `total` is what the instance has counted. */
  outOfGas(total: bigint, where?: ErrorDetails): GasExhausted | undefined {
    const error = this.short?.exhausted(where);
    if (error !== undefined) error.endedAt = total + BigInt(this.shortBy);
    return error;
  }
}
