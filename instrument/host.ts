/**
 * What is used of a host's `WebAssembly`: its own, or a namespace of the same shape. Nothing here looks for it; see
 * engine.ts.
 */
export type WasmHost = Pick<
  typeof WebAssembly,
  'Module' | 'Instance' | 'Memory' | 'Table' | 'Global' | 'CompileError' | 'LinkError' | 'RuntimeError'
> &
  Partial<Pick<typeof WebAssembly, 'compile' | 'Tag' | 'Exception' | 'JSTag'>>;

/** A tag of the engine's. */
export type RawTag = WebAssembly.Tag;

/** An exception that a guest has thrown, as the engine shows it. */
export type RawException = WebAssembly.Exception;

/** A global of 64 bits. */
export interface Counter {
  value: bigint;
}

export type RawFunction = (...args: unknown[]) => unknown;

/** A memory of the engine's. */
export type RawMemory = WebAssembly.Memory;
