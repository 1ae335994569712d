/** What bodies of functions are made of: what stands around, and what is done there, again and again. */

import { type ByteWriter, concat, SECTION, signed, unsigned } from '../generate/encode.ts';
import { type Bytes, Code, MOST_VALUES, type Run, type Shape, VALUE_TYPES, type ValueType, values } from './shape.ts';

/** A label that can be branched to: what values of which type a branch carries. */
interface Label {
  readonly type: ValueType;
  readonly count: number;
}

/** Locals of one run, from the first that is no parameter. */
interface Locals {
  readonly start: number;
  readonly count: number;
  readonly type: ValueType;
}

/** More locals than these are not declared, parameters left out. */
const MOST_LOCALS = 49_000;

/** A place in a function. */
export class Site {
  readonly shape: Shape;
  readonly code: Code;
  readonly params: Bytes[] = [];
  /** The same, counted. */
  readonly paramRuns: (readonly [count: number, type: ValueType])[] = [];
  readonly results: Bytes[] = [];
  readonly runs: Run[] = [];
  /** The outermost first; the function's own is not among them. */
  readonly labels: Label[] = [];
  /** What stands around may have declared locals for what is done there; and some that are not set. */
  locals: Locals = { start: 0, count: 0, type: 'i32' };
  unset: Locals = { start: 0, count: 0, type: 'i32' };
  /** Of the results. */
  resultType: ValueType = 'i32';
  private declared = 0;

  constructor(shape: Shape) {
    this.shape = shape;
    this.code = new Code(shape.limit);
  }

  /** Declares locals, fewer where there are too many. */
  declare(wanted: number, type: Bytes, value: ValueType = 'i32'): Locals {
    const start = this.declared;
    const count = Math.min(wanted, MOST_LOCALS - start);
    this.runs.push([count, type]);
    this.declared += count;
    return { start, count, type: value };
  }

  /** The index, for a branch, of the label that carries most. */
  wide(): { readonly depth: number; readonly label: Label } {
    let best = this.labels.length - 1;
    for (let i = best; i >= 0; i--) {
      if ((this.labels[i] as Label).count > (this.labels[best] as Label).count) best = i;
    }
    const label = this.labels[best] ?? { type: 'i32', count: 0 };
    return { depth: this.labels.length - 1 - best, label };
  }

  values(type: ValueType, count: number): void {
    this.shape.values(this.code, type, count);
  }

  drop(type: ValueType, count: number): void {
    this.shape.drop(this.code, type, count);
  }

  /** Code in a block that is left before. */
  skipped(write: () => void): void {
    this.code.bytes([0x02, 0x40, 0x41, 1, 0x0d, 0]);
    this.labels.push({ type: 'i32', count: 0 });
    write();
    this.labels.pop();
    this.code.u8(0x0b);
  }

  /** Code in a block whose operands are any, as it is never reached. */
  unreachable(write: () => void): void {
    this.skipped(() => {
      this.code.bytes([0x00]);
      write();
      this.code.bytes([0x00]);
    });
  }

  /** A block of the code of its instruction, its label's values, and what closes it. */
  open(instruction: Bytes, label: Label): void {
    this.code.bytes(instruction);
    this.labels.push(label);
  }

  close(): void {
    this.labels.pop();
    this.code.u8(0x0b);
  }
}

/** Parameters are integers between two bounds. */
export interface Parameter {
  readonly name: string;
  readonly most: number;
}

export interface Construct<Place, Result> {
  readonly parameters: readonly Parameter[];
  /** Types of values that it may be made with; the first unless said. */
  readonly types?: readonly ValueType[];
  readonly write: (place: Place, n: number, m: number, type: ValueType) => Result;
}

/** Constructs that stand around others: what they return writes what comes behind. */
export type Around = Construct<Site, () => void>;
export type Action = Construct<Site, void>;

const MANY: Parameter = { name: 'count', most: 500_000 };
const ARITY: Parameter = { name: 'arity', most: MOST_VALUES };
const NESTING: Parameter = { name: 'depth', most: 4_000 };

export const ALL_TYPES = Object.keys(VALUE_TYPES) as ValueType[];
/** Most of the time a number tells enough. */
const SOME_TYPES: readonly ValueType[] = ['i32', 'v128', 'externref', 'exnref'];

const block = (opcode: number, site: Site, params: Bytes[], results: Bytes[]): Bytes => [
  opcode,
  ...site.shape.blockType(params, results),
];

