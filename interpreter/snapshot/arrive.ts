/** Takes over a guest that natively running code has left: its frames, and all that is outside of them. */

import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { type LeftGuest, passiveSegments, type ReturningGuest } from '../../wasm/left.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { FUNCREF, isReference, type MemoryType, type RefType, slotsOf } from '../../wasm/types.ts';
import { HALT_PC } from '../code/index.ts';
import { HostCaller, Store, type Thread, WasmExecution } from '../machine/index.ts';
import {
  accountOf,
  type Backing,
  type ForeignFunction,
  FunctionNumbers,
  type Instance,
  instantiate,
  LinearMemory,
  type Linker,
  type WasmFunction,
} from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { pushFrames, referenceOf } from './arrive-stack.ts';

/** What the guest is made with here. */
export interface Surroundings {
  readonly link: Linker;
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** What it draws on beside its limits. */
  readonly budgets: readonly GasBudget[];
}

/** What it has used. */
export type Used = Pick<LeftGuest, 'budget' | 'gasUsed' | 'exhausted'>;

/** An instance that has used what a guest has, and is as its module says. @throws LinkError */
export function arriveNew(module: WasmModule, { budget, gasUsed, exhausted }: Used, around: Surroundings): Instance {
  const { link, limits, slices, budgets } = around;
  const { used, peak, refused } = budget;
  // What it allocates again has been counted.
  budget.used = 0;
  const account = accountOf({ ...limits, budgets: undefined }, slices, true, budget);
  const instance = instantiate(new Store(limits.stackBytes, { account }), module, link, limits, slices);
  budget.used = used;
  budget.peak = peak;
  budget.refused = refused;
  instance.tank.restore(gasUsed, exhausted);
  instance.tank.draws.add([...(limits.budgets ?? []), ...budgets]);
  return instance;
}

/** A guest of which nothing runs. Memory is shared with the engine that had it, and nothing is charged. @throws LinkError */
export function arriveAtRest(module: WasmModule, left: LeftGuest, around: Surroundings): Instance {
  const instance = arriveNew(module, left, around);
  const { droppedData, droppedElements } = instance;
  for (let i = 0; i < module.data.length; i++) if (module.data.mode(i) !== 'passive') droppedData.add(i);
  for (let i = 0; i < module.elements.length; i++) if (module.elements.mode(i) !== 'passive') droppedElements.add(i);
  applyState(instance, left);
  return instance;
}

/** The same where it has been here before. @param budgets what it draws on beside its limits */
export function arriveAgain(instance: Instance, left: LeftGuest, budgets: Iterable<GasBudget>): void {
  followState(instance, left);
  const { draws } = instance.tank;
  draws.begin();
  draws.add([...budgets]);
}

/** The call in the middle of which a guest that has arrived was left. @param budgets what it draws on */
export function arriveInCall(
  instance: Instance,
  left: LeftGuest,
  budgets: readonly GasBudget[] | undefined,
): WasmExecution {
  const func = instance.function(left.entered) as WasmFunction;
  const thread = (instance.store as Store).acquire();
  thread.pc = HALT_PC;
  thread.nestedValues = func.type.values;
  thread.bind(instance);
  const execution = WasmExecution.resumed(func, thread, budgets);
  followFrames(execution, instance, thread, left);
  return execution;
}

/** Has a call wait for what it was left for, if it was for that. */
function awaitAs(
  execution: WasmExecution,
  instance: Instance,
  thread: Thread,
  { wait, moved }: Pick<LeftGuest, 'wait' | 'moved'>,
): void {
  if (wait === undefined) return;
  const { index, result } = wait;
  const target = instance.function(index) as ForeignFunction;
  const caller = new ArrivedCaller(instance, target, thread);
  const base = thread.fp + (instance.code.words[thread.pc - 1] as number);
  execution.waitFor(result, { target, caller, base });
  caller.onEnd = moved(caller);
}

/** The same guest has gone on elsewhere with a frame of a call, as it had been here. */
export function followState(instance: Instance, state: LeftGuest): void {
  applyState(instance, state);
  instance.tank.restore(state.gasUsed, state.exhausted);
}

