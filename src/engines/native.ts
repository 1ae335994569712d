/** What the native engine is made of, and the artifacts that either engine runs. */

import { meteredEngine, type WasmHost } from '../../instrument/index.ts';
import type { EngineInstance, InstantiateOptions } from '../../wasm/engine.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { createNamespace } from '../webassembly/namespace.ts';

export { nativeEngine, nativeUnavailable } from '../../instrument/index.ts';
export { makeArtifact, useArtifact } from './artifact.ts';

/** A frame of an instrumented function weighs less than so many times what its original weighs. */
const HEAVIER = 4;

/** An instance, on the interpreter, of a module that meters itself. */
export function interpretMetered(module: WasmModule, options: InstantiateOptions): EngineInstance {
  const stackBytes = options.limits.stackBytes * HEAVIER;
  const limits = { gas: undefined, memoryBytes: Number.MAX_SAFE_INTEGER, stackBytes };
  const host = createNamespace({ limits, enter: (run) => run() }) as unknown as WasmHost;
  return meteredEngine(host, 'interpreter').instantiate(module, options);
}
