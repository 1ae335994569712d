/** The last steps of instantiation (specification 4.5.4): active segments, in order, then the start function. */

import { Trap, WasmSandboxError } from '../wasm/errors.ts';
import { evaluate } from './constant.ts';
import { call } from './execute.ts';
import type { Instance } from './instance.ts';

/** @throws RuntimeError, and whatever a host function called by the start function threw */
export function start(instance: Instance): void {
  try {
    copyElements(instance);
    copyData(instance);
  } catch (error) {
    if (error instanceof WasmSandboxError) error.resources ??= instance.figures();
    throw error;
  }
  if (instance.module.start !== undefined) call(instance.function(instance.module.start), []);
}

function copyElements(instance: Instance): void {
  instance.module.elements.forEach((segment, i) => {
    if (segment.mode === 'passive') return;
    if (segment.mode === 'active') {
      const { elements } = instance.tables[segment.index] as (typeof instance.tables)[number];
      const offset = evaluate(instance, segment.offset).low >>> 0;
      const count = segment.items.length;
      if (offset + count > elements.length) throw new Trap('table-out-of-bounds');
      instance.elements(i, 0, count).forEach((reference, at) => {
        elements[offset + at] = reference;
      });
    }
    instance.droppedElements.add(i);
  });
}

function copyData(instance: Instance): void {
  const { module, memory } = instance;
  module.data.forEach((segment, i) => {
    if (segment.mode !== 'active' || memory === undefined) return;
    const { start, end } = segment.bytes;
    const offset = evaluate(instance, segment.offset).low >>> 0;
    if (offset + end - start > memory.byteLength) throw new Trap('memory-out-of-bounds');
    memory.bytes.set(module.bytes.subarray(start, end), offset);
    instance.droppedData.add(i);
  });
}
