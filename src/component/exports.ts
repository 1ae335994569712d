/** What a component exports, as its embedder sees it: every function and every class behind one door. */

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Whether a function is called, or an object of a class made, or dropped. */
export type Entrance = 'call' | 'new' | 'drop';

/** Runs a call of an export by its name. */
export type Door = (name: string, how: Entrance, call: () => unknown) => unknown;

/** What of a class is no function of the component's. */
const OF_CLASSES: readonly PropertyKey[] = ['constructor', 'prototype', 'length', 'name'];

/** Frozen, by interface and function. Aliases of an interface are the same object. */
export function wrapExports(exports: Record<string, unknown>, door: Door): Readonly<Record<string, unknown>> {
  const wrapped = new Map<unknown, unknown>();
  const wrap = (name: string, value: unknown): unknown => {
    if (!wrapped.has(value)) wrapped.set(value, wrapAnew(name, value));
    return wrapped.get(value);
  };
  const wrapAnew = (name: string, value: unknown): unknown => {
    if (typeof value === 'function') {
      return isClass(value as AnyFunction)
        ? wrapClass(name, value as AnyFunction, door)
        : wrapFunction(name, value as AnyFunction, door);
    }
    if (typeof value !== 'object' || value === null) return value;
    const each = Object.entries(value).map(([key, inner]) => [key, wrap(`${name}.${key}`, inner)] as const);
    return Object.freeze(Object.assign(Object.create(null), Object.fromEntries(each)));
  };
  // The longest names first: an interface is called by its own, and not by its alias.
  const names = Object.keys(exports).sort((a, b) => b.length - a.length);
  for (const name of names) wrap(name, exports[name]);
  const each = Object.keys(exports).map((name) => [name, wrap(name, exports[name])] as const);
  return Object.freeze(Object.assign(Object.create(null), Object.fromEntries(each)));
}

function isClass(value: AnyFunction): boolean {
  return Function.prototype.toString.call(value).startsWith('class');
}

function wrapFunction(name: string, func: AnyFunction, door: Door, how: Entrance = 'call'): AnyFunction {
  const wrapper = function (this: unknown, ...args: unknown[]) {
    return door(name, how, () => Reflect.apply(func, this, args));
  };
  Object.defineProperty(wrapper, 'name', { value: func.name });
  Object.defineProperty(wrapper, 'length', { value: func.length });
  return wrapper;
}

/** In place, as objects of the class come from anywhere; the class is the component's alone. */
function wrapClass(name: string, type: AnyFunction, door: Door): unknown {
  for (const holder of [type, type.prototype as object]) {
    for (const key of Reflect.ownKeys(holder)) {
      const { value, configurable } = Object.getOwnPropertyDescriptor(holder, key) as PropertyDescriptor;
      if (typeof value !== 'function' || OF_CLASSES.includes(key) || configurable !== true || isInternal(key)) continue;
      Object.defineProperty(holder, key, {
        value: wrapFunction(`${name}.${String(key)}`, value as AnyFunction, door, isDrop(key) ? 'drop' : 'call'),
        configurable: true,
        writable: true,
      });
    }
  }
  return new Proxy(type, {
    construct: (target, args) => door(name, 'new', () => Reflect.construct(target, args)) as object,
  });
}

/** What the program calls of itself. */
function isInternal(key: PropertyKey): boolean {
  return typeof key === 'symbol' && !isDrop(key);
}

function isDrop(key: PropertyKey): boolean {
  return typeof key === 'symbol' && (key === Symbol.dispose || key.description === 'dispose');
}
