/**
 * The host's side of an instance's counts: gas, whose amount at hand the guest keeps in a global, and the budget of
 * its memories and tables.
 */

import { Budget } from '../wasm/budget.ts';
import { ENDLESS_SLICE, type InstanceLimits, type Slices } from '../wasm/engine.ts';
import { type ErrorDetails, GasExhausted, type ResourceFigures } from '../wasm/errors.ts';
import { HIGHEST_GAS } from '../wasm/gas.ts';
import { Draws, type GasBudget } from '../wasm/gas-budget.ts';
import { reported } from '../wasm/reported.ts';
import type { Counter } from './host.ts';
import { BARRED_GAS } from './layout.ts';

/** Most that is put at hand at once: as good as no limit, and far from where a 64-bit integer wraps. */
const MAX_PORTION = 2n ** 59n;

const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other);

/** Put at hand where the host has to look at the next checkpoint; a guest takes much less for being barred. */
const NOTHING_AT_HAND = -1n;

export class Meter {
  readonly limits: InstanceLimits;
  readonly budget: Budget;
  /** The limit on gas, also where none was given. */
  private readonly end: bigint;
  /** Set when the limit was reached: the instance cannot be entered any more. */
  exhausted = false;
  protected readonly slices: Slices;
  /** The guest's global; a stand-in until there is an instance. */
  protected gas: Counter = { value: 0n };
  /** What has been used when nothing is left at hand. */
  private ceiling = 0n;
  /** Where the host wants to look at its clock. */
  private sliceEnd: bigint;
  /** What is used up beside the limit, and up to which count it has been told. */
  readonly draws: Draws;
  protected drawn = 0n;
  /** Says where the guest is, for errors. */
  where: () => ErrorDetails = () => ({});
  /** What had been used when the guest was barred; undefined while it is not. */
  protected frozen: bigint | undefined;

  /** @param budget one that others draw on, too */
  constructor(limits: InstanceLimits, slices: Slices = ENDLESS_SLICE, budget: Budget = new Budget(limits.memoryBytes)) {
    this.limits = limits;
    this.end = limits.gas ?? HIGHEST_GAS;
    this.draws = new Draws(limits.budgets);
    this.budget = budget;
    this.slices = slices;
    this.sliceEnd = BigInt(slices.gas);
  }

  /** Gives the guest its gas. */
  attach(gas: Counter): void {
    const total = this.total();
    this.gas = gas;
    this.fill(total);
  }

  /** Units used, up to where the guest last wrote them out. */
  total(): bigint {
    return this.frozen ?? this.ceiling - this.gas.value;
  }

  /**
   * Puts as much at hand as may be used before the host has to look again, and at least what is needed. That is less
   * than nothing where the limit has been passed between two checkpoints.
   */
  protected fill(total: bigint, needed = NOTHING_AT_HAND): void {
    let room = lesser(MAX_PORTION, lesser(this.end, this.nextLook) - total);
    if (this.draws.isActive) room = lesser(room, BigInt(this.draws.room));
    // One charge of the host's may go far beyond the slice.
    const portion = room < needed ? needed : room;
    this.ceiling = total + portion;
    this.gas.value = portion;
  }

  /** The count beyond which the host has to look. */
  protected get nextLook(): bigint {
    return this.sliceEnd;
  }

  /** Keeps the guest from going on, or from being entered. */
  bar(): void {
    this.freeze(BARRED_GAS);
  }

  /** Keeps the count as it is. @param gas what the guest finds at hand */
  protected freeze(gas: bigint): void {
    this.frozen = this.total();
    this.gas.value = gas;
  }

  get isBarred(): boolean {
    return this.frozen !== undefined;
  }

  /** Ends that. */
  release(): void {
    if (this.frozen === undefined) return;
    const total = this.frozen;
    this.frozen = undefined;
    this.fill(total);
  }

  /** Tells the budgets what has been used since they were told last. */
  private draw(total: bigint): void {
    if (!this.draws.isActive) return;
    this.draws.take(Number(total - this.drawn));
    this.drawn = total;
  }

  /** Whether more has been used than the limit, or a budget, allows. */
  isOverdrawn(total: bigint = this.total()): boolean {
    this.draw(total);
    return total > this.end || this.draws.short !== undefined;
  }

  /** Whether that would be so with a cost that is not counted yet. */
  private isBeyond(total: bigint, cost: bigint): boolean {
    this.draw(total);
    return total + cost > this.end || !this.draws.hold(cost);
  }

