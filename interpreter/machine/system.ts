/**
 * The machine's instructions that work on whole instances: tables, bulk memory, growth, references. Each returns 0
 * and leaves `pc` behind itself, or returns an exit.
 */

import { GROWTH_COST, PAGE_COST, PER_UNIT, share } from '../../wasm/gas.ts';
import { isReference, slotsOf } from '../../wasm/types.ts';
import { EXIT, FIRST_SYSTEM, FIRST_VECTOR, lengthOf, MACHINE_OPS, trapExit } from '../code/isa.ts';
import { elementsOf } from '../store/elements.ts';
import type { GuestFunction, Instance } from '../store/instance.ts';
import type { ExceptionInstance, TagInstance } from '../values/exception.ts';
import { copyReferences } from '../values/reference.ts';
import { type Handler, Operands } from './instruction.ts';
import { GC_HANDLERS } from './system-objects.ts';
import type { Thread } from './thread.ts';

type System = Handler;

/** As many as are sooner copied one by one than looked at as an array of their own. */
const FEW_BYTES = 32;

/** A computation that cannot fail. */
const plain =
  (run: (o: Operands) => void): System =>
  (o) => {
    run(o);
    return 0;
  };

/**
 * Work whose cost depends on an operand: a checkpoint; then bounds; then the charge; then the work.
 * `count` is how many `perUnit` are moved, or undefined where that is out of bounds.
 */
function bulk(
  out: 'memory-out-of-bounds' | 'table-out-of-bounds',
  perUnit: number,
  count: (o: Operands) => number | undefined,
  run: (o: Operands) => void,
): System {
  return checkpoint((o) => {
    const units = count(o);
    if (units === undefined) return trapExit(out);
    if (!o.thread.charge(share(units, perUnit))) return EXIT.exhausted;
    run(o);
    return 0;
  });
}

/** Publishes the count, and comes back later if the gas at hand is used up. */
const checkpoint =
  (run: System): System =>
  (o) => {
    o.thread.published = o.thread.gas;
    return o.thread.gas < 0 ? EXIT.gas : run(o);
  };

/** `length`, if that much is there at every place. */
function within(length: number, ...places: readonly (readonly [start: number, size: number])[]): number | undefined {
  return places.every(([start, size]) => start + length <= size) ? length : undefined;
}

