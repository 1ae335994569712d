import type { Reference } from '../values/index.ts';
import { type Instance, WasmFunction } from './instance.ts';

/** The numbers that functions have in the module of an instance. */
export class FunctionNumbers {
  private readonly instance: Instance;
  private imported: Map<Reference, number> | undefined;

  constructor(instance: Instance) {
    this.instance = instance;
  }

  /** Undefined for what is none of its. */
  of(reference: Reference): number | undefined {
    const { instance } = this;
    if (reference instanceof WasmFunction && reference.instance === instance) return reference.index;
    if (this.imported === undefined) {
      this.imported = new Map();
      for (let i = 0; i < instance.module.importedFunctions; i++) this.imported.set(instance.function(i), i);
    }
    return this.imported.get(reference);
  }
}
