/**
 * What code costs that can be left: fixtures and programs, woven plainly and to be left, one after the other in turns in
 * one process. Prints the medians of the ratios between neighbours in processor time, sizes, and how long weaving takes.
 * Then what it costs to leave it: `await`, `waiting` and `pool` of awaiting.ts.
 * `npx tsx bench/leaving.ts [name ...]`; on a Node with JavaScript promise integration `npm run newer-node -- bench/leaving.ts await`
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFixture } from '../fixtures/load.node.ts';
import { nativeEngine } from '../instrument/engine.ts';
import { LeaveWriter } from '../instrument/leave/writer.ts';
import { weave } from '../instrument/weave.ts';
import { leavableEngine } from '../src/engines/leavable.ts';
import { folderOf, SUITES } from '../test/suites.ts';
import { decode } from '../wasm/decode.ts';
import type { Engine, EngineInstance } from '../wasm/engine.ts';
import { HostFunction } from '../wasm/host.ts';
import type { WasmModule } from '../wasm/module.ts';
import { complete } from '../wasm/steps.ts';
import { measureAwait, measurePool, measureWaiting } from './awaiting.ts';
import { cpuTime } from './clock.ts';
import { median } from './statistics.ts';

interface Measured {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly args: readonly number[];
}

const fixture = (name: string, ...args: number[]): Measured => ({ name, bytes: () => loadFixture(name), args });

const ALL: readonly Measured[] = [
  {
    name: 'coremark-minimal',
    bytes: () => new Uint8Array(readFileSync(join(folderOf(SUITES.programs), 'coremark-minimal.wasm'))),
    args: [],
  },
  fixture('fib', 30),
  fixture('matmul', 160),
  fixture('sort', 60_000),
  fixture('indirect', 2_000_000),
  fixture('f32mix', 2_000_000),
  fixture('i64mix', 2_000_000),
];

const ROUNDS = 31;
/** What CoreMark's clock says, one reading after the other. */
const READINGS = [0, 1_000, 0, 11_000];

function instantiate(engine: Engine, module: WasmModule): EngineInstance {
  let reading = 0;
  const instance = engine.instantiate(module, {
    limits: { gas: undefined, memoryBytes: 2 ** 28, stackBytes: 2 ** 20 },
    slices: { gas: 2 ** 24, onSlice: () => undefined },
    imports: (_module, _name, type) =>
      new HostFunction(type, { base: 1, perByte: 0 }, () => READINGS[reading++ % READINGS.length]),
  });
  instance.start();
  return instance;
}

/** Milliseconds of processor time: others may be at work. */
function timed(run: () => void): number {
  const begun = cpuTime();
  run();
  return cpuTime() - begun;
}

/** Milliseconds to weave, and bytes. */
function making(module: WasmModule, isLeavable: boolean): { weaving: number; bytes: number } {
  const options = { canonicalNaN: true, refills: true };
  const leaves = isLeavable
    ? { leaves: (layout: ConstructorParameters<typeof LeaveWriter>[0]) => new LeaveWriter(layout) }
    : {};
  let bytes = new Uint8Array(0);
  const weaving = timed(() => {
    bytes = complete(weave(module, { ...options, ...leaves })).bytes;
  });
  return { weaving, bytes: bytes.length };
}

function measure({ name, bytes, args }: Measured): string {
  const module = decode(bytes());
  const [plain, leavable] = [nativeEngine(), leavableEngine()].map((engine) => instantiate(engine, module)) as [
    EngineInstance,
    EngineInstance,
  ];
  const ratios: number[] = [];
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? [plain, leavable] : [leavable, plain];
    const taken = new Map(order.map((instance) => [instance, timed(() => instance.call('run', args))]));
    // The first rounds are the compiler's.
    if (round < ROUNDS / 3) continue;
    times.push(taken.get(plain) as number);
    ratios.push((taken.get(leavable) as number) / (taken.get(plain) as number));
  }
  if (plain.gasUsed !== leavable.gasUsed) throw new Error(`${name}: ${plain.gasUsed} and ${leavable.gasUsed} units`);
  const [before, after] = [making(module, false), making(module, true)];
  const columns = [
    name.padEnd(18),
    `${median(times).toFixed(1)} ms`.padStart(10),
    `× ${median(ratios).toFixed(3)}`.padStart(9),
    `bytes × ${(after.bytes / before.bytes).toFixed(2)}`,
    `weaving ${before.weaving.toFixed(0)} and ${after.weaving.toFixed(0)} ms`,
  ];
  return columns.join('  ');
}

const parts = new Map<string, () => string | Promise<readonly string[]>>([
  ...ALL.map((one) => [one.name, () => measure(one)] as const),
  ['await', measureAwait],
  ['waiting', measureWaiting],
  ['pool', measurePool],
]);
const wanted = process.argv.slice(2);
for (const [name, part] of parts) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    console.log([await part()].flat().join('\n'));
  } catch (error) {
    console.log(`${name}: ${(error as Error).message}`);
  }
}
