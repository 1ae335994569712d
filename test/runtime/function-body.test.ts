/** Files of the build, as what takes no modules has them. */

import { describe, expect, test } from 'vitest';
import { functionBody, PARAMETERS } from '../../src/runtime/function-body.ts';

type Module = Record<string, unknown>;

/** What a file exports. */
function load(text: string, others: Record<string, Module> = {}): Module {
  const exported = {};
  const from = (specifier: string) => others[specifier];
  const later = async (specifier: string) => others[specifier];
  new Function(...PARAMETERS, functionBody(text))(exported, from, later, 'file:///dist/a.js');
  return exported;
}

const OTHER = { './other.js': { a: 1, b: 2, default: 3 } };

describe('what a file imports', () => {
  const imports: [name: string, text: string, sum: unknown][] = [
    ['names', 'import{a as e,b as t}from"./other.js";const n=e+t;', 3],
    ['names as they are', 'import { a, b } from "./other.js"; const n = a + b;', 3],
    ['all by a name', 'import*as e from"./other.js";const n=e.b;', 2],
    ['all as the default, as Node has it of what is for `require`', 'import e from"./other.js";const n=e.a;', 1],
    ['the default and names', 'import e,{b as t}from"./other.js";const n=e.a+t;', 3],
    ['nothing by name', 'import"./other.js";const n=5;', 5],
    ['of several', 'import{a as e}from"./other.js";import{b as t}from"./other.js";const n=e-t;', -1],
  ];
  test.each(imports)('%s', (_, text, sum) => {
    expect(load(`${text}export{n as sum};\n//# sourceMappingURL=a.js.map`, OTHER)).toEqual({ sum });
  });

  test('later', async () => {
    const { wait } = load('const e=()=>import(`./other.js`);export{e as wait};', OTHER);
    expect(await (wait as () => Promise<Module>)()).toBe(OTHER['./other.js']);
  });
});

describe('what a file exports', () => {
  test('of another', () => {
    expect(load('export{a as default,b as c}from"./other.js";', OTHER)).toEqual({ default: 1, c: 2 });
    expect(load('export{a}from"./other.js";import"./other.js";', OTHER)).toEqual({ a: 1 });
  });

  test('by the names that it has', () => {
    expect(load('const a=1;class B{}export{a,B as default};')).toEqual({ a: 1, default: expect.any(Function) });
  });
});

test('a file knows where it is, and texts of programs stay as they are', () => {
  const file = load(
    'const e=import.meta.url??f(),t="const url = import.meta.url;",n=`x => import(y)`;export{e as a,t as b,n as c};',
  );
  expect(file).toEqual({ a: 'file:///dist/a.js', b: 'const url = import.meta.url;', c: 'x => import(y)' });
});

test('is strict, as modules are', () => {
  expect(() => load('undeclared=1;')).toThrow(ReferenceError);
});
