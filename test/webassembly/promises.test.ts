/** Promise integration: one suite for the host's, where that has it (from Node 26 on), and for ours. */

import { describe, expect, it } from 'vitest';
import { parse } from '../../src/text.ts';
import ours, { createWebAssembly, type WebAssemblyNamespace } from '../../src/webassembly.ts';
import { CpuTimeoutExceeded, GasExhausted, StackLimitExceeded } from '../../wasm/errors.ts';
import { MAX_NESTED_CALLS } from '../../wasm/limits.ts';

const MODULE = parse(`(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (import "env" "plain" (func $plain (param i32) (result i32)))
  (import "env" "two" (func $two (result i32 i64)))
  (import "env" "nothing" (func $nothing))
  (import "env" "tag" (tag $tag (param externref)))
  (tag $own (export "own") (param i32))
  (global $sum (export "sum") (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (table funcref (elem $wait))
  (export "wait" (func $wait))
  (func $ask (export "ask") (param i32) (result i32) (call $wait (local.get 0)))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
  (func (export "pair") (param i32 i32) (result i32 i64)
    (drop (call $wait (local.get 0))) (call $two))
  (func (export "nothing") (call $nothing))
  (func (export "host") (param i32) (result i32) (call $plain (local.get 0)))
  (func (export "after") (param i32) (result i32)
    (drop (call $wait (local.get 0))) (call $plain (local.get 0)))
  (func (export "trap") (param i32) (drop (call $wait (local.get 0))) unreachable)
  (func (export "caught") (param i32) (result externref)
    (block $catch (result externref)
      (try_table (catch $tag $catch) (drop (call $wait (local.get 0))))
      (ref.null extern)))
  (func (export "caughtOwn") (param i32) (result i32)
    (block $catch (result i32)
      (try_table (catch $own $catch) (drop (call $wait (local.get 0))))
      (i32.const -1)))
  (func (export "throws") (param i32) (throw $own (call $wait (local.get 0))))
  (func (export "grow") (param i32) (result i32)
    (drop (call $wait (local.get 0)))
    (i32.store (i32.const 65536) (local.get 0))
    (i32.load (i32.const 65536)))
  (func (export "more") (result i32) (memory.grow (i32.const 1)))
  (func (export "add") (param i32)
    (local $before i32)
    (local.set $before (call $wait (local.get 0)))
    (global.set $sum (i32.add (global.get $sum) (local.get $before))))
  (func (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deepen (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $wait (i32.const 0)))))
  (func $deepen (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deepen (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $wait (i32.const 0)))))
  (func (export "endless") (loop (drop (call $wait (i32.const 0))) (br 0)))
  (func (export "spin") (param i32) (drop (call $wait (local.get 0))) (loop (br 0))))`);

type Function = (...args: unknown[]) => unknown;
type Exports = Record<string, Function>;

function guest(WebAssembly: WebAssemblyNamespace, wait: Function, plain: Function = (n) => n): Exports {
  const { Suspending, JSTag } = WebAssembly;
  const env = {
    wait: new Suspending(wait),
    plain,
    two: new Suspending(async () => new Set([7, 8n])),
    nothing: new Suspending(async () => 'ignored'),
    tag: JSTag,
  };
  return new WebAssembly.Instance(new WebAssembly.Module(MODULE), { env } as never).exports as unknown as Exports;
}

function withExports(exports: Exports, name: string): Function {
  return exports[name] as Function;
}

/** Values that come when they are asked for, by the number the guest waits with. */
function deferred() {
  const waiting = new Map<unknown, (value: unknown) => void>();
  return {
    waiting,
    wait: (n: unknown) => new Promise((resolve) => waiting.set(n, resolve)),
    settle: (n: unknown, value: unknown) => waiting.get(n)?.(value),
  };
}

const host = WebAssembly as unknown as WebAssemblyNamespace;
const HOSTS: [string, WebAssemblyNamespace][] = [
  ['interpreter', ours],
  ['interpreter without metering', await createWebAssembly({ metering: false })],
];
if ('Suspending' in WebAssembly) HOSTS.push(['host', host]);

