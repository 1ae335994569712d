/** Source maps, as AssemblyScript, emscripten and others write them: read by a package that is installed beside this one. */

import { UsageError } from '../../wasm/errors.ts';
import type { SourceLocation } from './dwarf-line.ts';

/** What is used of `@jridgewell/trace-mapping`. */
interface Tracer {
  readonly TraceMap: new (map: never) => never;
  readonly originalPositionFor: (
    map: never,
    place: { readonly line: number; readonly column: number },
  ) => { readonly source: string | null; readonly line: number | null; readonly column: number | null };
}

/**
 * @param map text, or what JSON made of it
 * @returns looks a place up, by its offset in the module; that is what the maps of modules have for columns, in one line
 * @throws UsageError where the package is missing, or it is no source map
 */
export async function tracing(map: unknown): Promise<(offset: number) => SourceLocation | undefined> {
  const { TraceMap, originalPositionFor } = await load();
  let traced: never;
  try {
    traced = new TraceMap(map as never);
  } catch (cause) {
    throw new UsageError('the source map is none', { cause });
  }
  return (offset) => {
    const { source, line, column } = originalPositionFor(traced, { line: 1, column: offset });
    return source === null ? undefined : { file: source, line: line ?? 0, column: (column ?? -1) + 1 };
  };
}

async function load(): Promise<Tracer> {
  try {
    return (await import('@jridgewell/trace-mapping')) as unknown as Tracer;
  } catch (cause) {
    throw new UsageError('source maps are read by the package @jridgewell/trace-mapping: install it beside this one', {
      cause,
    });
  }
}
