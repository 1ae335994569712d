import { expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { functionName } from '../../wasm/names.ts';
import { concat, encodeModule, type ModuleDescription, section, unsigned } from '../generate/encode.ts';

const functions = [{ body: [], export: 'exported' }, { body: [] }];
const namesOf = (description: ModuleDescription) => {
  const module = decode(encodeModule(description));
  const names = module.functions.map((_, index) => [index, functionName(module, index)] as const);
  return Object.fromEntries(names.filter(([, name]) => name !== undefined));
};
/** A `name` section of these bytes. */
const withNames = (...bytes: readonly Iterable<number>[]) =>
  namesOf({ functions, custom: [{ name: 'name', bytes: bytes.flatMap((part) => [...part]) }] });

test('names come from the name section, before exports', () => {
  expect(namesOf({ functions, names: { 0: 'first', 1: 'second' } })).toEqual({ 0: 'first', 1: 'second' });
  expect(namesOf({ functions, names: { 1: 'second' } })).toEqual({ 0: 'exported', 1: 'second' });
  expect(namesOf({ functions })).toEqual({ 0: 'exported' });
  expect(namesOf({})).toEqual({});
});

test('other subsections are passed over', () => {
  const moduleName = section(0, [1, 0x6d]);
  const locals = section(2, [1, 0, 1, 0, 1, 0x78]);
  expect(withNames(moduleName, section(1, [1, 1, 1, 0x62]), locals)).toEqual({ 0: 'exported', 1: 'b' });
  expect(withNames(locals, moduleName)).toEqual({ 0: 'exported' });
});

test('a malformed section gives the names before the fault', () => {
  expect(withNames(section(1, [2, 0, 1, 0x61, 1, 1, 0xff]))).toEqual({ 0: 'a' });
  expect(withNames(section(1, [3, 0, 1, 0x61, 1, 1, 0x62]))).toEqual({ 0: 'a', 1: 'b' });
  expect(withNames(section(1, [2, 0, 1, 0x61]))).toEqual({ 0: 'a' });
  expect(withNames(section(1, [1, 0, 200, 0x61]))).toEqual({ 0: 'exported' });
  expect(withNames(section(0, [1], 99), section(1, [1, 0, 1, 0x61]))).toEqual({ 0: 'exported' });
  expect(withNames([0x80])).toEqual({ 0: 'exported' });
  expect(withNames(section(1, [0xff, 0xff, 0xff, 0xff, 0x0f]))).toEqual({ 0: 'exported' });
});

test('a function may be named what objects have', () => {
  const module = decode(encodeModule({ functions, names: { 0: '__proto__', 1: 'toString' } }));
  expect([0, 1].map((index) => functionName(module, index))).toEqual(['__proto__', 'toString']);
  expect(functionName(module, 2)).toBeUndefined();
});

test('there are no more names than functions: indices increase', () => {
  expect(withNames(section(1, [3, 0, 1, 0x61, 0, 1, 0x62, 1, 1, 0x63]))).toEqual({ 0: 'a' });
  expect(withNames(section(1, [3, 1, 1, 0x61, 0, 1, 0x62]))).toEqual({ 0: 'exported', 1: 'a' });
  expect(withNames(section(1, [2, 0, 1, 0x61, 9, 1, 0x62]))).toEqual({ 0: 'a' });
  const bytes = section(1, concat(unsigned(1_000_000), new Uint8Array(2_000_000)));
  expect(withNames(bytes)).toEqual({ 0: '' });
});

test('only the section called so is read', () => {
  const custom = (name: string) => ({ name, bytes: [...section(1, [1, 0, 1, 0x61])] });
  expect(namesOf({ functions, custom: [custom('names'), custom('nam'), custom('xname')] })).toEqual({ 0: 'exported' });
  expect(namesOf({ functions, custom: [custom('x'), custom('name')] })).toEqual({ 0: 'a' });
});
