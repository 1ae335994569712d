import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SETTLE_BELOW } from '../../interpreter/code/isa.ts';
import { Tank } from '../../interpreter/store/tank.ts';
import { GasBudget } from '../../wasm/gas-budget.ts';

/** Most that is put at hand at once: of gas, and of checkpoints where none is counted. */
const PORTION = 2 ** 18;
const CHECKPOINTS = 2 ** 14;
const GAS_OF_CHECKPOINT = PORTION / CHECKPOINTS;

/** Uses so much, of what is at hand and more. */
function use(tank: Tank, gas: number): void {
  tank.settle(tank.fill(false) - gas);
}

const slicesOf = (gas: number, isLeft = false) => {
  const onSlice = () => {
    slices.looks++;
    return isLeft;
  };
  const slices = { gas, looks: 0, onSlice };
  return slices;
};

describe('what is put at hand', () => {
  test.each<[string, Tank, number]>([
    ['a portion', new Tank(undefined, undefined), PORTION],
    ['a portion of checkpoints', new Tank(undefined, undefined, false), CHECKPOINTS],
    ['what the limit leaves', new Tank(1_000n, undefined), 1_000],
    ['what the slice leaves', new Tank(1_000n, slicesOf(50)), 50],
    ['a slice of checkpoints', new Tank(undefined, slicesOf(50), false), 50],
    ['nothing', new Tank(0n, undefined), 0],
    ['a portion below a limit beyond all numbers', new Tank(2n ** 80n, undefined), PORTION],
  ])('is %s', (_, tank, most) => {
    expect(tank.fill(false)).toBe(most);
    expect(tank.total()).toBe(0n);
  });

  test('is less than nothing where a mark has been passed', () => {
    const tank = new Tank(1_000n, undefined);
    use(tank, 1_200);
    expect(tank.fill(false)).toBe(-200);
    const slices = slicesOf(100);
    const sliced = new Tank(undefined, slices);
    use(sliced, 130);
    expect(sliced.fill(false)).toBe(-30);
  });

  test('is never so little that it would have to be settled at once', () => {
    const tank = new Tank(10n, undefined);
    use(tank, 3 * -SETTLE_BELOW);
    expect(tank.fill(false)).toBe(SETTLE_BELOW);
    tank.settle(SETTLE_BELOW - 5);
    expect(tank.total()).toBe(BigInt(3 * -SETTLE_BELOW + 5));
  });

  test('ends where the guest is to be left, if it may be', () => {
    const tank = new Tank(1_000n, undefined);
    use(tank, 100);
    tank.stopAt = 350n;
    expect(tank.fill(true)).toBe(250);
    tank.settle(250);
    expect(tank.fill(false)).toBe(900);
    tank.settle(900);
    tank.stopAt = 2_000n;
    expect(tank.fill(true)).toBe(900);
  });

  test('counts once, however often it is settled', () => {
    const tank = new Tank(undefined, undefined);
    const portion = tank.fill(false);
    tank.settle(portion - 70);
    expect(tank.total()).toBe(70n);
    tank.settle(0);
    expect(tank.total()).toBe(70n);
  });
});

describe('the guest is due', () => {
  test('beyond the count at which it is to be left', () => {
    const tank = new Tank(undefined, undefined);
    use(tank, 10);
    expect(tank.isDue).toBe(false);
    expect([9n, 10n, 11n].map((stopAt) => Object.assign(tank, { stopAt }).isDue)).toEqual([true, false, false]);
  });

  test('where the host says so at the end of a slice, and not before', () => {
    const slices = slicesOf(100, true);
    const tank = new Tank(undefined, slices);
    use(tank, 99);
    tank.tick();
    expect([slices.looks, tank.isDue]).toEqual([0, false]);
    use(tank, 1);
    tank.tick();
    expect([slices.looks, tank.isDue, tank.stopAt]).toEqual([1, true, -1n]);
    // It was a whole slice that began.
    tank.stopAt = undefined;
    expect(tank.fill(true)).toBe(100);
  });

  test('not where the host has nothing against going on', () => {
    const slices = slicesOf(100);
    const tank = new Tank(undefined, slices);
    use(tank, 150);
    tank.tick();
    expect([slices.looks, tank.isDue, tank.stopAt]).toEqual([1, false, undefined]);
  });

  test('never where no host looks', () => {
    const tank = new Tank(undefined, undefined);
    use(tank, 10);
    tank.tick();
    expect([tank.look(), tank.stopAt]).toEqual([false, undefined]);
  });

  test.each([true, false])('when the host looks for another reason: %s', (isLeft) => {
    const slices = slicesOf(100, isLeft);
    const tank = new Tank(undefined, slices);
    expect([tank.look(), slices.looks, tank.stopAt]).toEqual([isLeft, 1, undefined]);
  });
});

