/**
 * Every operation of the JavaScript API on every kind of argument, and what its objects look like, to be tried on this
 * namespace and on the host's: both must give the same. Where they do not, {@link DIFFERENCES} has the reason.
 */

import { parse } from '../../src/text.ts';
import type { WebAssemblyNamespace } from '../../src/webassembly.ts';
import { type Loose, shown, type ValueCase } from './values.ts';

export type ApiCase = Omit<ValueCase, 'gives' | 'native'>;

const cases: ApiCase[] = [];
const add = (name: string, run: ApiCase['run']) => cases.push({ name, run });

/** By name, and made anew for each case. */
const VALUES: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  '0': () => 0,
  '-0': () => -0,
  '1': () => 1,
  '1.5': () => 1.5,
  '-0.5': () => -0.5,
  '-1': () => -1,
  '3': () => 3,
  '65537': () => 65_537,
  '2^31': () => 2 ** 31,
  '2^32 - 1': () => 2 ** 32 - 1,
  '2^32': () => 2 ** 32,
  '2^53': () => 2 ** 53,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  '1n': () => 1n,
  '-1n': () => -1n,
  '2n ** 64n': () => 2n ** 64n,
  'an empty text': () => '',
  'the text 2': () => '2',
  'the text x': () => 'x',
  'the text i32': () => 'i32',
  'a symbol': () => Symbol('s'),
  'an object': () => ({}),
  'an array': () => [],
  'an array of 2': () => [2],
  'an array of i32': () => ['i32'],
  'a set of i32': () => new Set(['i32']),
  'what is worth 2': () => ({ valueOf: () => 2 }),
  'what is worth 1n': () => ({ valueOf: () => 1n }),
  'what is i32 as text': () => ({ toString: () => 'i32' }),
  'what throws': () => ({
    valueOf() {
      throw new Error('mine');
    },
    toString() {
      throw new Error('mine');
    },
  }),
  'what is no primitive': () => ({ valueOf: () => ({}), toString: () => ({}) }),
  'a function': () => () => 1,
  'a class': () => class {},
  'a proxy': () => new Proxy({}, {}),
  'bytes of nothing': () => new ArrayBuffer(0),
  'bytes of no module': () => new Uint8Array([1, 2, 3]),
};

/** Makes a case for each value. */
function each(name: string, run: (W: Loose, value: unknown) => unknown): void {
  for (const [value, make] of Object.entries(VALUES)) add(`${name}: ${value}`, (W) => run(W, make()));
}

const EMPTY = parse('(module)');
const BYTES = parse(`(module (import "a" "f" (func $f (param i32) (result i32))) (memory (export "m") 1 3)
  (table (export "t") 1 3 funcref) (global (export "g") (mut i32) (i32.const 1)) (global (export "c") i64 (i64.const 1))
  (func (export "two") (param i32 i64) (result i32) (local.get 0)) (func (export "none")) (export "again" (func $f))
  (func (export "trap") unreachable))`);
