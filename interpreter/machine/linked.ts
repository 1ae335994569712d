/** The modules of a program, instantiated: they share an account. Loaded for programs of several. */

import type { EngineExecution, InstanceLimits, Slices, Stop } from '../../wasm/engine.ts';
import type { WasmSandboxError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import type { LinkedGraph } from '../../wasm/linked-graph.ts';
import type { ModuleGraph, NamedModule } from '../../wasm/module-graph.ts';
import { accountOf, allocateAll, type GuestFunction, Instance, type Linker, type Provider } from '../store/index.ts';
import { execution } from './execution.ts';
import type { Linked } from './start.ts';
import { Store } from './store.ts';
import type { Waits } from './waits.ts';

/** @throws LinkError, MemoryLimitExceeded, GasExhausted */
export function instantiateGraph(
  graph: ModuleGraph,
  limits: InstanceLimits,
  slices: Slices | undefined,
  host: Provider,
  waits?: () => Waits,
): Linked {
  const store = new Store(limits.stackBytes, { account: accountOf(limits, slices, true), waits });
  const { modules } = graph;
  const instances = modules.map(({ module }) => new Instance(store, module, limits, slices));
  const finders = modules.map(
    (_, number): Linker =>
      (imported) => {
        const source = (graph as LinkedGraph).sourceOf(number, imported);
        if ('host' in source) return host(source.host, (modules[source.from] as NamedModule).module);
        return (instances[source.from] as Instance).extern(source.kind, source.index);
      },
  );
  allocateAll(instances, finders);
  return { instances, finders };
}

/** Calls that are made one after another, left and taken up as one. */
export class Sequence implements EngineExecution {
  readonly results: readonly WasmValue[] = [];
  onCharge?: (() => void) | undefined;
  private readonly rest: Iterator<GuestFunction, void>;
  private current: EngineExecution;
  private readonly gasUsed: () => bigint;

  /** @param gasUsed what the instances have counted */
  constructor(first: GuestFunction, rest: Iterator<GuestFunction, void>, gasUsed: () => bigint) {
    this.current = this.begin(first);
    this.rest = rest;
    this.gasUsed = gasUsed;
  }

  private begin(func: GuestFunction): EngineExecution {
    const begun = execution(func, []);
    begun.onCharge = () => this.onCharge?.();
    return begun;
  }

  advance(gas?: bigint): Stop {
    const end = gas === undefined ? undefined : this.gasUsed() + gas;
    for (;;) {
      const left = end === undefined ? undefined : end - this.gasUsed();
      if (left !== undefined && left < 0n) return 'paused';
      const stop = this.current.advance(left);
      if (stop !== 'done') return stop;
      const next = this.rest.next();
      if (next.done === true) return 'done';
      this.current = this.begin(next.value);
    }
  }

  pause(beyond?: bigint): void {
    this.current.pause(beyond);
  }

  get settled(): Promise<void> {
    return this.current.settled;
  }

  get isReady(): boolean {
    return this.current.isReady;
  }

  abort(error: WasmSandboxError): WasmSandboxError {
    return this.current.abort(error);
  }
}
