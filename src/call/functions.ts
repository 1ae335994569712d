/** Exported functions as methods of an object. */

import type { WasmModule } from '../../wasm/module.ts';

/** Functions of which nothing is known. */
export type Functions = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/** The same functions, each with a promise of its result. */
export type AsyncFunctions<Exports extends object> = {
  readonly [Name in keyof Exports]: Exports[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** An object without a prototype, as guests choose the names. */
export function functionsOf(
  { exports }: WasmModule,
  call: (name: string, args: readonly unknown[]) => unknown,
): Functions {
  const functions: Record<string, (...args: readonly unknown[]) => unknown> = Object.create(null);
  for (const { kind, name } of exports) {
    if (kind === 'function') functions[name] = (...args) => call(name, args);
  }
  return Object.freeze(functions);
}
