/** Puts an image into fresh instances of its program: read, checked against these, and then applied. */

import { instanceBytes, mostElements, mostPages } from '../../wasm/budget.ts';
import type { EngineImage } from '../../wasm/engine.ts';
import { GasExhausted, MemoryLimitExceeded, SnapshotError, UsageError } from '../../wasm/errors.ts';
import { HIGHEST_GAS, TABLE_ELEMENT_BYTES, THREADS } from '../../wasm/gas.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { MAX_INSTANCE_PAGES, MODULE_LIMITS, PAGE_BYTES } from '../../wasm/limits.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { isReference, type RefType } from '../../wasm/types.ts';
import { damaged, WireReader } from '../../wasm/wire.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import { type GreenThreads, storeOf, WasmExecution } from '../machine/index.ts';
import type { GuestFunction, Instance, LinearMemory, TableInstance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { type Contents, type InstanceContents, InstanceImage, ownOf } from './image.ts';
import { applyStack, planStack, readStack, type StackPlan } from './install-stack.ts';
import { applyThreads, planThreads, readThreads, requireThreads } from './install-threads.ts';
import { Numbering } from './numbering.ts';
import { readRuns } from './read-pages.ts';
import { readReferences, referenceAt, requireType } from './read-references.ts';

/**
 * Checks all of it, and then changes the instance, and those that it is linked with.
 * @param entered the function that the call which was left has to be of, if that is known
 * @param budgets what the gas of that call is drawn from
 * @throws SnapshotError, GasExhausted, MemoryLimitExceeded
 */
export function install(
  instance: Instance,
  image: EngineImage | WireReader,
  entered: GuestFunction | undefined,
  budgets: readonly GasBudget[] | undefined,
  threads?: GreenThreads,
): WasmExecution | undefined {
  if (!(image instanceof WireReader) && !(image instanceof InstanceImage)) {
    throw new UsageError('the image is of another engine');
  }
  if (threads === undefined) return installInto(instance, image, entered, budgets);
  const { used } = instance.budget;
  const spawned = image instanceof WireReader ? image.u32() : image.contents.instances.length - 1;
  if (spawned > THREADS.most) damaged('it has more threads than there may be');
  try {
    threads.prepare(spawned);
    return installInto(instance, image, entered, budgets, threads);
  } catch (error) {
    threads.forget(used);
    throw error;
  }
}

function installInto(
  instance: Instance,
  image: InstanceImage | WireReader,
  entered: GuestFunction | undefined,
  budgets: readonly GasBudget[] | undefined,
  threads?: GreenThreads,
): WasmExecution | undefined {
  const numbering = new Numbering(instance.account.members);
  const isRead = image instanceof WireReader;
  const { contents, objects } = isRead ? readContents(image, numbering, threads !== undefined) : image;
  if (isRead) requireFigures(instance, contents);
  const hasCall = contents.stack !== undefined;
  if (contents.threads !== undefined) requireThreads(contents.threads, numbering.instances.length - 1, hasCall);
  const plan = planImage(numbering, contents, objects, isRead ? new Map() : image.table.foreign);
  const stack = contents.stack && planStack(numbering, contents.stack, plan.references, entered);
  const others = contents.threads && planThreads(contents.threads, numbering, plan.references);
  applyImage(numbering.instances, plan);
  const resumed = stack && resume(instance, stack, budgets);
  if (threads !== undefined && contents.threads !== undefined && others !== undefined) {
    applyThreads(threads, contents.threads, others, resumed && threads.threadFor(resumed));
  }
  return resumed;
}

function resume(instance: Instance, stack: StackPlan, budgets: readonly GasBudget[] | undefined): WasmExecution {
  const thread = storeOf(instance).acquire();
  applyStack(thread, stack);
  return WasmExecution.resumed(stack.func, thread, budgets);
}

/** A state that is kept in bytes, read for the instances that are to take it: as many of everything as their modules have. */
function readContents(
  from: WireReader,
  { instances }: Numbering,
  hasThreads: boolean,
): { contents: Contents; objects: Uint8Array } {
  const objects = from.bytesOf();
  const contents = {
    gasUsed: from.u64(),
    exhausted: from.flag(),
    peakBytes: readFigure(from),
    refused: from.flag(),
    instances: instances.map((instance) => readInstance(from, instance)),
    heap: [readFigure(from), readFigure(from), readFigure(from)] as const,
    stack: from.flag() ? readStack(from, instances) : undefined,
    threads: hasThreads ? readThreads(from, instances) : undefined,
  };
  from.end();
  return { contents, objects };
}

function readInstance(from: WireReader, instance: Instance): InstanceContents {
  const { module } = instance;
  const { memories, tables, globals } = ownOf(instance);
  return {
    memories: Array.from({ length: from.exactly(memories.length, 'memories') }, () => {
      const byteLength = from.integer(MAX_INSTANCE_PAGES * PAGE_BYTES, 'the size of a memory');
      return { byteLength, runs: readRuns(from, byteLength) };
    }),
    cells: from.words(instance.cells.length),
    globals: from.words(globals.length),
    tables: Array.from({ length: from.exactly(tables.length, 'tables') }, () =>
      from.words(MODULE_LIMITS.tableElements),
    ),
    droppedData: from.words(module.data.length),
    droppedElements: from.words(module.elements.length),
    segments: Array.from({ length: from.exactly(instance.segmentValues.size, 'segments') }, () => {
      const segment = from.u32();
      return [segment, from.words(instance.segmentValues.get(segment)?.length ?? 0)] as const;
    }),
  };
}

const readFigure = (from: WireReader) => from.counter('a figure of the memory in use');

/** What an image comes to in the instances: checked, and not yet put there. */
interface Plan {
  readonly contents: Contents;
  readonly references: readonly Reference[];
  /** The account of the memory: all that is in use, the most that has been, and what objects take of it. */
  readonly used: number;
  readonly peak: number;
  readonly heap: Contents['heap'];
}

/**
 * Checks an image against the instances that are to take it, and makes its objects.
 * @param foreign values of the embedder's by their number, where the image was not read
 * @throws SnapshotError where it does not fit the module; MemoryLimitExceeded
 */
function planImage(
  numbering: Numbering,
  contents: Contents,
  objects: Uint8Array,
  foreign: ReadonlyMap<number, unknown>,
): Plan {
  const { instances } = numbering;
  const [any] = instances as readonly [Instance];
  const { limit } = any.budget;
  const each = instances.map((instance, i) => [instance, contents.instances[i] as InstanceContents] as const);
  // Each of a guest's threads counts for its stack, which may be larger here.
  const stacks = contents.threads === undefined ? 0 : (instances.length - 1) * any.store.stackBytes;
  let fixed = stacks;
  const modules = new Set<WasmModule>();
  for (const [instance, own] of each) {
    const { module } = instance;
    fixed += requireMemories(instance, own) + requireTables(instance, own);
    if (modules.has(module)) fixed += instanceBytes(module);
    modules.add(module);
  }
  if (fixed > limit) throw overLimit(fixed, limit);
  const { references, bytes } = readReferences(numbering, new WireReader(objects), foreign, limit - fixed);
  for (const [instance, own] of each) {
    requireReferences(instance, own, references);
    requireCells(instance, own);
    requireIndices(own.droppedData, instance.module.data.length);
    requireIndices(own.droppedElements, instance.module.elements.length);
  }
  return { contents, references, ...account(any, contents, { fixed, stacks }, bytes) };
}

function overLimit(bytes: number, limit: number): MemoryLimitExceeded {
  return new MemoryLimitExceeded(
    `Memory limit exceeded: the guest in the snapshot has ${bytes} bytes, the limit is ${limit}`,
  );
}

/** What somebody else says of a guest is within the limits. @throws SnapshotError, GasExhausted, MemoryLimitExceeded */
function requireFigures({ tank, budget }: Instance, { gasUsed, peakBytes }: Contents): void {
  if (gasUsed > HIGHEST_GAS) damaged('its gas is out of range');
  if (tank.limit !== undefined && gasUsed > tank.limit) {
    throw new GasExhausted(
      `Gas limit exceeded: the guest in the snapshot has used ${gasUsed}, the limit is ${tank.limit}`,
    );
  }
  if (peakBytes > budget.limit) throw overLimit(peakBytes, budget.limit);
}

/** Returns the bytes that memories take. */
function requireMemories(instance: Instance, contents: InstanceContents): number {
  const { memories } = ownOf(instance);
  let used = 0;
  contents.memories.forEach(({ byteLength }, i) => {
    const memory = memories[i] as LinearMemory;
    const pages = byteLength / PAGE_BYTES;
    if (!Number.isInteger(pages) || pages < memory.declared.min || pages > mostPages(memory.declared.max)) {
      damaged('a memory is of a size that the module does not allow');
    }
    used += byteLength;
  });
  return used;
}

/** Returns the bytes that tables take. */
function requireTables(instance: Instance, contents: InstanceContents): number {
  const { tables } = ownOf(instance);
  let used = 0;
  contents.tables.forEach(({ length }, i) => {
    const { declared } = tables[i] as TableInstance;
    if (length < declared.min || length > mostElements(declared.max)) {
      damaged('a table is of a size that the module does not allow');
    }
    used += length * TABLE_ELEMENT_BYTES;
  });
  return used;
}

/** Every reference outside of objects is of the type of its place. */
function requireReferences(instance: Instance, contents: InstanceContents, references: readonly Reference[]): void {
  const { segmentValues, module } = instance;
  const { globals, tables } = ownOf(instance);
  contents.tables.forEach((ids, i) => {
    requireFitting(instance, ids, (tables[i] as TableInstance).element, references);
  });
  if (contents.globals.length !== globals.length) damaged('its globals are not those of the module');
  globals.forEach(({ type: { type } }, i) => {
    const ids = contents.globals.subarray(i, i + 1);
    if (isReference(type)) requireFitting(instance, ids, type, references);
    else if (ids[0] !== 0) damaged('a number is a reference as well');
  });
  const seen = new Set<number>();
  for (const [segment, ids] of contents.segments) {
    if (segmentValues.get(segment)?.length !== ids.length || seen.has(segment)) {
      damaged('its segments are not those of the module');
    }
    seen.add(segment);
    requireFitting(instance, ids, module.elements.at(segment).type, references);
  }
}

function requireFitting(instance: Instance, ids: Int32Array, type: RefType, references: readonly Reference[]): void {
  for (const id of ids) {
    instance.work(1);
    requireType(type, referenceAt(references, id), instance);
  }
}

/** What cannot be changed is as the instance has it. */
function requireCells({ cells, globals }: Instance, contents: InstanceContents): void {
  if (contents.cells.length !== cells.length) damaged('its globals are not those of the module');
  for (const { at, type, cells: own } of globals) {
    if (own !== cells || type.mutable) continue;
    for (let i = at; i < at + GLOBAL_WORDS; i++) {
      if (contents.cells[i] !== cells[i]) damaged('a global that cannot be changed has another value');
    }
  }
}

function requireIndices(indices: Int32Array, end: number): void {
  const seen = new Set<number>();
  for (const index of indices) {
    if (index < 0 || index >= end || seen.has(index)) damaged('it names a segment that the module does not have');
    seen.add(index);
  }
}

/**
 * The account as the guest goes on with it. What objects take is counted anew; what has been allocated and cannot be
 * reached any more counts up to the next trace, wherever the guest goes on, so that figures and traces are the same as
 * where it was left: that much is taken from the snapshot, within the limit.
 * @param fixed bytes of instances, their memories and tables; of which so many are the stacks of threads
 * @param reached bytes of the objects that are there
 */
function account(
  instance: Instance,
  { heap, peakBytes }: Contents,
  { fixed, stacks }: { readonly fixed: number; readonly stacks: number },
  reached: number,
) {
  const { limit } = instance.budget;
  const [claimed, allocated, patience] = heap;
  const objects = Math.max(claimed, reached);
  const used = fixed + objects;
  if (used > limit) throw overLimit(used, limit);
  if (peakBytes < fixed - stacks + claimed) damaged('its highest use of memory is below what it uses');
  return {
    used,
    peak: Math.max(peakBytes, used),
    heap: [objects, Math.min(allocated, objects), instance.heap.patienceWithin(patience)] as const,
  };
}

/** @throws SnapshotError where the host cannot allocate the memory */
function applyImage(instances: readonly Instance[], { contents, references, used, peak, heap }: Plan): void {
  const [{ budget, tank, heap: account }] = instances as readonly [Instance];
  instances.forEach((instance, i) => {
    applyInstance(instance, contents.instances[i] as InstanceContents, references);
  });
  [account.used, account.allocated, account.patience] = heap;
  budget.used = used;
  budget.peak = peak;
  budget.refused = contents.refused;
  tank.restore(contents.gasUsed, contents.exhausted);
}

function applyInstance(instance: Instance, contents: InstanceContents, references: readonly Reference[]): void {
  const { memories, tables, globals } = ownOf(instance);
  contents.memories.forEach(({ byteLength, runs }, i) => {
    if (memories[i]?.replace(byteLength, runs) !== true) {
      throw new SnapshotError(`the host cannot allocate the ${byteLength} bytes of memory in the snapshot`);
    }
  });
  instance.cells.set(contents.cells);
  contents.globals.forEach((id, i) => {
    const global = globals[i];
    if (global !== undefined) global.reference = references[id];
  });
  contents.tables.forEach((ids, i) => {
    const elements = tables[i]?.elements ?? [];
    elements.length = 0;
    for (const id of ids) elements.push(references[id]);
  });
  replaceAll(instance.droppedData, contents.droppedData);
  replaceAll(instance.droppedElements, contents.droppedElements);
  for (const [segment, values] of contents.segments) {
    instance.segmentValues.set(
      segment,
      Array.from(values, (id) => references[id]),
    );
  }
}

function replaceAll(set: Set<number>, values: Int32Array): void {
  set.clear();
  for (const value of values) set.add(value);
}
