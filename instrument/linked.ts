/** The modules of a program, instantiated on a host: they share an account, and import from one another. */

import type { InstantiateOptions } from '../wasm/engine.ts';
import type { LinkedGraph, Supply } from '../wasm/linked-graph.ts';
import { functionTypeAt, typeOfFunction } from '../wasm/module.ts';
import { INITIALIZE, type ModuleGraph, type NamedModule } from '../wasm/module-graph.ts';
import type { Import } from '../wasm/types.ts';
import type { RawFunction, WasmHost } from './host.ts';
import { LateFunctions } from './late.ts';
import { functionTypes } from './layout.ts';
import { linker, references, requireType, uncaught } from './linker.ts';
import { Meter } from './meter.ts';
import type { MeteredModule } from './metered.ts';
import { type Linked, MeteredInstance, MeteredStore } from './metered-instance.ts';
import { waitingAlone } from './waits.ts';

export class LinkedGuests {
  /** In the program's order: the guest itself is the last. */
  readonly guests: readonly MeteredInstance[];
  private readonly host: WasmHost;
  private readonly graph: ModuleGraph;
  /** What is imported before it is there. */
  private readonly late: Supply[] = [];
  private lateFunctions: LateFunctions | undefined;

  /**
   * Links and prices.
   * @param metered the program's modules
   * @throws CompileError, LinkError, MemoryLimitExceeded, GasExhausted
   */
  constructor(
    host: WasmHost,
    graph: ModuleGraph,
    metered: readonly MeteredModule[],
    { limits, slices, imports, clock }: InstantiateOptions,
  ) {
    this.host = host;
    this.graph = graph;
    const store = new MeteredStore(host, limits.stackBytes, {
      waits: waitingAlone(clock),
      uncaught,
      meter: new Meter(limits, slices),
    });
    const linkers = graph.modules.map(({ module }) => linker(imports, functionTypes(module)));
    this.guests = metered.map((module, number) => {
      const link = (imported: Import) => this.link(number, imported, linkers);
      return new MeteredInstance(store, module, { limits, slices, link, references });
    });
  }

  /** @param linkers what links functions of the host's, by module */
  private link(number: number, imported: Import, linkers: readonly ReturnType<typeof linker>[]): Linked {
    const source = (this.graph as LinkedGraph).sourceOf(number, imported);
    const required =
      imported.kind === 'function' ? functionTypeAt(this.moduleAt(number), imported.typeIndex) : undefined;
    if ('host' in source) {
      const linked = (linkers[source.from] as ReturnType<typeof linker>)(source.host);
      if (required !== undefined && 'host' in linked) requireType(imported, required, linked.host.type);
      return linked;
    }
    if (required !== undefined) requireType(imported, required, this.typeOf(source));
    const place = source.isLate ? this.late.push(source) - 1 : -1;
    const raw = () => (place < 0 ? this.rawOf(source) : this.lateFunction(place));
    return {
      get raw() {
        return raw();
      },
    };
  }

  private moduleAt(number: number) {
    return (this.graph.modules[number] as NamedModule).module;
  }

  private typeOf({ from, index }: Supply) {
    return typeOfFunction(this.moduleAt(from), index);
  }

  private rawOf({ from, name }: Supply): unknown {
    return (this.guests[from] as MeteredInstance).rawExport(name);
  }

  private lateFunction(place: number): RawFunction {
    this.lateFunctions ??= new LateFunctions(
      this.host,
      this.late.map((supply) => this.typeOf(supply)),
    );
    return this.lateFunctions.at(place);
  }

  /** All of them are there before any of their code runs. @throws LinkError, and whatever ends a start function */
  start(): void {
    const { guests, late } = this;
    for (const guest of guests) guest.instantiate();
    for (const [place, supply] of late.entries()) this.lateFunctions?.define(place, this.rawOf(supply) as RawFunction);
    for (const guest of guests) {
      guest.copySegments();
      guest.start();
      if (guest !== guests.at(-1)) initialize(guest);
    }
  }
}

/** Of a WASI reactor that the guest is linked with. */
function initialize(guest: MeteredInstance): void {
  const { module } = guest.metered;
  const exported = module.exportsByName.get(INITIALIZE);
  if (exported?.kind !== 'function') return;
  const type = typeOfFunction(module, exported.index);
  if (type.key === '->') guest.invoke(guest.rawExport(INITIALIZE) as RawFunction, exported.index, type, []);
}
