/**
 * A namespace with the shape of `WebAssembly` (JavaScript API, section 5) whose instances meter themselves and run on
 * another such namespace, mostly the host's own.
 */

import { Budget, checkInstances, Growth, noRoomForMemory } from '../wasm/budget.ts';
import { viewOfBufferSource } from '../wasm/bytes.ts';
import { decode } from '../wasm/decode.ts';
import type { InstanceLimits, Slices } from '../wasm/engine.ts';
import { CompileError, LinkError, type ResourceFigures, RuntimeError } from '../wasm/errors.ts';
import { HOST_CALL } from '../wasm/gas.ts';
import type { HostCalls } from '../wasm/host.ts';
import { type ImportObject, readImports, refuseOfAnother } from '../wasm/imports.ts';
import { PAGE_BYTES } from '../wasm/limits.ts';
import { typeOfFunction, type WasmModule } from '../wasm/module.ts';
import { quote } from '../wasm/quote.ts';
import { FUNCREF, type FuncType, type Import } from '../wasm/types.ts';
import type { RawFunction, WasmHost } from './host.ts';
import { functionTypes } from './layout.ts';
import { Meter } from './meter.ts';
import { meterModule } from './meter-module.ts';
import { type HostImport, type Linked, MeteredInstance, MeteredStore, type References } from './metered-instance.ts';

