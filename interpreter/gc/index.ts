/** Structs, arrays and i31 of garbage-collected types, and the heap that counts and collects them. */

export {
  holderOf,
  load,
  placeOfElement,
  placeOfField,
  registersOf,
  store,
  storeAll,
  storeEach,
  type ValueSource,
} from './access.ts';
export { Heap, type Mutator, type Roots, type RootsOf, type Stack } from './heap.ts';
export { arrayBytes, arrayOf, arrayWithin, elementBytes, layoutOf, objectBytes, structOf } from './layout.ts';
export { ArrayObject, type HeapObject, isHeapObject, StructObject } from './objects.ts';
export { tracing } from './parts.ts';
