import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CallAborted,
  Capability,
  GasExhausted,
  HostError,
  PoolUnavailable,
  SandboxPool,
  Trap,
  WasmSandbox,
} from '../../src/index.ts';
import { WaitingQueue } from '../../src/pool/queue.ts';
import { assemble, I32 } from '../sandbox/modules.ts';
import { collectUntil, settle } from './help.ts';

/** Numbers that look random, the same at every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
}

/** A guest whose start asks the host, so that making and resetting it can fail. */
const GUEST = assemble({
  imports: [
    ['env', 'begin', [[], []]],
    ['env', 'wait', [[I32], [I32]]],
  ],
  memory: 1,
  functions: [
    { name: 'start', type: [[], []], code: [0x10, 0] },
    { name: 'set', type: [[I32], []], code: [0x41, 0, 0x20, 0, 0x36, 2, 0] },
    { name: 'get', type: [[], [I32]], code: [0x41, 0, 0x28, 2, 0] },
    { name: 'wait', type: [[I32], [I32]], code: [0x20, 0, 0x10, 1] },
    { name: 'fail', type: [[], []], code: [0x00] },
    { name: 'spin', type: [[], []], code: [0x03, 0x40, 0x0c, 0, 0x0b] },
  ],
  start: 2,
});

class Injected extends Error {}

