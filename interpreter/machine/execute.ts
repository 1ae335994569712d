/** Calls functions: drives the dispatch loop, and does what it leaves to do. */

import {
  GasExhausted,
  HostError,
  type TrapKind,
  tooNested,
  UncaughtException,
  UsageError,
  WasmSandboxError,
} from '../../wasm/errors.ts';
import { STACK_WEIGHT, THREADS } from '../../wasm/gas.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { exitStatus, type WasmValue } from '../../wasm/host.ts';
import { listOf, NO_GUEST, PendingResult, resultsOf } from '../../wasm/host-call.ts';
import { MAX_NESTED_CALLS, MAX_NESTED_VALUES } from '../../wasm/limits.ts';
import type { ValType } from '../../wasm/types.ts';
import {
  EXIT,
  FIRST_SYSTEM,
  FIRST_WARM,
  HALT_PC,
  LEAVE_PC,
  placesOf,
  SETTLE_BELOW,
  trapOfExit,
  wordsOf,
} from '../code/index.ts';
import { ForeignFunction, type GuestFunction, type Instance, toCell, type WasmFunction } from '../store/index.ts';
import {
  ExceptionInstance,
  exceptionBytes,
  JS_TAG,
  readRegister,
  writeRegister,
  writeRegisters,
} from '../values/index.ts';
import { stackTop } from './backtrace.ts';
import { location, outOfGas, outOfGasBehind, outOfMemory, outOfStack, trapped } from './failure.ts';
import { runFirst } from './first-loop.generated.ts';
import { HostCaller } from './host-caller.ts';
import { run } from './loop.generated.ts';
import { metered, trainUnmetered, warm } from './metered.ts';
import { vectors } from './parts.ts';
import { executeRare } from './rare.ts';
import { type Store, storeOf } from './store.ts';
import type { Thread, Wait } from './thread.ts';
import { train } from './training.ts';
import { returnToCaller, unwind } from './unwind.ts';
import { WARMTH } from './warmth.ts';

/** A guest that waits: for a host function's promise, or for a notification. */
export interface Suspension {
  readonly result: PendingResult;
  /** The call of the host's that has promised it; undefined where the guest waits for a notification. */
  readonly call: CallLeft | undefined;
}

interface CallLeft {
  readonly target: ForeignFunction;
  readonly caller: HostCaller;
  /** Register of the first argument, which is that of the first result. */
  readonly base: number;
}

const IN_WAIT = placesOf('atomic.wait');
const WAIT_WORDS = wordsOf('atomic.wait');

/** Lets the guest catch the thread's exception. @throws what the host is to get if nobody does */
function raise(thread: Thread): void {
  if (thread.gas < SETTLE_BELOW) settle(thread);
  const top = stackTop(thread);
  if (caught(thread, top.pc)) return;
  const { tag, payload } = thread.exception as ExceptionInstance;
  if (tag === JS_TAG) throw payload[0]?.reference;
  throw new UncaughtException(thread.exception, location(thread, top));
}

/** Counts an exception of the host's as those of guests are, since a guest can keep it. */
function count(thread: Thread, { bytes }: ExceptionInstance): void {
  if (bytes === 0) return;
  const outcome = (thread.instance as Instance).heap.allocate(bytes, thread);
  if (outcome !== 'done') throw outcome === 'full' ? outOfMemory(thread) : outOfGasBehind(thread);
}

/**
 * Lets the guest catch what a host function threw, if it is an exception and somebody does.
 * @returns false where it must end the guest's call
 */
function catchHostError(thread: Thread, error: unknown): boolean {
  if ((thread.instance as Instance).tank.isOver && !(error instanceof GasExhausted)) throw outOfGasBehind(thread);
  if (error instanceof UncaughtException) thread.exception = error.exception as ExceptionInstance;
  else if (error instanceof WasmSandboxError || exitStatus(error) !== undefined) return false;
  else {
    const bytes = exceptionBytes(JS_TAG, (thread.instance as Instance).store.keepsExceptions);
    thread.exception = new ExceptionInstance(JS_TAG, [{ low: 0, high: 0, reference: error }], bytes);
  }
  thread.bind(thread.instance as Instance);
  thread.takeGas();
  if (!(error instanceof UncaughtException)) count(thread, thread.exception);
  return caught(thread, thread.pc - 1);
}

