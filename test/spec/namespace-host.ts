/** The suite on anything that has the shape of the `WebAssembly` namespace, the host's own included. */

import type { FailureKind, SpecHost } from './host.ts';
import type { ModuleInfo, ValueType } from './module-info.ts';
import { readModuleInfo } from './module-info.ts';
import { spectestModule } from './spectest.ts';
import type { RefKind, RefValue, SpecValue } from './values.ts';
import { CLASSES, classifierModule, crosses, WRAPPER, wrapFunction, wrapGlobal } from './wrapper.ts';

type ErrorClass = abstract new (...args: never[]) => unknown;

/** The part of the namespace that is used. */
interface Namespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
  readonly CompileError: ErrorClass;
  readonly LinkError: ErrorClass;
  readonly RuntimeError: ErrorClass;
  readonly Exception?: ErrorClass;
  /** Of the project's own namespaces. */
  readonly stats?: (instance: object) => { readonly gasUsed: bigint };
}

interface NamespaceModule {
  readonly module: object;
  readonly info: ModuleInfo;
}

type ExportedFunction = (...args: readonly unknown[]) => unknown;

interface NamespaceInstance {
  readonly instance: object;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly info: ModuleInfo;
  /** Made on first use, by kind and name of what they wrap. */
  readonly wrappers: Map<string, ExportedFunction>;
}

/** Stands for `(ref.extern n)` and `(ref.host n)`, which are one host object seen from two hierarchies. */
class HostObject {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

/** A module that the registry does not have: the JavaScript API answers with a `TypeError`, the suite expects a link error. */
class MissingModule extends Error {}

export interface HostOptions {
  /** Whether `spectest` has a 64-bit table; by default wherever that can be. */
  readonly table64?: boolean;
  /** Whether it has a shared memory; not unless asked for. */
  readonly sharedMemory?: boolean;
}

class NamespaceHost implements SpecHost<NamespaceModule, NamespaceInstance> {
  readonly name: string;
  readonly #namespace: Namespace;
  readonly #options: HostOptions;
  readonly #hostObjects = new Map<number, HostObject>();
  readonly #instances: NamespaceInstance[] = [];
  #classifier: ExportedFunction | undefined;

  constructor(name: string, namespace: Namespace, options: HostOptions) {
    this.name = name;
    this.#namespace = namespace;
    this.#options = options;
  }

  compile(bytes: Uint8Array): NamespaceModule {
    const module = new this.#namespace.Module(Uint8Array.from(bytes));
    return { module, info: readModuleInfo(bytes) };
  }

  instantiate({ module, info }: NamespaceModule, registry: ReadonlyMap<string, NamespaceInstance>): NamespaceInstance {
    // Without a prototype `__proto__` is a name like any other.
    const imports: Record<string, object> = Object.create(null);
    let missing: string | undefined;
    for (const wanted of info.imports) {
      const instance = registry.get(wanted.module);
      if (instance) imports[wanted.module] = instance.exports;
      else missing ??= wanted.module;
    }
    try {
      const instance = new this.#namespace.Instance(module, imports);
      const made = { instance, exports: instance.exports as Record<string, unknown>, info, wrappers: new Map() };
      this.#instances.push(made);
      return made;
    } catch (error) {
      if (missing !== undefined && error instanceof TypeError) throw new MissingModule(`no module "${missing}"`);
      throw error;
    }
  }

  invoke(instance: NamespaceInstance, field: string, args: readonly SpecValue[]): readonly SpecValue[] {
    const type = instance.info.functions.get(field);
    if (!type) throw new Error(`no exported function "${field}"`);
    if (args.length !== type.params.length) throw new Error(`"${field}" takes ${type.params.length} arguments`);
    const direct = [...type.params, ...type.results].every(crosses);
    const call = direct
      ? (instance.exports[field] as ExportedFunction)
      : this.#wrapper(instance, `function ${field}`, field, () => wrapFunction(instance.info, type));
    return this.#results(call(...args.flatMap((value) => this.#toJs(value))), type.results);
  }

  get(instance: NamespaceInstance, field: string): SpecValue {
    const type = instance.info.globals.get(field);
    if (!type) throw new Error(`no exported global "${field}"`);
    const carried = crosses(type.value)
      ? (instance.exports[field] as { readonly value: unknown }).value
      : this.#wrapper(instance, `global ${field}`, field, () => wrapGlobal(instance.info, type))();
    return this.#results(carried, [type.value])[0]!;
  }

  classify(error: unknown): FailureKind {
    const { CompileError, LinkError, RuntimeError, Exception } = this.#namespace;
    if (error instanceof CompileError) return 'compile';
    if (error instanceof LinkError || error instanceof MissingModule) return 'link';
    if (Exception && error instanceof Exception) return 'exception';
    if (!(error instanceof Error)) return 'other';
    if ('code' in error && error.code === 'STACK_LIMIT') return 'exhaustion';
    if (error instanceof RangeError && /stack/i.test(error.message)) return 'exhaustion';
    return error instanceof RuntimeError ? 'trap' : 'other';
  }

