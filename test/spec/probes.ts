/** Which features an implementation has, found out with one small module for each. */

import { SECTION } from './byte-reader.ts';
import { type Bytes, funcType, list, module, section, sized } from './byte-writer.ts';
import type { Feature } from './features.ts';

const END = 0x0b;
const DROP = 0x1a;
const I32: Bytes = [0x7f];
const FUNCREF: Bytes = [0x70];
const UNREACHABLE = 0x00;
/** Limits: a minimum alone, and the same of a memory or table with 64-bit addresses. */
const MIN = 0;
const MIN_64 = 4;
const MIN_MAX_SHARED = 3;

const FUNCTION_TYPE = section(SECTION.type, list([funcType([], [])]));

function withBody(...instructions: Bytes): Uint8Array {
  return module(
    FUNCTION_TYPE,
    section(SECTION.function, list([[0]])),
    section(SECTION.code, list([sized([0, ...instructions, END])])),
  );
}

/** Each needs its feature, and none but those it rests on. */
export const PROBES: Readonly<Record<Feature, Uint8Array>> = {
  simd: withBody(0xfd, 0x0c, ...Array<number>(16).fill(0), DROP),
  'relaxed-simd': withBody(UNREACHABLE, 0xfd, 0x80, 0x02, DROP),
  'tail-calls': withBody(0x12, 0),
  'extended-const': module(section(SECTION.global, list([[...I32, 0, 0x41, 1, 0x41, 1, 0x6a, END]]))),
  'multi-memory': module(
    section(
      SECTION.memory,
      list([
        [MIN, 0],
        [MIN, 0],
      ]),
    ),
  ),
  memory64: module(
    section(SECTION.table, list([[...FUNCREF, MIN_64, 0]])),
    section(SECTION.memory, list([[MIN_64, 0]])),
  ),
  exceptions: withBody(0x1f, 0x40, 1, 2, 0, END),
  'legacy-exceptions': withBody(0x06, 0x40, 0x19, END),
  'function-references': module(section(SECTION.type, list([funcType([[0x64, ...FUNCREF]], [])]))),
  threads: module(section(SECTION.memory, list([[MIN_MAX_SHARED, 0, 0]]))),
  gc: module(section(SECTION.type, list([[0x5f, 0]]))),
};

/** The features that the host's own WebAssembly has. */
export const nativeFeatures: readonly Feature[] = (Object.keys(PROBES) as Feature[]).filter((feature) =>
  WebAssembly.validate(PROBES[feature] as BufferSource),
);
