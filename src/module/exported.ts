/** A module's exports, for people and programs that look at it. */

import { typeOfFunction, type WasmModule } from '../../wasm/module.ts';
import { type ExternKind, typeName } from '../../wasm/types.ts';

/** An export; a function's with the names of its types. */
export interface ExportDescription {
  readonly name: string;
  readonly kind: ExternKind;
  /** As the text format names types; of functions only. */
  readonly params?: readonly string[];
  readonly results?: readonly string[];
}

/** In the module's order. */
export function describeExports(module: WasmModule): readonly ExportDescription[] {
  return module.exports.map(({ name, kind, index }) => {
    if (kind !== 'function') return { name, kind };
    const { params, results } = typeOfFunction(module, index);
    return { name, kind, params: params.map(typeName), results: results.map(typeName) };
  });
}
