/**
 * What is used of a host's `WebAssembly`: its own, or a namespace of the same shape. Nothing here looks for it; see
 * engine.ts.
 */
export type WasmHost = Pick<
  typeof WebAssembly,
  'Module' | 'Instance' | 'Memory' | 'Table' | 'Global' | 'CompileError' | 'LinkError' | 'RuntimeError'
> &
  Partial<Pick<typeof WebAssembly, 'compile'>>;

/** A global of 64 bits. */
export interface Counter {
  value: bigint;
}

export type RawFunction = (...args: unknown[]) => unknown;

/** A memory of the engine's. */
export type RawMemory = WebAssembly.Memory;
