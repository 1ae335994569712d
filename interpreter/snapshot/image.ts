/** The instances of a program while nothing of them runs, and the call that was left in it, as they are and as bytes. */

import type { EngineImage } from '../../wasm/engine.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import type { GreenThreads } from '../machine/index.ts';
import type { LinearMemory } from '../store/index.ts';
import { type InstanceState, type LeftStack, type MemoryImage, memoryImage } from './held.ts';
import { Numbering } from './numbering.ts';
import { writeRuns } from './pages.ts';
import { threadImages } from './parts.ts';
import { ReferenceTable } from './references.ts';
import { captureStack, type StackImage, writeStack } from './stack.ts';
import type { ThreadsImage } from './threads.ts';

/** Of one instance, what it does not import. */
export interface InstanceContents {
  readonly memories: readonly MemoryImage[];
  readonly cells: Int32Array;
  /** Numbers of references, from here on. */
  readonly globals: Int32Array;
  readonly tables: readonly Int32Array[];
  readonly droppedData: Int32Array;
  readonly droppedElements: Int32Array;
  /** Values of the segments whose expressions make objects. */
  readonly segments: readonly (readonly [segment: number, values: Int32Array])[];
}

export interface Contents {
  readonly gasUsed: bigint;
  readonly exhausted: boolean;
  readonly peakBytes: number;
  readonly refused: boolean;
  /** In the order in which they were made. */
  readonly instances: readonly InstanceContents[];
  /** The account of objects: bytes in use, allocated since the last trace, and to be allocated before the next. */
  readonly heap: readonly [used: number, allocated: number, patience: number];
  readonly stack: StackImage | undefined;
  /** Of a guest that has some. */
  readonly threads: ThreadsImage | undefined;
}

export class InstanceImage implements EngineImage {
  readonly contents: Contents;
  /** The objects that references stand for, as {@link ReferenceTable} wrote them. */
  readonly objects: Uint8Array;
  readonly table: ReferenceTable;

  /**
   * Memory is not copied: the image is good until the guest goes on.
   * @param instances all that share an account, in its order
   * @throws SnapshotError where a call was left that cannot be part of an image
   */
  constructor(
    instances: readonly InstanceState[],
    left: LeftStack | undefined,
    isForBytes: boolean,
    threads?: GreenThreads,
  ) {
    const { tank, budget, heap, account } = instances[0] as InstanceState;
    const numbering = new Numbering(account.members);
    const table = new ReferenceTable(numbering);
    this.table = table;
    this.contents = {
      gasUsed: tank.total(),
      exhausted: tank.exhausted,
      peakBytes: budget.peak,
      refused: budget.refused,
      instances: instances.map((instance) => captureInstance(instance, table, isForBytes)),
      heap: [heap.used, heap.allocated, heap.patience],
      stack: left && captureStack(left, table, numbering),
      threads: threads && threadImages.now.captureThreads(threads, table, numbering),
    };
    this.objects = table.encode();
  }

  /** @throws SnapshotError where the guest holds what only this process has */
  write(to: WireWriter): void {
    this.table.requireOwn();
    const { contents } = this;
    if (contents.threads !== undefined) to.u32(contents.instances.length - 1);
    to.bytesOf(this.objects);
    to.u64(contents.gasUsed);
    to.flag(contents.exhausted);
    to.number(contents.peakBytes);
    to.flag(contents.refused);
    for (const each of contents.instances) writeInstance(to, each);
    for (const figure of contents.heap) to.number(figure);
    to.flag(contents.stack !== undefined);
    if (contents.stack !== undefined) writeStack(to, contents.stack);
    if (contents.threads !== undefined) threadImages.now.writeThreads(to, contents.threads);
  }
}

function writeInstance(to: WireWriter, contents: InstanceContents): void {
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
}

interface Defined<M, T, G> extends Pick<InstanceState, 'module' | 'hasSuppliedMemories'> {
  readonly memories: readonly M[];
  readonly tables: readonly T[];
  readonly globals: readonly G[];
}

/** What of an instance is its own, and imported from no other. */
export function ownOf<M, T, G>({ module, memories, tables, globals, hasSuppliedMemories }: Defined<M, T, G>) {
  return {
    memories: hasSuppliedMemories ? memories : memories.slice(module.importedMemories),
    tables: tables.slice(module.importedTables),
    globals: globals.slice(module.importedGlobals),
  };
}

function captureInstance(instance: InstanceState, table: ReferenceTable, isForBytes: boolean): InstanceContents {
  const { memories, tables, globals } = ownOf(instance);
  return {
    memories: memories.map((memory) => captureMemory(memory, isForBytes)),
    cells: instance.cells,
    globals: table.idsOf(globals.map(({ reference }) => reference)),
    tables: tables.map(({ elements }) => table.idsOf(elements)),
    // In whatever order that happened.
    droppedData: Int32Array.from(instance.droppedData).sort(),
    droppedElements: Int32Array.from(instance.droppedElements).sort(),
    segments: [...instance.segmentValues].map(([segment, values]) => [segment, table.idsOf(values)] as const),
  };
}

function captureMemory(memory: LinearMemory | MemoryImage, isForBytes: boolean): MemoryImage {
  if ('runs' in memory) return memory;
  if (isForBytes) return memoryImage(memory);
  const { bytes, byteLength } = memory;
  return { byteLength, runs: [{ at: 0, bytes: bytes.subarray(0, byteLength) }] };
}
