/** Links an instance: import matching (specification 4.5.2). How imports are found is for whoever finds them. */

import { LinkError } from '../../wasm/errors.ts';
import { equals, matches } from '../../wasm/matching.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { quote } from '../../wasm/quote.ts';
import { type Import, type Limits, typeName } from '../../wasm/types.ts';
import { TagInstance } from '../values/index.ts';
import { GlobalInstance } from './global.ts';
import { type ExternValue, hasType, type Instance, isFunction } from './instance.ts';
import { LinearMemory } from './memory.ts';
import { TableInstance } from './table.ts';

/** Finds what the host provides for an import; undefined where there is nothing. */
export type Provider = (imported: Import, module: WasmModule) => ExternValue | undefined;

/** Finds what an import names, by its number among the module's; undefined where there is nothing. */
export type Linker = (imported: Import, module: WasmModule, number: number) => ExternValue | undefined;

/** @throws LinkError */
export function link(instance: Instance, find: Linker): void {
  const { module } = instance;
  let functions = 0;
  module.imports.forEach((imported, i) => {
    instance.work(1);
    const value = find(imported, module, i);
    const why = value === undefined ? 'unknown import: nothing was provided' : mismatch(module, imported, value);
    if (why !== undefined) {
      const name = `${quote(imported.module)} ${quote(imported.name)}`;
      throw new LinkError(`import ${name}, a ${imported.kind}: ${why}`);
    }
    if (isFunction(value)) instance.functions[functions++] = value;
    else if (value instanceof TableInstance) instance.tables.push(value);
    else if (value instanceof LinearMemory) instance.memories.push(value);
    else if (value instanceof TagInstance) instance.tags.push(value);
    else if (value instanceof GlobalInstance) instance.globals.push(value);
  });
}

const incompatible = (required: string) => `incompatible import type: ${required} is required`;

/** Why a value is not what an import requires (specification 4.5.2); undefined where it is. */
function mismatch(module: WasmModule, imported: Import, value: ExternValue): string | undefined {
  switch (imported.kind) {
    case 'function': {
      const type = functionTypeAt(module, imported.typeIndex);
      if (!isFunction(value)) return incompatible('a function');
      return hasType(value, type) ? undefined : `${incompatible(type.key)}, ${value.type.key} was given`;
    }
    case 'table': {
      const { element, limits, address } = imported.type;
      if (!(value instanceof TableInstance)) return incompatible('a table');
      if (!equals(value.element, value.types, element, module.types)) {
        return incompatible(`a table of ${typeName(element)}`);
      }
      if (value.address !== address) return incompatible(`a table with addresses of ${typeName(address)}`);
      return fits(value.limits, limits) ? undefined : incompatible('a table within other limits');
    }
    case 'memory': {
      const { limits, address, isShared } = imported.type;
      if (!(value instanceof LinearMemory)) return incompatible('a memory');
      if (value.isShared !== isShared)
        return incompatible(isShared ? 'a shared memory' : 'a memory that is not shared');
      if (value.address !== address) return incompatible(`a memory with addresses of ${typeName(address)}`);
      return fits(value.limits, limits) ? undefined : incompatible('a memory within other limits');
    }
    case 'tag': {
      if (!(value instanceof TagInstance)) return incompatible('a tag');
      const { key } = functionTypeAt(module, imported.typeIndex);
      return value.type.key === key ? undefined : incompatible(`a tag of ${key}, ${value.type.key} was given`);
    }
    case 'global': {
      const { type, mutable } = imported.type;
      const { types } = module;
      const isFit =
        value instanceof GlobalInstance &&
        value.type.mutable === mutable &&
        // What can be written must be the same on both sides.
        (mutable ? equals : matches)(value.type.type, value.types, type, types);
      return isFit ? undefined : incompatible(`${mutable ? 'a mutable' : 'an immutable'} global of ${typeName(type)}`);
    }
  }
}

/** Import matching of limits (specification 4.5.2). */
function fits(given: Limits, required: Limits): boolean {
  if (given.min < required.min) return false;
  return required.max === undefined || (given.max !== undefined && given.max <= required.max);
}
