/** Guests that wait for promises of host functions. */

import { describe, expect, it } from 'vitest';
import { HostError, UsageError } from '../../wasm/errors.ts';
import { type HostCall, HostFunction } from '../../wasm/host.ts';
import { funcType, I32 } from '../../wasm/types.ts';
import { encodeModule, type Signature } from '../generate/encode.ts';
import { failureOf, instantiate } from './engine.ts';

const signature: Signature = { params: [I32], results: [I32] };

/** `outer(n)` is `inner(n) * 10 + n`, `inner(n)` is `host(n) + 1`. */
const MODULE = encodeModule({
  imports: [{ module: 'env', name: 'host', function: signature }],
  functions: [
    { ...signature, export: 'inner', body: [['local.get', 0], ['call', 0], ['i32.const', 1], 'i32.add'] },
    {
      ...signature,
      export: 'outer',
      body: [['local.get', 0], ['call', 1], ['i32.const', 10], 'i32.mul', ['local.get', 0], 'i32.add'],
    },
  ],
});

function guest(call: HostCall) {
  const host = new HostFunction(funcType([I32], [I32]), { base: 7, perByte: 0 }, call);
  return instantiate(MODULE, { imports: () => host });
}

const later = <T>(value: T) => Promise.resolve().then(() => value);

describe('a promise of a host function', () => {
  it('suspends the guest, which goes on with its value', async () => {
    const instance = guest((_caller, [n]) => later((n as number) * 2));
    expect(await instance.callAsync('outer', [4])).toEqual([94]);
  });

  it('changes nothing about the gas', async () => {
    const waiting = guest((_caller, [n]) => later(n));
    const direct = guest((_caller, [n]) => n);
    await waiting.callAsync('outer', [3]);
    direct.call('outer', [3]);
    expect(waiting.figures().gasUsed).toBe(direct.figures().gasUsed);
  });

  it('lets thousands of guests wait at once', async () => {
    const release: (() => void)[] = [];
    const gate: HostCall = (_caller, [n]) => new Promise((resolve) => release.push(() => resolve(n)));
    const calls = Array.from({ length: 2_000 }, (_, n) => guest(gate).callAsync('outer', [n]));
    for (const go of release.reverse()) go();
    const results = await Promise.all(calls);
    expect(results).toEqual(Array.from({ length: 2_000 }, (_, n) => [(n + 1) * 10 + n]));
  });

  it('that is rejected ends the call, and the instance can be called again', async () => {
    const cause = new Error('no such row');
    let isBroken = true;
    const instance = guest((_caller, [n]) => (isBroken ? Promise.reject(cause) : later(n)));
    await expect(instance.callAsync('outer', [1])).rejects.toMatchObject({ code: 'HOST', cause });
    isBroken = false;
    expect(await instance.callAsync('outer', [1])).toEqual([21]);
  });

  it('cannot be awaited by a synchronous call', () => {
    const instance = guest((_caller, [n]) => later(n));
    const error = failureOf(() => instance.call('outer', [1]));
    expect(error).toBeInstanceOf(HostError);
    expect((error as Error).message).toContain('asynchronous');
  });

  it('keeps others from entering the instance', async () => {
    let go: () => void = () => undefined;
    const instance = guest(
      (_caller, [n]) =>
        new Promise((resolve) => {
          go = () => resolve(n);
        }),
    );
    const first = instance.callAsync('outer', [1]);
    expect(failureOf(() => instance.call('inner', [1]))).toBeInstanceOf(UsageError);
    go();
    expect(await first).toEqual([21]);
  });
});

it('a host function may call the guest that calls it', () => {
  const instance = guest((_caller, [n]) => ((n as number) > 0 ? instance.call('outer', [(n as number) - 1])[0] : 0));
  // outer(0) is 10, outer(1) is (10 + 1) * 10 + 1, and so on.
  expect(instance.call('outer', [2])).toEqual([1122]);
});
