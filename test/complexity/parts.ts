/** What a module can have much of, outside of bodies of functions. */

import { concat, SECTION, section, signed, unsigned } from '../generate/encode.ts';
import type { Construct, Parameter } from './body.ts';
import { type Bytes, Code, functionType, MOST_VALUES, type Shape, text, VALUE_TYPES, values } from './shape.ts';

export type ModulePart = Construct<Shape, void>;

const MANY: Parameter = { name: 'count', most: 500_000 };
const LENGTH: Parameter = { name: 'length', most: 100_000 };
const FEW: Parameter = { name: 'count', most: 90_000 };

/** The same item so many times over. */
function items(
  id: number,
  bytes: (shape: Shape) => Bytes,
  count: (shape: Shape, n: number) => void,
  parameter = MANY,
): ModulePart {
  return {
    parameters: [parameter],
    write: (shape, n) => {
      const each = bytes(shape);
      const part = shape.part(id);
      part.code.repeat(each, n);
      part.count += n;
      count(shape, n);
    },
  };
}

const nothing = (shape: Shape): number => shape.keep('nothing', () => shape.function(shape.signature([], []), [], []));

const FIELD = [0x7f, 0];

/** A list of so many types that differs with its number. */
function distinct(i: number, length: number): Bytes[] {
  return Array.from({ length }, (_, at) => ((i >> (at % 24)) & 1 ? VALUE_TYPES.i64 : VALUE_TYPES.i32));
}

/** The length of the list is at least what tells so many of them apart. */
const telling = (n: number, m: number) => Math.max(m, Math.ceil(Math.log2(n + 1)));

