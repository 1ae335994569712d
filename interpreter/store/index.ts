/** What a module's instance is made of: functions, memories, tables, globals, segments, and its tank of gas. */

export { isOfType, toCell } from './cast.ts';
export { evaluate } from './constant.ts';
export { elementsOf } from './elements.ts';
export { ForeignFunction } from './foreign.ts';
export type { GlobalInstance } from './global.ts';
export {
  codeBytes,
  type ExternValue,
  type GuestFunction,
  hasType,
  type Instance,
  isFunction,
  type SharedStack,
  WasmFunction,
} from './instance.ts';
export { instantiate, reset } from './instantiate.ts';
export { type LinearMemory, NO_MEMORY, type Run } from './memory.ts';
export type { TableInstance } from './table.ts';
