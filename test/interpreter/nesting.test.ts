/** What depends on how host functions, exceptions and calls back into guests are inside one another. */

import { describe, expect, it, vi } from 'vitest';
import { ModuleCode } from '../../interpreter/code/module-code.ts';
import ours, { createWebAssembly } from '../../src/webassembly.ts';
import { MemoryLimitExceeded } from '../../wasm/errors.ts';
import { definedRef, EXNREF, I32, I64 } from '../../wasm/types.ts';
import { encodeModule, type Instruction, type ModuleDescription } from '../generate/encode.ts';
import { failureOf, instantiate } from './engine.ts';

const NOTHING = { params: [], results: [] };
const IMPORT = { module: 'm', name: 'f', function: NOTHING } as const;
const constant = (value: number): Instruction => ['i32.const', value];

type Exports = Record<string, (...args: unknown[]) => unknown>;
const moduleOf = (description: ModuleDescription, namespace = ours) =>
  new namespace.Module(encodeModule(description) as BufferSource);

describe('calls back into the guest', () => {
  it('do not free what the outer guest holds', async () => {
    const limited = await createWebAssembly({ memoryLimit: 60_000 });
    const types: ModuleDescription['types'] = [{ array: { type: I64, mutable: true } }];
    const maker = new limited.Instance(
      moduleOf(
        {
          types,
          functions: [
            {
              params: [I32],
              results: [definedRef(0, true)],
              export: 'make',
              body: [
                ['local.get', 0],
                ['array.new_default', 0],
              ],
            },
          ],
        },
        limited,
      ),
    );
    const { make } = maker.exports as Exports;
    const keeper = new limited.Instance(
      moduleOf(
        {
          types,
          imports: [IMPORT, { module: 'm', name: 'make', function: { params: [I32], results: [definedRef(0, true)] } }],
          globals: [{ type: definedRef(0, true), mutable: true, init: [['ref.null', definedRef(0, true)]] }],
          functions: [{ export: 'run', body: [constant(5_000), ['call', 1], ['global.set', 0], ['call', 0]] }],
        },
        limited,
      ),
      { m: { make: make as never, f: () => make?.(5_000) } },
    );
    expect(failureOf(() => (keeper.exports as Exports).run?.())).toBeInstanceOf(MemoryLimitExceeded);
  });
});

describe('exceptions', () => {
  it('that are caught cost nobody a look for their place', () => {
    const locate = vi.spyOn(ModuleCode.prototype, 'locate');
    const instance = instantiate(
      encodeModule({
        tags: [{ params: [] }],
        functions: [
          { export: 'caught', body: [['block', NOTHING], ['try_table', NOTHING, [[2, 0]]], ['call', 1], 'end', 'end'] },
          { export: 'uncaught', body: [['throw', 0]] },
        ],
      }),
    );
    instance.call('caught', []);
    expect(locate).not.toHaveBeenCalled();
    expect(failureOf(() => instance.call('uncaught', []))).toMatchObject({ code: 'EXCEPTION', functionIndex: 1 });
    expect(locate).toHaveBeenCalledTimes(1);
    locate.mockRestore();
  });

  it('of the host’s count for the guest that keeps them', async () => {
    const limited = await createWebAssembly({ memoryLimit: 100 * 160 });
    const { run } = new limited.Instance(
      moduleOf(
        {
          imports: [IMPORT],
          types: [NOTHING, [{ struct: [{ type: EXNREF }, { type: definedRef(1, true) }] }]],
          functions: [
            {
              export: 'run',
              locals: [definedRef(1, true)],
              body: [
                ['loop'],
                ['block', { params: [], results: [EXNREF | 0x100] }],
                ['try_table', NOTHING, [[3, 0]]],
                ['call', 0],
                'end',
                'unreachable',
                'end',
                ['local.get', 0],
                ['struct.new', 1],
                ['local.set', 0],
                ['br', 0],
                'end',
              ],
            },
          ],
        },
        limited,
      ),
      {
        m: {
          f() {
            throw thrown++;
          },
        },
      },
    ).exports as Exports;
    let thrown = 0;
    expect(failureOf(() => run?.())).toBeInstanceOf(MemoryLimitExceeded);
    // A struct of 128 bytes and an exception of 160 each.
    expect(thrown).toBe(Math.floor((100 * 160) / (160 + 128)) + 1);
  });

  it('publish the count when they are thrown again', () => {
    const cost = (...body: Instruction[]) => {
      const instance = instantiate(
        encodeModule({
          tags: [{ params: [] }],
          functions: [
            {
              export: 'run',
              locals: [EXNREF],
              body: [
                ['block', { params: [], results: [EXNREF | 0x100] }],
                ['try_table', NOTHING, [[3, 0]]],
                ['throw', 0],
                'end',
                'unreachable',
                'end',
                ['local.set', 0],
                ...body,
                ['local.get', 0],
                'throw_ref',
              ],
            },
          ],
        }),
      );
      failureOf(() => instance.call('run', []));
      return instance.figures().gasUsed;
    };
    expect(cost(constant(1), constant(2), 'i32.div_s', 'drop') - cost()).toBe(3n);
  });

  it('are made of results that cannot be converted', () => {
    const results: [number[], unknown][] = [
      [[I64], 5],
      [[I64, I64], [5n]],
      [[I64, I64], 5],
    ];
    for (const [types, value] of results) {
      const { run } = new ours.Instance(
        moduleOf({
          imports: [{ module: 'm', name: 'f', function: { params: [], results: types } }],
          functions: [
            {
              results: [I32],
              export: 'run',
              body: [
                ['block', NOTHING],
                ['try_table', NOTHING, [[2, 0]]],
                ['call', 0],
                ...types.map((): Instruction => 'drop'),
                'end',
                constant(0),
                'return',
                'end',
                constant(1),
              ],
            },
          ],
        }),
        { m: { f: () => value } },
      ).exports as Exports;
      expect(run?.()).toBe(1);
    }
  });
});