describe.each(HOSTS)('promise integration of the %s', (_name, WebAssembly) => {
  const promised = (name: string, wait: Function, plain?: Function) => {
    const exports = guest(WebAssembly, wait, plain);
    return WebAssembly.promising(withExports(exports, name));
  };

  it.each<[string, string, Function, unknown]>([
    ['a promise', 'ask', async () => 5, 5],
    ['a value', 'ask', () => 5, 5],
    ['a promise of a promise', 'ask', async () => Promise.resolve(6), 6],
    // biome-ignore lint/suspicious/noThenProperty: what the test is about.
    ['what behaves like a promise', 'ask', () => ({ then: (settle: Function) => settle(7) }), 7],
    ['an object', 'ask', () => ({ valueOf: () => 9 }), 9],
    ['what is converted', 'ask', async () => '12.7', 12],
    ['a promise through a table', 'indirect', async () => 5, 5],
    ['nothing', 'nothing', async () => 5, undefined],
    ['the error of a promise, and catches it', 'caught', () => Promise.reject('no'), 'no'],
    [
      'an error, and catches it',
      'caught',
      () => {
        throw 'no';
      },
      'no',
    ],
  ])('gives the guest %s', async (_what, name, wait, expected) => {
    expect(await promised(name, wait)(3)).toBe(expected);
  });

  it('gives several results', async () => {
    expect(await promised('pair', async () => 1)(3, 4)).toEqual([7, 8n]);
  });

  it.each<[string, Function]>([
    ['a value', () => 1],
    ['a promise', async () => 1],
  ])('throws SuspendError where nothing promises, before the function that would give %s is called', (_what, give) => {
    let calls = 0;
    const exports = guest(WebAssembly, (n) => {
      calls++;
      return give(n);
    });
    for (const name of ['ask', 'wait']) expect(() => withExports(exports, name)(1)).toThrow(WebAssembly.SuspendError);
    expect(calls).toBe(0);
    expect(withExports(exports, 'caught')(1)).toBeInstanceOf(WebAssembly.SuspendError);
  });

  it('throws SuspendError where JavaScript stands in between', async () => {
    const exports = guest(
      WebAssembly,
      async () => 1,
      (n) => withExports(exports, 'ask')(n),
    );
    const call = WebAssembly.promising(withExports(exports, 'host'));
    await expect(call(1)).rejects.toBeInstanceOf(WebAssembly.SuspendError);
  });

  it('makes SuspendError an error of its own', () => {
    const error = new WebAssembly.SuspendError('why');
    expect(String(error)).toBe('SuspendError: why');
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(WebAssembly.RuntimeError);
    expect(Object.keys(error)).toEqual([]);
  });

  it('rejects with traps, exceptions and errors of conversion', async () => {
    const exports = guest(WebAssembly, async (n) => n);
    const { promising, RuntimeError, Exception } = WebAssembly;
    await expect(promising(withExports(exports, 'trap'))(1)).rejects.toBeInstanceOf(RuntimeError);
    const thrown = await promising(withExports(exports, 'throws'))(41).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Exception);
    expect((thrown as InstanceType<typeof Exception>).getArg(exports.own as never, 0)).toBe(41);
    await expect(promised('ask', async () => Symbol('none'))(1)).rejects.toBeInstanceOf(TypeError);
    await expect(promised('ask', () => Promise.reject('no'))(1)).rejects.toBe('no');
  });

  it('gives the guest its own exceptions again', async () => {
    const exports = guest(WebAssembly, () => Promise.reject(new WebAssembly.Exception(exports.own as never, [43])));
    expect(await WebAssembly.promising(withExports(exports, 'caughtOwn'))(1)).toBe(43);
  });

  it('is asked for with an exported function and a function', () => {
    const { promising, Suspending, LinkError } = WebAssembly;
    for (const value of [() => 1, {}, undefined, new Suspending(() => 1)]) {
      expect(() => promising(value as never)).toThrow(TypeError);
    }
    for (const value of [3, {}, undefined]) expect(() => new Suspending(value as never)).toThrow(TypeError);
    expect(Object.prototype.toString.call(new Suspending(() => 1))).toBe('[object WebAssembly.Suspending]');
    const bytes = parse('(module (import "env" "g" (global i32)))');
    const env = { g: new Suspending(() => 1) };
    expect(() => new WebAssembly.Instance(new WebAssembly.Module(bytes), { env })).toThrow(LinkError);
  });

  it('names what promises as what it calls', () => {
    const exports = guest(WebAssembly, async () => 1);
    const { pair } = exports as { pair: Function };
    const promise = WebAssembly.promising(pair);
    expect([promise.name, promise.length]).toEqual([pair.name, 2]);
    expect(Object.getPrototypeOf(promise)).toBe(globalThis.Function.prototype);
    expect(() => new (promise as unknown as new () => object)()).toThrow(TypeError);
    expect(WebAssembly.promising(pair)).not.toBe(promise);
  });

  it('begins at once, and goes on when the promise has settled', async () => {
    const { wait, settle, waiting } = deferred();
    const order: unknown[] = [];
    const call = promised('after', wait, (n) => order.push(`after ${n}`));
    const result = call(1);
    order.push(`waits ${[...waiting.keys()]}`);
    settle(1, 0);
    order.push('settled');
    await result;
    expect(order).toEqual(['waits 1', 'settled', 'after 1']);
  });

  it('has several calls of one instance waiting, which end in any order', async () => {
    const { wait, settle } = deferred();
    const exports = guest(WebAssembly, wait);
    const call = WebAssembly.promising(withExports(exports, 'deep'));
    const ask = WebAssembly.promising(withExports(exports, 'ask'));
    const ended: unknown[] = [];
    const calls = [1, 2, 3].map((n) => ask(n).then((value) => ended.push([n, value])));
    const deep = call(500);
    expect(withExports(exports, 'host')(11)).toBe(11);
    for (const n of [2, 3, 1]) {
      settle(n, n * 10);
      await calls[n - 1];
    }
    settle(0, 1);
    expect(await deep).toBe(501);
    expect(ended).toEqual([
      [2, 20],
      [3, 30],
      [1, 10],
    ]);
  });

  it('has 1,000 calls of one instance waiting', async () => {
    const { wait, settle } = deferred();
    const exports = guest(WebAssembly, wait);
    const add = WebAssembly.promising(withExports(exports, 'add'));
    const calls = Array.from({ length: 1000 }, (_, n) => add(n));
    for (let n = 999; n >= 0; n--) settle(n, n);
    await Promise.all(calls);
    expect((exports.sum as unknown as { value: number }).value).toBe(499_500);
  });

  it('sees memory that has grown meanwhile', async () => {
    const { wait, settle } = deferred();
    const exports = guest(WebAssembly, wait);
    const call = WebAssembly.promising(withExports(exports, 'grow'))(77);
    expect(withExports(exports, 'more')()).toBe(1);
    settle(77, 0);
    expect(await call).toBe(77);
  });

  it('waits inside the call of another guest, without it', async () => {
    const { wait, settle } = deferred();
    let inner: Promise<unknown> | undefined;
    const exports = guest(WebAssembly, wait, () => {
      inner = WebAssembly.promising(withExports(exports, 'ask'))(1);
      return 5;
    });
    expect(withExports(exports, 'host')(0)).toBe(5);
    const outer = WebAssembly.promising(withExports(exports, 'host'))(0);
    expect(await outer).toBe(5);
    settle(1, 6);
    expect(await inner).toBe(6);
  });

  it('suspends what a promise goes on with, again and again', async () => {
    let left = 100;
    const call = promised('endless', async () => {
      if (--left === 0) throw new RangeError('enough');
      return left;
    });
    await expect(call()).rejects.toThrow('enough');
  });

  it('waits for an import that the module exports again', async () => {
    expect(await promised('wait', async (n) => (n as number) + 1)(1)).toBe(2);
    expect(await promised('wait', (n) => (n as number) + 1)(1)).toBe(2);
  });
});

