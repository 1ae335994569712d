/** Who supplies what each of a program's modules imports, and in which order their instances are made: loaded for guests that are linked with others. */

import { LinkError, UsageError } from './errors.ts';
import type { WasmModule } from './module.ts';
import { GUEST_NAME, MOST_MODULES, ModuleGraph, type NamedModule } from './module-graph.ts';
import { quote } from './quote.ts';
import type { ExternKind, Import } from './types.ts';

/** Where an import comes from. */
export interface Supply {
  /** The number of the module that defines it, in `modules`. */
  readonly from: number;
  /** A name under which that one exports it. */
  readonly name: string;
  readonly kind: ExternKind;
  /** Its index there. */
  readonly index: number;
  /** Whether that one's instance is made only after the instance that imports it: so for functions alone. */
  readonly isLate: boolean;
}

/** What supplies an import: the host, as a module of the program imports it, or a module. */
export type Source = { readonly host: Import; readonly from: number } | Supply;

/** Where an import's chain of modules that only pass it on ends. */
type End = { readonly host: Import; readonly from: number } | Omit<Supply, 'isLate'> | { readonly why: string };

export class LinkedGraph extends ModuleGraph {
  /** By the name that is imported from. */
  private readonly numbers = new Map<string, number>();
  private readonly ends = new Map<Import, End>();
  private readonly imported: (Readonly<Record<ExternKind, readonly Import[]>> | undefined)[] = [];

  constructor(modules: readonly NamedModule[], isNameTaken: boolean) {
    super(modules);
    modules.forEach(({ name }, i) => {
      if (i < modules.length - 1 || !isNameTaken) this.numbers.set(name, i);
    });
  }

  override get hostImports(): readonly Import[] {
    if (!this.isLinked) return this.guest.imports;
    return this.modules.flatMap(({ module }) => module.imports.filter((item) => !this.numbers.has(item.module)));
  }

  /**
   * Where an import of the module of that number comes from. What others only pass on comes from where they have it.
   * @throws LinkError where the module that is named exports no such thing, or cannot be made before it is needed
   */
  sourceOf(number: number, imported: Import): Source {
    const end = this.endOf(number, imported);
    if ('why' in end) return unlinked(imported, end.why);
    if ('host' in end) return end;
    const { kind } = end;
    if (kind !== imported.kind) unlinked(imported, `incompatible import type: it is a ${kind}`);
    const isLate = end.from >= number;
    if (isLate && kind !== 'function') {
      unlinked(imported, `${quote(imported.module)} needs this module itself, and both ways go only functions`);
    }
    return { ...end, isLate };
  }

  /** Follows the chain, once for all imports on it. */
  private endOf(number: number, imported: Import): End {
    const path: Import[] = [];
    const seen = new Set<Import>();
    let item = imported;
    let from = number;
    let end = this.ends.get(item);
    while (end === undefined) {
      path.push(item);
      seen.add(item);
      const supplier = this.isLinked ? this.numbers.get(item.module) : undefined;
      if (supplier === undefined) {
        end = { host: item, from };
        break;
      }
      const { module } = this.modules[supplier] as NamedModule;
      const exported = module.exportsByName.get(item.name);
      if (exported === undefined) {
        end = { why: `unknown import: ${quote(item.module)} exports nothing of that name` };
        break;
      }
      const { kind, index } = exported;
      const passedOn = this.importsOf(supplier)[kind][index];
      if (passedOn === undefined) end = { from: supplier, name: item.name, kind, index };
      else if (seen.has(passedOn)) end = { why: 'it is passed on in a circle, and nobody defines it' };
      else {
        item = passedOn;
        from = supplier;
        end = this.ends.get(item);
      }
    }
    for (const each of path) this.ends.set(each, end);
    return end;
  }

  private importsOf(number: number): Readonly<Record<ExternKind, readonly Import[]>> {
    let found = this.imported[number];
    if (found === undefined) {
      const lists: Record<ExternKind, Import[]> = { function: [], table: [], memory: [], tag: [], global: [] };
      for (const item of (this.modules[number] as NamedModule).module.imports) lists[item.kind].push(item);
      this.imported[number] = found = lists;
    }
    return found;
  }
}

function unlinked({ module, name, kind }: Import, why: string): never {
  throw new LinkError(`import ${quote(module)} ${quote(name)}, a ${kind}: ${why}`);
}

/**
 * A guest with those of the modules that it imports from, and that these do.
 * @throws UsageError where there are more than {@link MOST_MODULES}
 */
export function linkedGraph(guest: WasmModule, others: ReadonlyMap<string, WasmModule>): ModuleGraph {
  if (others.size === 0) return ModuleGraph.of(guest);
  return new LinkedGraph(inOrder({ name: GUEST_NAME, module: guest }, others), others.has(GUEST_NAME));
}

/** Those that others import from come before them, as far as there is no circle. */
function inOrder(guest: NamedModule, others: ReadonlyMap<string, WasmModule>): readonly NamedModule[] {
  if (others.size > MOST_MODULES) {
    throw new UsageError(`a guest can be linked with ${MOST_MODULES} modules at most, not with ${others.size}`);
  }
  const order: NamedModule[] = [];
  const begun = new Set<string>();
  const visit = (item: NamedModule): void => {
    for (const name of new Set(item.module.imports.map(({ module }) => module))) {
      const module = others.get(name);
      if (module === undefined || begun.has(name)) continue;
      begun.add(name);
      visit({ name, module });
    }
    order.push(item);
  };
  visit(guest);
  return order;
}
