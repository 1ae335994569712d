/** Structs, arrays and i31 of garbage-collected types, and the heap that counts and collects them. */

export { Heap, type Mutator, type Roots, type RootsOf, type Stack } from './heap.ts';
export {
  ArrayObject,
  arrayBytes,
  elementBytes,
  type HeapObject,
  holderOf,
  isHeapObject,
  layoutOf,
  load,
  placeOfElement,
  placeOfField,
  registersOf,
  StructObject,
  store,
  storeAll,
  storeEach,
  type ValueSource,
} from './objects.ts';
