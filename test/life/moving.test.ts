import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadFixture, manifest } from '../../fixtures/load.node.ts';
import { decode } from '../../wasm/decode.ts';
import type { EngineInstance } from '../../wasm/engine.ts';
import { MemoryLimitExceeded, SnapshotError } from '../../wasm/errors.ts';
import type { HostCall } from '../../wasm/host.ts';
import { HostFunction } from '../../wasm/host.ts';
import { EXTERNREF, funcType, I32 } from '../../wasm/types.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { encodeModule } from '../generate/encode.ts';
import { SEED } from '../property/runner.ts';
import {
  again,
  anyLifeProgram,
  begin,
  imports,
  instantiate,
  LIMITS,
  type LifeProgram,
  moving,
  sequence,
  stateOf,
  trace,
  whole,
} from './programs.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 150);

function write(instance: EngineInstance, left: Parameters<NonNullable<EngineInstance['capture']>>[0]): Uint8Array {
  const writer = new WireWriter();
  instance.capture?.(left, 'write').write(writer);
  return writer.written.slice();
}

describe('a guest that is moved from instance to instance in the middle of its calls ends as one that was not', () => {
  it('random programs', async () => {
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.integer(), async (program, seed) => {
        const module = decode(program.bytes);
        expect(await trace(program, moving(module, seed))).toEqual(await trace(program, whole));
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('random programs whose host functions make them wait', async () => {
    const resolve = imports((value) => Promise.resolve(value));
    await fc.assert(
      fc.asyncProperty(anyLifeProgram(), fc.integer(), async (program, seed) => {
        const module = decode(program.bytes);
        fc.pre(module.start === undefined);
        const expected = await trace(program, whole);
        const make = () => instantiate(module, resolve);
        expect(await trace(program, moving(module, seed, resolve), make)).toEqual(expected);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  const programs = manifest.filter((fixture) => fixture.kind === 'exports');
  it.each(programs.map(({ name }) => name))('%s', async (name) => {
    const fixture = programs.find((item) => item.name === name)!;
    const program: LifeProgram = { bytes: loadFixture(name), calls: fixture.expect.calls };
    const module = decode(program.bytes);
    const next = sequence(11);
    const expected = await trace(program, whole);
    const seen = await trace(program, async (first, call) => {
      let instance = first;
      let execution = begin(instance, call);
      for (let moves = 0; execution.advance(BigInt(next() % 60_000)) !== 'done'; ) {
        if (moves++ >= 20) continue;
        const moved = again(module, instance, execution, { viaBytes: moves % 2 === 0 });
        instance = moved.instance;
        execution = moved.execution!;
      }
      return { results: execution.results, instance };
    });
    expect(seen).toEqual(expected);
  });
});

it('deep in nested calls, the same bytes come out again', () => {
  const module = decode(loadFixture('fib'));
  const instance = instantiate(module);
  instance.start();
  const execution = begin(instance, { export: 'run', args: [15] });
  execution.advance(20_000n);
  const bytes = write(instance, execution);
  const copy = instantiate(module);
  const restored = copy.install?.(new WireReader(bytes));
  expect(stateOf(copy)).toEqual(stateOf(instance));
  expect(write(copy, restored)).toEqual(bytes);
  execution.advance();
  restored?.advance();
  expect(restored?.results).toEqual([610]);
  expect(execution.results).toEqual([610]);
  expect(copy.figures()).toEqual(instance.figures());
});

describe('a snapshot is refused', () => {
  const signature = { params: [EXTERNREF], results: [I32] } as const;
  // Calls the host twice, so that its argument is needed after the first.
  const bytes = encodeModule({
    imports: [{ module: 'env', name: 'host', function: signature }],
    functions: [
      {
        ...signature,
        export: 'run',
        body: [['local.get', 0], ['call', 0], ['local.get', 0], ['call', 0], 'i32.add'],
      },
    ],
  });
  const guest = (call: HostCall) => {
    const host = new HostFunction(funcType([EXTERNREF], [I32]), { base: 1, perByte: 0 }, call);
    const instance = instantiate(decode(bytes), () => host);
    instance.start();
    return instance;
  };

  it('while the guest waits, but not when what it waits for has come', async () => {
    const instance = guest(() => Promise.resolve(4));
    const execution = begin(instance, { export: 'run', args: ['a text \ud800'] });
    expect(execution.advance()).toBe('waiting');
    expect(() => instance.capture?.(execution, 'write')).toThrow(/waits for a promise/);
    await execution.settled;
    const image = write(instance, execution);
    const seen: unknown[] = [];
    const copy = guest((_caller, args) => seen.push(args[0]) * 10);
    const restored = copy.install?.(new WireReader(image));
    expect(restored?.advance()).toBe('done');
    expect(restored?.results).toEqual([14]);
    expect(seen).toEqual(['a text \ud800']);
  });

  it('where the promise was rejected, and the call then fails with the reason', async () => {
    const instance = guest(() => Promise.reject(new Error('no row')));
    const execution = begin(instance, { export: 'run', args: [1] });
    execution.advance();
    await execution.settled;
    expect(() => instance.capture?.(execution, 'write')).toThrow(/has failed: go on with the call/);
    expect(() => execution.advance()).toThrow(/no row/);
  });

  it('while the guest runs', () => {
    let failure: unknown;
    const instance = guest(() => {
      try {
        instance.capture?.(undefined, 'write');
      } catch (error) {
        failure = error;
      }
      return 1;
    });
    instance.call('run', [null]);
    expect(failure).toBeInstanceOf(SnapshotError);
  });

  it('where the guest holds an object of the host, which a copy in this process may hold as well', async () => {
    const token = { secret: 1 };
    const seen: unknown[] = [];
    const answer: HostCall = (_caller, args) => Promise.resolve(seen.push(args[0]));
    const instance = guest(answer);
    const execution = begin(instance, { export: 'run', args: [token] });
    execution.advance();
    await execution.settled;
    expect(() => write(instance, execution)).toThrow(/reference to an object of the host's/);
    const copy = guest(answer);
    const image = instance.capture?.(execution, 'copy');
    const copied = copy.install?.(image!);
    copied?.advance();
    await copied?.settled;
    copied?.advance();
    expect(copied?.results).toEqual([3]);
    expect(seen).toEqual([token, token]);
  });
});

describe('an image that does not fit', () => {
  const module = decode(loadFixture('grow'));
  const grown = () => {
    const instance = instantiate(module);
    instance.start();
    instance.call('grow', [9]);
    return write(instance, undefined);
  };

  it('is refused by a smaller budget, with nothing changed', () => {
    const small = instantiate(module, imports(), { ...LIMITS, memoryBytes: 8 * 65_536 });
    const before = stateOf(small);
    expect(() => small.install?.(new WireReader(grown()))).toThrow(MemoryLimitExceeded);
    expect(stateOf(small)).toEqual(before);
  });

  it('is refused by another module', () => {
    const other = instantiate(decode(loadFixture('fib')));
    const before = stateOf(other);
    expect(() => other.install?.(new WireReader(grown()))).toThrow(SnapshotError);
    expect(stateOf(other)).toEqual(before);
  });

  it('is refused by a lower stack limit', () => {
    const fib = decode(loadFixture('fib'));
    const instance = instantiate(fib);
    const execution = begin(instance, { export: 'run', args: [15] });
    instance.start();
    execution.advance(20_000n);
    const image = write(instance, execution);
    const shallow = instantiate(fib, imports(), { ...LIMITS, stackBytes: 200 });
    expect(() => shallow.install?.(new WireReader(image))).toThrow(/raise stackLimit/);
  });

  it('damaged anywhere, is refused with nothing changed, or is another guest’s state within all limits', () => {
    const indirect = decode(loadFixture('indirect'));
    const { calls } = manifest.find(({ name }) => name === 'indirect')!.expect as { calls: LifeProgram['calls'] };
    const instance = instantiate(indirect, imports(), { ...LIMITS, gas: 3_000_000n });
    instance.start();
    const execution = begin(instance, calls[0]!);
    execution.advance(50_000n);
    const image = write(instance, execution);
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(image.length - 1), byte: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(image.length)),
        (changes, cut) => {
          const mutated = image.slice(0, cut ?? image.length);
          for (const { at, byte } of changes) if (at < mutated.length) mutated[at] = byte;
          const target = instantiate(indirect, imports(), { ...LIMITS, gas: 3_000_000n });
          const before = stateOf(target);
          try {
            target.install?.(new WireReader(mutated))?.advance(20_000n);
          } catch (error) {
            if (!(error instanceof SnapshotError) && !(error instanceof MemoryLimitExceeded)) {
              // The guest itself may come to grief in any way that guests can.
              expect(error).toHaveProperty('code');
              return;
            }
            refused++;
            expect(stateOf(target)).toEqual(before);
          }
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 300), seed: SEED },
    );
    expect(refused).toBeGreaterThan(20);
  });
});
