/**
 * What passes between JavaScript and a guest, and how (JavaScript API, section 5), as a table that is tried on this
 * namespace and on the host's. What the host does otherwise is noted with the reason.
 */

import type { WebAssemblyNamespace } from '../../src/webassembly.ts';
import {
  ANYREF,
  ARRAYREF,
  definedRef,
  EQREF,
  EXNREF,
  EXTERNREF,
  FUNCREF,
  I8,
  I31REF,
  I32,
  NULLEXTERNREF,
  NULLREF,
  nonNull,
  STRUCTREF,
  V128,
  type ValType,
} from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the table tries is mostly what types forbid.
export type Loose = any;

export interface ValueCase {
  readonly name: string;
  readonly run: (namespace: Loose) => unknown;
  /** As {@link shown}. */
  readonly gives: string;
  /** What V8 gives instead, and why. */
  readonly native?: readonly [gives: string, reason: string];
}

/** A result as text: what it is, rather than what it looks like. */
function text(value: unknown): string {
  if (value === null) return 'null';
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object') return String(value);
  const isOpaque =
    Object.isFrozen(value) && Object.getPrototypeOf(value) === null && Reflect.ownKeys(value).length === 0;
  return isOpaque ? 'opaque' : Object.prototype.toString.call(value).slice(8, -1);
}

/** What a case gives in a namespace, or the class of what it throws. */
export function shown(namespace: WebAssemblyNamespace, { run }: ValueCase): string {
  try {
    return text(run(namespace));
  } catch (error) {
    for (const name of ['LinkError', 'CompileError', 'RuntimeError'] as const) {
      if (error instanceof namespace[name]) return `throws ${name}`;
    }
    return error instanceof Error ? `throws ${error.name}` : `throws ${text(error)}`;
  }
}

const get = (local: number): Instruction => ['local.get', local];

function instance(W: Loose, description: ModuleDescription, imports?: object): Loose {
  return new W.Instance(new W.Module(encodeModule(description)), imports).exports;
}

const cases: ValueCase[] = [];

function add(name: string, gives: string, run: ValueCase['run'], native?: ValueCase['native']): void {
  cases.push({ name, gives, run, ...(native && { native }) });
}

// Every kind of value as every type of reference, there and back.

const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  undefined: undefined,
  '5': 5,
  '-0': -0,
  '2^30 - 1': 2 ** 30 - 1,
  '2^30': 2 ** 30,
  '-2^30': -(2 ** 30),
  '-2^30 - 1': -(2 ** 30) - 1,
  '1.5': 1.5,
  NaN: Number.NaN,
  '5n': 5n,
  'a string': 'x',
  'an object': {},
  'a function': () => 1,
  'a frozen object': Object.freeze(Object.create(null)),
  true: true,
};
const I31S = ['null', '5', '2^30 - 1', '-2^30'];
const PASSED: readonly (readonly [name: string, type: ValType, values: readonly string[]])[] = [
  ['anyref', ANYREF, Object.keys(VALUES)],
  ['externref', EXTERNREF, Object.keys(VALUES)],
  ['eqref', EQREF, I31S],
  ['i31ref', I31REF, I31S],
  ['structref', STRUCTREF, ['null']],
  ['arrayref', ARRAYREF, ['null']],
  ['funcref', FUNCREF, ['null']],
  ['nullref', NULLREF, ['null']],
  ['nullexternref', NULLEXTERNREF, ['null']],
  ['exnref', EXNREF, []],
  ['v128', V128, []],
];
for (const [typeName, type, passed] of PASSED) {
  const description: ModuleDescription = {
    functions: [{ params: [type], results: [type], export: 'f', body: [get(0)] }],
  };
  for (const [name, value] of Object.entries(VALUES)) {
    const gives = passed.includes(name) ? 'true' : 'throws TypeError';
    add(`${name} as ${typeName}`, gives, (W) => Object.is(instance(W, description).f(value), value));
  }
}

// Objects of the guest's.