test.each([1, 2, 3])(
  'thousands of callers at once, with failures of every kind (%i)',
  { timeout: 120_000 },
  async (seed) => {
    const CALLERS = 3_000;
    const MAX = 12;
    const random = generator(seed);
    const oneIn = (many: number) => random(many) === 0;
    let isCalm = false;
    const fail = (many: number) => {
      if (!isCalm && oneIn(many)) throw new Injected('injected');
    };
    const builder = WasmSandbox.builder()
      .source(GUEST)
      .gasLimit(50_000)
      .addCapability(
        Capability.hostFunctions('env', {
          begin: () => fail(20),
          wait: async (value: number) => {
            for (let turns = random(3); turns > 0; turns--) await turn();
            fail(10);
            return value;
          },
        }),
      );
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const timersBefore = timers();
    const inUse = new Set<WasmSandbox>();
    const seen: WeakRef<WasmSandbox>[] = [];
    let mostInUse = 0;
    let given = 0;

    const pool = await SandboxPool.create({
      sandbox: async () => {
        await turn();
        fail(10);
        return builder.build();
      },
      max: MAX,
      maxWaiting: CALLERS - 100,
      healthCheck: (sandbox) => {
        fail(25);
        return isCalm || !oneIn(25) || sandbox.instanceId === '';
      },
    });

    /** What a caller does with its sandbox: nobody else's memory may ever show. */
    async function work(sandbox: WasmSandbox, caller: number): Promise<void> {
      given++;
      expect(inUse.has(sandbox)).toBe(false);
      inUse.add(sandbox);
      mostInUse = Math.max(mostInUse, inUse.size);
      seen.push(new WeakRef(sandbox));
      try {
        expect(await sandbox.call('get')).toBe(0);
        await sandbox.call('set', [caller]);
        for (let calls = 1 + random(3); calls > 0; calls--) {
          expect(await sandbox.call('wait', [caller])).toBe(caller);
          expect(await sandbox.call('get')).toBe(caller);
        }
        if (oneIn(10)) await sandbox.call('fail');
        if (oneIn(30)) await sandbox.call('spin');
        if (oneIn(20)) sandbox.dispose();
        // Goes on behind the release.
        if (oneIn(20)) void sandbox.call('wait', [-1]).catch(() => undefined);
        fail(15);
      } finally {
        inUse.delete(sandbox);
      }
    }

    async function call(caller: number): Promise<string> {
      const controller = new AbortController();
      const options = {
        ...(oneIn(20) && { timeout: 1 + random(20) }),
        ...(oneIn(10) && { signal: controller.signal }),
      };
      const using = pool.use((sandbox) => work(sandbox, caller), options);
      if (oneIn(2)) void turn().then(() => controller.abort());
      try {
        await using;
        return 'done';
      } catch (error) {
        if (error instanceof PoolUnavailable) return error.reason;
        const expected = [Injected, Trap, GasExhausted, CallAborted, HostError];
        // An assertion of the caller's own is no outcome, but a failure of the test.
        if (!expected.some((kind) => error instanceof kind)) throw error;
        return (error as Error).constructor.name;
      }
    }

    const outcomes = await Promise.all(Array.from({ length: CALLERS }, (_, i) => call(i + 1)));
    expect(outcomes).toHaveLength(CALLERS);
    for (const outcome of ['done', 'full', 'Injected', 'Trap', 'GasExhausted', 'CallAborted', 'HostError']) {
      expect(new Set(outcomes)).toContain(outcome);
    }
    await settle();
    expect(mostInUse).toBe(MAX);
    const stats = pool.getStats();
    expect(stats).toMatchObject({ waiting: 0, leased: 0, leaked: 0, starting: 0, resetting: 0, peakLeased: MAX });
    expect(stats.acquired).toBe(given);
    expect(stats.released).toBe(given);
    expect(stats.size).toBe(stats.created - stats.destroyed);
    expect(stats.idle).toBeLessThanOrEqual(MAX);
    for (const count of ['failedStarts', 'failedResets', 'unhealthy', 'aborted', 'refused'] as const) {
      expect(stats[count], count).toBeGreaterThan(0);
    }

    // And it is as good as new.
    isCalm = true;
    const again = Array.from({ length: 100 }, (_, i) =>
      pool.use(async (sandbox) => {
        expect(await sandbox.call('get')).toBe(0);
        return sandbox.call('wait', [i]);
      }),
    );
    expect(await Promise.all(again)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await pool.drain();
    expect(pool.getStats().created).toBe(pool.getStats().destroyed);
    expect(timers()).toBeLessThanOrEqual(timersBefore);
    // Nothing keeps what was lent, but for one or two that the JavaScript engine itself may not have forgotten.
    const left = () => seen.filter((reference) => reference.deref() !== undefined).length;
    expect(seen.length).toBeGreaterThan(2_000);
    expect(await collectUntil(() => left() <= 2)).toBe(true);
  },
);

test('leases that are dropped under load are found, and everybody is served', async () => {
  const found: string[] = [];
  const source = assemble({ functions: [{ name: 'f', type: [[], []], code: [] }] });
  const pool = await SandboxPool.create({ sandbox: { source }, max: 4, onLeak: (leak) => found.push(leak.found) });
  let served = 0;
  const callers = Array.from({ length: 200 }, async (_, i) => {
    const lease = await pool.acquire();
    served++;
    await lease.sandbox.call('f');
    if (i % 5 > 0) await lease.release();
  });
  expect(await collectUntil(() => served === 200)).toBe(true);
  await Promise.all(callers);
  expect(await collectUntil(() => pool.getStats().leaked === 40)).toBe(true);
  expect(found.filter((how) => how === 'collected')).toHaveLength(40);
  await pool.drain();
  const { acquired, released, created, destroyed } = pool.getStats();
  expect([acquired, released, created - destroyed]).toEqual([200, 160, 0]);
});

test('the queue answers everybody exactly once, the oldest first, whatever happens', async () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.constant('wait' as const) },
    { weight: 3, arbitrary: fc.constant('serve' as const) },
    { weight: 1, arbitrary: fc.constant('fail' as const) },
    { weight: 2, arbitrary: fc.record({ abort: fc.nat(30) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const queue = new WaitingQueue<number>();
      const controllers: AbortController[] = [];
      const answers: string[][] = [];
      let waiting: number[] = [];
      const expected: string[] = [];
      let served = 0;
      for (const step of events) {
        if (step === 'wait') {
          const number = controllers.length;
          const controller = new AbortController();
          controllers.push(controller);
          const got: string[] = [];
          answers.push(got);
          waiting.push(number);
          const { signal } = controller;
          queue.wait({ timeout: undefined, signal, timedOut: () => 'late', aborted: () => 'aborted' }).then(
            (value) => got.push(`value ${value}`),
            (error) => got.push(String(error)),
          );
        } else if (step === 'serve' || step === 'fail') {
          const oldest = waiting.shift();
          if (oldest !== undefined) expected[oldest] = step === 'serve' ? `value ${served}` : 'no';
          if (step === 'serve') queue.serve(served++);
          else queue.fail('no');
        } else {
          controllers[step.abort]?.abort();
          if (waiting.includes(step.abort)) expected[step.abort] = 'aborted';
          waiting = waiting.filter((number) => number !== step.abort);
        }
        expect(queue.length).toBe(waiting.length);
      }
      queue.failAll(() => 'closed');
      for (const number of waiting) expected[number] = 'closed';
      await turn();
      expect(answers).toEqual(expected.map((answer) => [answer]));
    }),
  );
});
