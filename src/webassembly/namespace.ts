/** A namespace with the shape of `WebAssembly` (JavaScript API, section 5), on the interpreter. */

import { type ForeignFunction, isFunction, type Reference } from '../../interpreter/function.ts';
import { GlobalInstance } from '../../interpreter/global.ts';
import { Instance as CoreInstance, type ExternValue } from '../../interpreter/instance.ts';
import { LinearMemory } from '../../interpreter/memory.ts';
import { start } from '../../interpreter/start.ts';
import { Store } from '../../interpreter/store.ts';
import { TableInstance } from '../../interpreter/table.ts';
import { Budget } from '../../interpreter/tank.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { CompileError, LinkError, type ResourceFigures, RuntimeError } from '../../wasm/errors.ts';
import { MAX_PAGES } from '../../wasm/limits.ts';
import { quote } from '../../wasm/quote.ts';
import {
  EXTERNREF,
  FUNCREF,
  I64,
  type Import,
  isReference,
  type RefType,
  V128,
  type WasmModule,
} from '../../wasm/types.ts';
import {
  cellOf,
  type Entry,
  exportFunction,
  functionBehind,
  hostValue,
  importFunction,
  nameOf,
  referenceOf,
  valueType,
} from './convert.ts';
import {
  addressOf,
  type BufferSource,
  bind,
  bytesOf,
  descriptorLimits,
  index,
  Module,
  moduleOf,
  objectOf,
  self,
  tag,
} from './objects.ts';

/** Imports by module and name. Only own properties count, so that no guest reaches what objects inherit. */
export type ImportObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface MemoryDescriptor {
  /** Pages. */
  readonly initial: number;
  readonly maximum?: number | undefined;
}

export interface TableDescriptor {
  readonly element: 'anyfunc' | 'funcref' | 'externref';
  readonly initial: number;
  readonly maximum?: number | undefined;
}

export interface GlobalDescriptor {
  readonly value: 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'anyfunc' | 'funcref' | 'externref';
  readonly mutable?: boolean | undefined;
}

/** Where bytes may come from as they arrive: a `Response`, or a promise of one. */
interface Streamed {
  readonly ok: boolean;
  readonly status: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

type ErrorConstructor<T extends Error> = { new (message?: string): T; readonly prototype: T };

/** What a namespace needs to know. */
export interface NamespaceOptions {
  readonly limits: InstanceLimits;
  readonly slices?: Slices | undefined;
  /** Surrounds every call from outside. */
  readonly enter: Entry;
}

export type WebAssemblyNamespace = ReturnType<typeof createNamespace>;

export function createNamespace({ limits, slices, enter }: NamespaceOptions) {
  const store = new Store(limits.stackBytes);
  const instances = new WeakMap<object, CoreInstance>();

  class Memory {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: MemoryDescriptor) {
      const memory = LinearMemory.create(
        { limits: descriptorLimits(descriptor, MAX_PAGES, 'memory') },
        new Budget(limits.memoryBytes),
      );
      if (memory === undefined) throw new RangeError('Memory limit exceeded: could not allocate memory');
      bind(this, memory);
    }

    /** The bytes; detached when the memory grows. */
    get buffer(): ArrayBuffer {
      return self(this, LinearMemory).expose();
    }

    /** Grows by pages; returns the size before. @throws RangeError */
    grow(delta: number): number {
      const before = self(this, LinearMemory).grow(index(delta, 'delta'));
      if (before === -1) throw new RangeError('Memory limit exceeded: the memory cannot grow that far');
      return before;
    }
  }

  class Table {
    /** @throws TypeError, RangeError where the limit does not allow the size */
    constructor(descriptor: TableDescriptor, value?: unknown) {
      const element = valueType(descriptor?.element);
      if (!isReference(element)) throw new TypeError('tables hold funcref or externref');
      const type = { element, limits: descriptorLimits(descriptor, 0xffff_ffff, 'table') };
      const initial = initialReference(element, value);
      const table = TableInstance.create(type, new Budget(limits.memoryBytes), initial);
      if (table === undefined) throw new RangeError('Memory limit exceeded: could not allocate the table');
      bind(this, table);
    }

    get length(): number {
      return self(this, TableInstance).elements.length;
    }

    /** @throws RangeError */
    get(at: number): unknown {
      const table = self(this, TableInstance);
      return hostValue(table.element, { low: 0, high: 0, reference: table.elements[place(this, at)] }, enter);
    }

    /** @throws RangeError, TypeError */
    set(at: number, value?: unknown): void {
      const table = self(this, TableInstance);
      const element = place(this, at);
      table.elements[element] = initialReference(table.element, value);
    }

    /** Grows by elements; returns the size before. @throws RangeError, TypeError */
    grow(delta: number, value?: unknown): number {
      const table = self(this, TableInstance);
      const reference = initialReference(table.element, value);
      const before = table.grow(index(delta, 'delta'), reference);
      if (before === -1) throw new RangeError('Memory limit exceeded: the table cannot grow that far');
      return before;
    }
  }

  class Global {
    /** @throws TypeError */
    constructor(descriptor: GlobalDescriptor, value?: unknown) {
      const type = valueType(descriptor?.value);
      if (type === V128) throw new TypeError('vectors do not pass between guest and host');
      const global = new GlobalInstance({ type, mutable: Boolean(descriptor.mutable) });
      bind(this, global);
      if (isReference(type)) global.reference = initialReference(type, value);
      else if (value !== undefined) setGlobal(global, value);
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
      return hostValue(type.type, { low: cells[at] as number, high: cells[at + 1] as number, reference }, enter);
    }
  }

  class Instance {
    /** Functions, memories, tables and globals by name. Frozen, without prototype. */
    readonly exports: Readonly<Record<string, unknown>>;