export interface MeteredNamespaceOptions {
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** Whether NaN results get the canonical bits; true unless it says otherwise. */
  readonly canonicalNaN?: boolean | undefined;
  /** What a module of another namespace stands for: its instances are made as of the namespace's own. */
  readonly moduleOf?: ((module: unknown) => WasmModule) | undefined;
  /** Instances there may be, where they have the limits together; each has its own unless given. */
  readonly together?: { readonly instances: number } | undefined;
  /** Surrounds the calls of the embedder's functions; nothing does unless given. */
  readonly hostCalls?: HostCalls | undefined;
  /** Surrounds every call from outside. */
  readonly enter?: (<T>(run: () => T) => T) | undefined;
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
  const around = options.enter ?? (<T>(run: () => T) => run());
  const meter = together && new Meter(limits, slices);
  const store = new MeteredStore(host, limits.stackBytes, meter);
  const budget = () => meter?.budget ?? new Budget(limits.memoryBytes);
  let instances = 0;
  const guests = new WeakMap<object, MeteredInstance>();
  const exportsOf = new WeakMap<object, Readonly<Record<string, unknown>>>();
  /** Functions as the embedder sees them, by what the engine has, and back. */
  const shown = new WeakMap<object, RawFunction>();
  const behind = new WeakMap<object, RawFunction>();
  /** What an embedder's function was made of that a guest only passes on. */
  const foreign = new WeakMap<object, HostImport>();
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
      found = { [name]: (...args: unknown[]) => around(() => call(...args)) }[name] as RawFunction;
      Object.defineProperty(found, 'length', { value: raw.length });
      shown.set(raw, found);
      behind.set(found, raw);
    }
    return found;
  }

  const references: References = {
    toHost(raw) {
      if (raw === null) return null;
      const guest = latest as MeteredInstance;
      // Of what type it is only the engine knows; it converts what it is given.
      return show(raw as RawFunction, (...args) => {
        const value = store.enter(guest, args.length, () => (raw as RawFunction)(...args.map(canonical)));
        return value;
      });
    },
    toGuest(value) {
      if (value === null) return null;
      const raw = typeof value === 'function' ? behind.get(value) : undefined;
      if (raw === undefined) throw new TypeError('a function of a guest, or null, was expected for a funcref');
      return raw;
    },
  };

  class Module {
    /** @throws CompileError, TypeError */
    constructor(bytes: ArrayBuffer | ArrayBufferView) {
      modules.set(this, decode(viewOfBufferSource(bytes)));
    }
  }

  class Memory {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const room = budget();
      const growth = Growth.ofMemory(room, descriptor?.maximum);
      if (!growth.take(0, descriptor?.initial)) throw noRoomForMemory(descriptor.initial, room);
      const raw = new host.Memory(descriptor);
      store.growth.set(raw, growth);
      rawMemories.set(this, raw);
      wrappers.set(raw, this);
    }

    /** The bytes; detached when the memory grows. */
    get buffer(): ArrayBuffer {
      return rawMemory(this).buffer as ArrayBuffer;
    }

    /** Grows by pages; returns the size before. @throws RangeError */
    grow(delta: number): number {
      const raw = rawMemory(this);
      if (!growthOf(raw).take(raw.buffer.byteLength / PAGE_BYTES, delta)) {
        throw new RangeError('Memory limit exceeded: the memory cannot grow that far; raise memoryLimit');
      }
      return raw.grow(delta);
    }
  }

  class Table {
    constructor(descriptor: WebAssembly.TableDescriptor, ...value: unknown[]) {
      const holdsFunctions = String(descriptor?.element) !== 'externref';
      const initial = holdsFunctions && value.length > 0 ? [references.toGuest(value[0] ?? null)] : value;
      const raw = new host.Table(descriptor, ...(initial as [unknown?]));
      const growth = Growth.ofTable(budget(), descriptor.maximum);
      if (!growth.take(0, descriptor.initial)) {
        throw new RangeError('Memory limit exceeded: could not allocate the table; raise memoryLimit');
      }
      store.growth.set(raw, growth);
      if (holdsFunctions) functionHolders.add(raw);
      rawTables.set(this, raw);
      wrappers.set(raw, this);
    }

    get length(): number {
      return rawTable(this).length;
    }

    get(index: number): unknown {
      const raw = rawTable(this);
      return toHost(raw, raw.get(index));
    }

    set(index: number, ...given: [value?: unknown]): void {
      const raw = rawTable(this);
      raw.set(index, ...toRaw(raw, given));
    }

    grow(delta: number, ...given: [value?: unknown]): number {
      const raw = rawTable(this);
      if (!growthOf(raw).take(raw.length, delta)) {
        throw new RangeError('Memory limit exceeded: the table cannot grow that far; raise memoryLimit');
      }
      return raw.grow(delta, ...toRaw(raw, given));
    }
  }

  class Global {
    constructor(descriptor: WebAssembly.GlobalDescriptor, ...given: [value?: unknown]) {
      const isFunction = /^(anyfunc|funcref)$/.test(String(descriptor?.value));
      const value = given.length === 0 && isFunction ? null : given[0];
      const raw = new host.Global(descriptor, isFunction ? references.toGuest(value) : canonical(value));
      if (isFunction) functionHolders.add(raw);
      rawGlobals.set(this, raw);
      wrappers.set(raw, this);
    }

    get value(): unknown {
      const raw = rawGlobal(this);
      return toHost(raw, raw.value);
    }

    set value(value: unknown) {
      const raw = rawGlobal(this);
      raw.value = toRaw(raw, [value])[0];
    }

    valueOf(): unknown {
      return this.value;
    }
  }

  class Instance {
    /** @throws LinkError, RuntimeError, TypeError, and whatever an imported function threw */
    constructor(module: Module, imports?: ImportObject) {
      const core = (options.moduleOf ?? moduleOf)(module);
      const values = readImports(imports, core.imports);
      if (together !== undefined) checkInstances(instances, together.instances);
      instances++;
      const canonicalNaN = options.canonicalNaN ?? true;
      const metered = meterModule(core, { canonicalNaN, refills: slices !== undefined, isLinked: meter !== undefined });
      const link = linker(values, functionTypes(core));
      const guest = new MeteredInstance(store, metered, { limits, slices, link, references });
      latest = guest;
      guests.set(this, guest);
      guest.instantiate();
      guest.importedFunctions.forEach((linked, i) => {
        const raw = guest.rawImport(i) as RawFunction | undefined;
        if (raw === undefined || !('host' in linked) || shown.has(raw)) return;
        const { host: source } = linked;
        foreign.set(
          show(raw, (...args) => only(guest.invoke(raw, i, source.type, args))),
          source,
        );
      });
      const exports: Record<string, unknown> = Object.create(null);
      for (const { name, kind, index } of metered.exports) {
        const raw = guest.rawExport(name);
        const held = kind === 'table' ? metered.module.tables[index]?.element : metered.module.globals[index]?.type;
        if ((kind === 'table' || kind === 'global') && held === FUNCREF) functionHolders.add(raw as object);
        const value =
          kind === 'function'
            ? show(
                raw as RawFunction,
                (...args) => only(guest.invoke(raw as RawFunction, index, typeOfFunction(metered.module, index), args)),
                String(index),
              )
            : wrap(
                raw as WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global,
                kind as Exclude<typeof kind, 'tag'>,
              );
        Object.defineProperty(exports, name, { value, enumerable: true });
        const linked = kind === 'function' ? guest.importedFunctions[index] : undefined;
        if (linked !== undefined && 'host' in linked) foreign.set(value as object, linked.host);
      }
      exportsOf.set(this, Object.freeze(exports));
      guest.copySegments();
      around(() => guest.start());
    }

    /** Functions, memories, tables and globals by name. Frozen, without prototype. */
    get exports(): Readonly<Record<string, unknown>> {
      return exportsOf.get(this) as Readonly<Record<string, unknown>>;
    }
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
  ): object {
    let found = wrappers.get(raw);
    if (found === undefined) {
      found = Object.create({ memory: Memory, table: Table, global: Global }[kind].prototype) as object;
      if (kind === 'memory') rawMemories.set(found, raw as WebAssembly.Memory);
      else if (kind === 'table') rawTables.set(found, raw as WebAssembly.Table);
      else rawGlobals.set(found, raw as WebAssembly.Global);
      wrappers.set(raw, found);
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

  function linker(values: ReadonlyMap<Import, unknown>, types: readonly FuncType[]): (imported: Import) => Linked {
    return (imported) => {
      const value = values.get(imported);
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
          return raw === undefined ? { host: plain(value as RawFunction, type) } : { raw };
        }
        case 'tag':
          return fail('exceptions are not metered');
        case 'table':
          return { raw: rawTables.get(value as object) ?? fail('incompatible import type: a table is required') };
        case 'memory':
          return { raw: rawMemories.get(value as object) ?? fail('incompatible import type: a memory is required') };
        case 'global': {
          const raw = typeof value === 'object' && value !== null ? rawGlobals.get(value) : undefined;
          return { raw: raw ?? (imported.type.type === FUNCREF ? references.toGuest(value) : canonical(value)) };
        }
      }
    };
  }

  function isOwn(value: unknown): boolean {
    const object = value as object;
    return rawMemories.has(object) || rawTables.has(object) || rawGlobals.has(object);
  }

  function plain(func: RawFunction, type: FuncType): HostImport {
    const { hostCalls } = options;
    if (hostCalls === undefined)
      return { type, gas: HOST_CALL, keepsViews: true, call: (_caller, args) => func(...args) };
    return {
      type,
      gas: hostCalls.gas,
      keepsViews: true,
      call: (caller, args) => hostCalls.serve(caller, () => func(...args)),
    };
  }

  /** Gas, memory and limits of an instance, or of all where they have them together: exact, also after a failure. */
  function stats(instance?: Instance): ResourceFigures {
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

  for (const [name, { prototype }] of Object.entries({ Module, Instance, Memory, Table, Global }))
    Object.defineProperty(prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true });

  return Object.freeze({
    Module,
    Instance,
    Memory,
    Table,
    Global,
    CompileError,
    LinkError,
    RuntimeError,
    validate,
    stats,
    [Symbol.toStringTag]: 'WebAssembly' as const,
  });
}

/** The canonical NaN, whatever bits JavaScript gave it. */
function canonical(value: unknown): unknown {
  return Number.isNaN(value) ? Number.NaN : value;
}

function only(values: readonly unknown[]): unknown {
  return values.length <= 1 ? values[0] : values;
}