export const PARTS: Readonly<Record<string, ModulePart>> = {
  'equal-types': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      const type = functionType(values('i32', m), values('i32', m));
      for (let i = 0; i < n; i++) shape.type(type);
    },
  },
  'distinct-types': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      for (let i = 0; i < n; i++) shape.type(functionType(distinct(i, Math.min(MOST_VALUES, telling(n, m))), []));
    },
  },
  'type-chains': {
    parameters: [MANY, { name: 'depth', most: 60 }],
    write: (shape, n, m) => {
      for (let i = 0; i < n; i++) {
        let above = shape.type([0x50, 0, 0x5f, 0]);
        for (let depth = 1; depth < m; depth++) above = shape.type(concat([0x50, 1], unsigned(above), [0x5f, 0]));
      }
    },
  },
  /** Below one type of so many fields, which all of them have. */
  subtypes: {
    parameters: [MANY, { name: 'fields', most: 10_000 }],
    write: (shape, n, m) => {
      const fields = concat([0x5f], unsigned(m), new Code(shape.limit).repeat(FIELD, m).finish());
      const above = shape.type(concat([0x50, 0], fields));
      for (let i = 0; i < n; i++) shape.type(concat([0x50, 1], unsigned(above), fields));
    },
  },
  /** Each names the one before it. */
  'type-references': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      let before = shape.type(functionType([], []));
      for (let i = 0; i < n; i++) {
        const reference = concat([0x63], signed(before));
        before = shape.type(functionType(Array<Bytes>(m).fill(reference), []));
      }
    },
  },
  'recursive-groups': {
    parameters: [MANY, { name: 'types', most: 100_000 }],
    write: (shape, n, m) => {
      for (let i = 0; i < n; i++) {
        const first = shape.types;
        const group = new Code(shape.limit).bytes([0x4e]).unsigned(m);
        for (let j = 0; j < m; j++)
          group
            .bytes([0x5f, 1, 0x63])
            .bytes(signed(first + ((j + 1) % m)))
            .u8(0);
        shape.type(group.finish(), m);
      }
    },
  },
  'distinct-groups': {
    parameters: [MANY, { name: 'types', most: 100_000 }],
    write: (shape, n, m) => {
      for (let i = 0; i < n; i++) {
        const group = new Code(shape.limit).bytes([0x4e]).unsigned(m + 1);
        group.bytes(functionType(distinct(i, telling(n, 0)), []));
        for (let j = 0; j < m; j++) group.bytes([0x5f, 0]);
        shape.type(group.finish(), m + 1);
      }
    },
  },
  'wide-structs': {
    parameters: [MANY, { name: 'fields', most: 10_000 }],
    write: (shape, n, m) => {
      const type = concat([0x5f], unsigned(m), new Code(shape.limit).repeat(FIELD, m).finish());
      for (let i = 0; i < n; i++) shape.type(type);
    },
  },
  'array-types': items(
    SECTION.type,
    () => [0x5e, 0x7f, 0],
    (shape, n) => {
      shape.types += n;
    },
  ),
  imports: {
    parameters: [MANY],
    write: (shape, n) => {
      const type = shape.signature([], []);
      for (let i = 0; i < n; i++) shape.importFunction('env', 'f', type);
    },
  },
  /** Of one function, each of another type. */
  'distinct-imports': {
    parameters: [MANY],
    write: (shape, n) => {
      for (let i = 0; i < n; i++) {
        shape.importFunction('env', 'f', shape.signature(distinct(i, telling(n, 0)), []));
      }
    },
  },
  /** Of a type whose lists are long. */
  'typed-imports': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      const type = shape.signature(values('i32', m), values('i32', m));
      for (let i = 0; i < n; i++) shape.importFunction('env', 'f', type);
    },
  },
  /** Which nobody provides. */
  'unknown-imports': {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const type = shape.signature([], []);
      for (let i = 0; i < n; i++) shape.importFunction('nowhere', `${i}`.padStart(m, '_'), type);
    },
  },
  functions: {
    parameters: [MANY],
    write: (shape, n) => {
      shape.function(shape.signature([], []), [], [], n);
    },
  },
  'typed-functions': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      shape.function(shape.transformer('i32', m), [], [0x00], n);
    },
  },
  started: {
    parameters: [],
    write: (shape) => {
      shape.start = nothing(shape);
    },
  },
  tables: {
    parameters: [FEW, { name: 'elements', most: 1_000 }],
    write: (shape, n, m) => {
      const part = shape.part(SECTION.table);
      part.code.repeat(concat([0x70, 0], unsigned(m)), n);
      part.count += n;
      shape.tables += n;
    },
  },
  'filled-tables': {
    parameters: [FEW, { name: 'elements', most: 1_000 }],
    write: (shape, n, m) => {
      const function_ = nothing(shape);
      const part = shape.part(SECTION.table);
      part.code.repeat(concat([0x40, 0, 0x70, 0], unsigned(m), [0xd2], unsigned(function_), [0x0b]), n);
      part.count += n;
      shape.tables += n;
    },
  },
  memories: items(
    SECTION.memory,
    () => [0, 1],
    (shape, n) => {
      shape.memories += n;
    },
    { name: 'count', most: 90 },
  ),
  tags: items(
    SECTION.tag,
    (shape) => [0, ...unsigned(shape.signature([], []))],
    (shape, n) => {
      shape.tags += n;
    },
  ),
  'typed-tags': {
    parameters: [MANY, { name: 'arity', most: MOST_VALUES }],
    write: (shape, n, m) => {
      const part = shape.part(SECTION.tag);
      part.code.repeat([0, ...unsigned(shape.signature(values('i32', m), []))], n);
      part.count += n;
      shape.tags += n;
    },
  },
  'integer-globals': globals(() => [0x7f, 0, 0x41, 0, 0x0b]),
  'vector-globals': globals(() => [0x7b, 0, 0xfd, 0x0c, ...new Uint8Array(16), 0x0b]),
  'reference-globals': globals((shape) => concat([0x70, 0, 0xd2], unsigned(nothing(shape)), [0x0b])),
  'i31-globals': globals(() => [0x6e, 0, 0x41, 0, 0xfb, 0x1c, 0x0b]),
  'struct-globals': {
    parameters: [MANY, { name: 'fields', most: 10_000 }],
    write: (shape, n, m) => {
      const fields = new Code(shape.limit).repeat(FIELD, m).finish();
      const type = shape.type(concat([0x5f], unsigned(m), fields));
      const part = shape.part(SECTION.global);
      part.code.repeat(concat([0x6e, 0, 0xfb, 1], unsigned(type), [0x0b]), n);
      part.count += n;
      shape.globals += n;
    },
  },
  /** Each is the one before it. */
  'global-chain': {
    parameters: [MANY],
    write: (shape, n) => {
      for (let i = 0; i < n; i++) {
        const before = shape.globals - 1;
        if (i === 0) shape.add(SECTION.global, [0x7f, 0, 0x41, 0, 0x0b]);
        else shape.add(SECTION.global, concat([0x7f, 0, 0x23], unsigned(before), [0x0b]));
        shape.globals++;
      }
    },
  },
  /** Their values are sums. */
  'summed-globals': {
    parameters: [MANY, { name: 'additions', most: 300_000 }],
    write: (shape, n, m) => {
      const part = shape.part(SECTION.global);
      const sum = new Code(shape.limit).bytes([0x7f, 0, 0x41, 0]).repeat([0x41, 1, 0x6a], m).bytes([0x0b]);
      part.code.repeat(sum.finish(), n);
      part.count += n;
      shape.globals += n;
    },
  },
  /** The sums have all their operands on the stack before the first is added. */
  'piled-globals': {
    parameters: [MANY, { name: 'additions', most: 300_000 }],
    write: (shape, n, m) => {
      const part = shape.part(SECTION.global);
      const sum = new Code(shape.limit).bytes([0x7f, 0, 0x41, 0]).repeat([0x41, 1], m).repeat([0x6a], m).bytes([0x0b]);
      part.code.repeat(sum.finish(), n);
      part.count += n;
      shape.globals += n;
    },
  },
  'array-globals': {
    parameters: [MANY, { name: 'elements', most: 10_000 }],
    write: (shape, n, m) => {
      const type = shape.type([0x5e, 0x7f, 0]);
      const part = shape.part(SECTION.global);
      const each = new Code(shape.limit).bytes([0x6e, 0]).repeat([0x41, 0], m).bytes([0xfb, 8]);
      each.unsigned(type).unsigned(m).u8(0x0b);
      part.code.repeat(each.finish(), n);
      part.count += n;
      shape.globals += n;
    },
  },
  exports: {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const function_ = nothing(shape);
      for (let i = 0; i < n; i++) shape.export(shape.uniqueName(m), 0, function_);
    },
  },
  'exported-functions': {
    parameters: [MANY],
    write: (shape, n) => {
      const first = shape.function(shape.signature([], []), [], [], n);
      for (let i = 0; i < n; i++) shape.export(shape.uniqueName(1), 0, first + i);
    },
  },
  'exported-globals': {
    parameters: [MANY],
    write: (shape, n) => {
      for (let i = 0; i < n; i++) {
        shape.add(SECTION.global, [0x7f, 0, 0x41, 0, 0x0b]);
        shape.export(shape.uniqueName(1), 3, shape.globals++);
      }
    },
  },
  'wide-names': {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const function_ = nothing(shape);
      for (let i = 0; i < n; i++)
        shape.export(text(`${i.toString(36)}${'\u{1f600}'.repeat(1 + (m >> 2))}`), 0, function_);
    },
  },
  'passive-elements': elements((_shape, m) => concat([1, 0], unsigned(m), new Uint8Array(m)), true),
  'declared-elements': elements((_shape, m) => concat([3, 0], unsigned(m), new Uint8Array(m)), true),
  'empty-elements': elements(() => [1, 0, 0]),
  'active-elements': elements((shape, m) => {
    const table = shape.table();
    const count = Math.min(m, 4);
    return concat([2], unsigned(table), [0x41, 0, 0x0b, 0], unsigned(count), new Uint8Array(count));
  }, true),
  'empty-active-elements': elements((shape) => {
    shape.table();
    return [0, 0x41, 0, 0x0b, 0];
  }),
  'element-expressions': elements(
    (shape, m) => concat([5, 0x70], unsigned(m), new Code(shape.limit).repeat([0xd0, 0x70, 0x0b], m).finish()),
    true,
  ),
  'element-i31': elements(
    (shape, m) => concat([5, 0x6e], unsigned(m), new Code(shape.limit).repeat([0x41, 0, 0xfb, 0x1c, 0x0b], m).finish()),
    true,
  ),
  'passive-data': segments((_shape, m) => concat([1], unsigned(m), new Uint8Array(m)), true),
  'empty-data': segments(() => [1, 0]),
  'active-data': segments((shape, m) => {
    shape.memory();
    return concat([0, 0x41, 0, 0x0b], unsigned(m), new Uint8Array(m));
  }, true),
  'empty-active-data': segments((shape) => {
    shape.memory();
    return [0, 0x41, 0, 0x0b, 0];
  }),
  'summed-data': segments((shape, m) => {
    shape.memory();
    const sum = new Code(shape.limit).bytes([0, 0x41, 0]).repeat([0x41, 0, 0x6a], m).bytes([0x0b, 0]);
    return sum.finish();
  }, true),
  custom: {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const content = new Uint8Array(m);
      for (let i = 0; i < n; i++) shape.customSection([], content);
    },
  },
  'named-custom': {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const title = new Uint8Array(m).fill(0x61);
      for (let i = 0; i < n; i++) shape.customSection(title, []);
    },
  },
  /** Of functions, in the name section. */
  'function-names': nameSection(1, (code, i, m) => code.unsigned(i).name('n'.repeat(m))),
  /** All of the same function. */
  'repeated-names': nameSection(1, (code, _i, m) => code.unsigned(0).name('n'.repeat(m))),
  'local-names': nameSection(2, (code, i, m) => {
    code.unsigned(i).unsigned(m);
    for (let j = 0; j < m; j++) code.unsigned(j).name('');
  }),
  'name-sections': {
    parameters: [MANY],
    write: (shape, n) => {
      const content = concat([1, 5, 1, 0, 2], [0x6e, 0x6e]);
      for (let i = 0; i < n; i++) shape.customSection([0x6e, 0x61, 0x6d, 0x65], content);
    },
  },
};