const OBJECTS: ModuleDescription = {
  types: [{ struct: [{ type: I32, mutable: true }] }, { array: { type: I8, mutable: true } }],
  globals: [
    {
      type: definedRef(0, false),
      init: [
        ['i32.const', 1],
        ['struct.new', 0],
      ],
      export: 'g',
    },
  ],
  tables: [{ element: ANYREF, min: 2, export: 't' }],
  functions: [
    { results: [ANYREF], export: 'struct', body: [['global.get', 0]] },
    {
      results: [ANYREF],
      export: 'array',
      body: [
        ['i32.const', 3],
        ['array.new_default', 1],
      ],
    },
    { params: [STRUCTREF], results: [I32], export: 'isSame', body: [get(0), ['global.get', 0], 'ref.eq'] },
    { params: [EXTERNREF], results: [ANYREF], export: 'intern', body: [get(0), 'any.convert_extern'] },
    { params: [ANYREF], results: [EXTERNREF], export: 'extern', body: [get(0), 'extern.convert_any'] },
    { params: [ARRAYREF], export: 'takesArray', body: [] },
    { params: [definedRef(0, false)], export: 'takesStruct', body: [] },
    { params: [I32], results: [ANYREF], export: 'i31', body: [get(0), 'ref.i31'] },
  ],
};
const withObjects = (name: string, gives: string, run: (exports: Loose) => unknown) =>
  add(name, gives, (W) => run(instance(W, OBJECTS)));

withObjects('a struct', 'opaque', (e) => e.struct());
withObjects('an array', 'opaque', (e) => e.array());
withObjects('the same struct', '1', (e) => new Set([e.struct(), e.struct()]).size);
withObjects('another array', '2', (e) => new Set([e.array(), e.array()]).size);
withObjects('a struct on its way back', '1', (e) => e.isSame(e.struct()));
withObjects('a struct for an array', 'throws TypeError', (e) => e.takesArray(e.struct()));
withObjects('an array for an array', 'undefined', (e) => e.takesArray(e.array()));
withObjects('an array for a struct', 'throws TypeError', (e) => e.takesStruct(e.array()));
withObjects('null for a struct that cannot be null', 'throws TypeError', (e) => e.takesStruct(null));
withObjects('a copy of a struct', 'throws TypeError', (e) => e.takesStruct({ ...e.struct() }));
withObjects('a struct as an external reference', 'true', (e) => e.extern(e.struct()) === e.struct());
withObjects('a struct made external and internal', 'true', (e) => e.intern(e.extern(e.struct())) === e.struct());
withObjects('a struct in a global', 'true', (e) => e.g.value === e.struct());
withObjects('a struct in a table', 'true', (e) => {
  e.t.set(0, e.struct());
  return e.t.get(0) === e.struct();
});
withObjects('a number in a table', '7', (e) => {
  e.t.set(0, 7);
  return e.t.get(0);
});
withObjects('undefined in a table', 'undefined', (e) => {
  e.t.set(0, undefined);
  return e.t.get(0);
});
withObjects('nothing in a table', 'null', (e) => {
  e.t.set(0, 5);
  e.t.set(0);
  return e.t.get(0);
});
withObjects('a number made internal', '5', (e) => e.intern(5));
withObjects('a fraction made internal', '1.5', (e) => e.intern(1.5));
withObjects('a function made external', 'true', (e) => e.extern(e.struct) === e.struct);
withObjects('an i31', '-1', (e) => e.i31(-1));
withObjects('an i31 of too many bits', '-1073741824', (e) => e.i31(2 ** 30));
withObjects('a field of a struct, set', 'throws TypeError', (e) => {
  e.struct().x = 1;
});
withObjects('a prototype of a struct, set', 'throws TypeError', (e) => Object.setPrototypeOf(e.struct(), {}));

// 64-bit memories and tables.

const wide = { address: 'i64' };
const FEWER = 'V8 takes only as many pages as it could have';
const memory64 = (
  name: string,
  gives: string,
  descriptor: object,
  run: (memory: Loose) => unknown,
  native?: ValueCase['native'],
) => add(`64-bit memory: ${name}`, gives, (W) => run(new W.Memory({ ...wide, ...descriptor })), native);
const bytesOf = (memory: Loose) => memory.buffer.byteLength;

