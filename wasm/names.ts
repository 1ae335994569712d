/** Function names, for messages: from the `name` section (appendix 7.4.1), else from exports. Never trusted. */

import { CompileError } from './errors.ts';
import { Reader } from './reader.ts';
import type { CustomSection, WasmModule } from './types.ts';

const FUNCTION_NAMES = 1;
const cache = new WeakMap<WasmModule, ReadonlyMap<number, string>>();

/** The names of a module's functions, by index. A malformed `name` section gives the names before the fault. */
export function functionNames(module: WasmModule): ReadonlyMap<number, string> {
  let names = cache.get(module);
  if (names === undefined) {
    names = read(module);
    cache.set(module, names);
  }
  return names;
}

function read(module: WasmModule): Map<number, string> {
  const names = new Map<number, string>();
  for (const { name, kind, index } of module.exports) if (kind === 'function') names.set(index, name);
  const section = module.customSections.named('name').next().value as CustomSection | undefined;
  if (section === undefined) return names;
  const reader = new Reader(module.bytes, section.bytes.start, section.bytes.end);
  try {
    while (reader.pos < reader.end) {
      const id = reader.u8();
      const size = reader.u32();
      const end = reader.pos + size;
      reader.need(size);
      if (id === FUNCTION_NAMES) {
        for (let count = reader.u32(); count > 0; count--) {
          const index = reader.u32();
          names.set(index, reader.name());
        }
        return names;
      }
      reader.pos = end;
    }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
  }
  return names;
}