    /** @throws LinkError, RuntimeError, TypeError, and whatever an imported function threw */
    constructor(module: Module, imports?: ImportObject) {
      const core = moduleOf(module);
      if (imports !== undefined && (typeof imports !== 'object' || imports === null)) {
        throw new TypeError('the imports must be an object');
      }
      if (imports === undefined && core.imports.length > 0) {
        throw new TypeError(`the module has ${core.imports.length} imports: an object with them was expected`);
      }
      const instance = new CoreInstance(store, core, linker(imports ?? {}), limits, slices);
      instances.set(this, instance);
      const exports: Record<string, unknown> = Object.create(null);
      for (const { name, kind, index: at } of core.exports) {
        Object.defineProperty(exports, name, { value: externObject(instance.extern(kind, at)), enumerable: true });
      }
      this.exports = Object.freeze(exports);
      Object.defineProperty(this, 'exports', { enumerable: true, writable: false, configurable: true });
      enter(() => start(instance));
    }
  }

  /** An index of a table's element. @throws RangeError, TypeError */
  function place(table: object, at: number): number {
    const element = index(at, 'index');
    const { length } = self(table, TableInstance).elements;
    if (element >= length) throw new RangeError(`index ${element} is outside of a table of ${length} elements`);
    return element;
  }

  /** What a table or global holds where no value is given (JavaScript API, DefaultValue). */
  function initialReference(type: RefType, value: unknown): Reference {
    return value === undefined && type === FUNCREF ? null : referenceOf(type, value);
  }

  function setGlobal(global: GlobalInstance, value: unknown): void {
    const { low, high, reference } = cellOf(global.type.type, value);
    global.cells[global.at] = low;
    global.cells[global.at + 1] = high;
    global.reference = reference;
  }

  function externObject(value: ExternValue): unknown {
    if (isFunction(value)) return exportFunction(value, nameOf(value), enter);
    const known = objectOf(value);
    if (known !== undefined) return known;
    const { prototype } = value instanceof LinearMemory ? Memory : value instanceof TableInstance ? Table : Global;
    const object = Object.create(prototype) as object;
    bind(object, value);
    return object;
  }

  function linker(imports: ImportObject) {
    return (imported: Import, module: WasmModule): ExternValue | undefined => {
      const from = Object.hasOwn(imports, imported.module) ? imports[imported.module] : undefined;
      if ((typeof from !== 'object' && typeof from !== 'function') || from === null) {
        throw new TypeError(`import ${quote(imported.module)}: the import object has no such module of its own`);
      }
      const value: unknown = Object.hasOwn(from, imported.name) ? from[imported.name] : undefined;
      if (imported.kind === 'function') {
        if (typeof value !== 'function') return undefined;
        const type = module.types[imported.typeIndex] as ForeignFunction['type'];
        return functionBehind(value) ?? importFunction(value as (...args: unknown[]) => unknown, type, enter);
      }
      return imported.kind === 'global' ? importGlobal(imported, value) : addressOf(value);
    };
  }

  /** A global, or a value that becomes an immutable one (JavaScript API, 5.3, "read the imports"). */
  function importGlobal(imported: Import & { kind: 'global' }, value: unknown): ExternValue | undefined {
    const address = addressOf(value);
    const { type, mutable } = imported.type;
    if (address instanceof GlobalInstance || (address !== undefined && type !== EXTERNREF)) return address;
    const isOfType = isReference(type) || typeof value === (type === I64 ? 'bigint' : 'number');
    if (mutable || type === V128 || !isOfType) return undefined;
    const global = new GlobalInstance(imported.type);
    try {
      setGlobal(global, value);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
    return global;
  }

  function validate(bytes: BufferSource): boolean {
    const copy = bytesOf(bytes);
    try {
      new Module(copy);
      return true;
    } catch (error) {
      if (error instanceof CompileError) return false;
      throw error;
    }
  }

  async function compile(bytes: BufferSource): Promise<Module> {
    return new Module(bytes);
  }

  async function instantiate(
    bytes: BufferSource,
    imports?: ImportObject,
  ): Promise<{ module: Module; instance: Instance }>;
  async function instantiate(module: Module, imports?: ImportObject): Promise<Instance>;
  async function instantiate(
    source: Module | BufferSource,
    imports?: ImportObject,
  ): Promise<Instance | { module: Module; instance: Instance }> {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  }

  async function compileStreaming(source: Streamed | Promise<Streamed>): Promise<Module> {
    const response = await source;
    if (!response.ok) throw new TypeError(`the response has HTTP status ${response.status}`);
    return new Module(await response.arrayBuffer());
  }

  async function instantiateStreaming(source: Streamed | Promise<Streamed>, imports?: ImportObject) {
    const module = await compileStreaming(source);
    return { module, instance: new Instance(module, imports) };
  }

  /** Gas, memory and limits of an instance: exact, also after a failure. */
  function stats(instance: Instance): ResourceFigures {
    const found = instances.get(instance);
    if (found === undefined) throw new TypeError('an instance of this namespace was expected');
    return found.figures();
  }

  for (const [name, { prototype }] of Object.entries({ Memory, Table, Global, Instance })) tag(prototype, name);

  return Object.freeze({
    Module,
    Instance,
    Memory,
    Table,
    Global,
    CompileError: CompileError as unknown as ErrorConstructor<CompileError>,
    LinkError: LinkError as unknown as ErrorConstructor<LinkError>,
    RuntimeError: RuntimeError as unknown as ErrorConstructor<RuntimeError>,
    validate,
    compile,
    instantiate,
    compileStreaming,
    instantiateStreaming,
    stats,
    [Symbol.toStringTag]: 'WebAssembly' as const,
  });
}
