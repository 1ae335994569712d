/** Structs and arrays made by constant expressions. They are paid for and counted as those that functions make. */

import { GasExhausted, MemoryLimitExceeded } from '../../wasm/errors.ts';
import { INSTRUCTION_COST, PER_UNIT, share } from '../../wasm/gas.ts';
import type { InstructionReader } from '../../wasm/instructions.ts';
import { type Mnemonic, opcode } from '../../wasm/opcodes.ts';
import type { ArrayType, StorageType, StructType } from '../../wasm/types.ts';
import type { Reference } from '../function.ts';
import type { Instance } from '../instance.ts';
import type { Cell } from '../values.ts';
import { arrayBytes, holderOf, layoutOf, placeOfElement, placeOfField, StructObject, store } from './objects.ts';

const NOTHING = { low: 0, high: 0 } as const;

/** @throws GasExhausted, MemoryLimitExceeded */
function reserve(instance: Instance, mnemonic: Mnemonic, bytes: number): void {
  const { tank, heap } = instance;
  const cost = (INSTRUCTION_COST[opcode(mnemonic).index] as number) + share(bytes, PER_UNIT.objectBytes);
  if (!tank.charge(cost)) {
    tank.exhausted = true;
    throw new GasExhausted(`Gas limit exceeded: an object of a constant expression costs ${cost}`, {
      resources: instance.figures(),
    });
  }
  if (heap.allocate(bytes, undefined) !== 'done') refuse(instance, bytes);
}

function refuse(instance: Instance, bytes: number): never {
  const { budget } = instance;
  throw new MemoryLimitExceeded(
    `Memory limit exceeded: an object of a constant expression takes ${bytes} bytes, the limit is ${budget.limit} bytes of which ${budget.used} are in use`,
    { resources: instance.figures() },
  );
}

function put(
  holder: Parameters<typeof store>[0],
  place: number,
  type: StorageType,
  { low, high, upper = [0, 0], reference }: Cell,
): void {
  const references: Reference[] = [reference];
  store(holder, place, type, { registers: Int32Array.of(low, high, ...upper), references }, 0);
}

function newStruct(instance: Instance, mnemonic: Mnemonic, index: number, values: readonly Cell[]): Cell {
  const type = instance.module.types[index] as StructType;
  reserve(instance, mnemonic, layoutOf(type).bytes);
  const object = new StructObject(type);
  values.forEach((value, i) => {
    put(object, placeOfField(object, i), (type.fields[i] as StructType['fields'][number]).type, value);
  });
  return { ...NOTHING, reference: object };
}

function newArray(
  instance: Instance,
  mnemonic: Mnemonic,
  index: number,
  length: number,
  valueAt: (i: number) => Cell | undefined,
): Cell {
  const type = instance.module.types[index] as ArrayType;
  reserve(instance, mnemonic, arrayBytes(type, length));
  const object = instance.heap.arrayOf(type, length) ?? refuse(instance, arrayBytes(type, length));
  const holder = holderOf(object);
  for (let i = 0; i < length; i++) {
    const value = valueAt(i);
    if (value === undefined) break;
    put(holder, placeOfElement(object, i), type.element.type, value);
  }
  return { ...NOTHING, reference: object };
}

/** Executes an instruction on objects and i31. */
export function makeObject(instance: Instance, mnemonic: Mnemonic, reader: InstructionReader, stack: Cell[]): void {
  const pop = () => stack.pop() as Cell;
  switch (mnemonic) {
    case 'struct.new': {
      const { fields } = instance.module.types[reader.a] as StructType;
      const values = fields.length === 0 ? [] : stack.splice(-fields.length);
      stack.push(newStruct(instance, mnemonic, reader.a, values));
      return;
    }
    case 'struct.new_default':
      stack.push(newStruct(instance, mnemonic, reader.a, []));
      return;
    case 'array.new': {
      const length = pop().low >>> 0;
      const value = pop();
      stack.push(newArray(instance, mnemonic, reader.a, length, () => value));
      return;
    }
    case 'array.new_default':
      stack.push(newArray(instance, mnemonic, reader.a, pop().low >>> 0, () => undefined));
      return;
    case 'array.new_fixed': {
      const values = reader.b === 0 ? [] : stack.splice(-reader.b);
      stack.push(newArray(instance, mnemonic, reader.a, values.length, (i) => values[i]));
      return;
    }
    case 'ref.i31':
      stack.push({ ...NOTHING, reference: (pop().low << 1) >> 1 });
      return;
    case 'any.convert_extern':
    case 'extern.convert_any':
      return;
  }
}
