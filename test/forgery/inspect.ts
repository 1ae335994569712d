/** Whether a guest is within its limits and its types, whatever it was made of. */

import { placeOfField } from '../../interpreter/gc/access.ts';
import { objectBytes } from '../../interpreter/gc/layout.ts';
import { ArrayObject, isHeapObject, StructObject } from '../../interpreter/gc/objects.ts';
import type { Thread } from '../../interpreter/machine/thread.ts';
import { isOfType } from '../../interpreter/store/cast.ts';
import type { Instance } from '../../interpreter/store/instance.ts';
import { ExceptionInstance } from '../../interpreter/values/exception.ts';
import type { WasmSandbox } from '../../src/index.ts';
import { instanceBytes } from '../../wasm/budget.ts';
import { TABLE_ELEMENT_BYTES } from '../../wasm/gas.ts';

import { type DefinedType, isReference, type RefType, typeName } from '../../wasm/types.ts';

/** What is wrong. */
export class Fault extends Error {}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Fault(what);
}

interface Inside {
  readonly life: { readonly instance: { readonly instance: Instance } };
}

/** The interpreter's own instance behind a sandbox. */
export function instanceOf(sandbox: WasmSandbox): Instance {
  return (sandbox as unknown as Inside).life.instance.instance;
}

/** The thread of a call that is left. */
function threadOf(sandbox: WasmSandbox): Thread | undefined {
  const { execution } = sandbox;
  return (execution?.engine as unknown as { outer?: { thread: Thread } } | undefined)?.outer?.thread;
}

/** @throws Fault */
export function inspect(sandbox: WasmSandbox): void {
  const instance = instanceOf(sandbox);
  const thread = threadOf(sandbox);
  const { members } = instance.account;
  const roots = members.flatMap(requireRoots);
  roots.push(...(thread?.references.before(thread.references.end) ?? []));
  requireAccount(members, requireObjects(members, roots));
  requireFigures(sandbox, instance, thread);
}

/** @param types what the type may name: those of the module that it was declared in */
function requireType(types: readonly DefinedType[], type: RefType, reference: unknown, where: string): void {
  const isFit = isOfType(reference, type, types);
  require(isFit, `${where} of type ${typeName(type)} holds ${String(reference)} (${typeof reference})`);
}

/** References outside of objects; all that there are. */
function requireRoots(instance: Instance): unknown[] {
  const { globals, tables, module } = instance;
  const roots: unknown[] = [];
  globals.forEach(({ type: { type }, types, reference }, i) => {
    if (isReference(type)) requireType(types, type, reference, `global ${i}`);
    else require(reference === null, `global ${i} is a number and a reference`);
    roots.push(reference);
  });
  tables.forEach(({ element, elements, declared, types }, i) => {
    const { min, max = Number.POSITIVE_INFINITY } = declared;
    require(elements.length >= min && elements.length <= max, `table ${i} has ${elements.length} elements`);
    for (const reference of elements) requireType(types, element, reference, `table ${i}`);
    roots.push(...elements);
  });
  for (const [segment, values] of instance.segmentValues) {
    const { type } = module.elements.at(segment);
    for (const reference of values) requireType(module.types, type, reference, `segment ${segment}`);
    roots.push(...values);
  }
  return roots;
}

/** The bytes of all objects that can be reached. */
function requireObjects(members: readonly Instance[], roots: readonly unknown[]): number {
  const seen = new Set<unknown>(roots);
  let bytes = 0;
  for (const value of seen) {
    const types = typesOf(members, value);
    const add = (type: RefType, reference: unknown, where: string) => {
      requireType(types, type, reference, where);
      seen.add(reference);
    };
    if (value instanceof ExceptionInstance) {
      const { params } = value.tag.type;
      require(params.length === value.payload.length, 'an exception has another payload than its tag');
      params.forEach((type, i) => {
        if (isReference(type)) add(type, value.payload[i]?.reference, 'an exception');
      });
    } else if (value instanceof StructObject) {
      value.type.fields.forEach(({ type }, i) => {
        if (isReference(type)) add(type, value.references[placeOfField(value, i)], `field ${i}`);
      });
    } else if (value instanceof ArrayObject) {
      const { type } = value.type.element;
      if (isReference(type)) for (const reference of value.references) add(type, reference, 'an element');
    } else continue;
    bytes += isHeapObject(value) ? objectBytes(value) : value.bytes;
  }
  return bytes;
}

/** What the types of an object's fields may name. */
function typesOf(members: readonly Instance[], value: unknown): readonly DefinedType[] {
  const owner = members.find(({ module, tags }) => {
    if (value instanceof ExceptionInstance) return tags.includes(value.tag);
    return (value instanceof StructObject || value instanceof ArrayObject) && module.types.includes(value.type);
  });
  return owner?.module.types ?? [];
}

function requireAccount(members: readonly Instance[], reached: number): void {
  const [{ heap, budget, hasSuppliedMemories, store }] = members as readonly [Instance];
  const memories = members.flatMap((each) =>
    each.hasSuppliedMemories ? each.memories : each.memories.slice(each.module.importedMemories),
  );
  const tables = members.flatMap((each) => each.tables.slice(each.module.importedTables));
  let fixed = hasSuppliedMemories ? (members.length - 1) * store.stackBytes : 0;
  for (const { byteLength, declared, bytes } of memories) {
    require(Number.isInteger(byteLength / 65_536) && byteLength <= bytes.length, `a memory has ${byteLength} bytes`);
    require(byteLength / 65_536 >= declared.min, 'a memory is smaller than declared');
    require(byteLength / 65_536 <= (declared.max ?? 65_536), 'a memory is larger than declared');
    fixed += byteLength;
  }
  members.forEach(({ module }, i) => {
    if (members.slice(0, i).some((earlier) => earlier.module === module)) fixed += instanceBytes(module);
  });
  for (const { elements } of tables) fixed += elements.length * TABLE_ELEMENT_BYTES;
  require(budget.used === fixed + heap.used, `${budget.used} bytes are counted of ${fixed} and ${heap.used}`);
  require(heap.used >= reached, `objects count for ${heap.used} bytes and have ${reached}`);
  require(budget.used <= budget.limit &&
    budget.peak <= budget.limit, `more memory than ${budget.limit}: ${budget.peak}`);
  require(budget.peak >= budget.used, `${budget.used} bytes are used and ${budget.peak} were`);
  for (const figure of [heap.used, heap.allocated, heap.patience]) {
    require(Number.isSafeInteger(figure) && figure >= 0, `a figure of the heap is ${figure}`);
  }
}

function requireFigures(sandbox: WasmSandbox, { tank, store }: Instance, thread: Thread | undefined): void {
  const { gasUsed, gasLimit, functionCalls } = sandbox.getResourceStats();
  require(gasUsed >= 0n, `${gasUsed} gas used`);
  require(tank.exhausted || gasLimit === undefined || gasUsed <= gasLimit + 10_000n, `${gasUsed} gas of ${gasLimit}`);
  require(Number.isSafeInteger(functionCalls) && functionCalls >= 0, `${functionCalls} calls`);
  if (thread === undefined) return;
  require(thread.depth <= store.stackBytes && thread.depth >= 0, `a stack of ${thread.depth} bytes`);
  require(thread.fp >= 0 && thread.fp <= thread.registers.length, `a frame at ${thread.fp}`);
  require(sandbox.execution !== undefined && sandbox.execution.gasUsed >= 0n, 'a call with negative gas');
}
