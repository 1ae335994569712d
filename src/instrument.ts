/**
 * Instruments modules ahead of time.
 * @module wasm-sandbox/instrument
 */

export {
  type ArtifactInfo,
  type ArtifactLimits,
  acceptArtifact,
  type InstrumentOptions,
  instrument,
  readArtifact,
} from '../instrument/index.ts';
