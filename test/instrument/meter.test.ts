import { describe, expect, test } from 'vitest';
import { BARRED_GAS } from '../../instrument/layout.ts';
import { Meter } from '../../instrument/meter.ts';
import type { Slices } from '../../wasm/engine.ts';
import { GasExhausted } from '../../wasm/errors.ts';
import { HIGHEST_GAS } from '../../wasm/gas.ts';
import { GasBudget } from '../../wasm/gas-budget.ts';

const MOST_AT_HAND = 2n ** 59n;

function slicesOf(gas: number) {
  const slices = { gas, looks: 0, onSlice: () => ++slices.looks };
  return slices;
}

/** A meter, and the guest's global that it fills. */
function metered(gas: bigint | undefined, slices?: Slices) {
  const meter = new Meter({ gas, memoryBytes: 1_000, stackBytes: 2_000 }, slices);
  const counter = { value: 77n };
  meter.attach(counter);
  const use = (units: bigint) => {
    counter.value -= units;
  };
  return { meter, counter, use };
}

const outOfGas = (run: () => unknown): GasExhausted => {
  try {
    run();
  } catch (error) {
    if (error instanceof GasExhausted) return error;
    throw error;
  }
  throw new Error('the gas was expected not to suffice');
};

describe('what is put at hand', () => {
  test.each<[string, bigint | undefined, Slices | undefined, bigint]>([
    ['as good as no limit', undefined, undefined, MOST_AT_HAND],
    ['the limit', 1_000n, undefined, 1_000n],
    ['a slice', undefined, slicesOf(50), 50n],
    ['a slice within the limit', 1_000n, slicesOf(50), 50n],
    ['the limit within a slice', 40n, slicesOf(50), 40n],
    ['no more than that of a limit beyond it', 2n ** 70n, undefined, MOST_AT_HAND],
    ['nothing', 0n, undefined, 0n],
  ])('is %s', (_, gas, slices, most) => {
    const { meter, counter } = metered(gas, slices);
    expect([counter.value, meter.total()]).toEqual([most, 0n]);
  });

  test('of an instance is what pricing it has left', () => {
    const meter = new Meter({ gas: 1_000n, memoryBytes: 0, stackBytes: 0 }, slicesOf(900));
    meter.charge(300n);
    const counter = { value: 5n };
    meter.attach(counter);
    expect([counter.value, meter.total()]).toEqual([600n, 300n]);
  });

  test('is just less than nothing where the limit, or the end of a slice, has been passed, however far', () => {
    const sliced = metered(undefined, slicesOf(100));
    sliced.use(120n);
    sliced.meter.charge(10n);
    expect([sliced.counter.value, sliced.meter.total()]).toEqual([-1n, 130n]);
    const { meter, counter, use } = metered(100n);
    use(130n);
    meter.bar();
    meter.release();
    expect([counter.value, meter.total()]).toEqual([-1n, 130n]);
  });

  test.each<[needed: bigint, most: bigint]>([
    [10n, 50n],
    [50n, 50n],
    [60n, 60n],
    [1_000n, 1_000n],
  ])('is at least the %i that are needed', (needed, most) => {
    const { meter, counter, use } = metered(1_010n, slicesOf(60));
    use(10n);
    meter.need(needed);
    expect([counter.value, meter.total()]).toEqual([most, 10n]);
  });

  test('is not what is needed beyond the limit', () => {
    const { meter, counter, use } = metered(1_000n);
    use(10n);
    outOfGas(() => meter.need(991n));
    expect([counter.value, meter.total(), meter.exhausted]).toEqual([990n, 10n, true]);
  });
});