memory64('bigints', '65536', { initial: 1n, maximum: 3n }, bytesOf);
memory64('a number', 'throws TypeError', { initial: 1 }, bytesOf);
memory64('true', '65536', { initial: true }, bytesOf);
memory64('a string', '65536', { initial: '1' }, bytesOf);
memory64('a string that is none', 'throws SyntaxError', { initial: 'x' }, bytesOf);
memory64('-1n', 'throws TypeError', { initial: -1n }, bytesOf);
memory64('2^64', 'throws TypeError', { initial: 2n ** 64n }, bytesOf);
memory64('more pages than there can be', 'throws RangeError', { initial: 2n ** 48n + 1n }, bytesOf);
memory64('as many as there can be', 'throws RangeError', { initial: 2n ** 48n }, bytesOf);
memory64('a maximum as large as can be', '0', { initial: 0n, maximum: 2n ** 48n }, bytesOf, [
  'throws RangeError',
  FEWER,
]);
memory64('a maximum beyond that', 'throws RangeError', { initial: 0n, maximum: 2n ** 64n - 1n }, bytesOf);
memory64('a maximum below the minimum', 'throws RangeError', { initial: 2n, maximum: 1n }, bytesOf);
const growable = { initial: 1n, maximum: 3n };
memory64('growth', '1n', growable, (memory) => memory.grow(2n));
memory64('growth by a number', 'throws TypeError', growable, (memory) => memory.grow(2));
memory64('growth beyond the maximum', 'throws RangeError', growable, (memory) => memory.grow(3n));
memory64('growth by 2^63', 'throws RangeError', growable, (memory) => memory.grow(2n ** 63n));
memory64('growth by -1n', 'throws TypeError', growable, (memory) => memory.grow(-1n));
memory64('growth by 2^64', 'throws TypeError', growable, (memory) => memory.grow(2n ** 64n));
add('memory of a bigint', 'throws TypeError', (W) => new W.Memory({ initial: 1n }));
add('memory with 16-bit addresses', 'throws TypeError', (W) => new W.Memory({ initial: 1, address: 'i16' }));
add('memory with addresses undefined', 'WebAssembly.Memory', (W) => new W.Memory({ initial: 1, address: undefined }));

const table64 = (name: string, gives: string, run: (table: Loose) => unknown, descriptor: object = { initial: 2n }) =>
  add(`64-bit table: ${name}`, gives, (W) => run(new W.Table({ element: 'externref', ...wide, ...descriptor }, 's')));
table64('length', '2n', (table) => table.length);
table64('element', 's', (table) => table.get(1n));
table64('element by a number', 'throws TypeError', (table) => table.get(1));
table64('element 2^32', 'throws RangeError', (table) => table.get(2n ** 32n));
table64('element 2^63', 'throws RangeError', (table) => table.get(2n ** 63n));
table64('element 2^64', 'throws TypeError', (table) => table.get(2n ** 64n));
table64('element set', '5', (table) => {
  table.set(1n, 5);
  return table.get(1n);
});
table64('growth', '2n', (table) => table.grow(1n));
table64('growth by 2^63', 'throws RangeError', (table) => table.grow(2n ** 63n));
table64('maximum 2^64 - 1', '0n', (table) => table.length, { initial: 0n, maximum: 2n ** 64n - 1n });
table64('initially 2^40', 'throws RangeError', (table) => table.length, { initial: 2n ** 40n });
add('32-bit memory for a 64-bit import', 'throws LinkError', (W) =>
  instance(
    W,
    { imports: [{ module: 'm', name: 'm', memory: { min: 1, is64: true } }] },
    { m: { m: new W.Memory({ initial: 1 }) } },
  ),
);
add('64-bit memory for a 64-bit import', 'WebAssembly.Memory', (W) => {
  const memory = new W.Memory({ initial: 1n, ...wide });
  instance(W, { imports: [{ module: 'm', name: 'm', memory: { min: 1, is64: true } }] }, { m: { m: memory } });
  return memory;
});

// Types by name, in tables, globals and tags.

