import binaryen from 'binaryen';

/** A module in the text format; written with every feature there is unless others are named. */
export function compile(text: string, features: binaryen.Features = binaryen.Features.All): Uint8Array {
  const parsed = binaryen.parseText(text);
  parsed.setFeatures(features);
  return parsed.emitBinary();
}