  /** Whether the call under way has used up what it may use, whatever a host function has made of that. */
  get isOver(): boolean {
    return this.exhausted || this.draws.short !== undefined;
  }

  /** A call begins: the budgets that its gas is drawn from, for {@link endCall}. */
  beginCall(budgets: readonly GasBudget[], isNested: boolean): readonly GasBudget[] {
    if (!isNested) this.draws.begin();
    return this.drawFrom(budgets, () => this.draws.add(budgets));
  }

  endCall(budgets: readonly GasBudget[]): void {
    this.drawFrom(budgets, () => this.draws.remove(budgets));
  }

  /** Draws on a budget, for what has been used before too. Returns what ends that. @throws GasExhausted */
  drawOn(budget: GasBudget): () => void {
    const drawn = this.drawFrom([budget], () => this.draws.addFor(budget, this.total()));
    return () => this.endCall(drawn);
  }

  private drawFrom<T>(budgets: readonly GasBudget[], change: () => T): T {
    if (budgets.length === 0 && !this.draws.isActive) return change();
    const total = this.total();
    this.draw(total);
    const changed = change();
    this.drawn = total;
    if (this.frozen === undefined) this.fill(total);
    return changed;
  }

  /** A host function has returned, which may have used what was at hand. */
  resume(): void {
    if (this.draws.isActive && this.frozen === undefined) this.fill(this.total());
  }

  /** The guest is at a checkpoint and has nothing at hand. @throws GasExhausted, and what the host's clock throws */
  refill(): void {
    const total = this.total();
    if (this.isOverdrawn(total)) throw this.outOfGas();
    this.tick(total);
    this.fill(total);
  }

  /** The same, where a call returns to the host. */
  settle(): void {
    if (this.gas.value < 0n) this.refill();
  }

  /** Lets the host look at its clock, if the slice is used up. */
  private tick(total: bigint): void {
    if (total < this.sliceEnd) return;
    this.sliceEnd = total + BigInt(this.slices.gas);
    this.onSlice();
  }

  protected onSlice(): void {
    this.slices.onSlice();
  }

  /** The same in the middle of a host call. @throws what the host's clock throws */
  look(): void {
    this.tick(this.total());
  }

  /** Lets the host look at its clock now, for time that is not gas. @throws what the host's clock throws */
  lookAtOnce(): void {
    this.slices.onSlice();
  }

  /** Makes sure that at least `cost` is at hand. @throws GasExhausted, with nothing counted */
  need(cost: bigint): void {
    const total = this.total();
    if (this.isBeyond(total, cost)) throw this.outOfGas();
    this.fill(total, cost);
  }

  /** Counts a cost. @throws GasExhausted, with nothing counted */
  charge(cost: bigint, message?: string): void {
    const total = this.total();
    if (this.isBeyond(total, cost)) throw this.outOfGas(message);
    if (this.draws.isActive) {
      this.draws.takeExactly(cost);
      this.drawn = total + cost;
    }
    this.fill(total + cost);
  }

  /** A host function is about to be called. @throws GasExhausted, and what the host's clock throws */
  beginHostCall(base: number): void {
    const total = this.total();
    if (this.isOverdrawn(total)) throw this.outOfGas();
    this.tick(total);
    this.charge(BigInt(base));
  }

  /** @param message where it is the limit of the instance */
  outOfGas(message = `Gas limit exceeded: the limit is ${this.end} units`): GasExhausted {
    const total = this.total();
    const where = this.where();
    const short = this.exhausted || total > this.end ? undefined : this.draws.outOfGas(total, where);
    if (short !== undefined) return short;
    this.exhausted = true;
    return new GasExhausted(message, where);
  }

  /** @throws GasExhausted */
  checkEnterable(): void {
    if (!this.exhausted) return;
    throw new GasExhausted(
      `Gas limit exceeded: the instance is exhausted (limit ${this.end}) and cannot be entered again: reset it or make a new one`,
      { resources: this.figures() },
    );
  }

  figures(): ResourceFigures {
    const { limits, budget } = this;
    return reported({
      gasUsed: this.total(),
      gasLimit: limits.gas,
      memoryBytes: budget.used,
      peakMemoryBytes: budget.peak,
      memoryLimit: limits.memoryBytes,
      stackLimit: limits.stackBytes,
      growthRefused: budget.refused,
    });
  }
}
