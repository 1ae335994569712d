/** What transpiles components: a package that is installed beside this one. */

import { type TranspilerPackage, transpiler, transpilerMissing, transpilerOf } from './component/transpiler.ts';

export function offerTranspiler(): void {
  transpiler.offer(async () => {
    try {
      return transpilerOf((await import('@bytecodealliance/jco-transpile/component')) as unknown as TranspilerPackage);
    } catch (cause) {
      throw transpilerMissing(cause);
    }
  });
}