function globals(bytes: (shape: Shape) => Bytes): ModulePart {
  return items(SECTION.global, bytes, (shape, n) => {
    shape.globals += n;
  });
}

function elements(bytes: (shape: Shape, m: number) => Bytes, isLong = false): ModulePart {
  return {
    parameters: isLong ? [MANY, LENGTH] : [MANY],
    write: (shape, n, m) => {
      nothing(shape);
      const each = bytes(shape, m);
      const part = shape.part(SECTION.element);
      part.code.repeat(each, n);
      part.count += n;
      shape.elements += n;
    },
  };
}

function segments(bytes: (shape: Shape, m: number) => Bytes, isLong = false): ModulePart {
  return {
    parameters: isLong ? [FEW, LENGTH] : [FEW],
    write: (shape, n, m) => {
      const each = bytes(shape, m);
      const part = shape.part(SECTION.data);
      part.code.repeat(each, n);
      part.count += n;
      shape.data += n;
    },
  };
}

function nameSection(subsection: number, write: (code: Code, i: number, m: number) => void): ModulePart {
  return {
    parameters: [MANY, LENGTH],
    write: (shape, n, m) => {
      const map = new Code(shape.limit);
      map.unsigned(n);
      for (let i = 0; i < n; i++) write(map, i, m);
      shape.customSection([0x6e, 0x61, 0x6d, 0x65], section(subsection, map.finish()));
    },
  };
}