const made = (W: Loose) => new W.Instance(new W.Module(BYTES), { a: { f: (x: number) => x } });
const parts = (...values: unknown[]) => values.map((value) => String(value)).join(' ');
const throws = (run: () => unknown): string => {
  try {
    run();
    return 'nothing';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
};

// Memories.

const pages = (memory: Loose) => memory.buffer.byteLength / 65_536;
add('Memory of nothing at all', (W) => new W.Memory());
each('Memory', (W, value) => new W.Memory(value));
// More than this host may have is tried elsewhere.
const SMALL = (value: unknown) => !(Number(value) > 100 && Number(value) <= 65_536);
each(
  'Memory, initial',
  (W, initial) => SMALL(typeof initial === 'number' ? initial : 0) && pages(new W.Memory({ initial })),
);
each('Memory, minimum', (W, minimum) => pages(new W.Memory({ minimum })));
each('Memory, initial and minimum', (W, minimum) => pages(new W.Memory({ initial: 1, minimum })));
each('Memory, maximum', (W, maximum) => pages(new W.Memory({ initial: 1, maximum })));
each('Memory, address', (W, address) => pages(new W.Memory({ initial: 1, address })));
each('Memory.grow', (W, delta) => {
  const memory = new W.Memory({ initial: 1, maximum: 3 });
  return parts(memory.grow(delta), pages(memory));
});
add('Memory.grow without arguments', (W) => new W.Memory({ initial: 1, maximum: 3 }).grow());
add('Memory.buffer, set', (W) => {
  new W.Memory({ initial: 1 }).buffer = 1;
});
add('Memory.buffer, twice', (W) => {
  const memory = new W.Memory({ initial: 1 });
  const { buffer } = memory;
  return memory.buffer === buffer;
});
add('Memory.buffer after growth by nothing', (W) => {
  const memory = new W.Memory({ initial: 1, maximum: 2 });
  const { buffer } = memory;
  memory.grow(0);
  return parts(buffer.byteLength, memory.buffer === buffer, memory.buffer.byteLength);
});
add('Memory.buffer, transferred', (W) => {
  const memory = new W.Memory({ initial: 1 });
  const { buffer } = memory;
  return parts(
    throws(() => structuredClone(buffer, { transfer: [buffer] })),
    buffer.byteLength,
  );
});

// Tables.

add('Table of nothing at all', (W) => new W.Table());
each('Table', (W, value) => new W.Table(value));
each('Table, element', (W, element) => new W.Table({ element, initial: 1 }).length);
each('Table, initial', (W, initial) => {
  if (typeof initial === 'number' && initial > 10_000_000 && initial < 2 ** 32) return 'too large';
  return new W.Table({ element: 'anyfunc', initial }).length;
});
each('Table, minimum', (W, minimum) => {
  if (typeof minimum === 'number' && minimum > 10_000_000 && minimum < 2 ** 32) return 'too large';
  return new W.Table({ element: 'anyfunc', minimum }).length;
});
each('Table, maximum', (W, maximum) => new W.Table({ element: 'anyfunc', initial: 1, maximum }).length);
each('Table, address', (W, address) => new W.Table({ element: 'anyfunc', initial: 1, address }).length);
for (const element of ['anyfunc', 'externref']) {
  const table = (W: Loose) => new W.Table({ element, initial: 2, maximum: 4 });
  const shown = (value: unknown) => (typeof value === 'object' && value !== null ? 'object' : typeof value);
  each(`Table of ${element} filled with`, (W, value) => shown(new W.Table({ element, initial: 1 }, value).get(0)));
  each(`Table.get of ${element}`, (W, at) => table(W).get(at));
  each(`Table.set of ${element} at`, (W, at) => table(W).set(at, null));
  each(`Table.set of ${element} to`, (W, value) => {
    const found = table(W);
    found.set(0, value);
    return shown(found.get(0));
  });
  each(`Table.grow of ${element} by`, (W, delta) => {
    const found = table(W);
    return parts(found.grow(delta, null), found.length);
  });
  each(`Table.grow of ${element} with`, (W, value) => {
    const found = table(W);
    return parts(found.grow(1, value), shown(found.get(2)));
  });
  add(`Table.get of ${element}, of nothing`, (W) => table(W).get());
  add(`Table.set of ${element}, of nothing`, (W) => table(W).set());
  add(`Table.set of ${element}, to nothing`, (W) => table(W).set(0));
  add(`Table.grow of ${element}, by nothing`, (W) => table(W).grow());
  add(`Table.grow of ${element}, with nothing`, (W) => {
    const found = table(W);
    return parts(found.grow(1), found.get(2));
  });
}

// Globals.

add('Global of nothing at all', (W) => new W.Global());
each('Global', (W, value) => new W.Global(value));
each('Global, value', (W, value) => new W.Global({ value }).value);
each('Global, mutable', (W, mutable) => {
  const global = new W.Global({ value: 'i32', mutable });
  global.value = 5;
  return global.value;
});
for (const type of ['i32', 'i64', 'f32', 'f64', 'externref', 'anyfunc', 'v128']) {
  const kind = (value: unknown) => (typeof value === 'object' && value !== null ? 'object' : value);
  each(`Global of ${type}`, (W, value) => kind(new W.Global({ value: type }, value).value));
  each(`Global of ${type}, set`, (W, value) => {
    const global = new W.Global({ value: type, mutable: true });
    global.value = value;
    return kind(global.value);
  });
  add(`Global of ${type}, of nothing`, (W) => new W.Global({ value: type }).value);
  add(`Global of ${type}, valueOf`, (W) => new W.Global({ value: type }).valueOf());
}

// Modules and instances.

add('Module of nothing at all', (W) => new W.Module());
add('validate of nothing at all', (W) => W.validate());
each('Module', (W, value) => new W.Module(value));
each('validate', (W, value) => W.validate(value));
for (const list of ['imports', 'exports', 'customSections']) {
  each(`Module.${list}`, (W, value) => W.Module[list](value, 'x'));
  add(`Module.${list} of nothing`, (W) => W.Module[list]());
}
each('Module.customSections of the name', (W, name) => W.Module.customSections(new W.Module(EMPTY), name).length);
add('Module.customSections without a name', (W) => W.Module.customSections(new W.Module(EMPTY)));
const SECTIONS = parse('(module (@custom "a" "1") (@custom "" "2") (@custom "a" "3"))');
add('Module.customSections of two', (W) =>
  W.Module.customSections(new W.Module(SECTIONS), 'a').map((bytes: ArrayBuffer) => new Uint8Array(bytes)[0]),
);
add('Module.customSections without a letter', (W) => W.Module.customSections(new W.Module(SECTIONS), '').length);
const LISTS = (W: Loose) => [W.Module.imports(new W.Module(BYTES)), W.Module.exports(new W.Module(BYTES))];
add('lists of a module', (W) => JSON.stringify(LISTS(W)));
add('lists of a module, their prototypes', (W) =>
  parts(...LISTS(W).map(([first]) => Object.getPrototypeOf(first) === Object.prototype && Object.isFrozen(first))),
);
add('Instance of nothing at all', (W) => new W.Instance());
each('Instance', (W, value) => new W.Instance(value));
each('Instance without imports, given', (W, value) => new W.Instance(new W.Module(EMPTY), value));
const IMPORTING = parse('(module (import "a" "f" (func)))');
each('Instance with imports, given', (W, value) => new W.Instance(new W.Module(IMPORTING), value));
each('Instance with imports, module', (W, a) => new W.Instance(new W.Module(IMPORTING), { a }));
each('Instance with imports, function', (W, f) => new W.Instance(new W.Module(IMPORTING), { a: { f } }));
for (const [kind, type] of [
  ['memory', '(memory 1)'],
  ['table', '(table 1 funcref)'],
  ['constant i32', '(global i32)'],
  ['constant i64', '(global i64)'],
  ['constant f64', '(global f64)'],
  ['constant externref', '(global externref)'],
  ['constant funcref', '(global funcref)'],
  ['variable', '(global (mut i32))'],
]) {
  const module = parse(`(module (import "a" "x" ${type}))`);
  each(`Instance with imports, ${kind}`, (W, x) => new W.Instance(new W.Module(module), { a: { x } }));
}

// Methods and getters on what they are not of.

const RECEIVERS: Readonly<Record<string, (W: Loose) => unknown>> = {
  nothing: () => undefined,
  'an object': () => ({}),
  'a memory': (W) => new W.Memory({ initial: 1 }),
  'a table': (W) => new W.Table({ element: 'anyfunc', initial: 1 }),
  'a global': (W) => new W.Global({ value: 'i32' }),
  'a module': (W) => new W.Module(EMPTY),
  'an instance': (W) => new W.Instance(new W.Module(EMPTY)),
  'a proxy of a memory': (W) => new Proxy(new W.Memory({ initial: 1 }), {}),
};
const CLASSES = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag', 'Exception'];
const MEMBERS: readonly (readonly [Class: string, member: string])[] = [
  ['Memory', 'grow'],
  ['Memory', 'buffer'],
  ['Table', 'get'],
  ['Table', 'set'],
  ['Table', 'grow'],
  ['Table', 'length'],
  ['Global', 'value'],
  ['Global', 'valueOf'],
  ['Instance', 'exports'],
  ['Exception', 'is'],
  ['Exception', 'getArg'],
];
for (const [Class, member] of MEMBERS) {
  for (const [name, make] of Object.entries(RECEIVERS)) {
    if (name.includes(Class.toLowerCase()) && !name.includes('proxy')) continue;
    add(`${Class}.${member} of ${name}`, (W) => {
      const { value, get, set } = Object.getOwnPropertyDescriptor(W[Class].prototype, member) as Loose;
      const receiver = make(W);
      return parts(...[value, get, set].map((func) => (func ? throws(() => func.call(receiver, 0)) : 'none')));
    });
  }
  add(`${Class}.${member} of its prototype`, (W) => W[Class].prototype[member]);
}
for (const Class of [...CLASSES, 'CompileError', 'LinkError', 'RuntimeError']) {
  add(`${Class} without new`, (W) => typeof W[Class](Class));
}

// What it all looks like.

function look(descriptor: Loose): string {
  if (descriptor === undefined) return 'none';
  const { value, get, set, writable, enumerable, configurable } = descriptor;
  const func = (part: Loose) => (part === undefined ? '' : `${part.name}/${part.length}/${'prototype' in part}`);
  const what =
    get || set ? `get ${func(get)} set ${func(set)}` : typeof value === 'function' ? func(value) : String(value);
  return parts(what, writable, enumerable, configurable);
}
const FUNCTIONS = ['validate', 'compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'];
for (const name of FUNCTIONS) {
  add(`${name} in the namespace`, (W) => look(Object.getOwnPropertyDescriptor(W, name)));
}
for (const name of [...CLASSES, 'CompileError', 'LinkError', 'RuntimeError']) {
  add(`${name} in the namespace`, (W) => look(Object.getOwnPropertyDescriptor(W, name)));
  add(`members of ${name}.prototype`, (W) =>
    Object.getOwnPropertyNames(W[name].prototype)
      .filter((member) => member !== 'type')
      .sort()
      .join(),
  );
  add(`prototype of ${name}`, (W) =>
    look(Object.getOwnPropertyDescriptor(W[name], 'prototype')).replace(/.*?(?=true|false)/, ''),
  );
  for (const member of ['constructor', Symbol.toStringTag]) {
    add(`${String(member)} of ${name}.prototype`, (W) =>
      look(Object.getOwnPropertyDescriptor(W[name].prototype, member)),
    );
  }
}
for (const [Class, member] of MEMBERS) {
  add(`${Class}.${member}`, (W) => look(Object.getOwnPropertyDescriptor(W[Class].prototype, member)));
}
for (const member of ['imports', 'exports', 'customSections']) {
  add(`Module.${member}`, (W) => look(Object.getOwnPropertyDescriptor(W.Module, member)));
}
add('the namespace’s tag', (W) => look(Object.getOwnPropertyDescriptor(W, Symbol.toStringTag)));
add('the namespace’s prototype', (W) => Object.getPrototypeOf(W) === Object.prototype);
add('keys of the namespace', (W) => Object.keys(W).sort().join());
add('an object of each class', (W) => {
  const { exports } = made(W);
  return [exports.m, exports.t, exports.g, made(W), new W.Module(EMPTY)]
    .map((object) => parts(Object.prototype.toString.call(object), Object.isExtensible(object)))
    .join();
});
add('own properties of objects', (W) => {
  const { exports } = made(W);
  return [exports.m, exports.t, exports.g, made(W)].map((object) => Reflect.ownKeys(object).length).join();
});
add('subclasses', (W) => {
  const Mine: Loose = class extends W.Memory {};
  const memory = new Mine({ initial: 1 });
  return parts(memory instanceof Mine, memory instanceof W.Memory, pages(memory));
});
add('exports', (W) => {
  const { exports } = made(W);
  return parts(
    Object.keys(exports),
    Object.isFrozen(exports),
    Object.getPrototypeOf(exports),
    look(Object.getOwnPropertyDescriptor(exports, 'm')).replace(/.*?(?=true|false)/, ''),
  );
});
add('exports, assigned to', (W) => {
  made(W).exports = {};
});
add('an export, assigned to', (W) => {
  made(W).exports.two = 1;
});
add('exported functions', (W) => {
  const { two, none, again } = made(W).exports;
  return [two, none, again]
    .map((func) => parts(func.name, func.length, Reflect.ownKeys(func).map(String).sort()))
    .join(' | ');
});
add('descriptors of an exported function', (W) => {
  const { two } = made(W).exports;
  return ['name', 'length'].map((name) => look(Object.getOwnPropertyDescriptor(two, name))).join(' | ');
});
add('an exported function, with new', (W) => new (made(W).exports.two)(1, 2n));
add('an exported function, called on something', (W) => made(W).exports.two.call(5, 1, 2n));
add('an exported function with too few arguments', (W) => made(W).exports.two(1));
add('an exported function with too many', (W) => made(W).exports.two(1, 2n, 3));
add('an exported function twice', (W) => {
  const instance = made(W);
  const { exports } = instance;
  return instance.exports === exports && instance.exports.two === exports.two;
});

// What descriptors are asked for, and in which order.

/** Logs what is read of it. */
function logging(log: string[], values: Readonly<Record<string, unknown>>): object {
  return new Proxy(values, {
    get(_, key) {
      log.push(`get ${String(key)}`);
      return Object.hasOwn(values, key) ? logged(log, String(key), values[String(key)]) : undefined;
    },
    has(_, key) {
      log.push(`has ${String(key)}`);
      return Object.hasOwn(values, key);
    },
    ownKeys() {
      log.push('keys');
      return [];
    },
    getOwnPropertyDescriptor(_, key) {
      log.push(`own ${String(key)}`);
      return undefined;
    },
  });
}
/** A number that logs when it is asked what it is worth, a text that does when it is asked for that. */
function logged(log: string[], key: string, value: unknown): unknown {
  if (typeof value === 'number') {
    return {
      valueOf() {
        log.push(`number ${key}`);
        return value;
      },
    };
  }
  if (typeof value !== 'string') return value;
  return {
    toString() {
      log.push(`text ${key}`);
      return value;
    },
  };
}
const reads = (
  name: string,
  values: Readonly<Record<string, unknown>>,
  run: (W: Loose, descriptor: Loose) => unknown,
) =>
  add(`what is read: ${name}`, (W) => {
    const log: string[] = [];
    const outcome = throws(() => run(W, logging(log, values)));
    return parts(log, outcome);
  });
reads('Memory', { initial: 1, maximum: 2 }, (W, descriptor) => new W.Memory(descriptor));
reads('Memory without a maximum', { initial: 1 }, (W, descriptor) => new W.Memory(descriptor));
reads('Memory without anything', {}, (W, descriptor) => new W.Memory(descriptor));
reads('Memory beyond its maximum', { initial: 3, maximum: 2 }, (W, descriptor) => new W.Memory(descriptor));
reads('Memory of a wrong size', { initial: -1, maximum: 2 }, (W, descriptor) => new W.Memory(descriptor));
reads('Memory of a wrong maximum', { initial: 1, maximum: -2 }, (W, descriptor) => new W.Memory(descriptor));
reads('Table', { element: 'anyfunc', initial: 1, maximum: 2 }, (W, descriptor) => new W.Table(descriptor));
reads('Table without a maximum', { element: 'anyfunc', initial: 1 }, (W, descriptor) => new W.Table(descriptor));
reads('Table of a wrong type', { element: 'i32', initial: 1 }, (W, descriptor) => new W.Table(descriptor));
reads('Table of a wrong size', { element: 'anyfunc', initial: -1 }, (W, descriptor) => new W.Table(descriptor));
reads('Global', { value: 'i32', mutable: true }, (W, descriptor) => new W.Global(descriptor, 1));
reads('Global of a wrong type', { value: 'x' }, (W, descriptor) => new W.Global(descriptor, 1));
reads('Tag', { parameters: ['i32'] }, (W, descriptor) => new W.Tag(descriptor));
reads('imports', { a: { f: () => 1 } }, (W, imports) => new W.Instance(new W.Module(IMPORTING), imports));
add('what is read: a global of two values', (W) => {
  const log: string[] = [];
  const value = logged(log, 'value', 5);
  return parts(new W.Global({ value: 'i32' }, value).value, log);
});
add('what is read: arguments', (W) => {
  const log: string[] = [];
  const { two } = made(W).exports;
  return parts(
    throws(() => two(logged(log, 'first', 1), 5)),
    log,
  );
});
for (const method of ['get', 'set', 'grow']) {
  add(`what is read: Table.${method}`, (W) => {
    const log: string[] = [];
    const table = new W.Table({ element: 'anyfunc', initial: 1 });
    return parts(
      throws(() => table[method](logged(log, 'at', 9), {})),
      log,
    );
  });
}

// Tags and exceptions.

add('Tag of nothing at all', (W) => new W.Tag());
each('Tag', (W, value) => new W.Tag(value));
each('Tag, parameters', (W, parameters) => new W.Tag({ parameters }));
each('Exception, tag', (W, value) => new W.Exception(value, []));
each('Exception, payload', (W, value) => new W.Exception(new W.Tag({ parameters: [] }), value));
each('Exception, payload of i32', (W, value) => {
  const tag = new W.Tag({ parameters: ['i32'] });
  return new W.Exception(tag, [value]).getArg(tag, 0);
});
each('Exception, options', (W, value) => typeof new W.Exception(new W.Tag({ parameters: [] }), [], value).stack);
each(
  'Exception, traceStack',
  (W, traceStack) => typeof new W.Exception(new W.Tag({ parameters: [] }), [], { traceStack }).stack,
);
const exception = (W: Loose) => {
  const tag = new W.Tag({ parameters: ['i32', 'i64'] });
  return { tag, made: new W.Exception(tag, [7, 8n]) };
};
each('Exception.is', (W, value) => exception(W).made.is(value));
each('Exception.getArg, tag', (W, value) => exception(W).made.getArg(value, 0));
each('Exception.getArg, index', (W, value) => {
  const { tag, made: object } = exception(W);
  return object.getArg(tag, value);
});
add('Exception.is without arguments', (W) => exception(W).made.is());
add('Exception.getArg without arguments', (W) => exception(W).made.getArg());
add('Exception of nothing', (W) => new W.Exception());
add('Exception without a payload', (W) => new W.Exception(new W.Tag({ parameters: [] })));

// Errors.

for (const name of ['CompileError', 'LinkError', 'RuntimeError']) {
  const error = (message: string, run: (Class: Loose) => unknown) => add(`${name}: ${message}`, (W) => run(W[name]));
  error('its name, length and prototype', (Class) =>
    parts(
      Class.name,
      Class.length,
      Class.prototype.name,
      `'${Class.prototype.message}'`,
      Object.getPrototypeOf(Class) === Error,
    ),
  );
  error('a new one', (Class) => {
    const made: Loose = new Class('x');
    return parts(made, made.name, made.message, Reflect.ownKeys(made).map(String).sort(), made.constructor === Class);
  });
  error('of no message', (Class) => Object.hasOwn(new Class(), 'message'));
  error('of undefined', (Class) => Object.hasOwn(new Class(undefined), 'message'));
  error('with a cause', (Class) => new Class('x', { cause: 5 }).cause);
  error('what it is', (Class) => parts(new Class() instanceof Error, Object.prototype.toString.call(new Class())));
  error('below it', (Class) => {
    const Mine: Loose = class extends Class {};
    const made = new Mine('x');
    return parts(made instanceof Mine, made instanceof Class, made.name, new Class() instanceof Mine);
  });
  error('its prototype’s prototype', (Class) => Object.getPrototypeOf(Class.prototype) === Error.prototype);
  error('of a symbol', (Class) => new Class(Symbol('s')));
}
const caught = (run: () => unknown): Loose => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
};
const kinds = (W: Loose, error: Loose) =>
  parts(
    error.name,
    String(error).split(':')[0],
    ...['CompileError', 'LinkError', 'RuntimeError'].map((name) => error instanceof W[name]),
    error instanceof RangeError,
    error instanceof Error,
    Object.prototype.toString.call(error),
  );
