/** `Module`, and what `Memory`, `Table`, `Global` and `Instance` of every namespace have in common. */

import { Instance, isFunction } from '../../interpreter/store/instance.ts';
import { viewOfBufferSource } from '../../wasm/bytes.ts';
import { decode } from '../../wasm/decode.ts';
import type { WasmModule } from '../../wasm/module.ts';
import {
  type AddressType,
  type Export,
  type ExternKind,
  I32,
  I64,
  type Import,
  type Limits,
} from '../../wasm/types.ts';
import { type Address, behind } from './behind.ts';

const modules = new WeakMap<object, WasmModule>();

/** What an object stands for; undefined where it is none of the API's. */
export function addressOf(object: unknown): Address | undefined {
  const core = typeof object === 'object' && object !== null ? behind(object) : undefined;
  // Something is behind functions and instances too.
  return isFunction(core) || core instanceof Instance ? undefined : core;
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

/** An export, as `Module.exports` gives it. */
export interface ModuleExportDescriptor {
  readonly name: string;
  readonly kind: ExternKind;
}

/** An import, as `Module.imports` gives it. */
export interface ModuleImportDescriptor extends ModuleExportDescriptor {
  readonly module: string;
}

/** A compiled module (JavaScript API, 5.1). Belongs to no namespace in particular. */
export class Module {
  /** Nothing at run time: without it, every object would be a module to the compiler. */
  declare private readonly brand: never;

  /** @throws CompileError, TypeError */
  constructor(bytes: BufferSource) {
    hold(this, decode(viewOfBufferSource(bytes)));
  }

  /**
   * What can be sent to another thread, or kept, in place of the module, which structured clones cannot take: a copy of its
   * bytes. @throws TypeError where it is no module
   */
  static toTransferable(module: Module): ArrayBuffer {
    return moduleOf(module).bytes.slice().buffer as ArrayBuffer;
  }

  /** The module again, decoded and validated anew, as whoever sent it may be anybody. @throws CompileError, TypeError */
  static fromTransferable(bytes: BufferSource): Module {
    return new Module(bytes);
  }

  /** In the module's order. @throws TypeError where it is none */
  static exports(module: Module): ModuleExportDescriptor[] {
    return moduleOf(module).exports.map(({ name, kind }: Export) => ({ name, kind }));
  }

  /** In the module's order. @throws TypeError where it is none */
  static imports(module: Module): ModuleImportDescriptor[] {
    return moduleOf(module).imports.map(({ module: from, name, kind }: Import) => ({ module: from, name, kind }));
  }

  /** Copies of the contents of all custom sections of the name. @throws TypeError where it is no module */
  static customSections(module: Module, sectionName: string): ArrayBuffer[] {
    const { customSections, bytes } = moduleOf(module);
    if (sectionName === undefined) throw new TypeError('the name of a section was expected');
    return [...customSections.named(String(sectionName))].map(
      (section) => bytes.slice(section.bytes.start, section.bytes.end).buffer as ArrayBuffer,
    );
  }
}
tag(Module.prototype, 'Module');

/** The `Module` of what has been decoded already. */
export function moduleFrom(decoded: WasmModule): Module {
  const module: Module = Object.create(Module.prototype);
  hold(module, decoded);
  return module;
}

/** Structured clones read the property, as it is own and enumerable; without it, a clone would be an empty object. */
export function refuseToClone(object: object, kind: 'Module' | 'Memory'): void {
  Object.defineProperty(object, 'toTransferable', {
    enumerable: true,
    get(): never {
      const why = `a ${kind} of wasm-sandbox cannot be cloned or posted: send ${kind}.toTransferable(${kind.toLowerCase()}), and make a ${kind} of it with ${kind}.fromTransferable there`;
      throw typeof DOMException === 'undefined' ? new TypeError(why) : new DOMException(why, 'DataCloneError');
    },
  });
}

function hold(module: Module, decoded: WasmModule): void {
  modules.set(module, decoded);
  refuseToClone(module, 'Module');
}

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

/** The same, as the address type has it: a bigint for 64 bits, which need not be exact beyond 2^53. @throws TypeError */
export function addressValue(address: AddressType, value: unknown, what: string): number {
  if (address === I32) return index(value, what);
  // BigInt takes numbers as well, which conversion to a bigint does not.
  const bigint = typeof value === 'number' ? -1n : BigInt(value as bigint | boolean | string);
  if (bigint < 0n || bigint >= 1n << 64n) throw new TypeError(`${what} must be a bigint from 0 to 2^64 - 1`);
  return Number(bigint);
}

/** A size as JavaScript sees it: a bigint where addresses are of 64 bits. */
export function shownSize(address: AddressType, size: number): number | bigint {
  return address === I32 ? size : BigInt(size);
}

/** Address type and limits of a descriptor. @throws TypeError, RangeError */
export function descriptorLimits(
  descriptor: unknown,
  bounds: Readonly<Record<AddressType, number>>,
  what: string,
): { address: AddressType; limits: Limits } {
  if (typeof descriptor !== 'object' || descriptor === null)
    throw new TypeError(`a descriptor of a ${what} was expected`);
  const { initial, minimum, maximum, address: named = 'i32' } = descriptor as Record<string, unknown>;
  if (named !== 'i32' && named !== 'i64') throw new TypeError(`the address type of a ${what} is i32 or i64`);
  const address = named === 'i64' ? I64 : I32;
  const first = initial === undefined ? minimum : initial;
  if (first === undefined) throw new TypeError(`the descriptor of a ${what} needs an initial size`);
  const min = addressValue(address, first, 'initial size');
  const max = maximum === undefined ? undefined : addressValue(address, maximum, 'maximum size');
  const bound = bounds[address];
  if (min > bound || (max ?? 0) > bound) {
    const Kind = address === I32 ? TypeError : RangeError;
    throw new Kind(`the size of a ${what} must be at most ${bound}`);
  }
  if (max !== undefined && max < min) throw new RangeError('the maximum size is smaller than the initial size');
  return { address, limits: { min, max } };
}
