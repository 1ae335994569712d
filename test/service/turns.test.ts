/** The event loop goes round while guests run, however many there are. */

import { expect, test } from 'vitest';
import { Capability } from '../../src/index.node.ts';
import { SandboxService } from '../../src/service.node.ts';
import { until } from './guests.ts';

/** Tells who it is, again and again. */
const TELLS = `(module
  (import "env" "tell" (func $tell (param i32)))
  (func (export "run") (param i32) (loop (call $tell (local.get 0)) (br 0))))`;

const WORKS = `(module (func (export "run") (param $n i32) (result i32)
  (loop $next (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (local.get $n)))`;

/** Counts how often the event loop goes round, until it is stopped. */
function rounds() {
  let count = 0;
  let isCounting = true;
  const next = () => {
    count++;
    if (isCounting) setImmediate(next);
  };
  setImmediate(next);
  return { count: () => count, stop: () => void (isCounting = false) };
}

test('guests that spin share the time between two rounds of the event loop, and each has its turn', async () => {
  const GUESTS = 8;
  const loop = rounds();
  const told = new Map<number, Set<number>>();
  const all = new Set<number>();
  const tell = (guest: number) => {
    const round = loop.count();
    told.set(round, (told.get(round) ?? new Set()).add(guest));
    all.add(guest);
  };
  const stopping = Array.from({ length: GUESTS }, () => new AbortController());
  const capabilities = [Capability.hostFunctions('env', { tell })];
  await using service = await SandboxService.create({ modules: { tells: TELLS }, capabilities });
  const calls = stopping.map(({ signal }, i) =>
    service.call('tells', 'run', [i], { signal }).catch(({ code }) => code),
  );
  await until(() => all.size === GUESTS);
  all.clear();
  told.clear();
  await until(() => all.size === GUESTS);
  loop.stop();
  for (const each of stopping) each.abort();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['ABORTED']));
  // One guest, and another where what counts comes between two.
  expect(Math.max(...[...told.values()].map((guests) => guests.size))).toBeLessThanOrEqual(2);
});

test.each(['interpreter', 'native'] as const)(
  'on %s, callers that have waited for one another let others in between',
  async (engine) => {
    const CALLS = 20;
    await using service = await SandboxService.create({
      modules: { works: WORKS },
      engine,
      // Each call takes longer than that.
      yieldEvery: 0.001,
      pool: { min: 1, max: 1 },
    });
    const loop = rounds();
    const calls = Array.from({ length: CALLS }, () => service.call('works', 'run', [10_000]));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: CALLS }, () => 0));
    loop.stop();
    expect(loop.count()).toBeGreaterThanOrEqual(CALLS - 1);
  },
);

test('a caller that goes away while others have their turn is not called', async () => {
  await using service = await SandboxService.create({ modules: { works: WORKS }, yieldEvery: 0.001 });
  const gone = new AbortController();
  const first = service.call('works', 'run', [10_000]);
  await first;
  let wasCalled = false;
  const second = service.use('works', () => void (wasCalled = true), gone);
  const refused = expect(second).rejects.toMatchObject({ code: 'ABORTED' });
  await until(() => service.metrics().modules['works']?.pool.leased === 1);
  gone.abort();
  await refused;
  expect([wasCalled, service.metrics().modules['works']?.pool.leased]).toEqual([false, 0]);
});