add('what a trap is', (W) =>
  kinds(
    W,
    caught(() => made(W).exports.trap()),
  ),
);
add('what a trap says', (W) => /unreachable/.test(caught(() => made(W).exports.trap()).message));
add('what an invalid module throws', (W) =>
  kinds(
    W,
    caught(() => new W.Module(new Uint8Array(4))),
  ),
);
add('what a missing import throws', (W) =>
  kinds(
    W,
    caught(() => new W.Instance(new W.Module(IMPORTING), { a: {} })),
  ),
);
const DEEP = parse('(module (func $f (export "f") (call $f)))');
add('what endless recursion throws', (W) =>
  kinds(
    W,
    caught(() => new W.Instance(new W.Module(DEEP)).exports.f()),
  ),
);
const SEGMENT = parse('(module (memory 1) (data (i32.const 65536) "x"))');
add('what a segment outside throws', (W) =>
  kinds(
    W,
    caught(() => new W.Instance(new W.Module(SEGMENT))),
  ),
);
const STARTING = parse('(module (func $f unreachable) (start $f))');
add('what a start function throws', (W) =>
  kinds(
    W,
    caught(() => new W.Instance(new W.Module(STARTING))),
  ),
);

/** What takes a promise. */
const later: ApiCase[] = [];
const addLater = (name: string, run: ApiCase['run']) => later.push({ name, run });
for (const [value, make] of Object.entries(VALUES)) {
  for (const name of FUNCTIONS.slice(1)) {
    addLater(`${name}: ${value}`, (W) => W[name](make()));
    addLater(`${name} of a promise: ${value}`, (W) => W[name](Promise.resolve(make())));
  }
  addLater(`instantiate of bytes, given: ${value}`, (W) => W.instantiate(IMPORTING, make()));
  addLater(`instantiate of a module, given: ${value}`, (W) => W.instantiate(new W.Module(IMPORTING), make()));
}
const CALLING = parse('(module (import "a" "f" (func $f)) (start $f))');
for (const [name, source] of [
  ['bytes', () => CALLING],
  ['a module', (W: Loose) => new W.Module(CALLING)],
] as const) {
  addLater(`order: instantiate of ${name}`, async (W) => {
    const log: string[] = [];
    const imports = {
      get a() {
        log.push('read');
        return { f: () => log.push('start') };
      },
    };
    const promise = W.instantiate(source(W), imports);
    log.push('returned');
    const made = await promise;
    log.push('kept');
    return parts(log, Object.keys(made));
  });
  addLater(`order: instantiate of ${name}, imports that throw`, async (W) => {
    const log: string[] = [];
    const imports = {
      get a() {
        log.push('read');
        throw new Error('mine');
      },
    };
    const promise = W.instantiate(source(W), imports);
    log.push('returned');
    await promise.catch((error: Error) => log.push(error.message));
    return parts(log);
  });
}
addLater('bytes changed behind instantiate', async (W) => {
  const bytes = CALLING.slice();
  const promise = W.instantiate(bytes, { a: { f: () => 1 } });
  bytes.fill(0);
  return Object.keys(await promise).join();
});
addLater('bytes changed behind compile', async (W) => {
  const bytes = CALLING.slice();
  const promise = W.compile(bytes);
  bytes.fill(0);
  return promise;
});
for (const [name, type] of [
  ['application/wasm', 'application/wasm'],
  ['capitals', 'Application/WASM'],
  ['a parameter', 'application/wasm;x=1'],
  ['an empty parameter', 'application/wasm;'],
  ['text', 'text/plain'],
  ['octets', 'application/octet-stream'],
  ['none', undefined],
  ['empty', ''],
] as const) {
  addLater(`compileStreaming of the type ${name}`, (W) =>
    W.compileStreaming(new Response(EMPTY.slice(), { headers: type === undefined ? {} : { 'content-type': type } })),
  );
}
for (const status of [200, 206, 299, 404, 500]) {
  addLater(`compileStreaming of status ${status}`, (W) =>
    W.compileStreaming(new Response(EMPTY.slice(), { status, headers: { 'content-type': 'application/wasm' } })),
  );
}
addLater('compileStreaming of a body that was read', async (W) => {
  const response = new Response(EMPTY.slice(), { headers: { 'content-type': 'application/wasm' } });
  await response.arrayBuffer();
  return W.compileStreaming(response);
});
addLater('compileStreaming of no module', (W) =>
  W.compileStreaming(new Response('x', { headers: { 'content-type': 'application/wasm' } })),
);
addLater('compileStreaming of a promise that fails', (W) => W.compileStreaming(Promise.reject(new Error('mine'))));

