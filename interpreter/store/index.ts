/** What a module's instance is made of: functions, memories, tables, globals, segments, and its tank of gas. */

export type { Account } from './account.ts';
export { isOfType, toCell } from './cast.ts';
export { evaluate } from './constant.ts';
export { elementsOf } from './elements.ts';
export { ForeignFunction } from './foreign.ts';
export { FunctionNumbers } from './function-numbers.ts';
export type { GlobalInstance } from './global.ts';
export {
  accountOf,
  codeBytes,
  type ExternValue,
  type GuestFunction,
  hasType,
  Instance,
  isFunction,
  type SharedStack,
  WasmFunction,
} from './instance.ts';
export { allocateAll, instantiate, reset } from './instantiate.ts';
export type { Linker, Provider } from './link.ts';
export { type Backing, LinearMemory, NO_MEMORY, type Run } from './memory.ts';
export { constantObjects } from './parts.ts';
export type { SharedParts } from './shared-buffer.ts';
export type { TableInstance } from './table.ts';
export { Waiter } from './waiter.ts';
export { WAITED } from './waiters.ts';
