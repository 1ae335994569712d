/** All that an instance is while nothing of it runs, and the call that was left in it: taken, written, read, put back. */

import { mostElements, mostPages } from '../../wasm/budget.ts';
import type { EngineImage } from '../../wasm/engine.ts';
import { GasExhausted, MemoryLimitExceeded, SnapshotError } from '../../wasm/errors.ts';
import { HIGHEST_GAS, TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import { MAX_INSTANCE_PAGES, MODULE_LIMITS, PAGE_BYTES } from '../../wasm/limits.ts';
import { isReference, type RefType } from '../../wasm/types.ts';
import { damaged, WireReader, type WireWriter } from '../../wasm/wire.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import type { Instance, LinearMemory, Run, TableInstance } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { nonZeroRuns, readRuns, writeRuns } from './pages.ts';
import { ReferenceTable, readReferences, referenceAt, requireType } from './references.ts';
import { captureStack, readStack, type StackImage, writeStack } from './stack.ts';

interface MemoryImage {
  readonly byteLength: number;
  /** Views of the memory, where the image was not read. */
  readonly runs: readonly Run[];
}

interface Contents {
  readonly gasUsed: bigint;
  readonly exhausted: boolean;
  readonly peakBytes: number;
  readonly refused: boolean;
  readonly memories: readonly MemoryImage[];
  readonly cells: Int32Array;
  /** Numbers of references, from here on. */
  readonly globals: Int32Array;
  readonly tables: readonly Int32Array[];
  readonly droppedData: Int32Array;
  readonly droppedElements: Int32Array;
  /** Values of the segments whose expressions make objects. */
  readonly segments: readonly (readonly [segment: number, values: Int32Array])[];
  /** The account of objects: bytes in use, allocated since the last trace, and to be allocated before the next. */
  readonly heap: readonly [used: number, allocated: number, patience: number];
  readonly stack: StackImage | undefined;
}

export class InstanceImage implements EngineImage {
  readonly contents: Contents;
  /** The objects that references stand for, as {@link ReferenceTable} wrote them. */
  readonly objects: Uint8Array;
  readonly table: ReferenceTable;

  /**
   * Memory is not copied: the image is good until the guest goes on.
   * @throws SnapshotError where a call was left that cannot be part of an image
   */
  constructor(instance: Instance, left: Parameters<typeof captureStack>[0] | undefined, isForBytes: boolean) {
    const { tank, budget } = instance;
    this.table = new ReferenceTable(instance);
    const { table } = this;
    this.contents = {
      gasUsed: tank.total(),
      exhausted: tank.exhausted,
      peakBytes: budget.peak,
      refused: budget.refused,
      memories: instance.memories.map((memory) => captureMemory(memory, isForBytes)),
      cells: instance.cells,
      globals: table.idsOf(instance.globals.map(({ reference }) => reference)),
      tables: instance.tables.map(({ elements }) => table.idsOf(elements)),
      droppedData: Int32Array.from(instance.droppedData),
      droppedElements: Int32Array.from(instance.droppedElements),
      segments: [...instance.segmentValues].map(([segment, values]) => [segment, table.idsOf(values)] as const),
      heap: [instance.heap.used, instance.heap.allocated, instance.heap.patience],
      stack: left && captureStack(left, table),
    };
    this.objects = table.encode();
  }

  /** @throws SnapshotError where the guest holds what only this process has */
  write(to: WireWriter): void {
    this.table.requireOwn();
    const { contents } = this;
    to.bytesOf(this.objects);
    to.u64(contents.gasUsed);
    to.flag(contents.exhausted);
    to.number(contents.peakBytes);
    to.flag(contents.refused);
    to.u32(contents.memories.length);
    for (const { byteLength, runs } of contents.memories) {
      to.number(byteLength);
      writeRuns(to, runs);
    }
    to.words(contents.cells);
    to.words(contents.globals);
    to.u32(contents.tables.length);
    for (const ids of contents.tables) to.words(ids);
    to.words(contents.droppedData);
    to.words(contents.droppedElements);
    to.u32(contents.segments.length);
    for (const [segment, values] of contents.segments) {
      to.u32(segment);
      to.words(values);
    }
    for (const figure of contents.heap) to.number(figure);
    to.flag(contents.stack !== undefined);
    if (contents.stack !== undefined) writeStack(to, contents.stack);
  }
}

function captureMemory({ bytes, words, byteLength }: LinearMemory, isForBytes: boolean): MemoryImage {
  const runs = isForBytes ? nonZeroRuns(bytes, words, byteLength) : [{ at: 0, bytes: bytes.subarray(0, byteLength) }];
  return { byteLength, runs };
}

/** A state that is kept in bytes, read for the instance that is to take it: as many of everything as its module has. */
export function readContents(from: WireReader, instance: Instance): { contents: Contents; objects: Uint8Array } {
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
export interface Plan {
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
export function planImage(
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
export function requireFigures({ tank, budget }: Instance, { gasUsed, peakBytes }: Contents): void {
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
export function applyImage(instance: Instance, { contents, references, used, peak, heap }: Plan): void {
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
