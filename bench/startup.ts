/** From bytes to the first result: decoding with validation, instantiating, the first call. */

import { loadFixture } from '../fixtures/load.node.ts';
import { inProcess } from './child.ts';
import { contender } from './contenders.ts';
import { type Engine, type Unit, unitOf } from './engine.ts';
import { multiplyCode } from './multiply.ts';
import type { Product } from './product.ts';
import { loadGiven } from './programs.ts';
import { median } from './statistics.ts';
import { prepareCommand } from './wasi.ts';

/** Milliseconds. */
export interface Phases {
  readonly compile: number;
  readonly instantiate: number;
  readonly call: number;
}

export const PHASES = ['compile', 'instantiate', 'call'] as const satisfies readonly (keyof Phases)[];

export function total({ compile, instantiate, call }: Phases): number {
  return compile + instantiate + call;
}

export interface StartupRow {
  readonly module: string;
  readonly bytes: number;
  /** Bytes of function bodies; the rest may be names and other things to be skipped. */
  readonly codeBytes: number;
  readonly engine: string;
  /** In a process that has done nothing else; the least of some. Undefined where that was not measured. */
  readonly cold: Phases | undefined;
  /** The best of many in one process, each phase by itself. */
  readonly best: Phases;
  readonly median: Phases;
}

/** Some megabytes of code that somebody wrote. */
export const MULTIPLIED = 'pulldown-cmark × 24';

/** Modules to start: WASI commands. The first call is `_start`, with no files or input to find. */
const MODULES = [MULTIPLIED, 'pulldown-cmark', 'bz2', 'coremark-wasi', 'json'] as const;
export const STARTUP_ENGINES = ['metered', 'v8'] as const;

export function loadModule(name: string): Uint8Array<ArrayBuffer> | undefined {
  if (name === 'json') return loadFixture(name);
  if (name !== MULTIPLIED) return loadGiven(name);
  const bytes = loadGiven('pulldown-cmark');
  return bytes && multiplyCode(bytes, 24);
}

/** Starts a module once. The module is decoded for its imports only after the engine has compiled it. */
export async function startOnce(
  product: Product,
  engine: Engine,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  known?: Unit,
): Promise<Phases> {
  const start = performance.now();
  const compiled = await engine.compile({ name, bytes } as Unit);
  const compile = performance.now() - start;
  const unit = known ?? unitOf(product, name, bytes);
  let instantiate = 0;
  const timed = {
    instantiate(imports: Parameters<typeof compiled.instantiate>[0]) {
      const begin = performance.now();
      const guest = compiled.instantiate(imports);
      instantiate = performance.now() - begin;
      return guest;
    },
  };
  const command = prepareCommand(product, unit, timed, {
    args: [name],
    stubs: ['bench.start', 'bench.end'],
    // What measures itself is to believe that little was enough.
    times: [0, 10_000, 10_000, 20_000],
  });
  const begin = performance.now();
  try {
    command.run();
  } catch (error) {
    // Without its input a program may well end in a trap; the same on every engine.
    if (!isTrap(error)) throw error;
  }
  return { compile, instantiate, call: performance.now() - begin };
}

function isTrap(error: unknown): boolean {
  return error instanceof Error && /RuntimeError|Trap/.test(`${error.name} ${error.constructor.name}`);
}

export interface StartupPace {
  readonly runs: number;
  /** Processes for each cold start. */
  readonly coldRuns: number;
  /** Modules that are also started cold. */
  readonly cold: readonly string[];
}

export async function measureStartup(
  product: Product,
  pace: StartupPace,
  onProgress: (text: string) => void,
): Promise<readonly StartupRow[]> {
  const rows: StartupRow[] = [];
  for (const name of MODULES) {
    const bytes = loadModule(name);
    if (bytes === undefined) continue;
    const unit = unitOf(product, name, bytes);
    const engines: { key: string; engine: Engine; samples: Phases[] }[] = [];
    for (const key of STARTUP_ENGINES) {
      const engine = await contender(key).create(product);
      if (!('absent' in engine)) engines.push({ key, engine, samples: [] });
    }
    onProgress(`start-up of ${name}`);
    const cold = new Map<string, Phases>();
    for (const { key } of engines) {
      const samples: Phases[] = [];
      const coldRuns = pace.cold.includes(name) ? pace.coldRuns : 0;
      for (let i = 0; i < coldRuns; i++) samples.push(await startCold({ engine: key, module: name }));
      const [least] = samples.sort((a, b) => total(a) - total(b));
      if (least !== undefined) cold.set(key, least);
    }
    for (let i = 0; i < pace.runs; i++) {
      for (const { engine, samples } of engines) samples.push(await startOnce(product, engine, name, bytes, unit));
    }
    for (const { key, samples } of engines) {
      rows.push({
        module: name,
        bytes: bytes.length,
        codeBytes: [...unit.module.bodies].reduce((sum, { start, end }) => sum + end - start, 0),
        engine: key,
        cold: cold.get(key),
        best: phases(samples, (values) => Math.min(...values)),
        median: phases(samples, median),
      });
    }
  }
  return rows;
}

function phases(samples: readonly Phases[], figure: (values: readonly number[]) => number): Phases {
  const [compile, instantiate, call] = PHASES.map((phase) => figure(samples.map((sample) => sample[phase])));
  return { compile: compile as number, instantiate: instantiate as number, call: call as number };
}

export interface ColdTask {
  readonly engine: string;
  readonly module: string;
}

const startCold = (task: ColdTask) => inProcess<Phases>('./startup-process.ts', task);
