/** What stands behind a `Module`: for those who take one, and need not know what else it is. */

import type { Supplied } from '../../wasm/imports.ts';
import type { WasmModule } from '../../wasm/module.ts';
import type { Import } from '../../wasm/types.ts';

/** What stands behind a module. */
export interface Compiled {
  readonly core: WasmModule;
  /** Imports that no import object has to have. */
  readonly supplied: ReadonlyMap<Import, Supplied>;
}

const modules = new WeakMap<object, Compiled>();

/** For the module itself. */
export function keepCompiled(module: object, held: Compiled): void {
  modules.set(module, held);
}

/** Whether it is a `Module` of this library's. */
export function isModule(value: unknown): boolean {
  return typeof value === 'object' && value !== null && modules.has(value);
}

export function compiled(module: unknown): Compiled {
  const found = typeof module === 'object' && module !== null ? modules.get(module) : undefined;
  if (found === undefined) throw new TypeError('a WebAssembly.Module was expected');
  return found;
}

/** @throws TypeError where it is not a `Module` */
export function moduleOf(module: unknown): WasmModule {
  return compiled(module).core;
}

/** Those of its imports that no import object has to have, and what they are. @throws TypeError where it is not a `Module` */
export function suppliedTo(module: unknown): ReadonlyMap<Import, Supplied> {
  return compiled(module).supplied;
}
