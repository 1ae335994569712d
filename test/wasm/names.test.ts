import { expect, test } from 'vitest';
import { decode } from '../../wasm/decode.ts';
import { functionNames } from '../../wasm/names.ts';
import { encodeModule, type ModuleDescription, section } from '../generate/encode.ts';

const functions = [{ body: [], export: 'exported' }, { body: [] }];
const namesOf = (description: ModuleDescription) =>
  Object.fromEntries(functionNames(decode(encodeModule(description))));
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
  expect(functionNames(decode(encodeModule({ functions, names: { 0: '__proto__', 1: 'toString' } })))).toEqual(
    new Map([
      [0, '__proto__'],
      [1, 'toString'],
    ]),
  );
});

test('names are read once', () => {
  const module = decode(encodeModule({ functions, names: { 0: 'a' } }));
  expect(functionNames(module)).toBe(functionNames(module));
});
