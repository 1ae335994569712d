/** WASI calls that are given much to look at, and nothing to move: what they look at is paid for. */

import { describe, expect, test } from 'vitest';
import { WASI_FUNCTIONS } from '../../policy/wasi/table.ts';
import { Capability, SecurityPolicy } from '../../src/index.ts';
import { WasmSandbox } from '../../src/sync.ts';
import { I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction } from '../generate/encode.ts';
import { ENGINES, type EngineName } from './outcome.ts';

const PREOPENED = 3;
const STDOUT = 1;
/** Memory is zero: buffers are empty, and subscriptions are for a time that has passed. */
const RESULT = 8 * 65_536 - 64;

interface Work {
  readonly name: string;
  /** Units for each. */
  readonly units: number;
  readonly args: (count: number) => readonly number[];
  /** Entries of the directory. */
  readonly files?: (count: number) => number;
}

const WORK: Readonly<Record<string, Work>> = {
  'buffers that are empty': { name: 'fd_write', units: 32, args: (count) => [STDOUT, 0, count, RESULT] },
  'subscriptions that are due': { name: 'poll_oneoff', units: 96, args: (count) => [0, 262_144, count, RESULT] },
  'entries of a directory, of which one fits': {
    name: 'fd_readdir',
    units: 64,
    args: () => [PREOPENED, 0, 24, 0, RESULT],
    files: (count) => count,
  },
  'bytes of a path that leads nowhere': { name: 'path_unlink_file', units: 1, args: (count) => [PREOPENED, 0, count] },
};

function cost({ name, args, files }: Work, count: number, engine: EngineName): number {
  const { type } = WASI_FUNCTIONS.find((row) => row.name === name) as (typeof WASI_FUNCTIONS)[number];
  const { params, results } = type;
  const body: Instruction[] = [...params.map((_, i): Instruction => ['local.get', i]), ['call', 0]];
  const source = encodeModule({
    imports: [{ module: 'wasi_snapshot_preview1', name, function: { params, results } }],
    memories: [{ min: 8, max: 8, export: 'memory' }],
    data: name.startsWith('path') ? [{ offset: [['i32.const', 0]], bytes: new Uint8Array(4_096).fill(97) }] : [],
    functions: [{ params, results, body, export: 'run' }],
  });
  const memory = Object.fromEntries(Array.from({ length: files?.(count) ?? 1 }, (_, i) => [`${i}`, '']));
  const securityPolicy = SecurityPolicy.builder(SecurityPolicy.strict())
    .allow(Capability.filesystemAccess({ memory }, { readOnly: false }))
    .build();
  const sandbox = WasmSandbox.create({ source, securityPolicy, engine });
  const before = sandbox.getResourceStats().gasUsed;
  sandbox.call(
    'run',
    args(count).map((arg, i) => (params[i] === I64 ? BigInt(arg) : arg)),
  );
  return Number(sandbox.getResourceStats().gasUsed - before);
}

describe('much to look at costs more, by the same on both engines', () => {
  test.each(Object.entries(WORK))('%s', (_, work) => {
    const [first, other] = ENGINES.map((engine) => [10, 500].map((count) => cost(work, count, engine)));
    expect(other).toEqual(first);
    const [few = 0, many = 0] = first ?? [];
    expect(many - few).toBeGreaterThanOrEqual(490 * work.units);
  });
});
