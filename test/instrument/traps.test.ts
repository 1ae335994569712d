import { describe, expect, test } from 'vitest';
import { reportedTrap } from '../../instrument/traps.ts';
import { WasmSandbox } from '../../src/index.ts';
import { FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';

/** What engines say, and what that can stand for. */
const MESSAGES: readonly (readonly [engine: string, message: string, reported: string])[] = [
  ['V8 11', 'null function or function signature mismatch', 'callee'],
  ['V8 26', 'function signature mismatch', 'callee'],
  ['V8 26', 'null function', 'uninitialized-element'],
  ['V8', 'unreachable', 'unreachable'],
  ['V8', 'divide by zero', 'divide-by-zero'],
  ['V8', 'remainder by zero', 'divide-by-zero'],
  ['V8', 'divide result unrepresentable', 'integer-overflow'],
  ['V8', 'float unrepresentable in integer range', 'integer-overflow'],
  ['V8', 'memory access out of bounds', 'memory-out-of-bounds'],
  ['V8', 'table index is out of bounds', 'table index'],
  ['V8 11', 'WebAssembly.Instance(): data segment is out of bounds', 'memory-out-of-bounds'],
  [
    'V8 26',
    'WebAssembly.Instance(): data segment 0 is out of bounds (offset 65536, length 1, memory size 65536)',
    'memory-out-of-bounds',
  ],
  ['JavaScriptCore', 'Unreachable code should not be executed', 'unreachable'],
  ['JavaScriptCore', 'Division by zero', 'divide-by-zero'],
  ['JavaScriptCore', 'Integer overflow', 'integer-overflow'],
  ['JavaScriptCore', 'Out of bounds Trunc operation', 'integer-overflow'],
  ['JavaScriptCore', 'Out of bounds memory access', 'memory-out-of-bounds'],
  ['JavaScriptCore', 'Out of bounds table access', 'table-out-of-bounds'],
  ['JavaScriptCore', 'Out of bounds call_indirect', 'undefined-element'],
  ['JavaScriptCore', 'call_indirect to a null table entry', 'uninitialized-element'],
  ['JavaScriptCore', 'call_indirect to a signature that does not match', 'callee'],
  ['JavaScriptCore', 'Element is trying to set an out of bounds table index', 'table index'],
  [
    'JavaScriptCore',
    'Invalid data segment initialization: segment of 1 bytes memory of 65536 bytes, at offset 65536, segment writes outside of memory',
    'memory-out-of-bounds',
  ],
  ['JavaScriptCore in Bun', 'Integer overflow (evaluating \'unreachable.table("data segment")\')', 'integer-overflow'],
  ['SpiderMonkey', 'unreachable executed', 'unreachable'],
  ['SpiderMonkey', 'integer divide by zero', 'divide-by-zero'],
  ['SpiderMonkey', 'integer overflow', 'integer-overflow'],
  ['SpiderMonkey', 'invalid conversion to integer', 'invalid-conversion'],
  ['SpiderMonkey', 'index out of bounds', 'index'],
  ['SpiderMonkey', 'table index out of bounds', 'table index'],
  ['SpiderMonkey', 'indirect call to null', 'uninitialized-element'],
  ['SpiderMonkey', 'indirect call signature mismatch', 'callee'],
  ['the specification', 'uninitialized element', 'uninitialized-element'],
  ['the specification', 'undefined element', 'undefined-element'],
  ['the specification', 'indirect call type mismatch', 'callee'],
  ['the specification', 'out of bounds memory access', 'memory-out-of-bounds'],
  ['the specification', 'out of bounds table access', 'table-out-of-bounds'],
];

test.each(MESSAGES)('%s: %s', (_, message, reported) => {
  expect(reportedTrap(message)).toBe(reported);
});

test('what no engine says stands for nothing', () => {
  expect(reportedTrap('the moon is full')).toBeUndefined();
});

describe('an indirect call', () => {
  const zero: Instruction = ['i32.const', 0];
  const memory: Instruction[] = [['i32.const', -1], ['i32.load'], 'drop'];
  const call = (element: number, results: (typeof I32)[] = []): Instruction[] => [
    ['i32.const', element],
    ['call_indirect', { params: [], results }, 0],
    ...results.map(() => 'drop' as const),
  ];
  /** Element 1 is a function of no parameters and results, the others are null. */
  const description = (body: Instruction[]): ModuleDescription => ({
    tables: [{ min: 3 }],
    memories: [{ min: 1 }],
    elements: [{ offset: [['i32.const', 1]], items: [0] }],
    functions: [{ body: [] }, { body, export: 'run' }],
  });
  const cases: Record<string, readonly [body: Instruction[], kind: string]> = {
    'of a null element': [call(0), 'uninitialized-element'],
    'of a null element, as another type': [call(0, [I32]), 'uninitialized-element'],
    'of the last element, null': [call(2), 'uninitialized-element'],
    'of another type': [call(1, [I32]), 'indirect-call-type-mismatch'],
    'of no element': [call(3), 'undefined-element'],
    'of element 2 ** 32 - 1': [call(-1), 'undefined-element'],
    'that went well, before another trap': [[...call(1), ...memory], 'memory-out-of-bounds'],
    'of an element that was set to null': [
      [['i32.const', 1], ['ref.null', FUNCREF], ['table.set', 0], ...call(1)],
      'uninitialized-element',
    ],
    'that went well, before a table access': [
      [...call(1), ['i32.const', 3], ['table.get', 0], 'drop', zero, 'drop'],
      'table-out-of-bounds',
    ],
  };

  test.each(Object.entries(cases))('%s traps in the same way on both engines', async (_, [body, kind]) => {
    const source = encodeModule(description(body));
    for (const engine of ['interpreter', 'native'] as const) {
      const sandbox = await WasmSandbox.create({ source, engine });
      await expect(sandbox.call('run')).rejects.toMatchObject({ code: 'TRAP', kind });
      await expect(sandbox.call('run')).rejects.toMatchObject({ code: 'TRAP', kind });
    }
  });
});