describe('a charge', () => {
  test.each([0, 1, 999, 1_000])('of %i is within a limit of 1,000', (cost) => {
    for (const charge of [(tank: Tank) => tank.charge(cost), (tank: Tank) => tank.chargeLarge(BigInt(cost))]) {
      const tank = new Tank(1_000n, undefined);
      expect([charge(tank), tank.total(), tank.isOverdrawn()]).toEqual([true, BigInt(cost), false]);
      expect(tank.fill(false)).toBe(1_000 - cost);
    }
  });

  test('beyond the limit counts nothing, and brings no slice nearer', () => {
    for (const charge of [(tank: Tank) => tank.charge(901), (tank: Tank) => tank.chargeLarge(901n)]) {
      const tank = new Tank(1_000n, slicesOf(500));
      use(tank, 100);
      expect([charge(tank), tank.total(), tank.isOverdrawn()]).toEqual([false, 100n, false]);
      expect(tank.fill(false)).toBe(400);
    }
  });

  test('brings the next look at the clock nearer', () => {
    for (const charge of [(tank: Tank) => tank.charge(300), (tank: Tank) => tank.chargeLarge(300n)]) {
      const tank = new Tank(undefined, slicesOf(500));
      charge(tank);
      expect(tank.fill(false)).toBe(200);
    }
  });

  test('without a count brings it nearer by as many checkpoints', () => {
    const tank = new Tank(undefined, slicesOf(500), false);
    expect([tank.charge(3 * GAS_OF_CHECKPOINT + 1), tank.total()]).toEqual([true, 0n]);
    expect(tank.fill(false)).toBe(500 - 4);
    // What an instance costs is no work of the guest's.
    expect([tank.chargeLarge(1_000n), tank.total(), tank.fill(false)]).toEqual([true, 0n, 500 - 4]);
    tank.settle(100);
    expect([tank.total(), tank.fill(false)]).toEqual([0n, 100]);
  });
});

test('a count that is taken over forgets what was before', () => {
  for (const gas of [50, undefined]) {
    const tank = new Tank(1_000n, gas === undefined ? undefined : slicesOf(gas));
    use(tank, 40);
    tank.fill(false);
    tank.stopAt = 3n;
    tank.restore(700n, true);
    expect([tank.total(), tank.exhausted, tank.stopAt]).toEqual([700n, true, undefined]);
    expect(tank.fill(true)).toBe(gas ?? 300);
    tank.settle(0);
    tank.restore(0n, false);
    tank.settle(0);
    expect([tank.total(), tank.exhausted, tank.fill(true)]).toEqual([0n, false, gas ?? 1_000]);
  }
});

describe('far beyond what a number counts exactly', () => {
  // A guest gets there in portions; here it is in few steps.
  test.each([2n ** 52n, 2n ** 53n, 2n ** 60n])('%i and some more', (far) => {
    for (const more of [-1n, 0n, 1n, 3n]) {
      const limit = far + more;
      const tank = new Tank(limit, undefined);
      expect(tank.chargeLarge(far - 2n ** 52n)).toBe(true);
      use(tank, 2 ** 51);
      use(tank, 2 ** 51);
      expect([tank.total(), tank.isOverdrawn(), tank.fill(false)]).toEqual([far, more < 0n, Number(more)]);
      tank.settle(0);
      expect([tank.total(), tank.isOverdrawn()]).toEqual([limit, false]);
      expect([tank.charge(0), tank.charge(1), tank.total()]).toEqual([true, false, limit]);
      use(tank, 1);
      expect([tank.total(), tank.isOverdrawn()]).toEqual([limit + 1n, true]);
    }
  });

  test('there are whole portions still, and no limit where there is none', () => {
    const tank = new Tank(undefined, undefined);
    for (let i = 0; i < 9; i++) use(tank, 2 ** 51);
    expect([tank.isOverdrawn(), tank.fill(false), tank.total()]).toEqual([false, PORTION, 9n * 2n ** 51n]);
    const other = new Tank(undefined, undefined);
    use(other, 2 ** 52 + 1);
    expect([other.isOverdrawn(), other.fill(false), other.total()]).toEqual([false, PORTION, 2n ** 52n + 1n]);
  });
});

