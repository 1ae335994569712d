/** The last steps of instantiation (specification 4.5.4): active segments, in order, then the start function. */

import { Trap, WasmSandboxError } from '../../wasm/errors.ts';
import { INITIALIZE } from '../../wasm/module-graph.ts';
import type { ConstExpr } from '../../wasm/types.ts';
import {
  elementsOf,
  evaluate,
  type GuestFunction,
  type Instance,
  type LinearMemory,
  type Linker,
} from '../store/index.ts';
import { copyReferences } from '../values/index.ts';
import { call } from './execute.ts';

/** Elements that are copied between two looks at the clock. */
const PIECE = 8_192;

/** @throws RuntimeError, and whatever a host function called by the start function threw */
export function start(instance: Instance): void {
  const func = beginStart(instance);
  if (func !== undefined) call(func, []);
}

/** The same up to the start function, which is returned if there is one. @throws RuntimeError */
export function beginStart(instance: Instance): GuestFunction | undefined {
  copySegments(instance);
  const { start } = instance.module;
  return start === undefined ? undefined : instance.function(start);
}

/** Instances in the order in which they were made, and what finds their imports, should they be linked again. */
export interface Linked {
  readonly instances: readonly Instance[];
  readonly finders: readonly Linker[];
}

/**
 * Copies the active segments of each, and gives what is then to be called: its start function, and the initialisation of
 * a reactor that the guest, the last of them, is linked with.
 */
export function* starting(instances: readonly Instance[]): Generator<GuestFunction, void> {
  for (const instance of instances) {
    const start = beginStart(instance);
    if (start !== undefined) yield start;
    const exported = instance.module.exportsByName.get(INITIALIZE);
    if (instance === instances.at(-1) || exported?.kind !== 'function') continue;
    const initialize = instance.function(exported.index);
    if (initialize.type.key === '->') yield initialize;
  }
}

/** @throws RuntimeError */
function copySegments(instance: Instance): void {
  try {
    copyElements(instance);
    copyData(instance);
  } catch (error) {
    if (error instanceof WasmSandboxError) error.resources ??= instance.figures();
    throw error;
  }
}

/** Where an active segment goes. What does not fit into 32 bits is beyond every table and memory. */
function offsetOf(instance: Instance, expression: ConstExpr): number {
  instance.work(expression.end - expression.start);
  const { low, high } = evaluate(instance, expression);
  return high === 0 ? low >>> 0 : Number.POSITIVE_INFINITY;
}

function copyElements(instance: Instance): void {
  const { elements: segments } = instance.module;
  for (let i = 0; i < segments.length; i++) {
    instance.work(1);
    const mode = segments.mode(i);
    if (mode === 'passive') continue;
    if (mode === 'active') {
      const { elements } = instance.tables[segments.place(i)] as (typeof instance.tables)[number];
      const offset = offsetOf(instance, segments.offset(i));
      const count = segments.count(i);
      if (offset + count > elements.length) throw new Trap('table-out-of-bounds');
      for (let at = 0; at < count; at += PIECE) {
        const piece = elementsOf(instance, i, at, Math.min(at + PIECE, count));
        copyReferences(elements, offset + at, piece, 0, piece.length);
        instance.work(piece.length);
      }
    }
    instance.droppedElements.add(i);
  }
}

function copyData(instance: Instance): void {
  const { data: segments, bytes } = instance.module;
  for (let i = 0; i < segments.length; i++) {
    instance.work(1);
    if (segments.mode(i) !== 'active') continue;
    const memory = instance.memories[segments.place(i)] as LinearMemory;
    const { start, end } = segments.bytesOf(i);
    const offset = offsetOf(instance, segments.offset(i));
    if (offset + end - start > memory.byteLength) throw new Trap('memory-out-of-bounds');
    memory.bytes.set(bytes.subarray(start, end), offset);
    instance.droppedData.add(i);
  }
}
