/** Atomic instructions where they could go wrong: compared with the host's own engine, which has them. */

import { describe, expect, test } from 'vitest';
import { parse } from '../../src/text.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { failureOf } from '../interpreter/engine.ts';
import { nativeFeatures } from '../spec/probes.ts';

const ours = await createWebAssembly({ engine: 'interpreter' });

type Namespace = Pick<typeof WebAssembly, 'Module' | 'Instance'>;
const engines = {
  interpreter: ours as unknown as Namespace,
  ...(nativeFeatures.includes('threads') && { native: WebAssembly }),
};

/** What `run` of a module returns, or how it traps. */
function outcome(namespace: Namespace, code: string, memory = '(memory 1 1 shared)'): unknown {
  const bytes = parse(`(module ${memory} (func (export "run") ${code}))`);
  const { exports } = new namespace.Instance(new namespace.Module(bytes as BufferSource));
  try {
    return (exports['run'] as () => unknown)();
  } catch (error) {
    return (error as Error).message.replace(/ \(.*/s, '');
  }
}

const ON_EITHER = '(memory 1)';

describe.each(Object.entries(engines))('on %s', (name, namespace) => {
  test.each([
    [
      '(result i32) i32.const 0 i32.const 0x111 i32.atomic.store i32.const 0 i32.const 0x111 i32.const 5 i32.atomic.rmw8.cmpxchg_u',
      0x11,
    ],
    [
      '(result i32) i32.const 0 i32.const 0x11 i32.atomic.store i32.const 0 i32.const 0x111 i32.const 5 i32.atomic.rmw8.cmpxchg_u drop i32.const 0 i32.load',
      5,
    ],
    [
      '(result i64) i32.const 0 i64.const -1 i64.atomic.store i32.const 0 i64.const -1 i64.const 5 i64.atomic.rmw32.cmpxchg_u drop i32.const 0 i64.load',
      -0xfffffffbn,
    ],
    [
      '(result i64) i32.const 0 i64.const -1 i64.atomic.store i32.const 0 i64.const 0xffffffff i64.const 5 i64.atomic.rmw32.cmpxchg_u',
      0xffffffffn,
    ],
    [
      '(result i64) i32.const 0 i64.const 7 i64.atomic.store i32.const 0 i64.const -9 i64.atomic.rmw.add drop i32.const 0 i64.atomic.load',
      -2n,
    ],
    [
      '(result i32) i32.const 0 i32.const 0xff i32.atomic.store8 i32.const 0 i32.const 2 i32.atomic.rmw8.add_u drop i32.const 0 i32.load',
      1,
    ],
    ['(result i32) i32.const 0 i32.const 1 memory.atomic.notify', 0],
    ['(result i32) i32.const 65532 i32.atomic.load', 0],
  ])('%s', (code, result) => {
    expect(outcome(namespace, code)).toBe(result);
    expect(outcome(namespace, code, ON_EITHER)).toBe(result);
  });

  test('what is not aligned, or out of bounds, traps', () => {
    const trap = (code: string) => String(outcome(namespace, code));
    expect(trap('i32.const 1 i32.atomic.load16_u drop')).toMatch(/unaligned|aligned/);
    expect(trap('i32.const 65536 i32.atomic.load drop')).toMatch(/out of bounds/);
    expect(trap('i32.const 4 i64.const 0 i64.atomic.rmw.xchg drop')).toMatch(/unaligned|aligned/);
    expect(trap('i32.const 2 i32.const 0 memory.atomic.notify drop')).toMatch(/unaligned|aligned/);
    expect(trap('i32.const 65536 i32.const 0 memory.atomic.notify drop')).toMatch(/out of bounds/);
  });

  test('nobody waits on a memory that is not shared', () => {
    const code = 'i32.const 0 i32.const 1 i64.const 0 memory.atomic.wait32 drop';
    expect(String(outcome(namespace, code, ON_EITHER))).toMatch(name === 'native' ? /./ : /^expected shared memory/);
  });

  test('waiting for another value, and without time', () => {
    const wait = (expected: number) =>
      `(result i32) i32.const 0 i32.const ${expected} i64.const 0 memory.atomic.wait32`;
    if (name === 'native') return;
    expect([outcome(namespace, wait(1)), outcome(namespace, wait(0))]).toEqual([1, 2]);
  });
});

test('a memory of 64 bits', () => {
  const memory = '(memory i64 1 1 shared)';
  const code = '(result i32) i64.const 8 i32.const 3 i32.atomic.store offset=8 i64.const 16 i32.atomic.load';
  expect(outcome(engines.interpreter, code, memory)).toBe(3);
  expect(outcome(engines.interpreter, '(result i32) i64.const 0x100000000 i32.atomic.load', memory)).toMatch(
    /out of bounds/,
  );
});

test('accesses must say their own alignment, and shared memories a maximum', () => {
  const compile = (text: string) => String(failureOf(() => new ours.Module(parse(`(module ${text})`))));
  expect(compile('(memory 1) (func i32.const 0 i32.atomic.load align=2 drop)')).toMatch(/alignment must be natural/);
  expect(compile('(memory 1 shared)')).toMatch(/shared memory must have maximum/);
});