const MORE_NAMES = 'V8 knows the abbreviations of the first JavaScript API, and those that came with objects';
const elements = (name: string, none: string, five: string, isNew = false) => {
  const native = isNew ? (['throws TypeError', MORE_NAMES] as const) : undefined;
  add(`table of ${name}`, none, (W) => new W.Table({ element: name, initial: 1 }).get(0), native);
  add(`table of ${name}, 5 in it`, five, (W) => new W.Table({ element: name, initial: 1 }, 5).get(0));
  add(`global of ${name}`, none, (W) => new W.Global({ value: name }).value, native);
  add(`global of ${name}, 5 in it`, five, (W) => new W.Global({ value: name }, 5).value);
  add(`tag of ${name}`, 'WebAssembly.Tag', (W) => new W.Tag({ parameters: [name] }), native);
};
elements('anyref', 'null', '5');
elements('eqref', 'null', '5');
elements('i31ref', 'null', '5');
elements('structref', 'null', 'throws TypeError');
elements('arrayref', 'null', 'throws TypeError');
elements('exnref', 'throws TypeError', 'throws TypeError');
elements('anyfunc', 'null', 'throws TypeError');
elements('funcref', 'null', 'throws TypeError', true);
elements('nullref', 'null', 'throws TypeError', true);
elements('externref', 'undefined', '5');
add('table of i32', 'throws TypeError', (W) => new W.Table({ element: 'i32', initial: 1 }));
add('table of a type that is none', 'throws TypeError', (W) => new W.Table({ element: 'x', initial: 1 }));
add('function for a table of functions', 'throws TypeError', (W) =>
  new W.Table({ element: 'anyfunc', initial: 1 }).set(0, () => 1),
);
add('undefined for a table of functions', 'throws TypeError', (W) =>
  new W.Table({ element: 'anyfunc', initial: 1 }).set(0, undefined),
);
for (const [name, description] of [
  ['global of an exnref', { globals: [{ type: EXNREF, init: [['ref.null', EXNREF]], export: 'x' }] }],
  ['global of a v128', { globals: [{ type: V128, init: [['v128.const', new Uint8Array(16)]], export: 'x' }] }],
] as const) {
  add(`a guest’s ${name}`, 'throws TypeError', (W) => instance(W, description as never).x.value);
}
const EXNREFS: ModuleDescription = { tables: [{ element: EXNREF, min: 1, export: 'x' }] };
add('a guest’s table of exnrefs, read', 'throws TypeError', (W) => instance(W, EXNREFS).x.get(0));
add('a guest’s table of exnrefs, written', 'throws TypeError', (W) => instance(W, EXNREFS).x.set(0, null));
for (const [name, type, value, gives] of [
  ['5 for an imported anyref', ANYREF, 5, '5'],
  ['2^31 for an imported i31ref', I31REF, 2 ** 31, 'throws LinkError'],
  ['an object for an imported structref', STRUCTREF, {}, 'throws LinkError'],
] as const) {
  const description: ModuleDescription = {
    imports: [{ module: 'm', name: 'g', global: { type } }],
    exports: [{ name: 'g', kind: 'global', index: 0 }],
  };
  add(name, gives, (W) => instance(W, description, { m: { g: value } }).g.value);
}

// Tags and exceptions.

add('tag', 'WebAssembly.Tag', (W) => new W.Tag({ parameters: ['i32', 'i64'] }));
for (const [name, descriptor] of [
  ['nothing', undefined],
  ['an empty object', {}],
  ['a type that is none', { parameters: ['x'] }],
  ['what is no list', { parameters: 5 }],
] as const) {
  add(`tag of ${name}`, 'throws TypeError', (W) => new W.Tag(descriptor));
}
add('tag without new', 'throws TypeError', (W) => W.Tag({ parameters: [] }));
const exception = (
  name: string,
  gives: string,
  parameters: readonly string[],
  payload: Loose,
  run: (exception: Loose, tag: Loose, W: Loose) => unknown = (object) => object,
) =>
  add(`exception ${name}`, gives, (W) => {
    const tag = new W.Tag({ parameters });
    return run(new W.Exception(tag, payload), tag, W);
  });