export const AROUND: Readonly<Record<string, Around>> = {
  locals: {
    parameters: [{ name: 'count', most: 49_000 }],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      site.locals = site.declare(n, VALUE_TYPES[type], type);
      return () => undefined;
    },
  },
  /** Alternating, each in a run of its own. */
  runs: {
    parameters: [{ name: 'count', most: 49_000 }],
    write: (site, n) => {
      for (let i = 0; i < n; i++) site.declare(1, i % 2 === 0 ? [0x7f] : [0x7e]);
      return () => undefined;
    },
  },
  'empty-runs': {
    parameters: [{ name: 'count', most: 49_000 }],
    write: (site, n) => {
      for (let i = 0; i < n; i++) site.runs.push([0, i % 2 === 0 ? [0x7f] : [0x7e]]);
      return () => undefined;
    },
  },
  /** Locals that are not set, and may not be read before they are. */
  unset: {
    parameters: [{ name: 'count', most: 49_000 }],
    write: (site, n) => {
      site.unset = site.declare(n, [0x64, 0x70]);
      return () => undefined;
    },
  },
  params: {
    parameters: [ARITY],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      const count = Math.min(n, MOST_VALUES - site.params.length);
      site.params.push(...values(type, count));
      site.paramRuns.push([count, type]);
      return () => undefined;
    },
  },
  results: {
    parameters: [ARITY],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      if (site.results.length > 0) return () => undefined;
      for (const each of values(type, n)) site.results.push(each);
      site.resultType = type;
      return () => undefined;
    },
  },
  operands: {
    parameters: [{ name: 'count', most: 1_000_000 }],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      site.values(type, n);
      return () => site.drop(type, n);
    },
  },
  /** Operands that are there only in code that is left out. */
  'skipped-operands': {
    parameters: [{ name: 'count', most: 1_000_000 }],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      site.code.bytes([0x41, 0, 0x04, 0x40]);
      site.values(type, n);
      site.drop(type, n);
      site.code.u8(0x0b);
      return () => undefined;
    },
  },
  skipped: {
    parameters: [],
    write: (site) => {
      site.open([0x02, 0x40], { type: 'i32', count: 0 });
      site.code.bytes([0x41, 1, 0x0d, 0]);
      return () => site.close();
    },
  },
  dead: {
    parameters: [],
    write: (site) => {
      site.open([0x02, 0x40], { type: 'i32', count: 0 });
      site.code.bytes([0x0c, 0]);
      return () => site.close();
    },
  },
  block: {
    parameters: [ARITY],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      site.open(block(0x02, site, [], values(type, n)), { type, count: n });
      return () => {
        site.values(type, n);
        site.close();
        site.drop(type, n);
      };
    },
  },
  loop: {
    parameters: [ARITY],
    types: SOME_TYPES,
    write: (site, n, _m, type) => {
      site.values(type, n);
      site.open(block(0x03, site, values(type, n), []), { type, count: n });
      site.drop(type, n);
      return () => site.close();
    },
  },
  if: {
    parameters: [ARITY],
    types: SOME_TYPES,
    write: (site, n, _m, type) => {
      site.code.bytes([0x41, 1]);
      site.open(block(0x04, site, [], values(type, n)), { type, count: n });
      return () => {
        site.values(type, n);
        site.code.u8(0x05);
        site.values(type, n);
        site.close();
        site.drop(type, n);
      };
    },
  },
  try: {
    parameters: [{ name: 'clauses', most: 60_000 }],
    write: (site, n) => {
      // Clauses lead to the label that carries most; where none is, to the function's own would do, but a block is surer.
      site.open([0x02, 0x40], { type: 'i32', count: 0 });
      const { depth, label } = site.wide();
      const clause =
        label.count === 0
          ? [0x02, 0]
          : [0x00, ...unsigned(site.shape.tag(values(label.type, label.count))), ...unsigned(depth)];
      site.code.bytes([0x1f, 0x40]).unsigned(n).repeat(clause, n);
      site.labels.push({ type: 'i32', count: 0 });
      return () => {
        site.close();
        site.close();
      };
    },
  },
  nested: {
    parameters: [NESTING, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const instruction = block(0x02, site, [], values(type, m));
      for (let i = 0; i < n; i++) site.open(instruction, { type, count: m });
      return () => {
        site.values(type, m);
        for (let i = 0; i < n; i++) site.close();
        site.drop(type, m);
      };
    },
  },
  'nested-void': {
    parameters: [NESTING],
    write: (site, n) => {
      for (let i = 0; i < n; i++) site.open([0x02, 0x40], { type: 'i32', count: 0 });
      return () => {
        for (let i = 0; i < n; i++) site.close();
      };
    },
  },
  'nested-loops': {
    parameters: [NESTING],
    write: (site, n) => {
      for (let i = 0; i < n; i++) site.open([0x03, 0x40], { type: 'i32', count: 0 });
      return () => {
        for (let i = 0; i < n; i++) site.close();
      };
    },
  },
  'nested-ifs': {
    parameters: [NESTING],
    write: (site, n) => {
      for (let i = 0; i < n; i++) {
        site.code.bytes([0x41, 1]);
        site.open([0x04, 0x40], { type: 'i32', count: 0 });
      }
      return () => {
        for (let i = 0; i < n; i++) {
          site.code.u8(0x05);
          site.close();
        }
      };
    },
  },
  /** Of what came before `try_table`: each ends with clauses, the first of which could catch nothing but its own tag. */
  'nested-catches': {
    parameters: [NESTING, { name: 'clauses', most: 10_000 }],
    write: (site, n, m) => {
      const tag = unsigned(site.shape.tag([]));
      site.code.repeat([0x06, 0x40], n);
      for (let i = 0; i < n; i++) site.labels.push({ type: 'i32', count: 0 });
      return () => {
        for (let i = 0; i < n; i++) {
          site.code.repeat(concat([0x07], tag), m);
          site.close();
        }
      };
    },
  },
  /** Each in the arm of the one around, with all that those have caught below. */
  'nested-arms': {
    parameters: [NESTING],
    write: (site, n) => {
      const tag = site.shape.tag([]);
      for (let i = 0; i < n; i++) {
        site.code.bytes([0x06, 0x40, 0x08]).unsigned(tag).u8(0x19);
        site.labels.push({ type: 'i32', count: 0 });
      }
      return () => {
        for (let i = 0; i < n; i++) site.close();
      };
    },
  },
  'nested-tries': {
    parameters: [NESTING, { name: 'clauses', most: 10_000 }],
    write: (site, n, m) => {
      site.open([0x02, 0x40], { type: 'i32', count: 0 });
      for (let i = 0; i < n; i++) {
        site.code.bytes([0x1f, 0x40]).unsigned(m);
        // To the block around all of them.
        site.code.repeat([0x02, ...unsigned(i)], m);
        site.labels.push({ type: 'i32', count: 0 });
      }
      return () => {
        for (let i = 0; i < n; i++) site.close();
        site.close();
      };
    },
  },
};

