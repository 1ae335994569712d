/**
 * An instance's gas: a 64-bit count and its limit. The loop works on a 32-bit amount at hand, which counts down; the
 * tank fills it in portions and takes it back. What has been used is the same however large the portions are.
 */

import { ENDLESS_SLICE, type Slices } from '../../wasm/engine.ts';
import { type ErrorDetails, GasExhausted } from '../../wasm/errors.ts';
import { HIGHEST_GAS } from '../../wasm/gas.ts';
import { Draws } from '../../wasm/gas-budget.ts';
import { SETTLE_BELOW } from '../code/index.ts';

const MAX_PORTION = 1 << 18;
/** Counts up to here are kept as numbers, the rest in a bigint. */
const REBASE_AT = 2 ** 52;
/** Units that a checkpoint stands for, where no gas is counted. */
const CHECKPOINT_GAS = 16;

export class Tank {
  /** Undefined: none was given. */
  readonly limit: bigint | undefined;
  /** What holds then, too. */
  readonly end: bigint;
  /** Set when the limit was reached: the instance cannot be entered any more. */
  exhausted = false;
  /** What is used up beside the limit. */
  readonly draws: Draws;
  private readonly slices: Slices;
  /** Whether anything is counted. If not, what is at hand only ends slices. */
  private readonly isMetered: boolean;
  private base = 0n;
  /** Used beyond `base`. */
  private used = 0;
  /** What `used` may not exceed: the limit, or a mark where `used` is moved to `base`. */
  private bound = 0;
  private portion = 0;
  /** What is left until the host wants to look at its clock. */
  private sliceLeft: number;
  /** The count beyond which the guest is to be left at its next checkpoint; undefined: it need not be. */
  stopAt: bigint | undefined;

  constructor(limit: bigint | undefined, slices: Slices = ENDLESS_SLICE, isMetered = true, draws = new Draws()) {
    this.limit = limit;
    this.draws = draws;
    this.end = limit ?? HIGHEST_GAS;
    this.isMetered = isMetered;
    this.slices = slices;
    this.sliceLeft = slices.gas;
    this.rebase();
  }

  private rebase(): void {
    this.base += BigInt(this.used);
    this.used = 0;
    this.bound = Math.min(Number(this.end - this.base), REBASE_AT);
  }

  /**
   * The amount at hand from now on. Negative where a mark has already been passed between two checkpoints.
   * @param mayStop whether {@link stopAt} counts
   * @param most units, where it is to be little
   */
  fill(mayStop: boolean, most = MAX_PORTION): number {
    if (this.used > REBASE_AT / 2) this.rebase();
    const portion = this.isMetered ? most : most / CHECKPOINT_GAS;
    let left = Math.min(this.bound - this.used, this.sliceLeft, portion);
    if (this.draws.isActive) left = Math.min(left, this.draws.room);
    if (mayStop && this.stopAt !== undefined) left = Math.min(left, Number(this.stopAt - this.total()));
    this.portion = Math.max(left, SETTLE_BELOW);
    return this.portion;
  }

  /** Takes back what is at hand; returns the gas that has been spent of it. */
  settle(gas: number): number {
    const spent = this.portion - gas;
    if (this.isMetered) {
      this.used += spent;
      if (this.draws.isActive) this.draws.take(spent);
    }
    this.sliceLeft -= spent;
    this.portion = 0;
    return this.isMetered ? spent : 0;
  }

  /**
   * Counts work of a dynamic cost, which brings the next look at the clock nearer like any other; false, and nothing
   * counted, if that passes the limit. Nothing may be at hand.
   */
  charge(cost: number): boolean {
    if (!this.isMetered) {
      this.sliceLeft -= Math.ceil(cost / CHECKPOINT_GAS);
      return true;
    }
    // Beyond the bound may still be within the limit, where the bound is only the mark of `used`.
    if (this.used + cost > this.bound) return this.chargeLarge(BigInt(cost));
    if (this.draws.isActive && !this.draws.takeExactly(BigInt(cost))) return false;
    this.used += cost;
    this.sliceLeft -= cost;
    return true;
  }

  /** Counts a bigint of cost, under the same conditions. */
  chargeLarge(cost: bigint): boolean {
    if (!this.isMetered) return true;
    if (this.total() + cost > this.end || !this.draws.takeExactly(cost)) return false;
    this.base += cost;
    this.sliceLeft -= Number(cost);
    this.rebase();
    return true;
  }

  /** Whether more has been used than the limit, or a budget, allows. Nothing may be at hand. */
  isOverdrawn(): boolean {
    if (this.used > this.bound) this.rebase();
    return this.used > this.bound || this.draws.short !== undefined;
  }

  /** Whether the call under way has used up what it may use, whatever a host function has made of that. */
  get isOver(): boolean {
    return this.exhausted || this.draws.short !== undefined;
  }

  /**
   * The error for what was refused, or is overdrawn.
   * @param message where it is the limit of the instance
   */
  outOfGas(where?: ErrorDetails, message = `Gas limit exceeded: the limit is ${this.end} units`): GasExhausted {
    const total = this.total();
    const short = this.exhausted || total > this.end ? undefined : this.draws.outOfGas(total, where);
    if (short !== undefined) return short;
    this.exhausted = true;
    return new GasExhausted(message, where);
  }

  /** Lets the host look at its clock, if the slice is used up. */
  tick(): void {
    if (this.sliceLeft > 0) return;
    this.sliceLeft = this.slices.gas;
    if (this.slices.onSlice() === true) this.stopAt = -1n;
  }

  /** Lets the host look at its clock now, for work that is not gas. Returns whether the guest is to be left. */
  look(): boolean {
    return this.slices.onSlice() === true;
  }

  /** Whether the guest is to be left at the checkpoint it is at. Nothing may be at hand. */
  get isDue(): boolean {
    return this.total() > (this.stopAt ?? Number.POSITIVE_INFINITY);
  }

  /** Takes another count, and forgets all marks. */
  restore(total: bigint, exhausted: boolean): void {
    this.base = total;
    this.used = 0;
    this.portion = 0;
    this.stopAt = undefined;
    this.exhausted = exhausted;
    this.sliceLeft = this.slices.gas;
    this.rebase();
  }

  /** Units used, without what is at hand. */
  total(): bigint {
    return this.base + BigInt(this.used);
  }
}
