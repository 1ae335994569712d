/** What the memories and tables of a guest that meters itself take of its budget: from the start, and when they grow. */

import { Growth, overBudget } from '../wasm/budget.ts';
import { GROWTH_COST, PAGE_COST, PER_UNIT, share, TABLE_ELEMENT_BYTES } from '../wasm/gas.ts';
import { PAGE_BYTES } from '../wasm/limits.ts';
import type { WasmModule } from '../wasm/module.ts';
import type { Meter } from './meter.ts';

/** Takes what the module defines. @throws MemoryLimitExceeded */
export function allocate(module: WasmModule, meter: Meter): void {
  const { memories, tables, importedMemories, importedTables } = module;
  const { budget } = meter;
  const bytes = budget.bytesFor(module);
  if (!budget.admit(module)) throw overBudget('another instance of it', bytes, budget, meter.figures());
  for (const { limits } of memories.slice(importedMemories)) {
    if (Growth.ofMemory(budget, limits.max).take(0, limits.min)) continue;
    throw overBudget(`a memory of ${limits.min} pages`, limits.min * PAGE_BYTES, budget, meter.figures());
  }
  for (const { limits } of tables.slice(importedTables)) {
    if (Growth.ofTable(budget, limits.max).take(0, limits.min)) continue;
    throw overBudget(`a table of ${limits.min} elements`, limits.min * TABLE_ELEMENT_BYTES, budget, meter.figures());
  }
}

/** Grows a memory by `delta` pages; returns the pages before, or -1. @throws GasExhausted */
export function growMemory(memory: WebAssembly.Memory, growth: Growth, delta: number, meter: Meter): number {
  const pages = memory.buffer.byteLength / PAGE_BYTES;
  const canGrow = growth.allows(pages, delta);
  meter.charge(BigInt(GROWTH_COST + (canGrow ? delta * PAGE_COST : 0)));
  if (!canGrow || !growth.take(pages, delta)) return -1;
  try {
    // Other threads may have made a shared one grow meanwhile.
    return memory.grow(delta);
  } catch {
    growth.give(delta);
    return -1;
  }
}

/** Whether a table of `size` elements may grow by `delta`, which the guest then does itself. @throws GasExhausted */
export function growTable(growth: Growth, size: number, delta: number, meter: Meter): boolean {
  const canGrow = growth.allows(size, delta);
  meter.charge(BigInt(GROWTH_COST + (canGrow ? share(delta, PER_UNIT.tableElements) : 0)));
  return canGrow && growth.take(size, delta);
}