const HANDLERS: Record<string, System> = {
  ...GC_HANDLERS,
  'copy.ref': plain((o) => o.setReference(1, o.reference(2))),
  'null.ref': plain((o) => o.setReference(1, null)),
  'null.refs': plain((o) => o.clearReferences(1)),
  'select.ref': plain((o) => o.setReference(1, o.reference(o.signed(4) !== 0 ? 2 : 3))),
  'copy.v128': plain((o) => o.copyVector(2)),
  'select.v128': plain((o) => o.copyVector(o.signed(4) !== 0 ? 2 : 3)),
  'global.get.far': plain((o) => {
    const { type, cells, at, reference } = o.global(2);
    if (isReference(type.type)) o.setReference(1, reference);
    else {
      const { registers, fp } = o.thread;
      const register = fp + o.word(1);
      for (let i = 0; i < 2 * slotsOf([type.type]); i++) registers[register + i] = cells[at + i] as number;
    }
  }),
  'global.set.far': plain((o) => {
    const global = o.global(1);
    if (isReference(global.type.type)) global.reference = o.reference(2);
    else {
      const { registers, fp } = o.thread;
      const register = fp + o.word(2);
      for (let i = 0; i < 2 * slotsOf([global.type.type]); i++) {
        global.cells[global.at + i] = registers[register + i] as number;
      }
    }
  }),
  'ref.is_null': plain((o) => o.set(1, o.reference(2) === null ? 1 : 0)),
  'ref.func': plain((o) => o.setReference(1, o.instance.function(o.word(2)))),
  'table.get': (o) => {
    const { elements } = o.table(1);
    const index = o.unsigned(3);
    if (index >= elements.length) return trapExit('table-out-of-bounds');
    o.setReference(2, elements[index]);
    return 0;
  },
  'table.set': (o) => {
    const { elements } = o.table(1);
    const index = o.unsigned(2);
    if (index >= elements.length) return trapExit('table-out-of-bounds');
    elements[index] = o.reference(3);
    return 0;
  },
  'table.size': plain((o) => o.set(2, o.table(1).elements.length)),
  'table.grow': checkpoint((o) => {
    const table = o.table(1);
    const delta = o.unsigned(4);
    const reference = o.reference(3);
    const canGrow = table.mayGrow(delta);
    const added = canGrow ? share(delta, PER_UNIT.tableElements) : 0;
    if (!o.thread.charge(GROWTH_COST + added)) return EXIT.exhausted;
    o.set(2, canGrow ? table.grow(delta, reference) : -1);
    return 0;
  }),
  'table.fill': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (o) => within(o.unsigned(4), [o.unsigned(2), o.table(1).elements.length]),
    (o) => {
      const start = o.unsigned(2);
      o.table(1).elements.fill(o.reference(3), start, start + o.unsigned(4));
    },
  ),
  'table.copy': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (o) =>
      within(o.unsigned(5), [o.unsigned(3), o.table(1).elements.length], [o.unsigned(4), o.table(2).elements.length]),
    (o) => {
      const to = o.table(1).elements;
      const from = o.table(2).elements;
      const target = o.unsigned(3);
      const source = o.unsigned(4);
      const length = o.unsigned(5);
      copyReferences(to, target, from, source, length);
    },
  ),
  'table.init': bulk(
    'table-out-of-bounds',
    PER_UNIT.tableElements,
    (o) => within(o.unsigned(5), [o.unsigned(3), o.table(2).elements.length], [o.unsigned(4), o.elementCount(1)]),
    (o) => {
      const length = o.unsigned(5);
      if (length === 0) return;
      const to = o.table(2).elements;
      const target = o.unsigned(3);
      const source = o.unsigned(4);
      elementsOf(o.instance, o.word(1), source, source + length).forEach((reference, i) => {
        to[target + i] = reference;
      });
    },
  ),
  'elem.drop': plain((o) => o.instance.droppedElements.add(o.word(1))),
  'memory.use': plain((o) => o.thread.use(o.word(1))),
  'memory.size': plain((o) => o.set(2, o.memory(1).pages)),
  'memory.grow': checkpoint((o) => {
    const memory = o.memory(1);
    const delta = o.unsigned(3);
    const canGrow = memory.mayGrow(delta);
    if (!o.thread.charge(GROWTH_COST + (canGrow ? delta * PAGE_COST : 0))) return EXIT.exhausted;
    o.set(2, canGrow ? memory.grow(delta) : -1);
    return 0;
  }),
  'memory.fill': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (o) => within(o.unsigned(4), [o.unsigned(2), o.memory(1).byteLength]),
    (o) => {
      const start = o.unsigned(2);
      o.memory(1).bytes.fill(o.signed(3), start, start + o.unsigned(4));
    },
  ),
  'memory.copy': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (o) => within(o.unsigned(5), [o.unsigned(3), o.memory(1).byteLength], [o.unsigned(4), o.memory(2).byteLength]),
    (o) => {
      const to = o.memory(1);
      const from = o.memory(2);
      const source = o.unsigned(4);
      const end = source + o.unsigned(5);
      if (to === from) to.bytes.copyWithin(o.unsigned(3), source, end);
      else to.bytes.set(from.bytes.subarray(source, end), o.unsigned(3));
    },
  ),
  'memory.init': bulk(
    'memory-out-of-bounds',
    PER_UNIT.bytes,
    (o) => within(o.unsigned(5), [o.unsigned(3), o.memory(2).byteLength], [o.unsigned(4), o.dataLength(1)]),
    (o) => {
      const length = o.unsigned(5);
      const { bytes, data } = o.instance.module;
      const source = data.bytesOf(o.word(1)).start + o.unsigned(4);
      const target = o.unsigned(3);
      const to = o.memory(2).bytes;
      if (length > FEW_BYTES) to.set(bytes.subarray(source, source + length), target);
      else for (let i = 0; i < length; i++) to[target + i] = bytes[source + i] as number;
    },
  ),
  'data.drop': plain((o) => o.instance.droppedData.add(o.word(1))),
  return_call: (o) => o.thread.tailCall(o.instance.function(o.word(1)), o.word(2), o.word(3), o.word(4)),
  return_call_indirect: (o) => {
    const target = o.thread.element(o.word(1), o.word(2), o.unsigned(3));
    return typeof target === 'number' ? target : o.thread.tailCall(target, o.word(4), o.word(5), o.word(6));
  },
  call_ref: (o) => o.thread.toReference(o.reference(1), o.word(2)),
  return_call_ref: (o) => {
    const target = o.reference(1) as GuestFunction | null;
    if (target === null) return trapExit('null-reference');
    return o.thread.tailCall(target, o.word(2), o.word(3), o.word(4));
  },
  throw: (o) => {
    const tag = o.instance.tags[o.word(1)] as TagInstance;
    return o.thread.throw(tag, o.register(2));
  },
  throw_ref: (o) => {
    const exception = o.reference(1) as ExceptionInstance | null;
    if (exception === null) return trapExit('null-reference');
    o.thread.published = o.thread.gas;
    o.thread.exception = exception;
    return EXIT.throw;
  },
};

/** Those that set `pc` themselves. */
const JUMPS = new Set(['return_call', 'return_call_indirect', 'call_ref', 'return_call_ref']);

const operands = new Operands();

/** By number, from FIRST_SYSTEM on. */
export const SYSTEM: readonly ((thread: Thread) => number)[] = MACHINE_OPS.slice(FIRST_SYSTEM, FIRST_VECTOR).map(
  (machineOp) => {
    const run = HANDLERS[machineOp.name];
    if (run === undefined) throw new TypeError(`no handler for ${machineOp.name}`);
    const length = JUMPS.has(machineOp.name) ? 0 : lengthOf(machineOp.operands);
    return (thread) => {
      operands.thread = thread;
      operands.instance = thread.instance as Instance;
      const exit = run(operands);
      if (exit === 0) thread.pc += length;
      return exit;
    };
  },
);
