/** What a namespace is made with, and what it tells of its instances. */

import type { Loop } from '../../interpreter/machine/store.ts';
import type { LinearMemory } from '../../interpreter/store/memory.ts';
import type { Budget } from '../../wasm/budget.ts';
import type { EngineName, InstanceLimits, Slices } from '../../wasm/engine.ts';
import type { ResourceFigures } from '../../wasm/errors.ts';
import type { HostCalls } from '../../wasm/host.ts';
import type { Supplied } from '../../wasm/imports.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { Import, MemoryType } from '../../wasm/types.ts';
import type { Entry } from './convert.ts';
import type { CallClock } from './promises.ts';

/** Where instances of a namespace run that need not be interpreted. */
export interface BesideNative {
  /** Instances there are. */
  readonly count: number;
  /**
   * @param show makes the object of a memory, whose class is the namespace's
   * @param classes of the namespace, of which tables, globals and tags are that guests here export, and what they throw
   */
  joins(
    show: (memory: LinearMemory) => object,
    classes: Readonly<Record<'Table' | 'Global' | 'Tag' | 'Exception', { readonly prototype: object }>>,
  ): void;
  /**
   * Makes an object an instance that runs natively.
   * @returns why it cannot; undefined where it is one
   * @throws as the constructor of an instance
   */
  instantiate(
    instance: object,
    core: WasmModule,
    values: readonly unknown[],
    supplied: ReadonlyMap<Import, Supplied>,
  ): string | undefined;
  /** Those of an instance; undefined of what is none of its. */
  exportsOf(instance: object): Readonly<Record<string, unknown>> | undefined;
  /** Whether a function is exported by a guest here. */
  isExported(func: unknown): boolean;
  /** Whether a value is a memory, a table, a global or a tag of a guest's here. */
  isOwn(value: unknown): boolean;
  /** A memory that guests on both sides can have; undefined where the budget, or the host, has no room for it. */
  memory(object: object, type: MemoryType, budget: Budget): LinearMemory | undefined;
  /** A memory of the host's that another thread has sent; the same. @throws TypeError where it is none */
  received(object: object, raw: unknown, maximum: number, budget: Budget): LinearMemory | undefined;
  /** The figures of the namespace, from those of its interpreted instances. */
  totals(interpreted: ResourceFigures): ResourceFigures;
  /** Those of an instance that has limits for itself. */
  figuresOf(instance: object): ResourceFigures;
}

/** Gas, memory and limits. */
export interface NamespaceFigures extends ResourceFigures {
  /** What runs the instance, in a namespace that chooses. */
  readonly engine?: EngineName;
  /** Why it does, for people. */
  readonly engineReason?: string;
}

/** What a namespace needs to know. */
export interface NamespaceOptions {
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** Surrounds every call from outside. */
  readonly enter: Entry;
  /** The time of a call that may wait, from now on; what surrounds every call has no other limit on it unless given. */
  readonly startClock?: (() => CallClock) | undefined;
  /** Surrounds the calls of the embedder's functions; nothing does unless given. */
  readonly hostCalls?: HostCalls | undefined;
  /** What memories, tables and objects take of, where others do too. */
  readonly budget?: Budget | undefined;
  /** Where instances run that need not be interpreted; all are unless given. */
  readonly beside?: BesideNative | undefined;
  /** What the errors that end guests come out as; as they are unless given. */
  readonly outside?: ((error: unknown) => unknown) | undefined;
  /** The loop that counts no gas, where none is to be counted. */
  readonly unmetered?: Loop | undefined;
  /** Instances there may be, where they have the limits together; each has its own unless given. */
  readonly together?: { readonly instances: number } | undefined;
}