test('any course of fillings and charges counts what was used, and stops at the limit', () => {
  const amount = fc.oneof(
    fc.nat(2_000),
    fc.nat(2 ** 19),
    fc.constantFrom(2 ** 31, 2 ** 51, 2 ** 52 - 1, 2 ** 52, 2 ** 52 + 1),
  );
  const step = fc.record({ how: fc.constantFrom('use', 'charge', 'large', 'tick'), amount });
  const limits = fc.option(fc.oneof(fc.nat(5_000), fc.nat(2 ** 20), fc.maxSafeNat()), { nil: undefined });
  fc.assert(
    fc.property(limits, fc.option(fc.nat(5_000), { nil: undefined }), fc.array(step), (limit, slice, steps) => {
      const slices = slice === undefined ? undefined : slicesOf(slice);
      const most = limit === undefined ? undefined : BigInt(limit);
      const tank = new Tank(most, slices);
      let total = 0n;
      let left = slice ?? Number.POSITIVE_INFINITY;
      for (const { how, amount: given } of steps) {
        const cost = BigInt(given);
        if (how === 'use') {
          const portion = tank.fill(false);
          const rest = most === undefined ? Number.POSITIVE_INFINITY : Number(most - total);
          expect(portion).toBe(Math.max(SETTLE_BELOW, Math.min(rest, left, PORTION)));
          tank.settle(portion - given);
          total += cost;
          left -= given;
        } else if (how === 'tick') {
          const looks = slices?.looks;
          tank.tick();
          expect(slices?.looks).toBe(slices && (looks as number) + (left > 0 ? 0 : 1));
          if (left <= 0) left = slice as number;
        } else {
          const isPaid = how === 'charge' ? tank.charge(given) : tank.chargeLarge(cost);
          expect(isPaid).toBe(most === undefined || total + cost <= most);
          if (!isPaid) continue;
          total += cost;
          left -= given;
        }
        expect([tank.total(), tank.isOverdrawn()]).toEqual([total, most !== undefined && total > most]);
      }
    }),
    { numRuns: 300 },
  );
});

describe('a tank that is drawn from a budget too', () => {
  const drawing = (limit: bigint | undefined, units: number) => {
    const tank = new Tank(limit, undefined);
    tank.draws.add([new GasBudget(units)]);
    return tank;
  };

  test('is over once that has run short, until another call begins', () => {
    const tank = drawing(undefined, 5);
    use(tank, 5);
    expect(tank.isOver).toBe(false);
    use(tank, 1);
    expect(tank.isOver).toBe(true);
    tank.draws.begin();
    expect(tank.isOver).toBe(false);
  });

  test('is over once the limit has refused something', () => {
    const tank = new Tank(10n, undefined);
    expect(tank.isOver).toBe(false);
    tank.outOfGas();
    expect(tank.isOver).toBe(true);
  });

  test.each([
    ['used up exactly', 10, 'budget'],
    ['passed as well', 11, 'sandbox'],
  ])('ends by the budget or by the limit: the limit is %s', (_, gas, scope) => {
    const tank = drawing(10n, 5);
    use(tank, gas);
    expect(tank.outOfGas().scope).toBe(scope);
    expect(tank.exhausted).toBe(scope === 'sandbox');
  });

  test('ends by the limit where that has refused something before', () => {
    const tank = drawing(10n, 5);
    tank.exhausted = true;
    use(tank, 6);
    expect(tank.outOfGas().scope).toBe('sandbox');
  });
});
