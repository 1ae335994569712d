/** WASI commands: modules whose program is one call. */

import { UsageError } from '../../wasm/errors.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { COMMAND_START } from '../../wasm/module-graph.ts';

export { COMMAND_START };

/** @throws UsageError where the module is no command, or its program has run */
export function checkCommand(module: WasmModule, hasRun: boolean): void {
  if (hasRun) throw new UsageError('the program has run: call reset() before running it again');
  if (!module.exports.some(({ name, kind }) => name === COMMAND_START && kind === 'function')) {
    throw new UsageError(`the module exports no function "${COMMAND_START}", so it is no WASI command: use call()`);
  }
}
