/** How a module says that it is an artifact: anybody can say that. */

import type { WasmModule } from '../wasm/module.ts';
import type { CustomSection } from '../wasm/types.ts';

/** Name of the custom section. */
export const ARTIFACT_SECTION = 'wasm-sandbox.artifact';

export function artifactSection(module: WasmModule): Uint8Array | undefined {
  const found = module.customSections.named(ARTIFACT_SECTION).next().value as CustomSection | undefined;
  return found && module.bytes.subarray(found.bytes.start, found.bytes.end);
}

export function claimsToBeArtifact(module: WasmModule): boolean {
  return artifactSection(module) !== undefined;
}
