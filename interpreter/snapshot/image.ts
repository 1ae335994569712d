/** All that an instance is while nothing of it runs, and the call that was left in it: taken, written, read, put back. */

import type { EngineImage } from '../../wasm/engine.ts';
import { MemoryLimitExceeded, SnapshotError } from '../../wasm/errors.ts';
import { MODULE_LIMITS, PAGE_BYTES, TABLE_ELEMENT_BYTES } from '../../wasm/limits.ts';
import type { ValType } from '../../wasm/types.ts';
import { damaged, type WireReader, type WireWriter } from '../../wasm/wire.ts';
import type { Reference } from '../function.ts';
import type { Instance } from '../instance.ts';
import type { LinearMemory, Run } from '../memory.ts';
import type { TableInstance } from '../table.ts';
import { nonZeroRuns, readRuns, writeRuns } from './pages.ts';
import { fits, ReferenceTable, readReferences } from './references.ts';
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
  readonly stack: StackImage | undefined;
}

/** The memories of an instance, in the order of the module. */
function memoriesOf(instance: Instance): readonly LinearMemory[] {
  return instance.memory === undefined ? [] : [instance.memory];
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
      memories: memoriesOf(instance).map((memory) => captureMemory(memory, isForBytes)),
      cells: instance.cells,
      globals: table.idsOf(instance.globals.map(({ reference }) => reference)),
      tables: instance.tables.map(({ elements }) => table.idsOf(elements)),
      droppedData: Int32Array.from(instance.droppedData),
      droppedElements: Int32Array.from(instance.droppedElements),
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
    to.flag(contents.stack !== undefined);
    if (contents.stack !== undefined) writeStack(to, contents.stack);
  }
}

function captureMemory({ bytes, words, byteLength }: LinearMemory, isForBytes: boolean): MemoryImage {
  const runs = isForBytes ? nonZeroRuns(bytes, words, byteLength) : [{ at: 0, bytes: bytes.subarray(0, byteLength) }];
  return { byteLength, runs };
}

/** @throws SnapshotError */
export function readContents(from: WireReader): { contents: Contents; objects: Uint8Array } {
  const objects = from.bytesOf();
  const contents = {
    gasUsed: from.u64(),
    exhausted: from.flag(),
    peakBytes: from.integer(Number.MAX_SAFE_INTEGER, 'the highest use of memory'),
    refused: from.flag(),
    memories: Array.from({ length: from.count(12, 'memories') }, () => {
      const byteLength = from.integer(2 ** 40, 'the size of a memory');
      return { byteLength, runs: readRuns(from, byteLength) };
    }),
    cells: from.words(),
    globals: from.words(),
    tables: Array.from({ length: from.count(4, 'tables') }, () => from.words()),
    droppedData: from.words(),
    droppedElements: from.words(),
    stack: from.flag() ? readStack(from) : undefined,
  };
  return { contents, objects };
}

/** What an image comes to in an instance: checked, and not yet put there. */
export interface Plan {
  readonly contents: Contents;
  readonly references: readonly Reference[];
  readonly memoryBytes: number;
}

/**
 * Checks an image against the instance that is to take it.
 * @throws SnapshotError where it does not fit the module; MemoryLimitExceeded
 */
export function planImage(instance: Instance, contents: Contents, references: readonly Reference[]): Plan {
  const { module, budget } = instance;
  const memories = memoriesOf(instance);
  if (contents.memories.length !== memories.length) damaged('its memories are not those of the module');
  if (contents.tables.length !== instance.tables.length) damaged('its tables are not those of the module');
  if (contents.cells.length !== instance.cells.length) damaged('its globals are not those of the module');
  if (contents.globals.length !== instance.globals.length) damaged('its globals are not those of the module');
  let used = 0;
  contents.memories.forEach(({ byteLength }, i) => {
    const memory = memories[i] as LinearMemory;
    const { min } = memory.declared;
    const pages = byteLength / PAGE_BYTES;
    if (!Number.isInteger(pages) || pages < min || !memory.mayGrow(pages - memory.pages)) {
      damaged('a memory is of a size that the module does not allow');
    }
    used += byteLength;
  });
  contents.tables.forEach((ids, i) => {
    const { declared, element } = instance.tables[i] as TableInstance;
    const most = Math.min(declared.max ?? MODULE_LIMITS.tableElements, MODULE_LIMITS.tableElements);
    if (ids.length < declared.min || ids.length > most) damaged('a table is of a size that the module does not allow');
    requireFitting(ids, element, references);
    used += ids.length * TABLE_ELEMENT_BYTES;
  });
  contents.globals.forEach((id, i) => {
    requireFitting(Int32Array.of(id), (instance.globals[i] as (typeof instance.globals)[number]).type.type, references);
  });
  requireIndices(contents.droppedData, module.data.length);
  requireIndices(contents.droppedElements, module.elements.length);
  if (contents.peakBytes < used) damaged('its highest use of memory is below what it uses');
  if (used > budget.limit) {
    throw new MemoryLimitExceeded(
      `Memory limit exceeded: the guest in the snapshot has ${used} bytes, the limit is ${budget.limit}`,
    );
  }
  return { contents, references, memoryBytes: used };
}

function requireFitting(ids: Int32Array, type: ValType, references: readonly Reference[]): void {
  for (const id of ids) {
    if (id < 0 || id >= references.length) damaged('a reference has no object');
    if (!fits(type, references[id])) damaged('a reference is not of the type of its place');
  }
}

function requireIndices(indices: Int32Array, end: number): void {
  for (const index of indices)
    if (index < 0 || index >= end) damaged('it names a segment that the module does not have');
}

/** @throws SnapshotError where the host cannot allocate the memory */
export function applyImage(instance: Instance, { contents, references, memoryBytes }: Plan): void {
  const { budget, tank } = instance;
  contents.memories.forEach(({ byteLength, runs }, i) => {
    if (memoriesOf(instance)[i]?.replace(byteLength, runs) !== true) {
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
  budget.used = memoryBytes;
  budget.peak = contents.peakBytes;
  budget.refused = contents.refused;
  tank.restore(contents.gasUsed, contents.exhausted);
}

function replaceAll(set: Set<number>, values: Int32Array): void {
  set.clear();
  for (const value of values) set.add(value);
}

/** The objects of an image, in an instance. @throws SnapshotError */
export function objectsOf(
  instance: Instance,
  from: WireReader,
  foreign: ReadonlyMap<number, unknown> = new Map(),
): readonly Reference[] {
  const references = readReferences(instance, from, foreign);
  from.end();
  return references;
}
