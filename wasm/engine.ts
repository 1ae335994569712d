/** What an engine is to the rest of the project: the sandbox calls these, and knows nothing else about engines. */

import type { Share } from './budget.ts';
import type { ResourceFigures, StackFrame, WasmSandboxError } from './errors.ts';
import type { GasBudget } from './gas-budget.ts';
import type { GuestMemory, HostFunction, WasmValue } from './host.ts';
import type { WasmModule } from './module.ts';
import type { ModuleGraph } from './module-graph.ts';
import type { Steps } from './steps.ts';
import type { ExternKind, FuncType, ValType } from './types.ts';
import type { WireReader, WireWriter } from './wire.ts';

/** What ran, or runs, a module: the library's own interpreter, or the host's `WebAssembly` with a meter in the module. */
export type EngineName = 'interpreter' | 'native';

/** Limits on one instance. */
export interface InstanceLimits {
  /** Units of the gas schedule; undefined is without limit (gas is counted all the same). */
  readonly gas: bigint | undefined;
  /** What gas is drawn from beside that. */
  readonly budgets?: readonly GasBudget[] | undefined;
  /** Bytes for all memories and tables together. */
  readonly memoryBytes: number;
  /** Stack weight, in bytes. */
  readonly stackBytes: number;
  /** Bytes that the module may hold outside its instances (docs/limits.md); without limit unless given. */
  readonly codeBytes?: number | undefined;
}

/**
 * Interrupts a running guest from time to time. Time slices are filled from the gas tank, so the guest cannot tell
 * them from ordinary execution, and they change no figure.
 */
export interface Slices {
  /** Units of gas in a slice; 0 interrupts at every checkpoint. */
  readonly gas: number;
  /**
   * Called by the engine when a slice is used up. Throws to end the guest's call; returns true to have an
   * {@link EngineExecution} pause at the next checkpoint.
   */
  readonly onSlice: () => unknown;
}

/** The time in which guests wait for notifications. */
export interface GuestClock {
  /** Whether time passes only as guests wait for it, and read it. */
  readonly isVirtual: boolean;
  /** Nanoseconds since some start, never going back. */
  now(): bigint;
  /** Lets so many nanoseconds pass: at once on a virtual clock; else a promise, which is never rejected. */
  wait(duration: bigint): Promise<void> | undefined;
}

/** Where nobody looks at a clock: no guest gets to the end of it. */
export const ENDLESS_SLICE: Slices = { gas: 2 ** 100, onSlice: () => undefined };

/** Finds the host function for an import; undefined where nothing was granted. */
export type ImportResolver = (module: string, name: string, type: FuncType) => HostFunction | undefined;

export interface InstantiateOptions {
  readonly limits: InstanceLimits;
  readonly imports: ImportResolver;
  readonly slices?: Slices | undefined;
  /** What waits for notifications are timed by; that of the host unless given. */
  readonly clock?: GuestClock | undefined;
  /** What the module is the guest of, where it is linked with others: they share all limits. */
  readonly graph?: ModuleGraph | undefined;
}

/** What a module is made ready for. */
export interface Preparation extends Pick<InstantiateOptions, 'slices'> {
  /** Whether it is part of a program of several, which share all limits. */
  readonly isLinked?: boolean | undefined;
}

/** An engine. Called by the sandbox when it is built and reset. */
export interface Engine {
  readonly name: EngineName;
  /**
   * Does what `instantiate` would have to do for a module first, once for all instances. Whatever has not been done
   * ahead is done there. Absent where there is nothing to do.
   * @throws CompileError where the engine cannot run the module
   */
  prepare?(module: WasmModule, preparation: Preparation): Steps<void>;
  /**
   * Does the rest of it, after `prepare`, while this thread does other things. That cannot be stopped, but need not be
   * waited for.
   * @throws CompileError where the engine cannot run the module
   */
  compile?(module: WasmModule, preparation: Preparation): Promise<void>;
  /** The same at once. */
  compileNow?(module: WasmModule, preparation: Preparation): void;
  /**
   * Prices and links the module. The start function does not run yet, so that a failure in it leaves an instance
   * with figures behind; call {@link EngineInstance.start}.
   * @throws CompileError where the engine cannot run the module, LinkError, MemoryLimitExceeded, GasExhausted
   */
  instantiate(module: WasmModule, options: InstantiateOptions): EngineInstance;
  /** Bytes of code that it has made of a module so far, for all its instances; about. */
  codeBytes?(module: WasmModule): number;
}

/** Why an execution has stopped: its call has ended, it was asked to pause, or a host function's promise is pending. */
export type Stop = 'done' | 'paused' | 'waiting';