/** Whether somebody catches the thread's exception, who then goes on. */
function caught(thread: Thread, pc: number): boolean {
  if (!unwind(thread, pc)) return false;
  checkMemories(thread.instance as Instance);
  return true;
}

/** Code of the embedder's may have run, which may have given a memory away. @throws UsageError */
function checkMemories({ memories }: Instance): void {
  for (const memory of memories) memory.check();
}

/** Counts what is at hand, and takes as much as there is. */
function settle(thread: Thread): void {
  thread.returnGas(thread.gas);
  thread.takeGas();
}

/** After a checkpoint at which the gas at hand was used up. */
function refill(thread: Thread): void {
  const { tank } = thread.instance as Instance;
  thread.returnGas(thread.published);
  if (tank.isOverdrawn()) throw outOfGasBehind(thread);
  tank.tick();
  thread.takeGas();
}

/**
 * Enters a function from outside of its instance, with its arguments at `base`.
 * @returns whether the gas at hand was used up, and has been filled again
 */
function enter(thread: Thread, func: WasmFunction, base: number, returnTo: number): boolean {
  const entry = func.entryAtOnce();
  checkMemories(func.instance);
  thread.bind(func.instance);
  thread.takeGas();
  let exit = thread.enter(entry, base, returnTo);
  while (exit === EXIT.stack) {
    if (!thread.grow()) throw outOfStack(thread);
    exit = thread.enter(entry, base, returnTo);
  }
  if (exit !== EXIT.gas) return false;
  refill(thread);
  return true;
}

/** Whether the guest is to be left at the checkpoint it is at. */
function isDue({ nesting, instance }: Thread): boolean {
  return nesting === 0 && (instance as Instance).tank.isDue;
}

/** Calls the host function in `thread.target`; returns a suspension where its value is still to come. */
function callHost(thread: Thread, target: ForeignFunction): Suspension | undefined {
  const instance = thread.instance as Instance;
  const { tank } = instance;
  const store = storeOf(instance);
  thread.published = thread.gas;
  thread.returnGas(thread.gas);
  if (tank.isOverdrawn()) throw outOfGasBehind(thread);
  tank.tick();
  if (!tank.charge(target.gas.base)) throw outOfGasBehind(thread);
  const base = thread.fp + thread.argBase;
  const args = target.type.params.map((type, i) => readRegister(thread, base + 2 * i, type));
  const { top } = thread;
  const outer = store.active;
  const { nestedValues } = thread;
  thread.nestedValues += target.type.values;
  thread.top = base;
  store.active = thread;
  const caller = new HostCaller(instance, target, thread);
  let result: PendingResult | undefined;
  try {
    const value = target.call(caller, args);
    if (target.awaits && PendingResult.is(value)) result = value;
    // What cannot be converted is an exception too, where host functions may throw any (JavaScript API, 5.6).
    else storeResults(thread, target, base, value);
  } catch (error) {
    caller.end();
    if (!catchHostError(thread, error)) throw error;
    return undefined;
  } finally {
    thread.top = top;
    thread.nestedValues = nestedValues;
    store.active = outer;
  }
  if (result !== undefined) return { result, call: { target, caller, base } };
  caller.end();
  goOn(thread, instance);
  return undefined;
}

/** Gives the guest what it has waited for, and lets it go on. @throws what ends it */
export function resume(thread: Thread, { result: { outcome }, call }: Suspension): void {
  if (outcome === undefined) return;
  if (call === undefined) {
    if ('error' in outcome) throw outcome.error;
    endWait(thread, outcome.value as number);
    return;
  }
  const { target, base } = call;
  try {
    if ('error' in outcome) throw outcome.error;
    storeResults(thread, target, base, outcome.value);
  } catch (error) {
    if (!catchHostError(thread, error)) throw error;
    return;
  }
  goOn(thread, thread.instance as Instance);
}

