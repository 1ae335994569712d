/** A guest on the interpreter, for the host functions that it calls. */

import { BoundedCaller } from '../../wasm/bounded-caller.ts';
import type { TrapKind } from '../../wasm/errors.ts';
import type { GuestMemory } from '../../wasm/host.ts';
import type { Mutator } from '../gc/index.ts';
import type { ForeignFunction, Instance } from '../store/index.ts';
import { outOfGasBehind, outOfMemory, trapped } from './failure.ts';
import type { Thread } from './thread.ts';

export class HostCaller extends BoundedCaller {
  /** Told of charges that are made while the guest waits. */
  onCharge: (() => void) | undefined;
  private readonly instance: Instance;
  private readonly target: ForeignFunction;
  private readonly thread: Thread;

  constructor(instance: Instance, target: ForeignFunction, thread: Thread) {
    super(target.gas);
    this.instance = instance;
    this.target = target;
    this.thread = thread;
  }

  protected total(): bigint {
    return this.instance.tank.total();
  }

  protected lend(): LentMemory | undefined {
    const { memory } = this.instance;
    return memory && new LentMemory(memory, this.target.keepsViews);
  }

  protected charge(units: number): void {
    const { tank } = this.instance;
    if (tank.isOver || !tank.charge(units)) throw outOfGasBehind(this.thread);
    // A guest that waits looks at the clock itself when it goes on.
    if (this.onCharge === undefined) tank.tick();
    else this.onCharge();
  }

  get mayWait(): boolean {
    const { isPromising, nesting } = this.thread;
    return isPromising && nesting === 0;
  }

  /** Counts an object that is about to be made for the guest. @throws MemoryLimitExceeded, GasExhausted */
  allocate(bytes: number): void {
    const { instance, thread } = this;
    const outcome = instance.heap.allocate(bytes, new CallingMutator(thread, instance.tank));
    if (outcome !== 'done') throw outcome === 'full' ? outOfMemory(thread) : outOfGasBehind(thread);
  }

  /** The error of a trap where the guest is. */
  trap(kind: TrapKind): Error {
    return trapped(this.thread, kind);
  }
}

/** A thread while the host is called: what it had at hand is in the tank. */
class CallingMutator implements Mutator {
  private readonly thread: Thread;
  private readonly tank: Instance['tank'];

  constructor(thread: Thread, tank: Instance['tank']) {
    this.thread = thread;
    this.tank = tank;
  }

  get depth(): number {
    return this.thread.depth;
  }

  roots(): Iterable<Instance> {
    return this.thread.roots();
  }

  usedReferences() {
    return this.thread.usedReferences();
  }

  stacks() {
    return this.thread.stacks();
  }

  charge(cost: number): boolean {
    return this.tank.charge(cost);
  }
}

/** A memory as long as a call lasts. */
class LentMemory implements GuestMemory {
  memory: Instance['memory'];
  private readonly keepsViews: boolean;

  constructor(memory: Instance['memory'], keepsViews: boolean) {
    this.memory = memory;
    this.keepsViews = keepsViews;
  }

  get byteLength(): number {
    return this.memory?.byteLength ?? 0;
  }

  view(pointer: number, length: number): Uint8Array | undefined {
    const { memory } = this;
    if (memory === undefined) return undefined;
    if (this.keepsViews) memory.isLent = true;
    return memory.view(pointer, length);
  }
}
