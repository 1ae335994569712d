import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Preparation } from '../../src/time/preparation.ts';
import { CallAborted, CpuTimeoutExceeded } from '../../wasm/errors.ts';
import type { Steps } from '../../wasm/steps.ts';

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Steps of so many milliseconds each, and how many have been made. */
function work(count: number, milliseconds: number, made = { steps: 0 }): Steps<string> {
  return (function* () {
    for (; made.steps < count; made.steps++) {
      now += milliseconds;
      yield;
    }
    return 'ready';
  })();
}

describe('steps are driven', () => {
  test('to their end, in one go', async () => {
    const made = { steps: 0 };
    const ready = new Preparation({}).run(work(100, 10, made));
    expect(made.steps).toBe(100);
    await expect(ready).resolves.toBe('ready');
    expect(new Preparation({}).runSync(work(3, 10))).toBe('ready');
  });

  test('until the time is over, which all that is done for a sandbox shares', async () => {
    const preparation = new Preparation({ cpuTimeout: 100 });
    await preparation.run(work(5, 10));
    expect(preparation.left).toBe(50);
    const made = { steps: 0 };
    const second = preparation.run(work(50, 10, made));
    await expect(second).rejects.toThrow(CpuTimeoutExceeded);
    await expect(second).rejects.toThrow(/the module was not ready within 100 ms/);
    expect(made.steps).toBe(4);
    expect(preparation.isOver).toBe(true);
    expect(() => new Preparation({ cpuTimeout: 20 }).runSync(work(50, 10))).toThrow(CpuTimeoutExceeded);
  });

  test('not counting what it is waited for between them', async () => {
    const preparation = new Preparation({ cpuTimeout: 100 });
    await preparation.run(work(5, 10));
    now += 1_000;
    await preparation.run(work(4, 10));
    expect(preparation.left).toBe(10);
  });

  test('letting the event loop go round', async () => {
    const made = { steps: 0 };
    const seen: number[] = [];
    const look = () => {
      seen.push(made.steps);
      if (made.steps < 99) setImmediate(look);
    };
    setImmediate(look);
    await new Preparation({ yieldEvery: 50 }).run(work(100, 10, made));
    expect(seen.length).toBeGreaterThanOrEqual(19);
    expect(seen[0]).toBeLessThanOrEqual(5);
  });

  test('until the caller has had enough', async () => {
    const controller = new AbortController();
    const made = { steps: 0 };
    setImmediate(() => controller.abort(new Error('the client went away')));
    const ended = new Preparation({ yieldEvery: 50, signal: controller.signal }).run(work(1_000, 10, made));
    await expect(ended).rejects.toThrow(CallAborted);
    await expect(ended).rejects.toThrow(/the client went away/);
    expect(made.steps).toBeLessThan(20);
    expect(() => new Preparation({ signal: controller.signal }).runSync(work(1, 1))).toThrow(CallAborted);
  });

  test('and what a step throws is thrown', async () => {
    const failing = (function* (): Steps<void> {
      yield;
      throw new RangeError('no');
    })();
    await expect(new Preparation({}).run(failing)).rejects.toThrow(RangeError);
  });
});

describe('what other threads do is waited for', () => {
  test('as long as there is time', async () => {
    vi.useFakeTimers();
    const preparation = new Preparation({ cpuTimeout: 100 });
    const waiting = preparation.wait(new Promise(() => undefined));
    const ended = expect(waiting).rejects.toThrow(CpuTimeoutExceeded);
    await vi.advanceTimersByTimeAsync(100);
    await ended;
    vi.useRealTimers();
  });

  test('as long as the caller has patience', async () => {
    const controller = new AbortController();
    const waiting = new Preparation({ signal: controller.signal }).wait(new Promise(() => undefined));
    controller.abort();
    await expect(waiting).rejects.toThrow(CallAborted);
  });

  test('and gives what it gives', async () => {
    const preparation = new Preparation({ cpuTimeout: 100, signal: new AbortController().signal });
    await expect(preparation.wait(Promise.resolve(7))).resolves.toBe(7);
    await expect(preparation.wait(Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
  });
});