/** Leaves the guest at an instruction that waits; returns a suspension where it is not over at once. */
function beginWait(thread: Thread): Suspension | undefined {
  const instance = thread.instance as Instance;
  const { tank } = instance;
  thread.returnGas(thread.gas);
  tank.tick();
  if (!tank.charge(THREADS.wait.base)) throw outOfGas(thread);
  const suspension: Suspension = {
    result: storeOf(instance).waits.begin(thread.wait as Wait, thread),
    call: undefined,
  };
  if (suspension.result.outcome === undefined) return suspension;
  resume(thread, suspension);
  return undefined;
}

function endWait(thread: Thread, value: number): void {
  const { pc, fp, code } = thread;
  thread.registers[fp + (code[pc + IN_WAIT.result] as number)] = value;
  thread.pc = pc + WAIT_WORDS;
  thread.wait = undefined;
  goOn(thread, thread.instance as Instance);
}

/** Lets the guest run again behind a call of the host. */
function goOn(thread: Thread, instance: Instance): void {
  // A host function that has caught this changes nothing.
  if (instance.tank.isOver) throw outOfGasBehind(thread);
  checkMemories(instance);
  thread.bind(instance);
  thread.takeGas();
}

function storeResults(thread: Thread, target: ForeignFunction, base: number, value: WasmValue): void {
  const { type, types: definitions } = target;
  const types = type.results;
  if (types.length === 0) return;
  if (types.length === 1) {
    const [type] = types as readonly [ValType];
    writeRegister(thread, base, type, toCell(type, definitions, value));
    return;
  }
  const values = resultsOf(types, value);
  writeRegisters(
    thread,
    base,
    types,
    types.map((type, i) => toCell(type, definitions, values[i])),
  );
}

/** A call that leads out of the instance: to the host, or to another instance on the same thread. */
function callOut(thread: Thread): Suspension | 'paused' | undefined {
  const target = thread.target as GuestFunction;
  if (target instanceof ForeignFunction) return callHost(thread, target);
  const base = thread.fp + thread.argBase;
  thread.published = thread.gas;
  // After a tail call from the last frame of an instance: that has ended.
  if (thread.pc === LEAVE_PC) returnToCaller(thread);
  if (target.instance === thread.instance) return begun(enter(thread, target, base, thread.pc), thread);
  if (target.instance.store !== (thread.instance as Instance).store) {
    throw new UsageError('a function of another store is called: give both instances the same namespace');
  }
  checkEnterable(target.instance);
  thread.returnGas(thread.gas);
  thread.callers.push(thread.instance as Instance);
  thread.frames[thread.sp++] = thread.pc;
  return begun(enter(thread, target, base, LEAVE_PC), thread);
}

/** A function has been entered, as a checkpoint or not. */
function begun(isBehind: boolean, thread: Thread): 'paused' | undefined {
  return isBehind && isDue(thread) ? 'paused' : undefined;
}

/**
 * Calls a loop that returns at once. V8 may be left with code that it made for a loop in the middle of its run, which can
 * only be entered by way of slow code; calls that end before they get there make it optimise the whole.
 */
function knock(thread: Thread, loop: (thread: Thread) => number): void {
  const { pc } = thread;
  thread.pc = HALT_PC;
  loop(thread);
  thread.pc = pc;
}

/** Whether there is more of a memory than the instruction at hand knew of: it is executed again then. */
function hasGrown({ instance }: Thread): boolean {
  let hasGrown = false;
  for (const memory of (instance as Instance).memories) if (memory.isShared && memory.refresh()) hasGrown = true;
  return hasGrown;
}

function usesVectors({ instance }: Thread): boolean {
  return (instance as Instance).module.usesVectors;
}

/** Whether nobody but the main loop has the instruction at hand, which another has left. */
function isOfMain({ code, pc }: Thread): boolean {
  return (code[pc] as number) < FIRST_WARM;
}

/** Executes what the first loop lacks, and what follows up to the next checkpoint. */
function depart(thread: Thread): number {
  // What is not published yet does not count where the guest traps before it comes to that.
  const unpublished = thread.published - thread.gas;
  thread.returnGas(thread.published);
  thread.takeGas(0);
  thread.gas -= unpublished;
  // Nothing may be new to it when V8 finds it hot.
  train(run);
  return run(thread);
}

