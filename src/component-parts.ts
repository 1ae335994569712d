/** What transpiles components: a package that is installed beside this one. */

import { UsageError } from '../wasm/errors.ts';
import { messageOf } from '../wasm/quote.ts';
import { type TranspilerPackage, transpiler } from './component/transpiler.ts';

export function offerTranspiler(): void {
  transpiler.offer(async () => {
    try {
      return (await import('@bytecodealliance/jco-transpile/component')) as unknown as TranspilerPackage;
    } catch (cause) {
      throw new UsageError(
        `components need the package @bytecodealliance/jco-transpile: install it beside this one, or transpile ahead of time with "wasm-sandbox component" (${messageOf(cause)})`,
        { cause },
      );
    }
  });
}
