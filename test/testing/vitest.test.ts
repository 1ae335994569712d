/** The fixtures and matchers of `wasm-sandbox/vitest`, and what they say where something else happened. */

import { describe, test as plain } from 'vitest';
import { Capability, SecurityPolicy, WasmSandbox } from '../../src/index.ts';
import { WasmSandbox as SyncSandbox } from '../../src/sync.ts';
import { expect, test } from '../../src/vitest.ts';
import { GUEST } from './guests.ts';

test.override({ sandboxOptions: { source: GUEST, gasLimit: 100_000n } });

/** What a matcher says that does not hold. */
async function refusal(assertion: () => unknown): Promise<string> {
  try {
    await assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it holds');
}

describe('fixtures', () => {
  let left: WasmSandbox | undefined;
  test('a sandbox is made of the options', async ({ sandbox, sandboxOptions }) => {
    expect(await sandbox.call('add', [1, 2])).toBe(3);
    expect(sandbox.getResourceStats().gasLimit).toBe(sandboxOptions.gasLimit);
    left = sandbox;
  });

  test('and disposed of behind the test', () => {
    expect(() => left?.getResourceStats()).toThrow('disposed');
  });

  let leftPool: { acquire(): Promise<unknown> } | undefined;
  test('a pool is made of them too', async ({ pool }) => {
    const results = await Promise.all([1, 2, 3].map((n) => pool.use((sandbox) => sandbox.call('add', [n, 1]))));
    expect(results).toEqual([2, 3, 4]);
    leftPool = pool;
  });

  test('and drained', async () => {
    await expect(leftPool?.acquire()).rejects.toThrow('drained');
  });

  describe('are overridden for a suite', () => {
    test.override({ sandboxOptions: { source: GUEST, instanceId: 'other' } });
    test('its tests have another sandbox', ({ sandbox }) => {
      expect(sandbox.instanceId).toBe('other');
    });
  });

  describe('without a source', () => {
    test.override({ sandboxOptions: {} });
    test.fails('a test that wants a sandbox fails', ({ sandbox }) => {
      expect(sandbox).toBeDefined();
    });
  });

  test.extend<{ twice: number }>({ twice: async ({ sandbox }, use) => use(await sandbox.call('add', [2, 2])) })(
    'others are made of them',
    ({ twice }) => expect(twice).toBe(4),
  );

  test.fails('a lease that is kept is a failure of the test', async ({ pool }) => {
    await pool.acquire();
  });
});

describe('toTrap', () => {
  test('holds for the trap, by promise, function and execution', async ({ sandbox }) => {
    await expect(sandbox.call('trap')).toTrap();
    await expect(sandbox.call('trap')).toTrap('unreachable');
    await expect(() => sandbox.call('divide', [0])).toTrap('divide-by-zero');
    await expect(sandbox.start('divide', [0])).toTrap('divide-by-zero');
    await expect(() => sandbox.start('divide', [0])).toTrap('divide-by-zero');
    await expect(sandbox.call('divide', [1])).not.toTrap();
    await expect(sandbox.call('trap')).not.toTrap('divide-by-zero');
  });

  test('says what happened instead', async ({ sandbox }) => {
    expect(await refusal(() => expect(sandbox.call('add', [1, 2])).toTrap('unreachable'))).toBe(
      "expected the trap 'unreachable', but it returned 3",
    );
    expect(await refusal(() => expect(sandbox.start('add', [1, 2])).toTrap())).toMatch(
      /^expected a trap, but it returned 3, having used \d+ units of gas$/,
    );
    expect(await refusal(() => expect(sandbox.call('divide', [0])).toTrap('unreachable'))).toMatch(
      /^expected the trap 'unreachable', but it failed with Trap: integer divide by zero \(function/,
    );
    expect(await refusal(() => expect(sandbox.call('trap')).not.toTrap())).toMatch(
      /^expected anything but a trap, but it failed with Trap: unreachable executed/,
    );
  });

  test('lets the mistakes of a test through, also behind not', async ({ sandbox }) => {
    expect(await refusal(() => expect(sandbox.call('tarp')).not.toTrap())).toContain('did you mean "trap"?');
    expect(await refusal(() => expect(sandbox.call('trap')).toTrap('unreachabel' as never))).toContain('"unreachable"');
    expect(await refusal(() => expect(3).toTrap())).toBe(
      'a call was expected (its promise, an execution, or a function that makes it) or a sandbox, not 3',
    );
    expect(await refusal(() => expect(sandbox as never).toTrap())).toContain('not a sandbox');
    const failing = () => Promise.reject(new TypeError('of the test'));
    expect(await refusal(() => expect(failing).not.toTrap())).toBe('of the test');
  });

  plain('takes calls of synchronous sandboxes', async () => {
    const sandbox = SyncSandbox.fromBytes(GUEST);
    await expect(() => sandbox.call('trap')).toTrap('unreachable');
    expect(sandbox).toUseGas({ min: 1 });
  });
});

describe('toRunOutOfGas', () => {
  test('holds for the scope', async ({ sandbox }) => {
    await expect(sandbox.call('spin', [], { gasLimit: 1_000 })).toRunOutOfGas('call');
    await expect(sandbox.call('spin', [], { gasLimit: 1_000 })).not.toRunOutOfGas('sandbox');
    await expect(sandbox.call('spin')).toRunOutOfGas();
    await expect(sandbox.call('add', [1, 2])).toRunOutOfGas('sandbox');
  });

  test('says what happened instead', async ({ sandbox }) => {
    expect(await refusal(() => expect(sandbox.call('add', [1, 2])).toRunOutOfGas('budget'))).toBe(
      'expected the gas of the budget to run out, but it returned 3',
    );
  });
});

describe('toUseGas', () => {
  test('counts an execution, a function, and all of a sandbox', async ({ sandbox }) => {
    const before = sandbox.getResourceStats().gasUsed;
    await sandbox.call('add', [1, 2]);
    const { gasUsed } = sandbox.getResourceStats();
    const one = gasUsed - before;
    expect(one).toBeGreaterThan(0n);
    await expect(sandbox.start('add', [1, 2])).toUseGas(one);
    await expect(() => sandbox.call('add', [1, 2])).toUseGas(one);
    await expect(() => sandbox.call('add', [1, 2])).toUseGas([one, one + 1n]);
    await expect(() => sandbox.call('add', [1, 2])).not.toUseGas({ max: one - 1n });
    expect(sandbox).toUseGas(before + 5n * one);
    expect(sandbox).toUseGas({ min: 1 });
    expect(sandbox).not.toUseGas(0);
    expect(await refusal(() => expect(() => sandbox.call('add', [1, 2])).toUseGas([100, 200n]))).toBe(
      `expected 100 to 200 units of gas to be used, but it returned 3, having used ${one} units of gas`,
    );
  });

  test('counts a call that fails, to the unit', async ({ sandbox }) => {
    const execution = sandbox.start('spin');
    expect(await refusal(() => expect(execution).toUseGas(5))).toContain(`having used ${execution.gasUsed} units`);
    expect(execution.gasUsed).toBeGreaterThan(90_000n);
  });

  test('says how to ask where it cannot be known', async ({ sandbox }) => {
    const message = await refusal(() => expect(sandbox.call('add', [1, 2])).toUseGas(1));
    expect(message).toContain('sandbox.start(name, args)');
  });

  test.for([[[2, 1]], [[1]], [{}], [{ maximum: 3 }], [-1], ['5'], [1.5]] as const)(
    'refuses %j',
    async ([range], { sandbox }) => {
      expect(await refusal(() => expect(sandbox).toUseGas(range as never))).toMatch(/gas/);
    },
  );
});

describe('toBeDenied', () => {
  test('finds what a guest was refused', async ({ sandbox }) => {
    expect(sandbox).not.toBeDenied();
    await expect(() => sandbox.call('environ')).toBeDenied('environment');
    expect(sandbox).toBeDenied('environment');
    expect(sandbox).not.toBeDenied('network');
    await expect(() => sandbox.call('add', [1, 2])).not.toBeDenied();
    expect(await refusal(() => expect(sandbox).toBeDenied('network'))).toBe(
      "expected 'network' to be refused by the policy, but refused was 'environment' (wasi_snapshot_preview1.environ_sizes_get: the policy grants no environment)",
    );
    expect(await refusal(() => expect(() => sandbox.call('add', [1, 2])).toBeDenied())).toMatch(
      /^expected a refusal by the policy, but nothing was refused; it returned 3, having used \d+ units of gas$/,
    );
  });

  plain('and what ended its call', async () => {
    const securityPolicy = SecurityPolicy.builder().onViolation('trap').build();
    const sandbox = await WasmSandbox.create({ source: GUEST, securityPolicy });
    await expect(sandbox.call('environ')).toBeDenied('environment');
    await expect(sandbox.call('environ')).not.toBeDenied('filesystem');
  });
});

describe('toBeDeterministic', () => {
  test('holds where every run is the same', async () => {
    await expect((sandbox: WasmSandbox) => sandbox.call('add', [1, 2])).toBeDeterministic();
    await expect((sandbox: WasmSandbox) => sandbox.call('random')).toBeDeterministic({ runs: 3 });
    await expect((sandbox: WasmSandbox) => sandbox.call('spin')).toBeDeterministic();
    await expect(() => Number.NaN).toBeDeterministic();
  });

  const random = { source: GUEST, capabilities: [Capability.random('system')] };
  plain('says what differs', async () => {
    const check = (name: string) =>
      refusal(() =>
        expect((sandbox: WasmSandbox) => sandbox.call(name)).toBeDeterministic({ sandbox: random, runs: 50 }),
      );
    expect(await check('random')).toMatch(/^expected the same in every run, but it returned -?\d+n in the first run/);
    expect(await check('repeat')).toMatch(/but it used \d+ units of gas in the first run, and \d+ in run \d+$/);
    expect(await check('print')).toMatch(/but it wrote ".*" to stdout in the first run, and ".*" in run \d+$/);
    await expect((sandbox: WasmSandbox) => sandbox.call('random')).not.toBeDeterministic({ sandbox: random });
  });

  plain.for([
    [1, 1n],
    [0, -0],
    [new Set([1]), new Set([2])],
    [new Float64Array([1]), new Float64Array([2])],
    [{ a: 1 }, { b: 1 }],
    [{ a: [1, [2]] }, { a: [1, [3]] }],
    [null, undefined],
  ])('tells %o from %o', async (values) => {
    let run = 0;
    await expect(() => values[run++]).not.toBeDeterministic({ sandbox: random });
  });

  plain('needs to know what sandboxes are made of', async () => {
    const message = await refusal(() => expect(() => 1).toBeDeterministic());
    expect(message).toContain('pass { sandbox }');
    const cyclic = () => {
      const value: { self?: object } = {};
      value.self = value;
      return value;
    };
    expect(await refusal(() => expect(cyclic).toBeDeterministic({ sandbox: random }))).toContain('nested');
    expect(await refusal(() => expect(1).toBeDeterministic({ sandbox: random }))).toContain('must be a function');
    expect(await refusal(() => expect(() => 1).toBeDeterministic({ sandbox: random, runs: 1 }))).toContain('2 to');
  });
});
