/** `Module`, and what `Memory`, `Table`, `Global` and `Instance` of every namespace have in common. */

import type { GlobalInstance } from '../../interpreter/global.ts';
import type { LinearMemory } from '../../interpreter/memory.ts';
import type { TableInstance } from '../../interpreter/table.ts';
import { decode } from '../../wasm/decode.ts';
import type { Export, ExternKind, Import, WasmModule } from '../../wasm/types.ts';

type Address = LinearMemory | TableInstance | GlobalInstance;

const addresses = new WeakMap<object, Address>();
const objects = new WeakMap<Address, object>();
const modules = new WeakMap<object, WasmModule>();

/** Makes a JavaScript object stand for an address. */
export function bind(object: object, address: Address): void {
  addresses.set(object, address);
  objects.set(address, object);
}

export function objectOf(address: Address): object | undefined {
  return objects.get(address);
}

/** What an object stands for; undefined where it is none of the API's. */
export function addressOf(object: unknown): Address | undefined {
  return typeof object === 'object' && object !== null ? addresses.get(object) : undefined;
}

/** The address behind `this`. @throws TypeError where the method was called on something else */
export function self<T extends Address>(
  object: unknown,
  type: { readonly prototype: T } & { [Symbol.hasInstance](value: unknown): boolean },
): T {
  const address = addressOf(object);
  if (!(address instanceof type)) throw new TypeError('incompatible receiver');
  return address as unknown as T;
}

export function tag(prototype: object, name: string): void {
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true });
}

/** Bytes of a module, as the API takes them. */
export type BufferSource = ArrayBuffer | ArrayBufferView;

/** A copy of the bytes. @throws TypeError */
export function bytesOf(source: unknown): Uint8Array {
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  throw new TypeError('an ArrayBuffer or a view of one was expected');
}

export interface ModuleExportDescriptor {
  readonly name: string;
  readonly kind: ExternKind;
}

export interface ModuleImportDescriptor extends ModuleExportDescriptor {
  readonly module: string;
}

/** A compiled module (JavaScript API, 5.1). Belongs to no namespace in particular. */
export class Module {
  /** Nothing at run time: without it, every object would be a module to the compiler. */
  declare private readonly brand: never;

  /** @throws CompileError, TypeError */
  constructor(bytes: BufferSource) {
    modules.set(this, decode(bytesOf(bytes)));
  }

  static exports(module: Module): ModuleExportDescriptor[] {
    return moduleOf(module).exports.map(({ name, kind }: Export) => ({ name, kind }));
  }

  static imports(module: Module): ModuleImportDescriptor[] {
    return moduleOf(module).imports.map(({ module: from, name, kind }: Import) => ({ module: from, name, kind }));
  }

  static customSections(module: Module, sectionName: string): ArrayBuffer[] {
    const { customSections, bytes } = moduleOf(module);
    if (sectionName === undefined) throw new TypeError('the name of a section was expected');
    return customSections
      .filter(({ name }) => name === String(sectionName))
      .map((section) => bytes.slice(section.bytes.start, section.bytes.end).buffer as ArrayBuffer);
  }
}
tag(Module.prototype, 'Module');

/** @throws TypeError where it is not a `Module` */
export function moduleOf(module: unknown): WasmModule {
  const found = typeof module === 'object' && module !== null ? modules.get(module) : undefined;
  if (found === undefined) throw new TypeError('a WebAssembly.Module was expected');
  return found;
}

/** An integer for a size or an index (Web IDL, `[EnforceRange] unsigned long`). @throws TypeError */
export function index(value: unknown, what: string): number {
  const number = Math.trunc(+(value as number));
  if (!(number >= 0 && number <= 0xffff_ffff)) throw new TypeError(`${what} must be an integer from 0 to 4294967295`);
  return number + 0;
}

/** The limits of a descriptor. @throws TypeError, RangeError */
export function descriptorLimits(
  descriptor: unknown,
  bound: number,
  what: string,
): { min: number; max: number | undefined } {
  if (typeof descriptor !== 'object' || descriptor === null)
    throw new TypeError(`a descriptor of a ${what} was expected`);
  const { initial, minimum, maximum } = descriptor as Record<string, unknown>;
  const first = initial ?? minimum;
  if (first === undefined) throw new TypeError(`the descriptor of a ${what} needs an initial size`);
  const min = index(first, 'initial size');
  const max = maximum === undefined ? undefined : index(maximum, 'maximum size');
  if (min > bound || (max ?? 0) > bound) throw new TypeError(`the size of a ${what} must be at most ${bound}`);
  if (max !== undefined && max < min) throw new RangeError('the maximum size is smaller than the initial size');
  return { min, max };
}
