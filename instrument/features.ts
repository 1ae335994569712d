/** Which of the features beyond release 2.0 a host has that modules are instrumented with. */

import { EMPTY_BLOCK, FUNCTION, PREAMBLE } from '../wasm/encoding.ts';
import type { WasmModule } from '../wasm/module.ts';
import { METERED, type MeteredFeature } from './adopted.ts';
import type { WasmHost } from './host.ts';

/** A module of one function without parameters and results, after the sections given. */
const withBody = (body: readonly number[], ...sections: readonly number[]): readonly number[] => [
  ...[1, 4, 1, FUNCTION, 0, 0],
  ...[3, 2, 1, 0],
  ...sections,
  ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b],
];

/** What is behind the preamble of modules that need a feature, and nothing else: the least that shows whether a host has it. */
const PROBES: Readonly<Record<MeteredFeature, readonly number[]>> = {
  // i32.const 0; i32.atomic.load; drop, on a memory that is not shared.
  threads: withBody([0x41, 0, 0xfe, 0x10, 2, 0, 0x1a], 5, 4, 1, 1, 0, 1),
  // throw, with a tag of no values.
  'exception-handling': withBody([0x08, 0], 13, 3, 1, 0, 0),
  // return_call, to itself.
  'tail-call': withBody([0x12, 0]),
  // Two memories without pages.
  'multi-memory': [5, 5, 2, 0, 0, 0, 0],
  // try; catch_all; end.
  'legacy-exception-handling': withBody([0x06, EMPTY_BLOCK, 0x19, 0x0b]),
};

const found = new WeakMap<WasmHost, Map<MeteredFeature, boolean>>();

function has(host: WasmHost, feature: MeteredFeature): boolean {
  let known = found.get(host);
  if (known === undefined) {
    known = new Map();
    found.set(host, known);
  }
  let isThere = known.get(feature);
  if (isThere === undefined) {
    try {
      new host.Module(Uint8Array.from([...PREAMBLE, ...PROBES[feature]]));
      isThere = true;
    } catch {
      isThere = false;
    }
    known.set(feature, isThere);
  }
  return isThere;
}

/** Why a host cannot run a module, for what it uses; undefined where it can. */
export function whyNotOn(host: WasmHost, { features }: WasmModule): string | undefined {
  const missing = METERED.find((feature) => features.includes(feature) && !has(host, feature));
  return missing && `the module uses ${missing}, which this host does not have`;
}
