/**
 * A namespace with the shape of `WebAssembly` (JavaScript API, section 5) whose instances meter themselves and run on
 * another such namespace, mostly the host's own.
 */

import { Budget, checkInstances, Growth, noRoomForMemory } from '../wasm/budget.ts';
import { viewOfBufferSource } from '../wasm/bytes.ts';
import { decode } from '../wasm/decode.ts';
import type { InstanceLimits, Slices } from '../wasm/engine.ts';
import { CompileError, LinkError, type ResourceFigures, RuntimeError, Trap } from '../wasm/errors.ts';
import {
  type CallingGuest,
  type HostCalls,
  HostFunction,
  type HostGas,
  PLAIN_CALLS,
  type WasmValue,
} from '../wasm/host.ts';
import { type ImportObject, readImports, refuseOfAnother, type Supplied } from '../wasm/imports.ts';
import { MEMORY_BOUNDS, PAGE_BYTES, TABLE_BOUNDS } from '../wasm/limits.ts';
import { functionTypeAt, typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { quote } from '../wasm/quote.ts';
import { FUNCREF, type FuncType, type Import, type MemoryType } from '../wasm/types.ts';
import { dictionary, index, readShared, readSizes, shapeClass } from '../wasm/web-idl.ts';
import { compile } from './compile.ts';
import { exceptionsOf } from './exceptions.ts';
import { whyNotOn } from './features.ts';
import type { RawFunction, WasmHost } from './host.ts';
import { functionTypes } from './layout.ts';
import { Meter } from './meter.ts';
import { meterModule, refusal } from './meter-module.ts';
import type { MeteredModule } from './metered.ts';
import { type HostImport, type Linked, MeteredInstance, MeteredStore, type References } from './metered-instance.ts';
import { PassedFunctions } from './passed.ts';
import { isShared, makeMemory, type SentMemory, sizesFor, takeMemory, WRONG_PARTS } from './shared.ts';
import { waitingTogether } from './waits.ts';

export interface MeteredNamespaceOptions {
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** Whether NaN results get the canonical bits; true unless it says otherwise. */
  readonly canonicalNaN?: boolean | undefined;
  /** What a module of another namespace stands for: its instances are made as of the namespace's own. */
  readonly moduleOf?: ((module: unknown) => WasmModule) | undefined;
  /** Imports of such a module that no import object has to have; none unless given. */
  readonly suppliedTo?: ((module: unknown) => ReadonlyMap<Import, Supplied>) | undefined;
  /** Instances there may be, where they have the limits together; each has its own unless given. */
  readonly together?: { readonly instances: number } | undefined;
  /** Surrounds the calls of the embedder's functions; nothing does unless given. */
  readonly hostCalls?: HostCalls | undefined;
  /** Surrounds every call from outside. */
  readonly enter?: (<T>(run: () => T) => T) | undefined;
  /** What memories and tables take of, where others do too. */
  readonly budget?: Budget | undefined;
  /** What a memory of a guest's looks like outside; as the namespace's own class unless given. */
  readonly showMemory?: ((raw: WebAssembly.Memory, type: MemoryType, growth: Growth) => object) | undefined;
  /** Makes clones of an object fail, which would be nothing. */
  readonly refuseToClone?: ((memory: object) => void) | undefined;
  /** What the errors that end guests come out as; as they are unless given. */
  readonly outside?: ((error: unknown) => unknown) | undefined;
}

export type MeteredNamespace = ReturnType<typeof createMeteredNamespace>;

const modules = new WeakMap<object, WasmModule>();

function moduleOf(module: unknown): WasmModule {
  const found = typeof module === 'object' && module !== null ? modules.get(module) : undefined;
  if (found === undefined) throw new TypeError('a WebAssembly.Module was expected');
  return found;
}

/** Makes the namespace. Its instances share one stack, and can be linked with one another. */
export function createMeteredNamespace(host: WasmHost, options: MeteredNamespaceOptions) {
  const { limits, slices, together } = options;
  const { enter = (run) => run(), outside = (error) => error } = options;

  function around<T>(run: () => T, surround: <R>(run: () => R) => R = enter): T {
    try {
      return surround(run);
    } catch (error) {
      throw outside(error);
    }
  }

  const meter = together && new Meter(limits, slices, options.budget);
  /** Shared memories that other threads may have. */
  const elsewhere = new WeakSet<object>();
  const waits = waitingTogether((memory) => elsewhere.has(memory));
  const budget = () => meter?.budget ?? new Budget(limits.memoryBytes);
  let instances = 0;
  const guests = new WeakMap<object, MeteredInstance>();
  const exportsOf = new WeakMap<object, Readonly<Record<string, unknown>>>();
  /** Functions as the embedder sees them, by what the engine has, and back. */
  const shown = new WeakMap<object, RawFunction>();
  const behind = new WeakMap<object, RawFunction>();
  /** What an embedder's function was made of that a guest only passes on. */
  const foreign = new WeakMap<object, HostImport>();
  const passedOn = new PassedFunctions();
  const rawMemories = new WeakMap<object, WebAssembly.Memory>();
  const rawTables = new WeakMap<object, WebAssembly.Table>();
  const rawGlobals = new WeakMap<object, WebAssembly.Global>();
  const wrappers = new WeakMap<object, object>();
  /** Tables and globals of the engine's that hold references to functions. */
  const functionHolders = new WeakSet<object>();
  let latest: MeteredInstance | undefined;

  function show(raw: RawFunction, call: RawFunction, name = raw.name): RawFunction {
    let found = shown.get(raw);
    if (found === undefined) {
      found = (...args) => around(() => call(...args));
      Object.defineProperty(found, 'name', { value: name });
      Object.defineProperty(found, 'length', { value: raw.length });
      shown.set(raw, found);
      behind.set(found, raw);
    }
    return found;
  }

  /** A function of an embedder's that a guest was given. */
  function showPassed(raw: RawFunction): RawFunction | undefined {
    const found = passedOn.find(raw);
    if (found === undefined) return undefined;
    const [guest, number] = found;
    const linked = guest.importedFunctions[number] as Linked;
    if (!('host' in linked)) return undefined;
    const { host: source } = linked;
    const value = show(raw, (...args) => only(guest.invoke(raw, number, source.type, args)));
    foreign.set(value, source);
    return value;
  }

  /** One of whose type only the engine knows: it converts what it is given. */
  function showUnknown(raw: RawFunction): RawFunction {
    const guest = latest as MeteredInstance;
    return show(raw, (...args) => store.enter(guest, args.length, () => raw(...args.map(canonical))));
  }

  const references: References = {
    toHost(raw) {
      if (raw === null) return null;
      return shown.get(raw as object) ?? showPassed(raw as RawFunction) ?? showUnknown(raw as RawFunction);
    },
    toGuest(value) {
      if (value === null) return null;
      const raw = typeof value === 'function' ? behind.get(value) : undefined;
      if (raw === undefined) throw new TypeError('a function of a guest, or null, was expected for a funcref');
      return raw;
    },
  };

  const exceptions = exceptionsOf(host, references, canonical);
  const { rawTags, exceptionOf } = exceptions;
  const store = new MeteredStore(host, limits.stackBytes, { waits, uncaught: exceptions.uncaught, meter });

  class Module {
    /** @throws CompileError, TypeError */
    constructor(bytes: ArrayBuffer | ArrayBufferView) {
      modules.set(this, decode(viewOfBufferSource(bytes)));
    }
  }

  class Memory {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const given = dictionary(descriptor, 'memory');
      const sizes = readSizes(given, MEMORY_BOUNDS, 'memory');
      const { min, max } = sizes.limits;
      const isShared = readShared(given, sizes);
      const room = budget();
      const growth = Growth.ofMemory(room, max);
      if (!growth.take(0, min)) throw noRoomForMemory(min, room);
      adopt(this, makeMemory(host, { ...sizes, isShared }, growth), growth);
      if (isShared) options.refuseToClone?.(this);
    }

    /**
     * What can be sent to another thread of JavaScript in place of a shared memory, which structured clones cannot take.
     * @throws TypeError where it is none
     */
    static toTransferable(memory: object): SentMemory {
      const raw = rawMemory(memory);
      if (!isShared(raw)) throw new TypeError('the memory is not shared: only the thread that has made it can use it');
      elsewhere.add(raw);
      return { memory: raw, maximum: growthOf(raw).most, address: 'i32' };
    }

    /**
     * The memory that another thread has sent, in this namespace: the pages that it has now count here too.
     * @throws TypeError for anything else, RangeError where the limit does not allow the size
     */
    static fromTransferable(parts: SentMemory): Memory {
      if (typeof parts !== 'object' || parts === null) throw new TypeError(WRONG_PARTS);
      const room = budget();
      const taken = takeMemory(host, parts.memory, parts.maximum, room);
      if (taken === undefined) throw noRoomForMemory(parts.memory.buffer.byteLength / PAGE_BYTES, room);
      const { raw, growth } = taken;
      const memory = Object.create(Memory.prototype) as Memory;
      adopt(memory, raw, growth);
      elsewhere.add(raw);
      options.refuseToClone?.(memory);
      return memory;
    }

    /** The bytes; detached when the memory grows. */
    get buffer(): ArrayBuffer {
      const raw = rawMemory(this);
      elsewhere.add(raw);
      return raw.buffer as ArrayBuffer;
    }

    /** Grows by pages; returns the size before. @throws RangeError */
    grow(delta: number): number {
      const raw = rawMemory(this);
      const pages = index(delta, 'delta');
      const growth = growthOf(raw);
      if (growth.take(raw.buffer.byteLength / PAGE_BYTES, pages)) {
        try {
          return raw.grow(pages);
        } catch {
          growth.give(pages);
        }
      }
      throw new RangeError('Memory limit exceeded: the memory cannot grow that far; raise memoryLimit');
    }
  }

  class Table {
    constructor(descriptor: WebAssembly.TableDescriptor, ...[value]: [value?: unknown]) {
      const given = dictionary(descriptor, 'table');
      const element = elementName(given['element']);
      const sizes = readSizes(given, TABLE_BOUNDS, 'table');
      const { min, max } = sizes.limits;
      const growth = Growth.ofTable(budget(), max);
      const holdsFunctions = element === 'anyfunc';
      const initial = value === undefined ? [] : [holdsFunctions ? references.toGuest(value) : value];
      if (!growth.take(0, min)) {
        throw new RangeError('Memory limit exceeded: could not allocate the table; raise memoryLimit');
      }
      const raw = new host.Table({ element, ...sizesFor(sizes) }, ...(initial as [unknown?]));
      store.growth.set(raw, growth);
      if (holdsFunctions) functionHolders.add(raw);
      rawTables.set(this, raw);
      wrappers.set(raw, this);
    }

    get length(): number {
      return rawTable(this).length;
    }

    get(at: number): unknown {
      const raw = rawTable(this);
      return toHost(raw, raw.get(place(raw, at)));
    }

    set(at: number, ...given: [value?: unknown]): void {
      const raw = rawTable(this);
      raw.set(place(raw, at), ...toRaw(raw, given));
    }

    grow(delta: number, ...given: [value?: unknown]): number {
      const raw = rawTable(this);
      const more = index(delta, 'delta');
      const value = toRaw(raw, given);
      if (!growthOf(raw).take(raw.length, more)) {
        throw new RangeError('Memory limit exceeded: the table cannot grow that far; raise memoryLimit');
      }
      return raw.grow(more, ...value);
    }
  }

  class Global {
    constructor(descriptor: WebAssembly.GlobalDescriptor, ...given: [value?: unknown]) {
      const named = dictionary(descriptor, 'global');
      // In the order of Web IDL, by name.
      const mutable = Boolean(named['mutable']);
      const type = `${named['value']}`.replace(/^funcref$/, 'anyfunc') as WebAssembly.ValueType;
      const isFunction = type === 'anyfunc';
      const value = given.length === 0 && isFunction ? null : given[0];
      const raw = new host.Global({ value: type, mutable }, isFunction ? references.toGuest(value) : canonical(value));
      if (isFunction) functionHolders.add(raw);
      rawGlobals.set(this, raw);
      wrappers.set(raw, this);
    }

    get value(): unknown {
      return globalValue(this);
    }

    set value(value: unknown) {
      const raw = rawGlobal(this);
      raw.value = toRaw(raw, [value])[0];
    }

    valueOf(): unknown {
      return globalValue(this);
    }
  }

  function globalValue(global: object): unknown {
    const raw = rawGlobal(global);
    return toHost(raw, raw.value);
  }

  class Instance {
    /** @throws LinkError, RuntimeError, TypeError, and whatever an imported function threw */
    constructor(module: Module, ...[imports]: [imports?: ImportObject | undefined]) {
      const core = (options.moduleOf ?? moduleOf)(module);
      const supplied = options.suppliedTo?.(module);
      const values = readImports(imports, core.imports, supplied);
      if (together !== undefined) checkInstances(instances, together.instances);
      instances++;
      make(this, core, values, supplied);
    }

    /** Functions, memories, tables and globals by name. Frozen, without prototype. */
    get exports(): Readonly<Record<string, unknown>> {
      const exports = exportsOf.get(this);
      if (exports === undefined) throw new TypeError('incompatible receiver');
      return exports;
    }
  }

  function metering(core: WasmModule): MeteredModule {
    const why = whyNotOn(host, core);
    if (why !== undefined) throw refusal(core, why);
    return meterModule(core, {
      canonicalNaN: options.canonicalNaN ?? true,
      refills: slices !== undefined,
      isLinked: meter !== undefined,
      sharesMemory: true,
    });
  }

  /** Instruments and compiles, so that it is known whether there can be instances. @throws CompileError */
  function prepare(core: WasmModule): void {
    compile(host, metering(core));
  }

  /** Makes an object an instance, of imports that have been read. @throws as the constructor of one */
  function make(
    instance: object,
    core: WasmModule,
    values: readonly unknown[],
    supplied?: ReadonlyMap<Import, Supplied>,
  ): void {
    around(
      () => instantiate(instance, core, values, supplied),
      (run) => run(),
    );
  }

  function instantiate(
    instance: object,
    core: WasmModule,
    values: readonly unknown[],
    supplied: ReadonlyMap<Import, Supplied> | undefined,
  ): void {
    const metered = metering(core);
    const types = functionTypes(core);
    const plainLink = linker(values, types);
    const link = (imported: Import, number: number): Linked => {
      const given = supplied?.get(imported);
      if (given === undefined) return plainLink(imported, number);
      return given instanceof HostFunction ? { host: trapping(given, () => guest) } : { raw: given };
    };
    const guest: MeteredInstance = new MeteredInstance(store, metered, {
      limits,
      slices,
      link,
      references,
      exceptionOf,
    });
    latest = guest;
    guests.set(instance, guest);
    guest.instantiate();
    passedOn.add(guest);
    const exports: Record<string, unknown> = Object.create(null);
    for (const { name, kind, index: at } of metered.exports) {
      const raw = guest.rawExport(name);
      const held = kind === 'table' ? metered.module.tables[at]?.element : metered.module.globals[at]?.type;
      if ((kind === 'table' || kind === 'global') && held === FUNCREF) functionHolders.add(raw as object);
      const value =
        kind === 'tag'
          ? exceptions.showTag(raw as object, functionTypeAt(core, core.tags[at] as number))
          : kind === 'function'
            ? show(
                raw as RawFunction,
                (...args) => only(guest.invoke(raw as RawFunction, at, typeOfFunction(metered.module, at), args)),
                String(at),
              )
            : wrap(
                raw as WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global,
                kind,
                metered.module.memories[at],
              );
      Object.defineProperty(exports, name, { value, enumerable: true });
      const linked = kind === 'function' ? guest.importedFunctions[at] : undefined;
      if (linked !== undefined && 'host' in linked) foreign.set(value as object, linked.host);
    }
    exportsOf.set(instance, Object.freeze(exports));
    guest.copySegments();
    around(() => guest.start());
  }

  /** An index of a table's element. @throws RangeError, TypeError */
  function place(raw: WebAssembly.Table, at: unknown): number {
    const element = index(at, 'index');
    if (element < raw.length) return element;
    throw new RangeError(`index ${element} is outside of a table of ${raw.length} elements`);
  }

  function rawMemory(memory: object): WebAssembly.Memory {
    const raw = rawMemories.get(memory);
    if (raw === undefined) throw new TypeError('incompatible receiver');
    return raw;
  }

  function growthOf(raw: object): Growth {
    return store.growth.get(raw) as Growth;
  }

  function rawTable(table: object): WebAssembly.Table {
    const raw = rawTables.get(table);
    if (raw === undefined) throw new TypeError('incompatible receiver');
    return raw;
  }

  function rawGlobal(global: object): WebAssembly.Global {
    const raw = rawGlobals.get(global);
    if (raw === undefined) throw new TypeError('incompatible receiver');
    return raw;
  }

  function wrap(
    raw: WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global,
    kind: 'memory' | 'table' | 'global',
    type: MemoryType | undefined,
  ): object {
    let found = wrappers.get(raw);
    if (found === undefined) {
      const { showMemory } = options;
      found =
        kind === 'memory' && showMemory !== undefined && type !== undefined
          ? showMemory(raw as WebAssembly.Memory, type, growthOf(raw))
          : (Object.create({ memory: Memory, table: Table, global: Global }[kind].prototype) as object);
      if (kind === 'memory') rawMemories.set(found, raw as WebAssembly.Memory);
      else if (kind === 'table') rawTables.set(found, raw as WebAssembly.Table);
      else rawGlobals.set(found, raw as WebAssembly.Global);
      wrappers.set(raw, found);
      if (type?.isShared) options.refuseToClone?.(found);
    }
    return found;
  }

  /** What the engine has for a value of the embedder's, to be put into a table or global of the engine's. */
  function toRaw(holder: object, given: readonly unknown[]): [unknown?] {
    const convert = functionHolders.has(holder) ? references.toGuest : canonical;
    return given.slice(0, 1).map((value) => convert(value)) as [unknown?];
  }

  function toHost(holder: object, value: unknown): unknown {
    return functionHolders.has(holder) ? references.toHost(value) : value;
  }

  function linker(
    values: readonly unknown[],
    types: readonly FuncType[],
  ): (imported: Import, number: number) => Linked {
    return (imported, number) => {
      const value = values[number];
      const fail = (why: string): never => {
        throw new LinkError(`import ${quote(imported.module)} ${quote(imported.name)}: ${why}`);
      };
      if (!isOwn(value)) refuseOfAnother(imported, value);
      switch (imported.kind) {
        case 'function': {
          if (typeof value !== 'function') return fail('incompatible import type: a function is required');
          const type = types[imported.typeIndex] as FuncType;
          const passed = foreign.get(value);
          if (passed !== undefined) {
            return passed.type.key === type.key ? { host: passed } : fail('incompatible import type');
          }
          const raw = behind.get(value);
          return raw === undefined
            ? { host: new EmbeddersFunction(value as RawFunction, type, options.hostCalls) }
            : { raw };
        }
        case 'tag':
          return { raw: rawTags.get(value as object) ?? fail('incompatible import type: a tag is required') };
        case 'table':
          return { raw: rawTables.get(value as object) ?? fail('incompatible import type: a table is required') };
        case 'memory':
          return { raw: memoryFor(imported.type, value, fail) };
        case 'global': {
          const raw = typeof value === 'object' && value !== null ? rawGlobals.get(value) : undefined;
          if (raw !== undefined || imported.type.type !== FUNCREF) return { raw: raw ?? canonical(value) };
          const func = value === null ? null : behind.get(value as object);
          return {
            raw: func === undefined ? fail('incompatible import type: a function of a guest is required') : func,
          };
        }
      }
    };
  }

  function memoryFor(type: MemoryType, value: unknown, fail: (why: string) => never): WebAssembly.Memory {
    const raw = rawMemories.get(value as object) ?? fail('incompatible import type: a memory is required');
    if (isShared(raw) === type.isShared) return raw;
    return fail(
      `incompatible import type: a ${type.isShared ? 'shared memory' : 'memory that is not shared'} is required`,
    );
  }

  function isOwn(value: unknown): boolean {
    const object = value as object;
    return rawMemories.has(object) || rawTables.has(object) || rawGlobals.has(object) || rawTags.has(object);
  }

  /** A function whose traps are the guest's. */
  function trapping({ type, gas, keepsViews, call }: HostFunction, guest: () => MeteredInstance): HostImport {
    return {
      type,
      gas,
      keepsViews,
      call(caller, args) {
        try {
          return call(caller, args);
        } catch (error) {
          throw error instanceof Trap ? guest().trapped(error.kind) : error;
        }
      },
    };
  }

  /** Makes an object stand for a memory that the embedder has made. */
  function adopt(object: object, raw: WebAssembly.Memory, growth: Growth): void {
    store.growth.set(raw, growth);
    rawMemories.set(object, raw);
    wrappers.set(raw, object);
  }

  /** Gas, memory and limits of an instance, or of all where they have them together: exact, also after a failure. */
  function stats(instance?: object): ResourceFigures {
    if (instance === undefined && meter !== undefined) return meter.figures();
    const found = instance && guests.get(instance);
    if (found === undefined) throw new TypeError('an instance of this namespace was expected');
    return found.meter.figures();
  }

  function validate(bytes: ArrayBuffer | ArrayBufferView): boolean {
    const view = viewOfBufferSource(bytes);
    try {
      decode(view);
      return true;
    } catch (error) {
      if (error instanceof CompileError) return false;
      throw error;
    }
  }

  for (const [name, Class] of Object.entries({ Module, Instance, Memory, Table, Global, ...exceptions.classes }))
    shapeClass(Class, name);

  return Object.freeze({
    Module,
    Instance,
    Memory,
    Table,
    Global,
    ...exceptions.classes,
    ...(exceptions.jsTag && { JSTag: exceptions.jsTag }),
    CompileError,
    LinkError,
    RuntimeError,
    validate,
    stats,
    /** For a namespace that makes some of its instances here. */
    parts: {
      prepare,
      make,
      adopt,
      shown: (raw: object) => elsewhere.add(raw),
      exportsOf: (instance: object) => exportsOf.get(instance),
      isExported: (func: object) => behind.has(func),
      mayTailCall: (func: object) => store.tailCalling.has(behind.get(func) ?? func),
      isOwn,
    },
    [Symbol.toStringTag]: 'WebAssembly' as const,
  });
}