/** Instructions that branch, behind the values that they carry. */
function branches(site: Site, times: number, before: Bytes, opcode: number, behind: Bytes = []): void {
  const { depth, label } = site.wide();
  if (site.labels.length === 0) {
    site.open([0x02, 0x40], { type: 'i32', count: 0 });
    site.code.repeat(concat(before, [opcode, 0], behind), times);
    site.close();
    return;
  }
  site.values(label.type, label.count);
  site.code.repeat(concat(before, [opcode], unsigned(depth), behind), times);
  site.drop(label.type, label.count);
}

/** Constructs of a type from values to the same values, one behind the other. */
function transforming(write: (type: Bytes) => Bytes): Action {
  return {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      site.values(type, m);
      site.code.repeat(write(signed(site.shape.transformer(type, m))), n);
      site.drop(type, m);
    },
  };
}

/** The same bytes again and again. */
function repeated(bytes: Bytes | ((site: Site) => Bytes), before: Bytes = [], behind: Bytes = []): Action {
  return {
    parameters: [MANY],
    write: (site, n) => {
      const each = typeof bytes === 'function' ? bytes(site) : bytes;
      site.code.bytes(before).repeat(each, n).bytes(behind);
    },
  };
}

/** Bytes that depend on the number of the repetition. */
function counted(write: (code: ByteWriter, i: number, site: Site) => void): Action {
  return {
    parameters: [MANY],
    write: (site, n) => {
      for (let i = 0; i < n; i++) write(site.code, i, site);
    },
  };
}

const identity = (shape: Shape, type: ValueType, count: number): number =>
  shape.keep(`identity ${type} ${count}`, () => {
    const code = new Code(shape.limit);
    for (let i = 0; i < count; i++) code.bytes([0x20]).unsigned(i);
    return shape.function(shape.transformer(type, count), [], code.finish());
  });

const nothing = (shape: Shape): number => shape.keep('nothing', () => shape.function(shape.signature([], []), [], []));

/** A struct type of so many fields; of i32 that can be set. */
const struct = (shape: Shape, fields: number): number =>
  shape.keep(`struct ${fields}`, () =>
    shape.type(concat([0x5f], unsigned(fields), new Code(shape.limit).repeat([0x7f, 1], fields).finish())),
  );

const array = (shape: Shape): number => shape.keep('array', () => shape.type([0x5e, 0x7f, 1]));

/** A passive segment of data. */
const data = (shape: Shape): number =>
  shape.keep('data', () => {
    shape.add(SECTION.data, [1, 1, 0]);
    return shape.data++;
  });

const elements = (shape: Shape): number =>
  shape.keep('elements', () => {
    shape.add(SECTION.element, [1, 0, 1, 0]);
    return shape.elements++;
  });

const global = (shape: Shape): number =>
  shape.keep('global', () => {
    shape.add(SECTION.global, [0x7f, 1, 0x41, 0, 0x0b]);
    return shape.globals++;
  });

const zeros = (type: ValueType): Bytes =>
  type === 'i32'
    ? [0x41, 0]
    : type === 'i64'
      ? [0x42, 0]
      : type === 'f64'
        ? [0x44, 0, 0, 0, 0, 0, 0, 0, 0]
        : type === 'v128'
          ? [0xfd, 0x0c, ...new Uint8Array(16)]
          : [0xd0, ...VALUE_TYPES[type]];