const first = (object: Loose, tag: Loose) => object.getArg(tag, 0);
exception('of an i32', 'WebAssembly.Exception', ['i32'], [5]);
exception('is no Error', 'false', ['i32'], [5], (object) => object instanceof Error);
exception('of a string for an i32', '7', ['i32'], ['7'], first);
exception('of a large i64', '5n', ['i64'], [2n ** 64n + 5n], first);
exception('of a number for an i64', 'throws TypeError', ['i64'], [5]);
exception('of an f32', '0.10000000149011612', ['f32'], [0.1], first);
exception('of an externref', 's', ['externref'], ['s'], first);
exception('of an anyref', '5', ['anyref'], [5], first);
exception('of a function', 'throws TypeError', ['anyfunc'], [() => 1]);
exception('of a v128', 'throws TypeError', ['v128'], [1]);
exception('of an exnref', 'throws TypeError', ['exnref'], [null]);
exception('of too few values', 'throws TypeError', ['i32'], []);
exception('of too many values', 'throws TypeError', ['i32'], [1, 2]);
exception('of no list', 'throws TypeError', [], undefined);
exception('has its tag', 'true', [], [], (object, tag) => object.is(tag));
exception('has no other', 'false', [], [], (object, _tag, W) => object.is(new W.Tag({ parameters: [] })));
exception('asked for what is no tag', 'throws TypeError', [], [], (object) => object.is({}));
exception('asked for a value behind the last', 'throws RangeError', ['i32'], [1], (object, tag) =>
  object.getArg(tag, 1),
);
exception('asked for value -1', 'throws TypeError', ['i32'], [1], (object, tag) => object.getArg(tag, -1));
exception('asked for no value', 'throws TypeError', ['i32'], [1], (object, tag) => object.getArg(tag));
exception('asked for values of another', 'throws TypeError', ['i32'], [1], (object, _tag, W) =>
  object.getArg(new W.Tag({ parameters: ['i32'] }), 0),
);
exception('without a stack', 'undefined', [], [], (object) => object.stack);
add(
  'exception with a stack',
  'string',
  (W) => typeof new W.Exception(new W.Tag({ parameters: [] }), [], { traceStack: true }).stack,
);
add('exception of what is no tag', 'throws TypeError', (W) => new W.Exception({}, []));
add('exception of JSTag', 'throws TypeError', (W) => new W.Exception(W.JSTag, [{}]));
add('JSTag', 'true', (W) => W.JSTag instanceof W.Tag);
const TAG_IMPORT: ModuleDescription = { imports: [{ module: 'm', name: 't', tag: [I32] }] };
add('tag of another type for an import', 'throws LinkError', (W) =>
  instance(W, TAG_IMPORT, { m: { t: new W.Tag({ parameters: ['i64'] }) } }),
);
add('no tag for an import', 'throws LinkError', (W) => instance(W, TAG_IMPORT, { m: { t: {} } }));
add('imports of tags', 'tag', (W) => W.Module.imports(new W.Module(encodeModule(TAG_IMPORT)))[0].kind);
add('an exported tag', 'WebAssembly.Tag', (W) => instance(W, { tags: [{ params: [I32], export: 't' }] }).t);

// What is thrown into a guest, and out of it.

