/**
 * The threads of a guest (WASI threads) on one thread of JavaScript. Each has an instance of its own, with the same memory and
 * the same functions of the host's; all draw on one account. They are switched at checkpoints, by gas, and where one has to
 * wait: which of them runs when is the same in every run.
 */

import { instanceBytes, overBudget } from '../../wasm/budget.ts';
import type { EngineExecution, GuestClock, Stop } from '../../wasm/engine.ts';
import { CallAborted, HostError, MemoryLimitExceeded, UsageError, type WasmSandboxError } from '../../wasm/errors.ts';
import { PAGE_COST, TABLE_ELEMENT_BYTES, THREADS } from '../../wasm/gas.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import type { WasmValue } from '../../wasm/host.ts';
import type { PendingResult } from '../../wasm/host-call.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { isSpawn } from '../../wasm/spawn.ts';
import { funcType, I32, type MemoryType } from '../../wasm/types.ts';
import { op, placesOf } from '../code/index.ts';
import {
  allocateAll,
  type ExternValue,
  ForeignFunction,
  type GuestFunction,
  Instance,
  LinearMemory,
  type Linker,
  type Provider,
  Waiter,
} from '../store/index.ts';
import { execution, WasmExecution } from './execution.ts';
import { outOfGas } from './failure.ts';
import { beginStart } from './start.ts';
import type { Store } from './store.ts';
import type { Thread, Wait } from './thread.ts';
import { deadlock, HOST_CLOCK, register, timeOut, type Waits } from './waits.ts';

const SPAWN_TYPE = funcType([I32], [I32]);
/** What a guest with threads exports for them to begin in. */
export const THREAD_START = { name: 'wasi_thread_start', type: 'i32,i32->' } as const;
/** What the guest gets in place of a thread where there can be no other: WASI's `again`, negative. */
const AGAIN = -6;
/** Ids have 29 bits. */
const LAST_ID = 2 ** 29 - 1;
/** Nanoseconds of the host's time after which somebody looks again whether a wait is over. */
const PIECE = 50_000_000n;
/** Threads that an error names. */
const NAMED = 10;

/** A call that a thread is to make. */
interface Planned {
  readonly func: GuestFunction;
  readonly args: readonly WasmValue[];
}

/** A thread; with the id 0, a call from outside. */
export class GreenThread {
  readonly id: number;
  /** What it was given when it was spawned. */
  readonly argument: number;
  readonly instance: Instance;
  execution: EngineExecution;
  /** Behind the call that it is in. */
  readonly rest: Planned[];
  /** Where it waits for a notification. */
  waiter: Waiter | undefined;

  constructor(id: number, argument: number, instance: Instance, execution: EngineExecution, rest: Planned[] = []) {
    this.id = id;
    this.argument = argument;
    this.instance = instance;
    this.execution = execution;
    this.rest = rest;
  }

  get isReady(): boolean {
    return this.execution.isReady;
  }

  /** Bytes that it counts for beside what all have. */
  get bytes(): number {
    const { module, tables, store } = this.instance;
    let bytes = store.stackBytes + instanceBytes(module);
    for (const { elements } of tables.slice(module.importedTables)) bytes += elements.length * TABLE_ELEMENT_BYTES;
    return bytes;
  }

  get name(): string {
    return this.id === 0 ? 'the main thread' : `thread ${this.id}`;
  }
}

export class GreenThreads implements Waits {
  /** In the order in which they take turns. */
  readonly list: GreenThread[] = [];
  /** Whose turn it is, in the list; and the count at which that ends. */
  at = 0;
  turnEnds = 0n;
  nextId = 1;
  settled: Promise<void> = Promise.resolve();
  onCharge: (() => void) | undefined;
  readonly instance: Instance;
  readonly clock: GuestClock;
  private isIdle = false;
  private isRunning = false;
  /** The count beyond which the call that runs is to pause. */
  private pauseAt: bigint | undefined;
  private leftAt: bigint | undefined;

  /**
   * Makes the guest, of which the memory is made here as well.
   * @param find what the host provides
   * @throws LinkError, MemoryLimitExceeded, GasExhausted
   */
  constructor(store: Store, instance: Instance, find: Provider, clock: GuestClock = HOST_CLOCK) {
    this.instance = instance;
    this.clock = clock;
    store.waits = this;
    instance.hasSuppliedMemories = true;
    const supply: Linker = (imported, module) => {
      const value = find(imported, module);
      if (value !== undefined) return value;
      if (isSpawn(imported)) return this.spawner(module);
      if (imported.kind !== 'memory' || !imported.type.isShared) return undefined;
      return this.memory(imported.type);
    };
    allocateAll([instance], [supply]);
  }

