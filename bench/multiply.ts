/** Real code in quantity: a module whose functions are there several times, and nothing but what runs. */

import { concat, HEADER, SECTION, section, unsigned } from '../test/generate/encode.ts';

/** A section, as its number and content. */
interface Section {
  readonly id: number;
  readonly content: Uint8Array;
}

/** Reads an unsigned LEB128 of a valid module; returns it and where it ends. */
function readUnsigned(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

function sectionsOf(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = HEADER.length; at < bytes.length; ) {
    const [size, start] = readUnsigned(bytes, at + 1);
    sections.push({ id: bytes[at] as number, content: bytes.subarray(start, start + size) });
    at = start + size;
  }
  return sections;
}

/** A valid module with its custom sections left out, and `times` copies of its functions, of which the first are used. */
export function multiplyCode(bytes: Uint8Array, times: number): Uint8Array<ArrayBuffer> {
  const multiplied = sectionsOf(bytes).flatMap(({ id, content }) => {
    if (id === SECTION.custom) return [];
    if (id !== SECTION.function && id !== SECTION.code) return [section(id, content)];
    const [count, start] = readUnsigned(content, 0);
    const items = content.subarray(start);
    return [section(id, concat(unsigned(count * times), ...new Array<Uint8Array>(times).fill(items)))];
  });
  return Uint8Array.from(concat(HEADER, ...multiplied));
}
