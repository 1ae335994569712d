/** A namespace with the shape of `WebAssembly` (JavaScript API, section 5), on the interpreter. */

import { start } from '../../interpreter/machine/start.ts';
import { Store } from '../../interpreter/machine/store.ts';
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
import type { Linker } from '../../interpreter/store/link.ts';
import { LinearMemory } from '../../interpreter/store/memory.ts';
import { sharing } from '../../interpreter/store/parts.ts';
import { SharedBuffer, type SharedParts } from '../../interpreter/store/shared-buffer.ts';
import { TableInstance } from '../../interpreter/store/table.ts';
import { ExceptionInstance, JS_TAG, TagInstance } from '../../interpreter/values/exception.ts';
import type { Reference } from '../../interpreter/values/reference.ts';
import { Budget, checkInstances, noRoomForMemory } from '../../wasm/budget.ts';
import { CompileError, LinkError, UncaughtException } from '../../wasm/errors.ts';
import { HostFunction } from '../../wasm/host.ts';
import { type ImportObject, readImports, refuseOfAnother, type Supplied } from '../../wasm/imports.ts';
import { isOf } from '../../wasm/is-of.ts';
import { MEMORY_BOUNDS, PAGE_BYTES, TABLE_BOUNDS } from '../../wasm/limits.ts';
import { topOf } from '../../wasm/matching.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';
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
import {
  addressValue,
  dictionary,
  index,
  readShared,
  readSizes,
  sequence,
  shapeClass,
  shownSize,
} from '../../wasm/web-idl.ts';
import { behind, bind, hide } from './behind.ts';
import { moduleOf, suppliedTo } from './compiled.ts';
import {
  cellOf,
  exportFunction,
  functionBehind,
  type HostCode,
  hostValue,
  importerOf,
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
import { addressOf, Module, refuseToClone, self } from './objects.ts';
import type { NamespaceFigures, NamespaceOptions } from './options.ts';
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

interface SentMemoryType {
  /** Pages, as declared. */
  readonly maximum: number;
  readonly address: 'i32' | 'i64';
}

/** A shared memory of interpreted guests. */
export interface InterpretedMemoryParts extends SharedParts, SentMemoryType {}

/** A shared memory of the host's `WebAssembly`, of guests that run natively. */
export interface HostMemoryParts extends SentMemoryType {
  readonly memory: object;
}

/** A shared memory as it can be sent to other threads of JavaScript: to namespaces of the same kind. */
export type MemoryParts = InterpretedMemoryParts | HostMemoryParts;

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

/** The types of no module: what the embedder makes names none of any. */
const NO_TYPES: readonly DefinedType[] = [];

/**
 * What `WebAssembly` is to glue code: classes and functions of the JavaScript API, under limits. Failures are the
 * errors of `wasm-sandbox`, but for the `TypeError`, `RangeError` and `SuspendError` of the API.
 */
export interface WebAssemblyNamespace extends ReturnType<typeof createNamespace> {}

export function createNamespace(options: NamespaceOptions) {
  sharing.provide({ SharedBuffer });
  const { limits, slices, enter, hostCalls, unmetered, together, outside = (error) => error } = options;
  const { startClock = (): CallClock => ({ enter, wait: (settled) => settled }) } = options;
  const { beside } = options;
  const account = together && accountOf(limits, slices, unmetered === undefined, options.budget);
  const store = new Store(limits.stackBytes, { unmetered, account });
  const budget = () => account?.budget ?? new Budget(limits.memoryBytes);

  class Memory {
    /** @throws TypeError, RangeError where the limit does not allow the size, LinkError where the runtime cannot share it */
    constructor(descriptor: MemoryDescriptor) {
      const given = dictionary(descriptor, 'memory');
      const sizes = readSizes(given, MEMORY_BOUNDS, 'memory');
      const isShared = readShared(given, sizes);
      const type = { ...sizes, isShared };
      const room = budget();
      const memory = beside === undefined ? LinearMemory.create(type, room) : beside.memory(this, type, room);
      if (memory === undefined) throw noRoomForMemory(type.limits.min, room);
      if (isShared) {
        if (memory.backing === undefined) memory.share();
        refuseToClone(this, 'Memory');
      }
      bind(this, memory);
    }

    /**
     * What can be sent to another thread of JavaScript in place of a shared memory, which structured clones cannot take.
     * @throws TypeError where it is none, LinkError where the runtime cannot share it
     */
    static toTransferable(memory: Memory): MemoryParts {
      const { isShared, address, declared, backing } = self(memory, LinearMemory);
      if (!isShared) throw new TypeError('the memory is not shared: only the thread that has made it can use it');
      const type = { maximum: declared.max as number, address: address === I64 ? 'i64' : 'i32' } as const;
      if (backing !== undefined) {
        backing.shown();
        return { memory: backing.raw, ...type };
      }
      const { buffer, lock } = self(memory, LinearMemory).share();
      return { buffer, lock, ...type };
    }

    /**
     * The memory that another thread has sent, in this namespace: the pages that it has now count here too.
     * @throws TypeError for anything else, RangeError where the limit does not allow the size, LinkError
     */
    static fromTransferable(parts: MemoryParts): Memory {
      if (typeof parts !== 'object' || parts === null)
        throw new TypeError('what Memory.toTransferable gives was expected');
      const { maximum, address } = parts;
      const room = budget();
      if ('memory' in parts) return received(parts, room);
      const memory = LinearMemory.from(parts, address === 'i64' ? I64 : I32, maximum, room);
      if (memory === undefined) throw noRoomForMemory(parts.buffer.byteLength / PAGE_BYTES, room);
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
      if (before === -1)
        throw new RangeError('Memory limit exceeded: the memory cannot grow that far; raise memoryLimit');
      return shownSize(memory.address, before);
    }
  }

  /** A memory of the host's, from a namespace whose guests run natively. @throws TypeError, RangeError */
  function received({ memory: raw, maximum }: HostMemoryParts, room: Budget): Memory {
    if (beside === undefined) {
      throw new TypeError("the memory is of a namespace with the engine 'native' or 'auto': make this one with either");
    }
    const object = Object.create(Memory.prototype) as Memory;
    const memory = beside.received(object, raw, maximum, room);
    if (memory === undefined) throw noRoomForMemory((raw as Memory).buffer.byteLength / PAGE_BYTES, room);
    refuseToClone(object, 'Memory');
    bind(object, memory);
    return object;
  }

  class Table {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: TableDescriptor, ...[value]: [value?: unknown]) {
      const given = dictionary(descriptor, 'table');
      const element = valueType(given['element']);
      if (!isReference(element)) throw new TypeError('tables hold references');
      const type = { element, ...readSizes(given, TABLE_BOUNDS, 'table') };
      const initial = initialReference(element, NO_TYPES, value === undefined ? [] : [value]);
      const table = TableInstance.create(type, NO_TYPES, budget(), initial);
      if (table === undefined)
        throw new RangeError('Memory limit exceeded: could not allocate the table; raise memoryLimit');
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
      const more = addressValue(table.address, delta, 'delta');
      const before = table.grow(more, initialReference(table.element, table.types, given));
      if (before === -1)
        throw new RangeError('Memory limit exceeded: the table cannot grow that far; raise memoryLimit');
      return shownSize(table.address, before);
    }
  }

  class Tag {
    /** @throws TypeError */
    constructor(descriptor: TagDescriptor) {
      const parameters = sequence(dictionary(descriptor, 'tag')['parameters'], 'the parameters of a tag');
      bind(this, new TagInstance(funcType(parameters.map(valueType), [])));
    }
  }

  /** An exception with a tag, thrown by a guest or by the embedder (JavaScript API, 5.11). */
  class Exception {
    /** @throws TypeError */
    constructor(tag: Tag, payload: Iterable<unknown>, ...[options]: [options?: { readonly traceStack?: boolean }]) {
      const address = self(tag, TagInstance);
      if (address === JS_TAG) throw new TypeError('exceptions with JSTag are thrown as they are');
      const { params } = address.type;
      const values = sequence(payload, 'the payload of an exception');
      if (values.length !== params.length) throw new TypeError(`the tag takes ${params.length} values`);
      bind(
        this,
        new ExceptionInstance(
          address,
          params.map((type, i) => cellOf(type, NO_TYPES, values[i])),
        ),
      );
      if (options != null && dictionary(options, 'exception')['traceStack']) {
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
      if (!(error instanceof UncaughtException)) throw toHost(outside(error), enterGuest);
      const exception = error.exception as ExceptionInstance;
      if (exception.tag !== JS_TAG) throw exceptionObject(exception);
      throw toHost(exception.payload[0]?.reference, enterGuest);
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
      if (exception instanceof ExceptionInstance) throw new UncaughtException(exception);
      // What compiling and linking throw is the host function's own failure: it ends no guest.
      if (!isOf(error, CompileError) && !isOf(error, LinkError)) throw withinGuest(error);
      throw new UncaughtException(new ExceptionInstance(JS_TAG, [{ low: 0, high: 0, reference: error }]));
    }
  }

  const leave = (func: HostCode, args: readonly unknown[]): unknown => leaveGuest(() => func(...args));

  /** The same for a function that may promise. */
  function leaveToWait(func: HostCode, args: readonly unknown[]): unknown {
    const value = leave(func, args);
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
    // Nothing can suspend what runs natively: its promise is kept at once.
    if (beside?.isExported(exported)) return async (...args) => (exported as (...args: unknown[]) => unknown)(...args);
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
      const named = dictionary(descriptor, 'global');
      // In the order of Web IDL, by name.
      const mutable = Boolean(named['mutable']);
      const type = valueType(named['value']);
      if (isPrivate(type)) refuseToPass();
      const global = new GlobalInstance({ type, mutable }, NO_TYPES);
      bind(this, global);
      if (isReference(type)) global.reference = initialReference(type, NO_TYPES, given);
      else if (given[0] !== undefined) setGlobal(global, given[0]);
    }

    get value(): unknown {
      return globalValue(this);
    }

    /** @throws TypeError where the global is immutable or the value is of another type */
    set value(value: unknown) {
      const global = self(this, GlobalInstance);
      if (!global.type.mutable) throw new TypeError('the global is immutable');
      setGlobal(global, value);
    }

    valueOf(): unknown {
      return globalValue(this);
    }
  }

  function globalValue(object: object): unknown {
    const { type, cells, at, reference } = self(object, GlobalInstance);
    return hostValue(type.type, { low: cells[at] as number, high: cells[at + 1] as number, reference }, enterGuest);
  }

  class Instance {
    /** @throws LinkError, RuntimeError, TypeError, and whatever an imported function threw */
    constructor(module: Module, ...[imports]: [imports?: ImportObject | undefined]) {
      const core = moduleOf(module);
      const supplied = suppliedTo(module);
      const values = readImports(imports, core.imports, supplied);
      if (account !== undefined && together !== undefined) {
        checkInstances(account.members.length + (beside?.count ?? 0), together.instances);
      }
      const whyNot = beside?.instantiate(this, core, values, supplied);
      if (beside !== undefined) engines.set(this, whyNot);
      if (beside !== undefined && whyNot === undefined) return;
      const instance = make(core, linker(values, supplied, core));
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
      return beside?.exportsOf(this) ?? (coreOf(this).shown as Record<string, unknown>);
    }
  }

  /** Why instances are interpreted; undefined of those that are not. */
  const engines = new WeakMap<object, string | undefined>();

  function make(core: WasmModule, find: Linker): CoreInstance {
    try {
      return instantiate(store, core, find, limits, slices);
    } catch (error) {
      throw outside(error);
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

  function linker(values: readonly unknown[], supplied: ReadonlyMap<Import, Supplied>, { types }: WasmModule): Linker {
    const importFunction = importerOf(types, enterGuest, { leave, leaveToWait }, hostCalls);
    return (imported, module, i) => {
      const given = supplied.get(imported);
      if (given !== undefined) return suppliedValue(imported, given, types);
      const value = values[i];
      if (imported.kind === 'function') {
        const type = functionTypeAt(module, imported.typeIndex);
        const suspending = suspendingFunction(value);
        if (suspending !== undefined) return importFunction(suspending, type, true);
        if (typeof value !== 'function') return undefined;
        return functionBehind(value) ?? importFunction(value as HostCode, type, false);
      }
      const address = addressOf(value);
      if (address === undefined && beside?.isOwn(value)) refuseNative(imported);
      if (address === undefined) refuseOfAnother(imported, value);
      if (imported.kind === 'global') return importGlobal(imported, types, value);
      return address instanceof ExceptionInstance ? undefined : address;
    };
  }

  function refuseNative({ module, name, kind }: Import): never {
    throw new LinkError(
      `import ${quote(module)} ${quote(name)}: the ${kind} is of an instance that runs natively, and this one cannot: make the namespace with engine: 'interpreter'`,
    );
  }

  function suppliedValue(imported: Import, given: Supplied, types: readonly DefinedType[]): ExternValue | undefined {
    if (given instanceof HostFunction) return new ForeignFunction(given.type, types, given.gas, given.call, false);
    return imported.kind === 'global' ? importGlobal(imported, types, given) : undefined;
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

  function stats(instance?: Instance): NamespaceFigures {
    if (beside === undefined) {
      return instance === undefined && account !== undefined ? account.figures() : coreOf(instance).figures();
    }
    if (instance === undefined && account !== undefined) return beside.totals(account.figures());
    const isNative = instance !== undefined && beside.exportsOf(instance) !== undefined;
    const core = isNative ? undefined : coreOf(instance);
    const figures =
      account === undefined
        ? (core?.figures() ?? beside.figuresOf(instance as Instance))
        : beside.totals(account.figures());
    const why = core === undefined ? undefined : engines.get(instance as Instance);
    return {
      ...figures,
      engine: core === undefined ? 'native' : 'interpreter',
      engineReason: why ?? 'the fastest that this host allows',
    };
  }

  for (const [name, Class] of Object.entries({ Memory, Table, Global, Tag, Exception, Instance, Suspending }))
    shapeClass(Class, name);

  // The address is everybody's, the object of this namespace's class.
  const jsTag = Object.create(Tag.prototype) as Tag;
  hide(jsTag, JS_TAG);

  beside?.joins((memory) => externObject(memory, 0) as object, { Table, Global, Tag, Exception });

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