  /** @throws MemoryLimitExceeded, GasExhausted */
  private memory(type: MemoryType): LinearMemory {
    const { instance } = this;
    const { min } = type.limits;
    const cost = Math.max(min, 1) * PAGE_COST;
    if (!instance.tank.charge(cost)) {
      throw instance.outOfGas(`Gas limit exceeded: a memory of ${min} pages costs ${cost}`);
    }
    const memory = LinearMemory.create(type, instance.budget);
    if (memory !== undefined) return memory;
    throw overBudget(`a memory of ${min} pages`, min * PAGE_BYTES, instance.budget, instance.figures());
  }

  private spawner({ types }: WasmModule): ForeignFunction {
    return new ForeignFunction(
      SPAWN_TYPE,
      types,
      THREADS.spawn,
      (_, [argument]) => this.spawn(argument as number),
      false,
    );
  }

  /** The module once more, with all that the guest imports, and room for a stack. @throws MemoryLimitExceeded, GasExhausted */
  private another(): Instance {
    const { store, module, limits } = this.instance;
    const instance = new Instance(store, module, limits);
    const { budget, account } = instance;
    const { used } = budget;
    try {
      allocateAll([instance], [importsOf(this.instance)]);
      const { stackBytes } = store;
      if (!budget.hasRoomFor(stackBytes)) throw overBudget('another stack', stackBytes, budget, instance.figures());
      budget.take(stackBytes);
    } catch (error) {
      account.members.pop();
      budget.used = used;
      throw error;
    }
    return instance;
  }

  /** Begins a thread, which runs when it is its turn. Returns its id, or what says that there can be none. */
  private spawn(argument: number): number {
    const { budget, store, module } = this.instance;
    const start = module.exportsByName.get(THREAD_START.name);
    if (start?.kind !== 'function' || this.instance.function(start.index).type.key !== THREAD_START.type) {
      throw new HostError(`the guest spawns a thread, but exports no function ${THREAD_START.name} of two i32`);
    }
    const least = store.stackBytes + budget.bytesFor(module);
    if (this.list.length >= THREADS.most || this.nextId > LAST_ID || !budget.hasRoomFor(least)) return AGAIN;
    let instance: Instance;
    try {
      instance = this.another();
    } catch (error) {
      if (error instanceof MemoryLimitExceeded) return AGAIN;
      throw error;
    }
    const id = this.nextId++;
    const hasStart = beginStart(instance) !== undefined;
    this.list.push(this.threadOf(instance, id, argument, hasStart));
    return id;
  }

  /** @param isBefore whether it is to call the module's start function first */
  threadOf(instance: Instance, id: number, argument: number, isBefore: boolean): GreenThread {
    const { start, exportsByName } = instance.module;
    const { index } = exportsByName.get(THREAD_START.name) as { readonly index: number };
    const own: Planned = { func: instance.function(index), args: [id, argument] };
    if (!isBefore || start === undefined) return new GreenThread(id, argument, instance, this.begun(own));
    return new GreenThread(id, argument, instance, this.begun({ func: instance.function(start), args: [] }), [own]);
  }

  /** For a snapshot that has threads: their instances, as if spawned. @throws MemoryLimitExceeded, GasExhausted */
  prepare(count: number): readonly Instance[] {
    return Array.from({ length: count }, () => this.another());
  }

  /**
   * Has a thread wait again, as it did where it was left.
   * @param wait with the nanoseconds that are left, or none where it waits without end; and what it has come to, if it has
   */
  waitAgain(
    thread: GreenThread,
    on: Thread,
    { address, left, value }: Pick<Waiter, 'address' | 'value'> & { readonly left: bigint | undefined },
  ): void {
    const memory = thread.instance.memories[on.code[on.pc + IN_WAIT.memory] as number] as LinearMemory;
    const deadline = left === undefined ? undefined : this.clock.now() + left;
    thread.waiter = new Waiter(address, deadline);
    if (value === undefined) memory.waiters.add(thread.waiter);
    else thread.waiter.end(value);
    (thread.execution as WasmExecution).waitFor(thread.waiter.result);
  }

  /** The thread of a call from outside that was left, in another instance of the module. */
  threadFor(execution: EngineExecution): GreenThread {
    const thread = new GreenThread(0, 0, this.instance, execution);
    this.adopt(thread, execution);
    return thread;
  }

  /** The call from outside that was left, as a whole. */
  resumed(isProgram: boolean): ThreadedExecution | undefined {
    const main = this.list.find(({ id }) => id === 0);
    return main && new ThreadedExecution(this, main, isProgram);
  }

