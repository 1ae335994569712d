/** Function names, for messages: from the `name` section (appendix 7.4.1), else from exports. Never trusted. */

import { CompileError } from './errors.ts';
import type { WasmModule } from './module.ts';
import { Reader } from './reader.ts';

const FUNCTION_NAMES = 1;

/** By function: where its name is in the bytes; the number of the export that names it. From 1; 0 for none. */
interface Places {
  readonly names: Int32Array;
  readonly exports: Int32Array;
}

const cache = new WeakMap<WasmModule, Places>();

/**
 * The name of a function, by its index; undefined where it has none. A malformed `name` section gives the names before
 * the fault. The first one asked for takes time for each function of the module, whatever the section says.
 */
export function functionName(module: WasmModule, index: number): string | undefined {
  let places = cache.get(module);
  if (places === undefined) {
    places = { names: namePlaces(module), exports: exportPlaces(module) };
    cache.set(module, places);
  }
  const exported = module.exports[(places.exports[index] ?? 0) - 1]?.name;
  const place = places.names[index] ?? 0;
  if (place === 0) return exported;
  return reading(() => new Reader(module.bytes, place - 1).name()) ?? exported;
}

/** What is read; undefined where the bytes are not what they should be. */
function reading<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CompileError) return undefined;
    throw error;
  }
}

function exportPlaces({ functions, exports }: WasmModule): Int32Array {
  const places = new Int32Array(functions.length);
  exports.forEach(({ kind, index }, i) => {
    if (kind === 'function') places[index] = i + 1;
  });
  return places;
}

function namePlaces(module: WasmModule): Int32Array {
  const places = new Int32Array(module.functions.length);
  const section = module.customSections.names;
  if (section !== undefined) {
    reading(() => readNames(new Reader(module.bytes, section.bytes.start, section.bytes.end), places));
  }
  return places;
}

function readNames(reader: Reader, places: Int32Array): void {
  while (reader.pos < reader.end) {
    const id = reader.u8();
    const size = reader.u32();
    reader.need(size);
    if (id !== FUNCTION_NAMES) {
      reader.pos += size;
      continue;
    }
    // Indices increase, so that there are no more names than functions.
    for (let count = reader.u32(), last = -1; count > 0; count--) {
      const index = reader.u32();
      if (index <= last || index >= places.length) return;
      last = index;
      const place = reader.pos;
      reader.skip(reader.u32());
      places[index] = place + 1;
    }
    return;
  }
}
