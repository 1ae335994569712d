/**
 * The machine's instructions that work on whole instances: tables, bulk memory, growth, references. Each returns 0
 * and leaves `pc` behind itself, or returns an exit.
 */

import { GROWTH_COST, PAGE_COST, PER_UNIT, share } from '../../wasm/gas.ts';
import { isReference, slotsOf } from '../../wasm/types.ts';
import { EXIT, FIRST_OBJECT, FIRST_SYSTEM, type SystemName, trapExit } from '../code/index.ts';
import { elementsOf, type GuestFunction } from '../store/index.ts';
import { copyReferences, type ExceptionInstance, type TagInstance } from '../values/index.ts';
import { carriedOut, checkpoint, type Handlers, type Instruction, type Work } from './instruction.ts';

/** As many as are sooner copied one by one than looked at as an array of their own. */
const FEW_BYTES = 32;

/** A computation that cannot fail. */
const plain =
  <At>(run: (it: Instruction, at: At) => void): Work<At> =>
  (it, at) => {
    run(it, at);
    return 0;
  };

/**
 * Work whose cost depends on an operand: a checkpoint; then bounds; then the charge; then the work.
 * `count` is how many `perUnit` are moved, or undefined where that is out of bounds.
 */
function bulk<At>(
  out: 'memory-out-of-bounds' | 'table-out-of-bounds',
  perUnit: number,
  count: (it: Instruction, at: At) => number | undefined,
  run: (it: Instruction, at: At) => void,
): Work<At> {
  return checkpoint((it, at) => {
    const units = count(it, at);
    if (units === undefined) return trapExit(out);
    if (!it.thread.charge(share(units, perUnit))) return EXIT.exhausted;
    run(it, at);
    return 0;
  });
}

/** `length`, if that much is there at every place. */
function within(length: number, ...places: readonly (readonly [start: number, size: number])[]): number | undefined {
  return places.every(([start, size]) => start + length <= size) ? length : undefined;
}

/** Carried out by rare.ts. */
type MoveName = 'copy.ref' | 'copy.v128' | 'null.refs';

