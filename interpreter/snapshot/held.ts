/**
 * The state of an instance at a moment, where what makes an image of it is yet to be loaded: of what the guest changes when it
 * goes on there are copies. Of guests with objects, exceptions, threads or other modules it has been loaded before
 * (../parts.ts): these hold more than can be copied at once.
 */

import type { EngineImage } from '../../wasm/engine.ts';
import { slotsOf } from '../../wasm/types.ts';
import type { WireWriter } from '../../wasm/wire.ts';
import type { Thread } from '../machine/index.ts';
import type { Instance, LinearMemory, Run, WasmFunction } from '../store/index.ts';
import type { Reference } from '../values/index.ts';
import { nonZeroRuns } from './pages.ts';
import { images } from './parts.ts';

/** A call that was left, with what an image has of its thread. */
export interface LeftStack {
  readonly thread: Pick<Thread, 'pc' | 'sp' | 'depth' | 'frames' | 'callers' | 'instance' | 'registers'> & {
    readonly references: Pick<Thread['references'], 'get' | 'before'>;
  };
  readonly func: WasmFunction;
}

export interface MemoryImage {
  readonly byteLength: number;
  /** Views of the memory, where the image was not read. */
  readonly runs: readonly Run[];
}

/** What an image has of an instance and its account. */
export interface InstanceState
  extends Pick<
    Instance,
    'module' | 'cells' | 'droppedData' | 'droppedElements' | 'segmentValues' | 'hasSuppliedMemories'
  > {
  readonly memories: readonly (LinearMemory | MemoryImage)[];
  readonly tables: readonly { readonly elements: readonly Reference[] }[];
  readonly globals: readonly { readonly reference: Reference }[];
  readonly tank: Pick<Instance['tank'], 'total' | 'exhausted'>;
  readonly budget: Pick<Instance['budget'], 'peak' | 'refused'>;
  readonly heap: Pick<Instance['heap'], 'used' | 'allocated' | 'patience'>;
  readonly account: { readonly members: readonly Instance[] };
}

/** Registers, in words, that a stack of a weight can have in use; without a frame these are the results. */
export const wordsOf = (depth: number, { type }: WasmFunction): number =>
  2 * (depth === 0 ? slotsOf(type.results) : Math.ceil(depth / 8));

export function memoryImage({ bytes, words, byteLength }: LinearMemory): MemoryImage {
  return { byteLength, runs: nonZeroRuns(bytes, words, byteLength) };
}

function copyMemory(memory: LinearMemory): MemoryImage {
  const { byteLength, runs } = memoryImage(memory);
  return { byteLength, runs: runs.map(({ at, bytes }) => ({ at, bytes: bytes.slice() })) };
}

function copyInstance(instance: Instance): InstanceState {
  const { module, hasSuppliedMemories, account, tank, budget, heap } = instance;
  const total = tank.total();
  return {
    module,
    hasSuppliedMemories,
    account,
    tank: { total: () => total, exhausted: tank.exhausted },
    budget: { peak: budget.peak, refused: budget.refused },
    heap: { used: heap.used, allocated: heap.allocated, patience: heap.patience },
    cells: instance.cells.slice(),
    memories: instance.memories.map(copyMemory),
    tables: instance.tables.map(({ elements }) => ({ elements: elements.slice() })),
    globals: instance.globals.map(({ reference }) => ({ reference })),
    droppedData: new Set(instance.droppedData),
    droppedElements: new Set(instance.droppedElements),
    segmentValues: new Map(instance.segmentValues),
  };
}

function copyStack({ thread, func }: LeftStack): LeftStack {
  const { pc, sp, depth, instance } = thread;
  const words = wordsOf(depth, func);
  const references = thread.references.before(words / 2);
  return {
    func,
    thread: {
      pc,
      sp,
      depth,
      instance,
      frames: thread.frames.slice(0, sp),
      callers: [...thread.callers],
      registers: thread.registers.slice(0, words),
      references: { get: (slot) => references[slot] ?? null, before: (slots) => references.slice(0, slots) },
    },
  };
}

export class HeldImage implements EngineImage {
  private readonly instance: InstanceState;
  private readonly left: LeftStack | undefined;
  private image: EngineImage | undefined;

  constructor(instance: Instance, left: LeftStack | undefined) {
    this.instance = copyInstance(instance);
    this.left = left && copyStack(left);
  }

  /** @throws SnapshotError as an image that is made at once */
  async ready(): Promise<void> {
    const { InstanceImage } = await images.load();
    this.image ??= new InstanceImage([this.instance], this.left, true);
  }

  write(to: WireWriter): void {
    (this.image as EngineImage).write(to);
  }
}
