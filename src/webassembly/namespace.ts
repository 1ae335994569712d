/** A namespace with the shape of `WebAssembly` (JavaScript API, section 5), on the interpreter. */

import { start } from '../../interpreter/machine/start.ts';
import { type Loop, Store } from '../../interpreter/machine/store.ts';
import { ForeignFunction } from '../../interpreter/store/foreign.ts';
import { GlobalInstance } from '../../interpreter/store/global.ts';
import {
  accountOf,
  Instance as CoreInstance,
  type ExternValue,
  type GuestFunction,
  isFunction,
} from '../../interpreter/store/instance.ts';
import { instantiate } from '../../interpreter/store/instantiate.ts';
import { LinearMemory } from '../../interpreter/store/memory.ts';
import type { SharedParts } from '../../interpreter/store/shared-buffer.ts';
import { TableInstance } from '../../interpreter/store/table.ts';
import { ExceptionInstance, JS_TAG, TagInstance } from '../../interpreter/values/exception.ts';
import type { Reference } from '../../interpreter/values/reference.ts';
import { Budget, checkInstances } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { type ResourceFigures, UncaughtException } from '../../wasm/errors.ts';
import type { HostCalls } from '../../wasm/host.ts';
import { type ImportObject, readImports, refuseOfAnother } from '../../wasm/imports.ts';
import { MAX_PAGES, MAX_PAGES_64 } from '../../wasm/limits.ts';
import { topOf } from '../../wasm/matching.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { isThenable, whenSettled } from '../../wasm/thenable.ts';
import {
  ANYREF,
  type DefinedType,
  EXTERNREF,
  funcType,
  I32,
  I64,
  type Import,
  isNullable,
  isReference,
  type RefType,
  typeName,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { behind, bind, hide } from './behind.ts';
import {
  cellOf,
  type Entry,
  exportFunction,
  functionBehind,
  hostValue,
  importFunction,
  isPrivate,
  nameOf,
  promisingFunction,
  referenceOf,
  refuseToPass,
  toHost,
  valueType,
  withinGuest,
} from './convert.ts';
import { compile, compileStreaming, instantiating, validate } from './loading.ts';
import {
  addressOf,
  addressValue,
  descriptorLimits,
  index,
  Module,
  moduleOf,
  refuseToClone,
  self,
  shownSize,
  tag,
} from './objects.ts';
import { type CallClock, callPromising, SuspendError, Suspending, suspendingFunction } from './promises.ts';
import { ERRORS, shaped } from './shape.ts';

/** Abbreviated reference types, with the old name of `funcref`. */
export type ReferenceName =
  | 'anyfunc'
  | 'funcref'
  | 'externref'
  | 'anyref'
  | 'eqref'
  | 'i31ref'
  | 'structref'
  | 'arrayref'
  | 'exnref'
  | 'nullref'
  | 'nullfuncref'
  | 'nullexternref'
  | 'nullexnref';
/** The types of values, as the JavaScript API names them. */
export type ValueName = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | ReferenceName;

/** Size of a memory that the embedder makes. Sizes are bigints where `address` is `i64`. */
export interface MemoryDescriptor {
  /** Pages of 64 KiB. */
  readonly initial: number | bigint;
  /** Pages; what the limits allow unless given. */
  readonly maximum?: number | bigint | undefined;
  readonly address?: 'i32' | 'i64' | undefined;
  /** Whether several threads may access it; it needs a maximum then. False unless given. */
  readonly shared?: boolean | undefined;
}

/** A shared memory as it can be sent to other threads of JavaScript. */
export interface MemoryParts extends SharedParts {
  /** Pages, as declared. */
  readonly maximum: number;
  readonly address: 'i32' | 'i64';
}

/** Size and type of a table that the embedder makes, in elements. Sizes are bigints where `address` is `i64`. */
export interface TableDescriptor {
  readonly element: ReferenceName;
  readonly initial: number | bigint;
  readonly maximum?: number | bigint | undefined;
  readonly address?: 'i32' | 'i64' | undefined;
}

/** Type of a global that the embedder makes. */
export interface GlobalDescriptor {
  readonly value: ValueName;
  /** False unless given. */
  readonly mutable?: boolean | undefined;
}

/** Type of an exception tag that the embedder makes. */
export interface TagDescriptor {
  readonly parameters: readonly ValueName[];
}

const MEMORY_BOUNDS = { [I32]: MAX_PAGES, [I64]: MAX_PAGES_64 } as const;
const TABLE_BOUNDS = { [I32]: 0xffff_ffff, [I64]: 2 ** 64 } as const;
/** The types of no module: what the embedder makes names none of any. */
const NO_TYPES: readonly DefinedType[] = [];

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
  /** The loop that counts no gas, where none is to be counted. */
  readonly unmetered?: Loop | undefined;
  /** Instances there may be, where they have the limits together; each has its own unless given. */
  readonly together?: { readonly instances: number } | undefined;
}

