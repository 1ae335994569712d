/** `Module`, and what `Memory`, `Table`, `Global` and `Instance` of every namespace have in common. */

import { Instance, isFunction } from '../../interpreter/store/instance.ts';
import { viewOfBufferSource } from '../../wasm/bytes.ts';
import { decode } from '../../wasm/decode.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { Export, ExternKind } from '../../wasm/types.ts';
import { shapeClass } from '../../wasm/web-idl.ts';
import { type Address, behind } from './behind.ts';
import { type CompileOptions, supply } from './builtins.ts';
import { type Compiled, compiled, keepCompiled, moduleOf } from './compiled.ts';

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
  constructor(bytes: BufferSource, options: CompileOptions = {}) {
    const core = decode(viewOfBufferSource(bytes));
    hold(this, { core, supplied: supply(core, options) });
  }

  /**
   * What can be sent to another thread, or kept, in place of the module, which structured clones cannot take: a copy of its
   * bytes. The options it was compiled with are to be given again. @throws TypeError where it is no module
   */
  static toTransferable(module: Module): ArrayBuffer {
    return moduleOf(module).bytes.slice().buffer as ArrayBuffer;
  }

  /** The module again, decoded and validated anew, as whoever sent it may be anybody. @throws CompileError, TypeError */
  static fromTransferable(bytes: BufferSource, options: CompileOptions = {}): Module {
    return new Module(bytes, options);
  }

  /** In the module's order. @throws TypeError where it is none */
  static exports(module: Module): ModuleExportDescriptor[] {
    return moduleOf(module).exports.map(({ name, kind }: Export) => ({ name, kind }));
  }

  /** In the module's order, without what the options supply. @throws TypeError where it is none */
  static imports(module: Module): ModuleImportDescriptor[] {
    const { core, supplied } = compiled(module);
    return core.imports
      .filter((imported) => !supplied.has(imported))
      .map(({ module: from, name, kind }) => ({ module: from, name, kind }));
  }

  /** Copies of the contents of all custom sections of the name. @throws TypeError where it is no module */
  static customSections(module: Module, sectionName: string): ArrayBuffer[] {
    const { customSections, bytes } = moduleOf(module);
    if (sectionName === undefined) throw new TypeError('the name of a section was expected');
    return [...customSections.named(`${sectionName}`)].map(
      (section) => bytes.slice(section.bytes.start, section.bytes.end).buffer as ArrayBuffer,
    );
  }
}
shapeClass(Module, 'Module');

/** The `Module` of what has been decoded already. */
export function moduleFrom(decoded: WasmModule): Module {
  const module: Module = Object.create(Module.prototype);
  hold(module, { core: decoded, supplied: new Map() });
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

function hold(module: Module, held: Compiled): void {
  keepCompiled(module, held);
  refuseToClone(module, 'Module');
}