/** Takes over the frames that it was left in, which stand on what the call has here. */
export function followFrames(execution: WasmExecution, instance: Instance, thread: Thread, left: LeftGuest): void {
  pushFrames(instance, thread, left.frames);
  awaitAs(execution, instance, thread, left);
}

/**
 * What a guest is that is to go back to the engine that has its memories, or had none of it yet.
 * @param memories of that engine
 * @returns undefined where a call of it has not ended, or it holds what has no number
 */
export function returning(
  instance: Instance,
  memories: readonly object[],
  withTables: boolean,
): ReturningGuest | undefined {
  const { store, suspended } = instance;
  if (store.active !== undefined || suspended !== undefined || store.left.size > 0) return undefined;
  return stateOf(instance, memories, withTables);
}

/** The same in the middle of a call. @param theirs memories; @param withTables whether whoever gets it needs them */
export function stateOf(
  instance: Instance,
  theirs: readonly object[],
  withTables: boolean,
): ReturningGuest | undefined {
  const { tank, globals, tables, memories } = instance;
  const numbers = new FunctionNumbers(instance);
  let isComplete = true;
  const leave = (type: RefType, reference: Reference): unknown => {
    if (type !== FUNCREF || reference === null) return reference;
    const number = numbers.of(reference);
    isComplete &&= number !== undefined;
    return number;
  };
  const { data, elements } = passiveSegments(instance.module);
  const state: ReturningGuest = {
    gasUsed: tank.total(),
    exhausted: tank.exhausted,
    globals: globals.flatMap(({ type: { type, mutable }, cells, at, reference }, number) => {
      if (!mutable) return [];
      const words = isReference(type) ? [] : [...cells.subarray(at, at + 2 * slotsOf([type]))];
      return [[number, { type, words, reference: isReference(type) ? leave(type, reference) : null }] as const];
    }),
    tables: withTables
      ? tables.map(({ element, elements }) => elements.map((reference) => leave(element, reference)))
      : [],
    droppedData: data.filter((segment) => instance.droppedData.has(segment)),
    droppedElements: elements.filter((segment) => instance.droppedElements.has(segment)),
    bytes: memories.map(({ backing, bytes, byteLength }, i) =>
      backing !== undefined && backing.raw === theirs[i] ? undefined : bytes.subarray(0, byteLength),
    ),
  };
  // A forged snapshot may have others that are not gone.
  const areGone =
    instance.droppedData.size === instance.module.data.length - data.length + state.droppedData.length &&
    instance.droppedElements.size === instance.module.elements.length - elements.length + state.droppedElements.length;
  return isComplete && areGone ? state : undefined;
}

/** Of a host function that was called before. */
class ArrivedCaller extends HostCaller {
  /** Ends what it was given then. */
  onEnd: (() => void) | undefined;

  override end(): void {
    super.end();
    this.onEnd?.();
  }
}

function applyState(instance: Instance, left: LeftGuest): void {
  const { module, memories, globals, tables } = instance;
  left.memories.forEach(({ raw, growth }, i) => {
    const own = memories[i];
    if (own?.backing?.raw === raw) {
      own.check();
      return;
    }
    const backing: Backing = {
      raw,
      get buffer() {
        return raw.buffer;
      },
      grow: (pages) => raw.grow(pages),
      shown: () => undefined,
    };
    memories[i] = LinearMemory.over(backing, module.memories[i] as MemoryType, growth);
  });
  for (const [number, value] of left.globals) {
    const global = globals[number] as NonNullable<(typeof globals)[number]>;
    if (isReference(value.type)) global.reference = referenceOf(value, instance);
    else global.cells.set(value.words, global.at);
  }
  left.tables.forEach((elements, i) => {
    const table = tables[i] as NonNullable<(typeof tables)[number]>;
    table.elements.length = 0;
    for (const reference of elements) table.elements.push(referenceOf({ type: table.element, reference }, instance));
  });
  for (const segment of left.droppedData) instance.droppedData.add(segment);
  for (const segment of left.droppedElements) instance.droppedElements.add(segment);
}
