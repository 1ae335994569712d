/** Just enough of the binary format to write the runner's own small modules by hand. */

export type Bytes = readonly number[];

/** An unsigned LEB128 number below 2^32. */
export function unsigned(value: number): Bytes {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}

export function list(items: readonly Bytes[]): Bytes {
  return [...unsigned(items.length), ...items.flat()];
}

/** A length, and as many bytes: names, sections, function bodies. */
export function sized(bytes: Bytes): Bytes {
  return [...unsigned(bytes.length), ...bytes];
}

export function ascii(text: string): Bytes {
  return sized(Array.from(text, (character) => character.charCodeAt(0)));
}

export function section(id: number, content: Bytes): Bytes {
  return [id, ...sized(content)];
}

export function funcType(params: readonly Bytes[], results: readonly Bytes[]): Bytes {
  return [0x60, ...list(params), ...list(results)];
}

export function module(...sections: readonly Bytes[]): Uint8Array {
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...sections.flat()]);
}