  /** Gives an execution that was made elsewhere to a thread. */
  adopt(thread: GreenThread, execution: EngineExecution): void {
    execution.onCharge = () => this.onCharge?.();
    thread.execution = execution;
  }

  /** Forgets threads that are none of a state after all. @param used bytes in use without them */
  forget(used: number): void {
    this.instance.account.members.length = 1;
    this.instance.budget.used = used;
  }

  private begun({ func, args }: Planned, budgets?: readonly GasBudget[]): EngineExecution {
    const begun = execution(func, args, budgets);
    begun.onCharge = () => this.onCharge?.();
    return begun;
  }

  /** A call from outside, during which all threads run. @param isProgram whether all end with it */
  call(
    func: GuestFunction,
    args: readonly WasmValue[],
    budgets: readonly GasBudget[] | undefined,
    isProgram: boolean,
  ): ThreadedExecution {
    return new ThreadedExecution(
      this,
      new GreenThread(0, 0, this.instance, this.begun({ func, args }, budgets)),
      isProgram,
    );
  }

  begin(wait: Wait, thread: Thread): PendingResult {
    if (!thread.mayLeave)
      throw new HostError('the guest waits for a notification inside a call that a host function made');
    const { tank } = this.instance;
    // Whoever comes next is looked for among all.
    if (!tank.charge(THREADS.wait.perThread * this.list.length)) throw outOfGas(thread);
    const waiter = register(wait, this.clock.now());
    (this.list[this.at] as GreenThread).waiter = waiter;
    return waiter.result;
  }

  get isReady(): boolean {
    return !this.isIdle || this.list.some(({ isReady }) => isReady);
  }

  /** Runs threads until a call has ended, is to pause, or all wait. @throws whatever ends the guest */
  run(main: GreenThread, gas: bigint | undefined): Stop {
    const { tank } = this.instance;
    if (!this.list.includes(main)) this.enter(main);
    const end = gas === undefined ? undefined : (this.leftAt ?? tank.total()) + gas;
    this.isRunning = true;
    this.isIdle = false;
    let thread: GreenThread | undefined;
    try {
      for (;;) {
        const total = tank.total();
        if (total > (end ?? total) || total > (this.pauseAt ?? total)) return 'paused';
        thread = this.next(total);
        if (thread === undefined) {
          if (this.passTime()) continue;
          this.isIdle = true;
          return 'waiting';
        }
        if (thread.waiter?.isOver) thread.waiter = undefined;
        const mark = least(this.turnEnds, end, this.pauseAt);
        const { execution } = thread;
        const stop = execution instanceof WasmExecution ? execution.advanceTo(mark) : execution.advance();
        if (stop === 'done' && this.ended(thread) && thread === main) return 'done';
        // Beyond the mark at nobody's wish, it was the mark.
        if (stop === 'paused' && (tank.total() <= mark || (execution as WasmExecution).wasAsked)) return 'paused';
      }
    } catch (error) {
      this.endAll(thread);
      throw error;
    } finally {
      this.pauseAt = undefined;
      this.isRunning = false;
      this.leftAt = tank.total();
    }
  }

  private enter(main: GreenThread): void {
    if (this.list.some(({ id }) => id === 0)) {
      throw new UsageError('a call of the instance is under way; call it again when that call has ended');
    }
    this.list.push(main);
    this.leftAt = undefined;
  }

  /** A call of a thread has ended. Returns whether the thread has. */
  private ended(thread: GreenThread): boolean {
    const next = thread.rest.shift();
    if (next !== undefined) {
      thread.execution = this.begun(next);
      return false;
    }
    this.remove(thread);
    return true;
  }

  private remove(thread: GreenThread): void {
    const { budget, account } = this.instance;
    const at = this.list.indexOf(thread);
    this.list.splice(at, 1);
    // Who comes behind has the next turn.
    if (at <= this.at) this.at--;
    this.turnEnds = -1n;
    if (thread.id === 0) return;
    budget.give(thread.bytes);
    account.members.splice(account.members.indexOf(thread.instance), 1);
  }

  /** Ends all threads but one, which has ended. */
  endAll(but?: GreenThread): void {
    for (const thread of [...this.list]) {
      if (thread !== but) thread.execution.abort(new CallAborted('Call aborted: another thread has ended all of them'));
      if (thread.waiter !== undefined)
        for (const memory of this.instance.memories) memory.waiters.delete(thread.waiter);
      this.remove(thread);
    }
    this.at = 0;
  }