/** What this namespace gives otherwise than V8, by the names of cases, and why. */
export const DIFFERENCES: readonly (readonly [name: RegExp, reason: string])[] = [
  [/: -0\.5$/, 'between -1 and 0 is an integer, 0, to Web IDL, and none to V8'],
  [/^(Tag, parameters|Exception, payload): a (set of i32|function|class)$/, 'a sequence is what can be iterated over'],
  [/^compileStreaming of the type capitals$/, 'capitals do not matter in content types'],
  [/^Memory\.buffer, transferred$/, 'JavaScript cannot forbid that: the memory refuses to be used afterwards'],
  [/^members of (Memory|Exception)\.prototype$/, 'V8 has members of proposals, and the stack, there'],
];

/** What a namespace that is native throughout gives otherwise than the interpreter's. */
export const NATIVE_DIFFERENCES: typeof DIFFERENCES = [
  [/^keys of the namespace$/, 'what is instrumented cannot be suspended, so there is no promising'],
];

/** The same of a host that is older than 64-bit memories, as Node 20. */
export const OLD_DIFFERENCES: typeof DIFFERENCES = [
  ...DIFFERENCES,
  [/^(Memory|Table), address|^what is read: (Memory|Table)/, 'it knows no address types'],
  [
    /^Exception, payload: |^(constructor of )?Exception(\.prototype| in the namespace)/,
    'it takes anything, and no less than nothing',
  ],
  [/^keys of the namespace$/, 'it has no promise integration'],
  [/^exported functions$/, 'it has arguments and caller on them'],
  [/^Table\.grow of anyfunc with: undefined$/, 'it takes undefined for null'],
  [/^Global of externref, (valueOf|of nothing)$/, 'it takes null where nothing is given'],
];

/** As `shown`, for cases that promise. */
export async function shownLater(namespace: WebAssemblyNamespace, { name, run }: ApiCase): Promise<string> {
  const outcome = await (async () => run(namespace))().then(
    (value) => () => value,
    (error) => () => {
      throw error;
    },
  );
  return shown(namespace, { name, gives: '', run: outcome });
}

/** What each case gives, by its name. */
export async function observe(namespace: WebAssemblyNamespace): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  for (const item of API_CASES) seen.set(item.name, shown(namespace, { ...item, gives: '' }));
  for (const item of LATER_CASES) seen.set(item.name, await shownLater(namespace, item));
  return seen;
}

/** The cases in which two give other things, but for those for which there is a reason. */
export function compare(
  found: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  differences: typeof DIFFERENCES,
): string[] {
  const isKnown = (name: string) => differences.some(([pattern]) => pattern.test(name));
  return [...found]
    .filter(([name, gives]) => gives !== expected.get(name) && !isKnown(name))
    .map(([name, gives]) => `${name}: ${gives}, expected ${expected.get(name)}`);
}

export const API_CASES: readonly ApiCase[] = cases;
export const LATER_CASES: readonly ApiCase[] = later;