/** A function of the embedder's. Of few words: there may be one for every four bytes of a module. */
class EmbeddersFunction implements HostImport {
  readonly type: FuncType;
  private readonly func: RawFunction;
  private readonly calls: HostCalls;

  constructor(func: RawFunction, type: FuncType, calls: HostCalls = PLAIN_CALLS) {
    this.type = type;
    this.func = func;
    this.calls = calls;
  }

  get gas(): HostGas {
    return this.calls.gas;
  }

  get keepsViews(): boolean {
    return true;
  }

  call(caller: CallingGuest, args: readonly WasmValue[]): WasmValue {
    return this.calls.serve(caller, () => this.func(...args));
  }
}

/** The name of a table's type, as every engine knows it. @throws TypeError */
function elementName(value: unknown): 'anyfunc' | 'externref' {
  const name = `${value}`;
  if (name === 'anyfunc' || name === 'funcref') return 'anyfunc';
  if (name === 'externref') return name;
  throw new TypeError(`${quote(name)} is no type of what tables hold on this engine`);
}

/** The canonical NaN, whatever bits JavaScript gave it. */
function canonical(value: unknown): unknown {
  return Number.isNaN(value) ? Number.NaN : value;
}

function only(values: readonly unknown[]): unknown {
  return values.length <= 1 ? values[0] : values;
}