/** One of the locals around, spread over all of them. */
function local(site: Site, i: number): number {
  const { start, count } = site.locals;
  return count === 0 ? -1 : site.params.length + start + count - 1 - ((i * 7919) % count);
}

/** Updates of a value that depend on the one before; no compiler can leave them out. */
function mixing(type: Bytes, load: Bytes, update: Bytes, store: Bytes): Action {
  return {
    parameters: [MANY],
    write: (site, n) => {
      const { start } = site.declare(1, type);
      const index = unsigned(site.params.length + start);
      const each = concat(
        ...[...update].map((byte) => (byte === LOCAL ? concat([0x20], index) : [byte])),
        [0x21],
        index,
      );
      site.shape.memory();
      site.code.bytes([0x41, 0]).bytes(load).u8(0x21).bytes(index).repeat(each, n);
      site.code.bytes([0x41, 0, 0x20]).bytes(index).bytes(store);
    },
  };
}

/** Stands for reading the local, in code that has no such byte otherwise. */
const LOCAL = 0xee;

export const ACTIONS: Readonly<Record<string, Action>> = {
  /** x = (x ^ (x << 5)) + 13 */
  mixing: mixing([0x7f], [0x28, 2, 0], [LOCAL, LOCAL, 0x41, 5, 0x74, 0x73, 0x41, 13, 0x6a], [0x36, 2, 0]),
  /** x = x * 3 + 1 */
  'long-mixing': mixing([0x7e], [0x29, 3, 0], [LOCAL, 0x42, 3, 0x7e, 0x42, 1, 0x7c], [0x37, 3, 0]),
  /** x = x * x + x */
  'float-mixing': mixing([0x7c], [0x2b, 3, 0], [LOCAL, LOCAL, 0xa2, LOCAL, 0xa0], [0x39, 3, 0]),
  /** x = memory[x & 0xff0] + 16 */
  'memory-mixing': mixing(
    [0x7f],
    [0x28, 2, 0],
    [LOCAL, 0x41, 0xf0, 0x1f, 0x71, 0x28, 2, 0, 0x41, 16, 0x6a],
    [0x36, 2, 0],
  ),
  nop: repeated([0x01]),
  constants: repeated([0x41, 0, 0x1a]),
  'long-constants': repeated([0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x1a]),
  vectors: repeated([0xfd, 0x0c, ...new Uint8Array(16), 0x1a]),
  additions: repeated([0x41, 1, 0x6a], [0x41, 0], [0x1a]),
  operations: repeated([0x45], [0x41, 0], [0x1a]),
  selects: repeated([0x41, 0, 0x41, 0, 0x1b], [0x41, 0], [0x1a]),
  'typed-selects': repeated([0x41, 0, 0x41, 0, 0x1c, 1, 0x7f], [0x41, 0], [0x1a]),
  /** All pushed, and then all dropped. */
  pile: {
    parameters: [MANY],
    types: ALL_TYPES,
    write: (site, n, _m, type) => {
      site.code.repeat(zeros(type), n).repeat([0x1a], n);
    },
  },
  'locals-read': counted((code, i, site) => {
    const index = local(site, i);
    if (index < 0) code.u8(0x01);
    else code.u8(0x20).unsigned(index).u8(0x1a);
  }),
  'locals-written': counted((code, i, site) => {
    const index = local(site, i);
    if (index < 0) code.u8(0x01);
    else code.bytes(zeros(site.locals.type)).u8(0x21).unsigned(index);
  }),
  /** Many operands that are the same local, which is then written. */
  'locals-piled': {
    parameters: [MANY],
    write: (site, n) => {
      const index = local(site, 0);
      if (index < 0) return;
      site.code
        .repeat([0x20, ...unsigned(index)], n)
        .bytes(zeros(site.locals.type))
        .u8(0x21)
        .unsigned(index)
        .repeat([0x1a], n);
    },
  },
  /** As many operands that are a local, written again and again. */
  'locals-overwritten': {
    parameters: [MANY, { name: 'operands', most: 100_000 }],
    write: (site, n, m) => {
      const index = local(site, 0);
      if (index < 0) return;
      site.code.repeat([0x20, ...unsigned(index)], m);
      site.code.repeat(concat(zeros(site.locals.type), [0x21], unsigned(index)), n);
      site.code.repeat([0x1a], m);
    },
  },
  /** Sets what was not set, in blocks of which the end forgets it. */
  'locals-set': {
    parameters: [MANY],
    write: (site, n) => {
      const { start, count } = site.unset;
      if (count === 0) return;
      const function_ = nothing(site.shape);
      site.shape.declare(function_);
      for (let i = 0; i < n; i++) {
        const index = site.params.length + start + count - 1 - (i % count);
        site.code.bytes([0x02, 0x40, 0xd2]).unsigned(function_).u8(0x21).unsigned(index).u8(0x0b);
      }
    },
  },
  br_if: { parameters: [MANY], write: (site, n) => branches(site, n, [0x41, 0], 0x0d) },
  br_on_null: {
    parameters: [MANY],
    write: (site, n) => {
      const function_ = nothing(site.shape);
      site.shape.declare(function_);
      branches(site, n, concat([0xd2], unsigned(function_)), 0xd5, [0x1a]);
    },
  },
  br_on_cast: {
    parameters: [MANY, ARITY],
    write: (site, n, m) => {
      const types = [...values('i32', m - 1), VALUE_TYPES.anyref];
      site.code.bytes([0x02]).bytes(site.shape.blockType([], types));
      site.values('i32', m - 1);
      site.code.bytes([0xd0, 0x6e]);
      // From anyref to i31 that is not null: never taken.
      site.code.repeat([0xfb, 0x18, 1, 0, 0x6e, 0x6c], n);
      site.code.bytes([0x0b, 0x1a]);
      site.drop('i32', m - 1);
    },
  },
  br_on_cast_fail: {
    parameters: [MANY, ARITY],
    write: (site, n, m) => {
      const types = [...values('i32', m - 1), VALUE_TYPES.anyref];
      site.code.bytes([0x02]).bytes(site.shape.blockType([], types));
      site.values('i32', m - 1);
      site.code.bytes([0xd0, 0x6c]);
      site.code.repeat([0xfb, 0x19, 3, 0, 0x6c, 0x6c], n);
      site.code.bytes([0x0b, 0x1a]);
      site.drop('i32', m - 1);
    },
  },
  br_on_non_null: {
    parameters: [MANY, ARITY],
    write: (site, n, m) => {
      const types = [...values('i32', m - 1), VALUE_TYPES.externref];
      site.code.bytes([0x02]).bytes(site.shape.blockType([], types));
      site.values('i32', m - 1);
      site.code.repeat([0xd0, 0x6f, 0xd6, 0], n);
      site.code.bytes([0xd0, 0x6f, 0x0b, 0x1a]);
      site.drop('i32', m - 1);
    },
  },
  br: {
    parameters: [MANY],
    write: (site, n) => {
      const { label } = site.wide();
      // One more construct is around the branch, and one more label where none was.
      const { depth } = site.wide();
      site.skipped(() => {
        for (let i = 0; i < n; i++) {
          site.code.bytes([0x41, 0, 0x04, 0x40]);
          site.values(label.type, label.count);
          site.code.u8(0x0c).unsigned(site.labels.length === 1 ? 1 : depth + 2);
          site.code.u8(0x0b);
        }
      });
    },
  },
  'br-dead': {
    parameters: [MANY],
    write: (site, n) => {
      const { depth } = site.wide();
      site.unreachable(() => site.code.repeat(concat([0x0c], unsigned(site.labels.length === 1 ? 0 : depth + 1)), n));
    },
  },
  'br_if-dead': {
    parameters: [MANY],
    write: (site, n) => {
      const { depth } = site.wide();
      site.unreachable(() =>
        site.code.repeat(concat([0x0d], unsigned(site.labels.length === 1 ? 0 : depth + 1), [0x00]), n),
      );
    },
  },
  br_table: {
    parameters: [
      { name: 'count', most: 100_000 },
      { name: 'labels', most: 60_000 },
    ],
    write: (site, n, m) => {
      const { depth, label } = site.wide();
      const at = unsigned(site.labels.length === 0 ? 0 : depth + 2);
      site.skipped(() => {
        for (let i = 0; i < n; i++) {
          site.code.bytes([0x41, 0, 0x04, 0x40]);
          site.values(label.type, label.count);
          site.code
            .bytes([0x41, 0, 0x0e])
            .unsigned(m)
            .repeat(at, m + 1)
            .u8(0x0b);
        }
      });
    },
  },
  /** To every label around that carries as much, in turn. */
  'br_table-mixed': {
    parameters: [
      { name: 'count', most: 100_000 },
      { name: 'labels', most: 60_000 },
    ],
    write: (site, n, m) => {
      const { label } = site.wide();
      const depths = site.labels.flatMap((each, i) =>
        each.count === label.count && each.type === label.type ? [site.labels.length - 1 - i] : [],
      );
      site.skipped(() => {
        for (let i = 0; i < n; i++) {
          site.code.bytes([0x41, 0, 0x04, 0x40]);
          site.values(label.type, label.count);
          site.code.bytes([0x41, 0, 0x0e]).unsigned(m);
          for (let j = 0; j <= m; j++)
            site.code.unsigned(depths.length === 0 ? 0 : (depths[(i + j) % depths.length] as number) + 2);
          site.code.u8(0x0b);
        }
      });
    },
  },
  'br_table-dead': {
    parameters: [
      { name: 'count', most: 100_000 },
      { name: 'labels', most: 60_000 },
    ],
    write: (site, n, m) => {
      const { depth } = site.wide();
      const at = unsigned(site.labels.length === 0 ? 0 : depth + 1);
      site.unreachable(() => {
        for (let i = 0; i < n; i++)
          site.code
            .bytes([0x0e])
            .unsigned(m)
            .repeat(at, m + 1);
      });
    },
  },
  /** Taken: the index is one of many. */
  'br_table-run': {
    parameters: [
      { name: 'count', most: 100_000 },
      { name: 'labels', most: 60_000 },
    ],
    write: (site, n, m) => {
      for (let i = 0; i < n; i++) {
        site.code
          .bytes([0x02, 0x40, 0x41])
          .signed(m >> 1)
          .u8(0x0e)
          .unsigned(m)
          .repeat([0], m + 1)
          .u8(0x0b);
      }
    },
  },
  return: {
    parameters: [MANY],
    write: (site, n) => {
      site.skipped(() => {
        for (let i = 0; i < n; i++) {
          site.code.bytes([0x41, 0, 0x04, 0x40]);
          site.values(site.resultType, site.results.length);
          site.code.bytes([0x0f, 0x0b]);
        }
      });
    },
  },
  'return-dead': { parameters: [MANY], write: (site, n) => site.unreachable(() => site.code.repeat([0x0f], n)) },
  blocks: repeated([0x02, 0x40, 0x0b]),
  loops: repeated([0x03, 0x40, 0x0b]),
  ifs: repeated([0x41, 1, 0x04, 0x40, 0x0b]),
  'ifs-else': repeated([0x41, 1, 0x04, 0x40, 0x05, 0x0b]),
  'loops-with-locals': counted((code, i, site) => {
    const index = local(site, i);
    code.bytes([0x03, 0x40]);
    if (index >= 0) code.bytes(zeros(site.locals.type)).u8(0x21).unsigned(index);
    code.u8(0x0b);
  }),
  'typed-blocks': transforming((type) => [0x02, ...type, 0x0b]),
  'typed-loops': transforming((type) => [0x03, ...type, 0x0b]),
  'typed-ifs': transforming((type) => [0x41, 1, 0x04, ...type, 0x0b]),
  'typed-ifs-else': transforming((type) => [0x41, 1, 0x04, ...type, 0x05, 0x0b]),
  'typed-tries': transforming((type) => [0x1f, ...type, 0, 0x0b]),
  'typed-br': transforming((type) => [0x02, ...type, 0x0c, 0, 0x0b]),
  'typed-br_if': transforming((type) => [0x02, ...type, 0x41, 1, 0x0d, 0, 0x0b]),
  'typed-br_table': transforming((type) => [0x02, ...type, 0x41, 1, 0x0e, 2, 0, 0, 0, 0x0b]),
  'typed-return': {
    parameters: [MANY, ARITY],
    write: (site, n, m) => {
      const { shape } = site;
      const type = shape.transformer('i32', m);
      const inner = new Code(shape.limit);
      shape.values(inner, 'i32', m);
      inner.repeat([0x41, 0, 0x0d, 0], n);
      const function_ = shape.function(type, [], inner.finish());
      site.values('i32', m);
      site.code.bytes([0x10]).unsigned(function_);
      site.drop('i32', m);
    },
  },
  /** Blocks with values in one another. */
  'typed-nest': {
    parameters: [NESTING, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      site.values(type, m);
      site.code.repeat([0x02, ...signed(site.shape.transformer(type, m))], n).repeat([0x0b], n);
      site.drop(type, m);
    },
  },
  'typed-loop-nest': {
    parameters: [NESTING, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      site.values(type, m);
      site.code.repeat([0x03, ...signed(site.shape.transformer(type, m))], n).repeat([0x0b], n);
      site.drop(type, m);
    },
  },
  calls: repeated((site) => [0x10, ...unsigned(nothing(site.shape))]),
  'typed-calls': {
    parameters: [MANY, ARITY],
    types: ALL_TYPES,
    write: (site, n, m, type) => {
      site.values(type, m);
      site.code.repeat([0x10, ...unsigned(identity(site.shape, type, m))], n);
      site.drop(type, m);
    },
  },
  'sources-and-sinks': {
    parameters: [MANY, ARITY],
    types: ALL_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      site.code.repeat([0x10, ...unsigned(shape.source(type, m)), 0x10, ...unsigned(shape.sink(type, m))], n);
    },
  },
  'indirect-calls': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      const function_ = identity(shape, type, m);
      const table = shape.table();
      shape.keep(`active ${function_}`, () => {
        shape.add(SECTION.element, [0x00, 0x41, 0, 0x0b, 1], unsigned(function_));
        return shape.elements++;
      });
      site.values(type, m);
      site.code.repeat(concat([0x41, 0, 0x11], unsigned(shape.transformer(type, m)), unsigned(table)), n);
      site.drop(type, m);
    },
  },
  'ref-calls': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      const function_ = identity(shape, type, m);
      shape.declare(function_);
      site.values(type, m);
      site.code.repeat(concat([0xd2], unsigned(function_), [0x14], unsigned(shape.transformer(type, m))), n);
      site.drop(type, m);
    },
  },
  'tail-calls': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      const code = concat([0x10], unsigned(shape.source(type, m)), [0x12], unsigned(identity(shape, type, m)));
      const function_ = shape.function(shape.signature([], values(type, m)), [], code);
      for (let i = 0; i < n; i++) {
        site.code.bytes([0x10]).unsigned(function_);
        site.drop(type, m);
      }
    },
  },
  'tail-calls-dead': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      const inner = concat(
        [0x00],
        new Code(shape.limit).repeat([0x12, ...unsigned(identity(shape, type, m))], n).finish(),
      );
      shape.function(shape.transformer(type, m), [], inner);
      void site;
    },
  },
  /** Results that are never taken, in code that is left out. */
  'calls-skipped': {
    parameters: [{ name: 'count', most: 1_000 }, ARITY],
    types: ALL_TYPES,
    write: (site, n, m, type) => {
      site.code.bytes([0x41, 0, 0x04, 0x40]);
      site.code.repeat([0x10, ...unsigned(site.shape.source(type, m))], n);
      site.code.bytes([0x00, 0x0b]);
    },
  },
  'calls-dead': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      site.unreachable(() => site.code.repeat([0x10, ...unsigned(site.shape.source(type, m)), 0x00], n));
    },
  },
  'sinks-dead': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      site.unreachable(() => site.code.repeat([0x10, ...unsigned(site.shape.sink(type, m))], n));
    },
  },
  tries: {
    parameters: [
      { name: 'count', most: 100_000 },
      { name: 'clauses', most: 60_000 },
    ],
    write: (site, n, m) => {
      const { depth, label } = site.wide();
      if (label.count === 0) {
        site.open([0x02, 0x40], { type: 'i32', count: 0 });
        for (let i = 0; i < n; i++) site.code.bytes([0x1f, 0x40]).unsigned(m).repeat([0x02, 0], m).u8(0x0b);
        site.close();
        return;
      }
      const tag = site.shape.tag(values(label.type, label.count));
      const clause = concat([0x00], unsigned(tag), unsigned(depth));
      for (let i = 0; i < n; i++) site.code.bytes([0x1f, 0x40]).unsigned(m).repeat(clause, m).u8(0x0b);
    },
  },
  /** Thrown and caught, values and all. */
  throws: {
    parameters: [{ name: 'count', most: 100_000 }, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const { shape } = site;
      const tag = unsigned(shape.tag(values(type, m)));
      const result = shape.blockType([], values(type, m));
      for (let i = 0; i < n; i++) {
        site.code.bytes([0x02]).bytes(result);
        site.code.bytes([0x1f, 0x40, 1, 0x00]).bytes(tag).u8(0);
        site.values(type, m);
        site.code.u8(0x08).bytes(tag).bytes([0x0b, 0x00, 0x0b]);
        site.drop(type, m);
      }
    },
  },
  /** The same of what came before `try_table`. */
  'throws-to-arms': {
    parameters: [{ name: 'count', most: 100_000 }, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const tag = unsigned(site.shape.tag(values(type, m)));
      const result = site.shape.blockType([], values(type, m));
      for (let i = 0; i < n; i++) {
        site.code.u8(0x06).bytes(result);
        site.values(type, m);
        site.code.u8(0x08).bytes(tag).u8(0x07).bytes(tag).u8(0x0b);
        site.drop(type, m);
      }
    },
  },
  /** Arms that take and leave as much as a type of two bytes says. */
  arms: {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const tag = unsigned(site.shape.tag(values(type, m)));
      site.code.u8(0x06).bytes(site.shape.blockType([], values(type, m)));
      site.values(type, m);
      site.code.repeat(concat([0x07], tag), n).u8(0x0b);
      site.drop(type, m);
    },
  },
  /** To the outermost label. */
  delegates: {
    parameters: [MANY],
    write: (site, n) => {
      const tag = site.shape.tag([]);
      const depth = unsigned(Math.max(0, site.labels.length - 1));
      site.code.repeat(concat([0x06, 0x40, 0x41, 0, 0x04, 0x40, 0x08], unsigned(tag), [0x0b, 0x18], depth), n);
    },
  },
  'throws-dead': {
    parameters: [MANY, ARITY],
    types: SOME_TYPES,
    write: (site, n, m, type) => {
      const tag = unsigned(site.shape.tag(values(type, m)));
      site.unreachable(() => site.code.repeat(concat([0x08], tag), n));
    },
  },
  structs: {
    parameters: [MANY, { name: 'fields', most: 1_000 }],
    write: (site, n, m) => {
      const type = unsigned(struct(site.shape, m));
      for (let i = 0; i < n; i++) {
        site.values('i32', m);
        site.code.bytes([0xfb, 0]).bytes(type).u8(0x1a);
      }
    },
  },
  'default-structs': {
    parameters: [MANY, { name: 'fields', most: 10_000 }],
    write: (site, n, m) => {
      site.code.repeat(concat([0xfb, 1], unsigned(struct(site.shape, m)), [0x1a]), n);
    },
  },
  'structs-dead': {
    parameters: [MANY, { name: 'fields', most: 10_000 }],
    write: (site, n, m) => {
      const type = unsigned(struct(site.shape, m));
      site.unreachable(() => site.code.repeat(concat([0xfb, 0], type, [0x1a]), n));
    },
  },
  'fixed-arrays': {
    parameters: [MANY, { name: 'elements', most: 10_000 }],
    write: (site, n, m) => {
      const type = unsigned(array(site.shape));
      for (let i = 0; i < n; i++) {
        site.values('i32', m);
        site.code.bytes([0xfb, 8]).bytes(type).unsigned(m).u8(0x1a);
      }
    },
  },
  'fixed-arrays-dead': {
    parameters: [MANY, { name: 'elements', most: 10_000 }],
    write: (site, n, m) => {
      const type = unsigned(array(site.shape));
      site.unreachable(() => site.code.repeat(concat([0xfb, 8], type, unsigned(m), [0x1a]), n));
    },
  },
  'default-arrays': {
    parameters: [MANY, { name: 'elements', most: 100_000 }],
    write: (site, n, m) => {
      site.code.repeat(concat([0x41], signed(m), [0xfb, 7], unsigned(array(site.shape)), [0x1a]), n);
    },
  },
  casts: repeated([0xd0, 0x6e, 0xfb, 0x15, 0x6c, 0x1a]),
  i31: repeated([0x41, 0, 0xfb, 0x1c, 0x1a]),
  'function-references': repeated((site) => {
    const function_ = nothing(site.shape);
    site.shape.declare(function_);
    return concat([0xd2], unsigned(function_), [0x1a]);
  }),
  globals: {
    parameters: [MANY],
    write: (site, n) => {
      global(site.shape);
      for (let i = 0; i < n; i++) {
        // The last are the ones that a part of the module has added, of any type: only read and dropped.
        site.code
          .u8(0x23)
          .unsigned(i % site.shape.globals)
          .u8(0x1a);
      }
    },
  },
  'global-writes': repeated((site) => [0x41, 0, 0x24, ...unsigned(global(site.shape))]),
  loads: repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x28, 2, 0, 0x1a];
  }),
  stores: repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0, 0x36, 2, 0];
  }),
  'memory.size': repeated((site) => {
    site.shape.memory();
    return [0x3f, 0, 0x1a];
  }),
  'memory.grow': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x40, 0, 0x1a];
  }),
  'memory.grow-refused': repeated((site) => {
    site.shape.memory();
    return [0x41, 0xff, 0xff, 3, 0x40, 0, 0x1a];
  }),
  'memory.fill': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0];
  }),
  'memory.copy': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0a, 0, 0];
  }),
  'memory.init': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x08, ...unsigned(data(site.shape)), 0];
  }),
  'atomic-loads': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0xfe, 0x10, 2, 0, 0x1a];
  }),
  'atomic-additions': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x42, 1, 0xfe, 0x1f, 3, 0, 0x1a];
  }),
  'atomic-exchanges': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0, 0x41, 1, 0xfe, 0x48, 2, 0, 0x1a];
  }),
  'atomic.notify': repeated((site) => {
    site.shape.memory();
    return [0x41, 0, 0x41, 0x7f, 0xfe, 0x00, 2, 0, 0x1a];
  }),
  'atomic.fence': repeated([0xfe, 0x03, 0]),
  'data.drop': repeated((site) => [0xfc, 0x09, ...unsigned(data(site.shape))]),
  'elem.drop': repeated((site) => [0xfc, 0x0d, ...unsigned(elements(site.shape))]),
  'table.get': repeated((site) => [0x41, 0, 0x25, ...unsigned(site.shape.table()), 0x1a]),
  'table.set': repeated((site) => [0x41, 0, 0xd0, 0x70, 0x26, ...unsigned(site.shape.table())]),
  'table.grow': repeated((site) => [0xd0, 0x70, 0x41, 0, 0xfc, 0x0f, ...unsigned(site.shape.table()), 0x1a]),
  'table.grow-refused': repeated((site) => [
    0xd0,
    0x70,
    0x41,
    0xff,
    0xff,
    0xff,
    0xff,
    0x07,
    0xfc,
    0x0f,
    ...unsigned(site.shape.table()),
    0x1a,
  ]),
  'table.fill': repeated((site) => [0x41, 0, 0xd0, 0x70, 0x41, 0, 0xfc, 0x11, ...unsigned(site.shape.table())]),
  'table.copy': repeated((site) => {
    const table = unsigned(site.shape.table());
    return [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0e, ...table, ...table];
  }),
  'table.init': repeated((site) => {
    const table = unsigned(site.shape.table());
    return [0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0c, ...unsigned(elements(site.shape)), ...table];
  }),
  /** Traps, before much that is never reached. */
  trap: repeated([0x41, 1, 0x6a], [0x41, 1, 0x04, 0x40, 0x00, 0x0b, 0x41, 0], [0x1a]),
};
