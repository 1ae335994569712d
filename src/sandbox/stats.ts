/** What a sandbox reports of the resources it used. */

import type { EngineInstance, EngineName } from '../../wasm/engine.ts';
import type { ResourceFigures } from '../../wasm/errors.ts';
import { GAS_VERSION } from '../../wasm/gas.ts';
import type { ModuleGraph } from '../../wasm/module-graph.ts';
import { reported } from '../../wasm/reported.ts';
import type { ChosenEngine } from '../engines/choose.ts';
import { heldBy } from '../engines/ready.ts';

/** Since the sandbox was built or last reset. Gas, memory and stack are exact and the same on every engine. */
export interface ResourceStats extends ResourceFigures {
  readonly instanceId: string;
  /** What runs the guest. */
  readonly engine: EngineName;
  /** Why it is that engine. */
  readonly engineReason: string;
  /** Version of the gas schedule. */
  readonly gasVersion: number;
  /** Bytes that the module, and those that it is linked with, hold as they are decoded, for all sandboxes that have them (docs/limits.md). */
  readonly moduleBytes: number;
  /** Bytes of the code that the engine has made of them so far, for all of these; about. */
  readonly codeBytes: number;
  /** Bytes in all memories and tables: `memoryBytes` by another name. */
  readonly memoryUsed: number;
  /** Milliseconds of wall-clock time in which the guest was entered; not exact, and not reproducible. */
  readonly cpuTimeMs: number;
  /** Calls made into the guest from outside, the start function's not among them. */
  readonly functionCalls: number;
}

/** Bytes in the memories and tables of an instance. */
export interface MemoryUsage {
  readonly usedBytes: number;
  /** The most there have been since the sandbox was built or last reset. */
  readonly peakBytes: number;
  /** The most there may be. */
  readonly limitBytes: number;
}

export interface StatsParts {
  readonly instanceId: string;
  readonly engine: ChosenEngine;
  readonly graph: ModuleGraph;
  readonly life: Pick<ResourceStats, 'cpuTimeMs' | 'functionCalls'> & {
    figures(): ResourceFigures;
    /** What runs the guest now, where that is another engine than the one it began on. */
    readonly runsOn?: EngineInstance['runsOn'];
  };
}

export function resourceStats({ instanceId, engine, graph, life }: StatsParts): ResourceStats {
  const figures = life.figures();
  const { decoded, code } = heldBy(engine.engine, graph);
  return reported({
    instanceId,
    engine: life.runsOn?.engine ?? engine.engine.name,
    engineReason: life.runsOn?.reason ?? engine.reason,
    cpuTimeMs: life.cpuTimeMs,
    functionCalls: life.functionCalls,
    ...figures,
    gasVersion: GAS_VERSION,
    moduleBytes: decoded,
    codeBytes: code,
    memoryUsed: figures.memoryBytes,
  });
}

export function memoryUsageOf({ memoryBytes, peakMemoryBytes, memoryLimit }: ResourceFigures): MemoryUsage {
  return { usedBytes: memoryBytes, peakBytes: peakMemoryBytes, limitBytes: memoryLimit };
}
