/** Where the core modules of a component run: a namespace of their own, on either engine. */

import { whyNotMetered } from '../../instrument/adopted.ts';
import { vectors } from '../../interpreter/index.ts';
import type { EngineName, InstanceLimits } from '../../wasm/engine.ts';
import type { ResourceFigures } from '../../wasm/errors.ts';
import type { HostCalls } from '../../wasm/host.ts';
import type { EngineChoice } from '../engines/choose.ts';
import type { Stopwatch } from '../time/stopwatch.ts';
import type { Entry } from '../webassembly/convert.ts';
import { createNamespace, type NamespaceOptions, type WebAssemblyNamespace } from '../webassembly/namespace.ts';
import { type Module, moduleOf } from '../webassembly/objects.ts';

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
export async function loadCoreEngine(choice: EngineChoice, modules: readonly Module[]): Promise<CoreEngine> {
  const cores = modules.map(moduleOf);
  if (cores.some(({ usesVectors }) => usesVectors)) await vectors.load();
  const interpreter: CoreEngine = { name: 'interpreter', create: createNamespace };
  if (choice === 'interpreter') return interpreter;
  const { createNativeNamespace, nativeUnavailable } = await import('../webassembly/native.ts');
  const isMetered = cores.every((core) => whyNotMetered(core) === undefined);
  if (choice === 'auto' && !(isMetered && nativeUnavailable() === undefined)) return interpreter;
  return { name: 'native', create: createNativeNamespace };
}

/** The core modules of one component, as they run. */
export class Cores {
  readonly namespace: WebAssemblyNamespace;
  private readonly limits: InstanceLimits;
  private readonly instances: Instance[] = [];

  /** @param enter surrounds every call from outside */
  constructor(engine: CoreEngine, limits: InstanceLimits, clock: Stopwatch, hostCalls: HostCalls, enter: Entry) {
    this.limits = limits;
    this.namespace = engine.create({ limits, slices: clock.slices, enter, hostCalls });
  }

  instantiate(module: unknown, imports?: unknown): Instance {
    const instance = new this.namespace.Instance(module as Module, imports as never);
    this.instances.push(instance);
    return instance;
  }

  /** What all of them have used. */
  totals(): ResourceFigures {
    const { gas, memoryBytes, stackBytes } = this.limits;
    const each = this.instances.map((instance) => this.namespace.stats(instance));
    const sum = (key: 'memoryBytes' | 'peakMemoryBytes') => each.reduce((total, figures) => total + figures[key], 0);
    return {
      gasUsed: each.reduce((total, { gasUsed }) => total + gasUsed, 0n),
      gasLimit: gas,
      memoryBytes: sum('memoryBytes'),
      peakMemoryBytes: sum('peakMemoryBytes'),
      memoryLimit: memoryBytes,
      stackLimit: stackBytes,
      growthRefused: each.some(({ growthRefused }) => growthRefused),
    };
  }
}