/** Runs until the function that was entered from outside has returned, it is to pause, or a promise has to be awaited. */
export function advance(thread: Thread): Suspension | 'paused' | undefined {
  const { unmetered } = storeOf(thread.instance as Instance);
  if (unmetered === undefined && WARMTH.spent >= WARMTH.next) warm();
  let main = unmetered ?? metered.loop;
  // The main loop and that for vectors leave to each other what only one of them has.
  let loop = main;
  let departures = 0;
  for (;;) {
    thread.bind(thread.instance as Instance);
    let exit = loop(thread);
    if ((++departures & 31) === 0) knock(thread, loop);
    if (exit === EXIT.rare && loop === runFirst && isOfMain(thread)) exit = depart(thread);
    if (exit === EXIT.rare) {
      const instruction = thread.code[thread.pc] as number;
      if (isOfMain(thread)) {
        loop = main;
        continue;
      }
      if (instruction >= FIRST_SYSTEM && loop === main && usesVectors(thread)) {
        const { VECTOR_LOOP, runVectors } = vectors.now;
        if (VECTOR_LOOP.has(instruction)) {
          loop = runVectors;
          continue;
        }
      }
      exit = executeRare(thread);
    }
    if (exit === EXIT.indirect) exit = thread.toElement();
    else if (exit === EXIT.import) exit = thread.toImport();
    else if (exit === EXIT.lazy) exit = thread.link();
    switch (exit) {
      case EXIT.none:
        break;
      case EXIT.done:
        // The limit is checked a last time when a call returns to the host.
        if (thread.gas < 0) refill(thread);
        return undefined;
      case EXIT.gas:
        refill(thread);
        if (loop !== main) train(loop, vectors.now.VECTOR_LOOP);
        else if (loop === unmetered) trainUnmetered(loop);
        if (unmetered === undefined && WARMTH.spent >= WARMTH.next) warm();
        loop = main = unmetered ?? metered.loop;
        if (isDue(thread)) return 'paused';
        break;
      case EXIT.settle:
        settle(thread);
        break;
      case EXIT.call: {
        const stop = callOut(thread);
        if (stop !== undefined) return stop;
        break;
      }
      case EXIT.leave:
        returnToCaller(thread);
        checkMemories(thread.instance as Instance);
        break;
      case EXIT.stack:
        if (thread.grow()) break;
        // Every call publishes, also one that fails.
        thread.published = thread.gas;
        throw outOfStack(thread);
      case EXIT.throw: {
        raise(thread);
        break;
      }
      case EXIT.wait: {
        const stop = beginWait(thread);
        if (stop !== undefined) return stop;
        break;
      }
      case EXIT.memory:
        throw outOfMemory(thread);
      case EXIT.lowering:
        if (thread.nesting === 0) return 'paused';
        break;
      case EXIT.exhausted:
        throw outOfGas(thread);
      default: {
        const kind = trapOfExit(exit) as TrapKind;
        // What other threads of JavaScript have made room for is found out here.
        if (kind === 'memory-out-of-bounds' && hasGrown(thread)) break;
        throw trapped(thread, kind);
      }
    }
  }
}

/** @throws GasExhausted, UsageError where nothing may be called in the instance now */
function checkEnterable(instance: Instance): void {
  if (instance.tank.exhausted) {
    throw new GasExhausted(
      `Gas limit exceeded: the instance is exhausted (limit ${instance.tank.end}) and cannot be entered again: reset it or make a new one`,
      { resources: instance.figures() },
    );
  }
  if (instance.suspended !== undefined) {
    const why =
      instance.suspended === 'waiting'
        ? 'the instance waits for a promise of a host function'
        : 'a call of the instance is paused';
    throw new UsageError(`${why}; call it again when that call has ended`);
  }
}

/** What a call has to put back when it ends. */
export interface Outer {
  readonly store: Store;
  readonly thread: Thread;
  readonly isNested: boolean;
  readonly pc: number;
  readonly fp: number;
  readonly sp: number;
  readonly depth: number;
  readonly instance: Instance | undefined;
  readonly callers: number;
  readonly base: number;
  readonly nestedValues: number;
  /** What the callee's instance draws on for this call alone. */
  readonly drawn: readonly GasBudget[];
}