describe('the limit', () => {
  test.each(['charge', 'host call'])('ends a %s beyond it, which then is not counted', (how) => {
    const { meter, use } = metered(1_000n);
    const charge = (cost: number) => (how === 'charge' ? meter.charge(BigInt(cost)) : meter.beginHostCall(cost));
    use(100n);
    charge(200);
    charge(700);
    expect([meter.total(), meter.exhausted, meter.isOverdrawn()]).toEqual([1_000n, false, false]);
    charge(0);
    expect(outOfGas(() => charge(1)).message).toBe('Gas limit exceeded: the limit is 1000 units');
    expect([meter.total(), meter.exhausted, meter.isOverdrawn()]).toEqual([1_000n, true, false]);
  });

  test('ends a guest at its next checkpoint, or when its call returns, and keeps it out', () => {
    for (const arrive of [(meter: Meter) => meter.refill(), (meter: Meter) => meter.settle()]) {
      const { meter, counter, use } = metered(1_000n);
      use(1_000n);
      arrive(meter);
      meter.checkEnterable();
      use(1n);
      expect(meter.isOverdrawn()).toBe(true);
      outOfGas(() => arrive(meter));
      expect([meter.total(), counter.value]).toEqual([1_001n, -1n]);
      const again = outOfGas(() => meter.checkEnterable());
      expect(again.message).toMatch(/cannot be entered again/);
      expect(again.resources).toEqual(meter.figures());
    }
  });

  test('that is not there is one of 63 bits', () => {
    const { meter, use } = metered(undefined);
    for (let i = 0; i < 7; i++) {
      use(MOST_AT_HAND + 1n);
      meter.refill();
      meter.charge(MOST_AT_HAND);
    }
    expect([meter.total(), meter.isOverdrawn()]).toEqual([7n * (2n * MOST_AT_HAND + 1n), false]);
    const rest = HIGHEST_GAS - meter.total();
    expect(outOfGas(() => meter.charge(rest + 1n)).message).toMatch(/the limit is 9223372036854775807 units/);
    meter.charge(rest);
    expect([meter.total(), meter.isOverdrawn()]).toEqual([HIGHEST_GAS, false]);
  });

  test('is asked before the clock is', () => {
    for (const arrive of [(meter: Meter) => meter.refill(), (meter: Meter) => meter.beginHostCall(0)]) {
      const slices = slicesOf(5);
      const { meter, use } = metered(10n, slices);
      use(11n);
      outOfGas(() => arrive(meter));
      expect(slices.looks).toBe(0);
    }
  });
});

describe('the clock', () => {
  test.each<[string, (meter: Meter) => void]>([
    ['at a checkpoint', (meter) => meter.refill()],
    ['before a host call', (meter) => meter.beginHostCall(0)],
    ['in a host call', (meter) => meter.look()],
  ])('is looked at %s, where the slice has been used up', (_, arrive) => {
    const slices = slicesOf(50);
    const { meter, counter, use } = metered(undefined, slices);
    use(49n);
    arrive(meter);
    expect([slices.looks, counter.value]).toEqual([0, 1n]);
    use(1n);
    arrive(meter);
    meter.charge(0n);
    // A whole slice begins.
    expect([slices.looks, counter.value]).toEqual([1, 50n]);
    use(70n);
    arrive(meter);
    meter.charge(0n);
    expect([slices.looks, counter.value, meter.total()]).toEqual([2, 50n, 120n]);
  });

  test('is looked at when a call returns only where more than the slice has been used', () => {
    const slices = slicesOf(50);
    const { meter, use } = metered(undefined, slices);
    use(50n);
    meter.settle();
    expect(slices.looks).toBe(0);
    use(1n);
    meter.settle();
    expect(slices.looks).toBe(1);
  });

  test("is nobody's where there are no slices", () => {
    const { meter, counter, use } = metered(undefined);
    use(10n);
    meter.look();
    meter.refill();
    expect([counter.value, meter.total()]).toEqual([MOST_AT_HAND, 10n]);
  });
});

