/** Functions of an instance one of whose active segments did not fit, called by way of a table that it was given. */

import { describe, expect, test } from 'vitest';
import { acceptArtifact, instrument } from '../../src/instrument.ts';
import { createWebAssembly } from '../../src/webassembly.ts';
import { decode } from '../../wasm/decode.ts';
import { FUNCREF, I32 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';

const ENGINES = ['interpreter', 'native'] as const;
const constant = (value: number): Instruction[] => [['i32.const', value]];
const GIVES = { params: [], results: [I32] };

/** Puts a counter, a reader of memory, a loop and an import into the table, and then more than fits. */
function failing(more: Pick<ModuleDescription, 'elements' | 'data'>): ModuleDescription {
  return {
    imports: [
      { module: 'm', name: 't', table: { min: 6 } },
      { module: 'm', name: 'h', function: GIVES },
    ],
    memories: [{ min: 1 }],
    globals: [{ type: I32, mutable: true, init: constant(0) }],
    elements: [
      { offset: constant(0), items: [1, 2, 3, 0] },
      { type: FUNCREF, offset: constant(4), items: [[['ref.func', 4]], [['ref.null', FUNCREF]]] },
      ...(more.elements ?? []),
    ],
    data: [{ offset: constant(0), bytes: [7] }, ...(more.data ?? [])],
    functions: [
      { ...GIVES, body: [['global.get', 0], ...constant(1), 'i32.add', ['global.set', 0], ['global.get', 0]] },
      { ...GIVES, body: [...constant(0), ['i32.load8_u']] },
      {
        ...GIVES,
        locals: [I32],
        body: [
          'loop',
          ['local.get', 0],
          ...constant(1),
          'i32.add',
          ['local.tee', 0],
          ...constant(100_000),
          'i32.lt_u',
          ['br_if', 0],
          'end',
          ['call', 1],
        ],
      },
      { ...GIVES, body: [...constant(-1), ['memory.grow'], 'drop', 'unreachable'] },
    ],
  };
}

const CALLER = encodeModule({
  imports: [{ module: 'm', name: 't', table: { min: 6 } }],
  functions: [
    {
      params: [I32],
      results: [I32],
      body: [
        ['local.get', 0],
        ['call_indirect', GIVES, 0],
      ],
      export: 'call',
    },
  ],
});

const FAILING: Record<string, ModuleDescription> = {
  'an element segment beyond its table': failing({ elements: [{ offset: constant(100), items: [1] }] }),
  'an empty element segment beyond its table': failing({ elements: [{ offset: constant(7), items: [] }] }),
  'a data segment beyond its memory': failing({ data: [{ offset: constant(65_536), bytes: [1] }] }),
  'an element segment, before a data segment': failing({
    elements: [{ offset: constant(6), items: [1] }],
    data: [{ offset: constant(0), bytes: [9] }],
  }),
};

interface Loose {
  // biome-ignore lint/suspicious/noExplicitAny: what one namespace or the other has.
  readonly [name: string]: any;
}

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message.replace(/ \(function .*/, '')}`;
  }
}

/** All that the embedder and another guest see. */
function story(W: Loose, bytes: Uint8Array): unknown[] {
  let calls = 0;
  const t = new W['Table']({ element: 'anyfunc', initial: 6 });
  const seen = [attempt(() => new W['Instance'](new W['Module'](bytes), { m: { t, h: () => ++calls } }))];
  const caller = new W['Instance'](new W['Module'](CALLER), { m: { t } });
  for (const element of [0, 1, 2, 3, 4, 5, 0]) seen.push(attempt(() => caller.exports.call(element)));
  for (const element of [0, 1, 2, 3, 4, 0]) seen.push(attempt(() => t.get(element)()));
  return [...seen, calls];
}

describe.each(Object.entries(FAILING))('%s', (_, description) => {
  const bytes = encodeModule(description);

  test('leaves functions that both engines can call', async () => {
    const [interpreted, native] = await Promise.all(
      ENGINES.map(async (engine) => story(await createWebAssembly({ engine }), bytes)),
    );
    expect(native).toEqual(interpreted);
    expect(native?.[0]).toMatch(/^RuntimeError: out of bounds (?:table|memory) access/);
    const trap = 'RuntimeError: unreachable executed';
    const read = bytes.length > 0 && description.elements?.length === 2 ? 7 : 0;
    const null_ = 'RuntimeError: uninitialized element';
    expect(native?.slice(1)).toEqual([1, read, 2, 1, trap, null_, 3, 4, read, 5, 2, trap, 6, 2]);
  });

  test('leaves functions that are limited', async () => {
    for (const engine of ENGINES) {
      const W = (await createWebAssembly({ engine, gasLimit: 20_000 })) as unknown as Loose;
      const t = new W['Table']({ element: 'anyfunc', initial: 6 });
      expect(() => new W['Instance'](new W['Module'](bytes), { m: { t, h: () => 1 } })).toThrow('out of bounds');
      expect(t.get(0)()).toBe(1);
      expect(attempt(() => t.get(2)())).toMatch(/^GasExhausted/);
      expect(attempt(() => t.get(0)())).toMatch(/^GasExhausted/);
    }
  });

  test('leaves them also where it was instrumented before', async () => {
    const module = decode(await instrument(bytes));
    expect(acceptArtifact(module).format).toBe(1);
  });
});

test('segments that fit are copied in the same way', async () => {
  const description = failing({ data: [{ offset: constant(1), bytes: [8, 9] }] });
  const [interpreted, native] = await Promise.all(
    ENGINES.map(async (engine) => story(await createWebAssembly({ engine }), encodeModule(description)).slice(1)),
  );
  expect(native).toEqual(interpreted);
});

test('segments stay dropped', async () => {
  const description: ModuleDescription = {
    imports: [{ module: 'm', name: 't', table: { min: 6 } }],
    memories: [{ min: 1 }],
    elements: [{ offset: constant(0), items: [0] }],
    data: [{ offset: constant(0), bytes: [7] }],
    functions: [
      { body: [...constant(0), ...constant(0), ...constant(1), ['memory.init', 0]], export: 'memory' },
      { body: [...constant(0), ...constant(0), ...constant(1), ['table.init', 0, 0]], export: 'table' },
      { body: [...constant(0), ...constant(0), ...constant(0), ['table.init', 0, 0]], export: 'nothing' },
    ],
  };
  for (const engine of ENGINES) {
    const W = (await createWebAssembly({ engine })) as unknown as Loose;
    const t = new W['Table']({ element: 'anyfunc', initial: 6 });
    const { exports } = new W['Instance'](new W['Module'](encodeModule(description)), { m: { t } });
    expect(attempt(() => exports.memory())).toMatch('out of bounds memory access');
    expect(attempt(() => exports.table())).toMatch('out of bounds table access');
    expect(attempt(() => exports.nothing())).toBeUndefined();
  }
});
