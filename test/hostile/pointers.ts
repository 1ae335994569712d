/** WASI calls with every pointer and length that points nowhere. */

import { WASI_FUNCTIONS, type WasiFunction } from '../../policy/wasi/table.ts';
import { Capability, SecurityPolicy } from '../../src/index.ts';
import { I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import type { Hostile } from './outcome.ts';

/** What the arguments are, but for a descriptor: that is the first one. */
const PATTERNS: Readonly<Record<string, number>> = {
  'the highest address': -1,
  'the last byte': 65_535,
  'the first byte beyond': 65_536,
  'half of all addresses': -(2 ** 31),
};

/** Those that would wait, or end the guest. */
const LEFT_OUT = ['proc_exit', 'poll_oneoff', 'sched_yield'];

function pointersTo({ name, type: { params, results } }: WasiFunction, module: string): readonly Hostile[] {
  const body: Instruction[] = [...params.map((_, i): Instruction => ['local.get', i]), ['call', 0]];
  const source = encodeModule({
    imports: [{ module, name, function: { params, results } }],
    memories: [{ min: 1, max: 1, export: 'memory' }],
    functions: [{ params, results, body, export: 'run' }],
  });
  const policy = SecurityPolicy.builder(SecurityPolicy.strict())
    .allow(Capability.filesystemAccess({ memory: { 'a.txt': 'hello' } }, { readOnly: false }))
    .build();
  return Object.entries(PATTERNS).map(
    ([what, value]): Hostile => ({
      name: `${name} of ${module} at ${what}`,
      options: { source, securityPolicy: policy },
      calls: [['run', ...params.map((param, i) => (i === 0 ? 3 : param === I64 ? BigInt(value) : value))]],
    }),
  );
}

export const POINTERS: readonly Hostile[] = WASI_FUNCTIONS.filter(({ name }) => !LEFT_OUT.includes(name)).flatMap(
  (each) => Object.keys(each.calls).flatMap((module) => (each.calls[module] ? pointersTo(each, module) : [])),
);