  spectest(): NamespaceInstance {
    const { sharedMemory = false } = this.#options;
    const instantiate = (table64: boolean) =>
      this.instantiate(this.compile(spectestModule({ table64, sharedMemory })), new Map());
    if (this.#options.table64 === false) return instantiate(false);
    try {
      return instantiate(true);
    } catch (error) {
      if (this.classify(error) !== 'compile') throw error;
      return instantiate(false);
    }
  }

  gasUsed(): readonly bigint[] {
    const { stats } = this.#namespace;
    return stats ? this.#instances.map(({ instance }) => stats(instance).gasUsed) : [];
  }

  #wrapper(instance: NamespaceInstance, key: string, field: string, make: () => Uint8Array): ExportedFunction {
    let wrapper = instance.wrappers.get(key);
    if (!wrapper) {
      wrapper = this.#instantiateWrapper(make(), { [WRAPPER.field]: instance.exports[field] });
      instance.wrappers.set(key, wrapper);
    }
    return wrapper;
  }

  /** Failures here are the runner's own, and must not be taken for the script's. */
  #instantiateWrapper(bytes: Uint8Array, wrapped: object): ExportedFunction {
    try {
      const module = new this.#namespace.Module(Uint8Array.from(bytes));
      const { exports } = new this.#namespace.Instance(module, { [WRAPPER.module]: wrapped });
      return (exports as Record<string, ExportedFunction>)[WRAPPER.export]!;
    } catch (error) {
      throw new Error(`cannot wrap: ${error}`, { cause: error });
    }
  }

  #hostObject(id: number): HostObject {
    const known = this.#hostObjects.get(id);
    if (known) return known;
    const object = new HostObject(id);
    this.#hostObjects.set(id, object);
    return object;
  }

  /** The JavaScript values that carry one value; see wrapper.ts. */
  #toJs(value: SpecValue): readonly unknown[] {
    switch (value.type) {
      case 'i32':
      case 'f32':
        return [Number(BigInt.asIntN(32, value.bits))];
      case 'i64':
      case 'f64':
        return [BigInt.asIntN(64, value.bits)];
      case 'v128':
        return [BigInt.asIntN(64, value.bits), BigInt.asIntN(64, value.bits >> 64n)];
      case 'ref':
        if (value.kind === 'null') return [null];
        if (value.id === undefined) throw new Error(`no argument of kind ${value.kind}`);
        return [this.#hostObject(value.id)];
    }
  }

  #results(returned: unknown, types: readonly ValueType[]): SpecValue[] {
    const width = types.reduce((sum, type) => sum + (type.kind === 'v128' ? 2 : 1), 0);
    const carried: readonly unknown[] = width === 0 ? [] : width === 1 ? [returned] : (returned as unknown[]);
    if (width !== carried.length || (width === 0 && returned !== undefined)) {
      throw new Error(`expected ${width} JavaScript values, got ${String(returned)}`);
    }
    let at = 0;
    return types.map((type) => {
      const first = carried[at++];
      return this.#fromJs(type, first, type.kind === 'v128' ? carried[at++] : undefined);
    });
  }

  #fromJs({ kind }: ValueType, value: unknown, high: unknown): SpecValue {
    switch (kind) {
      case 'i32':
      case 'f32':
        if (typeof value !== 'number' || (value | 0) !== value) throw new Error(`not an i32: ${String(value)}`);
        return { type: kind, bits: BigInt.asUintN(32, BigInt(value)) };
      case 'i64':
      case 'f64':
        return { type: kind, bits: this.#unsigned64(value) };
      case 'v128':
        return { type: kind, bits: this.#unsigned64(value) | (this.#unsigned64(high) << 64n) };
      case 'exn':
        return { type: 'ref', kind: value === 1 ? 'null' : 'exn', hierarchy: kind };
      default:
        if (value === null) return { type: 'ref', kind: 'null', hierarchy: kind };
        return this.#reference(kind, value);
    }
  }

  #unsigned64(value: unknown): bigint {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value)
      throw new Error(`not an i64: ${String(value)}`);
    return BigInt.asUintN(64, value);
  }

  #reference(hierarchy: 'any' | 'func' | 'extern', value: unknown): RefValue {
    if (value === undefined) throw new Error('undefined is no result');
    const id = value instanceof HostObject ? value.id : undefined;
    if (hierarchy === 'extern') return { type: 'ref', kind: 'extern', id };
    if (hierarchy === 'any') return { type: 'ref', kind: this.#classOf(value), id };
    if (typeof value !== 'function') throw new Error(`not a function: ${String(value)}`);
    return { type: 'ref', kind: 'func' };
  }

  /** JavaScript cannot tell structures from arrays; WebAssembly can. */
  #classOf(value: unknown): RefKind {
    this.#classifier ??= this.#instantiateWrapper(classifierModule(), {});
    return CLASSES[Number(this.#classifier(value))]!;
  }
}

/**
 * A host on a namespace object, of any implementation: its classes are known by name only. `name` is for reports.
 */
export function namespaceHost(name: string, namespace: object, options: HostOptions = {}): SpecHost {
  return new NamespaceHost(name, namespace as Namespace, options);
}
