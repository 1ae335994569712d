import binaryen from 'binaryen';

/** A module in the text format, with every feature there is. */
export function compile(text: string): Uint8Array {
  const parsed = binaryen.parseText(text);
  parsed.setFeatures(binaryen.Features.All);
  return parsed.emitBinary();
}
