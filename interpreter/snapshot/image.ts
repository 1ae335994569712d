/** The instances of a program while nothing of them runs, and the call that was left in it, as they are and as bytes. */

import type { EngineExecution, EngineImage } from '../../wasm/engine.ts';
import { SnapshotError } from '../../wasm/errors.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import { type GreenThreads, type ThreadedExecution, WasmExecution } from '../machine/index.ts';
import type { Instance, LinearMemory, Run } from '../store/index.ts';
import { Numbering } from './numbering.ts';
import { nonZeroRuns, writeRuns } from './pages.ts';
import { threadImages } from './parts.ts';
import { ReferenceTable } from './references.ts';
import { captureStack, type StackImage, writeStack } from './stack.ts';
import type { ThreadsImage } from './threads.ts';

interface MemoryImage {
  readonly byteLength: number;
  /** Views of the memory, where the image was not read. */
  readonly runs: readonly Run[];
}

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
   * Of an instance, and of all that it shares an account with. Memory is not copied: the image is good until the guest goes
   * on.
   * @throws SnapshotError where a call was left that cannot be part of an image
   */
  constructor(
    instance: Instance,
    left: Parameters<typeof captureStack>[0] | undefined,
    isForBytes: boolean,
    threads?: GreenThreads,
  ) {
    const { tank, budget, heap, account } = instance;
    const numbering = new Numbering(account.members);
    const table = new ReferenceTable(numbering);
    this.table = table;
    this.contents = {
      gasUsed: tank.total(),
      exhausted: tank.exhausted,
      peakBytes: budget.peak,
      refused: budget.refused,
      instances: account.members.map((member) => captureInstance(member, table, isForBytes)),
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

/** What of an instance is its own, and imported from no other. */
export function ownOf({ module, memories, tables, globals, hasSuppliedMemories }: Instance) {
  return {
    memories: hasSuppliedMemories ? memories : memories.slice(module.importedMemories),
    tables: tables.slice(module.importedTables),
    globals: globals.slice(module.importedGlobals),
  };
}

function captureInstance(instance: Instance, table: ReferenceTable, isForBytes: boolean): InstanceContents {
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

function captureMemory({ bytes, words, byteLength }: LinearMemory, isForBytes: boolean): MemoryImage {
  const runs = isForBytes ? nonZeroRuns(bytes, words, byteLength) : [{ at: 0, bytes: bytes.subarray(0, byteLength) }];
  return { byteLength, runs };
}

/** Takes all that an instance, and those that it is linked with, are while nothing of them runs, and the call that was left in it. @throws SnapshotError */
export function capture(
  instance: Instance,
  left: EngineExecution | undefined,
  isForBytes: boolean,
  threads?: GreenThreads,
): InstanceImage {
  if (instance.store.active !== undefined) {
    throw new SnapshotError('the guest is running: a snapshot can be made while it is paused');
  }
  const execution = threads === undefined ? left : (left as ThreadedExecution | undefined)?.main.execution;
  const own = execution instanceof WasmExecution ? execution : undefined;
  return new InstanceImage(instance, own?.leftInTurn() ?? own?.left(), isForBytes, threads);
}