const THROWING: ModuleDescription = {
  types: [{ struct: [] }],
  imports: [
    { module: 'm', name: 't', tag: [EXTERNREF] },
    { module: 'm', name: 'f', function: { params: [], results: [] } },
  ],
  functions: [
    { export: 'throw', body: [['struct.new', 0], 'extern.convert_any', ['throw', 0]] },
    {
      results: [EXTERNREF],
      export: 'caught',
      body: [
        ['block', { params: [], results: [EXTERNREF] }],
        ['try_table', { params: [], results: [] }, [[0, 0, 0]]],
        ['call', 0],
        'end',
        'unreachable',
        'end',
      ],
    },
    { results: [I32], export: 'isStruct', body: [['call', 2], 'any.convert_extern', ['ref.test', STRUCTREF]] },
    {
      results: [I32],
      export: 'all',
      body: [
        'block',
        ['try_table', { params: [], results: [] }, [[2, 0]]],
        ['call', 0],
        'end',
        ['i32.const', 0],
        'return',
        'end',
        ['i32.const', 1],
      ],
    },
  ],
};
const throwing = (W: Loose, f: () => unknown) => instance(W, THROWING, { m: { t: W.JSTag, f } });
const thrownBy = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return 'nothing';
};
const THROUGH: ModuleDescription = {
  imports: [{ module: 'm', name: 'f', function: { params: [], results: [] } }],
  functions: [{ export: 'f', body: [['call', 0]] }],
  exports: [{ name: 'again', kind: 'function', index: 0 }],
};
const struct = (W: Loose) => thrownBy(() => throwing(W, () => undefined).throw());
const rethrow = (value: unknown) => () => {
  throw value;
};
add('a struct thrown with JSTag', 'opaque', struct);
add('a struct thrown back', 'true', (W) => {
  const thrown = struct(W);
  return throwing(W, rethrow(thrown)).caught() === thrown;
});
add('a struct thrown back is a struct', '1', (W) => throwing(W, rethrow(struct(W))).isStruct());
add('an object thrown is no struct', '0', (W) => throwing(W, rethrow({})).isStruct());
add('an error of the host’s', '1', (W) => throwing(W, rethrow(new Error('mine'))).all());
for (const name of ['RuntimeError', 'LinkError', 'CompileError']) {
  add(`a ${name} of the host’s`, '1', (W) => throwing(W, rethrow(new W[name]('mine'))).all());
}
add('an invalid module of the host’s', '1', (W) => throwing(W, () => new W.Module(new Uint8Array(3))).all());
add('a RuntimeError of the host’s, uncaught', 'true', (W) => {
  const mine = new W.RuntimeError('mine');
  return thrownBy(() => instance(W, THROUGH, { m: { f: rethrow(mine) } }).f()) === mine;
});
add('an invalid module of the host’s, uncaught', 'throws CompileError', (W) =>
  instance(W, THROUGH, { m: { f: () => new W.Module(new Uint8Array(3)) } }).f(),
);
add('the same of an import that is exported', 'throws CompileError', (W) =>
  instance(W, THROUGH, { m: { f: () => new W.Module(new Uint8Array(3)) } }).again(),
);
add('a trap of another guest’s', 'throws RuntimeError', (W) =>
  throwing(W, () => instance(W, { functions: [{ export: 'f', body: ['unreachable'] }] }).f()).all(),
);

// What has no default, and bytes that are none any more.

const heldBy = (imports: Loose) => ({ m: { x: 5, ...imports } });
const HELD: ModuleDescription = {
  imports: [{ module: 'm', name: 'x', global: { type: nonNull(EXTERNREF) } }],
  globals: [{ type: nonNull(EXTERNREF), mutable: true, init: [['global.get', 0]], export: 'g' }],
  tables: [{ min: 1, max: 9, element: nonNull(EXTERNREF), init: [['global.get', 0]], export: 't' }],
};
const held = (name: string, gives: string, run: (exports: Loose) => unknown) =>
  add(`references that are not null: ${name}`, gives, (W) => run(instance(W, HELD, heldBy({}))));
held('set to null', 'throws TypeError', ({ t }) => t.set(0, null));
held('set to nothing', 'throws TypeError', ({ t }) => t.set(0));
held('set to undefined', 'undefined', ({ t }) => [t.set(0, undefined), t.get(0)][1]);
held('grown by null', 'throws TypeError', ({ t }) => t.grow(1, null));
held('grown by nothing', 'throws TypeError', ({ t }) => t.grow(1));
held('grown by a value', '7', ({ t }) => [t.grow(1, 7), t.get(1)][1]);
held('a global set to null', 'throws TypeError', ({ g }) => {
  g.value = null;
});
add('references that are not null: imported as null', 'throws LinkError', (W) =>
  instance(W, HELD, heldBy({ x: null })),
);

const detached = () => {
  const buffer = Uint8Array.from(encodeModule({})).buffer;
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
};
add('a module of a detached buffer', 'throws CompileError', (W) => new W.Module(detached()));
add('a detached buffer is valid', 'false', (W) => W.validate(detached()));
const shared = () => {
  const view = new Uint8Array(new SharedArrayBuffer(encodeModule({}).length));
  view.set(encodeModule({}));
  return view;
};
add('a module of a shared buffer', 'throws TypeError', (W) => new W.Module(shared().buffer));
add('a view of a shared buffer is valid', 'true', (W) => W.validate(shared()));
add('a module of an array', 'throws TypeError', (W) => new W.Module([...encodeModule({})]));

export const VALUE_CASES: readonly ValueCase[] = cases;