  /** Whose turn it is; undefined where all wait. */
  private next(total: bigint): GreenThread | undefined {
    const { list } = this;
    const current = list[this.at];
    if (current?.isReady && total <= this.turnEnds) return current;
    this.endWaits();
    for (let i = 1; i <= list.length; i++) {
      const at = (this.at + i) % list.length;
      const thread = list[at] as GreenThread;
      if (!thread.isReady) continue;
      this.at = at;
      this.turnEnds = total + BigInt(THREADS.turn);
      return thread;
    }
    return undefined;
  }

  /** Ends the waits whose time is over. */
  private endWaits(): void {
    let now: bigint | undefined;
    for (const { waiter, instance } of this.list) {
      if (waiter?.deadline === undefined || waiter.isOver) continue;
      now ??= this.clock.now();
      if (waiter.deadline <= now) for (const memory of instance.memories) timeOut(memory, waiter);
    }
  }

  /**
   * Where all wait: lets time pass up to the first deadline. Returns whether it has.
   * @throws Trap where nobody could ever go on
   */
  private passTime(): boolean {
    const { list, clock } = this;
    const outside: Promise<void>[] = [];
    let first: bigint | undefined;
    for (const { waiter, execution } of list) {
      if (waiter === undefined) outside.push(execution.settled);
      else if (waiter.deadline !== undefined && waiter.deadline < (first ?? waiter.deadline + 1n))
        first = waiter.deadline;
    }
    if (first === undefined && outside.length === 0) throw this.deadlock();
    if (first !== undefined && !(clock.isVirtual && outside.length > 0)) {
      const rest = first - clock.now();
      const passing = clock.wait(clock.isVirtual || rest < PIECE ? rest : PIECE);
      if (passing === undefined) return true;
      outside.push(passing);
    }
    this.settled = Promise.race(outside).then(() => this.endWaits());
    return false;
  }

  private deadlock(): WasmSandboxError {
    const { list } = this;
    const who = list.slice(0, NAMED).map((thread) => `${thread.name} at address ${thread.waiter?.address}`);
    if (list.length > NAMED) who.push(`and ${list.length - NAMED} more`);
    // All of them stand in the middle of their calls.
    const [first] = list as [GreenThread];
    return deadlock((first.execution as WasmExecution).thread as Thread, who.join(', '));
  }

  /** As of an execution. */
  pause(beyond: bigint): void {
    if (!this.isRunning) return;
    if (beyond >= 0n) this.pauseAt = beyond;
    if (beyond < this.turnEnds) this.list[this.at]?.execution.pause(beyond);
  }

  reset(): void {
    this.endAll();
    this.nextId = 1;
    this.turnEnds = 0n;
    this.leftAt = undefined;
  }
}

/** A call from outside, and all threads that run while it does. */
export class ThreadedExecution implements EngineExecution {
  readonly main: GreenThread;
  private readonly group: GreenThreads;
  private readonly isProgram: boolean;

  constructor(group: GreenThreads, main: GreenThread, isProgram: boolean) {
    this.group = group;
    this.main = main;
    this.isProgram = isProgram;
  }

  get results(): readonly WasmValue[] {
    return this.main.execution.results;
  }

  get settled(): Promise<void> {
    return this.group.settled;
  }

  get isReady(): boolean {
    return this.group.isReady;
  }

  get frames() {
    return this.main.execution.frames ?? [];
  }

  set onCharge(listener: (() => void) | undefined) {
    this.group.onCharge = listener;
  }

  advance(gas?: bigint): Stop {
    const stop = this.group.run(this.main, gas);
    if (stop === 'done' && this.isProgram) this.group.endAll();
    return stop;
  }

  pause(beyond = -1n): void {
    this.group.pause(beyond);
  }

  abort<E extends WasmSandboxError>(error: E): E {
    const aborted = this.main.execution.abort(error) as E;
    this.group.endAll(this.main);
    return aborted;
  }
}

const WAIT = op('atomic.wait');
const IN_WAIT = placesOf('atomic.wait');

/** Whether a thread that was left stands where it could wait for a notification. */
export function isWaiting({ pc, code }: Thread): boolean {
  return code[pc] === WAIT;
}

/** What an instance imports, for another of the same module. */
function importsOf({ functions, tables, memories, globals, tags }: Instance): Linker {
  const at = { function: 0, table: 0, memory: 0, global: 0, tag: 0 };
  const lists = { function: functions, table: tables, memory: memories, global: globals, tag: tags };
  return ({ kind }) => lists[kind][at[kind]++] as ExternValue;
}

function least(first: bigint, ...others: readonly (bigint | undefined)[]): bigint {
  let least = first;
  for (const other of others) if (other !== undefined && other < least) least = other;
  return least;
}
