/** What may be an import object, and what of it is found, on the host's `WebAssembly` and on ours. */

import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly, type ImportObject, type WebAssemblyNamespace } from '../../src/webassembly.ts';

const host = WebAssembly as unknown as WebAssemblyNamespace;
const interpreter = await createWebAssembly();
const native = await createWebAssembly({ engine: 'native' });

const ENV = parse('(module (import "env" "f" (func $f (result i32))) (export "run" (func $f)))');
const importing = (name: string) => parse(`(module (import "env" "${name}" (func)))`);

describe.each([
  ['host', host],
  ['interpreter', interpreter],
  ['native', native],
])('on %s', (engine, W) => {
  const instantiate = (bytes: Uint8Array<ArrayBuffer>, imports: unknown) =>
    new W.Instance(new W.Module(bytes), imports as ImportObject);
  const run = (imports: unknown) => (instantiate(ENV, imports).exports['run'] as () => unknown)();

  class Env {
    f() {
      return 5;
    }
  }

  test.each<[string, () => unknown]>([
    ['an instance of a class', () => ({ env: new Env() })],
    ['of a subclass', () => ({ env: new (class extends Env {})() })],
    ['a proxy of a module', () => ({ env: new Proxy({}, { get: () => () => 5 }) })],
    ['a proxy of all', () => new Proxy({}, { get: () => new Env() })],
    ['a function', () => ({ env: Object.assign(() => 1, { f: () => 5 }) })],
    ['a function for all', () => Object.assign(() => 1, { env: { f: () => 5 } })],
    [
      'a static method of a class',
      () => ({
        env: Object.assign(class {}, { f: () => 5 }),
      }),
    ],
    [
      'getters',
      () => ({
        get env() {
          return {
            get f() {
              return () => 5;
            },
          };
        },
      }),
    ],
    ['objects without prototype', () => Object.assign(Object.create(null), { env: Object.create({ f: () => 5 }) })],
    ['of another realm', () => runInNewContext('({ env: { f: () => 5 } })')],
  ])('%s', (_, make) => {
    expect(run(make())).toBe(5);
  });

  test('each is read once, in order, and nothing else is asked of a proxy', () => {
    const bytes = parse(`(module (import "a" "x" (func)) (import "b" "toStrin" (func)) (import "a" "y" (global i32)))`);
    const seen: string[] = [];
    const spy = (name: string, target: object): object =>
      new Proxy(target, {
        get(object, key) {
          seen.push(`${name}.${String(key)}`);
          return Reflect.get(object, key);
        },
        has: () => expect.unreachable('has'),
        getOwnPropertyDescriptor: () => expect.unreachable('getOwnPropertyDescriptor'),
        getPrototypeOf: () => expect.unreachable('getPrototypeOf'),
        ownKeys: () => expect.unreachable('ownKeys'),
      });
    const f = () => 1;
    instantiate(bytes, spy('all', { a: spy('a', { x: f, y: 1 }), b: spy('b', { toStrin: f }) }));
    expect(seen).toEqual(['all.a', 'a.x', 'all.b', 'b.toStrin', 'all.a', 'a.y']);
  });

  test('what getters and proxies throw comes out', () => {
    const error = new Error('mine');
    const fail = () => {
      throw error;
    };
    expect(() => run(Object.defineProperty({}, 'env', { get: fail }))).toThrow(error);
    expect(() => run({ env: new Proxy({}, { get: fail }) })).toThrow(error);
  });

  test.each([null, 1, 'text', true, Symbol.iterator, 5n])('%s is no import object, nor a module of one', (value) => {
    expect(() => run(value)).toThrow(TypeError);
    expect(() => run({ env: value })).toThrow(TypeError);
    expect(() => instantiate(parse('(module)'), value)).toThrow(TypeError);
  });

  test('what overrides a member of every object is found', () => {
    const f = () => 1;
    class Named {
      toString() {
        return 'x';
      }
    }
    expect(instantiate(importing('toString'), { env: new Named() })).toBeDefined();
    expect(instantiate(importing('constructor'), { env: { constructor: f } })).toBeDefined();
    expect(instantiate(importing('__proto__'), { env: { ['__proto__']: f } })).toBeDefined();
    expect(instantiate(importing('valueOf'), { env: new Proxy({}, { get: () => f }) })).toBeDefined();
    expect(instantiate(importing('constructor'), { env: new Proxy({}, { get: () => f }) })).toBeDefined();
  });

  test.runIf(engine !== 'host').each([...Object.getOwnPropertyNames(Object.prototype)])(
    '%s, which every object inherits, is not',
    (name) => {
      const objects = [{}, new Env(), new Proxy({}, {}), runInNewContext('({})')];
      // Functions and arrays have a toString of their own classes.
      if (!/^to.*String$/.test(name)) objects.push(() => 1, Env, []);
      for (const env of objects) {
        // Instances, too, have the class as constructor, and functions have Function.
        expect(() => instantiate(importing(name), { env })).toThrow(W.LinkError);
      }
      const bytes = parse(`(module (import "${name}" "f" (func)))`);
      for (const all of objects) expect(() => instantiate(bytes, all)).toThrow(TypeError);
    },
  );

  test.runIf(engine !== 'host').each([
    ['Global', '(global i32)', new WebAssembly.Global({ value: 'i32' }, 1)],
    ['Global', '(global (mut i32))', new WebAssembly.Global({ value: 'i32', mutable: true }, 1)],
    ['Global', '(global externref)', new WebAssembly.Global({ value: 'externref' }, 1)],
    ['Memory', '(memory 1)', new WebAssembly.Memory({ initial: 1 })],
    ['Table', '(table 1 funcref)', new WebAssembly.Table({ element: 'anyfunc', initial: 1 })],
  ])('the host’s own %s as %s is named, with what to do', (name, type, value) => {
    const bytes = parse(`(module (import "env" "it" ${type}))`);
    const link = () => instantiate(bytes, { env: { it: value } });
    expect(link).toThrow(W.LinkError);
    expect(link).toThrow(`WebAssembly.${name} of another engine, most likely the host's own; make it with the ${name}`);
  });
});

test('the host’s own tag is named, too', () => {
  const Tag = (WebAssembly as unknown as WebAssemblyNamespace).Tag;
  const bytes = parse('(module (import "env" "it" (tag)))');
  const it = new Tag({ parameters: [] });
  expect(() => new interpreter.Instance(new interpreter.Module(bytes), { env: { it } })).toThrow(/WebAssembly.Tag of/);
});
