/** What an instance holds before its start function runs, where that can be put back into it. */

import { PAGE_BYTES } from '../wasm/limits.ts';
import type { WasmModule } from '../wasm/module.ts';
import { F32, F64, I32, I64, type ValType } from '../wasm/types.ts';
import { ownMutableGlobals } from './layout.ts';

/** The same for every instance of a module. */
export interface InitialState {
  /** Contents of the pages of memory 0 that are not all zeros. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
  /** By number. */
  readonly globals: readonly (readonly [number: number, value: number | bigint])[];
}

/** Clearing more takes as long as making another instance. */
const MOST_PAGES = 64;
/** References are of one instance, and vectors do not come out of it. */
const SHOWN: readonly ValType[] = [I32, I64, F32, F64];

/**
 * Whether nothing but memory 0 and numbers can be another than at first: no code changes a table, nobody else is given
 * one, and no segment can have been dropped.
 */
function canBePutBack(module: WasmModule): boolean {
  const { memories, tables, globals, elements, data, importedGlobals, importedMemories, importedTables } = module;
  if (importedGlobals + importedMemories + importedTables > 0 || module.changesTables) return false;
  if (tables.length > 0 && module.exports.some(({ kind }) => kind === 'table')) return false;
  if (hasPassive(elements) || hasPassive(data)) return false;
  if (memories.length > 1 || (memories[0]?.limits.min ?? 0) > MOST_PAGES) return false;
  return globals.every(({ type, mutable }) => !mutable || SHOWN.includes(type));
}

function hasPassive(segments: { readonly length: number; mode(index: number): string }): boolean {
  for (let i = 0; i < segments.length; i++) if (segments.mode(i) === 'passive') return true;
  return false;
}

/**
 * @param memory of an instance of which nothing has run
 * @param globalAt a global of its; undefined in modules that were instrumented without showing them
 * @returns undefined where it cannot be put back, or another instance is the cheaper one
 */
export function initialStateOf(
  module: WasmModule,
  memory: WebAssembly.Memory | undefined,
  globalAt: (number: number) => WebAssembly.Global | undefined,
): InitialState | undefined {
  if (!canBePutBack(module)) return undefined;
  const globals: [number: number, value: number | bigint][] = [];
  for (const number of ownMutableGlobals(module)) {
    const value: number | bigint | undefined = globalAt(number)?.value;
    // The bits of a NaN are lost on the way.
    if (value === undefined || Number.isNaN(value)) return undefined;
    globals.push([number, value]);
  }
  return { pages: memory === undefined ? new Map() : filledPages(memory), globals };
}

function filledPages({ buffer }: WebAssembly.Memory): ReadonlyMap<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (let at = 0; at < buffer.byteLength; at += PAGE_BYTES) {
    const isFilled = new BigUint64Array(buffer, at, PAGE_BYTES / 8).some((word) => word !== 0n);
    if (isFilled) pages.set(at / PAGE_BYTES, new Uint8Array(buffer, at, PAGE_BYTES).slice());
  }
  return pages;
}

/** Puts contents of a memory back, which has its size of then. */
export function refill(memory: WebAssembly.Memory, { pages }: InitialState): void {
  const bytes = new Uint8Array(memory.buffer);
  bytes.fill(0);
  for (const [page, content] of pages) bytes.set(content, page * PAGE_BYTES);
}
