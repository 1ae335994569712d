import { expect, it } from 'vitest';
import { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { PROBES } from '../spec/probes.ts';
import { API_CASES, compare, DIFFERENCES, LATER_CASES, NATIVE_DIFFERENCES, OLD_DIFFERENCES, observe } from './api.ts';

const host = WebAssembly as unknown as WebAssemblyNamespace;
const interpreter = await observe(await createWebAssembly());

it('names no case twice', () => {
  const names = [...API_CASES, ...LATER_CASES].map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

// compare.ts tells of a newer host.
it('gives what the host gives', async () => {
  const differences = host.validate(PROBES.memory64) ? DIFFERENCES : OLD_DIFFERENCES;
  expect(compare(interpreter, await observe(host), differences)).toEqual([]);
});

it.each(['native', 'auto'] as const)('gives the same on the engine %s', async (engine) => {
  const native = await observe(await createWebAssembly({ engine }));
  const noAddresses = host.validate(PROBES.memory64) ? [] : [[/address/, 'the host has no 64-bit memories'] as const];
  const lent = [/^Memory\.buffer, transferred$/, 'its memory is the host’s, which forbids that'] as const;
  const own = engine === 'native' ? NATIVE_DIFFERENCES : [];
  expect(compare(native, interpreter, [...noAddresses, lent, ...own])).toEqual([]);
});

it('an argument that throws changes nothing', async () => {
  const W = await createWebAssembly({ memoryLimit: 2 ** 20 });
  const memory = new W.Memory({ initial: 1 });
  const before = W.stats().memoryBytes;
  const bad = { valueOf: () => Number.NaN } as never;
  expect(() => memory.grow(bad)).toThrow(TypeError);
  expect(() => new W.Memory({ initial: bad })).toThrow(TypeError);
  expect(() => new W.Table({ element: 'anyfunc', initial: 5 }, {})).toThrow(TypeError);
  expect(W.stats().memoryBytes).toBe(before);
});
