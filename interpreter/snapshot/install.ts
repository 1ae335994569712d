/** Puts an image into a fresh instance of its module: read, checked against that, and then applied. */

import { mostElements, mostPages } from '../../wasm/budget.ts';
import type { EngineImage } from '../../wasm/engine.ts';
import { GasExhausted, MemoryLimitExceeded, SnapshotError, UsageError } from '../../wasm/errors.ts';
import { HIGHEST_GAS, TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import type { GasBudget } from '../../wasm/gas-budget.ts';
import { MAX_INSTANCE_PAGES, MODULE_LIMITS, PAGE_BYTES } from '../../wasm/limits.ts';
import { isReference, type RefType } from '../../wasm/types.ts';
import { damaged, WireReader } from '../../wasm/wire.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import { storeOf, WasmExecution } from '../machine/index.ts';
import type { GuestFunction, Instance, LinearMemory, TableInstance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { type Contents, InstanceImage } from './image.ts';
import { applyStack, planStack, readStack } from './install-stack.ts';
import { readRuns } from './read-pages.ts';
import { readReferences, referenceAt, requireType } from './read-references.ts';

/**
 * Checks all of it, and then changes the instance.
 * @param entered the function that the call which was left has to be of, if that is known
 * @param budgets what the gas of that call is drawn from
 * @throws SnapshotError, GasExhausted, MemoryLimitExceeded
 */
export function install(
  instance: Instance,
  image: EngineImage | WireReader,
  entered: GuestFunction | undefined,
  budgets: readonly GasBudget[] | undefined,
): WasmExecution | undefined {
  if (!(image instanceof WireReader) && !(image instanceof InstanceImage)) {
    throw new UsageError('the image is of another engine');
  }
  const { contents, objects } = image instanceof WireReader ? readContents(image, instance) : image;
  if (image instanceof WireReader) requireFigures(instance, contents);
  const plan = planImage(instance, contents, objects, image instanceof WireReader ? new Map() : image.table.foreign);
  const stack = contents.stack && planStack(instance, contents.stack, plan.references, entered);
  applyImage(instance, plan);
  if (stack === undefined) return undefined;
  const thread = storeOf(instance).acquire();
  applyStack(thread, stack);
  return WasmExecution.resumed(stack.func, thread, budgets);
}

/** A state that is kept in bytes, read for the instance that is to take it: as many of everything as its module has. */
function readContents(from: WireReader, instance: Instance): { contents: Contents; objects: Uint8Array } {
  const { module } = instance;
  const objects = from.bytesOf();
  const contents = {
    gasUsed: from.u64(),
    exhausted: from.flag(),
    peakBytes: readFigure(from),
    refused: from.flag(),
    memories: Array.from({ length: from.exactly(instance.memories.length, 'memories') }, () => {
      const byteLength = from.integer(MAX_INSTANCE_PAGES * PAGE_BYTES, 'the size of a memory');
      return { byteLength, runs: readRuns(from, byteLength) };
    }),
    cells: from.words(instance.cells.length),
    globals: from.words(instance.globals.length),
    tables: Array.from({ length: from.exactly(instance.tables.length, 'tables') }, () =>
      from.words(MODULE_LIMITS.tableElements),
    ),
    droppedData: from.words(module.data.length),
    droppedElements: from.words(module.elements.length),
    segments: Array.from({ length: from.exactly(instance.segmentValues.size, 'segments') }, () => {
      const segment = from.u32();
      return [segment, from.words(instance.segmentValues.get(segment)?.length ?? 0)] as const;
    }),
    heap: [readFigure(from), readFigure(from), readFigure(from)] as const,
    stack: from.flag() ? readStack(from, instance) : undefined,
  };
  from.end();
  return { contents, objects };
}

const readFigure = (from: WireReader) => from.counter('a figure of the memory in use');

/** What an image comes to in an instance: checked, and not yet put there. */
interface Plan {
  readonly contents: Contents;
  readonly references: readonly Reference[];
  /** The account of the memory: all that is in use, the most that has been, and what objects take of it. */
  readonly used: number;
  readonly peak: number;
  readonly heap: Contents['heap'];
}

/**
 * Checks an image against the instance that is to take it, and makes its objects.
 * @param foreign values of the embedder's by their number, where the image was not read
 * @throws SnapshotError where it does not fit the module; MemoryLimitExceeded
 */
function planImage(
  instance: Instance,
  contents: Contents,
  objects: Uint8Array,
  foreign: ReadonlyMap<number, unknown>,
): Plan {
  const { budget } = instance;
  const fixed = requireMemories(instance, contents) + requireTables(instance, contents);
  if (fixed > budget.limit) throw overLimit(fixed, budget.limit);
  const { references, bytes } = readReferences(instance, new WireReader(objects), foreign, budget.limit - fixed);
  requireReferences(instance, contents, references);
  requireCells(instance, contents);
  requireIndices(contents.droppedData, instance.module.data.length);
  requireIndices(contents.droppedElements, instance.module.elements.length);
  return { contents, references, ...account(instance, contents, fixed, bytes) };
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
function requireMemories(instance: Instance, contents: Contents): number {
  let used = 0;
  contents.memories.forEach(({ byteLength }, i) => {
    const memory = instance.memories[i] as LinearMemory;
    const pages = byteLength / PAGE_BYTES;
    if (!Number.isInteger(pages) || pages < memory.declared.min || pages > mostPages(memory.declared.max)) {
      damaged('a memory is of a size that the module does not allow');
    }
    used += byteLength;
  });
  return used;
}

/** Returns the bytes that tables take. */
function requireTables(instance: Instance, contents: Contents): number {
  let used = 0;
  contents.tables.forEach(({ length }, i) => {
    const { declared } = instance.tables[i] as TableInstance;
    if (length < declared.min || length > mostElements(declared.max)) {
      damaged('a table is of a size that the module does not allow');
    }
    used += length * TABLE_ELEMENT_BYTES;
  });
  return used;
}

/** Every reference outside of objects is of the type of its place. */
function requireReferences(instance: Instance, contents: Contents, references: readonly Reference[]): void {
  const { globals, tables, segmentValues, module } = instance;
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
function requireCells({ cells, globals }: Instance, contents: Contents): void {
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
 * @param fixed bytes of memories and tables
 * @param reached bytes of the objects that are there
 */
function account(instance: Instance, { heap, peakBytes }: Contents, fixed: number, reached: number) {
  const { limit } = instance.budget;
  const [claimed, allocated, patience] = heap;
  const objects = Math.max(claimed, reached);
  const used = fixed + objects;
  if (used > limit) throw overLimit(used, limit);
  if (peakBytes < fixed + claimed) damaged('its highest use of memory is below what it uses');
  return {
    used,
    peak: Math.max(peakBytes, used),
    heap: [objects, Math.min(allocated, objects), instance.heap.patienceWithin(patience)] as const,
  };
}

/** @throws SnapshotError where the host cannot allocate the memory */
function applyImage(instance: Instance, { contents, references, used, peak, heap }: Plan): void {
  const { budget, tank } = instance;
  contents.memories.forEach(({ byteLength, runs }, i) => {
    if (instance.memories[i]?.replace(byteLength, runs) !== true) {
      throw new SnapshotError(`the host cannot allocate the ${byteLength} bytes of memory in the snapshot`);
    }
  });
  instance.cells.set(contents.cells);
  contents.globals.forEach((id, i) => {
    const global = instance.globals[i];
    if (global !== undefined) global.reference = references[id];
  });
  contents.tables.forEach((ids, i) => {
    const elements = instance.tables[i]?.elements ?? [];
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
  [instance.heap.used, instance.heap.allocated, instance.heap.patience] = heap;
  budget.used = used;
  budget.peak = peak;
  budget.refused = contents.refused;
  tank.restore(contents.gasUsed, contents.exhausted);
}

function replaceAll(set: Set<number>, values: Int32Array): void {
  set.clear();
  for (const value of values) set.add(value);
}
