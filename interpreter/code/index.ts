/** Machine code: what its instructions are (isa), how functions become it (lower, fuse), and where each word came from (trace). */

export { CodeBuffer } from './buffer.ts';
export {
  type AtomicName,
  EXIT,
  FIRST_ATOMIC,
  FIRST_OBJECT,
  FIRST_RARE,
  FIRST_SYSTEM,
  FIRST_VECTOR,
  FIRST_WARM,
  GLOBAL_WORDS,
  HALT_PC,
  HEADER_WORDS,
  isLeft,
  type Kind,
  LEAVE_PC,
  type LoopName,
  lengthOf,
  MACHINE_OPS,
  type MachineOp,
  type Name,
  type ObjectName,
  type OperandsOf,
  op,
  type Place,
  type PlacesOf,
  placesIn,
  placesOf,
  type Register,
  SETTLE_BELOW,
  type SystemName,
  type Target,
  trapExit,
  trapOfExit,
  wordsOf,
} from './isa.ts';
export { lowerFunction } from './lower.ts';
export type { Lowering } from './lowering.ts';
export { ModuleCode, type Patron } from './module-code.ts';
export { laterLowering } from './parts.ts';
export type { CatchTarget, TryRegion } from './regions.ts';