const SYSTEM_HANDLERS: Handlers<Exclude<SystemName, MoveName>> = {
  'null.ref': plain((it, { result }) => it.setReference(result, null)),
  'select.ref': plain((it, { result, first, second, condition }) =>
    it.setReference(result, it.reference(it.signed(condition) !== 0 ? first : second)),
  ),
  'select.v128': plain((it, { result, first, second, condition }) =>
    it.copyVector(result, it.signed(condition) !== 0 ? first : second),
  ),
  'global.get.far': plain((it, { result, global }) => {
    const { type, cells, at, reference } = it.global(global);
    if (isReference(type.type)) it.thread.references.set(it.register(result) >> 1, reference);
    else {
      const { registers } = it.thread;
      const register = it.register(result);
      for (let i = 0; i < 2 * slotsOf([type.type]); i++) registers[register + i] = cells[at + i] as number;
    }
  }),
  'global.set.far': plain((it, at) => {
    const global = it.global(at.global);
    const register = it.register(at.value);
    if (isReference(global.type.type)) global.reference = it.thread.references.get(register >> 1);
    else {
      const { registers } = it.thread;
      for (let i = 0; i < 2 * slotsOf([global.type.type]); i++) {
        global.cells[global.at + i] = registers[register + i] as number;
      }
    }
  }),
  'ref.is_null': plain((it, { result, reference }) => it.set(result, it.reference(reference) === null ? 1 : 0)),
  'ref.func': plain((it, { result, func }) => it.setReference(result, it.instance.function(it.word(func)))),
  'table.get': (it, { table, result, index }) => {
    const { elements } = it.table(table);
    const i = it.unsigned(index);
    if (i >= elements.length) return trapExit('table-out-of-bounds');
    it.setReference(result, elements[i]);
    return 0;
  },
  'table.set': (it, { table, index, value }) => {
    const { elements } = it.table(table);
    const i = it.unsigned(index);
    if (i >= elements.length) return trapExit('table-out-of-bounds');
    elements[i] = it.reference(value);
    return 0;
  },
  'table.size': plain((it, { table, result }) => it.set(result, it.table(table).elements.length)),
  'table.grow': checkpoint((it, at) => {
    const table = it.table(at.table);
    const delta = it.unsigned(at.delta);
    const reference = it.reference(at.value);
    const canGrow = table.mayGrow(delta);
    const added = canGrow ? share(delta, PER_UNIT.tableElements) : 0;
    if (!it.thread.charge(GROWTH_COST + added)) return EXIT.exhausted;
    it.set(at.result, canGrow ? table.grow(delta, reference) : -1);
    return 0;
  }),
  'table.fill': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (it, { table, target, length }) =>
      within(it.unsigned(length), [it.unsigned(target), it.table(table).elements.length]),
    (it, { table, target, value, length }) => {
      const start = it.unsigned(target);
      it.table(table).elements.fill(it.reference(value), start, start + it.unsigned(length));
    },
  ),
  'table.copy': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (it, { to, from, target, source, length }) =>
      within(
        it.unsigned(length),
        [it.unsigned(target), it.table(to).elements.length],
        [it.unsigned(source), it.table(from).elements.length],
      ),
    (it, { to, from, target, source, length }) => {
      const { elements } = it.table(to);
      copyReferences(elements, it.unsigned(target), it.table(from).elements, it.unsigned(source), it.unsigned(length));
    },
  ),
  'table.init': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (it, { element, table, target, source, length }) =>
      within(
        it.unsigned(length),
        [it.unsigned(target), it.table(table).elements.length],
        [it.unsigned(source), it.elementCount(element)],
      ),
    (it, at) => {
      const length = it.unsigned(at.length);
      if (length === 0) return;
      const to = it.table(at.table).elements;
      const target = it.unsigned(at.target);
      const source = it.unsigned(at.source);
      elementsOf(it.instance, it.word(at.element), source, source + length).forEach((reference, i) => {
        to[target + i] = reference;
      });
    },
  ),
  'elem.drop': plain((it, { element }) => it.instance.droppedElements.add(it.word(element))),
  'memory.use': plain((it, { memory }) => it.thread.use(it.word(memory))),
  'memory.size': plain((it, { memory, result }) => it.set(result, it.memory(memory).pages)),
  'memory.grow': checkpoint((it, at) => {
    const memory = it.memory(at.memory);
    const delta = it.unsigned(at.delta);
    const canGrow = memory.mayGrow(delta);
    if (!it.thread.charge(GROWTH_COST + (canGrow ? delta * PAGE_COST : 0))) return EXIT.exhausted;
    it.set(at.result, canGrow ? memory.grow(delta) : -1);
    return 0;
  }),
  'memory.fill': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (it, { memory, target, length }) =>
      within(it.unsigned(length), [it.unsigned(target), it.memory(memory).byteLength]),
    (it, { memory, target, value, length }) => {
      const start = it.unsigned(target);
      it.memory(memory).bytes.fill(it.signed(value), start, start + it.unsigned(length));
    },
  ),
  'memory.copy': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (it, { to, from, target, source, length }) =>
      within(
        it.unsigned(length),
        [it.unsigned(target), it.memory(to).byteLength],
        [it.unsigned(source), it.memory(from).byteLength],
      ),
    (it, at) => {
      const to = it.memory(at.to);
      const from = it.memory(at.from);
      const source = it.unsigned(at.source);
      const end = source + it.unsigned(at.length);
      if (to === from) to.bytes.copyWithin(it.unsigned(at.target), source, end);
      else to.bytes.set(from.bytes.subarray(source, end), it.unsigned(at.target));
    },
  ),
  'memory.init': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (it, { data, memory, target, source, length }) =>
      within(
        it.unsigned(length),
        [it.unsigned(target), it.memory(memory).byteLength],
        [it.unsigned(source), it.dataLength(data)],
      ),
    (it, at) => {
      const length = it.unsigned(at.length);
      const { bytes, data } = it.instance.module;
      const source = data.bytesOf(it.word(at.data)).start + it.unsigned(at.source);
      const target = it.unsigned(at.target);
      const to = it.memory(at.memory).bytes;
      if (length > FEW_BYTES) to.set(bytes.subarray(source, source + length), target);
      else for (let i = 0; i < length; i++) to[target + i] = bytes[source + i] as number;
    },
  ),
  'data.drop': plain((it, { data }) => it.instance.droppedData.add(it.word(data))),
  return_call: (it, { func, base, words, weight }) =>
    it.thread.tailCall(it.instance.function(it.word(func)), it.inFrame(base), it.word(words), it.word(weight)),
  return_call_indirect: (it, { table, type, index, base, words, weight }) => {
    const target = it.thread.element(it.word(table), it.word(type), it.unsigned(index));
    if (typeof target === 'number') return target;
    return it.thread.tailCall(target, it.inFrame(base), it.word(words), it.word(weight));
  },
  call_ref: (it, { func, base }) => it.thread.toReference(it.reference(func), it.inFrame(base)),
  return_call_ref: (it, { func, base, words, weight }) => {
    const target = it.reference(func) as GuestFunction | null;
    if (target === null) return trapExit('null-reference');
    return it.thread.tailCall(target, it.inFrame(base), it.word(words), it.word(weight));
  },
  throw: (it, { tag, base }) => it.thread.throw(it.instance.tags[it.word(tag)] as TagInstance, it.register(base)),
  throw_ref: (it, at) => {
    const exception = it.reference(at.exception) as ExceptionInstance | null;
    if (exception === null) return trapExit('null-reference');
    it.thread.published = it.thread.gas;
    it.thread.exception = exception;
    return EXIT.throw;
  },
};

/** By number, from FIRST_SYSTEM on. */
export const SYSTEM = carriedOut(SYSTEM_HANDLERS, FIRST_SYSTEM, FIRST_OBJECT);
