/** Makes instances (specification 4.5.4): linked, priced and allocated, with the active segments not yet copied. */

import { overBudget } from '../../wasm/budget.ts';
import type { InstanceLimits, Slices } from '../../wasm/engine.ts';
import { TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';
import { PAGE_BYTES } from '../../wasm/limits.ts';
import { functionTypeAt, type WasmModule } from '../../wasm/module.ts';
import { instantiationCost } from '../../wasm/plan.ts';
import type { TableType } from '../../wasm/types.ts';
import { GLOBAL_WORDS } from '../code/index.ts';
import { type Reference, TagInstance } from '../values/index.ts';
import { evaluate } from './constant.ts';
import { GlobalInstance } from './global.ts';
import { Instance, type SharedStack } from './instance.ts';
import { type Linker, link } from './link.ts';
import { LinearMemory } from './memory.ts';
import { constantObjects } from './parts.ts';
import { TableInstance } from './table.ts';

/** @throws LinkError, MemoryLimitExceeded, GasExhausted */
export function instantiate(
  store: SharedStack,
  module: WasmModule,
  find: Linker,
  limits: InstanceLimits,
  slices?: Slices,
): Instance {
  const instance = new Instance(store, module, limits, slices);
  link(instance, find);
  begin(instance);
  return instance;
}

/**
 * Makes instances that share an account and import from one another. All are there before any of them is linked, so that
 * functions can be imported from those that come later.
 * @param finders what finds the imports of each
 * @throws LinkError, MemoryLimitExceeded, GasExhausted
 */
export function allocateAll(instances: readonly Instance[], finders: readonly Linker[]): void {
  instances.forEach((instance, i) => {
    link(instance, finders[i] as Linker);
    begin(instance);
  });
}

/**
 * Makes instances that share an account what they were when they were constructed; what was imported of others stays as
 * it is. Nothing of them may be running, or have been left.
 * @param finders for instances that import from one another
 * @throws MemoryLimitExceeded, GasExhausted
 */
export function reset(instances: readonly Instance[], finders: readonly Linker[] = []): void {
  // One for all of them.
  instances[0]?.account.reset();
  const old = instances.map(clear);
  instances.forEach((instance, i) => {
    const find = finders[i];
    if (find !== undefined) relink(instance, find);
    begin(instance, old[i]);
  });
}

/** Returns the memories that it had. */
function clear(instance: Instance): readonly LinearMemory[] {
  const { module } = instance;
  instance.tables.length = module.importedTables;
  instance.globals.length = module.importedGlobals;
  instance.droppedElements.clear();
  instance.droppedData.clear();
  instance.cells.fill(0);
  instance.segmentValues.clear();
  instance.tags.length = module.importedTags;
  return instance.memories.splice(module.importedMemories);
}

/** What it imports of others is another thing now. */
function relink(instance: Instance, find: Linker): void {
  for (const list of [instance.tables, instance.globals, instance.tags, instance.memories]) list.length = 0;
  link(instance, find);
}

/** Charges for what the module defines, and makes it. */
function begin(instance: Instance, old: readonly LinearMemory[] = []): void {
  const cost = instantiationCost(instance.module);
  if (!instance.tank.chargeLarge(cost)) {
    const message = `Gas limit exceeded: instantiating costs ${cost}, the limit is ${instance.limits.gas}`;
    throw instance.outOfGas(message);
  }
  allocate(instance, old);
}

/** @param old memories of the same types that are not needed any more */
function allocate(instance: Instance, old: readonly LinearMemory[]): void {
  const { module, budget } = instance;
  const bytes = budget.bytesFor(module);
  if (!budget.admit(module)) refuse(instance, 'another instance of it', bytes);
  module.memories.slice(module.importedMemories).forEach((type, i) => {
    instance.memories.push(
      LinearMemory.create(type, budget, old[i]) ??
        refuse(instance, `a memory of ${type.limits.min} pages`, type.limits.min * PAGE_BYTES),
    );
  });
  for (const typeIndex of module.tags.slice(module.importedTags)) {
    instance.work(1);
    instance.tags.push(new TagInstance(functionTypeAt(module, typeIndex)));
  }
  module.tables.slice(module.importedTables).forEach((type, i) => {
    const init = module.tableInits[i];
    instance.work(1 + type.limits.min + (init === undefined ? 0 : init.end - init.start));
    instance.tables.push(table(instance, type, init === undefined ? null : evaluate(instance, init).reference));
  });
  module.globalInits.forEach((init, i) => {
    const type = module.globals[module.importedGlobals + i];
    if (type === undefined) return;
    instance.work(init.end - init.start);
    const global = new GlobalInstance(type, module.types, instance.cells, GLOBAL_WORDS * i);
    const { low, high, upper, reference } = evaluate(instance, init);
    instance.cells[global.at] = low;
    instance.cells[global.at + 1] = high;
    if (upper !== undefined) instance.cells.set(upper, global.at + 2);
    global.reference = reference;
    instance.globals.push(global);
  });
  if (module.features.includes('gc')) constantObjects.now.evaluateSegments(instance, evaluate);
}

function table(instance: Instance, type: TableType, initial: Reference): TableInstance {
  const { min } = type.limits;
  return (
    TableInstance.create(type, instance.module.types, instance.budget, initial) ??
    refuse(instance, `a table of ${min} elements`, min * TABLE_ELEMENT_BYTES)
  );
}

function refuse(instance: Instance, what: string, bytes: number): never {
  throw overBudget(what, bytes, instance.budget, instance.figures());
}
