/** A process that leaves random programs and brings them back, and says how many ended otherwise than undisturbed ones. */

import fc from 'fast-check';
import { images } from '../../interpreter/index.ts';
import * as capturing from '../../interpreter/snapshot/image.ts';
import { PATIENCE } from '../../src/engines/going-on.ts';
import { WARMING } from '../../src/engines/warming.ts';
import { decode } from '../../wasm/decode.ts';
import { imports, type LifeProgram, sequence } from '../life/programs.ts';
import { callable, type LeaveOptions, run } from './leaving.ts';
import { anyNativeProgram } from './native-programs.ts';

export interface LeavingReport {
  readonly programs: number;
  /** Runs that were disturbed. */
  readonly runs: number;
  readonly differing: readonly string[];
}

const [programs, seed] = process.argv.slice(2).map(Number) as [number, number];
const differing: string[] = [];
let runs = 0;

async function disturb({ bytes, calls: all }: LifeProgram, next: () => number): Promise<void> {
  const module = decode(bytes);
  const calls = callable(module, all);
  const waits = module.start === undefined && next() % 4 === 0;
  const options: LeaveOptions = waits ? { resolve: () => imports((value) => Promise.resolve(value)) } : {};
  const expected = (await run('interpreter', module, calls, options)).lines.join('\n');
  const gas = (await run('interpreter', module, calls, options)).gas;
  // A run whose snapshots fail would show the same whatever is in them.
  if (expected.includes('; TypeError')) differing.push(`no snapshot could be made: ${expected.slice(0, 200)}`);
  const left = next() % Math.max(calls.length, 1);
  const mark = BigInt(next()) % ((gas[left] ?? 0n) + 1n);
  const disturbances: [string, Parameters<typeof run>[0], LeaveOptions, ReadonlyMap<number, bigint>][] = [
    ['left', 'native', options, new Map([[left, mark]])],
    ['left in pieces', 'native', { ...options, piece: 1n + (BigInt(next()) % 100n) }, new Map([[left, mark]])],
    ['warmed', 'warming', options, new Map()],
  ];
  for (const [how, engine, given, marks] of disturbances) {
    PATIENCE.units = how === 'warmed' ? next() % 2_000 : 0;
    const seen = await run(engine, decode(bytes), calls, given, marks);
    const { stops } = await run('interpreter', module, calls, given, marks);
    runs++;
    const lines = [
      [expected, ...stops],
      [seen.lines.join('\n'), ...seen.stops],
    ].map((texts) => texts.join('\n').split('\n'));
    if (lines[0]?.join() === lines[1]?.join()) continue;
    const at = lines[0]?.findIndex((line, i) => line !== lines[1]?.[i]) as number;
    const [should, is] = lines.map((all) => all[at]);
    differing.push(`${how}, call ${left} at ${mark}: ${is}; should be ${should}: ${JSON.stringify([...bytes])}`);
  }
}

images.provide(capturing);
Object.assign(PATIENCE, { first: 0, again: 0, perByte: 0, perChange: 0 });
Object.assign(WARMING, { begin: 0, perByte: 0 });
const next = sequence(seed);
for (const program of fc.sample(anyNativeProgram, { numRuns: programs, seed })) await disturb(program, next);
const report: LeavingReport = { programs, runs, differing };
console.log(JSON.stringify(report));