/** @param isPromising whether it gets a stack of its own, also inside a call that a host function makes */
export function begin(
  func: WasmFunction,
  args: readonly WasmValue[],
  budgets: readonly GasBudget[] = [],
  isPromising = false,
): Outer {
  const store = storeOf(func.instance);
  checkEnterable(func.instance);
  // First of all, as converting may run code of the embedder's, which may call the guest again.
  const { params } = func.type;
  const cells = params.map((type, i) => toCell(type, func.types, args[i]));
  const { active } = store;
  const values = (active?.nestedValues ?? 0) + func.type.values;
  if (active !== undefined && (active.nestedCalls + 1 >= MAX_NESTED_CALLS || values > MAX_NESTED_VALUES)) {
    throw tooNested(func.instance.figures());
  }
  const isNested = active !== undefined && !isPromising;
  const thread = isNested ? active : store.acquire();
  const { pc, fp, sp, depth, instance, top, nestedValues } = thread;
  thread.isPromising ||= isPromising;
  const { draws } = func.instance.tank;
  if (active === undefined) draws.begin();
  const outer: Outer = {
    store,
    thread,
    isNested,
    pc,
    fp,
    sp,
    depth,
    instance,
    callers: thread.callers.length,
    base: top,
    nestedValues,
    drawn: draws.add(budgets),
  };
  if (isNested) {
    thread.nesting++;
    thread.depth += STACK_WEIGHT.hostCall;
    // What the outer guest holds is not garbage.
    thread.callers.push(instance as Instance);
  } else thread.below = active;
  thread.nestedValues = values;
  try {
    enter(thread, func, top, HALT_PC);
    writeRegisters(thread, top, params, cells);
  } catch (error) {
    throw fail(outer, func, error);
  }
  return outer;
}

function restore(outer: Outer, { instance: { tank } }: WasmFunction): void {
  const { thread } = outer;
  tank.draws.remove(outer.drawn);
  if (!outer.isNested) {
    outer.store.release(thread);
    return;
  }
  thread.nesting--;
  thread.nestedValues = outer.nestedValues;
  thread.pc = outer.pc;
  thread.fp = outer.fp;
  thread.sp = outer.sp;
  thread.depth = outer.depth;
  thread.callers.length = outer.callers;
  thread.bind(outer.instance as Instance);
}

export function finish(outer: Outer, func: WasmFunction): WasmValue[] {
  const { thread, base } = outer;
  thread.returnGas(thread.gas);
  const results = func.type.results.map((type, i) => readRegister(thread, base + 2 * i, type));
  restore(outer, func);
  return results;
}

/** Unwinds after a failure; what is thrown then carries the figures. */
export function fail<E>(outer: Outer, func: WasmFunction, error: E): E {
  const { thread } = outer;
  thread.returnGas(thread.published);
  thread.use(0);
  if (error instanceof WasmSandboxError) error.resources ??= func.instance.figures();
  restore(outer, func);
  return error;
}

const PROMISE = 'a host function returned a promise';

function notAwaited(what: string): HostError {
  return new HostError(`${what}, but the guest was called synchronously: use an asynchronous call`);
}

/**
 * Calls a function with arguments that are converted as the JavaScript API says.
 * @throws RuntimeError, and whatever a host function threw
 */
export function call(func: GuestFunction, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[] {
  if (func instanceof ForeignFunction) {
    const value = func.call(NO_GUEST, args);
    if (func.awaits && PendingResult.is(value)) throw notAwaited(PROMISE);
    return listOf(func.type.results, value);
  }
  const outer = begin(func, args, budgets);
  outer.thread.isSynchronous ||= !outer.isNested;
  try {
    let suspension = advance(outer.thread);
    // Nobody could take it up again.
    while (suspension === 'paused') {
      func.instance.tank.stopAt = undefined;
      suspension = advance(outer.thread);
    }
    if (suspension !== undefined) {
      suspension.call?.caller.giveUp();
      throw notAwaited(suspension.call === undefined ? 'the guest waits for a notification' : PROMISE);
    }
  } catch (error) {
    throw fail(outer, func, error);
  }
  return finish(outer, func);
}
