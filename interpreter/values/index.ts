/** Values that are no numbers in registers: references, exceptions, and cells that hold any value. */

export { type Cell, type Registers, readCells, readRegister, toWords, writeRegister, writeRegisters } from './cell.ts';
export { ExceptionInstance, exceptionBytes, JS_TAG, TagInstance } from './exception.ts';
export { copyReferences, type Reference, SlotReferences } from './reference.ts';
export { StringObject, stringBytes } from './string.ts';