/**
 * What `WebAssembly` is to glue code: classes and functions of the JavaScript API, under limits. Failures are the
 * errors of `wasm-sandbox`, but for the `TypeError`, `RangeError` and `SuspendError` of the API.
 */
export interface WebAssemblyNamespace extends ReturnType<typeof createNamespace> {}

export function createNamespace(options: NamespaceOptions) {
  const { limits, slices, enter, hostCalls, unmetered, together } = options;
  const { startClock = (): CallClock => ({ enter, wait: (settled) => settled }) } = options;
  const account = together && accountOf(limits, slices, unmetered === undefined);
  const store = new Store(limits.stackBytes, { unmetered, account });
  const budget = () => account?.budget ?? new Budget(limits.memoryBytes);

  class Memory {
    /** @throws TypeError, RangeError where the limit does not allow the size, LinkError where the runtime cannot share it */
    constructor(descriptor: MemoryDescriptor) {
      const type = descriptorLimits(descriptor, MEMORY_BOUNDS, 'memory');
      const isShared = Boolean(descriptor.shared);
      if (isShared && type.limits.max === undefined) throw new TypeError('a shared memory needs a maximum size');
      const memory = LinearMemory.create({ ...type, isShared }, budget()) ?? refuseMemory();
      if (isShared) {
        memory.share();
        refuseToClone(this, 'Memory');
      }
      bind(this, memory);
    }

    /**
     * What can be sent to another thread of JavaScript in place of a shared memory, which structured clones cannot take.
     * @throws TypeError where it is none, LinkError where the runtime cannot share it
     */
    static toTransferable(memory: Memory): MemoryParts {
      const { isShared, address, declared } = self(memory, LinearMemory);
      if (!isShared) throw new TypeError('the memory is not shared: only the thread that has made it can use it');
      const { buffer, lock } = self(memory, LinearMemory).share();
      return { buffer, lock, maximum: declared.max as number, address: address === I64 ? 'i64' : 'i32' };
    }

    /**
     * The memory that another thread has sent, in this namespace: the pages that it has now count here too.
     * @throws TypeError for anything else, RangeError where the limit does not allow the size, LinkError
     */
    static fromTransferable(parts: MemoryParts): Memory {
      if (typeof parts !== 'object' || parts === null)
        throw new TypeError('what Memory.toTransferable gives was expected');
      const { maximum, address } = parts;
      const memory = LinearMemory.from(parts, address === 'i64' ? I64 : I32, maximum, budget()) ?? refuseMemory();
      return externObject(memory, 0) as Memory;
    }

    /** The bytes; detached when the memory grows, but for a shared one, whose buffer grows with it. */
    get buffer(): ArrayBuffer {
      // The host's types do not tell the two apart either.
      return self(this, LinearMemory).expose() as ArrayBuffer;
    }

    /** Grows by pages; returns the size before. @throws RangeError */
    grow(delta: number | bigint): number | bigint {
      const memory = self(this, LinearMemory);
      const before = memory.grow(addressValue(memory.address, delta, 'delta'));
      if (before === -1) throw new RangeError('Memory limit exceeded: the memory cannot grow that far');
      return shownSize(memory.address, before);
    }
  }

  function refuseMemory(): never {
    throw new RangeError('Memory limit exceeded: could not allocate memory');
  }

  class Table {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: TableDescriptor, value?: unknown) {
      const element = valueType(descriptor?.element);
      if (!isReference(element)) throw new TypeError('tables hold references');
      const type = { element, ...descriptorLimits(descriptor, TABLE_BOUNDS, 'table') };
      const initial = initialReference(element, NO_TYPES, value === undefined ? [] : [value]);
      const table = TableInstance.create(type, NO_TYPES, budget(), initial);
      if (table === undefined) throw new RangeError('Memory limit exceeded: could not allocate the table');
      bind(this, table);
    }

    get length(): number | bigint {
      const { address, elements } = self(this, TableInstance);
      return shownSize(address, elements.length);
    }

    /** @throws RangeError */
    get(at: number | bigint): unknown {
      const table = self(this, TableInstance);
      return hostValue(table.element, { low: 0, high: 0, reference: table.elements[place(this, at)] }, enterGuest);
    }

    /** @throws RangeError, TypeError */
    set(at: number | bigint, ...given: [value?: unknown]): void {
      const table = self(this, TableInstance);
      const element = place(this, at);
      table.elements[element] = initialReference(table.element, table.types, given);
    }

    /** Grows by elements; returns the size before. @throws RangeError, TypeError */
    grow(delta: number | bigint, ...given: [value?: unknown]): number | bigint {
      const table = self(this, TableInstance);
      const reference = initialReference(table.element, table.types, given);
      const before = table.grow(addressValue(table.address, delta, 'delta'), reference);
      if (before === -1) throw new RangeError('Memory limit exceeded: the table cannot grow that far');
      return shownSize(table.address, before);
    }
  }

  class Tag {
    /** @throws TypeError */
    constructor(descriptor: TagDescriptor) {
      if (typeof descriptor !== 'object' || descriptor === null)
        throw new TypeError('a descriptor of a tag was expected');
      bind(this, new TagInstance(funcType([...descriptor.parameters].map(valueType), [])));
    }
  }

  /** An exception with a tag, thrown by a guest or by the embedder (JavaScript API, 5.11). */
  class Exception {
    /** @throws TypeError */
    constructor(tag: Tag, payload: Iterable<unknown>, options?: { readonly traceStack?: boolean }) {
      const address = self(tag, TagInstance);
      if (address === JS_TAG) throw new TypeError('exceptions with JSTag are thrown as they are');
      const { params } = address.type;
      const values = [...payload];
      if (values.length !== params.length) throw new TypeError(`the tag takes ${params.length} values`);
      bind(
        this,
        new ExceptionInstance(
          address,
          params.map((type, i) => cellOf(type, NO_TYPES, values[i])),
        ),
      );
      if (options?.traceStack === true) {
        Object.defineProperty(this, 'stack', { value: new Error().stack, configurable: true, writable: true });
      }
    }

    /** Whether it has the tag. @throws TypeError */
    is(tag: Tag): boolean {
      return self(this, ExceptionInstance).tag === self(tag, TagInstance);
    }

    /** A value of its payload. @throws TypeError, RangeError */
    getArg(tag: Tag, at: number): unknown {
      const { tag: own, payload } = self(this, ExceptionInstance);
      if (own !== self(tag, TagInstance)) throw new TypeError('the exception has another tag');
      const place = index(at, 'index');
      const value = payload[place];
      if (value === undefined) throw new RangeError(`index ${place} is outside of ${payload.length} values`);
      return hostValue(own.type.params[place] as ValType, value, enterGuest);
    }
  }

  /** Runs a guest: what it throws and does not catch comes out as an object of the API. */
  function enterGuest<T>(run: () => T, surround = enter): T {
    try {
      return surround(run);
    } catch (error) {
      // What was thrown with JSTag comes as it is, and may be a struct or an array.
      throw error instanceof UncaughtException
        ? exceptionObject(error.exception as ExceptionInstance)
        : toHost(error, enterGuest);
    }
  }

  function exceptionObject(exception: ExceptionInstance): object {
    if (exception.shown !== undefined) return exception.shown;
    const object = Object.create(Exception.prototype) as object;
    bind(object, exception);
    return object;
  }

  /** Calls the embedder's code from a guest: exceptions of the API that it throws become the guest's again. */
  function leaveGuest<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      const exception = addressOf(error);
      throw exception instanceof ExceptionInstance ? new UncaughtException(exception) : withinGuest(error);
    }
  }

  /** The same for a function that may promise. */
  function leaveToWait(func: (...args: unknown[]) => unknown, args: readonly unknown[]): unknown {
    const value = leaveGuest(() => func(...args));
    if (!isThenable(value)) return value;
    return whenSettled(
      value,
      (settled) => settled,
      (error) =>
        leaveGuest(() => {
          throw error;
        }),
    );
  }

  /**
   * A function that calls an exported one on a stack of its own, and gives a promise of what that returns: until then, imports
   * that are `Suspending` may suspend it, and everything else may be called.
   * @throws TypeError for what is no exported function
   */
  function promising(exported: (...args: never) => unknown): (...args: unknown[]) => Promise<unknown> {
    const func = functionBehind(exported);
    if (func === undefined) throw new TypeError('promising takes an exported function');
    const call = async (func: GuestFunction, args: readonly unknown[]) => {
      const clock = startClock();
      return callPromising(func, args, { ...clock, enter: (run) => enterGuest(run, clock.enter) });
    };
    return promisingFunction(func, call, enterGuest);
  }

  class Global {
    /** @throws TypeError */
    constructor(descriptor: GlobalDescriptor, ...given: [value?: unknown]) {
      // In the order of Web IDL, by name.
      const mutable = Boolean(descriptor?.mutable);
      const type = valueType(descriptor?.value);
      if (isPrivate(type)) refuseToPass();
      const global = new GlobalInstance({ type, mutable }, NO_TYPES);
      bind(this, global);
      if (isReference(type)) global.reference = initialReference(type, NO_TYPES, given);
      else if (given[0] !== undefined) setGlobal(global, given[0]);
    }

    get value(): unknown {
      return this.valueOf();
    }

    /** @throws TypeError where the global is immutable or the value is of another type */
    set value(value: unknown) {
      const global = self(this, GlobalInstance);
      if (!global.type.mutable) throw new TypeError('the global is immutable');
      setGlobal(global, value);
    }

    valueOf(): unknown {
      const { type, cells, at, reference } = self(this, GlobalInstance);
      return hostValue(type.type, { low: cells[at] as number, high: cells[at + 1] as number, reference }, enterGuest);
    }
  }

  class Instance {
    /** @throws LinkError, RuntimeError, TypeError, and whatever an imported function threw */
    constructor(module: Module, imports?: ImportObject) {
      const core = moduleOf(module);
      const values = readImports(imports, core.imports);
      if (account !== undefined && together !== undefined) checkInstances(account.members.length, together.instances);
      const instance = instantiate(store, core, linker(values), limits, slices);
      hide(this, instance);
      const exports: Record<string, unknown> = Object.create(null);
      for (const { name, kind, index: at } of core.exports) {
        exports[name] = externObject(instance.extern(kind, at), at);
      }
      instance.shown = Object.freeze(exports);
      enterGuest(() => start(instance));
    }

    /** Functions, memories, tables and globals by name. Frozen, without prototype. */
    get exports(): Readonly<Record<string, unknown>> {
      return coreOf(this).shown as Record<string, unknown>;
    }
  }

  /** An index of a table's element. @throws RangeError, TypeError */
  function place(object: object, at: number | bigint): number {
    const { address, elements } = self(object, TableInstance);
    const element = addressValue(address, at, 'index');
    const { length } = elements;
    if (element >= length) throw new RangeError(`index ${element} is outside of a table of ${length} elements`);
    return element;
  }

  /** What a table or global holds where no value is given (JavaScript API, DefaultValue). */
  function initialReference(type: RefType, types: readonly DefinedType[], given: readonly unknown[]): Reference {
    if (isPrivate(type)) refuseToPass();
    if (given.length === 0 && !isNullable(type)) throw new TypeError(`${typeName(type)} has no default: give a value`);
    const isNull = given.length === 0 && topOf(type, types) !== EXTERNREF;
    return isNull ? null : referenceOf(type, types, given[0]);
  }

  function setGlobal(global: GlobalInstance, value: unknown): void {
    const { low, high, reference } = cellOf(global.type.type, global.types, value);
    global.cells[global.at] = low;
    global.cells[global.at + 1] = high;
    global.reference = reference;
  }

  function externObject(value: ExternValue, at: number): unknown {
    if (isFunction(value)) {
      const name = value instanceof ForeignFunction ? String(at) : nameOf(value);
      return exportFunction(value, name, enterGuest);
    }
    if (value === JS_TAG) return jsTag;
    if (value.shown !== undefined) return value.shown;
    const object = Object.create(prototypeOf(value)) as object;
    if (value instanceof LinearMemory && value.isShared) refuseToClone(object, 'Memory');
    bind(object, value);
    return object;
  }

  function prototypeOf(value: Exclude<ExternValue, GuestFunction>): object {
    if (value instanceof LinearMemory) return Memory.prototype;
    if (value instanceof TableInstance) return Table.prototype;
    return value instanceof TagInstance ? Tag.prototype : Global.prototype;
  }

  function linker(values: ReadonlyMap<Import, unknown>) {
    return (imported: Import, module: WasmModule): ExternValue | undefined => {
      const value = values.get(imported);
      if (imported.kind === 'function') {
        const type = functionTypeAt(module, imported.typeIndex);
        const suspending = suspendingFunction(value);
        if (suspending !== undefined) {
          const func = (...args: unknown[]) => leaveToWait(suspending, args);
          return importFunction(func, type, module.types, enterGuest, hostCalls, true);
        }
        if (typeof value !== 'function') return undefined;
        const func = (...args: unknown[]) => leaveGuest(() => (value as (...args: unknown[]) => unknown)(...args));
        return functionBehind(value) ?? importFunction(func, type, module.types, enterGuest, hostCalls);
      }
      const address = addressOf(value);
      if (address === undefined) refuseOfAnother(imported, value);
      if (imported.kind === 'global') return importGlobal(imported, module.types, value);
      return address instanceof ExceptionInstance ? undefined : address;
    };
  }

  /** A global, or a value that becomes an immutable one (JavaScript API, 5.3, "read the imports"). */
  function importGlobal(
    imported: Import & { kind: 'global' },
    types: readonly DefinedType[],
    value: unknown,
  ): ExternValue | undefined {
    const address = addressOf(value);
    const { type, mutable } = imported.type;
    if (address instanceof GlobalInstance) return address;
    if (address !== undefined && !(isReference(type) && [EXTERNREF, ANYREF].includes(topOf(type, types))))
      return undefined;
    const isOfType = isReference(type) || typeof value === (type === I64 ? 'bigint' : 'number');
    if (mutable || type === V128 || !isOfType) return undefined;
    const global = new GlobalInstance(imported.type, types);
    try {
      setGlobal(global, value);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
    return global;
  }

  /** @throws TypeError where it is no instance of this namespace */
  function coreOf(object: unknown): CoreInstance {
    const core = typeof object === 'object' && object !== null ? behind(object) : undefined;
    if (core instanceof CoreInstance && core.store === store) return core;
    throw new TypeError('an instance of this namespace was expected');
  }

  function stats(instance?: Instance): ResourceFigures {
    if (instance === undefined && account !== undefined) return account.figures();
    return coreOf(instance).figures();
  }

  for (const [name, { prototype }] of Object.entries({ Memory, Table, Global, Tag, Exception, Instance, Suspending }))
    tag(prototype, name);

  // The address is everybody's, the object of this namespace's class.
  const jsTag = Object.create(Tag.prototype) as Tag;
  hide(jsTag, JS_TAG);

  return shaped({
    Module,
    Instance,
    Memory,
    Table,
    Global,
    Tag,
    Exception,
    JSTag: jsTag,
    Suspending,
    /** An exported function that gives a promise, and may be left by what {@link Suspending} imports. @throws TypeError for others */
    promising,
    SuspendError,
    ...ERRORS,
    /** Whether bytes are a valid module. @throws TypeError for what are no bytes */
    validate,
    /** @throws CompileError, TypeError */
    compile,
    /** From a response, which is read whole first. @throws CompileError; TypeError for a response that has failed */
    compileStreaming,
    ...instantiating(Instance),
    /**
     * Gas, memory and limits of all instances of this namespace, of which it is no matter which is named; of the one that is
     * named where each has its own. Exact, also after a failure. @throws TypeError for any other object
     */
    stats,
  });
}