/** A call that can be left at any checkpoint and taken up again. Where it is left changes no figure and no result. */
export interface EngineExecution {
  /**
   * Runs the guest until it stops. Waiting, it stops again at once before the promise has settled.
   * @param gas units after which it pauses: at the first checkpoint at which more have been used since it stopped
   *   before, what a host function charged meanwhile included. No end unless given.
   * @throws whatever ends the guest; the execution is then over
   */
  advance(gas?: bigint): Stop;
  /**
   * Makes a running guest pause at its next checkpoint. For host functions.
   * @param beyond only at the first checkpoint at which the instance's count is above this
   */
  pause(beyond?: bigint): void;
  /** While it waits: settles, and is never rejected, when it can go on. */
  readonly settled: Promise<void>;
  /** Whether the promise that it waits for has settled, or it waits for none. */
  readonly isReady: boolean;
  /** Once it is done. */
  readonly results: readonly WasmValue[];
  /** The guest's calls where it was left, the innermost first, 100 at most. Absent where the engine knows none. */
  readonly frames?: readonly StackFrame[];
  /** Called, where it is set, whenever the host function that the guest waits for has charged. */
  onCharge?: (() => void) | undefined;
  /**
   * Ends a guest that is paused or waiting: its stack is dropped, its memory stays as it is, the instance can be called
   * again. A host function that is still at work loses the guest's memory.
   * @returns the error, with the figures
   */
  abort(error: WasmSandboxError): WasmSandboxError;
}

/** All that an instance is while nothing of it runs, and the call that was left in it. */
export interface EngineImage {
  /** Of one that has yet to load how it is written: to be waited for before it is. @throws SnapshotError */
  ready?(): Promise<void>;
  /** @throws SnapshotError where it holds values that only this process has */
  write(to: WireWriter): void;
}

export interface EngineInstance {
  /** Copies the active segments and runs the start function. Called once, before anything else. */
  start(): void;
  /**
   * The same, with the start function as a call that can be left; undefined where there is none. Absent where the engine
   * cannot leave a guest.
   */
  beginStart?(): EngineExecution | undefined;
  /**
   * Calls an exported function. Called by the sandbox for every `call`.
   * @throws UsageError for an unknown export or arguments that do not fit, and whatever ends the guest: RuntimeError,
   *   or the GuestExit of a host function. A host function that returns a promise is an error here.
   * @param budgets what its gas is drawn from beside the instance's own limits
   */
  call(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): WasmValue[];
  /** The same, awaiting host functions that return promises while the guest is suspended. */
  callAsync(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): Promise<readonly WasmValue[]>;
  /**
   * Begins a call of an exported function, running nothing yet. Absent where the engine cannot leave a guest.
   * @throws what `call` throws before the guest runs
   */
  begin?(name: string, args: readonly WasmValue[], budgets?: readonly GasBudget[]): EngineExecution;
  /**
   * Takes an image of the instance. It is good until the guest goes on: memory is not copied. Absent where the engine
   * cannot leave a guest.
   * @param left the call that was begun and has not ended, if there is one
   * @param purpose whether it will be written, without its zeros, or given to another instance of this process
   * @throws SnapshotError where the guest runs, or waits for a promise that has not settled
   */
  capture?(left: EngineExecution | undefined, purpose: 'write' | 'copy'): EngineImage;
  /**
   * Puts an image into a fresh instance of the same module, in place of {@link EngineInstance.start}.
   * @param image one that was taken, or what one wrote, and nothing behind it
   * @param name the export that the call which was left has to be of, if that is known
   * @param budgets what the gas of that call is drawn from
   * @returns the call that was left
   * @throws SnapshotError, GasExhausted, MemoryLimitExceeded; the instance is then as it was
   */
  install?(image: EngineImage | WireReader, name?: string, budgets?: readonly GasBudget[]): EngineExecution | undefined;
  /**
   * Makes the instance what {@link Engine.instantiate} made; {@link start} is to be called again. Absent where that is
   * no cheaper than another instance.
   * @throws UsageError where the guest runs, or a call was left; what `instantiate` throws
   */
  reset?(): void;
  /** The type of an exported function. */
  functionType(name: string): FuncType | undefined;
  /** Whether a value can be passed as a reference of a type of the module's, null among them. */
  holds(type: ValType, value: WasmValue): boolean;
  exportKind(name: string): ExternKind | undefined;
  /** Memory 0. */
  readonly memory: GuestMemory | undefined;
  /** The embedder may keep views of memory 0: what they show is no other guest's from now on. Absent where it never is. */
  lendMemory?(): void;
  /** What runs the guest now, where that is another engine. Absent where it never is. */
  readonly runsOn?: { readonly engine: EngineName; readonly reason: string } | undefined;
  /** Exact, also after a failure. */
  figures(): ResourceFigures;
  /** Of these, the units of gas alone. */
  readonly gasUsed: bigint;
  /** A share in the memory budget, for what the host keeps for the guest. */
  share(): Share;
  /**
   * Draws on a budget too, until the next reset; what has been used so far is taken from it at once.
   * @returns what ends that earlier
   * @throws GasExhausted where it holds less than that; nothing has changed then
   */
  drawOn(budget: GasBudget): () => void;
}
