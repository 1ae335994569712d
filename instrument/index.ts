/** Modules that meter themselves, and engines that run them. */

export {
  type ArtifactInfo,
  type ArtifactLimits,
  acceptArtifact,
  claimsToBeArtifact,
  type InstrumentOptions,
  instrument,
  provideOptimiser,
  readArtifact,
} from './artifact.ts';
export { meteredEngine, nativeEngine, nativeHost, nativeUnavailable } from './engine.ts';
export type { WasmHost } from './host.ts';
export { isAdopted, whyNotMetered } from './meter-module.ts';
export { createMeteredNamespace, type MeteredNamespace, type MeteredNamespaceOptions } from './namespace.ts';
