/** What transpiles components where Node's modules are: on a thread of its own. */

import { transpiler, transpilerMissing } from './component/transpiler.ts';

export function offerTranspiler(): void {
  transpiler.offer(async () => {
    const { workerTranspiler } = await import('./component/transpiler-worker.node.ts');
    try {
      return workerTranspiler('@bytecodealliance/jco-transpile/component');
    } catch (cause) {
      throw transpilerMissing(cause);
    }
  });
}
