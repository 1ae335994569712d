/** Instruments modules ahead of time: the public face of `wasm-sandbox/instrument`. */

export {
  type ArtifactInfo,
  type ArtifactLimits,
  acceptArtifact,
  type InstrumentOptions,
  instrument,
  readArtifact,
} from '../instrument/index.ts';