test('a guest that is barred has nothing at hand, and its count stands still until it is released', () => {
  const { meter, counter, use } = metered(1_000n);
  use(100n);
  expect(meter.isBarred).toBe(false);
  for (let i = 0; i < 2; i++) {
    meter.bar();
    expect([meter.isBarred, counter.value, meter.total()]).toEqual([true, BARRED_GAS, 100n]);
    // What still runs of it counts on.
    use(5n);
  }
  meter.release();
  expect([meter.isBarred, counter.value, meter.total()]).toEqual([false, 900n, 100n]);
  use(5n);
  meter.release();
  expect([counter.value, meter.total()]).toEqual([895n, 105n]);
});

describe('a meter that is drawn from a budget too', () => {
  test('is over once that has run short, until a call begins that is no part of another', () => {
    const { meter, use } = metered(undefined);
    meter.beginCall([new GasBudget(5)], false);
    use(5n);
    expect([meter.isOverdrawn(), meter.isOver]).toEqual([false, false]);
    use(1n);
    expect([meter.isOverdrawn(), meter.isOver]).toEqual([true, true]);
    meter.beginCall([], true);
    expect(meter.isOver).toBe(true);
    meter.beginCall([], false);
    expect(meter.isOver).toBe(false);
  });

  test('is over once the limit has refused something', () => {
    const { meter } = metered(10n);
    expect(meter.isOver).toBe(false);
    meter.outOfGas();
    expect(meter.isOver).toBe(true);
  });

  test.each([
    ['used up exactly', 10n, 'budget'],
    ['passed as well', 11n, 'sandbox'],
  ])('ends by the budget or by the limit: the limit is %s', (_, gas, scope) => {
    const { meter, use } = metered(10n);
    meter.beginCall([new GasBudget(5)], false);
    use(gas);
    meter.isOverdrawn();
    expect(meter.outOfGas().scope).toBe(scope);
    expect(meter.exhausted).toBe(scope === 'sandbox');
  });

  test('ends by the limit where that has refused something before', () => {
    const { meter, use } = metered(10n);
    meter.beginCall([new GasBudget(5)], false);
    meter.exhausted = true;
    use(6n);
    meter.isOverdrawn();
    expect(meter.outOfGas().scope).toBe('sandbox');
  });

  test('draws on one until that is ended', () => {
    const { meter, use } = metered(undefined);
    const budget = new GasBudget(100);
    use(10n);
    const end = meter.drawOn(budget);
    use(20n);
    end();
    use(40n);
    meter.isOverdrawn();
    expect(budget.used).toBe(30n);
  });

  test('has at hand what a host function has left of it', () => {
    const { meter, counter } = metered(undefined);
    const budget = new GasBudget(100);
    meter.beginCall([budget], false);
    expect(counter.value).toBe(100n);
    budget.charge(60);
    meter.resume();
    expect(counter.value).toBe(40n);
    meter.bar();
    for (const change of [() => meter.resume(), () => meter.beginCall([new GasBudget(7)], true)]) {
      change();
      expect([meter.isBarred, counter.value]).toEqual([true, BARRED_GAS]);
    }
    const alone = metered(undefined);
    alone.use(10n);
    alone.meter.resume();
    expect(alone.counter.value).toBe(MOST_AT_HAND - 10n);
  });
});

test('the host looks at its clock when it is asked to, whatever has been used', () => {
  const slices = slicesOf(50);
  const { meter } = metered(undefined, slices);
  meter.lookAtOnce();
  meter.lookAtOnce();
  expect(slices.looks).toBe(2);
});

test('figures are those of the count and the budget', () => {
  const { meter, use } = metered(500n);
  use(20n);
  meter.budget.take(700);
  meter.budget.give(300);
  expect(meter.figures()).toEqual({
    gasUsed: 20n,
    gasLimit: 500n,
    memoryBytes: 400,
    peakMemoryBytes: 700,
    memoryLimit: 1_000,
    stackLimit: 2_000,
    growthRefused: false,
  });
  expect(metered(undefined).meter.figures().gasLimit).toBeUndefined();
});
