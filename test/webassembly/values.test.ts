import { describe, expect, it } from 'vitest';
import ours from '../../src/webassembly.ts';
import { shown, VALUE_CASES } from './values.ts';

// What V8 says of the same cases is printed by compare.ts, under a Node that has all of release 3.0.
describe('values at the boundary', () => {
  it.each(VALUE_CASES.map((item) => [item.name, item] as const))('%s', (_name, item) => {
    expect(shown(ours, item)).toBe(item.gives);
  });

  it('names no case twice', () => {
    expect(new Set(VALUE_CASES.map(({ name }) => name)).size).toBe(VALUE_CASES.length);
  });
});
