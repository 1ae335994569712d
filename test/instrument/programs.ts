/** Programs nobody here wrote, on the three engines. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capability, createHost, type Host, SecurityPolicy } from '../../policy/index.ts';
import { decode } from '../../wasm/decode.ts';
import type { Engine, ImportResolver } from '../../wasm/engine.ts';
import { HostFunction } from '../../wasm/host.ts';
import { folderOf, SUITES } from '../suites.ts';
import { ENGINES, type EngineKey, hashOf, type TriangleOptions, trace } from './triangle.ts';

const FOLDER = folderOf(SUITES.programs);

/** How much a program is to do. */
export interface Work {
  readonly args: readonly string[];
  /** What its clock shows at one reading after the other, in milliseconds: programs that look at it run until it is late. */
  readonly times: readonly number[];
}

export interface GivenProgram {
  readonly name: string;
  /** Done in a moment, and in minutes. */
  readonly quick: Work;
  readonly heavy: Work;
}

const COREMARK_QUICK: Work = { args: [], times: [0, 1_000, 0, 11_000] };
const COREMARK_HEAVY: Work = { args: [], times: [0, 0, 0, 1_000, 0, 11_000] };
/** Without its input the program comes to its end soon; its tables and data have been made by then. */
const AS_IT_IS: Work = { args: [], times: [0, 10_000, 10_000, 20_000] };

export const GIVEN: readonly GivenProgram[] = [
  { name: 'coremark-minimal', quick: COREMARK_QUICK, heavy: COREMARK_HEAVY },
  { name: 'coremark-wasi', quick: COREMARK_QUICK, heavy: COREMARK_HEAVY },
  { name: 'mandelbrot', quick: { args: ['8', '1e3'], times: [] }, heavy: { args: ['64', '8e4'], times: [] } },
  { name: 'bz2', quick: AS_IT_IS, heavy: AS_IT_IS },
  { name: 'pulldown-cmark', quick: AS_IT_IS, heavy: AS_IT_IS },
];

interface World {
  readonly resolve: ImportResolver;
  readonly host: Host;
}

/** WASI with a scripted clock; `env.clock_ms`, which is the same clock; functions that benchmarks call and nobody needs. */
function worldOf(name: string, { args, times }: Work): World {
  let readings = 0;
  const read = () => times[readings++] ?? Number.MAX_SAFE_INTEGER;
  const strict = SecurityPolicy.strict();
  const host =
    times.length === 0
      ? createHost(strict, { args: [name, ...args] })
      : createHost(strict.with(Capability.clock()), {
          args: [name, ...args],
          time: { wallClock: read, monotonic: read },
        });
  // Making a clock reads it.
  readings = 0;
  const resolve: ImportResolver = (module, field, type) => {
    if (module === 'env' && field === 'clock_ms') return new HostFunction(type, { base: 50, perByte: 0 }, read);
    if (module === 'bench') return new HostFunction(type, { base: 50, perByte: 0 }, () => undefined);
    return host.resolve(module, field, type);
  };
  return { resolve, host };
}

/** All that can be seen of a run, its output included. */
function traceProgram(engine: Engine, { name }: GivenProgram, work: Work, options: TriangleOptions): string[] {
  const module = decode(new Uint8Array(readFileSync(join(FOLDER, `${name}.wasm`))));
  const start = module.exports.some((item) => item.name === 'run') ? 'run' : '_start';
  const world = worldOf(name, work);
  const lines = trace(engine, module, [{ export: start, args: [] }], { ...options, imports: () => world.resolve });
  for (const stream of ['stdout', 'stderr'] as const) {
    const bytes = world.host.output(stream);
    lines.push(`${stream}: ${bytes.length} bytes, ${hashOf(bytes)}`);
  }
  return lines;
}

/** The traces on all engines. */
export function traceGiven(
  program: GivenProgram,
  work: Work,
  options: TriangleOptions = {},
): ReadonlyMap<EngineKey, readonly string[]> {
  return new Map(
    Object.entries(ENGINES).map(([key, engine]) => [key as EngineKey, traceProgram(engine, program, work, options)]),
  );
}
