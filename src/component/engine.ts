/** Where the core modules of a component run: a namespace of their own, on either engine. */

import { whyNotMetered } from '../../instrument/adopted.ts';
import { loadInterpreter } from '../../interpreter/index.ts';
import type { EngineName, InstanceLimits } from '../../wasm/engine.ts';
import { MemoryLimitExceeded, type ResourceFigures, UsageError } from '../../wasm/errors.ts';
import type { HostCalls } from '../../wasm/host.ts';
import { DEFAULT_LIMITS } from '../../wasm/limits.ts';
import type { EngineChoice } from '../engines/choose.ts';
import type { Stopwatch } from '../time/stopwatch.ts';
import { moduleOf } from '../webassembly/compiled.ts';
import type { Entry } from '../webassembly/convert.ts';
import { createNamespace, type WebAssemblyNamespace } from '../webassembly/namespace.ts';
import type { Module } from '../webassembly/objects.ts';
import type { NamespaceOptions } from '../webassembly/options.ts';
import type { CallClock } from '../webassembly/promises.ts';

type Instance = InstanceType<WebAssemblyNamespace['Instance']>;

/** How namespaces are made on the engine that was chosen. */
export interface CoreEngine {
  readonly name: EngineName;
  readonly create: (options: NamespaceOptions) => WebAssemblyNamespace;
}

/**
 * Loads what runs the modules. `auto` takes the host's own engine where the host has one and it can meter all of them.
 * @throws UsageError where the engine cannot be had
 */
export async function loadCoreEngine(
  choice: EngineChoice,
  modules: readonly Module[],
  mayWait: boolean,
): Promise<CoreEngine> {
  const cores = modules.map(moduleOf);
  await loadInterpreter(cores);
  const interpreter: CoreEngine = { name: 'interpreter', create: createNamespace };
  if (mayWait && choice === 'native') {
    throw new UsageError(
      'a component whose exports give promises needs the interpreter: the native engine cannot leave a guest. Leave engine out',
    );
  }
  if (choice === 'interpreter' || mayWait) return interpreter;
  const { createNativeNamespace, nativeUnavailable } = await import('../webassembly/native.ts');
  const isMetered = cores.every((core) => whyNotMetered(core) === undefined);
  if (choice === 'auto' && !(isMetered && nativeUnavailable() === undefined)) return interpreter;
  return { name: 'native', create: createNativeNamespace };
}

/** What surrounds what the core modules run. */
export interface Surroundings {
  readonly clock: Stopwatch;
  readonly hostCalls: HostCalls;
  /** Every call from outside. */
  readonly enter: Entry;
  /** The time of a call that may wait. */
  readonly startClock: () => CallClock;
}

const MOST_INSTANCES = DEFAULT_LIMITS.instances;

/** The core modules of one component, as they run: under the limits together. */
export class Cores {
  readonly namespace: WebAssemblyNamespace;
  private count = 0;

  constructor(engine: CoreEngine, limits: InstanceLimits, { clock, ...surroundings }: Surroundings) {
    const together = { instances: MOST_INSTANCES };
    this.namespace = engine.create({ limits, slices: clock.slices, together, ...surroundings });
  }

  /** @throws MemoryLimitExceeded where there are too many, and whatever a start function does */
  instantiate(module: unknown, imports?: unknown): Instance {
    if (this.count === MOST_INSTANCES) {
      throw new MemoryLimitExceeded(
        `Memory limit exceeded: the component makes more than ${MOST_INSTANCES} instances of its core modules`,
      );
    }
    this.count++;
    return new this.namespace.Instance(module as Module, imports as never);
  }

  /** What all of them have used. */
  totals(): ResourceFigures {
    return this.namespace.stats();
  }
}
