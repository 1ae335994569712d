/** A guest and the modules that it is linked with, in the order in which their instances are made. The same for every engine. */

import type { WasmModule } from './module.ts';
import type { Import } from './types.ts';

/** What a WASI reactor wants called before anything else (WASI application ABI). */
export const INITIALIZE = '_initialize';
/** What runs a WASI command. */
export const COMMAND_START = '_start';
/** What the guest itself is called by modules that import from it, unless another has that name. */
export const GUEST_NAME = 'main';
/** Modules that a guest can be linked with. */
export const MOST_MODULES = 100;

/** What every other module of a program is called by those that import from it. */
export interface NamedModule {
  readonly name: string;
  readonly module: WasmModule;
}

export class ModuleGraph {
  /** In the order in which their instances are made; the guest is the last. */
  readonly modules: readonly NamedModule[];

  constructor(modules: readonly NamedModule[]) {
    this.modules = modules;
  }

  /** A guest alone; linked-graph.ts has those with others. */
  static of(guest: WasmModule): ModuleGraph {
    return new ModuleGraph([{ name: GUEST_NAME, module: guest }]);
  }

  get guest(): WasmModule {
    return (this.modules.at(-1) as NamedModule).module;
  }

  /** Whether there is more than the guest. */
  get isLinked(): boolean {
    return this.modules.length > 1;
  }

  /** What is imported of the host. */
  get hostImports(): readonly Import[] {
    return this.guest.imports;
  }
}