describe('promise integration under limits', () => {
  it('counts the gas of the same calls without it', async () => {
    const suspended = await createWebAssembly();
    const call = guest(suspended, async (n) => n);
    expect(await suspended.promising(withExports(call, 'deep'))(100)).toBe(100);
    const plain = await createWebAssembly();
    const { env } = {
      env: { wait: (n: number) => n, plain: () => 0, two: () => [], nothing: () => undefined, tag: plain.JSTag },
    };
    const exports = new plain.Instance(new plain.Module(MODULE), { env }).exports as unknown as Exports;
    withExports(exports, 'deep')(100);
    expect(suspended.stats().gasUsed).toBe(plain.stats().gasUsed);
    expect(suspended.stats().gasUsed).toBeGreaterThan(100n);
  });

  it('ends calls that wait where others have used up the gas', async () => {
    const limited = await createWebAssembly({ gasLimit: 100_000 });
    const { wait, settle } = deferred();
    const exports = guest(limited, wait);
    const waits = limited.promising(withExports(exports, 'ask'))(1);
    const spins = limited.promising(withExports(exports, 'spin'))(2);
    settle(2, 0);
    await expect(spins).rejects.toBeInstanceOf(GasExhausted);
    settle(1, 0);
    await expect(waits).rejects.toBeInstanceOf(GasExhausted);
    await expect(limited.promising(withExports(exports, 'ask'))(3)).rejects.toBeInstanceOf(GasExhausted);
  });

  it('counts the time that calls wait', async () => {
    const limited = await createWebAssembly({ timeout: 1 });
    const { wait, settle } = deferred();
    const exports = guest(limited, wait);
    const call = limited.promising(withExports(exports, 'ask'));
    await expect(call(1)).rejects.toBeInstanceOf(CpuTimeoutExceeded);
    // Nobody waits for it any more, and the instance goes on.
    settle(1, 5);
    expect(withExports(exports, 'host')(3)).toBe(3);
  });

  it('ends calls that only ever wait for what is there', async () => {
    const limited = await createWebAssembly({ timeout: 5 });
    const call = limited.promising(
      withExports(
        guest(limited, async () => 1),
        'endless',
      ),
    );
    await expect(call()).rejects.toBeInstanceOf(CpuTimeoutExceeded);
  });

  it('bounds calls inside one another', async () => {
    let depth = 0;
    const inner: Promise<unknown>[] = [];
    const exports = guest(
      ours,
      async () => 1,
      () => {
        depth++;
        inner.push(ours.promising(withExports(exports, 'host'))(0));
        return 0;
      },
    );
    inner.push(ours.promising(withExports(exports, 'host'))(0));
    const results = await Promise.allSettled(inner);
    const failed = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(failed.map(({ reason }) => reason)).toEqual([expect.any(StackLimitExceeded)]);
    expect(depth).toBe(MAX_NESTED_CALLS);
  });

  it('keeps the objects of calls that wait', async () => {
    const bytes = parse(`(module
      (import "env" "wait" (func $wait))
      (type $a (array i8))
      (global $g (mut (ref null $a)) (ref.null $a))
      (func (export "hold") (param i32) (result i32)
        (local $a (ref $a))
        (local.set $a (array.new $a (i32.const 7) (local.get 0)))
        (call $wait)
        (array.get_u $a (local.get $a) (i32.const 1)))
      (func (export "make") (param i32) (global.set $g (array.new_default $a (local.get 0)))))`);
    const limited = await createWebAssembly({ memoryLimit: 100_000 });
    let settle: Function = () => undefined;
    const wait = new limited.Suspending(
      () =>
        new Promise((resolve) => {
          settle = resolve;
        }),
    );
    const module = new limited.Module(bytes);
    const { hold, make } = new limited.Instance(module, { env: { wait } }).exports as unknown as Exports;
    const held = limited.promising(hold as Function)(60_000);
    // What is made is garbage when the next is; what is held is none.
    for (let i = 0; i < 10; i++) make?.(15_000);
    expect(() => make?.(50_000)).toThrow('Memory limit exceeded');
    settle();
    expect(await held).toBe(7);
    make?.(50_000);
  });

  it('is not there in namespaces on the engine of the host, where glue code looks for it', async () => {
    const native = await createWebAssembly({ engine: 'native' });
    expect(['Suspending', 'promising'].filter((name) => name in native)).toEqual([]);
  });
});
