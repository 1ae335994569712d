/** Modules that meter themselves, and engines that run them. */

export { isAdopted, whyNotMetered } from './adopted.ts';
export {
  type ArtifactInfo,
  type ArtifactLimits,
  acceptArtifact,
  type InstrumentOptions,
  instrument,
  readArtifact,
} from './artifact.ts';
export { claimsToBeArtifact } from './claim.ts';
export { meteredEngine, nativeEngine, nativeHost, nativeUnavailable } from './engine.ts';
export type { WasmHost } from './host.ts';
export { createMeteredNamespace, type MeteredNamespace, type MeteredNamespaceOptions } from './namespace.ts';
