/** Structs and arrays made by constant expressions. They are paid for and counted as those that functions make. */

import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import { INSTRUCTION_COST, PER_UNIT, share } from '../../wasm/gas.ts';
import type { InstructionReader } from '../../wasm/instructions.ts';
import { type Mnemonic, opcode } from '../../wasm/opcodes.ts';
import type { ArrayType, ConstExpr, StructType } from '../../wasm/types.ts';
import {
  type ArrayObject,
  arrayBytes,
  arrayWithin,
  holderOf,
  layoutOf,
  placeOfElement,
  placeOfField,
  store,
  storeAll,
  structOf,
  type ValueSource,
} from '../gc/index.ts';
import type { Cell, Reference } from '../values/index.ts';
import type { Instance } from './instance.ts';

const NOTHING = { low: 0, high: 0 } as const;

/** @throws GasExhausted, MemoryLimitExceeded */
function reserve(instance: Instance, mnemonic: Mnemonic, bytes: number): void {
  const { tank, heap } = instance;
  const cost = (INSTRUCTION_COST[opcode(mnemonic).index] as number) + share(bytes, PER_UNIT.objectBytes);
  if (!tank.charge(cost)) {
    throw instance.outOfGas(`Gas limit exceeded: an object of a constant expression costs ${cost}`);
  }
  instance.work(cost);
  if (heap.allocate(bytes, undefined) !== 'done') refuse(instance, bytes);
}

function refuse(instance: Instance, bytes: number): never {
  const { budget } = instance;
  throw new MemoryLimitExceeded(
    `Memory limit exceeded: an object of a constant expression takes ${bytes} bytes, the limit is ${budget.limit} bytes of which ${budget.used} are in use`,
    { resources: instance.figures() },
  );
}

/** A value as if it stood in the first register. */
function inRegister({ low, high, upper = [0, 0], reference }: Cell): ValueSource {
  return { registers: Int32Array.of(low, high, ...upper), references: { get: () => reference } };
}

function newStruct(instance: Instance, mnemonic: Mnemonic, index: number, values: readonly Cell[]): Cell {
  const type = instance.module.types[index] as StructType;
  reserve(instance, mnemonic, layoutOf(type).bytes);
  const object = structOf(type);
  values.forEach((value, i) => {
    const field = type.fields[i] as StructType['fields'][number];
    store(object, placeOfField(object, i), field.type, inRegister(value), 0);
  });
  return { ...NOTHING, reference: object };
}

function newArray(
  instance: Instance,
  mnemonic: Mnemonic,
  index: number,
  length: number,
  fill: (array: ArrayObject) => void,
): Cell {
  const type = instance.module.types[index] as ArrayType;
  reserve(instance, mnemonic, arrayBytes(type, length));
  const object = arrayWithin(instance.heap, type, length) ?? refuse(instance, arrayBytes(type, length));
  fill(object);
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
      const fill = (array: ArrayObject) => storeAll(array, 0, length, inRegister(value), 0);
      stack.push(newArray(instance, mnemonic, reader.a, length, fill));
      return;
    }
    case 'array.new_default':
      stack.push(newArray(instance, mnemonic, reader.a, pop().low >>> 0, () => undefined));
      return;
    case 'array.new_fixed': {
      const values = reader.b === 0 ? [] : stack.splice(-reader.b);
      const fill = (array: ArrayObject) => {
        const holder = holderOf(array);
        values.forEach((value, i) => {
          store(holder, placeOfElement(array, i), array.type.element.type, inRegister(value), 0);
        });
      };
      stack.push(newArray(instance, mnemonic, reader.a, values.length, fill));
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

/**
 * Objects that segments refer to are made now, once: what an expression makes is another object every time.
 * @param evaluate what evaluates an expression, and makes objects by {@link makeObject}
 */
export function evaluateSegments(
  instance: Instance,
  evaluate: (instance: Instance, expression: ConstExpr) => Cell,
): void {
  const { elements } = instance.module;
  for (let i = 0; i < elements.length; i++) {
    instance.work(1);
    const count = elements.areExpressions(i) ? elements.count(i) : 0;
    const values: Reference[] = [];
    for (let j = 0; j < count; j++) {
      const expression = elements.expressionAt(i, j);
      instance.work(expression.end - expression.start);
      values.push(evaluate(instance, expression).reference);
    }
    if (count > 0) instance.segmentValues.set(i, values);
  }
}
